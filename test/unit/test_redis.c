/* The parts of the Redis store that need no server: commands, replies, addresses, INFO, refusals, back-off. */
#include "daemon/io/redis_command.h"
#include "daemon/io/redis_outage.h"
#include "daemon/io/redis_pending.h"
#include "daemon/io/redis_primary.h"
#include "daemon/io/redis_replies.h"
#include "daemon/io/redis_server.h"
#include "daemon/io/redis_socket.h"
#include "test/unit/test.h"

#define TEXT(literal) ((struct slice){(literal), sizeof(literal) - 1})

static void expect_bytes(struct buffer *buffer, const char *wanted)
{
	buffer_add_byte(buffer, 0);
	EXPECT(!buffer_failed(buffer));
	EXPECT_TEXT((const char *)buffer->data, wanted);
	buffer_free(buffer);
}

TEST(commands_are_arrays_of_bulk_strings)
{
	struct buffer out;
	buffer_init(&out);
	redis_command_begin(&out, 3);
	redis_command_add(&out, TEXT("SET"));
	redis_command_add_joined(&out, TEXT("prefix:"), TEXT("0123456789"));
	redis_command_add(&out, TEXT(""));
	redis_command_texts(&out, 2, (const char *const[]){"SELECT", "15"});
	expect_bytes(&out,
		     "*3\r\n$3\r\nSET\r\n$17\r\nprefix:0123456789\r\n$0\r\n\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n");
}

struct transcript {
	char text[512];
	size_t pieces_left; /* before it gives up */
};

static bool write_down(void *self, const struct redis_piece *piece)
{
	static const char *const kinds[] = {"status", "error", "integer", "string", "nil", "array"};
	struct transcript *transcript = self;
	if (transcript->pieces_left == 0)
		return false;
	transcript->pieces_left--;
	size_t length = strlen(transcript->text);
	snprintf(transcript->text + length, sizeof transcript->text - length, "%zu/%d/%zu %s %.*s%lld; ", piece->reply,
		 piece->depth, piece->index, kinds[piece->kind], (int)piece->text.length,
		 piece->text.data == NULL ? "" : (const char *)piece->text.data, (long long)piece->integer);
	return true;
}

static const char stream[] =
    "+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n*3\r\n$3\r\na\r\n\r\n$-1\r\n:5\r\n*-1\r\n*0\r\n$0\r\n\r\n";
static const char stream_pieces[] =
    "0/0/0 status OK0; 1/0/0 error ERR no0; 2/0/0 integer -7; 3/0/0 nil 0; 4/0/0 array 3; "
    "4/1/0 string a\r\n0; 4/1/1 nil 0; 4/1/2 integer 5; 5/0/0 nil 0; 6/0/0 array 0; "
    "7/0/0 string 0; ";

TEST(replies_come_in_pieces_however_the_stream_is_cut)
{
	struct redis_replies *replies = redis_replies_new();
	for (size_t step = 1; step < sizeof stream; step++) {
		struct transcript transcript = {.pieces_left = 100};
		struct redis_visitor visitor = {&transcript, write_down};
		struct err err = {0};
		size_t complete = 0;
		EXPECT_INT(redis_replies_begin(replies, &err), 0);
		for (size_t at = 0; at < sizeof stream - 1; at += step) {
			size_t left = sizeof stream - 1 - at;
			struct slice bytes = {stream + at, left < step ? left : step};
			EXPECT_INT(redis_replies_feed(replies, bytes, &visitor, &complete, &err), 0);
		}
		EXPECT_INT(complete, 8);
		EXPECT_TEXT(transcript.text, stream_pieces);
	}
	redis_replies_free(replies);
}

TEST(a_stream_that_is_not_redis_is_refused)
{
	struct redis_replies *replies = redis_replies_new();
	struct transcript transcript = {.pieces_left = 100};
	struct redis_visitor visitor = {&transcript, write_down};
	struct err err = {0};
	size_t complete = 0;
	EXPECT_INT(redis_replies_begin(replies, &err), 0);
	EXPECT_INT(redis_replies_feed(replies, TEXT("HTTP/1.1 400\r\n"), &visitor, &complete, &err), -1);
	EXPECT_TEXT(err.message, "its answer is not Redis' protocol");
	EXPECT_INT(err.action, ERR_RETRY);
	err_clear(&err);
	EXPECT_INT(redis_replies_reset(replies), 0);
	EXPECT_INT(redis_replies_begin(replies, &err), 0);
	EXPECT_INT(redis_replies_feed(replies, TEXT("+OK\r\n+half"), &visitor, &complete, &err), 0);
	EXPECT_INT(complete, 1);
	EXPECT_INT(redis_replies_begin(replies, &err), -1);
	EXPECT_TEXT(err.message, "it said something that it was not asked");
	redis_replies_free(replies);
}

TEST(a_visitor_that_gives_up_is_not_asked_again)
{
	struct redis_replies *replies = redis_replies_new();
	struct transcript transcript = {.pieces_left = 2};
	struct redis_visitor visitor = {&transcript, write_down};
	struct err err = {0};
	size_t complete = 0;
	EXPECT_INT(redis_replies_begin(replies, &err), 0);
	EXPECT_INT(redis_replies_feed(replies, TEXT(stream), &visitor, &complete, &err), -1);
	EXPECT_TEXT(transcript.text, "0/0/0 status OK0; 1/0/0 error ERR no0; ");
	EXPECT_INT(err.code, ERR_INTERNAL);
	redis_replies_free(replies);
}

TEST(reads_addresses)
{
	struct redis_place place;
	struct err err = {0};
	const struct redis_address *address = &place.addresses[0];
	EXPECT_INT(redis_socket_parse("tcp://redis.example:6379", &place, &err), 0);
	EXPECT_TEXT(address->host, "redis.example");
	EXPECT_TEXT(address->port, "6379");
	EXPECT(!address->local);
	EXPECT_INT(redis_socket_parse("tcp://[::1]:65535", &place, &err), 0);
	EXPECT_TEXT(address->host, "::1");
	EXPECT_TEXT(address->port, "65535");
	EXPECT_INT(redis_socket_parse("unix:///run/redis/redis.sock", &place, &err), 0);
	EXPECT_TEXT(address->host, "/run/redis/redis.sock");
	EXPECT(address->local);
	EXPECT_INT(place.sentinel_count, 0);
	EXPECT_TEXT(err.message, "");
}

TEST(reads_addresses_of_sentinels)
{
	struct redis_place place;
	struct err err = {0};
	EXPECT_INT(
	    redis_socket_parse("sentinel://one.example:26379,[::1]:26380,10.0.0.3:1/my-primary.1_a", &place, &err), 0);
	EXPECT_INT(place.sentinel_count, 3);
	EXPECT_TEXT(place.addresses[0].host, "one.example");
	EXPECT_TEXT(place.addresses[0].port, "26379");
	EXPECT_TEXT(place.addresses[1].host, "::1");
	EXPECT_TEXT(place.addresses[1].port, "26380");
	EXPECT_TEXT(place.addresses[2].host, "10.0.0.3");
	EXPECT_TEXT(place.addresses[2].port, "1");
	EXPECT_TEXT(place.primary_name, "my-primary.1_a");
	EXPECT_INT(redis_socket_parse("sentinel://a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8/n", &place, &err), 0);
	EXPECT_INT(place.sentinel_count, REDIS_SENTINELS_MAX);
	EXPECT_TEXT(err.message, "");
}

TEST(addresses_as_text)
{
	char text[REDIS_SERVER_TEXT_MAX];
	struct redis_address address = {.host = "127.0.0.1", .port = "6379"};
	EXPECT_TEXT(redis_primary_name(&address, text), "127.0.0.1:6379");
	address = (struct redis_address){.host = "::1", .port = "6379"};
	EXPECT_TEXT(redis_primary_name(&address, text), "[::1]:6379");
	address = (struct redis_address){.host = "/run/redis.sock", .local = true};
	EXPECT_TEXT(redis_primary_name(&address, text), "/run/redis.sock");
}

TEST(refuses_addresses_of_another_form)
{
	const char *const wrong[] = {
	    "",
	    "127.0.0.1:6379",
	    "redis://127.0.0.1:6379",
	    "rediss://127.0.0.1:6379",
	    "tcp://127.0.0.1",
	    "tcp://127.0.0.1:",
	    "tcp://127.0.0.1:0",
	    "tcp://127.0.0.1:65536",
	    "tcp://127.0.0.1:99999999999",
	    "tcp://127.0.0.1:6379/0",
	    "tcp://:6379",
	    "tcp://[]:6379",
	    "tcp://[::1:6379",
	    "tcp://::1:6379",
	    "unix://run/redis.sock",
	    "unix:///0123456789012345678901234567890123456789012345678901234567890123456789012345"
	    "67890123456789012345678901234567890123456789",
	    "sentinel://",
	    "sentinel:///name",
	    "sentinel://127.0.0.1:26379",
	    "sentinel://127.0.0.1:26379/",
	    "sentinel://127.0.0.1:26379/two words",
	    "sentinel://127.0.0.1:26379/name/0",
	    "sentinel://127.0.0.1/name",
	    "sentinel://127.0.0.1:0/name",
	    "sentinel://127.0.0.1:26379,/name",
	    "sentinel://,127.0.0.1:26379/name",
	    "sentinel://127.0.0.1:1,,127.0.0.1:2/name",
	    "sentinel://127.0.0.1:1, 127.0.0.1:2/name",
	    "sentinel://a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9/name",
	    "sentinel://a:1/0123456789012345678901234567890123456789012345678901234567890123"
	    "0123456789012345678901234567890123456789012345678901234567890123"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct redis_place place;
		struct err err = {0};
		char wanted[512];
		EXPECT_INT(redis_socket_parse(wrong[i], &place, &err), -1);
		snprintf(wanted, sizeof wanted,
			 "\"%s\" is not tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME",
			 wrong[i]);
		EXPECT_TEXT(err.message, wanted);
		EXPECT_INT(err_exit_status(&err), 78);
	}
}

TEST(reads_info)
{
	struct redis_facts facts;
	redis_server_read_info(
	    TEXT("# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef0123456789abcdef01234567\r\n"
		 "# Memory\r\nused_memory:1000\r\nused_memory_rss:7\r\nmaxmemory:2000\r\n"
		 "maxmemory_policy:allkeys-lru\r\nloading:1\r\naof_enabled:1\r\n"
		 "evicted_keys:12345678901\r\nrole:slave"),
	    &facts);
	EXPECT_TEXT(facts.version, "7.0.15");
	EXPECT_TEXT(facts.run_id, "0123456789abcdef0123456789abcdef01234567");
	EXPECT_TEXT(facts.maxmemory_policy, "allkeys-lru");
	EXPECT_INT(facts.used_memory_bytes, 1000);
	EXPECT_INT(facts.maxmemory_bytes, 2000);
	EXPECT_INT(facts.evicted_keys, 12345678901);
	EXPECT(facts.aof_enabled && facts.loading && facts.replica);
	redis_server_read_info(TEXT("\r\nrole:master\r\nxrun_id:1\nrun_id\n"), &facts);
	EXPECT_TEXT(facts.run_id, "");
	EXPECT(!facts.aof_enabled && !facts.loading && !facts.replica);
}

static void expect_judgement(const char *info, bool started, int status, enum err_action action, const char *wanted)
{
	struct redis_facts facts;
	struct err err = {0};
	redis_server_read_info(slice_of(info), &facts);
	EXPECT_INT(redis_server_judge(&facts, started, &err), wanted[0] == '\0' ? 0 : -1);
	EXPECT_TEXT(err.message, wanted);
	EXPECT_INT(err_exit_status(&err), status);
	EXPECT_INT(err.action, action);
}

TEST(judges_servers)
{
	expect_judgement("maxmemory_policy:noeviction\nrole:master", false, 0, ERR_EXIT, "");
	expect_judgement(
	    "maxmemory_policy:volatile-ttl", false, 78, ERR_EXIT,
	    "its maxmemory-policy is volatile-ttl, so it may drop records in silence: set maxmemory-policy "
	    "noeviction on the server");
	expect_judgement("maxmemory_policy:allkeys-lfu", true, 76, ERR_EXIT,
			 "its maxmemory-policy is allkeys-lfu, so it may drop records in silence: set maxmemory-policy "
			 "noeviction on the server, then start again: what it may have dropped is rebuilt");
	expect_judgement("role:master", false, 78, ERR_EXIT,
			 "INFO does not tell maxmemory_policy, so nobody knows whether the server evicts");
	expect_judgement("maxmemory_policy:noeviction\nloading:1", false, 69, ERR_RETRY,
			 "the server is still loading its data");
	expect_judgement("maxmemory_policy:noeviction\nrole:slave", true, 69, ERR_RETRY, "the server is a replica");
}

static void expect_refusal(const char *text, bool started, int status, enum err_action action, const char *wanted)
{
	struct err err = {0};
	EXPECT_INT(redis_server_refused("GET", slice_of(text), started, &err), -1);
	EXPECT_TEXT(err.message, wanted);
	EXPECT_INT(err_exit_status(&err), status);
	EXPECT_INT(err.action, action);
}

TEST(refusals_say_what_to_do)
{
	expect_refusal("LOADING Redis is loading the dataset in memory", true, 69, ERR_RETRY,
		       "GET: the server is still loading its data (LOADING Redis is loading the dataset in memory)");
	expect_refusal("OOM command not allowed when used memory > 'maxmemory'.", true, 69, ERR_RETRY,
		       "GET: the server is full: raise its maxmemory (OOM command not allowed when used memory > "
		       "'maxmemory'.)");
	expect_refusal("EXECABORT Transaction discarded because of: OOM no", true, 69, ERR_RETRY,
		       "GET: the server is full: raise its maxmemory (OOM no)");
	expect_refusal(
	    "ERR max number of clients reached", false, 69, ERR_RETRY,
	    "GET: the server has no room for another client: raise its maxclients (ERR max number of clients "
	    "reached)");
	expect_refusal("WRONGPASS invalid", false, 78, ERR_EXIT,
		       "GET: the user or the password is wrong (WRONGPASS invalid)");
	expect_refusal("WRONGPASS invalid", true, 69, ERR_RETRY,
		       "GET: the user or the password is wrong (WRONGPASS invalid)");
	expect_refusal("ERR what", false, 78, ERR_EXIT, "GET: the server refuses it (ERR what)");
	expect_refusal("ERR what", true, 69, ERR_RETRY, "GET: the server refuses it (ERR what)");
	expect_refusal(
	    "MOVED 3999 127.0.0.1:6381", true, 76, ERR_EXIT,
	    "GET: the server belongs to a Redis Cluster, which is not supported (MOVED 3999 127.0.0.1:6381)");
}

TEST(refusals_do_not_tell_keys)
{
	expect_refusal("ERR unknown command 'GET', with args beginning with: 'ns:{p/t/0}:e:4111111111111111' ", true,
		       69, ERR_RETRY, "GET: the server refuses it (ERR unknown command 'GET')");
}

/* A clock that only sleeping moves. */
struct fake_clock {
	int64_t now_us, slept_ms;
};

static int64_t fake_now(void *self)
{
	return ((struct fake_clock *)self)->now_us;
}

static void fake_sleep(void *self, int64_t ms)
{
	struct fake_clock *fake = self;
	fake->now_us += ms * 1000;
	fake->slept_ms += ms;
}

static uint64_t fake_random(void *self)
{
	return (uint64_t)((struct fake_clock *)self)->now_us * 7919;
}

TEST(an_outage_backs_off_and_is_logged_once)
{
	struct fake_clock fake = {.now_us = 5};
	struct clock clock = {.self = &fake, .monotonic_us = fake_now, .sleep_ms = fake_sleep, .random = fake_random};
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);
	struct log log = {.stream = file, .level = LOG_LEVEL_DEBUG};
	struct redis_outage outage;
	struct err err = {0};
	redis_outage_init(&outage, "tcp://h:1", &log, &clock);
	EXPECT_INT(redis_outage_pass(&outage, &err), 0);
	redis_outage_over(&outage);
	EXPECT_INT(fake.slept_ms, 0);

	/* Delays: between a half and the whole of 50, 100, ..., 1600, 2000, 2000 ms; each call sleeps 50 ms at most. */
	const int64_t wanted_ms[] = {50, 100, 200, 400, 800, 1600, 2000, 2000};
	for (size_t i = 0; i < sizeof wanted_ms / sizeof wanted_ms[0]; i++) {
		redis_outage_failed(&outage, "cannot connect");
		int64_t start_us = fake.now_us;
		for (int64_t before = fake.slept_ms; redis_outage_pass(&outage, &err) < 0; before = fake.slept_ms) {
			EXPECT_INT(err.action, ERR_RETRY);
			EXPECT_TEXT(err.message, "cannot connect");
			EXPECT_INT(fake.slept_ms - before, REDIS_OUTAGE_WAIT_MAX_MS);
			err_clear(&err);
		}
		int64_t waited_ms = (fake.now_us - start_us) / 1000;
		EXPECT(waited_ms >= wanted_ms[i] / 2 && waited_ms <= wanted_ms[i]);
	}
	fake.now_us = 5 + 60000000;
	redis_outage_over(&outage);
	redis_outage_over(&outage);
	EXPECT_INT(redis_outage_pass(&outage, &err), 0);
	redis_outage_failed(&outage, "no answer");
	fclose(file);
	EXPECT_TEXT(text, "warning Redis cannot be used, waiting for it address=tcp://h:1 reason=\"cannot connect\"\n"
			  "notice Redis can be used again address=tcp://h:1 after_ms=60000\n"
			  "warning Redis cannot be used, waiting for it address=tcp://h:1 reason=\"no answer\"\n");
	free(text);
}

static bool is_pending(struct redis_pending *pending, int32_t partition, struct slice expected, struct slice marker)
{
	struct err err = {0};
	bool unresolved = false;
	EXPECT_INT(redis_pending_get(pending, partition, expected, marker, &unresolved, &err), 0);
	return unresolved;
}

TEST(remembers_one_unknown_write_per_partition)
{
	struct redis_pending pending = {0};
	struct slice none = {NULL, 0};
	for (int32_t partition = 0; partition < 100; partition++) {
		EXPECT(!is_pending(&pending, partition, none, TEXT("m1")));
		redis_pending_put(&pending, partition, none, TEXT("m1"), true);
	}
	EXPECT(is_pending(&pending, 0, none, TEXT("m1")));
	EXPECT(is_pending(&pending, 99, none, TEXT("m1")));
	EXPECT(!is_pending(&pending, 0, TEXT(""), TEXT("m1")));
	EXPECT(!is_pending(&pending, 0, TEXT("m"), TEXT("1")));
	EXPECT(!is_pending(&pending, 0, none, TEXT("m2")));
	redis_pending_put(&pending, 0, TEXT("m1"), TEXT("m2"), true);
	EXPECT(!is_pending(&pending, 0, none, TEXT("m1")));
	EXPECT(!is_pending(&pending, 0, TEXT("m"), TEXT("1m2")));
	EXPECT(is_pending(&pending, 0, TEXT("m1"), TEXT("m2")));
	redis_pending_put(&pending, 0, TEXT("m1"), TEXT("m2"), false);
	EXPECT(!is_pending(&pending, 0, TEXT("m1"), TEXT("m2")));
	EXPECT(is_pending(&pending, 1, none, TEXT("m1")));
	redis_pending_free(&pending);
}

TEST(names_that_would_tear_a_partition_over_slots_are_refused)
{
	struct fake_clock fake = {0};
	struct clock clock = {.self = &fake, .monotonic_us = fake_now, .sleep_ms = fake_sleep, .random = fake_random};
	struct log log = {0};
	struct redis_options options = {.address = "tcp://127.0.0.1:1",
					.name_space = "ns",
					.pipeline = "p",
					.topic = "t",
					.timeout_ms = 1000,
					.log = &log,
					.clock = &clock};
	struct err err = {0};
	struct redis_store *store = redis_store_new(&options, &err);
	EXPECT(store != NULL);
	redis_store_free(store);
	options.pipeline = "a{b";
	EXPECT(redis_store_new(&options, &err) == NULL);
	EXPECT_TEXT(err.message, "pipeline \"a{b\" is empty or has a brace");
	err_clear(&err);
	options.pipeline = "p";
	options.name_space = "";
	EXPECT(redis_store_new(&options, &err) == NULL);
	EXPECT_TEXT(err.message, "namespace \"\" is empty or has a brace");
	err_clear(&err);
	options.name_space = "ns";
	options.address = "127.0.0.1";
	EXPECT(redis_store_new(&options, &err) == NULL);
	EXPECT_TEXT(err.message,
		    "\"127.0.0.1\" is not tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME");
	redis_store_free(NULL);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(commands_are_arrays_of_bulk_strings),
					CASE(replies_come_in_pieces_however_the_stream_is_cut),
					CASE(a_stream_that_is_not_redis_is_refused),
					CASE(a_visitor_that_gives_up_is_not_asked_again),
					CASE(reads_addresses),
					CASE(reads_addresses_of_sentinels),
					CASE(addresses_as_text),
					CASE(refuses_addresses_of_another_form),
					CASE(reads_info),
					CASE(judges_servers),
					CASE(refusals_say_what_to_do),
					CASE(refusals_do_not_tell_keys),
					CASE(an_outage_backs_off_and_is_logged_once),
					CASE(remembers_one_unknown_write_per_partition),
					CASE(names_that_would_tear_a_partition_over_slots_are_refused),
					{0}},
			argc, argv);
}
