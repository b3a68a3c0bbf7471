/* Writing to and reading from a store under test, with the expectations that go with every call. */
#ifndef OUTLIERD_STORE_HELPERS_H
#define OUTLIERD_STORE_HELPERS_H

#include "daemon/ports.h"
#include "test/unit/test.h"

#define CONTRACT_ARENA_BYTES ((size_t)256 << 20)
#define NONE ((struct slice){NULL, 0})
#define TEXT(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* Fixture of one test. */
struct contract {
	struct store store;
	struct arena *arena;
	struct err err;
};

static inline enum store_write write_records(struct contract *contract, int32_t partition, struct slice expected,
					     struct slice marker, const struct state_record *records, size_t count)
{
	enum store_write result = STORE_CONFLICT;
	struct store *store = &contract->store;
	EXPECT_INT(store->write(store->self, partition, expected, marker, records, count, &result, &contract->err), 0);
	return result;
}

static inline struct slice read_records(struct contract *contract, int32_t partition, struct state_record *records,
					size_t count)
{
	struct slice marker = TEXT("never read");
	struct store *store = &contract->store;
	EXPECT_INT(store->read(store->self, partition, &marker, records, count, contract->arena, &contract->err), 0);
	return marker;
}

static inline bool same_slice(struct slice a, struct slice b)
{
	return (a.data == NULL) == (b.data == NULL) && slice_equal(a, b);
}

static inline bool holds(struct contract *contract, int32_t partition, struct slice entity, struct slice value)
{
	struct state_record record = {entity, TEXT("never read")};
	(void)read_records(contract, partition, &record, 1);
	return same_slice(record.value, value);
}

static inline bool is_marked(struct contract *contract, int32_t partition, struct slice marker)
{
	return same_slice(read_records(contract, partition, NULL, 0), marker);
}

#endif
