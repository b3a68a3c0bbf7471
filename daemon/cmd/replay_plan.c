#include "daemon/cmd/replay_plan.h"

#include "daemon/cmd/past.h"
#include "daemon/io/kafka_group.h"
#include "number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP_BYTES 512
#define KEY_LENGTH 16             /* hex digits of what tells replays apart */
#define FAR_MS (INT64_C(1) << 52) /* a watermark behind all: no history is wanted */
#define METADATA_FORM "replay;v1;k=%s;f=%" PRId64

static void name_group(const struct world *world, char group[GROUP_BYTES])
{
	snprintf(group, GROUP_BYTES, "%.480s.plan", world->config->kafka.group_id);
}

static void make_key(const struct world *world, const struct replay_options *options, char key[SHA256_HEX])
{
	struct buffer text;
	buffer_init(&text);
	buffer_add_format(&text, "%s\n%s\n%" PRId64 "\n%s\n%s\n", options->from, options->to, options->warm_up_ms,
			  feature_set_id(world->set), feature_set_state_id(world->set));
	sha256_hex(buffer_slice(&text), key);
	buffer_free(&text);
	key[KEY_LENGTH] = '\0';
}

/* Committed offsets of a group for all partitions. */
static int read_offsets(const struct world *world, const char *group, struct position *positions, size_t count,
			struct err *err)
{
	struct kafka_options kafka = world->config->kafka;
	kafka.group_id = group;
	struct kafka_reader *reader = kafka_reader_new(&kafka, err);
	int status = reader == NULL ? -1 : 0;
	for (size_t i = 0; i < count; i++)
		positions[i] = (struct position){.partition = (int32_t)i, .offset = OFFSET_NONE};
	for (int attempt = 0; status == 0 && kafka_reader_committed(reader, positions, count, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			status = -1;
	kafka_reader_free(reader);
	return status;
}

static int commit(const struct world *world, const char *group, const struct position *positions, size_t count,
		  struct err *err)
{
	struct kafka_options kafka = world->config->kafka;
	kafka.group_id = group;
	for (int attempt = 0; count > 0 && kafka_group_commit(&kafka, positions, count, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	return 0;
}

/* What a plan's offset says; false: it is of no replay, or of another. */
static bool read_metadata(const char *metadata, const char *key, int64_t *from)
{
	char found[KEY_LENGTH + 1];
	int used = 0;
	return sscanf(metadata, "replay;v1;k=%16[0-9a-f];f=%" SCNd64 "%n", found, from, &used) == 2 &&
	       metadata[used] == '\0' && strcmp(found, key) == 0;
}

static int resume(struct replay_plan *plan, const struct position *positions, const char *key,
		  const struct replay_options *options, struct err *err)
{
	plan->resumed = true;
	for (size_t i = 0; i < plan->count; i++) {
		if (positions[i].offset == OFFSET_NONE || !read_metadata(positions[i].metadata, key, &plan->from[i]))
			return err_set(
			    err, ERR_USAGE,
			    "a replay named %s was begun with other arguments and is not done: end it with these, "
			    "choose another --name, or --discard it",
			    options->name);
		plan->ends[i] = positions[i].offset;
	}
	return 0;
}

static int make(struct replay_plan *plan, const struct world *world, struct kafka_reader *reader,
		const struct stretch *stretches, struct position *positions, const char *group, const char *key,
		struct err *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		plan->from[i] = stretches[i].from;
		if (stretch_end(world, reader, &stretches[i], &plan->ends[i], err) != 0)
			return -1;
		positions[i].offset = plan->ends[i];
		snprintf(positions[i].metadata, sizeof positions[i].metadata, METADATA_FORM, key, plan->from[i]);
	}
	return commit(world, group, positions, plan->count, err);
}

/* The committed offset from which recovery builds the state as it was before the stretch. */
static void seed(const struct world *world, const struct replay_options *options, const struct stretch *stretch,
		 struct position *position)
{
	struct marker marker = {.generation = 0};
	int64_t reach_ms = feature_set_reach_ms(world->set);
	int64_t history_ms = options->warm_up_ms < 0 ? reach_ms : options->warm_up_ms, watermark = WATERMARK_NONE;
	do
		marker.generation = world->clock.random(world->clock.self);
	while (marker.generation == 0);
	watermark_init(&marker.watermark);
	if (stretch->from >= stretch->to || options->warm_up_ms == 0)
		watermark = FAR_MS;
	else if (stretch->watermark_ms != WATERMARK_NONE)
		watermark = stretch->watermark_ms - history_ms + reach_ms;
	if (watermark != WATERMARK_NONE) {
		watermark_advance(&marker.watermark, slice_of("a"), watermark);
		watermark_advance(&marker.watermark, slice_of("b"), watermark);
	}
	marker.watermark.complete_since_ms = stretch->complete_since_ms;
	*position = (struct position){.partition = stretch->partition, .offset = stretch->from};
	marker_metadata_write(&marker, position->metadata);
}

/* Partitions that the group has no offset of yet get their first one. */
static int seed_group(const struct replay_plan *plan, const struct world *world, const struct replay_options *options,
		      const struct stretch *stretches, struct position *positions, struct err *err)
{
	size_t missing = 0;
	if (read_offsets(world, world->config->kafka.group_id, positions, plan->count, err) != 0)
		return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (positions[i].offset == OFFSET_NONE)
			seed(world, options, &stretches[i], &positions[missing++]);
	return commit(world, world->config->kafka.group_id, positions, missing, err);
}

/* The stretch again, of a replay that goes on. */
static void edges_of(const struct replay_plan *plan, struct stretch_edge edges[2])
{
	for (size_t e = 0; e < 2; e++) {
		edges[e] = (struct stretch_edge){.kind = STRETCH_OFFSETS};
		for (size_t i = 0; i < plan->count && i < STRETCH_OFFSETS_MAX; i++)
			edges[e].offsets[edges[e].count++] =
			    (struct stretch_offset){(int32_t)i, e == 0 ? plan->from[i] : plan->ends[i]};
	}
}

static int take_memory(struct replay_plan *plan, struct position **positions, struct err *err)
{
	plan->from = calloc(plan->count, sizeof *plan->from);
	plan->ends = calloc(plan->count, sizeof *plan->ends);
	*positions = calloc(plan->count, sizeof **positions);
	return plan->from == NULL || plan->ends == NULL || *positions == NULL ? err_memory(err) : 0;
}

/* Finds the plan or makes it; *stretches as of stretch_resolve(). */
static int find(struct replay_plan *plan, const struct world *world, struct kafka_reader *reader,
		const struct replay_options *options, struct stretch **stretches, struct position **positions,
		struct err *err)
{
	char group[GROUP_BYTES], key[SHA256_HEX];
	int32_t count = 0;
	name_group(world, group);
	make_key(world, options, key);
	for (int attempt = 0; kafka_reader_partitions(reader, world->config->kafka.input_topic, &count, err) != 0;
	     attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	if (count <= 0 || count > STRETCH_OFFSETS_MAX)
		return err_set(err, ERR_UNAVAILABLE, "the topic %s has %" PRId32 " partitions, not 1 to %d",
			       world->config->kafka.input_topic, count, STRETCH_OFFSETS_MAX);
	plan->count = (size_t)count;
	if (take_memory(plan, positions, err) != 0 || read_offsets(world, group, *positions, plan->count, err) != 0)
		return -1;
	bool begun = false;
	for (size_t i = 0; i < plan->count; i++)
		begun = begun || (*positions)[i].offset != OFFSET_NONE;
	if (begun) {
		if (resume(plan, *positions, key, options, err) != 0)
			return -1;
		edges_of(plan, options->edges);
	}
	size_t resolved;
	if (stretch_resolve(world, reader, &options->edges[0], &options->edges[1], options->warm_up_ms, stretches,
			    &resolved, err) != 0)
		return -1;
	if (resolved != plan->count)
		return err_set(err, ERR_HALT, "the input topic has grown just now");
	return begun ? 0 : make(plan, world, reader, *stretches, *positions, group, key, err);
}

int replay_plan_open(struct replay_plan *plan, const struct world *world, const struct replay_options *options,
		     const char *live_group, struct err *err)
{
	struct kafka_options kafka = world->config->kafka;
	struct stretch *stretches = NULL;
	struct position *positions = NULL;
	*plan = (struct replay_plan){0};
	kafka.group_id = live_group;
	struct kafka_reader *reader = kafka_reader_new(&kafka, err);
	int status = reader == NULL ? -1 : find(plan, world, reader, options, &stretches, &positions, err);
	if (status == 0)
		status = seed_group(plan, world, options, stretches, positions, err);
	kafka_reader_free(reader);
	free(stretches);
	free(positions);
	return status;
}

int replay_plan_delete(const struct world *world, struct err *err)
{
	struct kafka_options kafka = world->config->kafka;
	char group[GROUP_BYTES];
	const char *const groups[] = {world->config->kafka.group_id, group};
	name_group(world, group);
	for (size_t i = 0; i < 2; i++) {
		kafka.group_id = groups[i];
		for (int attempt = 0; kafka_group_delete(&kafka, err) != 0; attempt++)
			if (past_given_up(world, attempt, err))
				return -1;
	}
	return 0;
}

void replay_plan_free(struct replay_plan *plan)
{
	free(plan->from);
	free(plan->ends);
	*plan = (struct replay_plan){0};
}
