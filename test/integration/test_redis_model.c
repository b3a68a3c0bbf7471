/*
 * The simulator's model of Redis against Redis: the same commands, drawn from a seed, over three connections each, must
 * be answered alike, byte for byte: also while the server is full, or a replica.
 */
#include "buffer.h"
#include "rng.h"
#include "test/integration/redis_process.h"
#include "test/sim/check.h"
#include "test/sim/redis_model.h"
#include "test/unit/test.h"

#define SESSIONS 3
#define COMMANDS 20000
#define REPLY_BYTES 8192
#define REFUSED_US 1000000

/* What the model takes from the simulator. */

void *sim_take(size_t size)
{
	void *taken = calloc(1, size);
	if (taken == NULL)
		abort();
	return taken;
}

void *sim_grow(const void *items, size_t count, size_t capacity, size_t size)
{
	void *grown = sim_take(capacity * size);
	if (count > 0)
		memcpy(grown, items, count * size);
	return grown;
}

struct slice sim_copy(struct slice bytes)
{
	if (bytes.data == NULL)
		return bytes;
	char *copy = sim_take(bytes.length + 1);
	memcpy(copy, bytes.data, bytes.length);
	return (struct slice){copy, bytes.length};
}

void check_store(struct sim *sim, struct database *database)
{
	(void)sim, (void)database;
}

struct pair {
	struct sim sim;
	struct sim_stats stats;
	struct redis *redis;
	struct session *sessions[SESSIONS];
	int sockets[SESSIONS];
	struct rng rng;
};

static int connect_to(int port)
{
	struct sockaddr_in there = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(descriptor, (struct sockaddr *)&there, sizeof there) < 0)
		give_up("no connection to Redis");
	return descriptor;
}

static void pair_open(struct pair *pair, const struct redis_process *server, uint64_t seed)
{
	memset(pair, 0, sizeof *pair);
	pair->sim.stats = &pair->stats;
	pair->redis = redis_new(&pair->sim);
	rng_seed(&pair->rng, seed);
	for (int i = 0; i < SESSIONS; i++) {
		pair->sessions[i] = session_new(pair->redis, pair->redis->database);
		pair->sockets[i] = connect_to(server->port);
	}
}

static void pair_close(struct pair *pair)
{
	for (int i = 0; i < SESSIONS; i++) {
		session_free(pair->sessions[i]);
		close(pair->sockets[i]);
	}
}

static const char *draw(struct pair *pair, const char *const *words, size_t count)
{
	return words[rng_below(&pair->rng, count)];
}

/* One command as bytes. */
static void make_command(struct pair *pair, struct buffer *command)
{
	static const char *const keys[] = {"m", "e:1", "e:2", "e:3"};
	static const char *const values[] = {"", "a", "longer value\r\nwith lines",
					     "0123456789012345678901234567890123456789"};
	const char *words[6];
	size_t count = 0;
	switch (rng_below(&pair->rng, 10)) {
	case 0:
	case 1:
		words[count++] = "GET";
		words[count++] = draw(pair, keys, 4);
		break;
	case 2:
		words[count++] = "MGET";
		for (uint64_t more = 1 + rng_below(&pair->rng, 4); more > 0; more--)
			words[count++] = draw(pair, keys, 4);
		break;
	case 3:
		words[count++] = "WATCH";
		words[count++] = draw(pair, keys, 2);
		break;
	case 4:
		words[count++] = "MULTI";
		break;
	case 5:
	case 6:
		words[count++] = "EXEC";
		break;
	case 7:
		words[count++] = "DEL";
		words[count++] = draw(pair, keys, 4);
		break;
	default:
		words[count++] = "SET";
		words[count++] = draw(pair, keys, 4);
		words[count++] = draw(pair, values, 4);
		if (rng_below(&pair->rng, 3) == 0) {
			words[count++] = "PX";
			words[count++] = "3600000";
		}
		break;
	}
	buffer_reset(command);
	buffer_add_format(command, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++)
		buffer_add_format(command, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
}

/* Redis answers each command alone, and at once. */
static size_t read_reply(int descriptor, size_t wanted, char reply[REPLY_BYTES])
{
	size_t length = 0;
	while (length < wanted) {
		ssize_t got = recv(descriptor, reply + length, REPLY_BYTES - length, 0);
		if (got <= 0)
			give_up("Redis hung up");
		length += (size_t)got;
	}
	ssize_t more = recv(descriptor, reply + length, REPLY_BYTES - length, MSG_DONTWAIT);
	return length + (more > 0 ? (size_t)more : 0);
}

static void set_time_out(int descriptor)
{
	struct timeval limit = {.tv_sec = 5};
	setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void compare(struct pair *pair, int commands)
{
	struct buffer command, wanted;
	char reply[REPLY_BYTES];
	int different = 0;
	buffer_init(&command);
	buffer_init(&wanted);
	for (int i = 0; i < SESSIONS; i++)
		set_time_out(pair->sockets[i]);
	for (int i = 0; i < commands && different == 0; i++) {
		int session = (int)rng_below(&pair->rng, SESSIONS);
		make_command(pair, &command);
		buffer_reset(&wanted);
		EXPECT(session_feed(pair->sessions[session], buffer_slice(&command), &wanted));
		if (send(pair->sockets[session], command.data, command.length, MSG_NOSIGNAL) != (ssize_t)command.length)
			give_up("Redis takes nothing");
		/* The first bytes decide; the rest is there once one byte more than the model's answer is not. */
		size_t length = read_reply(pair->sockets[session], 4, reply);
		while (length < wanted.length) {
			ssize_t got = recv(pair->sockets[session], reply + length, sizeof reply - length, 0);
			if (got <= 0)
				break;
			length += (size_t)got;
		}
		if (length == wanted.length && memcmp(reply, wanted.data, length) == 0)
			continue;
		different++;
		printf("  command %d of session %d:\n%.*s  the model says:\n%.*s  Redis says:\n%.*s", i, session,
		       (int)command.length, (const char *)command.data, (int)wanted.length, (const char *)wanted.data,
		       (int)length, reply);
	}
	EXPECT_INT(different, 0);
	buffer_free(&command);
	buffer_free(&wanted);
}

static struct redis_process server;

TEST(commands_of_three_clients_are_answered_alike)
{
	struct pair pair;
	pair_open(&pair, &server, 1);
	compare(&pair, COMMANDS);
	pair_close(&pair);
}

/* Before version 8 a full server queued nothing at all. */
static bool full_server_queues(void)
{
	char reply[REPLY_BYTES];
	int descriptor = connect_to(server.port);
	static const char commands[] = "MULTI\r\nGET m\r\n";
	set_time_out(descriptor);
	if (send(descriptor, commands, sizeof commands - 1, MSG_NOSIGNAL) < 0)
		give_up("Redis takes nothing");
	size_t length = 0;
	while (length < 8) {
		ssize_t got = recv(descriptor, reply + length, sizeof reply - length, 0);
		if (got <= 0)
			give_up("Redis hung up");
		length += (size_t)got;
	}
	close(descriptor);
	return memmem(reply, length, "+Q", 2) != NULL;
}

/* Refusals come from the server's state, which the test brings about. */
static void refused(const char *begin, const char *end, const char *refusal, uint64_t seed)
{
	struct pair pair;
	redis_process_ask(&server, "FLUSHALL");
	pair_open(&pair, &server, seed);
	compare(&pair, COMMANDS / 10);
	redis_process_ask(&server, begin);
	pair.redis->refusal = refusal;
	pair.redis->full_queues = strncmp(refusal, "OOM", 3) == 0 && full_server_queues();
	pair.redis->refuse_until_us = REFUSED_US;
	compare(&pair, COMMANDS / 10);
	redis_process_ask(&server, end);
	pair.redis->refuse_until_us = 0;
	compare(&pair, COMMANDS / 10);
	pair_close(&pair);
}

TEST(a_full_server_refuses_alike)
{
	refused("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0",
		"OOM command not allowed when used memory > 'maxmemory'.", 2);
}

TEST(a_replica_refuses_alike)
{
	redis_process_ask(&server, "CONFIG SET repl-diskless-sync-delay 3600");
	refused("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY You can't write against a read only replica.",
		3);
}

int main(int argc, char **argv)
{
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	const struct test tests[] = {CASE(commands_of_three_clients_are_answered_alike),
				     CASE(a_full_server_refuses_alike),
				     CASE(a_replica_refuses_alike),
				     {0}};
	int status = test_run(tests, argc, argv);
	redis_process_end(&server, SIGTERM);
	redis_process_remove(&server);
	return status;
}
