/*
 * The sockets between the daemon's Redis adapter and the model: the linker hands the adapter's send, recv, close, connect
 * and wait to this file. Bytes travel in pieces, in order, each way; a connection that breaks loses what chance has it.
 */
#include "buffer.h"
#include "daemon/io/redis_socket.h"
#include "test/sim/node.h"
#include "test/sim/redis_model.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define DESCRIPTOR_FIRST 1000000
#define PIECES_MAX 3

struct connection {
	struct redis *redis;
	struct node *node;
	unsigned life;
	int descriptor;
	struct session *session;
	bool closed;               /* by the client: it will hear nothing more */
	bool broken;               /* the client finds out when it reads or writes */
	bool unheard;              /* nothing that is under way to the server arrives any more */
	int64_t there_us, back_us; /* when the last piece under way arrives */
	struct buffer in;          /* arrived at the client */
	size_t read;
};

struct piece {
	struct connection *connection;
	struct slice bytes;
};

ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags);
ssize_t __wrap_recv(int descriptor, void *bytes, size_t length, int flags);
int __wrap_close(int descriptor);
int __real_close(int descriptor);
int __wrap_redis_socket_connect(const struct redis_address *address, const struct clock *clock, int64_t deadline_us,
				struct err *err);
int __wrap_redis_socket_wait(int descriptor, short events, const struct clock *clock, int64_t deadline_us,
			     struct err *err);

static struct redis *present; /* of the schedule under way */

static struct connection *connection_of(int descriptor)
{
	assert(descriptor >= DESCRIPTOR_FIRST && descriptor - DESCRIPTOR_FIRST < present->connection_count);
	return present->connections[descriptor - DESCRIPTOR_FIRST];
}

static bool away(const struct redis *redis)
{
	return redis->sim->now_us < redis->away_until_us;
}

static void come_back(struct sim *sim, void *self, uint64_t argument)
{
	struct piece *piece = self;
	struct connection *connection = piece->connection;
	(void)sim, (void)argument;
	if (connection->closed || connection->broken)
		return;
	buffer_add(&connection->in, piece->bytes.data, piece->bytes.length);
	node_notify(connection->node);
}

static void send_piece(struct connection *connection, struct slice bytes, int64_t *last_us, int64_t delay_us,
		       sim_action *action)
{
	struct sim *sim = connection->redis->sim;
	struct piece *piece = sim_take(sizeof *piece);
	*piece = (struct piece){connection, sim_copy(bytes)};
	int64_t at_us = sim->now_us + delay_us;
	if (at_us <= *last_us)
		at_us = *last_us + 1;
	*last_us = at_us;
	sim_after(sim, at_us - sim->now_us, action, piece, 0);
}

static void arrive(struct sim *sim, void *self, uint64_t argument)
{
	struct piece *piece = self;
	struct connection *connection = piece->connection;
	struct buffer replies;
	(void)argument;
	if (connection->unheard)
		return;
	buffer_init(&replies);
	if (!session_feed(connection->session, piece->bytes, &replies))
		sim_fail(sim, "redis: a command that is none");
	int64_t delay_us = sim_between(sim, 5, 200);
	if (sim->now_us < connection->redis->slow_until_us)
		delay_us += sim_between(sim, 0, 3 * SECOND);
	if (replies.length > 0)
		send_piece(connection, buffer_slice(&replies), &connection->back_us, delay_us, come_back);
	buffer_free(&replies);
}

ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags)
{
	struct connection *connection = connection_of(descriptor);
	struct sim *sim = connection->redis->sim;
	(void)flags;
	node_call(connection->node);
	if (connection->broken) {
		errno = EPIPE;
		return -1;
	}
	if (sim_once_in(sim, 8))
		length = 1 + (size_t)sim_below(sim, length); /* the socket takes a part */
	size_t from = 0;
	for (int pieces = 1 + (int)sim_below(sim, PIECES_MAX); from < length; pieces--) {
		size_t take = pieces <= 1 ? length - from : (size_t)sim_below(sim, length - from + 1);
		int64_t delay_us = sim_once_in(sim, 100) ? sim_between(sim, 0, 30 * MS) : sim_between(sim, 5, 200);
		if (sim->now_us < connection->redis->slow_until_us)
			delay_us += sim_between(sim, 0, 3 * SECOND);
		if (take > 0)
			send_piece(connection, (struct slice){(const char *)bytes + from, take}, &connection->there_us,
				   delay_us, arrive);
		from += take;
	}
	return (ssize_t)length;
}

ssize_t __wrap_recv(int descriptor, void *bytes, size_t length, int flags)
{
	struct connection *connection = connection_of(descriptor);
	size_t left = connection->in.length - connection->read;
	(void)flags;
	if (left == 0) {
		errno = connection->broken ? ECONNRESET : EAGAIN;
		return -1;
	}
	if (length > left)
		length = left;
	memcpy(bytes, connection->in.data + connection->read, length);
	connection->read += length;
	return (ssize_t)length;
}

int __wrap_close(int descriptor)
{
	if (descriptor < DESCRIPTOR_FIRST)
		return __real_close(descriptor);
	connection_of(descriptor)->closed = true;
	return 0;
}

static int no_connection(struct err *err, const char *why)
{
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "cannot connect: %s", why);
}

int __wrap_redis_socket_connect(const struct redis_address *address, const struct clock *clock, int64_t deadline_us,
				struct err *err)
{
	struct node *node = clock->self;
	struct redis *redis = node->sim->redis;
	(void)address, (void)deadline_us;
	present = redis;
	node_call(node);
	if (away(redis))
		return no_connection(err, "connection refused");
	if (redis->connection_count == redis->connection_capacity) {
		int capacity = 2 * redis->connection_capacity + 16;
		redis->connections = sim_grow(redis->connections, (size_t)redis->connection_count, (size_t)capacity,
					      sizeof(struct connection *));
		redis->connection_capacity = capacity;
	}
	struct connection *connection = sim_take(sizeof *connection);
	*connection = (struct connection){.redis = redis,
					  .node = node,
					  .life = node->life,
					  .session = session_new(redis, redis->database),
					  .descriptor = DESCRIPTOR_FIRST + redis->connection_count};
	buffer_init(&connection->in);
	redis->connections[redis->connection_count++] = connection;
	return connection->descriptor;
}

int __wrap_redis_socket_wait(int descriptor, short events, const struct clock *clock, int64_t deadline_us,
			     struct err *err)
{
	struct connection *connection = connection_of(descriptor);
	struct sim *sim = connection->redis->sim;
	(void)clock, (void)err;
	for (;;) {
		if (connection->broken)
			return POLLIN | POLLHUP;
		if (connection->read < connection->in.length)
			return POLLIN;
		if ((events & POLLOUT) != 0)
			return POLLOUT;
		if (sim->now_us >= deadline_us)
			return 0;
		node_wait_until(connection->node, deadline_us);
	}
}

void redis_reset(struct redis *redis, bool of_old)
{
	struct sim *sim = redis->sim;
	for (int i = 0; i < redis->connection_count; i++) {
		struct connection *connection = redis->connections[i];
		if (connection->broken || (of_old && session_database(connection->session) == redis->database))
			continue;
		connection->broken = true;
		connection->unheard = !of_old && (away(redis) || sim_once_in(sim, 2));
		node_notify(connection->node);
	}
}

void redis_free(struct redis *redis)
{
	for (int i = 0; i < redis->connection_count; i++) {
		buffer_free(&redis->connections[i]->in);
		session_free(redis->connections[i]->session);
	}
	present = NULL;
}
