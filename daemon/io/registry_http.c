#include "daemon/io/registry_http.h"

#include "daemon/io/avro_name.h"
#include "daemon/io/registry_disk.h"
#include "daemon/io/registry_request.h"
#include "daemon/io/schema_table.h"
#include "rng.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define HTTP_OK 200
#define HTTP_BAD_REQUEST 400
#define HTTP_UNAUTHORIZED 401
#define HTTP_FORBIDDEN 403
#define HTTP_NOT_FOUND 404
#define HTTP_CONFLICT 409
#define HTTP_UNPROCESSABLE 422
#define ERROR_CODE_NOT_FOUND 404 /* a web server's; a registry's own are 40401, 40402, 40403 */
#define ERROR_CODES_PER_STATUS 100
#define PATH_MAX_BYTES 64
#define MS_PER_S 1000
#define US_PER_MS 1000

/* A schema that the registry has. */
struct stored {
	bool usable;
	size_t length;
	char text[]; /* the schema, or why it cannot be used; with a terminating zero */
};

/* An id that it has not. */
struct unknown {
	int64_t until_us;
	struct err reason;
};

struct registry {
	struct registry_request *request;
	struct registry_disk *disk; /* NULL: none */
	char **urls;
	size_t url_count;
	size_t first; /* the address that answered last */
	int64_t (*monotonic_us)(void *clock);
	void *clock;
	struct schema_table stored, unknown;
	struct rng rng; /* for the pauses alone, so that restarted daemons do not ask in step */
	unsigned failures;
	int64_t pause_until_us;
	struct err failure; /* why it pauses */
};

static int copy_urls(struct registry *registry, const struct registry_options *options, struct err *err)
{
	registry->urls = calloc(options->url_count, sizeof *registry->urls);
	if (registry->urls == NULL)
		return err_memory(err);
	for (; registry->url_count < options->url_count; registry->url_count++) {
		registry->urls[registry->url_count] = strdup(options->urls[registry->url_count]);
		if (registry->urls[registry->url_count] == NULL)
			return err_memory(err);
	}
	return 0;
}

struct registry *registry_new(const struct registry_options *options, struct err *err)
{
	struct timespec now;
	struct registry *registry = calloc(1, sizeof *registry);
	if (registry == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	registry->monotonic_us = options->monotonic_us;
	registry->clock = options->clock;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	rng_seed(&registry->rng, (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec << 32 ^ (uint64_t)getpid());
	registry->request = registry_request_new(options, err);
	if (registry->request == NULL || copy_urls(registry, options, err) != 0)
		goto free_registry;
	if (options->cache_directory == NULL)
		return registry;
	registry->disk = registry_disk_new(options->cache_directory, options->urls, options->url_count, err);
	if (registry->disk != NULL)
		return registry;
free_registry:
	registry_free(registry);
	return NULL;
}

void registry_free(struct registry *registry)
{
	if (registry == NULL)
		return;
	schema_table_clear(&registry->stored, free);
	schema_table_clear(&registry->unknown, free);
	registry_request_free(registry->request);
	registry_disk_free(registry->disk);
	for (size_t i = 0; i < registry->url_count; i++)
		free(registry->urls[i]);
	free(registry->urls);
	free(registry);
}

static struct stored *keep(struct registry *registry, int32_t id, bool usable, struct slice text, struct err *err)
{
	struct stored *stored = malloc(sizeof *stored + text.length + 1);
	if (stored == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	stored->usable = usable;
	stored->length = text.length;
	if (text.length > 0)
		memcpy(stored->text, text.data, text.length);
	stored->text[text.length] = '\0';
	if (schema_table_put(&registry->stored, id, stored, err) == 0)
		return stored;
	free(stored);
	return NULL;
}

/* Remembers that there is no such id, for a while. */
static void keep_unknown(struct registry *registry, int32_t id, const struct err *reason)
{
	struct err ignored = {0};
	struct unknown *unknown = schema_table_get(&registry->unknown, id);
	if (unknown == NULL) {
		if (registry->unknown.count == REGISTRY_UNKNOWN_MAX)
			schema_table_clear(&registry->unknown, free);
		unknown = malloc(sizeof *unknown);
		if (unknown == NULL || schema_table_put(&registry->unknown, id, unknown, &ignored) != 0) {
			free(unknown); /* it will be asked for again */
			return;
		}
	}
	unknown->until_us = registry->monotonic_us(registry->clock) + (int64_t)REGISTRY_NEGATIVE_MS * US_PER_MS;
	unknown->reason = *reason;
}

/* The number in "error_code" of a registry's refusal; 0: this is no registry's answer. */
static json_int_t error_code_of(struct slice body)
{
	json_error_t error;
	json_t *answer = json_loadb(body.data == NULL ? "" : body.data, body.length, 0, &error);
	json_int_t code = json_integer_value(json_object_get(answer, "error_code"));
	json_decref(answer);
	return code;
}

/* What an answer means that is neither the one wanted nor a refusal of this very request. */
static enum registry_answer away(const char *url, long status, struct err *err)
{
	bool credentials = status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
	(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: %s %ld%s", url,
			     status == HTTP_OK ? "no registry's answer, status" : "status", status,
			     credentials ? ": the credentials are refused" : "");
	return REGISTRY_AWAY;
}

/* Takes the schema out of an answer; a schema that cannot be used is an answer too. */
static enum registry_answer take_schema(struct registry *registry, const char *url, int32_t id, struct slice body,
					const struct stored **stored, struct err *err)
{
	enum registry_answer answer = REGISTRY_AWAY;
	char why[AVRO_NAME_SHOWN + 64] = "", shown[AVRO_NAME_SHOWN];
	json_error_t error;
	json_t *document = json_loadb(body.data == NULL ? "" : body.data, body.length, 0, &error);
	const json_t *schema = json_object_get(document, "schema");
	const char *type = json_string_value(json_object_get(document, "schemaType"));
	if (!json_is_string(schema)) {
		(void)away(url, HTTP_OK, err);
		goto free_document;
	}
	if (type != NULL && strcmp(type, "AVRO") != 0)
		(void)snprintf(why, sizeof why, "a schema of type %s, not \"AVRO\"", avro_name_show(type, shown));
	else if (json_array_size(json_object_get(document, "references")) > 0)
		(void)snprintf(why, sizeof why, "a schema that refers to other ones, which is not supported");
	struct slice text = {json_string_value(schema), json_string_length(schema)};
	*stored = keep(registry, id, why[0] == '\0', why[0] == '\0' ? text : slice_of(why), err);
	if (*stored != NULL && (*stored)->usable && registry->disk != NULL)
		registry_disk_write(registry->disk, id, text);
	if (*stored != NULL)
		answer = (*stored)->usable ? REGISTRY_FOUND : REGISTRY_UNUSABLE;
free_document:
	json_decref(document);
	return answer;
}

/* A plain 404 comes from any web server, also where the path is wrong: it counts where the registry's root is here. */
static bool is_registry(struct registry *registry, const char *url)
{
	long status;
	struct slice body;
	struct err ignored = {0};
	return registry_request_send(registry->request, url, "/subjects", NULL, &status, &body, &ignored) == 0 &&
	       status == HTTP_OK;
}

/* Asks one address. */
static enum registry_answer ask(struct registry *registry, const char *url, int32_t id, const struct stored **stored,
				struct err *err)
{
	char path[PATH_MAX_BYTES];
	long status;
	struct slice body;
	(void)snprintf(path, sizeof path, "/schemas/ids/%ld", (long)id);
	if (registry_request_send(registry->request, url, path, NULL, &status, &body, err) != 0)
		return REGISTRY_AWAY;
	if (status == HTTP_OK)
		return take_schema(registry, url, id, body, stored, err);
	json_int_t code = error_code_of(body);
	bool refused = status == HTTP_NOT_FOUND || status == HTTP_BAD_REQUEST || status == HTTP_UNPROCESSABLE;
	if (!refused || (code != status && code / ERROR_CODES_PER_STATUS != status))
		return away(url, status, err);
	if (code == ERROR_CODE_NOT_FOUND && !is_registry(registry, url))
		return away(url, status, err);
	(void)err_set(err, ERR_DATA, "%s: the registry has no schema %ld (error code %lld)", url, (long)id,
		      (long long)code);
	return REGISTRY_UNKNOWN;
}

static void start_pause(struct registry *registry, const struct err *err)
{
	int64_t pause_ms = REGISTRY_PAUSE_FIRST_MS;
	for (unsigned i = 0; i < registry->failures && pause_ms < REGISTRY_PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > REGISTRY_PAUSE_MAX_MS)
		pause_ms = REGISTRY_PAUSE_MAX_MS;
	double jittered = (double)pause_ms * (0.5 + rng_uniform(&registry->rng) / 2);
	registry->failures++;
	registry->pause_until_us = registry->monotonic_us(registry->clock) + (int64_t)(jittered * US_PER_MS);
	registry->failure = *err;
}

/* True while a pause runs; then *err is what began it. */
static bool pausing(struct registry *registry, struct err *err)
{
	int64_t left_us = registry->pause_until_us - registry->monotonic_us(registry->clock);
	if (registry->failures == 0 || left_us <= 0)
		return false;
	(void)err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s; asked again in %lld ms", registry->failure.message,
			     (long long)(left_us / US_PER_MS) + 1);
	return true;
}

/* Collects what every address said; what does not fit is left out. */
static void add_failure(struct err *all, const struct err *one)
{
	static const char separator[] = "; ";
	size_t length = strlen(all->message), added = strlen(one->message);
	if (!err_is_set(all)) {
		*all = *one;
		return;
	}
	if (length + sizeof separator + added > sizeof all->message)
		return;
	memcpy(all->message + length, separator, sizeof separator - 1);
	memcpy(all->message + length + sizeof separator - 1, one->message, added + 1);
}

/*
 * Asks all addresses, that of the last answer first, until one has the schema. One that does not know the id may be a
 * replica that lags, so the others are asked too.
 */
static enum registry_answer ask_all(struct registry *registry, int32_t id, const struct stored **stored,
				    struct err *err)
{
	struct err failures = {0}, unknown = {0};
	size_t begin = registry->first;
	for (size_t i = 0; i < registry->url_count; i++) {
		size_t number = (begin + i) % registry->url_count;
		struct err one = {0};
		enum registry_answer answer = ask(registry, registry->urls[number], id, stored, &one);
		if (answer == REGISTRY_AWAY) {
			add_failure(&failures, &one);
			continue;
		}
		registry->failures = 0;
		if (!err_is_set(&unknown))
			registry->first = number;
		if (answer != REGISTRY_UNKNOWN)
			return answer;
		add_failure(&unknown, &one);
	}
	if (err_is_set(&unknown)) {
		*err = unknown;
		keep_unknown(registry, id, err);
		return REGISTRY_UNKNOWN;
	}
	*err = failures;
	if (err->code == ERR_UNAVAILABLE)
		start_pause(registry, err);
	return REGISTRY_AWAY;
}

enum registry_answer registry_schema(struct registry *registry, int32_t id, struct slice *schema, struct err *err)
{
	const struct stored *stored = schema_table_get(&registry->stored, id);
	const struct unknown *unknown = schema_table_get(&registry->unknown, id);
	enum registry_answer answer = REGISTRY_FOUND;
	if (stored == NULL && registry->disk != NULL) {
		struct slice text;
		char *read = registry_disk_read(registry->disk, id, &text.length);
		text.data = read;
		stored = read == NULL ? NULL : keep(registry, id, true, text, err);
		free(read);
	}
	if (err_is_set(err))
		return REGISTRY_AWAY;
	if (stored == NULL && unknown != NULL && registry->monotonic_us(registry->clock) < unknown->until_us) {
		*err = unknown->reason;
		return REGISTRY_UNKNOWN;
	}
	if (stored == NULL)
		answer = pausing(registry, err) ? REGISTRY_AWAY : ask_all(registry, id, &stored, err);
	if (stored == NULL)
		return answer;
	*schema = (struct slice){stored->text, stored->length};
	if (stored->usable)
		return REGISTRY_FOUND;
	(void)err_set(err, ERR_DATA, "schema %ld: %s", (long)id, stored->text);
	return REGISTRY_UNUSABLE;
}

/* Registers at one address. */
static enum registry_answer send_schema(struct registry *registry, const char *url, const char *path, struct slice body,
					int32_t *id, struct err *err)
{
	long status;
	struct slice reply;
	json_error_t error;
	char shown[AVRO_NAME_SHOWN];
	if (registry_request_send(registry->request, url, path, &body, &status, &reply, err) != 0)
		return REGISTRY_AWAY;
	json_t *answer = json_loadb(reply.data == NULL ? "" : reply.data, reply.length, 0, &error);
	const json_t *number = json_object_get(answer, "id");
	const char *message = json_string_value(json_object_get(answer, "message"));
	bool good = status == HTTP_OK && json_is_integer(number) && json_integer_value(number) >= INT32_MIN &&
		    json_integer_value(number) <= INT32_MAX;
	if (good)
		*id = (int32_t)json_integer_value(number);
	else if (status == HTTP_CONFLICT || status == HTTP_UNPROCESSABLE)
		(void)err_set(err, ERR_CONFIG, "%s%s: the registry refuses the schema: %ld %s", url, path, status,
			      avro_name_show(message == NULL ? "" : message, shown));
	else
		(void)away(url, status, err);
	json_decref(answer);
	return good ? REGISTRY_FOUND : REGISTRY_AWAY;
}

static enum registry_answer send_to_all(struct registry *registry, const char *path, struct slice body, int32_t *id,
					struct err *err)
{
	struct err failures = {0};
	size_t begin = registry->first;
	for (size_t i = 0; i < registry->url_count; i++) {
		size_t number = (begin + i) % registry->url_count;
		struct err one = {0};
		if (send_schema(registry, registry->urls[number], path, body, id, &one) == REGISTRY_FOUND) {
			registry->failures = 0;
			registry->first = number;
			return REGISTRY_FOUND;
		}
		if (one.code == ERR_CONFIG) {
			*err = one;
			return REGISTRY_AWAY;
		}
		add_failure(&failures, &one);
	}
	*err = failures;
	if (err->code == ERR_UNAVAILABLE)
		start_pause(registry, err);
	return REGISTRY_AWAY;
}

enum registry_answer registry_register(struct registry *registry, const char *subject, struct slice schema, int32_t *id,
				       struct err *err)
{
	enum registry_answer answer = REGISTRY_AWAY;
	struct buffer path;
	buffer_init(&path);
	if (pausing(registry, err))
		return REGISTRY_AWAY;
	json_t *document = json_pack("{s:s%}", "schema", schema.data, schema.length);
	char *body = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
	char *escaped = registry_request_escape(registry->request, subject);
	buffer_add_format(&path, "/subjects/%s/versions", escaped == NULL ? "" : escaped);
	buffer_add_byte(&path, '\0');
	if (document == NULL)
		(void)err_set(err, ERR_CONFIG, "subject %s: the schema is not UTF-8", subject);
	else if (body == NULL || escaped == NULL || buffer_failed(&path))
		(void)err_memory(err);
	else
		answer = send_to_all(registry, (const char *)path.data, slice_of(body), id, err);
	json_decref(document);
	free(body);
	free(escaped);
	buffer_free(&path);
	return answer;
}

int registry_ping(struct registry *registry, struct err *err)
{
	struct err failures = {0};
	for (size_t i = 0; i < registry->url_count; i++) {
		size_t number = (registry->first + i) % registry->url_count;
		struct err one = {0};
		long status;
		struct slice body;
		if (registry_request_send(registry->request, registry->urls[number], "/subjects", NULL, &status, &body,
					  &one) == 0 &&
		    status == HTTP_OK)
			return 0;
		if (!err_is_set(&one))
			(void)away(registry->urls[number], status, &one);
		add_failure(&failures, &one);
	}
	*err = failures;
	return -1;
}
