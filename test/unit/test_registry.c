/* The registry client against servers in this process: answers, outages, addresses, pauses. */
#include "rng.h"
#include "test/unit/registry_bench.h"

#define RANDOM_ANSWERS 1500

TEST(a_schema_is_fetched_once)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(count(&bench, 0), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
		EXPECT_TEXT(bench.err.message, "");
		expect_int_schema(&bench);
	}
	struct registry_twin_request last = registry_twin_last(bench.twins[0]);
	EXPECT_INT(last.count, 1);
	EXPECT_TEXT(last.method, "GET");
	EXPECT_TEXT(last.path, "/schemas/ids/7");
	EXPECT_TEXT(last.accept, "application/vnd.schemaregistry.v1+json, application/json");
	EXPECT_TEXT(last.authorization, "");
	bench_free(&bench);
}

TEST(an_address_may_have_a_path)
{
	struct bench bench;
	char url[128];
	bench_init(&bench, 1);
	(void)snprintf(url, sizeof url, "%s/apis/ccompat/v7/", bench.urls[0]);
	bench.urls[0] = url;
	registry_twin_say(bench.twins[0], "/apis/ccompat/v7/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	bench_free(&bench);
}

TEST(an_unknown_id_is_asked_for_again_after_half_a_minute)
{
	struct bench bench;
	bench_init(&bench, 1);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_UNKNOWN);
	expect_message(&bench, ": the registry has no schema 7 (error code 40403)");
	EXPECT_INT(bench.err.code, ERR_DATA);
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	bench.now_us += REGISTRY_NEGATIVE_MS * 1000 - 1;
	EXPECT_INT(get(&bench, 7), REGISTRY_UNKNOWN);
	expect_message(&bench, ": the registry has no schema 7 (error code 40403)");
	EXPECT_INT(count(&bench, 0), 1);
	EXPECT_INT(get(&bench, 8), REGISTRY_UNKNOWN);
	EXPECT_INT(count(&bench, 0), 2);
	bench.now_us += 1;
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	expect_int_schema(&bench);
	EXPECT_INT(get(&bench, -8), REGISTRY_UNKNOWN);
	bench_free(&bench);
}

TEST(many_unknown_ids_take_bounded_memory)
{
	struct bench bench;
	bench_init(&bench, 1);
	bench_open(&bench);
	for (int32_t id = 0; id <= REGISTRY_UNKNOWN_MAX; id++)
		EXPECT_INT(get(&bench, id), REGISTRY_UNKNOWN);
	EXPECT_INT(count(&bench, 0), REGISTRY_UNKNOWN_MAX + 1);
	EXPECT_INT(get(&bench, REGISTRY_UNKNOWN_MAX), REGISTRY_UNKNOWN);
	EXPECT_INT(count(&bench, 0), REGISTRY_UNKNOWN_MAX + 1);
	EXPECT_INT(get(&bench, 0), REGISTRY_UNKNOWN);
	EXPECT_INT(count(&bench, 0), REGISTRY_UNKNOWN_MAX + 2);
	bench_free(&bench);
}

TEST(only_a_registrys_refusal_makes_an_id_unknown)
{
	static const struct {
		unsigned status;
		const char *body;
		enum registry_answer answer;
		const char *rest;
	} cases[] = {
	    {404, "{\"error_code\":40403}", REGISTRY_UNKNOWN, ": the registry has no schema 7 (error code 40403)"},
	    {404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}", REGISTRY_UNKNOWN,
	     ": the registry has no schema 7 (error code 404)"},
	    {422, "{\"error_code\":42201}", REGISTRY_UNKNOWN, ": the registry has no schema 7 (error code 42201)"},
	    {404, "<html>404</html>", REGISTRY_AWAY, ": status 404"},
	    {404, "{\"status\":404,\"error\":\"Not Found\"}", REGISTRY_AWAY, ": status 404"},
	    {404, "{\"error_code\":\"40403\"}", REGISTRY_AWAY, ": status 404"},
	    {404, "{\"error_code\":50001}", REGISTRY_AWAY, ": status 404"},
	    {404, "", REGISTRY_AWAY, ": status 404"},
	    {500, "{\"error_code\":50001}", REGISTRY_AWAY, ": status 500"},
	    {500, "{\"error_code\":40403}", REGISTRY_AWAY, ": status 500"},
	    {503, "", REGISTRY_AWAY, ": status 503"},
	    {429, "", REGISTRY_AWAY, ": status 429"},
	    {401, "{\"error_code\":40101}", REGISTRY_AWAY, ": status 401: the credentials are refused"},
	    {403, "{\"error_code\":40301}", REGISTRY_AWAY, ": status 403: the credentials are refused"},
	    {200, "<html>please log in</html>", REGISTRY_AWAY, ": no registry's answer, status 200"},
	    {200, "{\"schema\":7}", REGISTRY_AWAY, ": no registry's answer, status 200"},
	    {200, "[]", REGISTRY_AWAY, ": no registry's answer, status 200"},
	    {204, "", REGISTRY_AWAY, ": status 204"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bench bench;
		bench_init(&bench, 1);
		registry_twin_say(bench.twins[0], "/schemas/ids/7", cases[i].status, cases[i].body);
		bench_open(&bench);
		EXPECT_INT(get(&bench, 7), cases[i].answer);
		expect_message(&bench, cases[i].rest);
		EXPECT_INT(bench.err.code, cases[i].answer == REGISTRY_AWAY ? ERR_UNAVAILABLE : ERR_DATA);
		EXPECT(cases[i].answer != REGISTRY_AWAY || bench.err.action == ERR_RETRY);
		bench_free(&bench);
	}
}

/* A web server behind a wrong path says 404 to everything, some of them in JSON. */
TEST(a_plain_404_does_not_count_where_no_registry_is)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
	registry_twin_say(bench.twins[0], "/subjects", 404, "{\"error_code\":404}");
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	expect_message(&bench, ": status 404");
	bench_free(&bench);
}

TEST(a_refused_connection_is_away)
{
	struct bench bench;
	bench_init(&bench, 1);
	bench_open(&bench);
	char url[64];
	(void)snprintf(url, sizeof url, "%s", bench.urls[0]);
	registry_twin_free(bench.twins[0]);
	bench.twins[0] = NULL;
	bench.urls[0] = url;
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	EXPECT(strstr(bench.err.message, "/schemas/ids/7: ") != NULL);
	EXPECT(strstr(bench.err.message, "connect") != NULL);
	bench_free(&bench);
}

TEST(a_slow_answer_is_away)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_answer(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA, strlen(INT_SCHEMA), NULL, 400);
	bench.options.timeout_ms = 100;
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	EXPECT(strstr(bench.err.message, "timed out") != NULL);
	bench_free(&bench);
}

TEST(a_huge_answer_is_away)
{
	struct bench bench;
	bench_init(&bench, 1);
	char *body = malloc(REGISTRY_RESPONSE_MAX + 1);
	memset(body, ' ', REGISTRY_RESPONSE_MAX + 1);
	registry_twin_answer(bench.twins[0], "/schemas/ids/7", 200, body, REGISTRY_RESPONSE_MAX + 1, NULL, 0);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	expect_message(&bench, "/schemas/ids/7: an answer of more than 4194304 bytes");
	free(body);
	bench_free(&bench);
}

TEST(redirects_are_not_followed)
{
	struct bench bench;
	char elsewhere[128];
	bench_init(&bench, 2);
	bench.options.url_count = 1;
	(void)snprintf(elsewhere, sizeof elsewhere, "%s/schemas/ids/7", bench.urls[1]);
	registry_twin_answer(bench.twins[0], "/schemas/ids/7", 302, "", 0, elsewhere, 0);
	registry_twin_say(bench.twins[1], "/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	expect_message(&bench, ": status 302");
	EXPECT_INT(count(&bench, 1), 0);
	bench_free(&bench);
}

TEST(the_environments_proxy_is_not_used)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	(void)unsetenv("http_proxy");
	bench_free(&bench);
}

/* While a pause runs nothing is asked; each is longer than the one before, within half its length of jitter. */
TEST(failures_are_followed_by_growing_pauses)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	bench_open(&bench);
	int64_t longest_us = REGISTRY_PAUSE_FIRST_MS * 1000;
	for (int failures = 1; failures < 14; failures++) {
		EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
		EXPECT_INT(count(&bench, 0), failures);
		bench.now_us += longest_us / 2 - 1000;
		EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
		EXPECT(strstr(bench.err.message, ": status 503; asked again in ") != NULL);
		EXPECT_INT(bench.err.action, ERR_RETRY);
		EXPECT_INT(count(&bench, 0), failures);
		bench.now_us += longest_us / 2 + 1000;
		longest_us =
		    2 * longest_us > REGISTRY_PAUSE_MAX_MS * 1000 ? REGISTRY_PAUSE_MAX_MS * 1000 : 2 * longest_us;
	}
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_INT(get(&bench, 8), REGISTRY_AWAY);
	bench.now_us += REGISTRY_PAUSE_FIRST_MS * 1000; /* the first pause again */
	int before = count(&bench, 0);
	EXPECT_INT(get(&bench, 8), REGISTRY_AWAY);
	EXPECT_INT(count(&bench, 0), before + 1);
	bench_free(&bench);
}

TEST(what_is_known_is_answered_during_a_pause)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_INT(get(&bench, 8), REGISTRY_AWAY);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	expect_int_schema(&bench);
	bench_free(&bench);
}

TEST(the_next_address_is_asked_and_the_last_good_one_first)
{
	struct bench bench;
	bench_init(&bench, 2);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	registry_twin_say(bench.twins[1], "/schemas/ids/7", 200, INT_SCHEMA);
	registry_twin_say(bench.twins[1], "/schemas/ids/8", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_INT(count(&bench, 0), 1);
	EXPECT_INT(get(&bench, 8), REGISTRY_FOUND);
	EXPECT_INT(count(&bench, 0), 1);
	EXPECT_INT(count(&bench, 1), 2);
	bench_free(&bench);
}

TEST(all_addresses_away_say_why_each)
{
	struct bench bench;
	char wanted[256];
	bench_init(&bench, 2);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	registry_twin_say(bench.twins[1], NULL, 401, "");
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	(void)snprintf(wanted, sizeof wanted, "%s: status 503; %s: status 401: the credentials are refused",
		       bench.urls[0], bench.urls[1]);
	EXPECT_TEXT(bench.err.message, wanted);
	bench_free(&bench);
}

/* A replica may lag behind. */
TEST(an_id_is_unknown_only_where_no_address_has_it)
{
	struct bench bench;
	bench_init(&bench, 2);
	registry_twin_say(bench.twins[1], "/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_INT(get(&bench, 8), REGISTRY_UNKNOWN);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	EXPECT_INT(get(&bench, 9), REGISTRY_UNKNOWN);
	bench_free(&bench);
}

TEST(basic_and_bearer_credentials_are_sent)
{
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 200, INT_SCHEMA);
	bench.options.user = "reader";
	bench.options.password = "p:w\xc3\xa4";
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_TEXT(registry_twin_last(bench.twins[0]).authorization, "Basic cmVhZGVyOnA6d8Ok");
	bench.options.user = bench.options.password = NULL;
	bench.options.bearer = "abc.def";
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	EXPECT_TEXT(registry_twin_last(bench.twins[0]).authorization, "Bearer abc.def");
	bench_free(&bench);
}

TEST(schemas_that_are_not_plain_avro_are_unusable)
{
	static const struct {
		const char *body, *message;
	} cases[] = {
	    {"{\"schema\":\"syntax\",\"schemaType\":\"PROTOBUF\"}",
	     "schema 7: a schema of type \"PROTOBUF\", not \"AVRO\""},
	    {"{\"schema\":\"{}\",\"schemaType\":\"A\\u0001\"}", "schema 7: a schema of type \"A?\", not \"AVRO\""},
	    {"{\"schema\":\"\\\"x\\\"\",\"references\":[{\"name\":\"x\",\"subject\":\"x\",\"version\":1}]}",
	     "schema 7: a schema that refers to other ones, which is not supported"},
	};
	for (size_t i = 0; i < 3; i++) {
		struct bench bench;
		bench_init(&bench, 1);
		registry_twin_say(bench.twins[0], NULL, 200, cases[i].body);
		bench_open(&bench);
		for (int j = 0; j < 2; j++) {
			EXPECT_INT(get(&bench, 7), REGISTRY_UNUSABLE);
			EXPECT_TEXT(bench.err.message, cases[i].message);
			EXPECT_INT(bench.err.code, ERR_DATA);
		}
		EXPECT_INT(count(&bench, 0), 1);
		bench_free(&bench);
	}
	struct bench bench;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 200,
			  "{\"schema\":\"\\\"int\\\"\",\"schemaType\":\"AVRO\",\"references\":[]}");
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	bench_free(&bench);
}

/* An answer is untrusted: pieces of real ones, and bytes. */
TEST(random_answers_never_crash)
{
	static const char *const pieces[] = {"{",
					     "}",
					     "\"schema\"",
					     ":",
					     "\"\\\"int\\\"\"",
					     ",",
					     "\"schemaType\"",
					     "\"AVRO\"",
					     "\"references\"",
					     "[",
					     "]",
					     "\"error_code\"",
					     "40403",
					     "\xff",
					     "null",
					     "7"};
	static const unsigned statuses[] = {200, 200, 200, 404, 422, 500};
	struct bench bench;
	struct rng rng;
	int found = 0;
	rng_seed(&rng, 3);
	bench_init(&bench, 1);
	bench_open(&bench);
	for (int32_t id = 0; id < RANDOM_ANSWERS; id++) {
		char body[512] = "{\"schema\":\"\\\"int\\\"\"";
		for (uint64_t i = rng_below(&rng, 5); i > 0; i--)
			(void)snprintf(body + strlen(body), sizeof body - strlen(body), "%s",
				       pieces[rng_below(&rng, sizeof pieces / sizeof *pieces)]);
		if (rng_below(&rng, 2) == 0)
			(void)snprintf(body + strlen(body), sizeof body - strlen(body), "}");
		registry_twin_say(bench.twins[0], NULL, statuses[rng_below(&rng, 6)],
				  body + (rng_below(&rng, 3) == 0 ? 9 : 0));
		enum registry_answer answer = get(&bench, id);
		EXPECT((answer == REGISTRY_FOUND) == !err_is_set(&bench.err));
		found += answer == REGISTRY_FOUND;
		wait_out(&bench);
	}
	EXPECT(found > 20);
	bench_free(&bench);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_schema_is_fetched_once),
					CASE(an_address_may_have_a_path),
					CASE(an_unknown_id_is_asked_for_again_after_half_a_minute),
					CASE(many_unknown_ids_take_bounded_memory),
					CASE(only_a_registrys_refusal_makes_an_id_unknown),
					CASE(a_plain_404_does_not_count_where_no_registry_is),
					CASE(a_refused_connection_is_away),
					CASE(a_slow_answer_is_away),
					CASE(a_huge_answer_is_away),
					CASE(redirects_are_not_followed),
					CASE(the_environments_proxy_is_not_used),
					CASE(failures_are_followed_by_growing_pauses),
					CASE(what_is_known_is_answered_during_a_pause),
					CASE(the_next_address_is_asked_and_the_last_good_one_first),
					CASE(all_addresses_away_say_why_each),
					CASE(an_id_is_unknown_only_where_no_address_has_it),
					CASE(basic_and_bearer_credentials_are_sent),
					CASE(schemas_that_are_not_plain_avro_are_unusable),
					CASE(random_answers_never_crash),
					{0}},
			argc, argv);
}
