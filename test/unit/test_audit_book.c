/* The book of an audit: what is told, counted and let pass. */
#include "buffer.h"
#include "daemon/cmd/audit_book.h"
#include "test/unit/test.h"

#include <inttypes.h>

struct book_world {
	struct audit_book *book;
	struct audit_span spans[2];
	struct audit_result result;
	struct buffer told;
	struct err err;
};

static void world_begin(struct book_world *world)
{
	*world = (struct book_world){.spans = {{0, 0, 100}, {0, 0, 100}}};
	world->book = audit_book_new();
	buffer_init(&world->told);
}

/* A message of a record is its coordinates and a version: version 0 is what the record gives. */
static void digest_of(enum audit_kind kind, int32_t partition, int64_t offset, int version,
		      uint8_t digest[AUDIT_DIGEST_BYTES])
{
	char value[64];
	snprintf(value, sizeof value, "%" PRId32 ":%" PRId64 ":%d", partition, offset, version);
	audit_digest(kind, slice_of("key"), slice_of(value), NULL, 0, digest);
}

static void expect_message(struct book_world *world, enum audit_kind kind, int32_t partition, int64_t offset)
{
	uint8_t digest[AUDIT_DIGEST_BYTES];
	digest_of(kind, partition, offset, 0, digest);
	EXPECT_INT(audit_book_expect(world->book, kind, partition, offset, digest, &world->err), 0);
}

static void find_message(struct book_world *world, enum audit_kind kind, struct audit_claim claim, int version)
{
	uint8_t digest[AUDIT_DIGEST_BYTES];
	int32_t partition = -1;
	int64_t offset = -1;
	digest_of(kind, claim.partition, claim.offset, version, digest);
	if (audit_book_found(world->book, digest, &partition, &offset)) {
		EXPECT_INT(partition, claim.partition);
		EXPECT_INT(offset, claim.offset);
	} else {
		EXPECT_INT(audit_book_stranger(world->book, kind, &claim, 7, 70 + claim.offset, &world->err), 0);
	}
}

static struct audit_claim of_record(int32_t partition, int64_t offset)
{
	return (struct audit_claim){.readable = true, .ours = true, .partition = partition, .offset = offset};
}

static void tell(void *context, int32_t partition, int64_t offset, const char *what)
{
	buffer_add_format(context, "%" PRId32 ":%" PRId64 " %s\n", partition, offset, what);
}

static void world_end(struct book_world *world, const char *told, uint64_t unverified, uint64_t outside)
{
	audit_book_settle(world->book, world->spans, 2, tell, &world->told, &world->result);
	buffer_add_byte(&world->told, 0);
	EXPECT_TEXT((const char *)world->told.data, told);
	uint64_t lines = 0;
	for (const char *at = told; *at != '\0'; at++)
		lines += *at == '\n';
	EXPECT_INT(world->result.differences, lines);
	EXPECT_INT(world->result.unverified, unverified);
	EXPECT_INT(world->result.outside, outside);
	EXPECT_TEXT(world->err.message, "");
	audit_book_free(world->book);
	buffer_free(&world->told);
}

TEST(what_is_expected_and_found_once_is_equal)
{
	enum { MESSAGES = 6000 }; /* so that the table grows */
	struct book_world world;
	world_begin(&world);
	world.spans[0].to = MESSAGES;
	for (int i = 0; i < MESSAGES; i++)
		expect_message(&world, (enum audit_kind)(i % AUDIT_KINDS), 0, i);
	for (int i = MESSAGES - 1; i >= 0; i--)
		find_message(&world, (enum audit_kind)(i % AUDIT_KINDS), of_record(0, i), 0);
	world_end(&world, "", 0, 0);
	for (int kind = 0; kind < AUDIT_KINDS; kind++)
		EXPECT_INT(world.result.matched[kind], MESSAGES / AUDIT_KINDS);
}

TEST(differences_are_told_by_record)
{
	struct book_world world;
	world_begin(&world);
	expect_message(&world, AUDIT_DEAD, 1, 3);
	expect_message(&world, AUDIT_ALERT, 0, 20);
	expect_message(&world, AUDIT_DECISION, 0, 20);
	expect_message(&world, AUDIT_ALERT, 0, 10);
	find_message(&world, AUDIT_ALERT, of_record(0, 10), 0);
	find_message(&world, AUDIT_ALERT, of_record(0, 10), 0);
	find_message(&world, AUDIT_ALERT, of_record(0, 20), 1);
	find_message(&world, AUDIT_LATE, of_record(1, 3), 0);
	find_message(&world, AUDIT_ALERT, (struct audit_claim){.partition = 0, .offset = 99}, 0);
	world_end(&world,
		  "-1:-1 alert that cannot be read, at offset 169 of partition 7 of its topic\n"
		  "0:10 one alert too many, at offset 80 of partition 7 of its topic\n"
		  "0:20 its alert is another one, at offset 90 of partition 7 of its topic\n"
		  "0:20 its decision is missing\n"
		  "1:3 one late letter too many, at offset 73 of partition 7 of its topic\n"
		  "1:3 its dead letter is missing\n",
		  0, 0);
}

TEST(what_is_not_audited_is_let_pass)
{
	struct book_world world;
	world_begin(&world);
	world.spans[1].from = 50;
	expect_message(&world, AUDIT_DEAD, 1, 49); /* read before it was known where the state begins */
	find_message(&world, AUDIT_ALERT, of_record(0, 100), 0);
	find_message(&world, AUDIT_ALERT, of_record(1, 49), 0);
	find_message(&world, AUDIT_ALERT, of_record(2, 0), 0);
	struct audit_claim foreign = of_record(0, 5);
	foreign.ours = false;
	find_message(&world, AUDIT_ALERT, foreign, 0);
	world_end(&world, "", 0, 4);
}

TEST(what_another_model_decided_is_counted_but_decisions_must_be_there)
{
	struct book_world world;
	world_begin(&world);
	struct audit_claim other = of_record(0, 30);
	other.other_rules = true;
	expect_message(&world, AUDIT_DECISION, 0, 30);
	expect_message(&world, AUDIT_DECISION, 0, 20);
	expect_message(&world, AUDIT_ALERT, 0, 20);
	expect_message(&world, AUDIT_LATE, 0, 21);
	expect_message(&world, AUDIT_ALERT, 0, 31);
	find_message(&world, AUDIT_DECISION, other, 1);
	world_end(&world,
		  "0:20 its decision is missing\n"
		  "0:21 its late letter is missing\n"
		  "0:31 its alert is missing\n",
		  2, 0);
}

TEST(what_lacks_history_or_was_deleted_is_counted)
{
	struct book_world world;
	world_begin(&world);
	world.spans[0].whole = 50;
	expect_message(&world, AUDIT_DECISION, 0, 49);
	expect_message(&world, AUDIT_DECISION, 0, 50);
	expect_message(&world, AUDIT_ALERT, 1, 10);
	expect_message(&world, AUDIT_ALERT, 1, 11);
	expect_message(&world, AUDIT_DECISION, 1, 10);
	find_message(&world, AUDIT_ALERT, of_record(0, 48), 1);
	EXPECT_INT(audit_book_deleted(world.book, AUDIT_ALERT, 1, 11, &world.err), 0);
	world_end(&world,
		  "0:50 its decision is missing\n"
		  "1:10 its decision is missing\n"
		  "1:11 its alert is missing\n",
		  3, 0);
}

TEST(digests_tell_null_from_empty_and_parts_apart)
{
	uint8_t one[AUDIT_DIGEST_BYTES], other[AUDIT_DIGEST_BYTES];
	struct slice null = {NULL, 0}, empty = {"", 0};
	audit_digest(AUDIT_LATE, null, empty, NULL, 0, one);
	audit_digest(AUDIT_LATE, empty, null, NULL, 0, other);
	EXPECT(memcmp(one, other, sizeof one) != 0);
	audit_digest(AUDIT_DEAD, null, empty, NULL, 0, other);
	EXPECT(memcmp(one, other, sizeof one) != 0);
	struct header header = {"a", {"b", 1}}, split = {"ab", {"", 0}};
	audit_digest(AUDIT_LATE, null, empty, &header, 1, one);
	audit_digest(AUDIT_LATE, null, empty, &split, 1, other);
	EXPECT(memcmp(one, other, sizeof one) != 0);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(what_is_expected_and_found_once_is_equal),
					CASE(differences_are_told_by_record),
					CASE(what_is_not_audited_is_let_pass),
					CASE(what_another_model_decided_is_counted_but_decisions_must_be_there),
					CASE(what_lacks_history_or_was_deleted_is_counted),
					CASE(digests_tell_null_from_empty_and_parts_apart),
					{0}},
			argc, argv);
}
