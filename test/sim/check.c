#include "test/sim/check.h"

#include "daemon/pipeline/marker.h"
#include "test/sim/kafka.h"
#include "test/sim/redis_model.h"
#include "test/sim/reference.h"

#define GENERATION_AT 1 /* of a record: behind its version */

struct slice check_key(int32_t partition, const char *end, char text[CHECK_KEY_MAX])
{
	int length = snprintf(text, CHECK_KEY_MAX, "sim:{sim/in/%d}:%s", (int)partition, end);
	return (struct slice){text, (size_t)length};
}

void check_outputs(struct sim *sim, const struct output *outputs, size_t count)
{
	if (sim->unstable)
		return;
	for (int32_t p = 0; p < sim->plan.partitions; p++)
		reference_advance(sim->reference, p, kafka_stable(sim->kafka, p));
	for (size_t i = 0; i < count; i++) {
		struct reference_output *output = reference_output(sim->reference, outputs[i].hash);
		if (output == NULL)
			sim_fail(sim, "I1: a message to %s that the reference does not have", outputs[i].topic);
		else if (output->seen++ == output->wanted)
			sim_fail(sim, "I1: the message to %s of partition %d offset %" PRId64 " was committed twice",
				 output->topic, (int)output->partition, output->offset);
	}
}

void check_committed(struct sim *sim, const struct position *position, int64_t before)
{
	struct commit_metadata metadata;
	if (sim->unstable)
		return;
	if (position->offset < before)
		sim_fail(sim, "I3: C of partition %d goes back from %" PRId64 " to %" PRId64, (int)position->partition,
			 before, position->offset);
	if (position->offset > kafka_stable(sim->kafka, position->partition)) {
		sim_fail(sim, "I3: C of partition %d is %" PRId64 ", beyond the log", (int)position->partition,
			 position->offset);
		return;
	}
	reference_advance(sim->reference, position->partition, position->offset);
	struct reference_point point = reference_at(sim->reference, position->partition, position->offset);
	if (!marker_metadata_read(position->metadata, &metadata)) {
		sim_fail(sim, "C of partition %d: metadata \"%.100s\"", (int)position->partition, position->metadata);
		return;
	}
	if (metadata.watermark_ms != point.watermark_ms)
		sim_fail(sim,
			 "I4: the watermark committed with offset %" PRId64 " of partition %d is %" PRId64
			 ", not %" PRId64,
			 position->offset, (int)position->partition, metadata.watermark_ms, point.watermark_ms);
	if (memcmp(metadata.outcomes, point.outcomes, sizeof point.outcomes) != 0)
		sim_fail(sim, "I4: the totals committed with offset %" PRId64 " of partition %d are wrong: %.150s",
			 position->offset, (int)position->partition, position->metadata);
}

/* I2 */

static bool same_behind_generation(struct slice a, struct slice b)
{
	size_t behind = GENERATION_AT + ENTITY_GENERATION_BYTES;
	return a.length == b.length && a.length >= behind && memcmp(a.data, b.data, GENERATION_AT) == 0 &&
	       memcmp((const char *)a.data + behind, (const char *)b.data + behind, a.length - behind) == 0;
}

static uint64_t generation_of(struct slice record)
{
	uint64_t generation = 0;
	for (int i = ENTITY_GENERATION_BYTES; i-- > 0;)
		generation = generation << 8 | ((const uint8_t *)record.data)[GENERATION_AT + i];
	return generation;
}

/* The canonical bytes; empty where nothing of it is in reach. */
static bool canonical(struct slice record, int64_t watermark, struct buffer *bytes)
{
	struct entity *entity = NULL;
	struct err err = {0};
	buffer_reset(bytes);
	if (record.data == NULL)
		return true;
	if (entity_decode(subject_set(false), record, generation_of(record), &entity, &err) != ENTITY_READ)
		return false;
	bool done = entity_canonical(entity, watermark) == 0;
	struct entity *empty = entity_new(subject_set(false));
	struct buffer nothing;
	buffer_init(&nothing);
	entity_encode(entity, 1, bytes);
	entity_encode(empty, 1, &nothing);
	if (slice_equal(buffer_slice(bytes), buffer_slice(&nothing)))
		buffer_reset(bytes);
	buffer_free(&nothing);
	entity_free(empty);
	entity_free(entity);
	return done;
}

static bool same_canonical(struct slice a, struct slice b, int64_t watermark)
{
	struct buffer first, second;
	buffer_init(&first);
	buffer_init(&second);
	bool same = canonical(a, watermark, &first) && canonical(b, watermark, &second) &&
		    slice_equal(buffer_slice(&first), buffer_slice(&second));
	buffer_free(&first);
	buffer_free(&second);
	return same;
}

static void check_records(struct sim *sim, const struct database *database, int32_t p, const struct marker *marker)
{
	struct reference_partition *reference = &sim->reference->partitions[p];
	struct reference_point point = reference_at(sim->reference, p, marker->next_offset);
	bool rebuilt = marker->replaces != 0;
	for (size_t i = 0; i < reference->entity_count; i++) {
		char name[CHECK_KEY_MAX], key[CHECK_KEY_MAX];
		const struct reference_entity *entity = &reference->entities[i];
		snprintf(name, sizeof name, "e:%.*s", (int)entity->text.length, (const char *)entity->text.data);
		struct slice stored = database_get(database, check_key(p, name, key));
		struct slice wanted = reference_record(entity, marker->next_offset);
		if (stored.data != NULL && stored.length > GENERATION_AT + ENTITY_GENERATION_BYTES &&
		    generation_of(stored) != marker->generation)
			stored = (struct slice){NULL, 0};
		bool same = stored.data == NULL || wanted.data == NULL ? stored.data == wanted.data
								       : same_behind_generation(stored, wanted);
		if (!same && rebuilt)
			same = same_canonical(stored, wanted, point.watermark_ms);
		if (!same)
			sim_fail(sim, "I2: partition %d, R = %" PRId64 "%s: the record of entity %.*s is %s", (int)p,
				 marker->next_offset, rebuilt ? ", rebuilt" : "", (int)entity->text.length,
				 (const char *)entity->text.data,
				 stored.data == NULL   ? "missing"
				 : wanted.data == NULL ? "there too early"
						       : "not the reference's");
	}
}

static void check_partition(struct sim *sim, struct database *database, int32_t p, struct slice bytes)
{
	struct marker marker;
	struct err err = {0};
	if (marker_decode(bytes, &marker, &err) != 0) {
		sim_fail(sim, "the marker of partition %d: %s", (int)p, err.message);
		return;
	}
	struct seen *seen = &database->seen[p];
	int64_t decided = kafka_decided(sim->kafka, p);
	sim_trace(sim, "R of %d: %" PRId64 " generation %04x%s", (int)p, marker.next_offset,
		  (unsigned)(marker.generation & 0xffff), database == sim->redis->database ? "" : ", on an old server");
	/* --accept-state goes on at R, beyond a C that was set back, until something is committed. */
	bool accepted = sim->finale && sim->plan.finale == FINALE_ACCEPTED;
	if (decided != OFFSET_NONE && marker.next_offset > decided && !accepted)
		sim_fail(sim, "I3: R = %" PRId64 " of partition %d is beyond C = %" PRId64, marker.next_offset, (int)p,
			 decided);
	if (seen->generation == marker.generation && marker.next_offset < seen->next_offset)
		sim_fail(sim, "I3: R of partition %d goes back from %" PRId64 " to %" PRId64, (int)p, seen->next_offset,
			 marker.next_offset);
	*seen = (struct seen){bytes.data, marker.generation, marker.next_offset};
	if (marker.next_offset > kafka_stable(sim->kafka, p))
		return; /* said already: beyond C */
	reference_advance(sim->reference, p, marker.next_offset);
	/* A state that is being made again is whole once it has come to C. */
	if (marker.replaces != 0 && marker.next_offset < marker.counted_from)
		return;
	struct reference_point point = reference_at(sim->reference, p, marker.next_offset);
	if (watermark_ms(&marker.watermark) != point.watermark_ms)
		sim_fail(sim, "I2: the watermark of partition %d at R = %" PRId64 " is %" PRId64 ", not %" PRId64,
			 (int)p, marker.next_offset, watermark_ms(&marker.watermark), point.watermark_ms);
	if (memcmp(marker.outcomes, point.outcomes, sizeof point.outcomes) != 0)
		sim_fail(sim, "I4: the totals of partition %d at R = %" PRId64 " are wrong", (int)p,
			 marker.next_offset);
	/* Evictions are known by the next look at the server: until then the marker does not claim to be whole. */
	if (marker.server.evicted == database->evicted)
		check_records(sim, database, p, &marker);
}

void check_store(struct sim *sim, struct database *database)
{
	if (sim->unstable)
		return;
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		char key[CHECK_KEY_MAX];
		struct slice marker = database_get(database, check_key(p, "m", key));
		if (marker.data != NULL && marker.data != database->seen[p].bytes)
			check_partition(sim, database, p, marker);
	}
}

void check_skip(struct sim *sim, struct database *database)
{
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		char key[CHECK_KEY_MAX];
		database->seen[p].bytes = database_get(database, check_key(p, "m", key)).data;
	}
}

static bool partition_settled(struct sim *sim, int32_t p, char *why, size_t size)
{
	struct kafka *kafka = sim->kafka;
	char key[CHECK_KEY_MAX];
	struct marker marker;
	struct err err = {0};
	struct slice bytes = database_get(sim->redis->database, check_key(p, "m", key));
	int64_t c = kafka->committed[p].offset, stable = kafka_stable(kafka, p), from = c;
	if (stable != kafka->partitions[p].count || kafka_unstable(kafka, p) || bytes.data == NULL ||
	    marker_decode(bytes, &marker, &err) != 0) {
		snprintf(why, size, "partition %d: %s", (int)p,
			 bytes.data == NULL         ? "no marker"
			 : kafka_unstable(kafka, p) ? "C pending"
						    : "undecided");
		return false;
	}
	if (c == OFFSET_NONE)
		from = kafka->partitions[p].low;
	snprintf(why, size, "partition %d: R = %" PRId64 ", C = %" PRId64 ", the log ends at %" PRId64, (int)p,
		 marker.next_offset, c, stable);
	if (c != OFFSET_NONE && marker.next_offset != c)
		return false;
	for (int64_t i = from; i < stable; i++)
		if (kafka->partitions[p].records[i].visibility == VISIBLE)
			return false;
	return true;
}

static bool settled(struct sim *sim, char *why, size_t size)
{
	for (int i = 0; i < sim->plan.nodes; i++)
		if (!sim->nodes[i]->up || sim->nodes[i]->paused) {
			snprintf(why, size, "node %d is %s", i, sim->nodes[i]->up ? "paused" : "down");
			return false;
		}
	for (int32_t p = 0; p < sim->plan.partitions; p++)
		if (!partition_settled(sim, p, why, size))
			return false;
	return true;
}

bool check_settled(struct sim *sim)
{
	char why[300];
	return settled(sim, why, sizeof why);
}

void check_unsettled(struct sim *sim, char why[300])
{
	if (settled(sim, why, 300))
		snprintf(why, 300, "%d of %d turns of the producer", sim->produced, sim->plan.events);
}

void check_end(struct sim *sim)
{
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		reference_advance(sim->reference, p, kafka_stable(sim->kafka, p));
		sim->redis->database->seen[p].bytes = NULL;
	}
	check_store(sim, sim->redis->database);
	for (size_t i = 0; i < sim->reference->output_capacity; i++) {
		const struct reference_output *output = &sim->reference->outputs[i];
		if (output->hash != 0 && output->seen != output->wanted)
			sim_fail(sim, "I1: the message to %s of partition %d offset %" PRId64 " is missing",
				 output->topic, (int)output->partition, output->offset);
	}
}
