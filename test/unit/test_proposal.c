/* A configuration proposed from made-up topics: whatever fields are called, what they hold tells. */
#include "config/config.h"
#include "daemon/cmd/proposal_parts.h"
#include "daemon/cmd/proposal_text.h"
#include "test/unit/test.h"

#include <stdarg.h>

#define RECORDS 3000
#define OWNERS 60
#define START_MS INT64_C(1790000000000) /* in 2026 */
#define DAY_MS INT64_C(86400000)

/* A column of a made-up topic: record number and owner to its text. */
struct column {
	const char *path;
	enum survey_kind kind;
	void (*text)(int record, int owner, char text[64]); /* "" stands for null */
};

struct made {
	const struct column *columns;
	void (*key)(int record, int owner, char text[64]); /* NULL: none */
	int partitions;
	bool spread; /* records of an owner lie in any partition */
	int records;
	int64_t span_ms;
};

static int64_t time_of(int record, int records, int64_t span_ms)
{
	/* Each hundredth event comes late, by twenty steps. */
	return START_MS + span_ms / records * (record - (record % 100 == 99 ? 20 : 0));
}

static int made_records;
static int64_t made_span_ms;

static struct survey *make(const struct made *made)
{
	struct survey *survey = survey_new((size_t)made->records);
	struct err err = {0};
	survey->schemas = 1;
	survey->partition_count = made->partitions;
	made_records = made->records;
	made_span_ms = made->span_ms;
	for (const struct column *column = made->columns; column->path != NULL; column++)
		EXPECT(survey_add_field(survey, column->path, column->kind, column->kind == SURVEY_DECIMAL ? 2 : 0,
					false, &err) == 0);
	for (int i = 0; i < made->records; i++) {
		int owner = i * 7 % OWNERS;
		char key[64] = "", text[64];
		if (made->key != NULL)
			made->key(i, owner, key);
		const struct record record = {
		    .partition = made->spread ? i / OWNERS % made->partitions : owner % made->partitions,
		    .offset = i,
		    .timestamp_ms = START_MS + made->span_ms / made->records * i,
		    .key = made->key == NULL ? (struct slice){NULL, 0} : slice_of(key),
		};
		survey_begin(survey, &record);
		for (size_t j = 0; j < survey->field_count; j++) {
			made->columns[j].text(i, owner, text);
			survey_value(survey, j, text[0] == '\0' ? (struct slice){NULL, 0} : slice_of(text), record.key);
		}
	}
	EXPECT(survey_measure(survey, &err) == 0);
	return survey;
}

static void reference(int record, int owner, char text[64])
{
	snprintf(text, 64, "%c%07d-%02d", 'A' + record % 20, record * 31 % 99991, owner);
}

static void seconds(int record, int owner, char text[64])
{
	(void)owner;
	snprintf(text, 64, "%lld", (long long)time_of(record, made_records, made_span_ms) / 1000);
}

static void millis(int record, int owner, char text[64])
{
	(void)owner;
	snprintf(text, 64, "%lld", (long long)time_of(record, made_records, made_span_ms));
}

static void instant(int record, int owner, char text[64])
{
	(void)owner;
	time_format_rfc3339(time_of(record, made_records, made_span_ms), text);
}

static void iban(int record, int owner, char text[64])
{
	(void)record;
	snprintf(text, 64, "GB%02dBARC2000%08d", 10 + owner, owner * 7919);
}

static void account(int record, int owner, char text[64])
{
	(void)record;
	snprintf(text, 64, "%d", 70000 + owner);
}

static void minor(int record, int owner, char text[64])
{
	snprintf(text, 64, "%d", 100 + (record * 37 + owner * 11) % 9000);
}

static void decimal(int record, int owner, char text[64])
{
	snprintf(text, 64, "%d.%02d", (record * 37 + owner * 11) % 900, record % 100);
}

static void shop(int record, int owner, char text[64])
{
	snprintf(text, 64, "S-%03d", (record * 13 + owner * 3) % 170);
}

static void channel(int record, int owner, char text[64])
{
	static const char *const names[] = {"WEB", "POS", "ATM"};
	(void)owner;
	snprintf(text, 64, "%s", names[record / 7 % 3]);
}

static void of_owner(int record, int owner, char text[64])
{
	(void)record;
	snprintf(text, 64, "segment-%d", owner % 5);
}

static void answer(int record, int owner, char text[64])
{
	(void)owner;
	snprintf(text, 64, "%s", record / 5 % 3 == 0 ? "fraud" : record / 5 % 3 == 1 ? "good" : "unknown");
}

static void latitude(int record, int owner, char text[64])
{
	snprintf(text, 64, "%d.%03d", 40 + owner % 10, record % 1000);
}

static void longitude(int record, int owner, char text[64])
{
	snprintf(text, 64, "-%d.%03d", 100 + owner % 10, record % 1000);
}

static void nothing(int record, int owner, char text[64])
{
	(void)record, (void)owner;
	text[0] = '\0';
}

static const struct column ledger[] = {{"txn_ref", SURVEY_STRING, reference},
				       {"occurred_at", SURVEY_INTEGER, seconds},
				       {"iban", SURVEY_STRING, iban},
				       {"sum_minor", SURVEY_INTEGER, minor},
				       {"party.number", SURVEY_STRING, shop},
				       {"party.segment", SURVEY_STRING, of_owner},
				       {"way", SURVEY_ENUM, channel},
				       {"review_status", SURVEY_STRING, answer},
				       {"remark", SURVEY_STRING, nothing},
				       {"position.lat", SURVEY_REAL, latitude},
				       {"position.long", SURVEY_REAL, longitude},
				       {NULL, 0, NULL}};

static const struct made postings = {ledger, iban, 3, false, RECORDS, 70 * DAY_MS};

static const char *path(const struct survey *survey, int field)
{
	return field < 0 ? "(none)" : survey->fields[field].path;
}

static const struct proposal_options no_options = {.retention_ms = -1};

static struct proposal proposal; /* large */

static void expect_refusal(const struct made *made, const struct proposal_options *options, enum err_code code,
			   const char *wanted)
{
	struct survey *survey = make(made);
	struct err err = {0};
	EXPECT(propose(survey, options, &proposal, &err) == -1);
	EXPECT_INT(err.code, code);
	EXPECT_TEXT(err.message, wanted);
	survey_free(survey);
}

TEST(names_are_taken_apart_into_words)
{
	EXPECT(proposal_named("merchantId", "merchant"));
	EXPECT(proposal_named("payment.merchant_id", "id"));
	EXPECT(proposal_named("transactionid", "transaction"));
	EXPECT(proposal_named("MERCHANT-2", "merchant"));
	EXPECT(!proposal_named("period", "id per"));
	EXPECT(!proposal_named("plateau", "lat"));
	EXPECT(!proposal_named("", "id"));
	EXPECT_TEXT(proposal_last("a.b.c"), "c");
	EXPECT_TEXT(proposal_last("a"), "a");
}

TEST(a_ledger_of_other_names_is_understood)
{
	struct survey *survey = make(&postings);
	struct err err = {0};
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_TEXT(err.message, "");
	EXPECT_TEXT(path(survey, proposal.id.field), "txn_ref");
	EXPECT_TEXT(path(survey, proposal.time.field), "occurred_at");
	EXPECT_INT(proposal.unit, TIME_S);
	EXPECT_TEXT(path(survey, proposal.entity.field), "iban");
	EXPECT_TEXT(path(survey, proposal.key.field), "iban");
	EXPECT(proposal.iban_like && !proposal.card_like);
	EXPECT_INT(proposal.field_count, 5);
	const char *const names[] = {"amount", "lat", "lon", "party_number", "way"};
	const char *const paths[] = {"sum_minor", "position.lat", "position.long", "party.number", "way"};
	for (size_t i = 0; i < proposal.field_count && i < 5; i++) {
		EXPECT_TEXT(proposal.fields[i].name, names[i]);
		EXPECT_TEXT(path(survey, proposal.fields[i].field), paths[i]);
	}
	EXPECT(proposal.fields[0].minor && proposal.fields[0].scale == 2);
	EXPECT_INT(proposal.long_ms, 30 * DAY_MS);
	EXPECT_INT(proposal.feature_count, PROPOSAL_FEATURES);
	EXPECT_INT(proposal.rule_count, 3);
	survey_free(survey);
}

TEST(lateness_is_what_was_seen_rounded_up)
{
	struct survey *survey = make(&postings);
	struct err err = {0};
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	/* Twenty steps of 33 minutes behind the others, less those between events of one partition's leaders. */
	EXPECT(proposal.behind_ms > 4 * DAY_MS / 24 && proposal.behind_ms < 11 * DAY_MS / 24);
	EXPECT_INT(proposal.allowed_lateness_ms, DAY_MS / 2);
	EXPECT_INT(proposal.max_ahead_ms, 300000);
	survey_free(survey);
	struct made fresh = postings;
	fresh.span_ms = 30 * 60000;
	survey = make(&fresh);
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_INT(proposal.long_ms, 600000);
	EXPECT(strstr(proposal.windows_why, "10m") != NULL);
	survey_free(survey);
}

TEST(windows_are_no_longer_than_the_topic_keeps_or_an_entity_can_hold)
{
	struct survey *survey = make(&postings);
	struct err err = {0};
	const struct proposal_options week = {.retention_ms = 8 * DAY_MS};
	EXPECT(propose(survey, &week, &proposal, &err) == 0);
	EXPECT_INT(proposal.long_ms, 7 * DAY_MS);
	survey_free(survey);
	/* 60 owners with 50 events each in an hour: a day would hold 1,200 of each. */
	struct made busy = postings;
	busy.span_ms = DAY_MS / 24;
	survey = make(&busy);
	struct survey *firsts = make(&postings); /* its topic is older */
	const struct proposal_options old = {.retention_ms = -1, .firsts = firsts};
	EXPECT(propose(survey, &old, &proposal, &err) == 0);
	EXPECT(strstr(proposal.windows_why, "state.max_events") == NULL); /* times begin alike: nothing is older */
	survey_free(firsts);
	survey_free(survey);
}

TEST(nested_decimals_texts_of_time_and_integer_keys)
{
	static const struct column columns[] = {
	    {"header.message.uuid", SURVEY_STRING, reference}, {"header.sent", SURVEY_STRING, instant},
	    {"booking.account_no", SURVEY_INTEGER, account},   {"booking.gross", SURVEY_DECIMAL, decimal},
	    {"booking.vat", SURVEY_DECIMAL, decimal},          {NULL, 0, NULL}};
	const struct made made = {columns, account, 2, false, RECORDS, 10 * DAY_MS};
	struct survey *survey = make(&made);
	struct err err = {0};
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_TEXT(path(survey, proposal.id.field), "header.message.uuid");
	EXPECT_TEXT(path(survey, proposal.time.field), "header.sent");
	EXPECT_INT(proposal.unit, TIME_RFC3339);
	EXPECT_TEXT(path(survey, proposal.entity.field), "booking.account_no");
	EXPECT_TEXT(path(survey, proposal.money.field), "booking.gross");
	EXPECT_INT(proposal.fields[0].scale, 2);
	EXPECT(!proposal.fields[0].minor);
	EXPECT_INT(proposal.long_ms, 3 * DAY_MS);
	EXPECT_INT(proposal.feature_count, PROPOSAL_FEATURES);
	survey_free(survey);
}

TEST(a_framed_avro_key_is_the_field_too)
{
	struct survey *survey = survey_new(2);
	struct err err = {0};
	static const char framed[] = "\0\0\0\0\7\6abc", number[] = "\0\0\0\0\7\x54";
	const struct slice key = {framed, sizeof framed - 1}, integer = {number, sizeof number - 1};
	EXPECT(survey_add_field(survey, "card", SURVEY_STRING, 0, false, &err) == 0);
	EXPECT(survey_add_field(survey, "number", SURVEY_INTEGER, 0, false, &err) == 0);
	survey_begin(survey, &(struct record){.key = key});
	survey_value(survey, 0, slice_of("abc"), key);
	survey_value(survey, 1, slice_of("42"), key);
	survey_begin(survey, &(struct record){.key = integer});
	survey_value(survey, 0, slice_of("abc"), integer);
	survey_value(survey, 1, slice_of("42"), integer);
	EXPECT_INT(survey->fields[0].key_equal, 1);
	EXPECT_INT(survey->fields[1].key_equal, 1);
	survey_free(survey);
}

TEST(without_money_and_place_there_are_fewer_features)
{
	static const struct column columns[] = {{"event_id", SURVEY_STRING, reference},
						{"time", SURVEY_MILLIS, millis},
						{"user", SURVEY_STRING, iban},
						{"verdict", SURVEY_STRING, answer},
						{NULL, 0, NULL}};
	const struct made made = {columns, iban, 3, false, RECORDS, 20 * DAY_MS};
	struct survey *survey = make(&made);
	struct err err = {0};
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_INT(proposal.unit, TIME_LOGICAL);
	EXPECT_INT(proposal.field_count, 0);
	EXPECT_INT(proposal.feature_count, 7);
	EXPECT_INT(proposal.rule_count, 1);
	EXPECT_TEXT(proposal.money.why, "no number is a decimal or named like an amount");
	survey_free(survey);
}

TEST(without_a_key_one_partition_is_enough)
{
	struct made made = postings;
	struct err err = {0};
	made.key = NULL;
	made.partitions = 1;
	struct survey *survey = make(&made);
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_TEXT(path(survey, proposal.entity.field), "iban");
	EXPECT_TEXT(path(survey, proposal.key.field), "(none)");
	EXPECT(proposal.one_partition_each);
	survey_free(survey);
}

static void one_of_many(int record, int owner, char text[64])
{
	(void)owner;
	snprintf(text, 64, "c%d", record);
}

TEST(of_many_cards_a_sample_has_hardly_one_twice)
{
	static const struct column columns[] = {{"ref", SURVEY_STRING, reference},
						{"at", SURVEY_INTEGER, seconds},
						{"payment.card_id", SURVEY_STRING, one_of_many},
						{"shop", SURVEY_STRING, shop},
						{"way", SURVEY_STRING, channel},
						{NULL, 0, NULL}};
	struct made made = {columns, one_of_many, 3, false, RECORDS, 70 * DAY_MS};
	struct survey *survey = make(&made);
	struct err err = {0};
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_TEXT(path(survey, proposal.entity.field), "payment.card_id");
	EXPECT_TEXT(path(survey, proposal.id.field), "ref");
	EXPECT(proposal_field(&proposal, "shop") != NULL && proposal_field(&proposal, "way") != NULL);
	survey_free(survey);
}

TEST(a_field_that_the_user_names_is_taken_or_refused_with_the_reason)
{
	struct survey *survey = make(&postings);
	struct err err = {0};
	const struct proposal_options segment = {.retention_ms = -1, .entity = "party.segment"};
	EXPECT(propose(survey, &segment, &proposal, &err) == -1);
	EXPECT_TEXT(err.message,
		    "--entity: party.segment is no entity of this topic: the key does not tell it, and its "
		    "records lie in several partitions. Produce the topic keyed by it");
	err_clear(&err);
	const struct proposal_options time = {.retention_ms = -1, .time = "sum_minor"};
	EXPECT(propose(survey, &time, &proposal, &err) == -1);
	EXPECT(strncmp(err.message, "--time: the values of sum_minor are no times: ", 46) == 0);
	err_clear(&err);
	const struct proposal_options id = {.retention_ms = -1, .id = "remark"};
	EXPECT(propose(survey, &id, &proposal, &err) == -1);
	EXPECT_TEXT(err.message,
		    "--id: \"remark\" is no field with a text of 1 to 256 bytes or an integer in every record");
	survey_free(survey);
}

TEST(what_is_lacking_is_named_with_the_option_that_gives_it)
{
	struct made made = postings;
	made.key = NULL;
	made.spread = true;
	expect_refusal(
	    &made, &no_options, ERR_DATA,
	    "no entity can be told: 3000 of 3000 records have no key, and no field that is named like a card, "
	    "account or customer stays in one of the 3 partitions. Produce the topic keyed by whom the events "
	    "belong to; if a field does stay in one partition, name it: --entity FIELD");
	made.key = reference;
	expect_refusal(
	    &made, &no_options, ERR_DATA,
	    "the records' key is txn_ref, which is another one in every record: nobody has a history in one "
	    "partition. Produce the topic keyed by whom the events belong to, such as the card or account; if "
	    "txn_ref is that, name it: --entity txn_ref");
	made.key = answer;
	made.columns = (const struct column[]){{"ref", SURVEY_STRING, reference},
					       {"at", SURVEY_INTEGER, seconds},
					       {"iban", SURVEY_STRING, iban},
					       {NULL, 0, NULL}};
	expect_refusal(
	    &made, &no_options, ERR_DATA,
	    "no entity can be told: the records' key equals no field, neither as text nor as framed Avro, and no "
	    "field that is named like a card, account or customer stays in one of the 3 partitions. If a field "
	    "does, name it: --entity FIELD");
	made = postings;
	made.columns =
	    (const struct column[]){{"at", SURVEY_INTEGER, seconds}, {"iban", SURVEY_STRING, iban}, {NULL, 0, NULL}};
	expect_refusal(
	    &made, &no_options, ERR_DATA,
	    "no field tells events apart: besides time and entity none is text or an integer in every record");
	made.columns = (const struct column[]){{"at", SURVEY_INTEGER, seconds},
					       {"iban", SURVEY_STRING, iban},
					       {"way", SURVEY_STRING, channel},
					       {NULL, 0, NULL}};
	expect_refusal(&made, &no_options, ERR_DATA,
		       "no field tells events apart: none is named like an id and has another value in each event. The "
		       "nearest is way, with 3 different values in 3000 records; if it or another does, name it: --id "
		       "FIELD");
	made.columns =
	    (const struct column[]){{"ref", SURVEY_STRING, reference}, {"iban", SURVEY_STRING, iban}, {NULL, 0, NULL}};
	expect_refusal(
	    &made, &no_options, ERR_DATA,
	    "no field tells when an event happened: none is an Avro timestamp, a whole number of s, ms or \u00b5s "
	    "near the records' timestamps, or an RFC 3339 text in every record. If one does, name it: --time "
	    "FIELD");
}

TEST(fields_that_not_every_schema_has_are_left_out)
{
	struct survey *survey = make(&postings);
	struct err err = {0};
	survey->schemas = 2;
	for (size_t i = 0; i < survey->field_count; i++)
		survey->fields[i].schemas = strcmp(survey->fields[i].path, "sum_minor") == 0 ? 1 : 2;
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	EXPECT_INT(proposal.money.field, -1);
	survey_free(survey);
}

TEST(numbers_of_card_and_account_are_recognised)
{
	struct survey *survey = survey_new(4);
	struct err err = {0};
	static const char *const texts[] = {"4111111111111111", "4111111111111112", "DE89370400440532013000", "12.50"};
	EXPECT(survey_add_field(survey, "a", SURVEY_STRING, 0, false, &err) == 0);
	for (size_t i = 0; i < 4; i++) {
		survey_begin(survey, &(struct record){.timestamp_ms = -1});
		survey_value(survey, 0, slice_of(texts[i]), (struct slice){NULL, 0});
	}
	EXPECT(survey_measure(survey, &err) == 0);
	EXPECT_INT(survey->fields[0].card_like, 1);
	EXPECT_INT(survey->fields[0].iban_like, 1);
	EXPECT_INT(survey->fields[0].decimals[2], 1);
	EXPECT_INT(survey->fields[0].distinct, 4);
	EXPECT_INT(survey->fields[0].numeric, 3);
	survey_free(survey);
}

TEST(a_schema_gives_its_scalar_fields)
{
	static const char text[] =
	    "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
	    "{\"name\":\"b\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"b\",\"fields\":["
	    "{\"name\":\"t\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
	    "{\"name\":\"again\",\"type\":[\"null\",\"b\"]}]}]},"
	    "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
	    "{\"name\":\"either\",\"type\":[\"int\",\"string\"]},"
	    "{\"name\":\"m\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":3}}]}";
	struct err err = {0};
	struct avro_schema *schema = avro_schema_parse(slice_of(text), &err);
	struct survey *survey = survey_new(1);
	EXPECT(survey_schema(survey, avro_schema_root(schema), &err) == 0);
	EXPECT_INT(survey->field_count, 2 + SURVEY_DEPTH_MAX - 1); /* b contains itself: as deep as is looked */
	EXPECT_TEXT(survey->fields[1].path, "b.t");
	EXPECT(survey->fields[1].kind == SURVEY_MICROS && survey->fields[1].nullable && !survey->fields[0].nullable);
	int decimal_field = survey_find(survey, "m");
	EXPECT(decimal_field >= 0 && survey->fields[decimal_field].scale == 3);
	EXPECT_INT(survey_find(survey, "list"), -1);
	EXPECT_INT(survey_find(survey, "either"), -1);
	survey_free(survey);
	avro_schema_free(schema);
}

static void print_problem(void *context, const char *at, const char *message)
{
	(void)context;
	printf("  %s: %s\n", at, message);
}

TEST(the_proposal_is_a_configuration_without_problems)
{
	const char *const properties[] = {"security.protocol=plaintext", "client.id=a,b=c"};
	const struct proposal_place place = {.pipeline = "ledger",
					     .topic = "bank.postings",
					     .servers = "127.0.0.1:9092",
					     .properties = properties,
					     .property_count = 2,
					     .registry = "http://127.0.0.1:8081",
					     .redis = "tcp://127.0.0.1:6379"};
	struct survey *survey = make(&postings);
	struct buffer json;
	struct err err = {0};
	buffer_init(&json);
	EXPECT(propose(survey, &no_options, &proposal, &err) == 0);
	proposal_config(survey, &proposal, &place, &json);
	struct config *config = config_parse(buffer_slice(&json), ".", true, print_problem, NULL, &err);
	EXPECT(config != NULL);
	EXPECT_TEXT(err.message, "");
	if (config != NULL) {
		EXPECT_TEXT(config->publish.dead_letter_topic, "bank.postings.dlq");
		EXPECT_TEXT(config->kafka.properties[1].value, "a,b=c");
		EXPECT_INT(config->schema.time_unit, TIME_S);
	}
	config_free(config);
	buffer_reset(&json);
	proposal_connection(&place, &json);
	config = config_parse(buffer_slice(&json), ".", true, print_problem, NULL, &err);
	EXPECT(config != NULL);
	config_free(config);
	buffer_free(&json);
	survey_free(survey);
}

TEST(limits_of_rules_are_above_what_nearly_all_had)
{
	struct proposal_rule rule = {.above = 5, .share = 0.999};
	proposal_set_limit(&rule, 11.2);
	EXPECT(rule.above == 12);
	proposal_set_limit(&rule, 40);
	EXPECT(rule.above == 12);
	rule = (struct proposal_rule){.above = 5, .share = 0.999};
	proposal_set_limit(&rule, NAN);
	EXPECT(rule.above == 5);
	char text[NUMBER_TEXT_MAX];
	proposal_span(11090000, text);
	EXPECT_TEXT(text, "3 hours");
	proposal_span(0, text);
	EXPECT_TEXT(text, "0 ms");
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(names_are_taken_apart_into_words),
					CASE(a_ledger_of_other_names_is_understood),
					CASE(lateness_is_what_was_seen_rounded_up),
					CASE(windows_are_no_longer_than_the_topic_keeps_or_an_entity_can_hold),
					CASE(nested_decimals_texts_of_time_and_integer_keys),
					CASE(a_framed_avro_key_is_the_field_too),
					CASE(without_money_and_place_there_are_fewer_features),
					CASE(without_a_key_one_partition_is_enough),
					CASE(of_many_cards_a_sample_has_hardly_one_twice),
					CASE(a_field_that_the_user_names_is_taken_or_refused_with_the_reason),
					CASE(what_is_lacking_is_named_with_the_option_that_gives_it),
					CASE(fields_that_not_every_schema_has_are_left_out),
					CASE(numbers_of_card_and_account_are_recognised),
					CASE(a_schema_gives_its_scalar_fields),
					CASE(the_proposal_is_a_configuration_without_problems),
					CASE(limits_of_rules_are_above_what_nearly_all_had),
					{0}},
			argc, argv);
}
