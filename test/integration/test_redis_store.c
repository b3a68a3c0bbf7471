/* The Redis store against a real server: the contract of all stores, and what depends on how the server is set up. */
#include "test/integration/redis_fixture.h"
#include "test/unit/store_contract.h"

#define MANUAL "docs/redis.md"

static struct redis_process shared_server;
static struct client shared_client;

static struct store contract_open(void)
{
	redis_process_ask(&shared_server, "FLUSHALL");
	struct redis_options options = fixture_options(shared_server.address);
	client_open(&shared_client, &options);
	return shared_client.contract.store;
}

static void contract_close(struct store *store)
{
	(void)store;
	client_end(&shared_client);
}

static const struct state_record one_record = {{"card", 4}, {"value", 5}};

/* Opens a store that must be refused. */
static void expect_refused(const struct redis_options *options, enum err_code code, const char *wanted)
{
	struct client client;
	struct err err = {0};
	client_make(&client, options);
	struct store *store = &client.contract.store;
	EXPECT_INT(store->open(store->self, &err), -1);
	expect_problem(&err, options->address, code, code == ERR_UNAVAILABLE ? ERR_RETRY : ERR_EXIT, wanted);
	client_end(&client);
}

TEST(keys_have_the_documented_names_and_expire)
{
	struct client client;
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	options.ttl_ms = 100000;
	client_open(&client, &options);
	EXPECT_INT(write_records(&client.contract, 7, NONE, TEXT("marker"), &one_record, 1), STORE_WRITTEN);
	EXPECT_TEXT(redis_process_ask(&shared_server, "DBSIZE"), "2");
	EXPECT_TEXT(redis_process_ask(&shared_server, "GET ns:{pipe/topic/7}:e:card"), "value");
	EXPECT_TEXT(redis_process_ask(&shared_server, "GET ns:{pipe/topic/7}:m"), "marker");
	int left_ms = atoi(redis_process_ask(&shared_server, "PTTL ns:{pipe/topic/7}:e:card"));
	EXPECT(left_ms > 90000 && left_ms <= 100000);
	left_ms = atoi(redis_process_ask(&shared_server, "PTTL ns:{pipe/topic/7}:m"));
	EXPECT(left_ms > 90000 && left_ms <= 100000);
	client_end(&client);
}

TEST(keys_live_for_ever_without_a_ttl)
{
	struct client client;
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	client_open(&client, &options);
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("marker"), &one_record, 1), STORE_WRITTEN);
	EXPECT_TEXT(redis_process_ask(&shared_server, "PTTL ns:{pipe/topic/0}:e:card"), "-1");
	EXPECT_TEXT(redis_process_ask(&shared_server, "PTTL ns:{pipe/topic/0}:m"), "-1");
	client_end(&client);
}

TEST(uses_its_database_and_its_unix_socket)
{
	struct client client, other;
	struct redis_options options = fixture_options(shared_server.local_address);
	redis_process_ask(&shared_server, "FLUSHALL");
	options.database = 3;
	client_open(&client, &options);
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("marker"), &one_record, 1), STORE_WRITTEN);
	EXPECT(strstr(redis_process_ask(&shared_server, "INFO keyspace"), "db3:keys=2") != NULL);
	EXPECT(strstr(redis_process_ask(&shared_server, "CLIENT LIST"), "name=outlierd") != NULL);
	options.database = 0;
	client_open(&other, &options);
	EXPECT(is_marked(&other.contract, 0, NONE));
	client_end(&other);
	client_end(&client);
	options.database = 16;
	expect_refused(&options, ERR_CONFIG, "SELECT: the server refuses it (ERR DB index is out of range)");
}

TEST(tells_facts_of_any_server)
{
	static const char *const arguments[] = {"--maxmemory-policy", "volatile-lru", "--maxmemory", "123mb",
						"--appendonly",       "yes",          NULL};
	struct redis_process server;
	struct client client;
	struct redis_facts facts;
	redis_process_prepare(&server, arguments);
	struct redis_options options = fixture_options(server.address);
	client_make(&client, &options);
	struct err err = {0};
	EXPECT_INT(redis_store_facts(client.redis, &facts, &err), -1);
	expect_problem(&err, server.address, ERR_UNAVAILABLE, ERR_RETRY, "cannot connect: Connection refused");
	redis_process_start(&server, true);
	EXPECT_INT(redis_store_facts(client.redis, &facts, &client.contract.err), 0);
	EXPECT(facts.version[0] >= '5' && strchr(facts.version, '.') != NULL);
	EXPECT_TEXT(facts.maxmemory_policy, "volatile-lru");
	EXPECT_INT(strlen(facts.run_id), 40);
	EXPECT_INT(facts.maxmemory_bytes, 123 << 20);
	EXPECT(facts.used_memory_bytes > 100000);
	EXPECT_INT(facts.evicted_keys, 0);
	EXPECT(facts.aof_enabled && !facts.loading && !facts.replica);
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_server_that_may_evict_is_refused)
{
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "CONFIG SET maxmemory-policy allkeys-lru");
	expect_refused(&options, ERR_CONFIG,
		       "its maxmemory-policy is allkeys-lru, so it may drop records in silence: set maxmemory-policy "
		       "noeviction on the server");
	redis_process_ask(&shared_server, "CONFIG SET maxmemory-policy volatile-ttl");
	expect_refused(&options, ERR_CONFIG,
		       "its maxmemory-policy is volatile-ttl, so it may drop records in silence: set maxmemory-policy "
		       "noeviction on the server");
	redis_process_ask(&shared_server, "CONFIG SET maxmemory-policy noeviction");
}

TEST(a_policy_that_changes_later_stops_the_daemon)
{
	static const char halt[] =
	    "its maxmemory-policy is allkeys-lfu, so it may drop records in silence: set "
	    "maxmemory-policy noeviction on the server, then start again: what it may have dropped "
	    "is rebuilt";
	struct client client;
	struct err err = {0};
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	client_open(&client, &options);
	struct store *store = &client.contract.store;
	EXPECT_INT(store->check(store->self, &client.contract.err), 0);
	redis_process_ask(&shared_server, "CONFIG SET maxmemory-policy allkeys-lfu");
	EXPECT_INT(store->check(store->self, &err), -1);
	expect_problem(&err, options.address, ERR_HALT, ERR_EXIT, halt);
	err_clear(&err);
	/* A new connection looks as well, before it is used. */
	redis_process_ask(&shared_server, "CLIENT KILL TYPE normal");
	enum store_write result;
	EXPECT_INT(try_write(&client, NONE, TEXT("m1"), &one_record, 1, &result, &err), -1);
	expect_problem(&err, options.address, ERR_HALT, ERR_EXIT, halt);
	redis_process_ask(&shared_server, "CONFIG SET maxmemory-policy noeviction");
	EXPECT_TEXT(redis_process_ask(&shared_server, "DBSIZE"), "0");
	client_end(&client);
}

TEST(tells_which_server_it_is_and_what_it_has_evicted)
{
	struct redis_process server;
	struct client client;
	redis_process_prepare(&server, NULL);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	struct store *store = &client.contract.store;
	static char value[200000];
	struct state_record large = {TEXT("card"), {value, sizeof value}};
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), &large, 1), STORE_WRITTEN);
	struct store_server first = store->facts(store->self).server;
	EXPECT_INT(strlen(first.id), 40);
	EXPECT_INT(first.evicted, 0);
	/* The first command behind these finds the server too full. */
	redis_process_ask(&server, "CONFIG SET maxmemory-policy allkeys-random");
	redis_process_ask(&server, "CONFIG SET maxmemory 1");
	redis_process_ask(&server, "CONFIG SET maxmemory 0");
	redis_process_ask(&server, "CONFIG SET maxmemory-policy noeviction");
	long long evicted = redis_process_info(&server, "stats", "evicted_keys:");
	EXPECT(evicted > 0);
	EXPECT_INT(store->facts(store->self).server.evicted, 0);
	EXPECT_INT(store->check(store->self, &client.contract.err), 0);
	EXPECT_INT(store->facts(store->self).server.evicted, evicted);
	EXPECT_TEXT(store->facts(store->self).server.id, first.id);

	struct client late;
	client_open(&late, &options);
	EXPECT_INT(late.contract.store.facts(late.contract.store.self).server.evicted, evicted);
	client_end(&late);

	/* A call that has to connect looks as well. */
	redis_process_end(&server, SIGTERM);
	redis_process_start(&server, true);
	EXPECT_INT(client_logged(&client, "Redis was restarted"), 0);
	EXPECT(is_marked(&client.contract, 0, NONE));
	EXPECT_INT(client_logged(&client, "notice Redis was restarted or is another server"), 1);
	EXPECT_INT(store->facts(store->self).server.evicted, 0);
	EXPECT(strcmp(store->facts(store->self).server.id, first.id) != 0);
	EXPECT_INT(store->check(store->self, &client.contract.err), 0);
	EXPECT_INT(client_logged(&client, "Redis was restarted"), 1);
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_full_server_is_waited_for)
{
	static const char *const arguments[] = {"--maxmemory", "3mb", NULL};
	enum { RECORDS = 200, BYTES = 20000 };
	struct redis_process server;
	struct client client;
	struct err err = {0};
	redis_process_prepare(&server, arguments);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	static char names[RECORDS][16], value[BYTES];
	struct state_record records[RECORDS];
	for (size_t i = 0; i < RECORDS; i++) {
		snprintf(names[i], sizeof names[i], "card-%zu", i);
		records[i] = (struct state_record){slice_of(names[i]), {value, sizeof value}};
	}
	enum store_write result;
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), records, 2), STORE_WRITTEN);
	memset(value, 1, sizeof value);
	for (int i = 0; i < 2; i++) {
		EXPECT_INT(try_write(&client, TEXT("m1"), TEXT("m2"), records, RECORDS, &result, &err), -1);
		expect_problem(
		    &err, options.address, ERR_UNAVAILABLE, ERR_RETRY,
		    "SET: the server is full: raise its maxmemory (OOM command not allowed when used memory > "
		    "'maxmemory'.)");
		EXPECT(is_marked(&client.contract, 0, TEXT("m1")));
		EXPECT(!holds(&client.contract, 0, TEXT("card-1"), records[1].value));
	}
	redis_process_ask(&server, "CONFIG SET maxmemory 0");
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&client, TEXT("m1"), TEXT("m2"), records, RECORDS, &failures), STORE_WRITTEN);
	EXPECT(holds(&client.contract, 0, TEXT("card-199"), records[199].value));
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_server_that_loads_its_data_is_waited_for)
{
	static const char *const saving[] = {"--dbfilename", "dump.rdb", NULL};
	static const char *const slow[] = {"--key-load-delay", "3000", "--loading-process-events-interval-bytes",
					   "1024", NULL};
	enum { RECORDS = 200 };
	struct redis_process server;
	struct client client;
	redis_process_prepare(&server, saving);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	client_open(&client, &options);
	static char names[RECORDS][16];
	struct state_record records[RECORDS];
	for (size_t i = 0; i < RECORDS; i++) {
		snprintf(names[i], sizeof names[i], "card-%zu", i);
		records[i] = (struct state_record){slice_of(names[i]), slice_of(names[i])};
	}
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), records, RECORDS), STORE_WRITTEN);
	redis_process_ask(&server, "SAVE");
	redis_process_end(&server, SIGKILL);
	server.arguments = slow;
	redis_process_start(&server, false);
	expect_refused(&options, ERR_UNAVAILABLE, "the server is still loading its data");
	enum store_write result;
	struct err err = {0};
	EXPECT_INT(try_write(&client, TEXT("m1"), TEXT("m2"), &one_record, 1, &result, &err), -1);
	expect_problem(&err, options.address, ERR_UNAVAILABLE, ERR_RETRY, "the server is still loading its data");
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&client, TEXT("m1"), TEXT("m2"), &one_record, 1, &failures), STORE_WRITTEN);
	EXPECT_INT(client_logged(&client, "Redis cannot be used"), 1);
	EXPECT_INT(client_logged(&client, "Redis can be used again"), 1);
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_replica_is_waited_for_until_it_is_primary)
{
	struct client client;
	struct err err = {0};
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	client_open(&client, &options);
	redis_process_ask(&shared_server, "REPLICAOF 127.0.0.1 1");
	enum store_write result;
	EXPECT_INT(try_write(&client, NONE, TEXT("m1"), &one_record, 1, &result, &err), -1);
	expect_problem(
	    &err, options.address, ERR_UNAVAILABLE, ERR_RETRY,
	    "SET: the server is a read-only replica (READONLY You can't write against a read only replica.)");
	real_sleep_ms(NULL, 60); /* past the first back-off */
	EXPECT_INT(try_write(&client, NONE, TEXT("m1"), &one_record, 1, &result, &err), -1);
	expect_problem(&err, options.address, ERR_UNAVAILABLE, ERR_RETRY, "the server is a replica");
	redis_process_ask(&shared_server, "REPLICAOF NO ONE");
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&client, NONE, TEXT("m1"), &one_record, 1, &failures), STORE_WRITTEN);
	client_end(&client);
}

TEST(a_connection_that_the_server_closed_is_no_outage)
{
	struct client client;
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	client_open(&client, &options);
	struct store *store = &client.contract.store;
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), &one_record, 1), STORE_WRITTEN);
	redis_process_ask(&shared_server, "CLIENT KILL TYPE normal");
	EXPECT(is_marked(&client.contract, 0, TEXT("m1")));
	redis_process_ask(&shared_server, "CLIENT KILL TYPE normal");
	EXPECT_INT(write_records(&client.contract, 0, TEXT("m1"), TEXT("m2"), &one_record, 1), STORE_WRITTEN);
	redis_process_ask(&shared_server, "CLIENT KILL TYPE normal");
	EXPECT_INT(store->check(store->self, &client.contract.err), 0);
	fflush(client.log.stream);
	EXPECT_TEXT(client.log_text, "");
	client_end(&client);
}

/* The line of the manual that makes the user with the least permissions. */
static void manual_acl_line(char *line, size_t size)
{
	static const char start[] = "ACL SETUSER ";
	FILE *file = fopen(MANUAL, "r");
	line[0] = '\0';
	if (file == NULL)
		give_up("cannot read " MANUAL ": run the test in the root of the tree");
	while (fgets(line, (int)size, file) != NULL && strncmp(line, start, sizeof start - 1) != 0)
		line[0] = '\0';
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '\0')
		give_up(MANUAL " has no line ACL SETUSER");
}

TEST(the_permissions_of_the_manual_suffice_and_none_is_too_many)
{
	char line[512];
	struct client client;
	manual_acl_line(line, sizeof line);
	EXPECT_TEXT(redis_process_ask(&shared_server, line), "OK");
	redis_process_ask(&shared_server, "FLUSHALL");
	struct redis_options options = fixture_options(shared_server.address);
	options.name_space = "outlierd";
	options.user = "outlierd";
	options.password = "PASSWORD";
	options.database = 1;
	client_open(&client, &options);
	struct store *store = &client.contract.store;
	struct state_record gone = {TEXT("card"), NONE};
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), &one_record, 1), STORE_WRITTEN);
	EXPECT_INT(write_records(&client.contract, 0, TEXT("m1"), TEXT("m2"), &gone, 1), STORE_WRITTEN);
	EXPECT_INT(write_records(&client.contract, 0, TEXT("m1"), TEXT("m2"), &gone, 1), STORE_CONFLICT);
	EXPECT(is_marked(&client.contract, 0, TEXT("m2")));
	EXPECT_INT(store->check(store->self, &client.contract.err), 0);
	EXPECT(strstr(redis_process_ask(&shared_server, "CLIENT LIST"), "name=outlierd") != NULL);
	client_end(&client);
	/* Without any one of them (but the courtesy of SETNAME, and SELECT where the database is 0) it does not work. */
	char words[512], *rest = words;
	snprintf(words, sizeof words, "%s", line);
	size_t permissions = 0;
	for (const char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
		if (word[0] != '+' || strcmp(word, "+client|setname") == 0)
			continue;
		char command[640];
		permissions++;
		snprintf(command, sizeof command, "ACL SETUSER outlierd -%s", word + 1);
		EXPECT_TEXT(redis_process_ask(&shared_server, command), "OK");
		redis_process_ask(&shared_server, "FLUSHALL");
		struct err err = {0};
		enum store_write result = STORE_CONFLICT;
		client_make(&client, &options);
		store = &client.contract.store;
		struct slice marker;
		bool works = store->open(store->self, &err) == 0 &&
			     try_write(&client, NONE, TEXT("m1"), &gone, 1, &result, &err) == 0 &&
			     try_write(&client, TEXT("m1"), TEXT("m2"), &one_record, 1, &result, &err) == 0 &&
			     store->read(store->self, 0, &marker, NULL, 0, client.contract.arena, &err) == 0;
		EXPECT(!works && strstr(err.message, "NOPERM") != NULL);
		/* Never a part of a write: above all where MULTI itself is what is missing. */
		EXPECT_INT(atoi(redis_process_ask(&shared_server, "DBSIZE")), 0);
		client_end(&client);
		EXPECT_TEXT(redis_process_ask(&shared_server, line), "OK");
	}
	EXPECT(permissions >= 8);
	redis_process_ask(&shared_server, "ACL DELUSER outlierd");
}

TEST(a_user_who_may_not_ask_info_is_told_so)
{
	redis_process_ask(&shared_server, "ACL SETUSER blind on >PASSWORD ~* +@all -info");
	struct redis_options options = fixture_options(shared_server.address);
	options.user = "blind";
	options.password = "PASSWORD";
	struct client client;
	struct err err = {0};
	client_make(&client, &options);
	struct store *store = &client.contract.store;
	EXPECT_INT(store->open(store->self, &err), -1);
	static const char start[] =
	    "INFO: the user may not do this: docs/redis.md has the ACL line that suffices (NOPERM";
	EXPECT(strstr(err.message, start) != NULL);
	EXPECT_INT(err_exit_status(&err), 78);
	client_end(&client);
	redis_process_ask(&shared_server, "ACL DELUSER blind");
}

TEST(a_wrong_password_is_bad_configuration_at_start_and_an_outage_later)
{
	redis_process_ask(&shared_server, "FLUSHALL");
	redis_process_ask(&shared_server, "ACL SETUSER u on >right ~* +@all");
	struct redis_options options = fixture_options(shared_server.address);
	options.user = "u";
	options.password = "wrong";
	static const char refused[] = "AUTH: the user or the password is wrong (WRONGPASS invalid username-password "
				      "pair or user is disabled.)";
	expect_refused(&options, ERR_CONFIG, refused);
	options.password = "right";
	struct client client;
	client_open(&client, &options);
	redis_process_ask(&shared_server, "ACL SETUSER u <right >other");
	redis_process_ask(&shared_server, "CLIENT KILL TYPE normal");
	struct err err = {0};
	enum store_write result;
	EXPECT_INT(try_write(&client, NONE, TEXT("m1"), &one_record, 1, &result, &err), -1);
	expect_problem(&err, options.address, ERR_UNAVAILABLE, ERR_RETRY, refused);
	redis_process_ask(&shared_server, "ACL SETUSER u >right");
	size_t failures = 0;
	EXPECT_INT(write_until_settled(&client, NONE, TEXT("m1"), &one_record, 1, &failures), STORE_WRITTEN);
	client_end(&client);
	redis_process_ask(&shared_server, "ACL DELUSER u");
}

TEST(a_missing_password_is_bad_configuration)
{
	static const char *const arguments[] = {"--requirepass", "secret", NULL};
	struct redis_process server;
	redis_process_prepare(&server, arguments);
	redis_process_start(&server, true);
	struct redis_options options = fixture_options(server.address);
	expect_refused(&options, ERR_CONFIG, "INFO: the server wants a password (NOAUTH Authentication required.)");
	options.password = "secret";
	struct client client;
	client_open(&client, &options);
	EXPECT_INT(write_records(&client.contract, 0, NONE, TEXT("m1"), &one_record, 1), STORE_WRITTEN);
	client_end(&client);
	redis_process_remove(&server);
}

TEST(a_foreign_key_in_the_marker_s_place_stops_the_daemon)
{
	struct client client;
	struct redis_options options = fixture_options(shared_server.address);
	redis_process_ask(&shared_server, "FLUSHALL");
	redis_process_ask(&shared_server, "RPUSH ns:{pipe/topic/0}:m x");
	client_open(&client, &options);
	struct err err = {0};
	enum store_write result;
	EXPECT_INT(try_write(&client, NONE, TEXT("m1"), &one_record, 1, &result, &err), -1);
	expect_problem(&err, options.address, ERR_HALT, ERR_EXIT,
		       "GET: a marker's key holds something else: another program writes into the namespace (WRONGTYPE "
		       "Operation against a key holding the wrong kind of value)");
	client_end(&client);
}

int main(int argc, char **argv)
{
	redis_process_prepare(&shared_server, NULL);
	redis_process_start(&shared_server, true);
	int status = test_run((struct test[]){STORE_CONTRACT_CASES,
					      CASE(keys_have_the_documented_names_and_expire),
					      CASE(keys_live_for_ever_without_a_ttl),
					      CASE(uses_its_database_and_its_unix_socket),
					      CASE(tells_facts_of_any_server),
					      CASE(a_server_that_may_evict_is_refused),
					      CASE(a_policy_that_changes_later_stops_the_daemon),
					      CASE(tells_which_server_it_is_and_what_it_has_evicted),
					      CASE(a_full_server_is_waited_for),
					      CASE(a_server_that_loads_its_data_is_waited_for),
					      CASE(a_replica_is_waited_for_until_it_is_primary),
					      CASE(a_connection_that_the_server_closed_is_no_outage),
					      CASE(the_permissions_of_the_manual_suffice_and_none_is_too_many),
					      CASE(a_user_who_may_not_ask_info_is_told_so),
					      CASE(a_wrong_password_is_bad_configuration_at_start_and_an_outage_later),
					      CASE(a_missing_password_is_bad_configuration),
					      CASE(a_foreign_key_in_the_marker_s_place_stops_the_daemon),
					      {0}},
			      argc, argv);
	redis_process_remove(&shared_server);
	return status;
}
