/*
 * The Kafka sink and the plain producer against a real broker, whose address stands in OUTLIERD_KAFKA
 * (test/tools/kafka-server starts one). The last test prints what a commit costs.
 */
#include "test/integration/kafka_fixture.h"
#include "test/unit/test.h"

static struct member member, other; /* large; one test at a time */

TEST(messages_offsets_and_metadata_become_visible_together)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 2);
	write_input(fixture.input, 0, 0, 3);
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	struct position committed[] = {{.partition = 1}, {.partition = 0}};
	EXPECT_INT(member.port.committed(member.port.self, committed, 2, &err), 0);
	EXPECT_INT(committed[0].offset, OFFSET_NONE);
	EXPECT_INT(committed[1].offset, OFFSET_NONE);
	EXPECT(strlen(member.port.cluster_id(member.port.self)) > 8);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "alert"));
	const struct position offsets[] = {{.partition = 0, .offset = 3, .metadata = "v1;g=0123456789abcdef;w=1002"}};
	const struct membership membership = member.port.membership(member.port.self);
	EXPECT_INT(sink.commit(sink.self, offsets, 1, &membership, &err), COMMIT_DONE);
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(member.port.committed(member.port.self, committed, 2, &err), 0);
	EXPECT_INT(committed[0].offset, OFFSET_NONE);
	EXPECT_INT(committed[1].offset, 3);
	EXPECT_TEXT(committed[1].metadata, "v1;g=0123456789abcdef;w=1002");
	EXPECT_INT(count_records(fixture.output, "read_committed"), 1);
	/* Offsets alone are a transaction too. */
	const struct position more[] = {{.partition = 0, .offset = 5, .metadata = ""}};
	EXPECT(begin(&sink));
	EXPECT_INT(sink.commit(sink.self, more, 1, &membership, &err), COMMIT_DONE);
	EXPECT_INT(member.port.committed(member.port.self, committed, 2, &err), 0);
	EXPECT_INT(committed[1].offset, 5);
	EXPECT_TEXT(committed[1].metadata, "");
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(aborted_messages_and_offsets_are_never_seen)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	struct sink sink = sink_open(&kafka, &fixture.options);
	EXPECT_INT(sink.abort(sink.self, &err), 0); /* none open */
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "never"));
	EXPECT_INT(sink.abort(sink.self, &err), 0);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership membership = member.port.membership(member.port.self);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "once"));
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_INT(count_records(fixture.output, "read_committed"), 1);
	EXPECT(count_records(fixture.output, "read_uncommitted") >= 1);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(messages_keep_key_value_headers_and_timestamp)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	struct arena *arena = arena_new(1 << 16);
	fixture_init(&fixture, 1);
	struct kafka_options options = fixture.options;
	options.input_topic = fixture.output; /* what the sink wrote is what this member reads */
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct header headers[] = {
	    {"ce_id", slice_of("7")}, {"empty", {"", 0}}, {"null", {NULL, 0}}, {"ce_id", slice_of("8")}};
	const struct message first = {.topic = fixture.output,
				      .key = {NULL, 0},
				      .value = {NULL, 0},
				      .headers = headers,
				      .header_count = 4,
				      .timestamp_ms = 123456};
	const struct message second = {.topic = fixture.output, .key = {"", 0}, .value = {"", 0}, .timestamp_ms = 5};
	EXPECT(begin(&sink));
	EXPECT_INT(sink.produce(sink.self, &first, &err), 0);
	EXPECT_INT(sink.produce(sink.self, &second, &err), 0);
	const struct membership membership = member.port.membership(member.port.self);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	const struct position start = {.partition = 0, .offset = 0};
	EXPECT(member_start(&member, &start, 1));
	EXPECT_INT(member_read(&member, 2, 5000), 2);
	struct record *record = &member.records[0];
	EXPECT(record->key.data == NULL && record->value.data == NULL);
	EXPECT_INT(record->timestamp_ms, 123456);
	EXPECT(record->headers == NULL);
	EXPECT_INT(member.port.headers(member.port.self, record, arena, &err), 0);
	EXPECT_INT(record->header_count, 4);
	EXPECT_TEXT(record->headers[3].name, "ce_id");
	EXPECT(slice_equal(record->headers[3].value, slice_of("8")));
	EXPECT(record->headers[1].value.data != NULL && record->headers[1].value.length == 0);
	EXPECT(record->headers[2].value.data == NULL);
	EXPECT(member.records[1].key.data != NULL && member.records[1].key.length == 0);
	EXPECT(member.records[1].value.data != NULL && member.records[1].value.length == 0);
	EXPECT_INT(member.port.headers(member.port.self, &member.records[1], arena, &err), 0);
	EXPECT_INT(member.records[1].header_count, 0);
	member_close(&member);
	kafka_sink_free(kafka);
	arena_free(arena);
}

TEST(a_commit_without_a_present_membership_is_refused_and_aborts)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	struct sink sink = sink_open(&kafka, &fixture.options);
	const struct membership none = {0, NULL};
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "never"));
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &none, &err), COMMIT_ABORTED);
	EXPECT_TEXT(err.message,
		    "kafka group: no commit, since the process had no partitions when it read the records");
	EXPECT_INT(err.action, ERR_ABORT_BATCH);
	err_clear(&err);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	struct membership stale = member.port.membership(member.port.self);
	stale.assignment++;
	EXPECT(begin(&sink));
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &stale, &err), COMMIT_ABORTED);
	EXPECT_TEXT(err.message,
		    "kafka group: no commit, since the partitions were reassigned after the records were read");
	EXPECT_INT(count_records(fixture.output, "read_committed"), 0);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(a_second_sink_of_the_same_id_fences_the_first)
{
	struct fixture fixture;
	struct kafka_sink *first_kafka, *second_kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership membership = member.port.membership(member.port.self);
	const struct position offsets[] = {{.partition = 0, .offset = 4, .metadata = "zombie"}};
	struct sink first = sink_open(&first_kafka, &fixture.options);
	EXPECT(begin(&first));
	EXPECT(publish(&first, fixture.output, "zombie"));
	struct sink second = sink_open(&second_kafka, &fixture.options);
	EXPECT_INT(first.commit(first.self, offsets, 1, &membership, &err), COMMIT_UNKNOWN);
	EXPECT_INT(err.code, ERR_FENCED);
	EXPECT_INT(err.action, ERR_RECOVER);
	printf("     %s\n", err.message);
	EXPECT(begin(&second));
	EXPECT(publish(&second, fixture.output, "alive"));
	err_clear(&err);
	EXPECT_INT(second.commit(second.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_INT(count_records(fixture.output, "read_committed"), 1);
	/* The first one may come back, and fences in its turn. */
	EXPECT_INT(first.open(first.self, &err), 0);
	EXPECT(begin(&first));
	EXPECT_INT(first.commit(first.self, offsets, 1, &membership, &err), COMMIT_DONE);
	member_close(&member);
	kafka_sink_free(first_kafka);
	kafka_sink_free(second_kafka);
}

/* A paused process: its membership is old for the brokers, although it has not noticed yet. */
TEST(a_zombie_that_the_group_has_dropped_cannot_commit)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 2);
	const struct kafka_property soon = {"max.poll.interval.ms", "3000"};
	fixture.options.instance_id = NULL; /* only a dynamic member leaves when it does not poll */
	struct kafka_options options = fixture.options;
	options.properties = &soon;
	options.property_count = 1;
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership zombie = member.port.membership(member.port.self);
	member_open(&other, &fixture.options);
	EXPECT(member_wait_assigned(&other, 1));
	EXPECT_INT(other.partition_count, 2);
	EXPECT_INT(member.port.membership(member.port.self).assignment, zombie.assignment);
	const struct position offset = {.partition = 0, .offset = 1};
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "zombie"));
	EXPECT_INT(sink.commit(sink.self, &offset, 1, &zombie, &err), COMMIT_ABORTED);
	EXPECT_INT(err.action, ERR_ABORT_BATCH);
	printf("     %s\n", err.message);
	err_clear(&err);
	for (int64_t end = now_us() + 10000000; member.revokes == 0 && now_us() < end;)
		EXPECT_INT(member_poll(&member, 100), 0);
	EXPECT_INT(member.losses, 1);
	const struct membership alive = other.port.membership(other.port.self);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "alive"));
	EXPECT_INT(sink.commit(sink.self, &offset, 1, &alive, &err), COMMIT_DONE);
	EXPECT_INT(count_records(fixture.output, "read_committed"), 1);
	member_close(&other);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(an_undeliverable_message_aborts_the_transaction)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	static const char undelivered[] = "1 messages were not delivered: no-such-topic: kafka delivery: ";
	const struct kafka_property impatient = {"topic.metadata.propagation.max.ms", "100"};
	fixture.options.properties = &impatient;
	fixture.options.property_count = 1;
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership membership = member.port.membership(member.port.self);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "never"));
	EXPECT(publish(&sink, "no-such-topic", "never"));
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_ABORTED);
	EXPECT_INT(err.action, ERR_ABORT_BATCH);
	EXPECT(strncmp(err.message, undelivered, strlen(undelivered)) == 0);
	err_clear(&err);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.output, "once"));
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_INT(count_records(fixture.output, "read_committed"), 1);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(the_largest_message_is_known_beforehand_and_goes_through)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	char small[NAME_MAX_BYTES];
	name_new(small, "small");
	topic_create(small, 1, "max.message.bytes", "20000");
	const char *outputs[] = {fixture.output, small};
	struct kafka_options options = fixture.options;
	struct sink sink = sink_open(&kafka, &options);
	EXPECT_INT(sink.message_max(sink.self), 1048588 - 256);
	kafka_sink_free(kafka);
	options.output_topic_count = 0; /* the broker's own limit then */
	sink = sink_open(&kafka, &options);
	EXPECT_INT(sink.message_max(sink.self), 1048588 - 256);
	kafka_sink_free(kafka);
	options.output_topics = outputs;
	options.output_topic_count = 2;
	sink = sink_open(&kafka, &options);
	size_t most = sink.message_max(sink.self);
	EXPECT_INT(most, 20000 - 256);
	member_open(&member, &options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership membership = member.port.membership(member.port.self);
	struct header headers[12];
	for (size_t i = 0; i < 12; i++)
		headers[i] = (struct header){"__connect.errors.topic", slice_of("transactions")};
	char *bytes = calloc(1, most + 1000);
	struct message message = {.topic = small, .key = slice_of("card"), .value = {bytes, most - 100 - 4 - 12 * 34}};
	message.headers = headers;
	message.header_count = 12;
	message.timestamp_ms = -1;
	EXPECT(begin(&sink));
	for (int i = 0; i < 20; i++)
		EXPECT_INT(sink.produce(sink.self, &message, &err), 0);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(count_records(small, "read_committed"), 20);
	message.value.length = most + 1000;
	EXPECT(begin(&sink));
	EXPECT_INT(sink.produce(sink.self, &message, &err), -1);
	EXPECT_INT(err.code, ERR_INTERNAL);
	EXPECT_INT(sink.abort(sink.self, &err), 0);
	free(bytes);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(a_plain_producer_delivers_or_says_how_many_it_did_not)
{
	struct fixture fixture;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	struct kafka_producer *producer = kafka_producer_new(&fixture.options, &err);
	const struct message message = {
	    .topic = fixture.input, .key = slice_of("k"), .value = slice_of("v"), .timestamp_ms = 1};
	for (int i = 0; i < 50000; i++)
		if (kafka_producer_send(producer, &message, &err) != 0)
			break;
	EXPECT_INT(kafka_producer_flush(producer, 20000, &err), 0);
	EXPECT_TEXT(err.message, "");
	kafka_producer_free(producer);
	EXPECT_INT(count_records(fixture.input, "read_committed"), 50000);
	struct kafka_options away = fixture.options;
	away.bootstrap_servers = "127.0.0.1:1";
	producer = kafka_producer_new(&away, &err);
	EXPECT_INT(kafka_producer_send(producer, &message, &err), 0);
	EXPECT_INT(kafka_producer_flush(producer, 300, &err), -1);
	EXPECT_TEXT(err.message, "1 of 1 messages were not delivered: kafka producer: no broker took them in time");
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	kafka_producer_free(producer);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void measure_commits(const char *what, int messages, int pause_ms)
{
	enum { ROUNDS = 150 };
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	int64_t took_us[ROUNDS];
	fixture_init(&fixture, 1);
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct membership membership = member.port.membership(member.port.self);
	for (int i = 0; i < ROUNDS; i++) {
		const struct position offset = {.partition = 0, .offset = i + 1, .metadata = "v1"};
		usleep((unsigned)pause_ms * 1000);
		int64_t begun_us = now_us();
		if (!begin(&sink))
			break;
		for (int k = 0; k < messages; k++)
			EXPECT(publish(&sink, fixture.output, "an alert of some bytes"));
		EXPECT_INT(sink.commit(sink.self, &offset, 1, &membership, &err), COMMIT_DONE);
		took_us[i] = now_us() - begun_us;
	}
	qsort(took_us + 10, ROUNDS - 10, sizeof took_us[0], by_size); /* the first ones make the transaction log */
	printf("     %s: p50 %.1f ms, p90 %.1f ms, max %.1f ms\n", what, (double)took_us[10 + (ROUNDS - 10) / 2] / 1000,
	       (double)took_us[10 + (ROUNDS - 10) * 9 / 10] / 1000, (double)took_us[ROUNDS - 1] / 1000);
	EXPECT(took_us[10 + (ROUNDS - 10) / 2] < 60000);
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(a_commit_costs_milliseconds)
{
	measure_commits("5 messages and offsets, 10 ms between", 5, 10);
	measure_commits("5 messages and offsets, back to back", 5, 0);
	measure_commits("offsets alone, 10 ms between", 0, 10);
	measure_commits("1000 messages and offsets, 10 ms between", 1000, 10);
}

int main(int argc, char **argv)
{
	if (broker() == NULL) {
		printf("skipped: OUTLIERD_KAFKA names no broker\n0 passed, 0 failed\n");
		return 0;
	}
	static const struct test tests[] = {
	    CASE(messages_offsets_and_metadata_become_visible_together),
	    CASE(aborted_messages_and_offsets_are_never_seen),
	    CASE(messages_keep_key_value_headers_and_timestamp),
	    CASE(a_commit_without_a_present_membership_is_refused_and_aborts),
	    CASE(a_second_sink_of_the_same_id_fences_the_first),
	    CASE(a_zombie_that_the_group_has_dropped_cannot_commit),
	    CASE(an_undeliverable_message_aborts_the_transaction),
	    CASE(the_largest_message_is_known_beforehand_and_goes_through),
	    CASE(a_plain_producer_delivers_or_says_how_many_it_did_not),
	    CASE(a_commit_costs_milliseconds),
	    {0},
	};
	return test_run(tests, argc, argv);
}
