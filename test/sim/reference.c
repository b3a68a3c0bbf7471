#include "test/sim/reference.h"

#include "siphash.h"
#include "test/sim/kafka.h"
#include "test/twin/features_twin.h"

#include <math.h>

#define BATCH_BYTES ((size_t)1 << 20)

struct reference *reference_new(struct sim *sim)
{
	struct reference *reference = sim_take(sizeof *reference);
	reference->sim = sim;
	reference->batch = batch_new(subject_set(false), 1, BATCH_BYTES);
	reference->batch->amendments_most = publish_amendments_most(subject_publish());
	reference->publisher = publisher_new(subject_publish(), subject_set(false));
	publisher_message_max(reference->publisher, sim->plan.message_max);
	for (int32_t p = 0; p < sim->plan.partitions; p++) {
		reference->partitions[p].partition = partition_new(p);
		reference->partitions[p].twin = features_twin_new(subject_options());
	}
	reference->output_capacity = 256;
	reference->outputs = sim_take(reference->output_capacity * sizeof *reference->outputs);
	return reference;
}

void reference_free(struct reference *reference)
{
	if (reference == NULL)
		return;
	batch_free(reference->batch);
	publisher_free(reference->publisher);
	for (int32_t p = 0; p < reference->sim->plan.partitions; p++) {
		partition_free(reference->partitions[p].partition);
		features_twin_free(reference->partitions[p].twin);
	}
}

static void add_hash(uint64_t *hash, struct slice bytes)
{
	static const uint8_t key[SIPHASH_KEY_BYTES] = "simulator output";
	uint64_t parts[3] = {*hash, siphash(key, bytes), bytes.data == NULL};
	*hash = siphash(key, (struct slice){parts, sizeof parts});
}

uint64_t reference_hash(const struct message *message)
{
	uint64_t hash = (uint64_t)message->timestamp_ms;
	add_hash(&hash, slice_of(message->topic));
	add_hash(&hash, message->key);
	add_hash(&hash, message->value);
	for (size_t i = 0; i < message->header_count; i++) {
		add_hash(&hash, slice_of(message->headers[i].name));
		add_hash(&hash, message->headers[i].value);
	}
	return hash == 0 ? 1 : hash;
}

static struct reference_output *place_of(struct reference_output *outputs, size_t capacity, uint64_t hash)
{
	size_t at = (size_t)hash & (capacity - 1);
	while (outputs[at].hash != 0 && outputs[at].hash != hash)
		at = (at + 1) & (capacity - 1);
	return &outputs[at];
}

struct reference_output *reference_output(struct reference *reference, uint64_t hash)
{
	struct reference_output *output = place_of(reference->outputs, reference->output_capacity, hash);
	return output->hash == 0 ? NULL : output;
}

static void grow_outputs(struct reference *reference)
{
	size_t capacity = 2 * reference->output_capacity;
	struct reference_output *outputs = sim_take(capacity * sizeof *outputs);
	for (size_t i = 0; i < reference->output_capacity; i++)
		if (reference->outputs[i].hash != 0)
			*place_of(outputs, capacity, reference->outputs[i].hash) = reference->outputs[i];
	reference->outputs = outputs;
	reference->output_capacity = capacity;
}

struct outlet_context {
	struct reference *reference;
	const struct record *record;
};

static int emit(void *self, const struct message *message, struct err *err)
{
	struct outlet_context *context = self;
	struct reference *reference = context->reference;
	(void)err;
	if (2 * ++reference->output_count > reference->output_capacity)
		grow_outputs(reference);
	uint64_t hash = reference_hash(message);
	struct reference_output *output = place_of(reference->outputs, reference->output_capacity, hash);
	if (output->hash == 0)
		*output = (struct reference_output){
		    hash, context->record->partition, context->record->offset, 0, 0, message->topic};
	output->wanted++;
	return 0;
}

static int headers_of(void *self, struct record *record, struct arena *arena, struct err *err)
{
	(void)self;
	return subject_headers(record, arena, err);
}

static struct reference_entity *entity_of(struct reference_partition *partition, struct slice text)
{
	for (size_t i = 0; i < partition->entity_count; i++)
		if (slice_equal(partition->entities[i].text, text))
			return &partition->entities[i];
	if (partition->entity_count == partition->entity_capacity) {
		size_t capacity = 2 * partition->entity_capacity + 8;
		partition->entities =
		    sim_grow(partition->entities, partition->entity_count, capacity, sizeof *partition->entities);
		partition->entity_capacity = capacity;
	}
	struct reference_entity *entity = &partition->entities[partition->entity_count++];
	entity->text = sim_copy(text);
	return entity;
}

static void keep_version(struct reference_partition *partition, const struct item *item, int64_t offset)
{
	struct buffer bytes;
	struct reference_entity *entity = entity_of(partition, (struct slice){item->entry->text, item->entry->length});
	buffer_init(&bytes);
	entity_encode(item->entry->entity, 1, &bytes);
	if (entity->count == entity->capacity) {
		size_t capacity = 2 * entity->capacity + 8;
		entity->versions = sim_grow(entity->versions, entity->count, capacity, sizeof *entity->versions);
		entity->capacity = capacity;
	}
	entity->versions[entity->count++] = (struct reference_version){offset, sim_copy(buffer_slice(&bytes))};
	buffer_free(&bytes);
}

static void keep_point(struct reference_partition *partition, int64_t offset)
{
	const struct marker *marker = &partition->partition->marker;
	if (partition->point_count == partition->point_capacity) {
		size_t capacity = 2 * partition->point_capacity + 32;
		partition->points =
		    sim_grow(partition->points, partition->point_count, capacity, sizeof *partition->points);
		partition->point_capacity = capacity;
	}
	struct reference_point *point = &partition->points[partition->point_count++];
	*point = (struct reference_point){
	    offset, watermark_ms(&marker->watermark), marker->watermark.complete_since_ms, {0}};
	memcpy(point->outcomes, marker->outcomes, sizeof point->outcomes);
}

/* The twin keeps what it is given. */
static struct event keep_event(const struct event *event)
{
	size_t count = subject_options()->schema->field_count;
	struct value *values = sim_grow(event->values, count, count, sizeof *values);
	struct event kept = *event;
	for (size_t i = 0; i < count; i++)
		if (values[i].present && field_kind(&subject_options()->schema->fields[i]) == VALUE_TEXT)
			values[i].text = sim_copy(values[i].text);
	kept.id = sim_copy(event->id);
	kept.entity = sim_copy(event->entity);
	kept.values = values;
	return kept;
}

static bool same_values(const double *a, const double *b, size_t count)
{
	bool same = true;
	for (size_t i = 0; i < count; i++)
		same &= memcmp(&a[i], &b[i], sizeof a[i]) == 0 || (isnan(a[i]) && isnan(b[i]));
	return same;
}

static void ask_twin(struct reference *reference, const struct reference_partition *partition, const struct item *item,
		     bool decoded)
{
	double values[EVENT_FIELDS_MAX];
	struct usual usual[EVENT_FIELDS_MAX];
	struct vector vector = {.values = values, .usual = usual};
	enum reason reason = REASON_NONE;
	enum outcome wanted = OUTCOME_INVALID;
	struct event event;
	if (decoded && item->event.time_ms > item->event.timestamp_ms + subject_options()->schema->max_ahead_ms) {
		wanted = OUTCOME_FUTURE;
	} else if (decoded) {
		event = keep_event(&item->event);
		wanted = features_twin_apply(partition->twin, &event, &vector, &reason);
	}
	if (item->outcome != wanted)
		sim_fail(reference->sim, "the event at offset %" PRId64 " is %s, by the twin %s", item->record->offset,
			 outcome_name(item->outcome), outcome_name(wanted));
	else if (wanted == OUTCOME_SCORED &&
		 (!same_values(item->vector.values, values, subject_options()->feature_count) ||
		  (item->vector.flags & ~(unsigned)FLAG_FALLBACK) != vector.flags))
		sim_fail(reference->sim, "the vector at offset %" PRId64 " is not the twin's", item->record->offset);
	if (watermark_ms(&partition->partition->marker.watermark) != features_twin_watermark(partition->twin))
		sim_fail(reference->sim, "the watermark behind offset %" PRId64 " is %" PRId64 ", by the twin %" PRId64,
			 item->record->offset, watermark_ms(&partition->partition->marker.watermark),
			 features_twin_watermark(partition->twin));
}

static void apply(struct reference *reference, struct reference_partition *partition, struct record *record)
{
	struct codec codec = subject_codec(NULL);
	struct batch *batch = reference->batch;
	struct err err = {0}, why = {0};
	struct outlet_context context = {reference, record};
	struct batch_outlet outlet = {&context, emit, headers_of};
	const struct champion *champion = subject_champion(false);
	int status = batch_reset(batch, &err);
	struct item *item = batch_add(batch, partition->partition, record);
	bool decoded = codec.decode(NULL, record, batch->arena, &item->event, &item->reason, &why) == DECODED;
	if (decoded) {
		item->reason = REASON_NONE;
		status |= batch_admit(batch, item, subject_pseudonyms(), &err);
	} else {
		item->why = arena_copy(batch->arena, slice_of(why.message)).data;
	}
	status |= batch_enter(batch, 0, &err);
	if (item->entry != NULL && !item->entry->loaded) {
		entities_set(partition->partition->cache, item->entry, entity_new(subject_set(false)));
		item->entry->loaded = true;
	}
	status |= batch_apply(batch, &err);
	status |= batch_score(batch, champion, &err);
	status |= batch_publish(batch, reference->publisher, subject_publish(), champion, &outlet, &err);
	bool changed = item->entry != NULL && item->outcome == OUTCOME_SCORED;
	batch_accept(batch);
	assert(status == 0);
	ask_twin(reference, partition, item, decoded);
	if (changed)
		keep_version(partition, item, record->offset);
	keep_point(partition, record->offset);
	for (size_t i = 0; i < partition->partition->dirty_count; i++)
		partition->partition->dirty[i]->dirty = false;
	partition->partition->dirty_count = 0;
}

void reference_advance(struct reference *reference, int32_t number, int64_t until)
{
	struct reference_partition *partition = &reference->partitions[number];
	const struct log_partition *log = &reference->sim->kafka->partitions[number];
	for (; partition->next < until; partition->next++) {
		const struct log_record *from = &log->records[partition->next];
		assert(partition->next < log->count && from->visibility != UNDECIDED);
		if (from->visibility != VISIBLE)
			continue;
		struct record record = {.partition = number,
					.offset = partition->next,
					.timestamp_ms = from->timestamp_ms,
					.key = from->key,
					.value = from->value};
		apply(reference, partition, &record);
	}
}

struct reference_point reference_at(const struct reference *reference, int32_t number, int64_t offset)
{
	const struct reference_partition *partition = &reference->partitions[number];
	struct reference_point found = {.watermark_ms = WATERMARK_NONE, .complete_since_ms = WATERMARK_NONE};
	size_t low = 0, high = partition->point_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (partition->points[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? found : partition->points[low - 1];
}

struct slice reference_record(const struct reference_entity *entity, int64_t offset)
{
	for (size_t i = entity->count; i-- > 0;)
		if (entity->versions[i].offset < offset)
			return entity->versions[i].bytes;
	return (struct slice){NULL, 0};
}
