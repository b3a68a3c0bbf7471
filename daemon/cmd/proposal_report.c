/* Why the configuration is as it is: a page for whoever takes it over. Names of fields and counts, never values. */
#include "daemon/cmd/proposal_text.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define FEW_RECORDS 1000

static const char *path_of(const struct survey *survey, int field)
{
	return field < 0 ? "unchecked" : survey->fields[field].path;
}

static void choice(const struct survey *survey, const char *key, const struct proposal_choice *found,
		   struct buffer *out)
{
	buffer_add_format(out, "| `event.%s` | `%s` | %s | %s |\n", key, path_of(survey, found->field), found->why,
			  found->others[0] == '\0' ? "–" : found->others);
}

static void add_event(const struct survey *survey, const struct proposal *proposal, struct buffer *out)
{
	char behind[NUMBER_TEXT_MAX], most[NUMBER_TEXT_MAX], ahead[NUMBER_TEXT_MAX], lateness[NUMBER_TEXT_MAX],
	    max_ahead[NUMBER_TEXT_MAX];
	proposal_span(proposal->behind_ms, behind);
	proposal_span(proposal->behind_most_ms, most);
	proposal_span(proposal->ahead_ms, ahead);
	duration_format(proposal->allowed_lateness_ms, lateness);
	duration_format(proposal->max_ahead_ms, max_ahead);
	buffer_add_text(out, "\n## The event\n\n| key | proposed | why | also possible |\n|---|---|---|---|\n");
	choice(survey, "id", &proposal->id, out);
	choice(survey, "time", &proposal->time, out);
	choice(survey, "entity", &proposal->entity, out);
	choice(survey, "key", &proposal->key, out);
	buffer_add_format(
	    out,
	    "| `event.allowed_lateness` | `%s` | 99.9 %% of the sampled events are at most %s behind their "
	    "partition's watermark (the most: %s), rounded up; from 1m to 1d | longer: nothing is lost, state "
	    "is larger |\n"
	    "| `event.max_ahead` | `%s` | 99.9 %% of the event times are at most %s after their record's "
	    "timestamp, rounded up; at least 5m | – |\n",
	    lateness, behind, most, max_ahead, ahead);
}

static void add_fields(const struct survey *survey, const struct proposal *proposal, struct buffer *out)
{
	buffer_add_text(out, "\n## Its fields\n\n| name | path | type | why |\n|---|---|---|---|\n");
	for (size_t i = 0; i < proposal->field_count; i++) {
		const struct proposal_field *field = &proposal->fields[i];
		buffer_add_format(out, "| `%s` | `%s` | %s", field->name, path_of(survey, field->field), field->type);
		if (field->scale >= 0)
			buffer_add_format(out, ", scale %d", field->scale);
		buffer_add_format(out, "%s | %s |\n", field->minor ? ", minor" : "", field->why);
	}
	buffer_add_format(out, "\nMoney: %s.%s%s\n", proposal->money.why,
			  proposal->money.others[0] == '\0' ? "" : " Also considered: ", proposal->money.others);
	buffer_add_text(out, "\n<details><summary>All fields of the schema</summary>\n\n"
			     "| field | type | not null | different values |\n|---|---|--:|--:|\n");
	for (size_t i = 0; i < survey->field_count; i++) {
		const struct survey_field *field = &survey->fields[i];
		buffer_add_format(out, "| `%s` | %s%s | %.1f %% | %zu |\n", field->path, survey_kind_name(field->kind),
				  field->mixed                       ? ", another in some schemas"
				  : field->schemas < survey->schemas ? ", not in all schemas"
								     : "",
				  100.0 * (double)field->present / (double)survey->count, field->distinct);
	}
	buffer_add_text(out, "\n</details>\n");
}

static void number(struct buffer *out, double value)
{
	if (isnan(value))
		buffer_add_text(out, " – |");
	else
		buffer_add_format(out, " %.4g |", value);
}

static void add_features(const struct proposal *proposal, const struct trial_column *columns, struct buffer *out)
{
	buffer_add_format(
	    out,
	    "\n## Features\n\nWindows: %s. Longer ones suit slow habits better: change them once the topic "
	    "is older, with a new `state.redis.namespace`, and train again.\n\n",
	    proposal->windows_why);
	if (proposal->feature_count < PROPOSAL_FEATURES)
		buffer_add_format(out,
				  "The schema gives %zu features, not %d: it has no further field to make some of.\n\n",
				  proposal->feature_count, PROPOSAL_FEATURES);
	buffer_add_text(out, "| feature | tells | missing | median | 99.9 % |\n|---|---|--:|--:|--:|\n");
	for (size_t i = 0; i < proposal->feature_count; i++) {
		const struct trial_column *column = &columns[i];
		buffer_add_format(out, "| `%s` | %s | %.1f %% |", proposal->features[i].name, proposal->features[i].why,
				  100 * column->missing);
		number(out, column->median);
		number(out, column->quantile_999);
		buffer_add_byte(out, '\n');
	}
	buffer_add_text(out,
			"\nThe numbers are of the sample, whose windows begin empty: in the whole topic counts are "
			"higher.\n");
}

static void add_rules(const struct proposal *proposal, const struct trial *trial, struct buffer *out)
{
	buffer_add_text(out, "\n## Rules\n\nThey flag without a model: `run` begins with them alone (flag `fallback`). "
			     "Limits of amounts and "
			     "counts are at least what 99 % and 99.9 % of the sample stay below.\n\n"
			     "| rule | holds where | in the sample |\n|---|---|--:|\n");
	for (size_t i = 0; i < proposal->rule_count; i++) {
		const struct proposal_rule *rule = &proposal->rules[i];
		buffer_add_format(out, "| `%s` | `%s` above %.4g", rule->name, rule->feature, rule->above);
		if (rule->also[0] != '\0')
			buffer_add_format(out, " and `%s` above %.4g", rule->also, rule->also_above);
		buffer_add_format(out, " | %zu of %zu |\n", rule->held, trial->rows);
	}
}

static void add_doubts(const struct survey *survey, const struct proposal *proposal, const struct proposal_facts *facts,
		       struct buffer *out)
{
	const uint64_t *outcomes = facts->trial->outcomes;
	buffer_add_text(out, "\n## What to check\n\n");
	buffer_add_format(out,
			  "* Of the sample %" PRIu64 " would be scored, %" PRIu64 " duplicates, %" PRIu64
			  " too late, %" PRIu64 " from the future, %" PRIu64 " invalid",
			  outcomes[OUTCOME_SCORED], outcomes[OUTCOME_DUPLICATE], outcomes[OUTCOME_TOO_LATE],
			  outcomes[OUTCOME_FUTURE], outcomes[OUTCOME_INVALID]);
	if (err_is_set(&facts->trial->invalid))
		buffer_add_format(out, " (the first: %s)", facts->trial->invalid.message);
	buffer_add_text(out, ".\n");
	if (facts->unreadable > 0)
		buffer_add_format(out, "* %zu more records could not be read: %s.\n", facts->unreadable,
				  facts->unreadable_why);
	if (survey->count < FEW_RECORDS)
		buffer_add_format(out,
				  "* The sample is small: %zu records. Choices rest on names more than on what was "
				  "seen; run `init` again when there are more.\n",
				  survey->count);
	if (proposal->one_partition_each)
		buffer_add_text(out,
				"* `event.key` is unchecked. If two producers send one entity to two partitions, each "
				"half has a history of its own, and nobody is told.\n");
	if (facts->partitioner != NULL)
		buffer_add_format(
		    out,
		    "* All keys lie where `%s` puts them: `\"partitioner\": \"%s\"` in `event` makes sure "
		    "that it stays so, if that holds for the whole topic.\n",
		    facts->partitioner, facts->partitioner);
	if (proposal->card_like || proposal->iban_like)
		buffer_add_format(out,
				  "* The entity looks like %s. `privacy` keeps it out of Redis and of everything "
				  "published: `\"privacy\": { \"key_file\": \"pseudonym-key\", \"pseudonymize\": "
				  "[\"entity\"] }`, to be decided before the first run.\n",
				  proposal->card_like ? "a card number" : "an account number (IBAN)");
	if (proposal->money.field >= 0)
		buffer_add_text(
		    out, "* The money's scale: is `amount` in an alert what the customer paid? Amounts of several "
			 "currencies are compared as if they were one.\n");
	for (size_t i = 0; i < proposal->feature_count; i++)
		if (strcmp(proposal->features[i].name, "hour") == 0)
			buffer_add_text(out, "* Hours are UTC; `utc_offset` says where the customers live.\n");
	buffer_add_text(out, "* `policy.threshold` flags one event in a hundred of the training rows, once there "
			     "is a model.\n* Redis: its address, and a user with a password file where it asks for one "
			     "(`state.redis`).\n");
}

void proposal_report(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		     const struct proposal_facts *facts, struct buffer *out)
{
	buffer_add_format(
	    out,
	    "# Why `%s` is as it is\n\n`outlierd init` has proposed it from %zu records of the topic `%s` "
	    "(%" PRId32 " partitions, about %" PRIu64 " records, %u %s). This page tells what was seen; it "
	    "names fields and counts, and no value of a record. Every key: docs/configuration.md.\n\n## Next\n\n",
	    facts->config_path, survey->count, place->topic, facts->partitions, facts->topic_records, survey->schemas,
	    survey->schemas == 1 ? "schema" : "schemas");
	if (facts->missing_count > 0 && !facts->created) {
		buffer_add_text(
		    out, "These topics are missing. Kafka's own tool makes them (so does `init --create-topics`; "
			 "where brokers create topics by themselves, `run` does, but `check --online` still "
			 "asks for them):\n\n");
		proposal_topic_commands(place, facts, "    ", out);
		buffer_add_text(out, "\nThen:\n\n");
	}
	proposal_next_commands(facts, "    ", out);
	buffer_add_text(out,
			"\nThe first model becomes the champion by itself, a later one by `outlierd model promote`. A "
			"daemon that runs takes it at SIGHUP (`systemctl reload`), else at its next start.\n");
	add_event(survey, proposal, out);
	add_fields(survey, proposal, out);
	add_features(proposal, facts->columns, out);
	add_rules(proposal, facts->trial, out);
	add_doubts(survey, proposal, facts, out);
}
