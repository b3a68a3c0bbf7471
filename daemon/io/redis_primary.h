/*
 * Which server holds the state: a fixed address, or whichever Redis Sentinels call the primary of a name ("Guidelines for
 * Redis clients with support for Redis Sentinel"). Sentinels are asked one after the other, over a connection that lasts
 * for one question; the first that knows is asked first the next time. What they say may be out of date: whether the
 * server believes to be a primary itself is the caller's to check once it is connected.
 */
#ifndef OUTLIERD_REDIS_PRIMARY_H
#define OUTLIERD_REDIS_PRIMARY_H

#include "daemon/io/redis_socket.h"
#include "daemon/io/redis_store.h"

/* A sentinel that does not answer in so long is passed over. Never more than the time-out of the store. */
#define REDIS_SENTINEL_WAIT_MS 500
#define REDIS_SERVER_TEXT_MAX (REDIS_HOST_MAX + REDIS_PORT_MAX + 3)

struct redis_primary;

/** From options' address, time-out, clock and the sentinels' user and password; strings are borrowed. ERR_CONFIG: bad address. */
struct redis_primary *redis_primary_new(const struct redis_options *options, struct err *err) MUST_USE;

/** Where the server is now. Sentinels are asked for at most the store's time-out. ERR_RETRY: none of them names one; the message has each one's reason. */
int redis_primary_locate(struct redis_primary *primary, struct redis_address *address, struct err *err) MUST_USE;

/** Number of sentinels; 0: the address is fixed. */
size_t redis_primary_sentinels(const struct redis_primary *primary);

/** Asks one sentinel, whose own address goes to `sentinel`. ERR_RETRY: it does not answer, refuses or does not know. */
int redis_primary_ask(struct redis_primary *primary, size_t index, struct redis_address *sentinel,
		      struct redis_address *address, struct err *err) MUST_USE;

/** An address as text: HOST:PORT, [IPV6]:PORT or the path of a socket. Returns text. */
const char *redis_primary_name(const struct redis_address *address, char text[REDIS_SERVER_TEXT_MAX]);

/** Frees it; NULL does nothing. */
void redis_primary_free(struct redis_primary *primary);

#endif
