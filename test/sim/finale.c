/*
 * After everything is worked off, some schedules end with a cause for which the daemon must halt (or go on as it was told
 * to): the right word, and not one output in between.
 */
#include "daemon/pipeline/marker.h"
#include "test/sim/check.h"
#include "test/sim/kafka.h"
#include "test/sim/redis_model.h"

#include <stdlib.h>

#define WATCH_US (SECOND / 2)
#define LIMIT_US (1000 * (int64_t)SECOND)
#define FEED_US (2 * SECOND)
#define CAP_RECORDS 2500
#define SETTLE_US (5 * SECOND)

struct scene {
	int32_t partition;
	const char *other; /* ... or with this word, by who ends it; NULL: none */
	const char *word;  /* the halt that must come; NULL: none, it goes on */
	int64_t committed; /* C, which no output may move then */
	uint64_t outputs;  /* committed before the cause */
	int64_t until_us;
	struct database *copy; /* that comes back later; NULL: none, or it has */
	uint64_t generation;   /* that must be replaced; 0: none */
	bool fed;
};

static void hold_all(struct sim *sim)
{
	for (int i = 0; i < sim->plan.nodes; i++) {
		sim->nodes[i]->held = true;
		node_kill(sim->nodes[i], 0);
	}
}

static void start_all(struct sim *sim)
{
	for (int i = 0; i < sim->plan.nodes; i++) {
		sim->nodes[i]->held = false;
		node_start_after(sim->nodes[i], sim_between(sim, 0, SECOND));
	}
}

static void feed(struct sim *sim, int turns)
{
	while (turns-- > 0) {
		sim->produced++;
		subject_produce(sim);
	}
}

static void feed_later(struct sim *sim, void *self, uint64_t argument)
{
	const struct scene *scene = self;
	(void)argument;
	feed(sim, 12);
	/* Some for this partition, and some of these not of an aborted transaction. */
	for (int i = 0; i < 6; i++)
		subject_send(sim, scene->partition, sim_wall_ms(sim));
}

static void kill(struct sim *sim, void *self, uint64_t argument)
{
	(void)argument;
	node_kill(self, sim_between(sim, 0, SECOND));
}

/* The first partition of which something was applied and committed; -1: there is none. */
static int32_t choose(const struct sim *sim, struct marker *marker)
{
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		char key[CHECK_KEY_MAX];
		struct err err = {0};
		struct slice bytes = database_get(sim->redis->database, check_key(p, "m", key));
		if (bytes.data != NULL && marker_decode(bytes, marker, &err) == 0 &&
		    marker->last_offset != OFFSET_NONE && marker->last_offset >= sim->kafka->partitions[p].low &&
		    sim->kafka->committed[p].offset > 0)
			return p;
	}
	return -1;
}

static bool word_said(const struct sim *sim, const struct scene *scene)
{
	for (int i = 0; i < sim->plan.nodes; i++) {
		const struct node *node = sim->nodes[i];
		if (strstr(node->halted, scene->word) != NULL || strstr(node->err.message, scene->word) != NULL ||
		    (scene->other != NULL && strstr(node->err.message, scene->other) != NULL))
			return true;
	}
	return false;
}

static bool is_cap(const struct sim *sim)
{
	return sim->plan.finale == FINALE_CAPS || sim->plan.finale == FINALE_LATE;
}

static void poison(struct sim *sim, const struct scene *scene)
{
	/* Entities with numbers of their own: also a table of many of them. */
	for (int i = 0; i < CAP_RECORDS; i++)
		if (sim->plan.finale == FINALE_LATE)
			subject_send(sim, (1000 + i) * sim->plan.partitions + scene->partition,
				     sim_wall_ms(sim) - 3600000);
		else
			subject_poison(sim, scene->partition);
}

static void watch(struct sim *sim, void *self, uint64_t argument)
{
	struct scene *scene = self;
	const char *name = finale_names[sim->plan.finale];
	(void)argument;
	if (scene->word != NULL && word_said(sim, scene)) {
		if (!is_cap(sim) && sim->plan.finale != FINALE_CORRUPT &&
		    sim->kafka->committed[scene->partition].offset != scene->committed)
			sim_fail(sim, "I7: finale %s: outputs went out before the halt", name);
		sim->ended = true;
		return;
	}
	bool settled = (scene->word == NULL || is_cap(sim)) && check_settled(sim);
	if (settled && is_cap(sim)) {
		/* A rebalance in the middle has begun the count anew. */
		poison(sim, scene);
		settled = false;
	}
	if (settled && scene->generation != 0) {
		char key[CHECK_KEY_MAX];
		struct marker marker;
		struct err err = {0};
		struct slice bytes = database_get(sim->redis->database, check_key(scene->partition, "m", key));
		settled = bytes.data != NULL && marker_decode(bytes, &marker, &err) == 0 &&
			  marker.generation != scene->generation;
	}
	if (settled && scene->fed && scene->copy != NULL) {
		/* And now a server takes over that still lacks what was evicted: only the committed generation tells. */
		sim_trace(sim, "redis comes back as it was after the eviction");
		sim->redis->database = database_back(sim->redis, scene->copy, 0);
		check_skip(sim, sim->redis->database);
		redis_reset(sim->redis, true);
		scene->copy = NULL;
		settled = false;
	}
	if (settled && !scene->fed) {
		scene->fed = true;
		feed_later(sim, scene, 0);
	} else if (settled) {
		if (!sim->unstable)
			check_end(sim);
		sim->ended = true;
		return;
	}
	if (sim->now_us > scene->until_us)
		sim_fail(sim, "I7: finale %s: %s %s", name, scene->word == NULL ? "not worked off" : "no halt says",
			 scene->word == NULL ? "" : scene->word);
	else
		sim_after(sim, WATCH_US, watch, scene, 0);
}

static void recreate(struct log_partition *log)
{
	for (int64_t i = 0; i < log->count; i++)
		log->records[i] =
		    (struct log_record){SIM_START_MS + i, slice_of("c0"), slice_of("another log"), VISIBLE};
}

static void damage(struct sim *sim, struct scene *scene)
{
	struct database *database = sim->redis->database;
	char start[CHECK_KEY_MAX];
	struct slice prefix = check_key(scene->partition, "e:", start);
	for (size_t i = 0; i < database->count; i++) {
		struct redis_key *key = &database->keys[i];
		if (key->name.length < prefix.length || memcmp(key->name.data, prefix.data, prefix.length) != 0 ||
		    key->value.data == NULL)
			continue;
		if (sim->plan.finale == FINALE_CORRUPT)
			database_set(database, key->name, (struct slice){key->value.data, key->value.length - 1}, true);
		else
			database_set(database, key->name, (struct slice){NULL, 0}, true);
	}
	/* Several each, since some may be of an aborted transaction. */
	for (int i = 0; i < 4 * sim->plan.entities && sim->plan.finale == FINALE_CORRUPT; i++)
		if (subject_partition(sim, i % sim->plan.entities) == scene->partition)
			subject_send(sim, i % sim->plan.entities, sim_wall_ms(sim));
	database->evicted += sim->plan.finale == FINALE_EVICTED;
}

/* Does the deed; what must follow stands in the scene. */
static void cause(struct sim *sim, struct scene *scene, const struct marker *marker)
{
	struct kafka *kafka = sim->kafka;
	struct log_partition *log = &kafka->partitions[scene->partition];
	struct group_offset *committed = &kafka->committed[scene->partition];
	switch (sim->plan.finale) {
	case FINALE_HOLE:
	case FINALE_HOLE_REBUILT:
		feed(sim, 3);
		for (struct log_record more = {sim_wall_ms(sim), slice_of("poison"), slice_of("poison"), VISIBLE};
		     log->count < committed->offset + 3;)
			kafka_append(kafka, scene->partition, &more);
		for (int64_t i = 0; i < log->count; i++)
			if (log->records[i].visibility == UNDECIDED)
				return; /* decided later; the log's start lies behind it all the same */
		kafka_delete_below(kafka, scene->partition, log->count - 1);
		scene->word = sim->plan.finale == FINALE_HOLE ? "hole" : NULL;
		break;
	case FINALE_RECREATED:
		recreate(log);
		scene->word = "log_differs";
		break;
	case FINALE_TRUNCATED:
		log->count = committed->offset - 1;
		if (log->low > log->count)
			log->low = log->count;
		scene->word = "truncated";
		break;
	case FINALE_GROWN:
		kafka->partition_count++;
		scene->word = "partition_count";
		scene->other = "the input topic has grown";
		break;
	case FINALE_OFFSETS_LOST:
		committed->offset = scene->committed = OFFSET_NONE;
		committed->metadata[0] = '\0';
		scene->word = "offsets_lost";
		break;
	case FINALE_SET_BACK:
	case FINALE_ACCEPTED:
		committed->offset = scene->committed = marker->last_offset;
		if (sim->plan.finale == FINALE_ACCEPTED && sim->plan.seed % 2 == 0)
			committed->offset = OFFSET_NONE; /* lost, not set back */
		committed->metadata[0] = '\0';
		scene->word = sim->plan.finale == FINALE_SET_BACK ? "ahead" : NULL;
		break;
	case FINALE_STATE_ID:
		scene->word = "state_id";
		break;
	case FINALE_CAPS:
		poison(sim, scene);
		scene->word = "dead_letters";
		break;
	case FINALE_LATE:
		/* A watermark: of several, since some of them may be of an aborted transaction. */
		for (int i = 0; i < 6; i++)
			subject_send(sim, scene->partition + i * sim->plan.partitions, sim_wall_ms(sim));
		poison(sim, scene);
		scene->word = "late";
		break;
	case FINALE_EMPTIED:
		/* FLUSHALL: the server stays the same, so only its contents tell. */
		for (size_t i = 0; i < sim->redis->database->count; i++)
			database_set(sim->redis->database, sim->redis->database->keys[i].name, (struct slice){NULL, 0},
				     true);
		scene->generation = marker->generation;
		break;
	case FINALE_CLUSTER:
		scene->word = "cluster_id";
		break;
	case FINALE_MARKER: {
		char key[CHECK_KEY_MAX];
		struct slice name = check_key(scene->partition, "m", key);
		struct slice bytes = database_get(sim->redis->database, name);
		database_set(sim->redis->database, name, (struct slice){bytes.data, bytes.length / 2}, true);
		scene->word = "marker";
		break;
	}
	case FINALE_CORRUPT:
		damage(sim, scene);
		scene->word = "corrupt_record";
		break;
	case FINALE_EVICTED:
		damage(sim, scene);
		scene->generation = marker->generation;
		scene->copy = database_back(sim->redis, sim->redis->database, 0);
		break;
	default:
		break;
	}
}

static void act(struct sim *sim, void *self, uint64_t argument)
{
	struct scene *scene = self;
	struct marker marker;
	enum finale finale = sim->plan.finale;
	bool restart = finale != FINALE_GROWN && finale != FINALE_EMPTIED && !is_cap(sim) && finale != FINALE_EVICTED;
	(void)argument;
	scene->partition = choose(sim, &marker);
	if (scene->partition < 0) {
		sim->ended = true; /* nothing ever happened */
		return;
	}
	sim_trace(sim, "finale %s, partition %d", finale_names[finale], (int)scene->partition);
	sim->stats->finales[finale]++;
	sim->finale = true;
	sim->unstable = finale != FINALE_ACCEPTED && finale != FINALE_EVICTED && finale != FINALE_EMPTIED;
	scene->committed = sim->kafka->committed[scene->partition].offset;
	scene->until_us = sim->now_us + LIMIT_US;
	if (restart)
		hold_all(sim);
	cause(sim, scene, &marker);
	for (int i = 0; i < sim->plan.nodes; i++) {
		sim->nodes[i]->other_rules = finale == FINALE_STATE_ID;
		sim->nodes[i]->accept_state = finale == FINALE_ACCEPTED;
		sim->nodes[i]->rebuild_holes = finale == FINALE_HOLE_REBUILT;
	}
	if (restart)
		start_all(sim);
	/* Until something is committed, R is ahead of C there: killed in that state, a daemon must go on. */
	scene->fed = finale == FINALE_ACCEPTED || finale == FINALE_HOLE_REBUILT;
	for (int i = 0; i < sim->plan.nodes && finale == FINALE_HOLE_REBUILT; i++)
		sim_after(sim, sim_between(sim, 0, FEED_US), kill, sim->nodes[i], 0);
	/* Evictions are noticed too by who was not there when they happened. */
	for (int i = 0; i < sim->plan.nodes && finale == FINALE_EVICTED; i++)
		if (sim_once_in(sim, 2))
			sim_after(sim, sim_between(sim, 0, FEED_US), kill, sim->nodes[i], 0);
	if (scene->fed)
		sim_after(sim, FEED_US, feed_later, scene, 0);
	sim_after(sim, 2 * FEED_US, watch, scene, 0);
}

void finale_begin(struct sim *sim)
{
	if (sim->plan.finale == FINALE_NONE) {
		sim->ended = true;
		return;
	}
	sim_after(sim, sim_between(sim, 0, SETTLE_US), act, sim_take(sizeof(struct scene)), 0);
}
