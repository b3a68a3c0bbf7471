#include "daemon/pipeline/publish.h"

#include "daemon/pipeline/amended.h"
#include "daemon/pipeline/enriched.h"
#include "number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ALERT_TYPE "outlierd.alert.v1"
#define OWN_HEADERS 1024 /* bytes of our headers and Kafka's framing, generously */

struct contribution {
	size_t column; /* of the model */
	double value;  /* a_i */
};

struct publisher {
	const struct publish_options *options;
	const struct feature_set *set;
	size_t message_max;
	struct buffer value, text;
	double *row, *phi;                  /* FOREST_COLUMNS_MAX */
	struct contribution *contributions; /* likewise */
	size_t *fields;                     /* those an alert carries */
	size_t field_count;
	struct enricher *enricher; /* NULL: nothing is enriched */
	struct amender *amender;   /* NULL: nothing is amended */
};

size_t publish_amendments_most(const struct publish_options *options)
{
	return options->amendments.topic == NULL ? 0 : options->amendments_most;
}

static void choose_fields(struct publisher *publisher)
{
	const struct event_schema *schema = feature_set_schema(publisher->set);
	const struct publish_options *options = publisher->options;
	for (size_t i = 0; i < schema->field_count; i++) {
		bool wanted = options->alert_fields == NULL;
		for (size_t j = 0; j < options->alert_field_count && !wanted; j++)
			wanted = strcmp(options->alert_fields[j], schema->fields[i].name) == 0;
		if (wanted)
			publisher->fields[publisher->field_count++] = i;
	}
}

struct publisher *publisher_new(const struct publish_options *options, const struct feature_set *set)
{
	struct publisher *publisher = calloc(1, sizeof *publisher);
	if (publisher == NULL)
		return NULL;
	publisher->options = options;
	publisher->set = set;
	publisher->message_max = options->message_max;
	buffer_init(&publisher->value);
	buffer_init(&publisher->text);
	publisher->row = calloc(FOREST_COLUMNS_MAX, sizeof(double));
	publisher->phi = calloc(FOREST_COLUMNS_MAX, sizeof(double));
	publisher->contributions = calloc(FOREST_COLUMNS_MAX, sizeof(struct contribution));
	publisher->fields = calloc(EVENT_FIELDS_MAX, sizeof(size_t));
	if (options->enriched.topic != NULL)
		publisher->enricher = enricher_new(options, set);
	if (options->amendments.topic != NULL)
		publisher->amender = amender_new(options, set);
	if ((options->enriched.topic != NULL && publisher->enricher == NULL) ||
	    (options->amendments.topic != NULL && publisher->amender == NULL) || publisher->row == NULL ||
	    publisher->phi == NULL || publisher->contributions == NULL || publisher->fields == NULL) {
		publisher_free(publisher);
		return NULL;
	}
	choose_fields(publisher);
	return publisher;
}

void publisher_free(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	buffer_free(&publisher->value);
	buffer_free(&publisher->text);
	free(publisher->row);
	free(publisher->phi);
	free(publisher->contributions);
	free(publisher->fields);
	enricher_free(publisher->enricher);
	amender_free(publisher->amender);
	free(publisher);
}

void publisher_message_max(struct publisher *publisher, size_t bytes)
{
	publisher->message_max = bytes;
}

static const char *model_id_of(const struct champion *champion)
{
	return champion->model == NULL ? NULL : champion->model->id;
}

/* The SHA-256 of what was written into the text; a part of it would make another id. */
static int hash_text(const struct publisher *publisher, char id[SHA256_HEX], struct err *err)
{
	if (buffer_failed(&publisher->text))
		return err_memory(err);
	sha256_hex(buffer_slice(&publisher->text), id);
	return 0;
}

/* SHA-256 of a canonical array that names the decision, so that the same decision has the same id wherever it is made. */
static int alert_id(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		    char id[SHA256_HEX], struct err *err)
{
	struct json json;
	buffer_reset(&publisher->text);
	json_begin(&json, &publisher->text);
	json_open_array(&json);
	json_add_string(&json, "alert");
	json_add_string(&json, publisher->options->pipeline);
	json_add_string(&json, publisher->options->input_topic);
	json_add_integer(&json, scored->partition);
	json_add_integer(&json, scored->event->offset);
	json_add_string(&json, model_id_of(champion));
	json_add_string(&json, feature_set_id(publisher->set));
	json_add_string(&json, policy_id(champion->policy));
	json_close_array(&json);
	return hash_text(publisher, id, err);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && a < 0);
}

static int group_id(struct publisher *publisher, const struct event *event, char id[SHA256_HEX], struct err *err)
{
	int64_t cooldown = publisher->options->cooldown_ms > 0 ? publisher->options->cooldown_ms : 1;
	struct json json;
	buffer_reset(&publisher->text);
	json_begin(&json, &publisher->text);
	json_open_array(&json);
	json_add_string(&json, "group");
	json_add_string(&json, publisher->options->pipeline);
	json_add_text(&json, event->entity);
	json_add_integer(&json, floor_div(event->time_ms, cooldown));
	json_close_array(&json);
	return hash_text(publisher, id, err);
}

static size_t bit_count(uint64_t bits)
{
	return (size_t)__builtin_popcountll(bits);
}

void publish_flags(struct writer *writer, unsigned flags)
{
	size_t count = bit_count(flags);
	writer_array(writer, "flags", count);
	for (unsigned i = 0; i < FLAG_NUMBER; i++)
		if (flags & 1u << i)
			writer_text(writer, NULL, slice_of(flag_name(i)));
	writer_array_end(writer, count);
}

static void write_rules(struct writer *writer, const struct champion *champion, uint64_t rules)
{
	size_t count = bit_count(rules);
	writer_array(writer, "rules", count);
	for (size_t i = 0; i < RULES_MAX; i++) {
		if (!(rules >> i & 1))
			continue;
		const struct rule_options *rule = policy_rule(champion->policy, i);
		writer_record(writer, NULL);
		writer_text(writer, "name", slice_of(rule->name));
		writer_text(writer, "reason", slice_of(rule->reason));
		writer_record_end(writer);
	}
	writer_array_end(writer, count);
}

static int larger_first(const void *a, const void *b)
{
	const struct contribution *left = a, *right = b;
	double x = fabs(left->value), y = fabs(right->value);
	if (x != y)
		return x < y ? 1 : -1;
	return left->column < right->column ? -1 : left->column > right->column;
}

/* The largest contributions that are not 0; none where the path is not shorter than usual: then there is no evidence. */
static size_t explain(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		      double *base)
{
	const struct model *model = champion->model;
	assert(model->feature_count <= FOREST_COLUMNS_MAX);
	size_t count = 0;
	double phi_base, sum = 0;
	for (size_t i = 0; i < model->feature_count; i++)
		publisher->row[i] = scored->vector.values[champion->columns == NULL ? i : champion->columns[i]];
	explainer_row(champion->explainer, publisher->row, publisher->phi, &phi_base);
	*base = explainer_log2(model->forest, phi_base);
	for (size_t i = 0; i < model->feature_count; i++) {
		sum += publisher->phi[i];
		double value = explainer_log2(model->forest, publisher->phi[i]);
		if (value != 0)
			publisher->contributions[count++] = (struct contribution){i, value};
	}
	if (sum >= 0)
		return 0;
	qsort(publisher->contributions, count, sizeof(struct contribution), larger_first);
	return count < publisher->options->contributions ? count : publisher->options->contributions;
}

static void write_contribution(struct publisher *publisher, struct writer *writer, const struct champion *champion,
			       const struct scored *scored, const struct contribution *contribution)
{
	size_t column = contribution->column;
	size_t feature = champion->columns == NULL ? column : champion->columns[column];
	const struct feature_reference *reference = &champion->model->references[column];
	const struct usual *usual = scored->vector.usual == NULL ? NULL : &scored->vector.usual[feature];
	writer_record(writer, NULL);
	writer_text(writer, "feature", slice_of(feature_set_name(publisher->set, feature)));
	writer_nullable_double(writer, "value", scored->vector.values[feature]);
	writer_nullable_double(writer, "contribution", contribution->value);
	writer_nullable_double(writer, "p5", reference->p5);
	writer_nullable_double(writer, "median", reference->median);
	writer_nullable_double(writer, "p95", reference->p95);
	writer_nullable_count(writer, "entity_n", usual == NULL ? -1 : usual->n);
	writer_nullable_double(writer, "entity_mean", usual == NULL || usual->n < 1 ? (double)NAN : usual->mean);
	writer_record_end(writer);
}

static void write_contributions(struct publisher *publisher, struct writer *writer, const struct champion *champion,
				const struct scored *scored)
{
	if (champion->model == NULL) {
		writer_null(writer, "base");
		writer_null(writer, "contributions");
		return;
	}
	double base;
	size_t count = explain(publisher, champion, scored, &base);
	writer_nullable_double(writer, "base", base);
	writer_nullable_array(writer, "contributions", count);
	for (size_t i = 0; i < count; i++)
		write_contribution(publisher, writer, champion, scored, &publisher->contributions[i]);
	writer_array_end(writer, count);
}

struct slice publish_cut(struct slice text)
{
	if (text.length <= PUBLISH_TEXT_MAX)
		return text;
	const uint8_t *bytes = text.data;
	size_t length = PUBLISH_TEXT_MAX;
	while (length > 0 && (bytes[length] & 0xc0) == 0x80)
		length--;
	return (struct slice){bytes, length};
}

static void write_fields(struct publisher *publisher, struct writer *writer, const struct event *event)
{
	const struct event_schema *schema = feature_set_schema(publisher->set);
	writer_map(writer, "fields", publisher->field_count);
	for (size_t i = 0; i < publisher->field_count; i++) {
		const struct field *field = &schema->fields[publisher->fields[i]];
		const struct value *value = &event->values[publisher->fields[i]];
		writer_key(writer, field->name);
		if (!value->present)
			writer_union_null(writer);
		else if (field->type == FIELD_BOOLEAN)
			writer_union_boolean(writer, value->units != 0);
		else if (field_kind(field) == VALUE_TEXT)
			writer_union_text(writer, publish_cut(value->text));
		else
			writer_union_double(writer, field_major(field, value));
	}
	writer_map_end(writer, publisher->field_count);
}

static void write_score(struct writer *writer, const struct scored *scored)
{
	writer_nullable_double(writer, "score", scored->score);
	writer_nullable_double(writer, "rank", scored->rank);
}

static void write_ids(struct publisher *publisher, struct writer *writer, const struct champion *champion)
{
	writer_nullable_text(writer, "model_id", model_id_of(champion));
	writer_text(writer, "feature_set_id", slice_of(feature_set_id(publisher->set)));
	writer_text(writer, "policy_id", slice_of(policy_id(champion->policy)));
}

static void write_coordinates(struct publisher *publisher, struct writer *writer, const struct scored *scored)
{
	writer_text(writer, "topic", slice_of(publisher->options->input_topic));
	writer_long(writer, "partition", scored->partition);
	writer_long(writer, "offset", scored->event->offset);
	writer_long(writer, "event_time", scored->event->time_ms);
}

static const struct header *find_header(const struct record *record, const char *name)
{
	for (size_t i = 0; record != NULL && i < record->header_count; i++)
		if (strcmp(record->headers[i].name, name) == 0 && record->headers[i].value.data != NULL)
			return &record->headers[i];
	return NULL;
}

struct header_list {
	struct header *headers;
	size_t count, capacity;
	struct arena *arena;
	bool failed;
};

static void list_begin(struct header_list *list, size_t capacity, struct arena *arena)
{
	*list = (struct header_list){.arena = arena, .capacity = capacity};
	list->headers = arena_take(arena, capacity * sizeof(struct header));
	list->failed = list->headers == NULL;
}

static void list_add(struct header_list *list, const char *name, struct slice value)
{
	struct slice copy = arena_copy(list->arena, value);
	if (list->failed || copy.data == NULL) {
		list->failed = true;
		return;
	}
	assert(list->count < list->capacity);
	list->headers[list->count++] = (struct header){name, copy};
}

static void list_add_text(struct header_list *list, const char *name, const char *value)
{
	list_add(list, name, slice_of(value));
}

static int finish(struct publisher *publisher, struct header_list *list, struct slice key, struct arena *arena,
		  struct message *message, struct err *err)
{
	message->value = arena_copy(arena, buffer_slice(&publisher->value));
	message->key = key.data == NULL ? key : arena_copy(arena, key);
	message->headers = list->headers;
	message->header_count = list->count;
	bool failed = buffer_failed(&publisher->value) || buffer_failed(&publisher->text) || list->failed ||
		      message->value.data == NULL || (key.data != NULL && message->key.data == NULL);
	return failed ? err_memory(err) : 0;
}

static void alert_headers(struct publisher *publisher, struct header_list *list, const char *id,
			  const struct scored *scored, const struct record *record)
{
	char time[NUMBER_TEXT_MAX], source[300];
	time_format_rfc3339(scored->event->time_ms, time);
	snprintf(source, sizeof source, "/pipeline/%.256s", publisher->options->pipeline);
	list_add_text(list, "ce_specversion", "1.0");
	list_add_text(list, "ce_id", id);
	list_add_text(list, "ce_source", source);
	list_add_text(list, "ce_type", ALERT_TYPE);
	list_add_text(list, "ce_time", time);
	list_add_text(list, "content-type",
		      publisher->options->alerts.format == FORMAT_JSON ? "application/json" : "application/avro");
	static const char *const passed_on[] = {"traceparent", "tracestate"};
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
		const struct header *header = find_header(record, passed_on[i]);
		if (header != NULL)
			list_add(list, passed_on[i], header->value);
	}
}

static void write_alert(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
			const char *id, const char *group)
{
	const struct publish_options *options = publisher->options;
	struct writer writer;
	buffer_reset(&publisher->value);
	writer_begin(&writer, options->alerts.format, options->alerts.schema_id, &publisher->value);
	writer_record(&writer, NULL);
	writer_long(&writer, "schema_version", 1);
	writer_text(&writer, "alert_id", slice_of(id));
	writer_text(&writer, "group_id", slice_of(group));
	writer_text(&writer, "pipeline", slice_of(options->pipeline));
	writer_text(&writer, "entity", scored->event->entity);
	writer_text(&writer, "event_id", scored->event->id);
	write_coordinates(publisher, &writer, scored);
	write_score(&writer, scored);
	writer_nullable_double(&writer, "threshold", policy_resolved_threshold(champion->policy));
	write_ids(publisher, &writer, champion);
	publish_flags(&writer, scored->flags);
	write_rules(&writer, champion, scored->verdict.rules);
	write_contributions(publisher, &writer, champion, scored);
	write_fields(publisher, &writer, scored->event);
	writer_record_end(&writer);
}

int publisher_alert(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		    const struct record *record, struct arena *arena, struct message *message, struct err *err)
{
	const struct publish_options *options = publisher->options;
	char id[SHA256_HEX], group[SHA256_HEX];
	struct header_list headers;
	assert(options->alerts.topic != NULL && scored->verdict.flagged);
	if (alert_id(publisher, champion, scored, id, err) != 0 || group_id(publisher, scored->event, group, err) != 0)
		return -1;
	write_alert(publisher, champion, scored, id, group);
	if (publisher->value.length + OWN_HEADERS > publisher->message_max) {
		/* Many long texts: an alert without its fields is better than none. */
		size_t fields = publisher->field_count;
		publisher->field_count = 0;
		write_alert(publisher, champion, scored, id, group);
		publisher->field_count = fields;
	}
	list_begin(&headers, 8, arena);
	alert_headers(publisher, &headers, id, scored, record);
	*message = (struct message){.topic = options->alerts.topic, .timestamp_ms = scored->event->timestamp_ms};
	return finish(publisher, &headers, scored->event->entity, arena, message, err);
}

int publisher_decision(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		       struct arena *arena, struct message *message, struct err *err)
{
	const struct publish_options *options = publisher->options;
	struct writer writer;
	struct header_list headers = {.arena = arena};
	assert(options->decisions.topic != NULL);
	buffer_reset(&publisher->value);
	writer_begin(&writer, options->decisions.format, options->decisions.schema_id, &publisher->value);
	writer_record(&writer, NULL);
	writer_long(&writer, "schema_version", 1);
	writer_text(&writer, "event_id", scored->event->id);
	writer_text(&writer, "entity", scored->event->entity);
	write_coordinates(publisher, &writer, scored);
	write_score(&writer, scored);
	writer_boolean(&writer, "flagged", scored->verdict.flagged);
	publish_flags(&writer, scored->flags);
	write_ids(publisher, &writer, champion);
	writer_record(&writer, "features");
	for (size_t i = 0; i < feature_set_count(publisher->set); i++)
		writer_nullable_double(&writer, feature_set_name(publisher->set, i), scored->vector.values[i]);
	writer_record_end(&writer);
	writer_record_end(&writer);
	*message = (struct message){.topic = options->decisions.topic, .timestamp_ms = scored->event->timestamp_ms};
	return finish(publisher, &headers, scored->event->entity, arena, message, err);
}

bool publisher_enriches(const struct publisher *publisher, const struct event *event)
{
	return publisher->enricher != NULL && enricher_takes(publisher->enricher, event);
}

int publisher_enriched(struct publisher *publisher, const struct champion *champion, const struct scored *scored,
		       struct arena *arena, struct message *message, struct err *err)
{
	return enricher_message(publisher->enricher, champion, scored, arena, message, err);
}

int publisher_amendment(struct publisher *publisher, const struct champion *champion, const struct amendment *amendment,
			int32_t partition, const struct event *late, struct arena *arena, struct message *message,
			struct err *err)
{
	return amender_message(publisher->amender, champion, amendment, partition, late, arena, message, err);
}

static size_t size_of(const struct record *record)
{
	size_t size = record->key.length + record->value.length;
	for (size_t i = 0; i < record->header_count; i++)
		size += strlen(record->headers[i].name) + record->headers[i].value.length + 16;
	return size;
}

/* What stands for a record that must not, or cannot, go out whole. */
static void write_replacement(struct publisher *publisher, const struct record *record, const char *reason)
{
	char hash[SHA256_HEX];
	struct json json;
	sha256_hex(record->value, hash);
	json_begin(&json, &publisher->value);
	json_open_object(&json);
	json_name(&json, "topic");
	json_add_string(&json, publisher->options->input_topic);
	json_name(&json, "partition");
	json_add_integer(&json, record->partition);
	json_name(&json, "offset");
	json_add_integer(&json, record->offset);
	json_name(&json, "reason");
	json_add_string(&json, reason);
	json_name(&json, "bytes");
	json_add_integer(&json, (int64_t)record->value.length);
	json_name(&json, "sha256");
	json_add_string(&json, hash);
	json_close_object(&json);
}

static void letter_headers(struct publisher *publisher, struct header_list *list, const struct record *record,
			   enum reason reason, const char *why, const char *replaced)
{
	char number[NUMBER_TEXT_MAX];
	for (size_t i = 0; replaced == NULL && i < record->header_count; i++) {
		if (list->failed)
			return;
		list->headers[list->count++] = record->headers[i];
	}
	list_add_text(list, "__connect.errors.topic", publisher->options->input_topic);
	snprintf(number, sizeof number, "%" PRId32, record->partition);
	list_add_text(list, "__connect.errors.partition", number);
	snprintf(number, sizeof number, "%" PRId64, record->offset);
	list_add_text(list, "__connect.errors.offset", number);
	list_add_text(list, "__connect.errors.connector.name", publisher->options->pipeline);
	list_add_text(list, "__connect.errors.task.id", "0");
	list_add_text(list, "__connect.errors.stage", reason_name(reason));
	list_add_text(list, "__connect.errors.class.name", "outlierd");
	list_add_text(list, "__connect.errors.exception.class.name", reason_name(reason));
	list_add_text(list, "__connect.errors.exception.message", why);
	list_add_text(list, "outlierd.reason", reason_name(reason));
	if (replaced != NULL)
		list_add_text(list, "outlierd.replaced", replaced);
}

int publisher_letter(struct publisher *publisher, const struct record *record, enum reason reason, const char *why,
		     struct arena *arena, struct message *message, struct err *err)
{
	const struct publish_options *options = publisher->options;
	bool late = reason == REASON_TOO_LATE || reason == REASON_FOLDED;
	const char *replaced = options->pseudonymized ? "privacy" : NULL;
	struct header_list headers;
	if (replaced == NULL && size_of(record) + strlen(why) + OWN_HEADERS > publisher->message_max)
		replaced = "size";
	list_begin(&headers, record->header_count + 12, arena);
	letter_headers(publisher, &headers, record, reason, why, replaced);
	*message = (struct message){.topic = late ? options->late_topic : options->dead_letter_topic,
				    .timestamp_ms = record->timestamp_ms};
	buffer_reset(&publisher->value);
	if (replaced == NULL) {
		message->key = record->key;
		message->value = record->value;
		message->headers = headers.headers;
		message->header_count = headers.count;
		return headers.failed ? err_memory(err) : 0;
	}
	write_replacement(publisher, record, reason_name(reason));
	struct slice none = {NULL, 0};
	bool keep_key = !options->pseudonymized && record->key.length <= EVENT_ENTITY_MAX;
	return finish(publisher, &headers, keep_key ? record->key : none, arena, message, err);
}
