/*
 * One connection to Redis: commands go out and replies come in at the same time, each as far as the socket takes it, so
 * that neither side waits for the other with full buffers, and a write of any size needs a bounded buffer here. It
 * knows nothing of what the commands mean. Bytes pass through two functions only, where TLS can slide in.
 *
 * After any failure of an exchange the connection is closed: how far the server came is then unknown, except that
 * redis_connection_sent() is false where it cannot have got the whole of the last command.
 */
#ifndef OUTLIERD_REDIS_CONNECTION_H
#define OUTLIERD_REDIS_CONNECTION_H

#include "daemon/io/redis_replies.h"
#include "daemon/io/redis_socket.h"
#include "daemon/ports.h"

/* An exchange that moves bytes goes on beyond the time-out, up to so many of them. */
#define REDIS_EXCHANGE_TIMEOUTS 6

struct redis_connection;

/** One exchange: so many commands, so many replies. */
struct redis_exchange {
	void *self;
	/** Appends at least one whole command to out and returns their number; 0: there are no more. Large exchanges append one at a time. */
	size_t (*next)(void *self, struct buffer *out);
	/** Takes the replies' pieces (redis_replies.h). */
	bool (*take)(void *self, const struct redis_piece *piece);
};

/** Makes a connection that is not open. timeout_ms: of connecting, and of every wait for the server. */
struct redis_connection *redis_connection_new(int64_t timeout_ms, const struct clock *clock, struct err *err) MUST_USE;

/** Connects. ERR_RETRY: away. */
int redis_connection_open(struct redis_connection *connection, const struct redis_address *address,
			  struct err *err) MUST_USE;

/** True between a successful open and a close or failure. */
bool redis_connection_is_open(const struct redis_connection *connection);

/** Sends all commands and takes all replies. -1: the connection is closed; ERR_RETRY, or the error that take() put into the same *err. */
int redis_connection_exchange(struct redis_connection *connection, const struct redis_exchange *exchange,
			      struct err *err) MUST_USE;

/** True where every byte of the last exchange was handed to the system, so that the server may have acted on all of it. */
bool redis_connection_sent(const struct redis_connection *connection);

/** True where the last failure was the peer's hanging up, so that a new connection may do better at once. */
bool redis_connection_hung_up(const struct redis_connection *connection);

/** Closes it, at once; does nothing where it is not open. */
void redis_connection_close(struct redis_connection *connection);

/** Frees it; NULL does nothing. */
void redis_connection_free(struct redis_connection *connection);

#endif
