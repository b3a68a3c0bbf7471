#include "daemon/cmd/recorded.h"

#include "daemon/cmd/past.h"
#include "daemon/cmd/published.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct gathering {
	struct recorded_all *all;
	const struct world *world;
	const struct stretch *stretches;
	size_t count;
	enum audit_kind kind;
};

static void copy_id(const json_t *object, const char *name, char id[SHA256_HEX])
{
	const char *text = json_string_value(json_object_get(object, name));
	if (text != NULL && strlen(text) == SHA256_HEX - 1)
		memcpy(id, text, SHA256_HEX);
}

/* The place of these ids; beyond the most that are told apart the last one stands for all. */
static uint16_t rules_of(struct recorded_all *all, const json_t *object)
{
	struct recorded_rules rules = {"", "", ""};
	copy_id(object, "model_id", rules.model_id);
	copy_id(object, "feature_set_id", rules.feature_set_id);
	copy_id(object, "policy_id", rules.policy_id);
	for (size_t i = all->rules_count; i-- > 0;)
		if (memcmp(&all->rules[i], &rules, sizeof rules) == 0)
			return (uint16_t)i;
	if (all->rules_count < RECORDED_RULES_MAX)
		all->rules[all->rules_count++] = rules;
	return (uint16_t)(all->rules_count - 1);
}

static bool is_wanted(const struct gathering *gathering, const json_t *object, struct recorded *recorded)
{
	json_int_t partition = json_integer_value(json_object_get(object, "partition"));
	json_int_t offset = json_integer_value(json_object_get(object, "offset"));
	const char *pipeline = json_string_value(json_object_get(object, "pipeline"));
	if (partition < 0 || (size_t)partition >= gathering->count ||
	    !published_is_of(gathering->world, object, (int32_t)partition, offset))
		return false;
	if (pipeline != NULL && strcmp(pipeline, gathering->world->config->pipeline) != 0)
		return false;
	const struct stretch *stretch = &gathering->stretches[partition];
	recorded->partition = (int32_t)partition;
	recorded->offset = offset;
	return offset >= stretch->from && offset < stretch->to;
}

static int add(struct recorded_all *all, const struct recorded *recorded, struct err *err)
{
	if (all->count == all->capacity) {
		size_t capacity = all->capacity == 0 ? 1024 : 2 * all->capacity;
		struct recorded *more = realloc(all->records, capacity * sizeof *more);
		if (more == NULL)
			return err_memory(err);
		all->records = more;
		all->capacity = capacity;
	}
	all->records[all->count++] = *recorded;
	return 0;
}

static int take(void *context, const struct record *message, struct err *err)
{
	struct gathering *gathering = context;
	struct recorded recorded = {.score = NAN};
	struct err why = {0};
	json_t *object = published_read(gathering->world, message->value, &why);
	int status = 0;
	if (object == NULL) {
		gathering->all->unreadable++;
	} else if (is_wanted(gathering, object, &recorded)) {
		const json_t *score = json_object_get(object, "score");
		bool alert = gathering->kind == AUDIT_ALERT;
		recorded.score = json_is_number(score) ? json_number_value(score) : (double)NAN;
		recorded.flagged = alert || json_is_true(json_object_get(object, "flagged"));
		recorded.has_alert = alert;
		recorded.has_decision = !alert;
		recorded.rules = rules_of(gathering->all, object);
		audit_digest(gathering->kind, message->key, message->value, NULL, 0,
			     alert ? recorded.alert : recorded.decision);
		status = add(gathering->all, &recorded, err);
	}
	json_decref(object);
	return status;
}

static int read_topic(struct gathering *gathering, struct kafka_reader *reader, const char *topic, int64_t earliest_ms,
		      struct err *err)
{
	int32_t count = 0;
	for (int attempt = 0; kafka_reader_partitions(reader, topic, &count, err) != 0; attempt++)
		if (past_given_up(gathering->world, attempt, err))
			return -1;
	for (int32_t i = 0; i < count; i++) {
		struct kafka_range range = {.partition = i};
		int64_t since = 0;
		for (int attempt = 0; kafka_reader_bounds(reader, topic, i, &range.from, &range.to, err) != 0;
		     attempt++)
			if (past_given_up(gathering->world, attempt, err))
				return -1;
		for (int attempt = 0; kafka_reader_offset_at(reader, topic, i, earliest_ms, &since, err) != 0;
		     attempt++)
			if (past_given_up(gathering->world, attempt, err))
				return -1;
		range.from = since > range.from ? since : range.from;
		if (kafka_reader_read(reader, topic, &range, 1, take, gathering, err) != 0)
			return -1;
	}
	return 0;
}

static int by_record(const void *left, const void *right)
{
	const struct recorded *a = left, *b = right;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

/* A record's alert and decision become one; the same kind twice is counted. */
static void join(struct recorded_all *all)
{
	size_t kept = 0;
	if (all->count > 0)
		qsort(all->records, all->count, sizeof *all->records, by_record);
	for (size_t i = 0; i < all->count; i++) {
		const struct recorded *next = &all->records[i];
		struct recorded *last = kept == 0 ? NULL : &all->records[kept - 1];
		if (last == NULL || by_record(last, next) != 0) {
			all->records[kept++] = *next;
			continue;
		}
		all->twice += (last->has_alert && next->has_alert) || (last->has_decision && next->has_decision);
		if (next->has_alert)
			memcpy(last->alert, next->alert, sizeof last->alert);
		if (next->has_decision)
			memcpy(last->decision, next->decision, sizeof last->decision);
		last->has_alert |= next->has_alert;
		last->has_decision |= next->has_decision;
		last->flagged |= next->flagged;
	}
	all->count = kept;
}

int recorded_read(struct recorded_all *all, const struct world *world, struct kafka_reader *reader,
		  const struct stretch *stretches, size_t count, int64_t earliest_ms, struct err *err)
{
	const struct publish_options *publish = &world->config->publish;
	struct gathering gathering = {
	    .all = all, .world = world, .stretches = stretches, .count = count, .kind = AUDIT_ALERT};
	*all = (struct recorded_all){0};
	if (publish->alerts.topic != NULL &&
	    read_topic(&gathering, reader, publish->alerts.topic, earliest_ms, err) != 0)
		return -1;
	gathering.kind = AUDIT_DECISION;
	if (publish->decisions.topic != NULL &&
	    read_topic(&gathering, reader, publish->decisions.topic, earliest_ms, err) != 0)
		return -1;
	join(all);
	return 0;
}

void recorded_free(struct recorded_all *all)
{
	free(all->records);
	*all = (struct recorded_all){0};
}
