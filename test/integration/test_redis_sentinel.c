/* The Redis store behind Sentinel: a real failover, and sentinels that are played where the moment matters. */
#include "test/integration/redis_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define PRIMARY "state"
#define FAILOVER_S 60 /* sentinels of a loaded machine refuse one for long after the last */

static const struct state_record one_record = {{"card", 4}, {"value", 5}};

/* A sentinel of the test's own: says the same to whoever asks, or nothing. */
struct actor {
	pthread_t thread;
	int listener, port;
	atomic_bool stop;
	_Atomic(const char *) answer; /* NULL: takes the question and keeps silent */
	atomic_int asked;
	char heard[256]; /* of the last question */
};

static void answer_one(struct actor *actor, int peer)
{
	char question[256];
	size_t length = 0;
	while (length < sizeof question - 1 && !actor->stop) {
		struct pollfd readable = {.fd = peer, .events = POLLIN};
		if (poll(&readable, 1, 20) <= 0)
			continue;
		ssize_t got = recv(peer, question + length, sizeof question - 1 - length, 0);
		if (got <= 0)
			break;
		length += (size_t)got;
		question[length] = '\0';
		const char *answer = actor->answer;
		if (strstr(question, "\r\n" PRIMARY "\r\n") == NULL && strstr(question, "\r\nother\r\n") == NULL)
			continue;
		memcpy(actor->heard, question, length + 1);
		actor->asked++;
		if (answer != NULL)
			(void)!send(peer, answer, strlen(answer), MSG_NOSIGNAL);
	}
	close(peer);
}

static void *act(void *self)
{
	struct actor *actor = self;
	while (!actor->stop) {
		struct pollfd waiting = {.fd = actor->listener, .events = POLLIN};
		if (poll(&waiting, 1, 20) <= 0)
			continue;
		int peer = accept(actor->listener, NULL, NULL);
		if (peer >= 0)
			answer_one(actor, peer);
	}
	return NULL;
}

static void actor_start(struct actor *actor, const char *answer)
{
	*actor = (struct actor){.answer = answer};
	actor->listener = listen_somewhere(&actor->port);
	if (pthread_create(&actor->thread, NULL, act, actor) != 0)
		give_up("no thread");
}

static void actor_end(struct actor *actor)
{
	actor->stop = true;
	pthread_join(actor->thread, NULL);
	close(actor->listener);
}

static void name_server(char answer[64], int port)
{
	char text[16];
	snprintf(text, sizeof text, "%d", port);
	snprintf(answer, 64, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(text), text);
}

static void expect_not_open(const struct redis_options *options, const char *wanted)
{
	struct client client;
	struct err err = {0};
	client_make(&client, options);
	struct store *store = &client.contract.store;
	EXPECT_INT(store->open(store->self, &err), -1);
	expect_problem(&err, options->address, ERR_UNAVAILABLE, ERR_RETRY, wanted);
	client_end(&client);
}

TEST(each_sentinel_is_asked_and_every_reason_told)
{
	static struct actor unknown, refusing, absurd, silent;
	char address[256], wanted[1024];
	int closed;
	close(listen_somewhere(&closed));
	actor_start(&unknown, "*-1\r\n");
	actor_start(&refusing, "-NOAUTH Authentication required.\r\n");
	actor_start(&absurd, "*2\r\n$1\r\nh\r\n:1\r\n");
	actor_start(&silent, NULL);
	snprintf(address, sizeof address,
		 "sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/other", closed,
		 unknown.port, refusing.port, absurd.port, silent.port);
	snprintf(wanted, sizeof wanted,
		 "no sentinel names the primary: "
		 "127.0.0.1:%d: cannot connect: Connection refused; "
		 "127.0.0.1:%d: it knows no primary named other; "
		 "127.0.0.1:%d: SENTINEL: the server wants a password (NOAUTH Authentication required.); "
		 "127.0.0.1:%d: SENTINEL: an answer that Redis does not give; "
		 "127.0.0.1:%d: no answer within 500 ms",
		 closed, unknown.port, refusing.port, absurd.port, silent.port);
	struct redis_options options = fixture_options(address);
	int64_t began_us = real_monotonic_us(NULL);
	expect_not_open(&options, wanted);
	EXPECT(real_monotonic_us(NULL) - began_us < 1500000);
	EXPECT_INT(unknown.asked, 1);
	actor_end(&unknown);
	actor_end(&refusing);
	actor_end(&absurd);
	actor_end(&silent);
}

TEST(silent_sentinels_cost_no_more_than_the_time_out)
{
	static struct actor actors[4];
	char address[256];
	for (size_t i = 0; i < 4; i++)
		actor_start(&actors[i], NULL);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/" PRIMARY,
		 actors[0].port, actors[1].port, actors[2].port, actors[3].port);
	struct redis_options options = fixture_options(address);
	options.timeout_ms = 600;
	struct client client;
	struct err err = {0};
	client_make(&client, &options);
	struct store *store = &client.contract.store;
	int64_t began_us = real_monotonic_us(NULL);
	EXPECT_INT(store->open(store->self, &err), -1);
	EXPECT(real_monotonic_us(NULL) - began_us < 1600000); /* 600 ms, and one sentinel's share that had begun */
	EXPECT_INT(actors[0].asked + actors[1].asked, 2);
	EXPECT_INT(actors[2].asked + actors[3].asked, 0);
	err_clear(&err);
	real_sleep_ms(NULL, 100); /* the back-off */
	EXPECT_INT(store->open(store->self, &err), -1);
	EXPECT_INT(actors[2].asked + actors[3].asked, 2);
	client_end(&client);
	for (size_t i = 0; i < 4; i++)
		actor_end(&actors[i]);
}

TEST(user_and_password_of_the_sentinels_are_given_first)
{
	static struct actor actor;
	struct redis_process server;
	char address[64], answer[64], whole[96];
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	name_server(answer, server.port);
	snprintf(whole, sizeof whole, "+OK\r\n%s", answer);
	actor_start(&actor, whole);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d/" PRIMARY, actor.port);
	struct redis_options options = fixture_options(address);
	options.sentinel_password = "secret";
	struct client client;
	client_open(&client, &options);
	client_end(&client);
	EXPECT_TEXT(actor.heard, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
				 "*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$5\r\nstate\r\n");
	options.sentinel_user = "watcher";
	client_open(&client, &options);
	client_end(&client);
	EXPECT_TEXT(actor.heard, "*3\r\n$4\r\nAUTH\r\n$7\r\nwatcher\r\n$6\r\nsecret\r\n"
				 "*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$5\r\nstate\r\n");
	actor_end(&actor);
	redis_process_remove(&server);
}

TEST(a_replica_that_sentinels_still_call_the_primary_is_not_used)
{
	static struct actor actor;
	struct redis_process server;
	char address[64], answer[64], wanted[128];
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	redis_process_ask(&server, "REPLICAOF 127.0.0.1 1");
	name_server(answer, server.port);
	actor_start(&actor, answer);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d/" PRIMARY, actor.port);
	snprintf(wanted, sizeof wanted, "primary 127.0.0.1:%d: the server is a replica", server.port);
	struct redis_options options = fixture_options(address);
	expect_not_open(&options, wanted);
	actor_end(&actor);
	redis_process_remove(&server);
}

TEST(a_primary_that_was_demoted_is_left_after_readonly)
{
	static struct actor actor;
	struct redis_process old, new;
	struct client client;
	char address[64], of_old[64], of_new[64], line[128];
	redis_process_prepare(&old, NULL);
	redis_process_prepare(&new, NULL);
	redis_process_start(&old, true);
	redis_process_start(&new, true);
	name_server(of_old, old.port);
	name_server(of_new, new.port);
	actor_start(&actor, of_old);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d/" PRIMARY, actor.port);
	struct redis_options options = fixture_options(address);
	client_open(&client, &options);
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("one"), &one_record, 1), STORE_WRITTEN);
	/* The new primary has what was replicated, the old one is told to follow it; nobody closes our connection. */
	redis_process_ask(&new, "SET ns:{pipe/topic/0}:m one");
	redis_process_ask(&old, "REPLICAOF 127.0.0.1 1");
	actor.answer = of_new;
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&client, TEXT("one"), TEXT("two"), &one_record, 1, &failures), STORE_WRITTEN);
	EXPECT(failures > 0);
	EXPECT_TEXT(redis_process_ask(&new, "GET ns:{pipe/topic/0}:m"), "two");
	EXPECT_TEXT(redis_process_ask(&old, "GET ns:{pipe/topic/0}:m"), "one");
	snprintf(line, sizeof line, "Redis' primary is 127.0.0.1:%d", new.port);
	EXPECT_INT(client_logged(&client, line), 1);
	client_end(&client);
	actor_end(&actor);
	redis_process_remove(&old);
	redis_process_remove(&new);
}

TEST(a_primary_that_was_cut_off_is_left_at_the_next_check)
{
	static struct actor actor;
	struct redis_process old, new;
	struct client client;
	struct err err = {0};
	char address[64], of_old[64], of_new[64];
	redis_process_prepare(&old, NULL);
	redis_process_prepare(&new, NULL);
	redis_process_start(&old, true);
	redis_process_start(&new, true);
	name_server(of_old, old.port);
	name_server(of_new, new.port);
	actor_start(&actor, of_old);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d/" PRIMARY, actor.port);
	struct redis_options options = fixture_options(address);
	client_open(&client, &options);
	struct store *store = &client.contract.store;
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("one"), &one_record, 1), STORE_WRITTEN);
	EXPECT_INT(store->check(store->self, &err), 0);
	EXPECT_INT(write_records(&client.contract, 0, TEXT("one"), TEXT("two"), &one_record, 1), STORE_WRITTEN);
	/* The replica was promoted with an older state; the old primary answers, and nobody tells it. */
	redis_process_ask(&new, "SET ns:{pipe/topic/0}:m one");
	actor.answer = of_new;
	EXPECT_INT(store->check(store->self, &err), 0);
	EXPECT_INT(write_records(&client.contract, 0, TEXT("two"), TEXT("three"), &one_record, 1), STORE_CONFLICT);
	EXPECT_TEXT(redis_process_ask(&old, "GET ns:{pipe/topic/0}:m"), "two");
	EXPECT_TEXT(redis_process_ask(&new, "GET ns:{pipe/topic/0}:m"), "one");
	EXPECT_INT(write_records(&client.contract, 0, TEXT("one"), TEXT("two"), &one_record, 1), STORE_WRITTEN);
	/* Sentinels that are away are no reason to leave a primary that works. */
	actor_end(&actor);
	EXPECT_INT(store->check(store->self, &err), 0);
	EXPECT_INT(client_logged(&client, "a failover of Redis would not be noticed"), 1);
	EXPECT_INT(write_records(&client.contract, 0, TEXT("two"), TEXT("three"), &one_record, 1), STORE_WRITTEN);
	EXPECT_TEXT(err.message, "");
	client_end(&client);
	redis_process_remove(&old);
	redis_process_remove(&new);
}

/* A real sentinel beside real servers. */

static void start_sentinel(struct redis_process *sentinel, const struct redis_process *primary)
{
	char path[96], port[16];
	redis_process_prepare(sentinel, NULL);
	snprintf(path, sizeof path, "%s/sentinel.conf", sentinel->folder);
	FILE *file = fopen(path, "w");
	if (file == NULL)
		give_up("no configuration for the sentinel");
	fprintf(file,
		"sentinel monitor " PRIMARY " 127.0.0.1 %d 1\nsentinel down-after-milliseconds " PRIMARY " 10000\n"
		"sentinel failover-timeout " PRIMARY " 3000\n",
		primary->port);
	fclose(file);
	snprintf(port, sizeof port, "%d", sentinel->port);
	fflush(stdout);
	sentinel->pid = fork();
	if (sentinel->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", path, "--sentinel", "--port", port, "--bind", "127.0.0.1",
		       "--dir", sentinel->folder, (char *)NULL);
		_exit(127);
	}
}

static void wait_for_replica(const struct redis_process *sentinel)
{
	int64_t end_us = real_monotonic_us(NULL) + FAILOVER_S * INT64_C(1000000);
	while (redis_process_info(sentinel, "sentinel", "slaves=") < 1) {
		if (real_monotonic_us(NULL) > end_us)
			give_up("the sentinel sees no replica");
		real_sleep_ms(NULL, 20);
	}
}

static int primary_port(const struct redis_process *sentinel)
{
	redisContext *context = redis_process_connect(sentinel);
	redisReply *reply = context == NULL ? NULL : redisCommand(context, "SENTINEL GET-MASTER-ADDR-BY-NAME " PRIMARY);
	int port = reply != NULL && reply->type == REDIS_REPLY_ARRAY ? atoi(reply->element[1]->str) : 0;
	if (reply != NULL)
		freeReplyObject(reply);
	if (context != NULL)
		redisFree(context);
	return port;
}

/* Orders a failover and demotes the old primary as Sentinel would ten seconds later. */
static void fail_over(const struct redis_process *sentinel, const struct redis_process servers[2])
{
	int64_t end_us = real_monotonic_us(NULL) + FAILOVER_S * INT64_C(1000000);
	const struct redis_process *old, *new;
	char command[64];
	for (;;) {
		/* Looked at anew: a starved machine makes the sentinel fail over by itself. */
		old = &servers[primary_port(sentinel) == servers[0].port ? 0 : 1];
		new = &servers[old == &servers[0] ? 1 : 0];
		if (strstr(redis_process_ask(new, "INFO replication"), "master_link_status:up") != NULL &&
		    strcmp(redis_process_ask(sentinel, "SENTINEL FAILOVER " PRIMARY), "OK") == 0)
			break;
		if (real_monotonic_us(NULL) > end_us)
			give_up("the sentinel refuses a failover");
		real_sleep_ms(NULL, 50);
	}
	while (primary_port(sentinel) != new->port) {
		if (real_monotonic_us(NULL) > end_us)
			give_up("there is no failover");
		real_sleep_ms(NULL, 20);
	}
	snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", new->port);
	EXPECT_TEXT(redis_process_ask(old, command), "OK");
	redis_process_ask(old, "CLIENT KILL TYPE normal");
}

TEST(writes_go_on_through_real_failovers)
{
	static const char *const arguments[] = {"--repl-diskless-sync-delay", "0", NULL};
	enum { WRITES = 300, FAILOVER_EVERY = 100 };
	struct redis_process servers[2], sentinel;
	struct client client;
	char address[64], command[64], from[16] = "", to[16];
	for (size_t i = 0; i < 2; i++) {
		redis_process_prepare(&servers[i], arguments);
		redis_process_start(&servers[i], true);
	}
	snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", servers[0].port);
	EXPECT_TEXT(redis_process_ask(&servers[1], command), "OK");
	start_sentinel(&sentinel, &servers[0]);
	wait_for_replica(&sentinel);
	snprintf(address, sizeof address, "sentinel://127.0.0.1:%d/" PRIMARY, sentinel.port);
	struct redis_options options = fixture_options(address);
	client_open(&client, &options);
	int failovers = 0, highest = 0, at = 0, tries = 0;
	while (at < WRITES && tries++ < 10 * WRITES) {
		size_t failures = 0;
		snprintf(to, sizeof to, "%d", at + 1);
		if (at + 1 >= FAILOVER_EVERY * (failovers + 1)) {
			fail_over(&sentinel, servers);
			failovers++;
		}
		struct slice expected = at == 0 ? NONE : slice_of(from);
		if (write_until_settled(&client, expected, slice_of(to), &one_record, 1, &failures) == STORE_WRITTEN) {
			highest = ++at > highest ? at : highest;
			snprintf(from, sizeof from, "%s", to);
			real_sleep_ms(NULL, 10);
			continue;
		}
		/* A replica was promoted that lacks the last writes, or was not yet rolled back itself: its marker holds. */
		struct state_record none = {{"card", 4}, NONE};
		struct slice marker = read_records(&client.contract, 0, &none, 1);
		snprintf(from, sizeof from, "%.*s", (int)marker.length, (const char *)marker.data);
		at = atoi(from);
		EXPECT(at > 0 && at <= highest);
		arena_reset(client.contract.arena);
	}
	EXPECT_INT(at, WRITES);
	EXPECT(failovers >= WRITES / FAILOVER_EVERY);
	/* More where the sentinel failed over by itself meanwhile. */
	EXPECT(client_logged(&client, "Redis' primary is ") >= (size_t)failovers + 1);
	client_end(&client);
	for (size_t i = 0; i < 2; i++)
		redis_process_remove(&servers[i]);
	redis_process_remove(&sentinel);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(each_sentinel_is_asked_and_every_reason_told),
					CASE(silent_sentinels_cost_no_more_than_the_time_out),
					CASE(user_and_password_of_the_sentinels_are_given_first),
					CASE(a_replica_that_sentinels_still_call_the_primary_is_not_used),
					CASE(a_primary_that_was_demoted_is_left_after_readonly),
					CASE(a_primary_that_was_cut_off_is_left_at_the_next_check),
					CASE(writes_go_on_through_real_failovers),
					{0}},
			argc, argv);
}
