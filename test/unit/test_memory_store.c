/* The memory store: the contract of all stores, and what it can do beyond it. */
#include "daemon/io/memory_store.h"

#include "test/unit/store_contract.h"

static struct memory_store *store_under_test;

static struct store contract_open(void)
{
	struct err err = {0};
	store_under_test = memory_store_new();
	struct store store = memory_store_port(store_under_test);
	EXPECT_INT(store.open(store.self, &err), 0);
	return store;
}

static void contract_close(struct store *store)
{
	store->close(store->self);
	memory_store_free(store_under_test);
}

static void write_one(struct contract *contract, struct slice expected, struct slice marker, struct slice value)
{
	struct state_record record = {TEXT("a"), value};
	EXPECT_INT(write_records(contract, 0, expected, marker, &record, 1), STORE_WRITTEN);
}

TEST(rolls_back_to_the_snapshot_again_and_again)
{
	struct contract contract = contract_begin();
	write_one(&contract, NONE, TEXT("m1"), TEXT("old"));
	EXPECT_INT(memory_store_snapshot(store_under_test), 0);
	for (int i = 0; i < 2; i++) {
		write_one(&contract, TEXT("m1"), TEXT("m2"), TEXT("new"));
		memory_store_rollback(store_under_test);
		EXPECT(is_marked(&contract, 0, TEXT("m1")));
		EXPECT(holds(&contract, 0, TEXT("a"), TEXT("old")));
	}
	contract_end(&contract);
}

TEST(a_snapshot_replaces_the_one_before)
{
	struct contract contract = contract_begin();
	memory_store_rollback(store_under_test);
	EXPECT(is_marked(&contract, 0, NONE));
	EXPECT_INT(memory_store_snapshot(store_under_test), 0);
	write_one(&contract, NONE, TEXT("m1"), TEXT("old"));
	EXPECT_INT(memory_store_snapshot(store_under_test), 0);
	memory_store_flush(store_under_test);
	memory_store_rollback(store_under_test);
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("old")));
	contract_end(&contract);
}

TEST(a_flush_forgets_everything)
{
	struct contract contract = contract_begin();
	write_one(&contract, NONE, TEXT("m1"), TEXT("old"));
	memory_store_flush(store_under_test);
	EXPECT(is_marked(&contract, 0, NONE));
	EXPECT(holds(&contract, 0, TEXT("a"), NONE));
	contract_end(&contract);
}

TEST(fails_as_often_as_asked_and_does_nothing)
{
	struct contract contract = contract_begin();
	struct store *store = &contract.store;
	struct err err = {0};
	enum store_write result;
	struct slice marker;
	memory_store_fail(store_under_test, 4);
	EXPECT_INT(store->write(store->self, 0, NONE, TEXT("m1"), NULL, 0, &result, &err), -1);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	EXPECT_INT(err.action, ERR_RETRY);
	EXPECT_TEXT(err.message, "memory store: a failure was asked for");
	EXPECT_INT(store->read(store->self, 0, &marker, NULL, 0, contract.arena, &err), -1);
	EXPECT_INT(store->check(store->self, &err), -1);
	EXPECT_INT(store->open(store->self, &err), -1);
	EXPECT(is_marked(&contract, 0, NONE));
	EXPECT_INT(store->check(store->self, &contract.err), 0);
	contract_end(&contract);
}

TEST(a_write_with_a_lost_reply_finds_itself_written)
{
	struct contract contract = contract_begin();
	struct store *store = &contract.store;
	struct err err = {0};
	enum store_write result;
	struct state_record record = {TEXT("a"), TEXT("v")};
	memory_store_lose_replies(store_under_test, 1);
	EXPECT_INT(store->write(store->self, 0, NONE, TEXT("m1"), &record, 1, &result, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	EXPECT_TEXT(err.message, "memory store: the loss of a reply was asked for");
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("v")));
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), &record, 1), STORE_WRITTEN);
	EXPECT_INT(write_records(&contract, 0, NONE, TEXT("m1"), &record, 1), STORE_CONFLICT);

	/* Only that write: another expectation, or another marker, conflicts. */
	memory_store_lose_replies(store_under_test, 1);
	EXPECT_INT(store->write(store->self, 0, TEXT("m1"), TEXT("m2"), &record, 1, &result, &err), -1);
	EXPECT_INT(write_records(&contract, 0, TEXT("m0"), TEXT("m2"), &record, 1), STORE_CONFLICT);
	EXPECT_INT(write_records(&contract, 0, TEXT("m1"), TEXT("m2"), &record, 1), STORE_CONFLICT);
	contract_end(&contract);
}

TEST(a_write_without_memory_changes_nothing)
{
	struct contract contract = contract_begin();
	struct store *store = &contract.store;
	struct err err = {0};
	enum store_write result;
	write_one(&contract, NONE, TEXT("m1"), TEXT("old"));
	struct state_record records[] = {
	    {TEXT("a"), TEXT("much longer than before")}, {TEXT("b"), TEXT("new")}, {TEXT("c"), {"", SIZE_MAX - 1}}};
	EXPECT_INT(store->write(store->self, 0, TEXT("m1"), TEXT("m2"), records, 3, &result, &err), -1);
	EXPECT_INT(err.code, ERR_MEMORY);
	EXPECT(is_marked(&contract, 0, TEXT("m1")));
	EXPECT(holds(&contract, 0, TEXT("a"), TEXT("old")));
	EXPECT(holds(&contract, 0, TEXT("b"), NONE));
	contract_end(&contract);
}

static void collect(void *context, struct slice entity, struct slice value)
{
	char *text = context;
	size_t length = strlen(text);
	snprintf(text + length, 64 - length, "%.*s=%.*s ", (int)entity.length, (const char *)entity.data,
		 (int)value.length, (const char *)value.data);
}

TEST(visits_records_in_byte_order)
{
	struct contract contract = contract_begin();
	struct state_record records[] = {{TEXT("b"), TEXT("1")},    {TEXT("ab"), TEXT("2")},
					 {TEXT("a"), TEXT("3")},    {TEXT("gone"), TEXT("4")},
					 {TEXT("\xff"), TEXT("5")}, {TEXT("a\x01"), TEXT("6")}};
	EXPECT_INT(write_records(&contract, 7, NONE, TEXT("m1"), records, 6), STORE_WRITTEN);
	struct state_record gone = {TEXT("gone"), NONE};
	EXPECT_INT(write_records(&contract, 7, TEXT("m1"), TEXT("m2"), &gone, 1), STORE_WRITTEN);
	char text[64] = "";
	memory_store_visit(store_under_test, 7, collect, text);
	EXPECT_TEXT(text, "a=3 a\x01=6 ab=2 b=1 \xff=5 ");
	text[0] = '\0';
	memory_store_visit(store_under_test, 8, collect, text);
	EXPECT_TEXT(text, "");
	EXPECT(same_slice(memory_store_marker(store_under_test, 7), TEXT("m2")));
	EXPECT(same_slice(memory_store_marker(store_under_test, 8), NONE));
	contract_end(&contract);
}

TEST(deleted_and_new_records_in_turn_do_not_fill_the_table)
{
	struct contract contract = contract_begin();
	char name[16], old[16] = "", new[16];
	for (int i = 0; i < 3000; i++) {
		struct state_record records[2] = {{NONE, TEXT("v")}, {NONE, NONE}};
		char previous[16];
		snprintf(name, sizeof name, "%d", i);
		snprintf(previous, sizeof previous, "%d", i - 1);
		snprintf(new, sizeof new, "m%d", i);
		records[0].entity = slice_of(name);
		records[1].entity = slice_of(previous);
		EXPECT_INT(write_records(&contract, 0, i == 0 ? NONE : slice_of(old), slice_of(new), records, 2),
			   STORE_WRITTEN);
		snprintf(old, sizeof old, "%s", new);
	}
	char text[64] = "";
	memory_store_visit(store_under_test, 0, collect, text);
	EXPECT_TEXT(text, "2999=v ");
	contract_end(&contract);
}

TEST(evicted_records_are_gone_and_counted_until_the_next_server)
{
	struct contract contract = contract_begin();
	struct store *store = &contract.store;
	write_one(&contract, NONE, TEXT("m1"), TEXT("value"));
	struct store_server before = store->facts(store->self).server;
	EXPECT_INT(before.evicted, 0);
	memory_store_evict(store_under_test, 0, TEXT("a"));
	memory_store_evict(store_under_test, 7, TEXT("somebody else's"));
	EXPECT(holds(&contract, 0, TEXT("a"), NONE));
	EXPECT(is_marked(&contract, 0, TEXT("m1")));
	EXPECT_INT(store->facts(store->self).server.evicted, 2);
	EXPECT_TEXT(store->facts(store->self).server.id, before.id);
	memory_store_restart(store_under_test);
	EXPECT_INT(store->facts(store->self).server.evicted, 0);
	EXPECT(strcmp(store->facts(store->self).server.id, before.id) != 0);
	EXPECT(is_marked(&contract, 0, TEXT("m1")));
	contract_end(&contract);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){STORE_CONTRACT_CASES,
					CASE(rolls_back_to_the_snapshot_again_and_again),
					CASE(a_snapshot_replaces_the_one_before),
					CASE(a_flush_forgets_everything),
					CASE(fails_as_often_as_asked_and_does_nothing),
					CASE(a_write_with_a_lost_reply_finds_itself_written),
					CASE(a_write_without_memory_changes_nothing),
					CASE(visits_records_in_byte_order),
					CASE(deleted_and_new_records_in_turn_do_not_fill_the_table),
					CASE(evicted_records_are_gone_and_counted_until_the_next_server),
					{0}},
			argc, argv);
}
