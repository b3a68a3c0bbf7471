/*
 * A client of a Confluent-compatible schema registry (libcurl): schemas by id, cached in memory and on disk, and
 * registration of the schemas that we publish. A registry that cannot be reached is never the record's fault.
 *
 * Nothing but the options decides where it connects and how: no redirects, no proxy from the environment, no netrc.
 * What comes back is limited in size and time, and believed only where it looks like a registry's answer.
 */
#ifndef OUTLIERD_REGISTRY_HTTP_H
#define OUTLIERD_REGISTRY_HTTP_H

#include "buffer.h"
#include "err.h"

#include <stdint.h>

#define REGISTRY_NEGATIVE_MS 30000 /* an unknown id is asked for again after this */
#define REGISTRY_UNKNOWN_MAX 4096  /* unknown ids remembered; beyond, all are forgotten */
#define REGISTRY_CONNECT_MS 2000   /* of one connection, where the request's time-out is longer */
#define REGISTRY_RESPONSE_MAX (4u << 20)
#define REGISTRY_PAUSE_FIRST_MS 200 /* after a failure; doubled with each further one */
#define REGISTRY_PAUSE_MAX_MS 30000

struct registry_options {
	const char *const *urls; /* tried in order, the last good one first; may have a path such as /apis/ccompat/v7 */
	size_t url_count;
	const char *user, *password;                       /* basic auth; NULL: none */
	const char *bearer;                                /* token; NULL: none */
	const char *ca_file, *certificate_file, *key_file; /* NULL: none */
	const char *cache_directory; /* NULL: memory only; made where it is missing. Files are kept apart by the urls */
	int64_t timeout_ms;          /* of one request */
	int64_t (*monotonic_us)(void *clock);
	void *clock;
};

struct registry;

/** Makes a client; connects to nothing yet. Strings are copied. ERR_CONFIG: options that cannot work. */
struct registry *registry_new(const struct registry_options *options, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void registry_free(struct registry *registry);

enum registry_answer {
	REGISTRY_FOUND,
	REGISTRY_UNKNOWN, /* the registry itself said 404 */
	REGISTRY_AWAY,    /* time-out, refused, 5xx, 401 …: back-pressure */
	REGISTRY_UNUSABLE /* it has the schema, but no Avro one, or one that refers to others */
};

/** The schema text of an id, borrowed until the client is freed. One try over all addresses; waiting and retrying with growing, jittered pauses is done by asking again: while a pause runs it answers REGISTRY_AWAY at once. On all but FOUND *err says why. */
enum registry_answer registry_schema(struct registry *registry, int32_t id, struct slice *schema,
				     struct err *err) MUST_USE;

/** Registers a schema under a subject, id receives its number. REGISTRY_UNKNOWN never happens; a refusal (409, 422) is ERR_CONFIG with REGISTRY_AWAY. */
enum registry_answer registry_register(struct registry *registry, const char *subject, struct slice schema, int32_t *id,
				       struct err *err) MUST_USE;

/** One request that shows whether the registry answers (GET /subjects), over all addresses until one does. For `check --online`. */
int registry_ping(struct registry *registry, struct err *err) MUST_USE;

#endif
