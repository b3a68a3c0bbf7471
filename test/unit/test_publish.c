#include "test.h"

#include "daemon/io/avro_decode.h"
#include "daemon/io/avro_pick.h"
#include "daemon/pipeline/amended.h"
#include "daemon/pipeline/enriched.h"
#include "number.h"

#define TIME 1700000000000

/* One event of two fields through feature set, forest and policy, as the loop would hand it over. */
struct fixture {
	struct field fields[3];
	struct event_schema schema;
	struct feature_set *set;
	struct model model;
	struct policy_options policy_options;
	struct rule_options rules[2];
	struct feature_condition_options conditions[2];
	struct policy *policy;
	struct champion champion;
	struct publish_options options;
	struct publisher *publisher;
	struct arena *arena;
	double values[3];
	struct usual usual[3];
	struct value event_values[3];
	struct event event;
	struct scored scored;
	struct err err;
};

static char *feature_names[] = {"amount_log", "count_1h", "ratio"};

static void train(struct fixture *f)
{
	double rows[64 * 3], scores[64];
	struct train_options options = {10, 32, 7, false, false};
	struct train_plan plan;
	struct matrix matrix = {rows, 64, 3, 3};
	for (int i = 0; i < 64; i++) {
		rows[3 * i] = i % 8;
		rows[3 * i + 1] = i % 5;
		rows[3 * i + 2] = i % 3;
	}
	EXPECT(train_plan_make(&options, 64, &plan, &f->err) == 0);
	double drawn[64 * 3];
	for (size_t i = 0; i < plan.distinct_count; i++)
		memcpy(drawn + 3 * i, rows + 3 * plan.distinct[i], 3 * sizeof(double));
	struct matrix sampled = {drawn, plan.distinct_count, 3, 3};
	f->model.forest = train_forest(&options, &plan, &sampled, &f->err);
	EXPECT(f->model.forest != NULL);
	train_plan_free(&plan);
	EXPECT(forest_score(f->model.forest, &matrix, scores, &f->err) == 0);
	EXPECT(calibration_make(&f->model.calibration, scores, 64, &f->err) == 0);
	f->model.references = calloc(3, sizeof *f->model.references);
	EXPECT(reference_make(f->model.references, &matrix, &f->err) == 0);
	memset(f->model.id, 'a', 64);
	f->model.feature_count = 3;
	f->model.features = feature_names;
}

static void open_fixture(struct fixture *f, bool with_model, enum message_format format)
{
	static const struct feature_options features[] = {
	    {.name = "amount_log", .operation = OPERATION_LOG1P, .field = "amount"},
	    {.name = "count_1h", .operation = OPERATION_COUNT, .window_ms = 3600000},
	    {.name = "ratio", .operation = OPERATION_RATIO, .field = "amount", .window_ms = 3600000}};
	memset(f, 0, sizeof *f);
	f->fields[0] = (struct field){.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2};
	f->fields[1] = (struct field){.name = "shop", .path = "shop", .type = FIELD_STRING, .scale = FIELD_SCALE_NONE};
	f->fields[2] =
	    (struct field){.name = "online", .path = "online", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE};
	f->schema = (struct event_schema){
	    .id_path = "id", .time_path = "time", .entity_path = "card", .fields = f->fields, .field_count = 3};
	struct feature_set_options set = {
	    .pipeline = "p", .schema = &f->schema, .features = features, .feature_count = 3, .max_events = 10};
	EXPECT(feature_set_new(&f->set, &set, NULL, NULL, &f->err) == 0);
	if (with_model)
		train(f);
	f->conditions[0] =
	    (struct feature_condition_options){.feature = "count_1h", .above = {LITERAL_NUMBER, "3", false}};
	f->conditions[1] =
	    (struct feature_condition_options){.feature = "count_1h", .above = {LITERAL_NUMBER, "100", false}};
	f->rules[0] = (struct rule_options){.name = "busy",
					    .reason = "many \"events\"",
					    .features = &f->conditions[0],
					    .feature_count = 1,
					    .expires_ms = INT64_MAX};
	f->rules[1] = (struct rule_options){
	    .name = "never", .reason = "-", .features = &f->conditions[1], .feature_count = 1, .expires_ms = INT64_MAX};
	f->policy_options = (struct policy_options){
	    .threshold = {THRESHOLD_ABSOLUTE, 0.1}, .cooldown_ms = 600000, .rules = f->rules, .rule_count = 2};
	f->policy = policy_new(&f->policy_options, f->set, with_model ? &f->model : NULL, NULL, NULL, &f->err);
	EXPECT(f->policy != NULL);
	f->champion = (struct champion){.policy = f->policy,
					.model = with_model ? &f->model : NULL,
					.explainer = with_model ? explainer_new(f->model.forest) : NULL};
	f->options = (struct publish_options){.pipeline = "p",
					      .input_topic = "in",
					      .alerts = {"alerts", format, 77},
					      .decisions = {"decisions", format, 78},
					      .enriched = {"enriched", format, 79},
					      .enriched_key = "shop",
					      .amendments = {"amendments", format, 80},
					      .contributions = 2,
					      .late_topic = "late",
					      .dead_letter_topic = "dlq",
					      .cooldown_ms = 600000,
					      .message_max = 4000};
	f->publisher = publisher_new(&f->options, f->set);
	f->arena = arena_new(1 << 20);
	f->event_values[0] = (struct value){.present = true, .units = 123450};
	f->event_values[1] = (struct value){.present = true, .text = slice_of("Caf\xc3\xa9 \"X\"")};
	f->event = (struct event){.id = slice_of("e1"),
				  .entity = slice_of("card-1"),
				  .time_ms = TIME,
				  .offset = 9,
				  .timestamp_ms = TIME + 5,
				  .values = f->event_values};
	f->values[0] = 7.1;
	f->values[1] = 4;
	f->values[2] = NAN;
	f->usual[0] = (struct usual){4, 10.5};
	f->usual[1] = (struct usual){-1, NAN};
	f->usual[2] = (struct usual){0, NAN};
	f->scored = (struct scored){.event = &f->event,
				    .partition = 2,
				    .vector = {f->values, f->usual, FLAG_LATE},
				    .flags = FLAG_LATE | (with_model ? 0 : FLAG_FALLBACK),
				    .score = NAN,
				    .rank = NAN,
				    .watermark_ms = -7};
	if (with_model) {
		struct matrix matrix = {f->values, 1, 3, 3};
		EXPECT(forest_score(f->model.forest, &matrix, &f->scored.score, &f->err) == 0);
		f->scored.rank = calibration_rank(&f->model.calibration, f->scored.score);
	}
	f->scored.verdict = policy_decide(f->policy, &f->event, &f->scored.vector, f->scored.score);
	EXPECT(f->scored.verdict.flagged && f->scored.verdict.rules == 1);
}

static void close_fixture(struct fixture *f)
{
	EXPECT_TEXT(f->err.message, "");
	publisher_free(f->publisher);
	arena_free(f->arena);
	explainer_free(f->champion.explainer);
	policy_free(f->policy);
	forest_free(f->model.forest);
	free(f->model.references);
	feature_set_free(f->set);
}

TEST(alert_without_model_has_rules_and_nulls)
{
	struct fixture f;
	struct message message;
	char wanted[2000], id[SHA256_HEX], group[SHA256_HEX], text[512];
	open_fixture(&f, false, FORMAT_JSON);
	EXPECT(publisher_alert(f.publisher, &f.champion, &f.scored, NULL, f.arena, &message, &f.err) == 0);
	/* The ids by their definition, written out by hand. */
	snprintf(text, sizeof text, "[\"alert\",\"p\",\"in\",2,9,null,\"%s\",\"%s\"]", feature_set_id(f.set),
		 policy_id(f.policy));
	sha256_hex(slice_of(text), id);
	snprintf(text, sizeof text, "[\"group\",\"p\",\"card-1\",%lld]", (long long)(TIME / 600000));
	sha256_hex(slice_of(text), group);
	snprintf(wanted, sizeof wanted,
		 "{\"schema_version\":1,\"alert_id\":\"%s\",\"group_id\":\"%s\",\"pipeline\":\"p\",\"entity\":\"card-"
		 "1\",\"event_id\":\"e1\",\"topic\":\"in\","
		 "\"partition\":2,\"offset\":9,\"event_time\":1700000000000,\"score\":null,\"rank\":null,\"threshold\":"
		 "null,\"model_id\":null,"
		 "\"feature_set_id\":\"%s\",\"policy_id\":\"%s\",\"flags\":[\"late\",\"fallback\"],\"rules\":[{"
		 "\"name\":\"busy\",\"reason\":\"many \\\"events\\\"\"}],"
		 "\"base\":null,\"contributions\":null,\"fields\":{\"amount\":1234.5,\"shop\":\"Caf\xc3\xa9 "
		 "\\\"X\\\"\",\"online\":null}}",
		 id, group, feature_set_id(f.set), policy_id(f.policy));
	EXPECT_TEXT((const char *)message.value.data, wanted);
	EXPECT_TEXT((const char *)message.key.data, "card-1");
	EXPECT_TEXT(message.topic, "alerts");
	EXPECT_INT(message.timestamp_ms, TIME + 5);
	EXPECT_TEXT(message.headers[1].name, "ce_id");
	EXPECT_TEXT((const char *)message.headers[1].value.data, id);
	close_fixture(&f);
}

TEST(alert_that_would_be_too_large_goes_without_its_fields)
{
	struct fixture f;
	struct message message;
	char *text = malloc(PUBLISH_TEXT_MAX + 100);
	open_fixture(&f, false, FORMAT_JSON);
	memset(text, 'a', PUBLISH_TEXT_MAX + 100);
	memcpy(text + PUBLISH_TEXT_MAX - 1, "\xc3\xa9", 2); /* a sequence over the cut: left out whole */
	f.event_values[1].text = (struct slice){text, PUBLISH_TEXT_MAX + 100};
	publisher_message_max(f.publisher, 1000000);
	EXPECT(publisher_alert(f.publisher, &f.champion, &f.scored, NULL, f.arena, &message, &f.err) == 0);
	const char *shop = strstr(message.value.data, "\"shop\":\"a");
	EXPECT(shop != NULL && strspn(shop + 8, "a") == PUBLISH_TEXT_MAX - 1 && shop[8 + PUBLISH_TEXT_MAX - 1] == '"');
	publisher_message_max(f.publisher, 3000);
	EXPECT(publisher_alert(f.publisher, &f.champion, &f.scored, NULL, f.arena, &message, &f.err) == 0);
	EXPECT(message.value.length < 2000 && strstr(message.value.data, "\"fields\":{}}") != NULL);
	free(text);
	close_fixture(&f);
}

TEST(decision_carries_the_vector)
{
	struct fixture f;
	struct message message;
	char wanted[2000];
	open_fixture(&f, false, FORMAT_JSON);
	EXPECT(publisher_decision(f.publisher, &f.champion, &f.scored, f.arena, &message, &f.err) == 0);
	snprintf(wanted, sizeof wanted,
		 "{\"schema_version\":1,\"event_id\":\"e1\",\"entity\":\"card-1\",\"topic\":\"in\",\"partition\":2,"
		 "\"offset\":9,\"event_time\":1700000000000,"
		 "\"score\":null,\"rank\":null,\"flagged\":true,\"flags\":[\"late\",\"fallback\"],\"model_id\":null,"
		 "\"feature_set_id\":\"%s\",\"policy_id\":\"%s\","
		 "\"features\":{\"amount_log\":7.1,\"count_1h\":4,\"ratio\":null}}",
		 feature_set_id(f.set), policy_id(f.policy));
	EXPECT_TEXT((const char *)message.value.data, wanted);
	close_fixture(&f);
}

static double number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	EXPECT(at != NULL);
	return at == NULL ? NAN : strtod(at + strlen(name), NULL);
}

TEST(contributions_are_the_largest_and_add_up_to_the_score)
{
	struct fixture f;
	struct message message;
	open_fixture(&f, true, FORMAT_JSON);
	f.options.contributions = 3;
	EXPECT(publisher_alert(f.publisher, &f.champion, &f.scored, NULL, f.arena, &message, &f.err) == 0);
	const char *text = message.value.data;
	double sum = number_after(text, "\"base\":"), last = INFINITY;
	for (const char *at = strstr(text, "\"contribution\":"); at != NULL; at = strstr(at + 1, "\"contribution\":")) {
		double contribution = strtod(at + strlen("\"contribution\":"), NULL);
		EXPECT(fabs(contribution) <= last && contribution != 0);
		last = fabs(contribution);
		sum += contribution;
	}
	EXPECT(fabs(sum - log2(f.scored.score)) < 1e-12);
	EXPECT(strstr(text, "{\"feature\":\"amount_log\",\"value\":7.1,") != NULL);
	EXPECT(strstr(text, "\"entity_n\":4,\"entity_mean\":10.5}") != NULL);
	/* A missing feature accuses nobody. */
	EXPECT(strstr(text, "\"feature\":\"ratio\"") == NULL);
	close_fixture(&f);
}

TEST(avro_bytes_fit_their_schema)
{
	for (int with_model = 0; with_model < 2; with_model++) {
		struct fixture f;
		struct message alert, decision;
		struct buffer text;
		open_fixture(&f, with_model == 1, FORMAT_AVRO);
		EXPECT(publisher_alert(f.publisher, &f.champion, &f.scored, NULL, f.arena, &alert, &f.err) == 0);
		EXPECT(publisher_decision(f.publisher, &f.champion, &f.scored, f.arena, &decision, &f.err) == 0);
		EXPECT(memcmp(alert.value.data, "\0\0\0\0\x4d", 5) == 0);
		const struct message *messages[] = {&alert, &decision};
		for (int i = 0; i < 2; i++) {
			buffer_init(&text);
			if (i == 0)
				publisher_alert_schema(&text);
			else
				publisher_decision_schema(f.set, &text);
			struct avro_schema *schema = avro_schema_parse(buffer_slice(&text), &f.err);
			EXPECT(schema != NULL);
			struct slice body = {(const char *)messages[i]->value.data + 5, messages[i]->value.length - 5};
			const char *const paths[] = {"event_id", "policy_id", "offset", "partition"};
			bool found[4];
			struct slice texts[4];
			size_t length = 0;
			struct avro_pick *pick = avro_pick_new(schema, paths, 4, found, &f.err);
			EXPECT(pick != NULL && avro_pick_run(pick, body, &length, f.arena, texts, &f.err) == 0);
			EXPECT_INT(length, body.length);
			EXPECT(slice_equal(texts[0], slice_of("e1")) &&
			       slice_equal(texts[1], slice_of(policy_id(f.policy))));
			EXPECT(slice_equal(texts[2], slice_of("9")) && slice_equal(texts[3], slice_of("2")));
			avro_pick_free(pick);
			avro_schema_free(schema);
			buffer_free(&text);
		}
		close_fixture(&f);
	}
}

TEST(enriched_event_carries_exact_fields_vector_and_upstream_watermark)
{
	struct fixture f;
	struct message message;
	char wanted[2000];
	open_fixture(&f, false, FORMAT_JSON);
	EXPECT(publisher_enriches(f.publisher, &f.event));
	EXPECT(publisher_enriched(f.publisher, &f.champion, &f.scored, f.arena, &message, &f.err) == 0);
	snprintf(wanted, sizeof wanted,
		 "{\"schema_version\":1,\"event_id\":\"e1\",\"event_time\":1700000000000,\"entity\":\"card-1\","
		 "\"score\":null,\"rank\":null,\"flagged\":true,\"model_id\":null,\"feature_set_id\":\"%s\","
		 "\"policy_id\":\"%s\",\"upstream\":{\"topic\":\"in\",\"partition\":2,\"offset\":9,\"watermark\":-7},"
		 "\"fields\":{\"amount\":\"1234.5\",\"shop\":\"Caf\xc3\xa9 \\\"X\\\"\",\"online\":null},"
		 "\"features\":{\"amount_log\":7.1,\"count_1h\":4,\"ratio\":null}}",
		 feature_set_id(f.set), policy_id(f.policy));
	EXPECT_TEXT((const char *)message.value.data, wanted);
	EXPECT_TEXT((const char *)message.key.data, "Caf\xc3\xa9 \"X\"");
	EXPECT_TEXT(message.topic, "enriched");
	EXPECT_INT(message.timestamp_ms, TIME + 5);
	f.scored.watermark_ms = WATERMARK_NONE;
	EXPECT(publisher_enriched(f.publisher, &f.champion, &f.scored, f.arena, &message, &f.err) == 0);
	EXPECT(strstr(message.value.data, "\"watermark\":null}") != NULL);
	f.event_values[1].present = false;
	EXPECT(!publisher_enriches(f.publisher, &f.event));
	close_fixture(&f);
}

/* A decision, as its vector was and as it is with the fixture's event, which came late. */
static struct amendment amendment_of(struct fixture *f, double vectors[6])
{
	static const double both[] = {7.1, 4, NAN, 7.1, 5, 2.5};
	memcpy(vectors, both, sizeof both);
	struct amendment amendment = {.event = {.time_ms = TIME + 60000, .offset = 7, .values = f->event_values},
				      .before = {vectors, NULL, FLAG_APPROXIMATE},
				      .after = {vectors + 3, NULL, FLAG_APPROXIMATE}};
	return amendment;
}

TEST(amendment_says_what_a_late_event_changes)
{
	struct fixture f;
	struct message message;
	char wanted[2000], id[SHA256_HEX], text[1000];
	double vectors[6];
	open_fixture(&f, false, FORMAT_JSON);
	struct amendment amendment = amendment_of(&f, vectors);
	amendment.before.values[1] = 3; /* the rule holds above 3 */
	amendment_decide(&amendment, f.policy, NULL);
	EXPECT(!amendment.old_flagged && amendment.new_flagged);
	EXPECT(publisher_amendment(f.publisher, &f.champion, &amendment, 2, &f.event, f.arena, &message, &f.err) == 0);
	snprintf(text, sizeof text, "[\"amendment\",\"p\",\"in\",2,7,9,null,\"%s\",\"%s\"]", feature_set_id(f.set),
		 policy_id(f.policy));
	sha256_hex(slice_of(text), id);
	snprintf(
	    wanted, sizeof wanted,
	    "{\"schema_version\":1,\"amendment_id\":\"%s\",\"pipeline\":\"p\",\"entity\":\"card-1\",\"topic\":\"in\","
	    "\"partition\":2,\"offset\":7,\"event_time\":1700000060000,\"old_score\":null,\"new_score\":null,"
	    "\"threshold\":null,\"old_flagged\":false,\"new_flagged\":true,\"flags\":[\"approximate\",\"fallback\"],"
	    "\"model_id\":null,\"feature_set_id\":\"%s\",\"policy_id\":\"%s\","
	    "\"late\":{\"event_id\":\"e1\",\"offset\":9,\"event_time\":1700000000000},"
	    "\"features\":[{\"feature\":\"count_1h\",\"old\":3,\"new\":5},"
	    "{\"feature\":\"ratio\",\"old\":null,\"new\":2.5}]}",
	    id, feature_set_id(f.set), policy_id(f.policy));
	EXPECT_TEXT((const char *)message.value.data, wanted);
	EXPECT_TEXT((const char *)message.key.data, "card-1");
	EXPECT_TEXT(message.topic, "amendments");
	EXPECT_INT(message.timestamp_ms, TIME + 5);
	close_fixture(&f);
}

TEST(amendment_in_avro_is_read_back_by_its_schema)
{
	static const char *const paths[] = {"old_score", "new_score", "late.offset", "model_id", "new_flagged"};
	struct fixture f;
	struct message message;
	struct buffer text;
	double vectors[6], scores[2];
	bool found[5];
	open_fixture(&f, true, FORMAT_AVRO);
	struct amendment amendment = amendment_of(&f, vectors);
	struct matrix matrix = {vectors, 2, 3, 3};
	EXPECT(forest_score(f.model.forest, &matrix, scores, &f.err) == 0);
	amendment_decide(&amendment, f.policy, scores);
	EXPECT(amendment.old_score == scores[0] && amendment.new_score == scores[1] && scores[0] != scores[1]);
	EXPECT(publisher_amendment(f.publisher, &f.champion, &amendment, 2, &f.event, f.arena, &message, &f.err) == 0);
	buffer_init(&text);
	amender_schema(&text);
	struct avro_schema *schema = avro_schema_parse(buffer_slice(&text), &f.err);
	struct avro_pick *pick = avro_pick_new(schema, paths, 5, found, &f.err);
	EXPECT(pick != NULL);
	struct slice body = {(const char *)message.value.data + 5, message.value.length - 5}, picked[5];
	size_t length = 0;
	EXPECT(((const char *)message.value.data)[4] == 80);
	EXPECT(avro_pick_run(pick, body, &length, f.arena, picked, &f.err) == 0);
	EXPECT_INT(length, body.length);
	for (size_t i = 0; i < 2; i++) {
		char number[NUMBER_TEXT_MAX];
		number_format(scores[i], number);
		EXPECT(slice_equal(picked[i], slice_of(number)));
	}
	EXPECT(slice_equal(picked[2], slice_of("9")) && slice_equal(picked[3], slice_of(f.model.id)));
	EXPECT(slice_equal(picked[4], slice_of("true")));
	avro_pick_free(pick);
	avro_schema_free(schema);
	buffer_free(&text);
	close_fixture(&f);
}

/* The next stage reads what was written, to the last cent: the daemon's own decoder, by the published schema. */
TEST(enriched_avro_is_read_back_exactly_by_the_next_stage)
{
	static const struct field fields[] = {
	    {.name = "amount", .path = "fields.amount", .type = FIELD_MONEY, .scale = 2},
	    {.name = "online", .path = "fields.online", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE},
	    {.name = "busy", .path = "features.count_1h", .type = FIELD_NUMBER, .scale = 0},
	    {.name = "flagged", .path = "flagged", .type = FIELD_BOOLEAN, .scale = FIELD_SCALE_NONE},
	    {.name = "amount_log", .path = "features.amount_log", .type = FIELD_NUMBER, .scale = FIELD_SCALE_NONE}};
	const struct event_schema next = {.id_path = "event_id",
					  .time_path = "event_time",
					  .time_unit = TIME_MS,
					  .entity_path = "fields.shop",
					  .key_path = "fields.shop",
					  .fields = fields,
					  .field_count = 5};
	static const int64_t amounts[] = {1, -1, 123450, INT64_C(1) << 53, -(INT64_C(1) << 53)};
	struct fixture f;
	open_fixture(&f, false, FORMAT_AVRO);
	struct buffer text;
	buffer_init(&text);
	enricher_schema(&f.options, f.set, &text);
	struct avro_schema *schema = avro_schema_parse(buffer_slice(&text), &f.err);
	struct avro_program *program = avro_program_new(schema, &next, &f.err);
	EXPECT(program != NULL);
	f.event_values[2] = (struct value){.present = true, .units = 1};
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts && program != NULL; i++) {
		struct message message;
		struct value values[5];
		struct event_builder builder;
		struct event event;
		f.event_values[0].units = amounts[i];
		EXPECT(publisher_enriched(f.publisher, &f.champion, &f.scored, f.arena, &message, &f.err) == 0);
		struct slice body = {(const char *)message.value.data + 5, message.value.length - 5};
		event_builder_begin(&builder, &next, f.arena, values);
		EXPECT(avro_program_run(program, body, &builder, &f.err) == 0);
		EXPECT_INT(event_builder_end(&builder, &event), REASON_NONE);
		EXPECT(values[0].units == amounts[i] && values[1].units == 1 && values[2].units == 4);
		EXPECT(values[3].units == 1 && values[4].number == 7.1);
		EXPECT(event.time_ms == TIME && slice_equal(event.id, slice_of("e1")));
		EXPECT_INT(event_check_key(&builder, message.key, 0, 1, &f.err), REASON_NONE);
	}
	avro_program_free(program);
	avro_schema_free(schema);
	buffer_free(&text);
	close_fixture(&f);
}

TEST(letters_keep_the_record_and_say_why)
{
	struct fixture f;
	struct message message;
	struct header header = {"trace", slice_of("t")};
	struct record record = {.partition = 1,
				.offset = 5,
				.timestamp_ms = 42,
				.key = slice_of("k"),
				.value = slice_of("poison"),
				.headers = &header,
				.header_count = 1};
	open_fixture(&f, false, FORMAT_JSON);
	EXPECT(publisher_letter(f.publisher, &record, REASON_DECODE, "byte 3: too short", f.arena, &message, &f.err) ==
	       0);
	EXPECT_TEXT(message.topic, "dlq");
	EXPECT(slice_equal(message.value, record.value) && slice_equal(message.key, record.key) &&
	       message.timestamp_ms == 42);
	EXPECT_TEXT(message.headers[0].name, "trace");
	EXPECT_TEXT(message.headers[message.header_count - 1].name, "outlierd.reason");
	EXPECT_TEXT((const char *)message.headers[message.header_count - 1].value.data, "decode");
	EXPECT(publisher_letter(f.publisher, &record, REASON_FOLDED, "-", f.arena, &message, &f.err) == 0);
	EXPECT_TEXT(message.topic, "late");
	/* What the broker would not take goes as hash and coordinates. */
	char *big = calloc(1, 5000);
	memset(big, 'x', 4999);
	record.value = slice_of(big);
	EXPECT(publisher_letter(f.publisher, &record, REASON_DECODE, "-", f.arena, &message, &f.err) == 0);
	EXPECT(
	    strncmp(message.value.data,
		    "{\"topic\":\"in\",\"partition\":1,\"offset\":5,\"reason\":\"decode\",\"bytes\":4999,\"sha256\":\"",
		    80) == 0);
	EXPECT_TEXT((const char *)message.headers[message.header_count - 1].value.data, "size");
	f.options.pseudonymized = true;
	record.value = slice_of("short");
	EXPECT(publisher_letter(f.publisher, &record, REASON_DECODE, "-", f.arena, &message, &f.err) == 0);
	EXPECT(message.key.data == NULL && strstr(message.value.data, "short") == NULL);
	EXPECT_TEXT((const char *)message.headers[message.header_count - 1].value.data, "privacy");
	free(big);
	close_fixture(&f);
}

TEST(rules_flag_suppress_and_expire)
{
	struct fixture f;
	open_fixture(&f, true, FORMAT_JSON);
	struct verdict verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.05);
	EXPECT(verdict.flagged && !verdict.by_model && verdict.rules == 1);
	f.scored.vector.flags = FLAG_WARMING;
	verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.9);
	EXPECT(!verdict.by_model && verdict.flagged);
	f.policy_options.warming = WARMING_ALERT;
	verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.1);
	EXPECT(verdict.by_model);
	f.rules[0].action = RULE_SUPPRESS;
	verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.9);
	EXPECT(verdict.by_model && verdict.mutes != 0 && !verdict.flagged);
	f.rules[0].expires_ms = TIME;
	verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.9);
	EXPECT(verdict.flagged && verdict.mutes == 0);
	f.values[1] = NAN;
	f.rules[0].expires_ms = INT64_MAX;
	verdict = policy_decide(f.policy, &f.event, &f.scored.vector, 0.05);
	EXPECT(!verdict.flagged);
	close_fixture(&f);
}

int main(int argc, char **argv)
{
	const struct test tests[] = {CASE(alert_without_model_has_rules_and_nulls),
				     CASE(alert_that_would_be_too_large_goes_without_its_fields),
				     CASE(decision_carries_the_vector),
				     CASE(contributions_are_the_largest_and_add_up_to_the_score),
				     CASE(avro_bytes_fit_their_schema),
				     CASE(enriched_event_carries_exact_fields_vector_and_upstream_watermark),
				     CASE(amendment_says_what_a_late_event_changes),
				     CASE(amendment_in_avro_is_read_back_by_its_schema),
				     CASE(enriched_avro_is_read_back_exactly_by_the_next_stage),
				     CASE(letters_keep_the_record_and_say_why),
				     CASE(rules_flag_suppress_and_expire),
				     {0}};
	return test_run(tests, argc, argv);
}
