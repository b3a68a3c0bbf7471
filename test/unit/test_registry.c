/* The registry client against a server in this process. Runs in the root of the tree (certificate in test/data). */
#include "daemon/io/registry_http.h"
#include "rng.h"
#include "slice.h"
#include "test/twin/registry_twin.h"
#include "test/unit/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS 1500
#define RANDOM_ANSWERS 1500
#define INT_SCHEMA "{\"schema\":\"\\\"int\\\"\"}"

/* A clock that the test moves. */
static int64_t clock_us(void *clock)
{
	return *(const int64_t *)clock;
}

struct bench {
	struct registry_twin *twins[2];
	const char *urls[2];
	struct registry_options options;
	int64_t now_us;
	struct registry *registry;
	struct err err;
	struct slice schema;
};

/* count servers; the client is made by bench_open(). */
static void bench_init(struct bench *bench, size_t count)
{
	*bench = (struct bench){.now_us = 1};
	for (size_t i = 0; i < count; i++) {
		bench->twins[i] = registry_twin_new(NULL, NULL);
		if (bench->twins[i] == NULL)
			exit(1);
		bench->urls[i] = registry_twin_url(bench->twins[i]);
	}
	bench->options = (struct registry_options){.urls = bench->urls, .url_count = count, .timeout_ms = TIMEOUT_MS};
	bench->options.monotonic_us = clock_us;
	bench->options.clock = &bench->now_us;
}

static void bench_open(struct bench *bench)
{
	registry_free(bench->registry);
	err_clear(&bench->err);
	bench->registry = registry_new(&bench->options, &bench->err);
	EXPECT_TEXT(bench->err.message, "");
	if (bench->registry == NULL)
		exit(1);
}

static void bench_free(struct bench *bench)
{
	registry_free(bench->registry);
	registry_twin_free(bench->twins[0]);
	registry_twin_free(bench->twins[1]);
}

static enum registry_answer get(struct bench *bench, int32_t id)
{
	err_clear(&bench->err);
	bench->schema = (struct slice){NULL, 0};
	return registry_schema(bench->registry, id, &bench->schema, &bench->err);
}

static int count(const struct bench *bench, size_t twin)
{
	return registry_twin_last(bench->twins[twin]).count;
}

/* The message that begins with the first server's address. */
static void expect_message(const struct bench *bench, const char *rest)
{
	char wanted[256];
	(void)snprintf(wanted, sizeof wanted, "%s%s", bench->urls[0], rest);
	EXPECT_TEXT(bench->err.message, wanted);
}

static void expect_int_schema(const struct bench *bench)
{
	EXPECT(slice_equal(bench->schema, slice_of("\"int\"")));
}

/* Ends a pause, however long. */
static void wait_out(struct bench *bench)
{
	bench->now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
}

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

/* The one file of a directory. */
static void only_file(const char *directory, char *path, size_t size)
{
	DIR *listing = opendir(directory);
	int files = 0;
	EXPECT(listing != NULL);
	for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
		if (entry->d_name[0] != '.') {
			(void)snprintf(path, size, "%s/%s", directory, entry->d_name);
			files++;
		}
	(void)closedir(listing);
	EXPECT_INT(files, 1);
}

TEST(the_disk_cache_outlives_the_client_and_the_registry)
{
	struct bench bench;
	char directory[] = "/tmp/outlierd-cache-XXXXXX", path[512], cache[64];
	bench_init(&bench, 1);
	EXPECT(mkdtemp(directory) != NULL);
	(void)snprintf(cache, sizeof cache, "%s/new", directory);
	bench.options.cache_directory = cache; /* made where it is missing */
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	only_file(cache, path, sizeof path);

	registry_twin_say(bench.twins[0], "/schemas/ids/7", 503, "");
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	expect_int_schema(&bench);
	EXPECT_INT(count(&bench, 0), 1);

	/* Another registry's ids are others. */
	char other[128];
	const char *url = bench.urls[0];
	(void)snprintf(other, sizeof other, "%s/other", url);
	bench.urls[0] = other;
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_UNKNOWN);
	bench.urls[0] = url;

	/* Every damage is as if the file were absent; the next fetch mends it. */
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, INT_SCHEMA);
	for (int kind = 0; kind < 4; kind++) {
		FILE *file = fopen(path, kind == 0 ? "wb" : "rb+");
		EXPECT(file != NULL);
		(void)fseek(file, kind == 1 ? 66 : 3, SEEK_SET);
		if (kind == 1 || kind == 2)
			(void)fputc('x', file);
		(void)fclose(file);
		EXPECT_INT(truncate(path, kind == 0 ? 0 : kind == 3 ? 68 : 70), 0);
		bench_open(&bench);
		int before = count(&bench, 0);
		EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
		expect_int_schema(&bench);
		EXPECT_INT(count(&bench, 0), before + 1);
		bench_open(&bench);
		EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
		EXPECT_INT(count(&bench, 0), before + 1);
	}
	only_file(cache, path, sizeof path);
	(void)unlink(path);
	(void)rmdir(cache);
	(void)rmdir(directory);
	bench_free(&bench);
}

TEST(unknown_and_unusable_ids_are_not_written_to_disk)
{
	struct bench bench;
	char directory[] = "/tmp/outlierd-cache-XXXXXX";
	bench_init(&bench, 1);
	EXPECT(mkdtemp(directory) != NULL);
	bench.options.cache_directory = directory;
	registry_twin_say(bench.twins[0], "/schemas/ids/7", 200, "{\"schema\":\"\",\"schemaType\":\"JSON\"}");
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_UNUSABLE);
	EXPECT_INT(get(&bench, 8), REGISTRY_UNKNOWN);
	EXPECT_INT(rmdir(directory), 0);
	bench_free(&bench);
}

static enum registry_answer publish(struct bench *bench, const char *subject, const char *schema, int32_t *id)
{
	err_clear(&bench->err);
	return registry_register(bench->registry, subject, slice_of(schema), id, &bench->err);
}

TEST(schemas_are_registered)
{
	struct bench bench;
	int32_t id = 0;
	bench_init(&bench, 2);
	registry_twin_say(bench.twins[0], NULL, 503, "");
	registry_twin_say(bench.twins[1], "/subjects/a?b#c-value/versions", 200, "{\"id\":42}");
	bench_open(&bench);
	EXPECT_INT(publish(&bench, "a?b#c-value", "{\"type\": \"int\"}", &id), REGISTRY_FOUND);
	EXPECT_INT(id, 42);
	struct registry_twin_request last = registry_twin_last(bench.twins[1]);
	EXPECT_TEXT(last.method, "POST");
	EXPECT_TEXT(last.content_type, "application/vnd.schemaregistry.v1+json");
	EXPECT_TEXT(last.body, "{\"schema\":\"{\\\"type\\\": \\\"int\\\"}\"}");
	EXPECT_INT(get(&bench, 7), REGISTRY_UNKNOWN); /* GET after POST */
	EXPECT_TEXT(registry_twin_last(bench.twins[1]).method, "GET");
	bench_free(&bench);
}

TEST(a_refused_schema_is_a_matter_of_configuration)
{
	struct bench bench;
	int32_t id = 0;
	bench_init(&bench, 1);
	registry_twin_say(bench.twins[0], NULL, 409, "{\"error_code\":409,\"message\":\"incompatible\\n\"}");
	bench_open(&bench);
	EXPECT_INT(publish(&bench, "s", "\"int\"", &id), REGISTRY_AWAY);
	EXPECT_INT(bench.err.code, ERR_CONFIG);
	expect_message(&bench, "/subjects/s/versions: the registry refuses the schema: 409 \"incompatible?\"");
	registry_twin_say(bench.twins[0], NULL, 422, "");
	EXPECT_INT(publish(&bench, "s", "\"int\"", &id), REGISTRY_AWAY);
	EXPECT_INT(bench.err.code, ERR_CONFIG);
	registry_twin_say(bench.twins[0], NULL, 500, "");
	EXPECT_INT(publish(&bench, "s", "\"int\"", &id), REGISTRY_AWAY);
	EXPECT_INT(bench.err.code, ERR_UNAVAILABLE);
	EXPECT_INT(bench.err.action, ERR_RETRY);
	int before = count(&bench, 0);
	EXPECT_INT(publish(&bench, "s", "\"int\"", &id), REGISTRY_AWAY); /* the pause */
	EXPECT_INT(count(&bench, 0), before);
	wait_out(&bench);
	static const char *const strange[] = {"{\"id\":\"1\"}", "{}", "7", "{\"id\":4294967296}"};
	for (size_t i = 0; i < 4; i++) {
		registry_twin_say(bench.twins[0], NULL, 200, strange[i]);
		EXPECT_INT(publish(&bench, "s", "\"int\"", &id), REGISTRY_AWAY);
		expect_message(&bench, ": no registry's answer, status 200");
		wait_out(&bench);
	}
	EXPECT_INT(publish(&bench, "s", "\xff", &id), REGISTRY_AWAY);
	EXPECT_TEXT(bench.err.message, "subject s: the schema is not UTF-8");
	EXPECT_INT(bench.err.code, ERR_CONFIG);
	EXPECT_INT(id, 0);
	bench_free(&bench);
}

TEST(a_ping_shows_whether_it_answers)
{
	struct bench bench;
	bench_init(&bench, 2);
	registry_twin_say(bench.twins[0], "/subjects", 500, "");
	bench_open(&bench);
	EXPECT_INT(registry_ping(bench.registry, &bench.err), 0);
	EXPECT_TEXT(bench.err.message, "");
	registry_twin_say(bench.twins[1], "/subjects", 401, "");
	EXPECT_INT(registry_ping(bench.registry, &bench.err), -1);
	char wanted[256];
	(void)snprintf(wanted, sizeof wanted, "%s: status 500; %s: status 401: the credentials are refused",
		       bench.urls[0], bench.urls[1]);
	EXPECT_TEXT(bench.err.message, wanted);
	bench_free(&bench);
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 4096);
	FILE *file = fopen(path, "rb");
	if (file == NULL || fread(text, 1, 4095, file) == 0) {
		printf("  %s: cannot be read\n", path);
		exit(1);
	}
	(void)fclose(file);
	return text;
}

TEST(tls_is_verified_against_the_ca_file)
{
	struct bench bench;
	char *certificate = read_text("test/data/registry/server.pem"),
	     *key = read_text("test/data/registry/server.key");
	bench_init(&bench, 0);
	bench.twins[0] = registry_twin_new(certificate, key);
	if (bench.twins[0] == NULL)
		exit(1);
	bench.urls[0] = registry_twin_url(bench.twins[0]);
	bench.options.url_count = 1;
	registry_twin_say(bench.twins[0], NULL, 200, INT_SCHEMA);
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_AWAY);
	EXPECT(strstr(bench.err.message, "certificate") != NULL);
	EXPECT_INT(count(&bench, 0), 0);
	bench.options.ca_file = "test/data/registry/server.pem";
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	bench.options.certificate_file = "test/data/registry/server.pem"; /* sent where the server asks for one */
	bench.options.key_file = "test/data/registry/server.key";
	bench_open(&bench);
	EXPECT_INT(get(&bench, 7), REGISTRY_FOUND);
	free(certificate);
	free(key);
	bench_free(&bench);
}

static void expect_refused(const struct registry_options *options, const char *message)
{
	struct err err = {0};
	struct registry *registry = registry_new(options, &err);
	EXPECT(registry == NULL);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_TEXT(err.message, message);
	registry_free(registry);
}

TEST(options_that_cannot_work_are_refused)
{
	static const char *const bad_urls[] = {
	    "ftp://x",     "http://",    "http:///x",          "x:8081", "http://u:p@x", "http://x?a=b",
	    "http://x/#a", "http://x y", "file:///etc/passwd", ""};
	const char *urls[] = {"http://127.0.0.1:1", NULL};
	struct registry_options good = {.urls = urls, .url_count = 1, .timeout_ms = 100, .monotonic_us = clock_us};
	struct registry_options options = good;
	options.url_count = 2;
	for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
		urls[1] = bad_urls[i];
		expect_refused(&options,
			       "registry address 2: expected http://HOST or https://HOST, without user, query and "
			       "fragment");
	}
	options.url_count = 0;
	expect_refused(&options, "no registry address");
	options = good;
	options.timeout_ms = 0;
	expect_refused(&options, "registry time-out: not a positive number of ms");
	options = good;
	options.user = "u";
	options.bearer = "b";
	expect_refused(&options, "registry: user and bearer token exclude each other");
	options.bearer = NULL;
	options.user = "a:b";
	expect_refused(&options, "registry: a colon in the user's name");
	options = good;
	options.bearer = "abc\r\nX-Other: 1";
	expect_refused(&options, "registry: a line break or control character in user, password or token");
	options = good;
	options.ca_file = "/nowhere/ca.pem";
	expect_refused(&options, "registry CA file /nowhere/ca.pem: cannot be read");
	options = good;
	options.certificate_file = "/nowhere/c.pem";
	expect_refused(&options, "registry client certificate /nowhere/c.pem: cannot be read");
	options = good;
	options.key_file = "/nowhere/k.pem";
	expect_refused(&options, "registry client key /nowhere/k.pem: cannot be read");
	options = good;
	options.cache_directory = "/nowhere/cache";
	expect_refused(&options, "schema cache /nowhere/cache: No such file or directory");
	options.cache_directory = "/etc/hostname";
	expect_refused(&options, "schema cache /etc/hostname: not a directory that can be written");
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
					CASE(the_disk_cache_outlives_the_client_and_the_registry),
					CASE(unknown_and_unusable_ids_are_not_written_to_disk),
					CASE(schemas_are_registered),
					CASE(a_refused_schema_is_a_matter_of_configuration),
					CASE(a_ping_shows_whether_it_answers),
					CASE(tls_is_verified_against_the_ca_file),
					CASE(options_that_cannot_work_are_refused),
					CASE(random_answers_never_crash),
					{0}},
			argc, argv);
}
