#include "features_world.h"

#include "daemon/pipeline/entities.h"
#include "rng.h"

#define ENTRIES 5000

static const struct feature_options count_all[] = {{.name = "n", .operation = OPERATION_COUNT, .window_ms = 3600000}};

static struct entry *find(struct entities *entities, int number)
{
	char text[32];
	int length = snprintf(text, sizeof text, "entity-%d", number);
	struct slice name = {text, (size_t)length};
	return entities_make(entities, name, entities_hash(name));
}

TEST(entries_stay_where_they_are_while_others_come_and_go)
{
	struct entities *entities = entities_new();
	static struct entry *entries[ENTRIES];
	struct rng rng;
	rng_seed(&rng, 1);
	for (int i = 0; i < ENTRIES; i++)
		entries[i] = find(entities, i);
	for (int round = 0; round < 20000; round++) {
		int i = (int)rng_below(&rng, ENTRIES);
		if (entries[i] != NULL)
			entities_remove(entities, entries[i]);
		entries[i] = entries[i] != NULL ? NULL : find(entities, i);
	}
	size_t count = 0;
	for (int i = 0; i < ENTRIES; i++)
		count += entries[i] != NULL;
	EXPECT_INT(entities_count(entities), count);
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i] != NULL)
			EXPECT(find(entities, i) == entries[i]);
	EXPECT_INT(entities_count(entities), count);
	entities_clear(entities);
	EXPECT_INT(entities_count(entities), 0);
	EXPECT_INT(entities_bytes(entities), 0);
	entities_free(entities);
}

TEST(what_was_not_used_since_the_last_search_goes_first)
{
	struct entities *entities = entities_new();
	for (int i = 0; i < 1000; i++)
		(void)find(entities, i);
	size_t all = entities_bytes(entities);
	entities_trim(entities, all - 1); /* one goes; all are unused from here on */
	EXPECT_INT(entities_count(entities), 999);
	for (int i = 0; i < 500; i++)
		(void)find(entities, i);
	entities_trim(entities, entities_bytes(entities) - 400 * (all / 1000));
	size_t before = entities_count(entities);
	for (int i = 0; i < 500; i++)
		(void)find(entities, i);
	EXPECT_INT(entities_count(entities), before); /* all of those that were used again are still there */
	entities_trim(entities, 0);
	EXPECT_INT(entities_count(entities), 0);
	entities_free(entities);
}

TEST(what_is_dirty_or_in_the_running_batch_stays)
{
	struct world *world = world_new(count_all, 1, 0, 100);
	struct entities *entities = entities_new();
	for (int i = 0; i < 10; i++)
		entities_set(entities, find(entities, i), entity_new(world->set));
	find(entities, 3)->dirty = true;
	EXPECT_INT(entities_fork(find(entities, 4)), 0);
	entities_trim(entities, 0);
	EXPECT_INT(entities_count(entities), 2);
	EXPECT(find(entities, 3)->dirty && find(entities, 4)->pending != NULL);
	entities_free(entities);
	world_free(world);
}

TEST(a_fork_uses_the_memory_of_the_one_before)
{
	struct world *world = world_new(count_all, 1, 0, 100);
	struct entities *entities = entities_new();
	struct entry *entry = find(entities, 1);
	entities_set(entities, entry, entity_new(world->set));
	struct entity *first = entry->entity;
	EXPECT_INT(entities_fork(entry), 0);
	struct entity *second = entry->pending;
	EXPECT(second != first);
	entities_accept(entities, entry);
	EXPECT(entry->entity == second && entry->pending == NULL && entry->spare == first);
	EXPECT_INT(entities_fork(entry), 0);
	EXPECT(entry->pending == first && entry->spare == NULL);
	entities_discard(entry);
	EXPECT(entry->entity == second && entry->pending == NULL && entry->spare == first);
	entities_free(entities);
	world_free(world);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(entries_stay_where_they_are_while_others_come_and_go),
					CASE(what_was_not_used_since_the_last_search_goes_first),
					CASE(what_is_dirty_or_in_the_running_batch_stays),
					CASE(a_fork_uses_the_memory_of_the_one_before),
					{0}},
			argc, argv);
}
