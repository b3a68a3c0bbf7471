#include "daemon/cmd/offline.h"

#include "daemon/pipeline/entities.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* One partition's state. */
struct slot {
	int32_t partition;
	struct watermark watermark;
	struct entities *entities;
};

struct offline {
	struct feature_set *set;
	struct pseudonym_options pseudonym;
	struct slot **slots; /* by partition, ascending */
	size_t slot_count;
	struct vector vector;
	uint64_t counts[OUTCOME_NUMBER];
};

static int check_privacy(const struct config *config, struct err *err)
{
	if (config->privacy.any && config->privacy.key.length == 0)
		return err_set(err, ERR_CONFIG, "%s: privacy.key_file: the key is needed and could not be read",
			       config->path);
	for (size_t i = 0; config->privacy.fields != NULL && i < config->schema.field_count; i++) {
		const struct field *field = &config->schema.fields[i];
		if (config->privacy.fields[i] && field_kind(field) != VALUE_TEXT)
			return err_set(err, ERR_CONFIG, "%s: privacy.pseudonymize: %s is no string field", config->path,
				       field->name);
	}
	return 0;
}

struct offline *offline_new(const struct config *config, bool want_usual, struct err *err)
{
	struct offline *offline = calloc(1, sizeof *offline);
	if (offline == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	const struct privacy_options *privacy = &config->privacy;
	offline->pseudonym = (struct pseudonym_options){privacy->key, privacy->entity, privacy->id, privacy->fields,
							config->schema.field_count};
	if (check_privacy(config, err) != 0)
		goto free_offline;
	if (feature_set_new(&offline->set, &config->features, NULL, NULL, err) != 0) {
		(void)err_prepend(err, "%s", config->path);
		goto free_offline;
	}
	size_t count = feature_set_count(offline->set);
	offline->vector.values = calloc(count + 1, sizeof *offline->vector.values);
	offline->vector.usual = want_usual ? calloc(count + 1, sizeof *offline->vector.usual) : NULL;
	if (offline->vector.values != NULL && (offline->vector.usual != NULL || !want_usual))
		return offline;
	(void)err_memory(err);
free_offline:
	offline_free(offline);
	return NULL;
}

void offline_free(struct offline *offline)
{
	if (offline == NULL)
		return;
	for (size_t i = 0; i < offline->slot_count; i++) {
		entities_free(offline->slots[i]->entities);
		free(offline->slots[i]);
	}
	free(offline->slots);
	free(offline->vector.values);
	free(offline->vector.usual);
	feature_set_free(offline->set);
	free(offline);
}

const struct feature_set *offline_set(const struct offline *offline)
{
	return offline->set;
}

const struct pseudonym_options *offline_pseudonym(const struct offline *offline)
{
	return &offline->pseudonym;
}

uint64_t offline_count(const struct offline *offline, enum outcome outcome)
{
	return offline->counts[outcome];
}

/* The index of the first slot of this partition or a later one. */
static size_t place_of(const struct offline *offline, int32_t partition)
{
	size_t low = 0, high = offline->slot_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (offline->slots[middle]->partition < partition)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct watermark *offline_watermark(const struct offline *offline, int32_t partition)
{
	size_t place = place_of(offline, partition);
	bool found = place < offline->slot_count && offline->slots[place]->partition == partition;
	return found ? &offline->slots[place]->watermark : NULL;
}

/* The state of a partition, made where there is none. NULL: out of memory. */
static struct slot *slot_of(struct offline *offline, int32_t partition)
{
	size_t place = place_of(offline, partition);
	if (place < offline->slot_count && offline->slots[place]->partition == partition)
		return offline->slots[place];
	struct slot **slots = realloc(offline->slots, (offline->slot_count + 1) * sizeof *slots);
	if (slots == NULL)
		return NULL;
	offline->slots = slots;
	struct slot *slot = calloc(1, sizeof *slot);
	if (slot == NULL || (slot->entities = entities_new()) == NULL) {
		free(slot);
		return NULL;
	}
	slot->partition = partition;
	watermark_init(&slot->watermark);
	memmove(&slots[place + 1], &slots[place], (offline->slot_count++ - place) * sizeof *slots);
	slots[place] = slot;
	return slot;
}

static struct entity *entity_of(const struct offline *offline, struct slot *slot, struct slice text)
{
	struct entry *entry = entities_make(slot->entities, text, entities_hash(text));
	if (entry == NULL)
		return NULL;
	if (entry->entity == NULL) {
		struct entity *entity = entity_new(offline->set);
		if (entity != NULL)
			entities_set(slot->entities, entry, entity);
	}
	return entry->entity;
}

const char *offline_why(enum reason reason)
{
	switch (reason) {
	case REASON_FUTURE:
		return "its event time is more than max_ahead after its record timestamp";
	case REASON_TOO_LATE:
		return "its event time is before the watermark less allowed_lateness";
	case REASON_FOLDED:
		return "its event time is before the newest event that was folded away";
	default:
		assert(reason == REASON_DUPLICATE);
		return "an event of the same id is in the entity's state already";
	}
}

static int transition(struct offline *offline, struct event_record *record, struct arena *arena,
		      struct offline_result *result, struct err *err)
{
	int status = 0;
	if (pseudonym_apply(&offline->pseudonym, &record->event, arena, err) != 0)
		return -1;
	struct slot *slot = slot_of(offline, record->partition);
	struct entity *entity = slot == NULL ? NULL : entity_of(offline, slot, record->event.entity);
	if (entity == NULL)
		return err_memory(err);
	result->outcome = apply_event(offline->set, entity, &slot->watermark, &record->event, &offline->vector,
				      &result->reason, &status);
	return status == 0 ? 0 : err_memory(err);
}

int offline_apply(struct offline *offline, struct event_record *record, struct arena *arena,
		  struct offline_result *result, struct err *err)
{
	*result = (struct offline_result){.outcome = OUTCOME_INVALID, .reason = record->reason};
	if (record->reason != REASON_NONE) {
		result->message = arena_copy(arena, slice_of(record->err.message)).data;
		if (result->message == NULL)
			return err_memory(err);
	} else if (apply_is_future(feature_set_schema(offline->set), &record->event)) {
		result->outcome = OUTCOME_FUTURE;
		result->reason = REASON_FUTURE;
	} else if (transition(offline, record, arena, result, err) != 0) {
		return -1;
	}
	if (result->outcome == OUTCOME_SCORED)
		result->vector = &offline->vector;
	else if (result->outcome != OUTCOME_INVALID)
		result->message = offline_why(result->reason);
	offline->counts[result->outcome]++;
	return 0;
}

void offline_summary(const struct offline *offline, FILE *stream)
{
	offline_print_summary(offline->counts, stream);
}

void offline_print_summary(const uint64_t counts[OUTCOME_NUMBER], FILE *stream)
{
	uint64_t read = 0;
	for (enum outcome outcome = 0; outcome < OUTCOME_NUMBER; outcome++)
		read += counts[outcome];
	fprintf(stream,
		"read %" PRIu64 ": scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64 ", future %" PRIu64
		", invalid %" PRIu64 "\n",
		read, counts[OUTCOME_SCORED], counts[OUTCOME_DUPLICATE], counts[OUTCOME_TOO_LATE],
		counts[OUTCOME_FUTURE], counts[OUTCOME_INVALID]);
}
