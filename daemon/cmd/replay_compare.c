#include "daemon/cmd/replay_compare.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/past.h"
#include "daemon/cmd/past_run.h"
#include "daemon/cmd/recorded.h"
#include "daemon/io/output.h"
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Why a decision is another one now; the first that holds. */
enum cause { CAUSE_MODEL, CAUSE_FEATURE_SET, CAUSE_POLICY, CAUSE_HISTORY, CAUSE_UNRECORDED, CAUSE_DEFECT, CAUSES };
static const char *const cause_names[CAUSES] = {"model", "feature_set", "policy", "history", "unrecorded", "defect"};
static const char *const cause_texts[CAUSES] = {"another model",
						"another feature set",
						"another policy",
						"history is missing from the topic",
						"nothing was published of it, or of a record that gives nothing now",
						"none that is known: a defect, or another state configuration"};

enum change { CHANGE_NEW, CHANGE_GONE, CHANGE_SCORE, CHANGE_OTHER, CHANGES };
static const char *const change_names[CHANGES] = {"new_alert", "alert_gone", "score", "other"};

struct example {
	int32_t partition;
	enum cause cause;
	enum change change;
	bool was_flagged, is_flagged;
	int64_t offset;
	double was, is; /* scores */
};

struct comparing {
	struct world *world;
	const struct replay_compare_options *options;
	struct recorded_all recorded;
	size_t at; /* the next of them */
	const struct stretch *stretch;
	struct recorded_rules rules;                                     /* of now */
	uint8_t alert[AUDIT_DIGEST_BYTES], decision[AUDIT_DIGEST_BYTES]; /* what the item at hand gives */
	struct made {
		int64_t offset;
		bool alert, decision;
		uint8_t alert_digest[AUDIT_DIGEST_BYTES], decision_digest[AUDIT_DIGEST_BYTES];
	} * made; /* what the items of the running batch give, in order */
	size_t made_count;
	uint64_t records, equal, scored, alerts_then, alerts_now;
	uint64_t changes[CHANGES], causes[CAUSES];
	struct example *examples;
	size_t example_count;
	struct common_progress progress;
	uint64_t before, total;
};

static enum cause cause_of(const struct comparing *comparing, const struct recorded *recorded)
{
	if (recorded == NULL)
		return comparing->stretch->cut ? CAUSE_HISTORY : CAUSE_UNRECORDED;
	const struct recorded_rules *then = &comparing->recorded.rules[recorded->rules], *now = &comparing->rules;
	if (strcmp(then->model_id, now->model_id) != 0)
		return CAUSE_MODEL;
	if (strcmp(then->feature_set_id, now->feature_set_id) != 0)
		return CAUSE_FEATURE_SET;
	if (strcmp(then->policy_id, now->policy_id) != 0)
		return CAUSE_POLICY;
	return comparing->stretch->cut ? CAUSE_HISTORY : CAUSE_DEFECT;
}

/* recorded NULL: nothing was published; item NULL: the record gives nothing now. */
static void count_change(struct comparing *comparing, const struct recorded *recorded, const struct item *item)
{
	struct example example = {.was = recorded == NULL ? (double)NAN : recorded->score,
				  .is = item == NULL ? (double)NAN : item->score,
				  .was_flagged = recorded != NULL && recorded->flagged,
				  .is_flagged = item != NULL && item->verdict.flagged,
				  .partition = comparing->stretch->partition,
				  .offset = recorded != NULL ? recorded->offset : item->record->offset};
	bool same_score = example.was == example.is || (isnan(example.was) && isnan(example.is));
	example.change = example.is_flagged && !example.was_flagged   ? CHANGE_NEW
			 : example.was_flagged && !example.is_flagged ? CHANGE_GONE
			 : same_score                                 ? CHANGE_OTHER
								      : CHANGE_SCORE;
	example.cause = item == NULL ? CAUSE_UNRECORDED : cause_of(comparing, recorded);
	comparing->changes[example.change]++;
	comparing->causes[example.cause]++;
	if (comparing->example_count < comparing->options->examples)
		comparing->examples[comparing->example_count++] = example;
}

/* Records of which something was published and that the run has passed without giving anything. */
static void pass(struct comparing *comparing, int64_t below)
{
	const struct recorded_all *all = &comparing->recorded;
	while (comparing->at < all->count) {
		const struct recorded *next = &all->records[comparing->at];
		if (next->partition > comparing->stretch->partition ||
		    (next->partition == comparing->stretch->partition && next->offset >= below))
			return;
		if (next->partition == comparing->stretch->partition)
			count_change(comparing, next, NULL);
		comparing->at++;
	}
}

static bool is_equal(const struct comparing *comparing, const struct recorded *recorded, const struct made *made)
{
	const struct publish_options *publish = &comparing->world->config->publish;
	bool alerts = publish->alerts.topic == NULL ||
		      (recorded->has_alert == made->alert &&
		       (!made->alert || memcmp(recorded->alert, made->alert_digest, AUDIT_DIGEST_BYTES) == 0));
	bool decisions =
	    publish->decisions.topic == NULL ||
	    (recorded->has_decision == made->decision &&
	     (!made->decision || memcmp(recorded->decision, made->decision_digest, AUDIT_DIGEST_BYTES) == 0));
	return alerts && decisions;
}

static void compare_item(struct comparing *comparing, const struct item *item, const struct made *made)
{
	const struct recorded_all *all = &comparing->recorded;
	int64_t offset = item->record->offset;
	pass(comparing, offset);
	const struct recorded *recorded = comparing->at < all->count ? &all->records[comparing->at] : NULL;
	if (recorded != NULL && (recorded->partition != comparing->stretch->partition || recorded->offset != offset))
		recorded = NULL;
	comparing->at += recorded != NULL;
	comparing->alerts_then += recorded != NULL && recorded->flagged;
	comparing->alerts_now += item->verdict.flagged;
	comparing->scored++;
	/* Without decisions nothing is published of what is not flagged: there is nothing to compare. */
	bool silent =
	    comparing->world->config->publish.decisions.topic == NULL && recorded == NULL && !item->verdict.flagged;
	if (silent || (recorded != NULL && is_equal(comparing, recorded, made)))
		comparing->equal++;
	else
		count_change(comparing, recorded, item);
}

static int emit(void *context, const struct batch *batch, const struct message *message, struct err *err)
{
	struct comparing *comparing = context;
	const struct publish_options *publish = &comparing->world->config->publish;
	int64_t offset = batch->publishing->record->offset;
	(void)err;
	bool alert = message->topic == publish->alerts.topic;
	if (!alert && message->topic != publish->decisions.topic)
		return 0;
	struct made *made = comparing->made_count == 0 ? NULL : &comparing->made[comparing->made_count - 1];
	if (made == NULL || made->offset != offset) {
		assert(comparing->made_count < RERUN_RECORDS);
		made = &comparing->made[comparing->made_count++];
		*made = (struct made){.offset = offset};
	}
	audit_digest(alert ? AUDIT_ALERT : AUDIT_DECISION, message->key, message->value, NULL, 0,
		     alert ? made->alert_digest : made->decision_digest);
	made->alert |= alert;
	made->decision |= !alert;
	return 0;
}

static int visit(void *context, const struct batch *batch, struct err *err)
{
	struct comparing *comparing = context;
	size_t next = 0;
	(void)err;
	for (size_t i = 0; i < batch->count; i++) {
		const struct item *item = &batch->items[i];
		struct made made = {.offset = item->record->offset};
		if (item->silent)
			continue;
		comparing->records++;
		if (item->outcome != OUTCOME_SCORED)
			continue;
		if (next < comparing->made_count && comparing->made[next].offset == made.offset)
			made = comparing->made[next++];
		compare_item(comparing, item, &made);
	}
	comparing->made_count = 0;
	return 0;
}

static void progress(void *context, uint64_t records)
{
	struct comparing *comparing = context;
	common_progress_show(&comparing->progress, comparing->before + records, "records", comparing->before + records,
			     comparing->total);
}

/* No record of the stretches has an earlier timestamp; messages carry the timestamps of their records. */
struct earliest {
	int64_t timestamp_ms;
};

static int note_timestamp(void *context, const struct record *record, struct err *err)
{
	struct earliest *earliest = context;
	(void)err;
	if (record->timestamp_ms >= 0 && record->timestamp_ms < earliest->timestamp_ms)
		earliest->timestamp_ms = record->timestamp_ms;
	return 0;
}

static int find_earliest(struct comparing *comparing, struct kafka_reader *reader, const struct stretch *stretches,
			 size_t count, int64_t *earliest_ms, struct err *err)
{
	struct earliest earliest = {INT64_MAX};
	common_progress_begin(&comparing->progress, "looking at timestamps");
	for (size_t i = 0; i < count; i++) {
		const struct kafka_range range = {(int32_t)i, stretches[i].from, stretches[i].to};
		if (kafka_reader_read(reader, comparing->world->config->kafka.input_topic, &range, 1, note_timestamp,
				      &earliest, err) != 0)
			return -1;
	}
	*earliest_ms = earliest.timestamp_ms == INT64_MAX ? 0 : earliest.timestamp_ms;
	return 0;
}

static int run_all(struct comparing *comparing, struct kafka_reader *reader, const struct stretch *stretches,
		   size_t count, struct err *err)
{
	struct world *world = comparing->world;
	size_t message_max = 0;
	for (int attempt = 0; kafka_message_max(&world->config->kafka, &message_max, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	const struct past_run_options run = {.world = world,
					     .champion = &world->champion->champion,
					     .publish = &world->config->publish,
					     .message_max = message_max,
					     .memory_bytes = comparing->options->memory_bytes,
					     .context = comparing,
					     .visit = visit,
					     .emit = emit,
					     .progress = progress};
	for (size_t i = 0; i < count; i++)
		comparing->total += (uint64_t)(stretches[i].to - stretches[i].start);
	common_progress_begin(&comparing->progress, "deciding again");
	for (size_t i = 0; i < count; i++) {
		comparing->stretch = &stretches[i];
		if (stretches[i].from < stretches[i].to && past_run(&run, reader, &stretches[i], NULL, err) != 0)
			return -1;
		pass(comparing, INT64_MAX);
		comparing->before += (uint64_t)(stretches[i].to - stretches[i].start);
	}
	return 0;
}

static uint64_t differences(const struct comparing *comparing)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < CHANGES; i++)
		sum += comparing->changes[i];
	return sum;
}

static void print_summary(const struct comparing *comparing)
{
	printf("compared %" PRIu64 " decisions of %" PRIu64 " records: %" PRIu64 " equal, %" PRIu64 " not\n",
	       comparing->scored, comparing->records, comparing->equal, differences(comparing));
	printf("alerts    %" PRIu64 " were published, %" PRIu64 " are given now: %" PRIu64 " new, %" PRIu64 " gone\n",
	       comparing->alerts_then, comparing->alerts_now, comparing->changes[CHANGE_NEW],
	       comparing->changes[CHANGE_GONE]);
	printf("others    %" PRIu64 " scores changed, %" PRIu64 " differ otherwise\n", comparing->changes[CHANGE_SCORE],
	       comparing->changes[CHANGE_OTHER]);
	for (size_t i = 0; i < CAUSES; i++)
		if (comparing->causes[i] > 0)
			printf("cause     %" PRIu64 ": %s\n", comparing->causes[i], cause_texts[i]);
	for (size_t i = 0; i < comparing->example_count; i++) {
		const struct example *example = &comparing->examples[i];
		printf("  %" PRId32 ":%" PRId64 "  %s (%s)  score %.6f, was %.6f%s\n", example->partition,
		       example->offset, change_names[example->change], cause_names[example->cause], example->is,
		       example->was, example->is_flagged ? ", flagged" : "");
	}
}

static void write_examples(struct json *json, const struct comparing *comparing)
{
	json_name(json, "examples");
	json_open_array(json);
	for (size_t i = 0; i < comparing->example_count; i++) {
		const struct example *example = &comparing->examples[i];
		json_open_object(json);
		json_name(json, "partition");
		json_add_integer(json, example->partition);
		json_name(json, "offset");
		json_add_integer(json, example->offset);
		json_name(json, "change");
		json_add_string(json, change_names[example->change]);
		json_name(json, "cause");
		json_add_string(json, cause_names[example->cause]);
		json_name(json, "was_flagged");
		json_add_boolean(json, example->was_flagged);
		json_name(json, "is_flagged");
		json_add_boolean(json, example->is_flagged);
		json_name(json, "was_score");
		json_add_number(json, example->was);
		json_name(json, "is_score");
		json_add_number(json, example->is);
		json_close_object(json);
	}
	json_close_array(json);
}

static void integer(struct json *json, const char *name, uint64_t value)
{
	json_name(json, name);
	json_add_integer(json, (int64_t)value);
}

static int write_report(const struct comparing *comparing, struct err *err)
{
	struct output output;
	struct json json;
	if (output_open(&output, comparing->options->report, err) != 0)
		return -1;
	json_begin(&json, &output.buffer);
	json_open_object(&json);
	integer(&json, "records", comparing->records);
	integer(&json, "decisions", comparing->scored);
	integer(&json, "equal", comparing->equal);
	integer(&json, "differences", differences(comparing));
	integer(&json, "alerts_recorded", comparing->alerts_then);
	integer(&json, "alerts_now", comparing->alerts_now);
	json_name(&json, "changes");
	json_open_object(&json);
	for (size_t i = 0; i < CHANGES; i++)
		integer(&json, change_names[i], comparing->changes[i]);
	json_close_object(&json);
	json_name(&json, "causes");
	json_open_object(&json);
	for (size_t i = 0; i < CAUSES; i++)
		integer(&json, cause_names[i], comparing->causes[i]);
	json_close_object(&json);
	integer(&json, "unreadable", comparing->recorded.unreadable);
	integer(&json, "published_twice", comparing->recorded.twice);
	write_examples(&json, comparing);
	json_close_object(&json);
	buffer_add_byte(&output.buffer, '\n');
	return output_close(&output, err);
}

static int conclude(struct comparing *comparing, struct err *err)
{
	const char *report = comparing->options->report;
	if (report == NULL || strcmp(report, "-") != 0)
		print_summary(comparing);
	if (report != NULL && write_report(comparing, err) != 0)
		return -1;
	if (differences(comparing) > 0)
		return err_set(err, ERR_DATA, "%" PRIu64 " decisions differ from what was published",
			       differences(comparing));
	return 0;
}

static int prepare(struct comparing *comparing, struct err *err)
{
	struct world *world = comparing->world;
	struct err why = {0};
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL || world_codec(world, err) != 0)
		return -1;
	if (world->champion->model == NULL)
		fprintf(stderr, "outlierd replay: no model can be used, rules alone decide: %s\n",
			err_is_set(&why) ? why.message : "no model.directory is configured");
	for (int attempt = 0; world_register(world, err) != 0; attempt++)
		if (past_given_up(world, attempt, err))
			return -1;
	const struct model *model = world->champion->model;
	snprintf(comparing->rules.model_id, SHA256_HEX, "%s", model == NULL ? "" : model->id);
	snprintf(comparing->rules.feature_set_id, SHA256_HEX, "%s", feature_set_id(world->set));
	snprintf(comparing->rules.policy_id, SHA256_HEX, "%s", policy_id(world->champion->policy));
	comparing->made = calloc(RERUN_RECORDS, sizeof *comparing->made);
	comparing->examples = calloc(comparing->options->examples + 1, sizeof *comparing->examples);
	return comparing->made == NULL || comparing->examples == NULL ? err_memory(err) : 0;
}

int replay_compare(struct world *world, const struct replay_compare_options *options, struct err *err)
{
	struct comparing comparing = {.world = world, .options = options};
	struct kafka_reader *reader = NULL;
	struct stretch *stretches = NULL;
	size_t count = 0;
	int64_t earliest_ms;
	int status = prepare(&comparing, err);
	if (status == 0 && (reader = kafka_reader_new(&world->config->kafka, err)) == NULL)
		status = -1;
	if (status == 0)
		status = stretch_resolve(world, reader, &options->edges[0], &options->edges[1], options->warm_up_ms,
					 &stretches, &count, err);
	if (status == 0)
		status = find_earliest(&comparing, reader, stretches, count, &earliest_ms, err);
	if (status == 0)
		status = recorded_read(&comparing.recorded, world, reader, stretches, count, earliest_ms, err);
	if (status == 0)
		status = run_all(&comparing, reader, stretches, count, err);
	common_progress_end(&comparing.progress);
	if (status == 0)
		status = conclude(&comparing, err);
	kafka_reader_free(reader);
	recorded_free(&comparing.recorded);
	free(comparing.made);
	free(comparing.examples);
	free(stretches);
	return status;
}
