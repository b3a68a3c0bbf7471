#include "daemon/io/redis_connection.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Commands are made for so many bytes, then sent, then made again: large enough that a system call is a small part. */
#define OUT_BYTES ((size_t)128 << 10)
#define IN_BYTES ((size_t)64 << 10)

struct redis_connection {
	const struct clock *clock;
	int64_t timeout_us;
	int descriptor; /* -1: not open */
	struct redis_replies *replies;
	struct buffer out;
	size_t out_sent; /* of out */
	size_t commands; /* of the present exchange, so far */
	size_t complete; /* replies of it */
	bool ended;      /* next() has no more */
	bool hung_up;
	int64_t idle_deadline_us, last_deadline_us;
	uint8_t in[IN_BYTES];
};

struct redis_connection *redis_connection_new(int64_t timeout_ms, const struct clock *clock, struct err *err)
{
	assert(timeout_ms > 0 && timeout_ms <= INT64_MAX / 1000 / REDIS_EXCHANGE_TIMEOUTS / 2);
	struct redis_connection *connection = calloc(1, sizeof *connection);
	if (connection == NULL) {
		err_memory(err);
		return NULL;
	}
	connection->clock = clock;
	connection->timeout_us = timeout_ms * 1000;
	connection->descriptor = -1;
	buffer_init(&connection->out);
	connection->replies = redis_replies_new();
	if (connection->replies != NULL)
		return connection;
	err_memory(err);
	redis_connection_free(connection);
	return NULL;
}

static int64_t now_us(const struct redis_connection *connection)
{
	return connection->clock->monotonic_us(connection->clock->self);
}

int redis_connection_open(struct redis_connection *connection, const struct redis_address *address, struct err *err)
{
	assert(connection->descriptor < 0);
	if (redis_replies_reset(connection->replies) < 0)
		return err_memory(err);
	connection->hung_up = false;
	int64_t deadline_us = now_us(connection) + connection->timeout_us;
	connection->descriptor = redis_socket_connect(address, connection->clock, deadline_us, err);
	return connection->descriptor < 0 ? -1 : 0;
}

bool redis_connection_is_open(const struct redis_connection *connection)
{
	return connection->descriptor >= 0;
}

static int hang_up(struct redis_connection *connection, const char *why, struct err *err)
{
	connection->hung_up = true;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "the connection was lost: %s", why);
}

static void progress(struct redis_connection *connection)
{
	int64_t idle_us = now_us(connection) + connection->timeout_us;
	connection->idle_deadline_us = idle_us < connection->last_deadline_us ? idle_us : connection->last_deadline_us;
}

static int fill(struct redis_connection *connection, const struct redis_exchange *exchange, struct err *err)
{
	if (connection->ended || connection->out_sent < connection->out.length)
		return 0;
	buffer_reset(&connection->out);
	connection->out_sent = 0;
	while (!connection->ended && connection->out.length < OUT_BYTES) {
		size_t commands = exchange->next(exchange->self, &connection->out);
		if (buffer_failed(&connection->out))
			return err_memory(err);
		connection->commands += commands;
		connection->ended = commands == 0;
	}
	return 0;
}

static int send_some(struct redis_connection *connection, struct err *err)
{
	while (connection->out_sent < connection->out.length) {
		ssize_t sent = send(connection->descriptor, connection->out.data + connection->out_sent,
				    connection->out.length - connection->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return hang_up(connection, strerror(errno), err);
		connection->out_sent += (size_t)sent;
		progress(connection);
	}
	return 0;
}

static int receive_some(struct redis_connection *connection, const struct redis_exchange *exchange, struct err *err)
{
	struct redis_visitor visitor = {exchange->self, exchange->take};
	for (;;) {
		ssize_t got = recv(connection->descriptor, connection->in, sizeof connection->in, 0);
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return 0;
		if (got < 0)
			return hang_up(connection, strerror(errno), err);
		if (got == 0)
			return hang_up(connection, "the server closed it", err);
		progress(connection);
		struct slice bytes = {connection->in, (size_t)got};
		if (redis_replies_feed(connection->replies, bytes, &visitor, &connection->complete, err) < 0)
			return -1;
		if ((size_t)got < sizeof connection->in)
			return 0;
	}
}

static int wait_for_peer(struct redis_connection *connection, short *ready, struct err *err)
{
	bool sending = connection->out_sent < connection->out.length;
	int events = redis_socket_wait(connection->descriptor, (short)(sending ? POLLIN | POLLOUT : POLLIN),
				       connection->clock, connection->idle_deadline_us, err);
	if (events < 0)
		return -1;
	if (events == 0 && connection->idle_deadline_us == connection->last_deadline_us)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "still answering after %lld ms",
				      (long long)(REDIS_EXCHANGE_TIMEOUTS * connection->timeout_us / 1000));
	if (events == 0)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "no answer within %lld ms",
				      (long long)(connection->timeout_us / 1000));
	*ready = (short)events;
	return 0;
}

static int run(struct redis_connection *connection, const struct redis_exchange *exchange, struct err *err)
{
	connection->commands = connection->complete = 0;
	connection->ended = connection->hung_up = false;
	connection->out_sent = 0;
	buffer_reset(&connection->out);
	if (redis_replies_begin(connection->replies, err) < 0)
		return -1;
	connection->last_deadline_us = now_us(connection) + REDIS_EXCHANGE_TIMEOUTS * connection->timeout_us;
	progress(connection);
	for (;;) {
		short ready = 0;
		if (fill(connection, exchange, err) < 0 || send_some(connection, err) < 0)
			return -1;
		if (connection->ended && connection->complete == connection->commands)
			return 0;
		if (!connection->ended && connection->out_sent == connection->out.length)
			continue;
		if (wait_for_peer(connection, &ready, err) < 0)
			return -1;
		if ((ready & ~POLLOUT) != 0 && receive_some(connection, exchange, err) < 0)
			return -1;
		if (connection->complete > connection->commands)
			return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "it answered more than it was asked");
	}
}

int redis_connection_exchange(struct redis_connection *connection, const struct redis_exchange *exchange,
			      struct err *err)
{
	assert(connection->descriptor >= 0);
	if (run(connection, exchange, err) == 0)
		return 0;
	redis_connection_close(connection);
	return -1;
}

bool redis_connection_sent(const struct redis_connection *connection)
{
	return connection->ended && connection->out_sent == connection->out.length;
}

bool redis_connection_hung_up(const struct redis_connection *connection)
{
	return connection->hung_up;
}

void redis_connection_close(struct redis_connection *connection)
{
	if (connection->descriptor < 0)
		return;
	close(connection->descriptor);
	connection->descriptor = -1;
}

void redis_connection_free(struct redis_connection *connection)
{
	if (connection == NULL)
		return;
	redis_connection_close(connection);
	redis_replies_free(connection->replies);
	buffer_free(&connection->out);
	free(connection);
}
