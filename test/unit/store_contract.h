/*
 * What every store must do (daemon/ports.h), run against each of them: the memory store in the unit tests, Redis in
 * test/integration. The program that includes this gives contract_open() and contract_close(), and puts
 * STORE_CONTRACT_CASES into its table.
 */
#ifndef OUTLIERD_STORE_CONTRACT_H
#define OUTLIERD_STORE_CONTRACT_H

#include "rng.h"
#include "test/unit/store_helpers.h"

/** An empty store, opened. */
static struct store contract_open(void);
/** Ends it. */
static void contract_close(struct store *store);

static struct contract contract_begin(void)
{
	return (struct contract){.store = contract_open(), .arena = arena_new(CONTRACT_ARENA_BYTES)};
}

static void contract_end(struct contract *contract)
{
	EXPECT_TEXT(contract->err.message, "");
	contract_close(&contract->store);
	arena_free(contract->arena);
}

TEST(a_new_store_is_empty)
{
	struct contract contract = contract_begin();
	EXPECT(is_marked(&contract, 0, NONE));
	EXPECT(holds(&contract, 0, TEXT("card"), NONE));
	contract_end(&contract);
}

TEST(reads_what_it_wrote)
{
	struct contract contract = contract_begin();
	struct state_record first[] = {{TEXT("a"), TEXT("one")}, {TEXT("b"), TEXT("two")}};
	EXPECT_INT(write_records(&contract, 3, NONE, TEXT("m1"), first, 2), STORE_WRITTEN);
	struct state_record second[] = {{TEXT("b"), TEXT("longer than two")}, {TEXT("c"), TEXT("3")}};
	EXPECT_INT(write_records(&contract, 3, TEXT("m1"), TEXT("m2"), second, 2), STORE_WRITTEN);

	struct state_record all[] = {{TEXT("c"), NONE}, {TEXT("a"), NONE}, {TEXT("d"), NONE}, {TEXT("b"), NONE}};
	EXPECT(same_slice(read_records(&contract, 3, all, 4), TEXT("m2")));
	EXPECT(same_slice(all[0].value, TEXT("3")));
	EXPECT(same_slice(all[1].value, TEXT("one")));
	EXPECT(same_slice(all[2].value, NONE));
	EXPECT(same_slice(all[3].value, TEXT("longer than two")));
	contract_end(&contract);
}

TEST(another_marker_than_expected_is_a_conflict_and_changes_nothing)
{
	struct contract contract = contract_begin();
	struct state_record record = {TEXT("a"), TEXT("new")};
	EXPECT_INT(write_records(&contract, 0, TEXT("m1"), TEXT("m2"), &record, 1), STORE_CONFLICT);
	EXPECT(is_marked(&contract, 0, NONE));
	EXPECT(holds(&contract, 0, TEXT("a"), NONE));

	struct state_record old = {TEXT("a"), TEXT("old")};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m5"), &old, 1), STORE_WRITTEN);
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m6"), &record, 1), STORE_CONFLICT);
	EXPECT_INT(write_records(&contract, 0, TEXT("m"), TEXT("m6"), &record, 1), STORE_CONFLICT);
	EXPECT_INT(write_records(&contract, 0, TEXT("m55"), TEXT("m6"), &record, 1), STORE_CONFLICT);
	EXPECT(is_marked(&contract, 0, TEXT("m5")));
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("old")));
	contract_end(&contract);
}

TEST(a_write_that_was_acknowledged_conflicts_when_repeated)
{
	struct contract contract = contract_begin();
	struct state_record record = {TEXT("a"), TEXT("v")};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), &record, 1), STORE_WRITTEN);
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), &record, 1), STORE_CONFLICT);
	contract_end(&contract);
}

TEST(a_marker_may_stay_as_it_is)
{
	struct contract contract = contract_begin();
	struct state_record record = {TEXT("a"), TEXT("v")};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), NULL, 0), STORE_WRITTEN);
	EXPECT_INT(write_records(&contract, 0, TEXT("m1"), TEXT("m1"), &record, 1), STORE_WRITTEN);
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("v")));
	contract_end(&contract);
}

TEST(deletes_records)
{
	struct contract contract = contract_begin();
	struct state_record before[] = {{TEXT("a"), TEXT("1")}, {TEXT("b"), TEXT("2")}};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), before, 2), STORE_WRITTEN);
	struct state_record after[] = {{TEXT("a"), NONE}, {TEXT("never there"), NONE}};
	EXPECT_INT(write_records(&contract, 0, TEXT("m1"), TEXT("m2"), after, 2), STORE_WRITTEN);
	EXPECT(holds(&contract, 0, TEXT("a"), NONE));
	EXPECT(holds(&contract, 0, TEXT("b"), TEXT("2")));
	EXPECT(holds(&contract, 0, TEXT("never there"), NONE));
	struct state_record again = {TEXT("a"), TEXT("back")};
	EXPECT_INT(write_records(&contract, 0, TEXT("m2"), TEXT("m3"), &again, 1), STORE_WRITTEN);
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("back")));
	contract_end(&contract);
}

TEST(an_empty_record_is_not_an_absent_one)
{
	struct contract contract = contract_begin();
	struct state_record record = {TEXT("a"), TEXT("")};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m"), &record, 1), STORE_WRITTEN);
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("")));
	contract_end(&contract);
}

TEST(partitions_share_nothing)
{
	struct contract contract = contract_begin();
	for (int32_t partition = 0; partition < 12; partition++) {
		char text[16];
		int length = snprintf(text, sizeof text, "%d", (int)partition);
		struct slice own = {text, (size_t)length};
		struct state_record record = {TEXT("same"), own};
		EXPECT_INT(write_records(&contract, partition, NONE, own, &record, 1), STORE_WRITTEN);
	}
	EXPECT(is_marked(&contract, 1, TEXT("1")) && holds(&contract, 1, TEXT("same"), TEXT("1")));
	EXPECT(is_marked(&contract, 10, TEXT("10")) && holds(&contract, 10, TEXT("same"), TEXT("10")));
	EXPECT(is_marked(&contract, 12, NONE) && holds(&contract, 12, TEXT("same"), NONE));
	contract_end(&contract);
}

TEST(no_entity_is_taken_for_the_marker)
{
	struct contract contract = contract_begin();
	struct state_record records[] = {{TEXT("m"), TEXT("1")}, {TEXT(":m"), TEXT("2")}, {TEXT("e:m"), TEXT("3")}};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("marker"), records, 3), STORE_WRITTEN);
	EXPECT(is_marked(&contract, 0, TEXT("marker")));
	EXPECT(holds(&contract, 0, TEXT("m"), TEXT("1")));
	EXPECT(holds(&contract, 0, TEXT(":m"), TEXT("2")));
	EXPECT(holds(&contract, 0, TEXT("e:m"), TEXT("3")));
	contract_end(&contract);
}

TEST(any_bytes_of_any_length_may_be_an_entity)
{
	enum { LENGTHS = 256 };
	struct contract contract = contract_begin();
	static uint8_t entities[LENGTHS][LENGTHS];
	struct state_record records[LENGTHS], read[LENGTHS];
	for (size_t i = 0; i < LENGTHS; i++) {
		/* Entity i has i + 1 bytes and begins with byte i: lengths and first bytes all differ. */
		for (size_t j = 0; j <= i; j++)
			entities[i][j] = (uint8_t)(i + j * 7);
		records[i] = (struct state_record){{entities[i], i + 1}, {entities[i], i + 1}};
		read[i] = (struct state_record){records[i].entity, NONE};
	}
	struct slice marker = {entities[LENGTHS - 1], LENGTHS};
	EXPECT_INT(write_records(&contract, 0, NONE, marker, records, LENGTHS), STORE_WRITTEN);
	EXPECT(same_slice(read_records(&contract, 0, read, LENGTHS), marker));
	size_t wrong = 0;
	for (size_t i = 0; i < LENGTHS; i++)
		wrong += !same_slice(read[i].value, records[i].value);
	EXPECT_INT(wrong, 0);
	EXPECT_INT(write_records(&contract, 0, marker, TEXT("a\r\n\0b"), NULL, 0), STORE_WRITTEN);
	EXPECT(is_marked(&contract, 0, TEXT("a\r\n\0b")));
	contract_end(&contract);
}

TEST(many_records_are_written_and_read_at_once)
{
	enum { RECORDS = 5000, READS = 6001 };
	struct contract contract = contract_begin();
	static char names[READS][32];
	static struct state_record records[READS];
	for (size_t i = 0; i < READS; i++) {
		int length = snprintf(names[i], sizeof names[i], "entity-%zu", i);
		records[i] = (struct state_record){{names[i], (size_t)length}, {names[i] + 3, (size_t)length - 3}};
	}
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), records, RECORDS), STORE_WRITTEN);
	/* The edges of the parts in which a store may read. */
	const size_t counts[] = {1, 999, 1000, 1001, 2000, 2001, READS};
	for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		size_t wrong = 0;
		for (size_t i = 0; i < counts[c]; i++)
			records[i].value = TEXT("never read");
		EXPECT(same_slice(read_records(&contract, 0, records, counts[c]), TEXT("m1")));
		for (size_t i = 0; i < counts[c]; i++) {
			struct slice wanted = {names[i] + 3, strlen(names[i]) - 3};
			wrong += !same_slice(records[i].value, i < RECORDS ? wanted : NONE);
		}
		EXPECT_INT(wrong, 0);
	}
	contract_end(&contract);
}

TEST(large_records_come_back_whole)
{
	enum { RECORDS = 8, BYTES = 1 << 20 };
	struct contract contract = contract_begin();
	static uint8_t bytes[RECORDS][BYTES];
	static const char names[RECORDS + 1] = "abcdefgh";
	struct state_record records[RECORDS], read[RECORDS];
	struct rng rng;
	rng_seed(&rng, 1);
	for (size_t i = 0; i < RECORDS; i++) {
		for (size_t j = 0; j < BYTES; j++)
			bytes[i][j] = (uint8_t)rng_next(&rng);
		records[i] = (struct state_record){{names + i, 1}, {bytes[i], BYTES - i}};
		read[i] = (struct state_record){{names + i, 1}, NONE};
	}
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), records, RECORDS), STORE_WRITTEN);
	EXPECT(same_slice(read_records(&contract, 0, read, RECORDS), TEXT("m1")));
	for (size_t i = 0; i < RECORDS; i++)
		EXPECT(same_slice(read[i].value, records[i].value));
	contract_end(&contract);
}

TEST(a_read_beyond_the_arena_is_an_error_and_no_more)
{
	struct contract contract = contract_begin();
	static uint8_t bytes[100000];
	struct state_record record = {TEXT("a"), {bytes, sizeof bytes}};
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), &record, 1), STORE_WRITTEN);
	struct arena *small = arena_new(50000);
	struct slice marker;
	struct err err = {0};
	struct store *store = &contract.store;
	EXPECT_INT(store->read(store->self, 0, &marker, &record, 1, small, &err), -1);
	EXPECT_INT(err.code, ERR_MEMORY);
	EXPECT(strstr(err.message, "the records read do not fit into the memory of a batch") != NULL);
	arena_free(small);
	EXPECT(holds(&contract, 0, TEXT("a"), (struct slice){bytes, sizeof bytes}));
	contract_end(&contract);
}

/* The naive twin: an array. */
enum { TWIN_PARTITIONS = 2, TWIN_ENTITIES = 12, TWIN_STEPS = 400, TWIN_BYTES = 40 };

struct twin {
	bool present;
	uint8_t bytes[TWIN_BYTES];
	size_t length;
};

static size_t random_records(struct rng *rng, uint8_t values[][TWIN_BYTES], const char (*names)[16],
			     struct state_record *records)
{
	size_t count = 0;
	for (size_t e = 0; e < TWIN_ENTITIES; e++) {
		if (rng_below(rng, 3) != 0)
			continue;
		size_t length = rng_below(rng, TWIN_BYTES + 1);
		for (size_t i = 0; i < length; i++)
			values[e][i] = (uint8_t)rng_next(rng);
		bool deleted = rng_below(rng, 4) == 0;
		records[count++] =
		    (struct state_record){slice_of(names[e]), deleted ? NONE : (struct slice){values[e], length}};
	}
	return count;
}

TEST(random_writes_and_reads_agree_with_an_array)
{
	struct contract contract = contract_begin();
	static struct twin twins[TWIN_PARTITIONS][TWIN_ENTITIES];
	memset(twins, 0, sizeof twins);
	int version[TWIN_PARTITIONS] = {0};
	char names[TWIN_ENTITIES][16];
	for (int e = 0; e < TWIN_ENTITIES; e++)
		snprintf(names[e], sizeof names[e], "e%d", e);
	struct rng rng;
	rng_seed(&rng, 20261122);
	size_t wrong = 0, conflicts = 0;
	for (int step = 0; step < TWIN_STEPS; step++) {
		uint8_t values[TWIN_ENTITIES][TWIN_BYTES];
		struct state_record records[TWIN_ENTITIES];
		size_t p = rng_below(&rng, TWIN_PARTITIONS);
		size_t count = random_records(&rng, values, (const char(*)[16])names, records);
		bool stale = rng_below(&rng, 5) == 0 && version[p] > 0;
		char old[16], new[16];
		snprintf(old, sizeof old, "m%d", version[p] - stale);
		snprintf(new, sizeof new, "m%d", version[p] + 1);
		struct slice expected = version[p] - stale == 0 ? NONE : slice_of(old);
		enum store_write result = write_records(&contract, (int32_t)p, expected, slice_of(new), records, count);
		wrong += result != (stale ? STORE_CONFLICT : STORE_WRITTEN);
		conflicts += stale;
		for (size_t i = 0; i < count && !stale; i++) {
			struct twin *twin = &twins[p][atoi((const char *)records[i].entity.data + 1)];
			twin->present = records[i].value.data != NULL;
			twin->length = records[i].value.length;
			if (twin->present)
				memcpy(twin->bytes, records[i].value.data, twin->length);
		}
		version[p] += !stale;

		struct state_record read[TWIN_ENTITIES];
		for (size_t e = 0; e < TWIN_ENTITIES; e++)
			read[e] = (struct state_record){slice_of(names[e]), TEXT("never read")};
		snprintf(new, sizeof new, "m%d", version[p]);
		struct slice marker = read_records(&contract, (int32_t)p, read, TWIN_ENTITIES);
		wrong += !same_slice(marker, version[p] == 0 ? NONE : slice_of(new));
		for (size_t e = 0; e < TWIN_ENTITIES; e++) {
			const struct twin *twin = &twins[p][e];
			struct slice wanted = {twin->bytes, twin->length};
			wrong += !same_slice(read[e].value, twin->present ? wanted : NONE);
		}
		arena_reset(contract.arena);
	}
	EXPECT_INT(wrong, 0);
	EXPECT(conflicts > TWIN_STEPS / 10);
	contract_end(&contract);
}

#define STORE_CONTRACT_CASES                                                                                           \
	CASE(a_new_store_is_empty), CASE(reads_what_it_wrote),                                                         \
	    CASE(another_marker_than_expected_is_a_conflict_and_changes_nothing),                                      \
	    CASE(a_write_that_was_acknowledged_conflicts_when_repeated), CASE(a_marker_may_stay_as_it_is),             \
	    CASE(deletes_records), CASE(an_empty_record_is_not_an_absent_one), CASE(partitions_share_nothing),         \
	    CASE(no_entity_is_taken_for_the_marker), CASE(any_bytes_of_any_length_may_be_an_entity),                   \
	    CASE(many_records_are_written_and_read_at_once), CASE(large_records_come_back_whole),                      \
	    CASE(a_read_beyond_the_arena_is_an_error_and_no_more), CASE(random_writes_and_reads_agree_with_an_array)

#endif
