/* The registry client: disk cache, registration, ping, TLS, options. Runs in the root of the tree (certificate in test/data). */
#include "test/unit/registry_bench.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(the_disk_cache_outlives_the_client_and_the_registry),
					CASE(unknown_and_unusable_ids_are_not_written_to_disk),
					CASE(schemas_are_registered),
					CASE(a_refused_schema_is_a_matter_of_configuration),
					CASE(a_ping_shows_whether_it_answers),
					CASE(tls_is_verified_against_the_ca_file),
					CASE(options_that_cannot_work_are_refused),
					{0}},
			argc, argv);
}
