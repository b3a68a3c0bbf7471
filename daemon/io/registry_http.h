/*
 * A client of a Confluent-compatible schema registry (libcurl): schemas by id, cached in memory and on disk, and
 * registration of the schemas that we publish. A registry that cannot be reached is never the record's fault.
 */
#ifndef OUTLIERD_REGISTRY_HTTP_H
#define OUTLIERD_REGISTRY_HTTP_H

#include "buffer.h"
#include "err.h"

#include <stdint.h>

#define REGISTRY_NEGATIVE_MS 30000 /* an unknown id is asked for again after this */

struct registry_options {
	const char *const *urls; /* tried in order, the last good one first; may have a path such as /apis/ccompat/v7 */
	size_t url_count;
	const char *user, *password; /* basic auth; NULL: none */
	const char *bearer;          /* token; NULL: none */
	const char *ca_file, *certificate_file, *key_file; /* NULL: none */
	const char *cache_directory; /* NULL: memory only */
	int64_t timeout_ms;          /* of one request */
	int64_t (*monotonic_us)(void *clock);
	void *clock;
};

struct registry;

/** Makes a client; connects to nothing yet. Strings are copied. */
struct registry *registry_new(const struct registry_options *options, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void registry_free(struct registry *registry);

enum registry_answer { REGISTRY_FOUND, REGISTRY_UNKNOWN /* the registry itself said 404 */, REGISTRY_AWAY /* time-out, refused, 5xx, 401 …: back-pressure */ };

/** The schema text of an id, borrowed until the client is freed. One try over all addresses; waiting and retrying with growing, jittered pauses is done by asking again: while a pause runs it answers REGISTRY_AWAY at once. */
enum registry_answer registry_schema(struct registry *registry, int32_t id, struct slice *schema, struct err *err) MUST_USE;

/** Registers a schema under a subject, id receives its number. REGISTRY_UNKNOWN never happens; a refusal (409, 422) is ERR_CONFIG with REGISTRY_AWAY. */
enum registry_answer registry_register(struct registry *registry, const char *subject, struct slice schema, int32_t *id, struct err *err) MUST_USE;

/** One request that shows whether the registry answers (GET /subjects). For `check --online`. */
int registry_ping(struct registry *registry, struct err *err) MUST_USE;

#endif
