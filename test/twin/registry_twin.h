/*
 * A schema registry in the test's own process (libmicrohttpd, a thread of its own): it answers each path with what the
 * test put there, and remembers what was asked. Not a registry's logic, only its wire.
 */
#ifndef OUTLIERD_REGISTRY_TWIN_H
#define OUTLIERD_REGISTRY_TWIN_H

#include <stddef.h>

#define REGISTRY_TWIN_NOT_FOUND "{\"error_code\":40403,\"message\":\"Schema not found\"}"

/** What was asked last, and how often anything was. */
struct registry_twin_request {
	int count;
	char method[16], path[256], authorization[256], accept[256], content_type[256], body[1024];
};

struct registry_twin;

/** Starts a server on a free port of 127.0.0.1. Every path answers 404 with REGISTRY_TWIN_NOT_FOUND, but /subjects: 200 and []. With certificate and key (PEM text) it speaks TLS. NULL: no server. */
struct registry_twin *registry_twin_new(const char *certificate, const char *key);
/** Its address, http(s)://127.0.0.1:PORT. */
const char *registry_twin_url(const struct registry_twin *twin);
/** What a path (NULL: all others) answers from now on, after delay_ms; the body is copied. location: of a redirect, or NULL. */
void registry_twin_answer(struct registry_twin *twin, const char *path, unsigned status, const char *body,
			  size_t length, const char *location, int delay_ms);
/** As registry_twin_answer() for a body of text at once. */
void registry_twin_say(struct registry_twin *twin, const char *path, unsigned status, const char *body);
/** The last request. */
struct registry_twin_request registry_twin_last(struct registry_twin *twin);
/** Stops it; its port refuses connections from here on. */
void registry_twin_free(struct registry_twin *twin);

#endif
