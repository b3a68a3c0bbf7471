/* The Redis store when things go wrong in the middle: crashes, pauses, lost and late messages, races. */
#include "rng.h"
#include "test/integration/exec_proxy.h"
#include "test/integration/redis_fixture.h"

#include <stdatomic.h>

static const struct state_record one_record = {{"card", 4}, {"value", 5}};

/* A set of records that all hold the same version, and a marker that tells it. */
enum { VERSION_RECORDS = 400, VERSION_BYTES = 500 };

struct version {
	char marker_text[16];
	char names[VERSION_RECORDS][16];
	char values[VERSION_RECORDS][VERSION_BYTES];
	struct state_record records[VERSION_RECORDS];
	struct slice marker; /* data NULL: version 0, nothing */
};

static void version_make(struct version *version, int number)
{
	snprintf(version->marker_text, sizeof version->marker_text, "m%d", number);
	version->marker = number == 0 ? NONE : slice_of(version->marker_text);
	for (size_t i = 0; i < VERSION_RECORDS; i++) {
		snprintf(version->names[i], sizeof version->names[i], "card-%zu", i);
		memset(version->values[i], ' ', VERSION_BYTES);
		snprintf(version->values[i], VERSION_BYTES, "%d", number);
		version->records[i] =
		    (struct state_record){slice_of(version->names[i]), {version->values[i], VERSION_BYTES}};
	}
}

/* The version at rest, where all of it is of one version; -1: it is torn. */
static int version_at_rest(const char *address)
{
	static struct version seen;
	struct client client;
	struct redis_options options = fixture_options(address);
	client_open(&client, &options);
	version_make(&seen, 0);
	struct slice marker = read_records(&client.contract, 0, seen.records, VERSION_RECORDS);
	int number = marker.data == NULL ? 0 : atoi((const char *)marker.data + 1);
	for (size_t i = 0; i < VERSION_RECORDS && number >= 0; i++) {
		struct slice value = seen.records[i].value;
		int record = value.data == NULL ? 0 : atoi(value.data);
		if (record != number || (value.data != NULL && value.length != VERSION_BYTES))
			number = -1;
	}
	client_end(&client);
	return number;
}

struct killer {
	pthread_t thread;
	pid_t victim;
	int64_t delay_us;
};

static void *kill_later(void *self)
{
	struct killer *killer = self;
	struct timespec delay = {.tv_nsec = killer->delay_us * 1000};
	nanosleep(&delay, NULL);
	kill(killer->victim, SIGKILL);
	return NULL;
}

/* One write with a kill -9 in the middle, then the server again. Returns what the write said: 0 or -1. */
static int write_and_kill(struct redis_process *server, struct client *client, const struct version *from,
			  const struct version *to, int64_t delay_us)
{
	struct killer killer = {.victim = server->pid, .delay_us = delay_us};
	enum store_write result = STORE_WRITTEN;
	struct err err = {0};
	if (pthread_create(&killer.thread, NULL, kill_later, &killer) != 0)
		give_up("no thread");
	int status = try_write(client, from->marker, to->marker, to->records, VERSION_RECORDS, &result, &err);
	pthread_join(killer.thread, NULL);
	EXPECT_INT(result, STORE_WRITTEN);
	EXPECT(status == 0 || err.action == ERR_RETRY);
	redis_process_end(server, SIGKILL);
	redis_process_start(server, true);
	return status;
}

TEST(a_crash_at_any_moment_leaves_the_state_before_or_after)
{
	static const char *const arguments[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
	enum { ROUNDS = 40, DELAY_US = 3500 };
	static struct version from, to;
	struct redis_process server;
	struct client client;
	struct rng rng;
	rng_seed(&rng, 20261122);
	redis_process_prepare(&server, arguments);
	redis_process_start(&server, true);
	redis_process_ask(&server, "SET ns:{pipe/topic/0}:e:card-7 1");
	EXPECT_INT(version_at_rest(server.address), -1);
	redis_process_ask(&server, "FLUSHALL");
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	int before = 0, after = 0, acknowledged = 0;
	version_make(&from, 0);
	for (int round = 1; round <= ROUNDS; round++) {
		version_make(&to, round);
		int64_t delay_us = (int64_t)rng_below(&rng, DELAY_US);
		int status = write_and_kill(&server, &client, &from, &to, delay_us);
		int found = version_at_rest(server.address);
		if (found != round && (found != round - 1 || status == 0)) {
			EXPECT_INT(found, round);
			printf("  round %d, killed after %lld us, write said %d\n", round, (long long)delay_us, status);
		}
		acknowledged += status == 0;
		before += found == round - 1;
		after += found == round && status < 0;
		/* Whatever it was: the same write again is settled as written, once. */
		size_t failures = 0;
		if (status < 0)
			EXPECT_INT(write_until_settled(&client, from.marker, to.marker, to.records, VERSION_RECORDS,
						       &failures),
				   STORE_WRITTEN);
		EXPECT_INT(version_at_rest(server.address), round);
		version_make(&from, round);
	}
	printf("  of %d crashes: %d before, %d after without a reply, %d acknowledged\n", ROUNDS, before, after,
	       acknowledged);
	EXPECT(before > 0);
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_server_that_comes_back_empty_is_a_conflict)
{
	enum { ROUNDS = 6, DELAY_US = 3000 };
	static struct version none, from, to;
	struct redis_process server;
	struct client client;
	struct rng rng;
	rng_seed(&rng, 7);
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	version_make(&none, 0);
	version_make(&from, 1);
	version_make(&to, 2);
	for (int round = 0; round < ROUNDS; round++) {
		size_t failures = 0;
		EXPECT_INT(write_until_settled(&client, NONE, from.marker, from.records, VERSION_RECORDS, &failures),
			   STORE_WRITTEN);
		(void)write_and_kill(&server, &client, &from, &to, (int64_t)rng_below(&rng, DELAY_US));
		EXPECT_INT(version_at_rest(server.address), 0);
		EXPECT_INT(write_until_settled(&client, from.marker, to.marker, to.records, VERSION_RECORDS, &failures),
			   STORE_CONFLICT);
		EXPECT_INT(version_at_rest(server.address), 0);
	}
	client_end(&client);
	redis_process_remove(&server);
}

TEST(seconds_without_a_server_lose_nothing_and_end_by_themselves)
{
	static const char *const arguments[] = {"--appendonly", "yes", NULL};
	enum { AWAY_MS = 2500, WRITES = 30, STOP_AT = 10 };
	static struct version from, to;
	struct redis_process server;
	struct client client;
	redis_process_prepare(&server, arguments);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	version_make(&from, 0);
	for (int i = 1; i <= WRITES; i++) {
		size_t failures = 0;
		version_make(&to, i);
		if (i == STOP_AT) {
			redis_process_end(&server, SIGTERM);
			struct err err = {0};
			enum store_write result;
			int64_t end_us = real_monotonic_us(NULL) + AWAY_MS * 1000;
			int64_t longest_us = 0;
			while (real_monotonic_us(NULL) < end_us) {
				int64_t start_us = real_monotonic_us(NULL);
				EXPECT_INT(try_write(&client, from.marker, to.marker, to.records, VERSION_RECORDS,
						     &result, &err),
					   -1);
				EXPECT_INT(err.action, ERR_RETRY);
				int64_t took_us = real_monotonic_us(NULL) - start_us;
				longest_us = took_us > longest_us ? took_us : longest_us;
				failures++;
			}
			expect_problem(&err, server.address, ERR_UNAVAILABLE, ERR_RETRY,
				       "cannot connect: Connection refused");
			/* Kafka must be polled meanwhile; and nobody spins. */
			EXPECT(longest_us < 300000);
			EXPECT(failures < 2 * AWAY_MS / 50);
			redis_process_start(&server, true);
		}
		int64_t start_us = real_monotonic_us(NULL);
		EXPECT_INT(write_until_settled(&client, from.marker, to.marker, to.records, VERSION_RECORDS, &failures),
			   STORE_WRITTEN);
		EXPECT(real_monotonic_us(NULL) - start_us < 2500000);
		version_make(&from, i);
	}
	EXPECT_INT(version_at_rest(server.address), WRITES);
	EXPECT_INT(client_logged(&client, "warning Redis cannot be used, waiting for it address="), 1);
	EXPECT_INT(client_logged(&client, "notice Redis can be used again address="), 1);
	EXPECT_INT(client_logged(&client, "notice Redis was restarted or is another server"), 1);
	EXPECT_INT(client_logged(&client, "\n"), 3);
	EXPECT_INT(client_logged(&client, "card-"), 0);
	client_end(&client);
	redis_process_remove(&server);
}

/* Server, proxy, and a client behind the proxy, for faults at EXEC. */
struct stage {
	struct redis_process server;
	struct exec_proxy proxy;
	struct client client;
};

static void stage_begin(struct stage *stage, int64_t timeout_ms)
{
	redis_process_prepare(&stage->server, NULL);
	redis_process_start(&stage->server, true);
	exec_proxy_start(&stage->proxy, &stage->server);
	struct redis_options options = fixture_options(stage->proxy.address);
	options.timeout_ms = timeout_ms;
	client_open(&stage->client, &options);
	EXPECT_INT(write_records(&stage->client.contract, 0, NONE, TEXT("m1"), &one_record, 1), STORE_WRITTEN);
}

static void stage_end(struct stage *stage)
{
	client_end(&stage->client);
	exec_proxy_stop(&stage->proxy);
	redis_process_remove(&stage->server);
}

/* How often the server carried out SET: two for each write of one record and a marker. */
static long long sets_done(const struct stage *stage)
{
	return redis_process_info(&stage->server, "commandstats", "cmdstat_set:calls=");
}

static const struct state_record new_record = {{"card", 4}, {"new value", 9}};

static void expect_written_once(struct stage *stage)
{
	EXPECT(is_marked(&stage->client.contract, 0, TEXT("m2")));
	EXPECT(holds(&stage->client.contract, 0, TEXT("card"), new_record.value));
	EXPECT_INT(sets_done(stage), 4);
	fflush(stage->client.log.stream);
}

TEST(a_lost_reply_is_resolved_inside_the_write)
{
	struct stage stage;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_LOSE_REPLY, NULL, NULL);
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_WRITTEN);
	EXPECT_INT(stage.proxy.connections, 2);
	expect_written_once(&stage);
	EXPECT_TEXT(stage.client.log_text, "");
	stage_end(&stage);
}

TEST(a_lost_exec_is_written_again)
{
	struct stage stage;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_LOSE_EXEC, NULL, NULL);
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_WRITTEN);
	EXPECT_INT(stage.proxy.connections, 2);
	expect_written_once(&stage);
	stage_end(&stage);
}

TEST(an_exec_that_comes_before_the_second_try_does_it)
{
	struct stage stage;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_DELAY_EXEC, NULL, NULL);
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_WRITTEN);
	EXPECT_TEXT(stage.proxy.late_answer, "*2\r\n+OK\r\n+OK\r\n");
	expect_written_once(&stage);
	stage_end(&stage);
}

TEST(an_exec_that_comes_after_the_second_try_does_nothing)
{
	struct stage stage;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_KEEP_EXEC, NULL, NULL);
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_WRITTEN);
	exec_proxy_release(&stage.proxy);
	EXPECT_TEXT(stage.proxy.late_answer, "*-1\r\n");
	expect_written_once(&stage);
	stage_end(&stage);
}

static void pause_server(void *context)
{
	kill(*(pid_t *)context, SIGSTOP);
}

TEST(a_paused_server_times_out_and_the_write_is_settled_when_it_goes_on)
{
	enum { TIMEOUT_MS = 150 };
	struct stage stage;
	struct err err = {0};
	enum store_write result;
	stage_begin(&stage, TIMEOUT_MS);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_PASS, pause_server, &stage.server.pid);
	int64_t start_us = real_monotonic_us(NULL);
	EXPECT_INT(try_write(&stage.client, TEXT("m1"), TEXT("m2"), &new_record, 1, &result, &err), -1);
	int64_t took_ms = (real_monotonic_us(NULL) - start_us) / 1000;
	expect_problem(&err, stage.proxy.address, ERR_UNAVAILABLE, ERR_RETRY, "no answer within 150 ms");
	EXPECT(took_ms >= TIMEOUT_MS && took_ms < 3 * TIMEOUT_MS);
	/* Still paused: the kernel takes the connection, nobody answers. A read does not hang either. */
	EXPECT_INT(try_write(&stage.client, TEXT("m1"), TEXT("m2"), &new_record, 1, &result, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	struct slice marker;
	struct store *store = &stage.client.contract.store;
	err_clear(&err);
	EXPECT_INT(store->read(store->self, 0, &marker, NULL, 0, stage.client.contract.arena, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	kill(stage.server.pid, SIGCONT);
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&stage.client, TEXT("m1"), TEXT("m2"), &new_record, 1, &failures),
		   STORE_WRITTEN);
	expect_written_once(&stage);
	EXPECT_INT(client_logged(&stage.client, "\n"), 2);
	/* It is settled: nothing remains to be found done. */
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_CONFLICT);
	stage_end(&stage);
}

static void write_as_another(void *context)
{
	struct client *other = context;
	EXPECT_INT(write_records(&other->contract, 0, TEXT("m1"), TEXT("other"), &one_record, 1), STORE_WRITTEN);
}

TEST(a_write_of_another_between_look_and_exec_is_a_conflict)
{
	struct stage stage;
	struct client other;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	struct redis_options options = fixture_options(stage.server.address);
	client_open(&other, &options);
	exec_proxy_at_next_exec(&stage.proxy, PROXY_PASS, write_as_another, &other);
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), &new_record, 1), STORE_CONFLICT);
	EXPECT(is_marked(&stage.client.contract, 0, TEXT("other")));
	EXPECT(holds(&stage.client.contract, 0, TEXT("card"), one_record.value));
	client_end(&other);
	stage_end(&stage);
}

static void withdraw_permission(void *context)
{
	redis_process_ask(context, "ACL SETUSER default -del");
}

TEST(a_transaction_carried_out_in_part_stops_the_daemon)
{
	struct stage stage;
	struct err err = {0};
	enum store_write result;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	struct state_record gone = {TEXT("card"), NONE};
	exec_proxy_at_next_exec(&stage.proxy, PROXY_PASS, withdraw_permission, &stage.server);
	EXPECT_INT(try_write(&stage.client, TEXT("m1"), TEXT("m2"), &gone, 1, &result, &err), -1);
	EXPECT_INT(err.code, ERR_HALT);
	EXPECT_INT(err.action, ERR_EXIT);
	EXPECT(strstr(err.message,
		      "a transaction was carried out in part only: delete the keys ns:{pipe/topic/0}:*, so "
		      "that the partition's state is rebuilt from the topic (EXEC: ") != NULL);
	EXPECT(is_marked(&stage.client.contract, 0, TEXT("m2")));
	EXPECT(holds(&stage.client.contract, 0, TEXT("card"), one_record.value));
	stage_end(&stage);
}

TEST(replies_are_taken_while_a_large_write_is_still_being_sent)
{
	enum { RECORDS = 200000 };
	/* The proxy reads no more from the client while the client does not read: 1.8 MB of QUEUED and 1 MB of OK. */
	struct stage stage;
	stage_begin(&stage, FIXTURE_TIMEOUT_MS);
	char(*names)[16] = calloc(RECORDS, sizeof *names);
	struct state_record *records = calloc(RECORDS, sizeof *records);
	for (size_t i = 0; i < RECORDS; i++) {
		snprintf(names[i], sizeof names[i], "%zu", i);
		records[i] = (struct state_record){slice_of(names[i]), slice_of(names[i])};
	}
	EXPECT_INT(write_records(&stage.client.contract, 0, TEXT("m1"), TEXT("m2"), records, RECORDS), STORE_WRITTEN);
	EXPECT(holds(&stage.client.contract, 0, TEXT("199999"), TEXT("199999")));
	free(records);
	free(names);
	stage_end(&stage);
}

/* Two clients that want the same write. */
struct racer {
	struct client client;
	pthread_t thread;
	pthread_barrier_t *start;
	int64_t delay_us;
	struct slice expected, marker;
	struct state_record record;
	enum store_write result;
	int status;
};

static void *race(void *self)
{
	struct racer *racer = self;
	struct err err = {0};
	pthread_barrier_wait(racer->start);
	for (int64_t end_us = real_monotonic_us(NULL) + racer->delay_us; real_monotonic_us(NULL) < end_us;)
		;
	racer->status =
	    try_write(&racer->client, racer->expected, racer->marker, &racer->record, 1, &racer->result, &err);
	return NULL;
}

TEST(of_two_racing_writers_exactly_one_wins)
{
	enum { ROUNDS = 200, RACERS = 2 };
	static struct racer racers[RACERS];
	struct redis_process server;
	pthread_barrier_t start;
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	pthread_barrier_init(&start, NULL, RACERS);
	char markers[RACERS][16], expected[16] = "";
	size_t wins[RACERS] = {0}, wrong = 0;
	struct rng rng;
	rng_seed(&rng, 3);
	for (size_t r = 0; r < RACERS; r++)
		client_open(&racers[r].client, &options);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t r = 0; r < RACERS; r++) {
			snprintf(markers[r], sizeof markers[r], "%d-%zu", round, r);
			racers[r].start = &start;
			racers[r].delay_us = (int64_t)rng_below(&rng, 200);
			racers[r].expected = round == 0 ? NONE : slice_of(expected);
			racers[r].marker = slice_of(markers[r]);
			racers[r].record = (struct state_record){TEXT("card"), slice_of(markers[r])};
			if (pthread_create(&racers[r].thread, NULL, race, &racers[r]) != 0)
				give_up("no thread");
		}
		for (size_t r = 0; r < RACERS; r++)
			pthread_join(racers[r].thread, NULL);
		wrong += racers[0].status != 0 || racers[1].status != 0 || racers[0].result == racers[1].result;
		size_t winner = racers[0].result == STORE_WRITTEN ? 0 : 1;
		wins[winner]++;
		wrong += !is_marked(&racers[0].client.contract, 0, slice_of(markers[winner]));
		wrong += !holds(&racers[0].client.contract, 0, TEXT("card"), slice_of(markers[winner]));
		snprintf(expected, sizeof expected, "%s", markers[winner]);
	}
	EXPECT_INT(wrong, 0);
	EXPECT(wins[0] > 0 && wins[1] > 0);
	for (size_t r = 0; r < RACERS; r++)
		client_end(&racers[r].client);
	pthread_barrier_destroy(&start);
	redis_process_remove(&server);
}

/* A reader of many records beside a writer. */
enum { READ_RECORDS = 4000 };

struct rewriter {
	struct client client;
	pthread_t thread;
	atomic_bool stop;
	int versions;
	size_t wrong;
};

static void *rewrite(void *self)
{
	struct rewriter *rewriter = self;
	static char names[READ_RECORDS][16];
	static struct state_record records[READ_RECORDS];
	char from[16] = "", to[16];
	while (!rewriter->stop) {
		snprintf(to, sizeof to, "%d", ++rewriter->versions);
		for (size_t i = 0; i < READ_RECORDS; i++) {
			snprintf(names[i], sizeof names[i], "%zu", i);
			records[i] = (struct state_record){slice_of(names[i]), slice_of(to)};
		}
		enum store_write result = STORE_CONFLICT;
		struct err err = {0};
		int status = try_write(&rewriter->client, rewriter->versions == 1 ? NONE : slice_of(from), slice_of(to),
				       records, READ_RECORDS, &result, &err);
		rewriter->wrong += status < 0 || result != STORE_WRITTEN;
		snprintf(from, sizeof from, "%s", to);
	}
	return NULL;
}

TEST(a_read_in_several_parts_sees_one_moment)
{
	enum { READS = 150 };
	static struct rewriter rewriter;
	struct redis_process server;
	struct client client;
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	client_open(&rewriter.client, &options);
	if (pthread_create(&rewriter.thread, NULL, rewrite, &rewriter) != 0)
		give_up("no thread");
	static char names[READ_RECORDS][16];
	static struct state_record records[READ_RECORDS];
	struct store *store = &client.contract.store;
	size_t torn = 0, seen = 0, changes = 0;
	int last = 0;
	for (int read = 0; read < READS; read++) {
		struct slice marker;
		struct err err = {0};
		for (size_t i = 0; i < READ_RECORDS; i++) {
			snprintf(names[i], sizeof names[i], "%zu", i);
			records[i] = (struct state_record){slice_of(names[i]), NONE};
		}
		arena_reset(client.contract.arena);
		if (store->read(store->self, 0, &marker, records, READ_RECORDS, client.contract.arena, &err) < 0) {
			EXPECT_INT(err.action, ERR_RETRY);
			continue;
		}
		for (size_t i = 0; i < READ_RECORDS; i++)
			torn += !same_slice(records[i].value, marker);
		int version = marker.data == NULL ? 0 : atoi(marker.data);
		changes += version != last;
		last = version;
		seen++;
	}
	rewriter.stop = true;
	pthread_join(rewriter.thread, NULL);
	EXPECT_INT(torn, 0);
	EXPECT_INT(rewriter.wrong, 0);
	EXPECT(seen > READS / 2);
	EXPECT(changes > 5);
	printf("  %zu reads of %d, %zu versions seen of %d\n", seen, READS, changes, rewriter.versions);
	client_end(&rewriter.client);
	client_end(&client);
	redis_process_remove(&server);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_crash_at_any_moment_leaves_the_state_before_or_after),
					CASE(a_server_that_comes_back_empty_is_a_conflict),
					CASE(seconds_without_a_server_lose_nothing_and_end_by_themselves),
					CASE(a_lost_reply_is_resolved_inside_the_write),
					CASE(a_lost_exec_is_written_again),
					CASE(an_exec_that_comes_before_the_second_try_does_it),
					CASE(an_exec_that_comes_after_the_second_try_does_nothing),
					CASE(a_paused_server_times_out_and_the_write_is_settled_when_it_goes_on),
					CASE(a_write_of_another_between_look_and_exec_is_a_conflict),
					CASE(a_transaction_carried_out_in_part_stops_the_daemon),
					CASE(replies_are_taken_while_a_large_write_is_still_being_sent),
					CASE(of_two_racing_writers_exactly_one_wins),
					CASE(a_read_in_several_parts_sees_one_moment),
					{0}},
			argc, argv);
}
