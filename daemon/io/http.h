/*
 * The read-only HTTP side (libmicrohttpd): /metrics, /livez, /readyz. It serves what the loop last handed over, from its
 * own thread, so that a waiting loop does not make it silent; /livez turns 503 when the loop has not come by for long.
 */
#ifndef OUTLIERD_HTTP_H
#define OUTLIERD_HTTP_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

#define HTTP_LIVE_MS 60000 /* /livez: the loop must have come by within this */

struct http;

/** Listens on "HOST:PORT" (numeric address; port 0: any free). ERR_CONFIG: not of that form; ERR_UNAVAILABLE: cannot listen. */
struct http *http_new(const char *listen, struct err *err) MUST_USE;
/** The port it listens on. */
uint16_t http_port(const struct http *http);
/** Hands over the metrics text (copied) and readiness with its reason. now_us: monotonic. */
void http_publish(struct http *http, struct slice metrics, bool ready, const char *reason, int64_t now_us);
/** Stops; NULL does nothing. */
void http_free(struct http *http);

#endif
