/*
 * The Kafka adapters against a real broker, whose address stands in OUTLIERD_KAFKA (test/tools/kafka-server starts one).
 * Topics and groups are new in every run. The last test prints what a commit costs.
 */
#include "test/integration/kafka_fixture.h"
#include "test/unit/test.h"

static struct member member, other; /* large; one test at a time */

static struct sink sink_open(struct kafka_sink **kafka, const struct kafka_options *options)
{
	struct err err = {.code = ERR_NONE};
	*kafka = kafka_sink_new(options, &err);
	struct sink sink = kafka_sink_port(*kafka);
	if (sink.open(sink.self, &err) != 0)
		printf("  sink open: %s\n", err.message);
	return sink;
}

static bool publish(const struct sink *sink, const char *topic, const char *value)
{
	struct err err = {.code = ERR_NONE};
	const struct message message = {
	    .topic = topic, .key = slice_of("card"), .value = slice_of(value), .timestamp_ms = -1};
	bool done = sink->produce(sink->self, &message, &err) == 0;
	if (!done)
		printf("  produce: %s\n", err.message);
	return done;
}

static bool begin(const struct sink *sink)
{
	struct err err = {.code = ERR_NONE};
	bool done = sink->begin(sink->self, &err) == 0;
	if (!done)
		printf("  begin: %s\n", err.message);
	return done;
}

static int64_t value_of(const struct record *record)
{
	char text[16] = "";
	memcpy(text, record->value.data, record->value.length < 15 ? record->value.length : 15);
	return atoll(text);
}

TEST(partitions_are_read_from_explicit_offsets_and_others_not_at_all)
{
	struct fixture fixture;
	fixture_init(&fixture, 3);
	for (int i = 0; i < 3; i++)
		write_input(fixture.input, i, 0, 10);
	member_open(&member, &fixture.options);
	EXPECT_INT(member.port.membership(member.port.self).assignment, 0);
	EXPECT(member_wait_assigned(&member, 1));
	EXPECT_INT(member.partition_count, 3);
	EXPECT(member.port.membership(member.port.self).assignment > 0);
	EXPECT_INT(member_read(&member, 1, 500), 0); /* nothing before start() */
	const struct position positions[] = {{.partition = 0, .offset = 7}, {.partition = 2, .offset = 4}};
	EXPECT(member_start(&member, positions, 2));
	EXPECT_INT(member_read(&member, 10, 3000), 9);
	int64_t next[3] = {7, 0, 4};
	for (size_t i = 0; i < member.count; i++) {
		const struct record *record = &member.records[i];
		EXPECT(record->partition != 1);
		EXPECT_INT(record->offset, next[record->partition]++);
		EXPECT_INT(value_of(record), record->offset);
		EXPECT_INT(record->timestamp_ms, 1000 + record->offset);
		EXPECT(slice_equal(record->key, slice_of("key")));
	}
	/* A recovery without a rebalance starts again, elsewhere. */
	const struct position again = {.partition = 1, .offset = 8};
	EXPECT(member_start(&member, &again, 1));
	EXPECT_INT(member_read(&member, 3, 1000), 2);
	EXPECT_INT(member.records[0].offset, 8);
	member_close(&member);
}

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

TEST(a_static_member_that_restarts_goes_on_at_once)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 2);
	fixture.options.session_timeout_ms = 20000; /* so that waiting for it would be seen */
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct position offsets[] = {{.partition = 1, .offset = 11, .metadata = "m"}};
	struct membership membership = member.port.membership(member.port.self);
	EXPECT(begin(&sink));
	EXPECT_INT(sink.commit(sink.self, offsets, 1, &membership, &err), COMMIT_DONE);
	member_close(&member);
	int64_t closed_us = now_us();
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	EXPECT(now_us() - closed_us < 8000000);
	printf("     a restarted member is assigned after %lld ms\n", (long long)((now_us() - closed_us) / 1000));
	struct position committed = {.partition = 1};
	EXPECT_INT(member.port.committed(member.port.self, &committed, 1, &err), 0);
	EXPECT_INT(committed.offset, 11);
	membership = member.port.membership(member.port.self);
	EXPECT(begin(&sink));
	EXPECT_INT(sink.commit(sink.self, offsets, 1, &membership, &err), COMMIT_DONE);
	EXPECT_TEXT(err.message, "");
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(a_second_process_with_the_same_instance_fences_the_first)
{
	struct fixture fixture;
	fixture_init(&fixture, 1);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	member_open(&other, &fixture.options);
	EXPECT(member_wait_assigned(&other, 1));
	struct err *err = &member.err;
	for (int64_t end = now_us() + 10000000; now_us() < end && !err_is_set(err);)
		(void)member_poll(&member, 100);
	EXPECT_INT(err->code, ERR_FENCED);
	EXPECT_INT(err->action, ERR_EXIT);
	EXPECT_INT(err_exit_status(err), 75);
	member_close(&other);
	member_close(&member);
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

TEST(the_high_bound_and_records_stop_before_an_open_transaction)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	int64_t low = -1, high = -1;
	fixture_init(&fixture, 1);
	write_input(fixture.input, 0, 0, 5);
	struct sink sink = sink_open(&kafka, &fixture.options);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	EXPECT_INT(member.port.bounds(member.port.self, 0, &low, &high, &err), 0);
	EXPECT_INT(low, 0);
	EXPECT_INT(high, 5);
	EXPECT(begin(&sink));
	EXPECT(publish(&sink, fixture.input, "5"));
	for (int64_t end = now_us() + 5000000; now_us() < end && count_records(fixture.input, "read_uncommitted") < 6;)
		usleep(10000);
	EXPECT_INT(count_records(fixture.input, "read_uncommitted"), 6);
	EXPECT_INT(member.port.bounds(member.port.self, 0, &low, &high, &err), 0);
	EXPECT_INT(high, 5);
	const struct position start = {.partition = 0, .offset = 0};
	EXPECT(member_start(&member, &start, 1));
	EXPECT_INT(member_read(&member, 6, 1000), 5);
	const struct membership membership = member.port.membership(member.port.self);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_INT(member_read(&member, 1, 3000), 1);
	EXPECT_INT(member.port.bounds(member.port.self, 0, &low, &high, &err), 0);
	EXPECT_INT(high, 7); /* the record and the control record */
	member_close(&member);
	kafka_sink_free(kafka);
}

TEST(an_offset_whose_commit_is_pending_is_retried_and_never_none)
{
	struct fixture fixture;
	char text[512];
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker(), text, sizeof text);
	rd_kafka_conf_set(conf, "transactional.id", fixture.input, text, sizeof text);
	rd_kafka_t *zombie = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	EXPECT(rd_kafka_init_transactions(zombie, 20000) == NULL);
	EXPECT(rd_kafka_begin_transaction(zombie) == NULL);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, fixture.input, 0)->offset = 9;
	rd_kafka_consumer_group_metadata_t *outside = rd_kafka_consumer_group_metadata_new(fixture.group);
	/* Without a generation the broker takes offsets unchecked: why the sink refuses to commit so. */
	EXPECT(rd_kafka_send_offsets_to_transaction(zombie, list, outside, 20000) == NULL);
	struct position committed = {.partition = 0, .offset = 77};
	int64_t asked_us = now_us();
	EXPECT_INT(member.port.committed(member.port.self, &committed, 1, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	EXPECT_INT(committed.offset, 77);
	printf("     %s, after %lld ms\n", err.message, (long long)((now_us() - asked_us) / 1000));
	EXPECT(rd_kafka_commit_transaction(zombie, 20000) == NULL);
	err_clear(&err);
	for (int64_t end = now_us() + 10000000; now_us() < end;) {
		err_clear(&err);
		if (member.port.committed(member.port.self, &committed, 1, &err) == 0)
			break;
	}
	EXPECT_INT(committed.offset, 9);
	rd_kafka_consumer_group_metadata_destroy(outside);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(zombie);
	member_close(&member);
}

TEST(offsets_are_found_by_record_timestamp)
{
	struct fixture fixture;
	struct err err = {.code = ERR_NONE};
	int64_t offset = -1;
	fixture_init(&fixture, 2);
	write_input(fixture.input, 1, 0, 10);
	member_open(&member, &fixture.options);
	EXPECT_INT(member.port.offset_at(member.port.self, 1, 1004, &offset, &err), 0);
	EXPECT_INT(offset, 4);
	EXPECT_INT(member.port.offset_at(member.port.self, 1, INT64_MIN, &offset, &err), 0);
	EXPECT_INT(offset, 0);
	EXPECT_INT(member.port.offset_at(member.port.self, 1, 1010, &offset, &err), 0);
	EXPECT_INT(offset, 10);
	EXPECT_INT(member.port.offset_at(member.port.self, 0, 1, &offset, &err), 0);
	EXPECT_INT(offset, 0);
	int32_t count = 0;
	EXPECT_INT(member.port.partition_count(member.port.self, &count, &err), 0);
	EXPECT_INT(count, 2);
	EXPECT_TEXT(err.message, "");
	member_close(&member);
}

TEST(a_start_outside_the_log_is_reported_with_its_partition)
{
	struct fixture fixture;
	char wanted[256];
	fixture_init(&fixture, 2);
	write_input(fixture.input, 0, 0, 3);
	write_input(fixture.input, 1, 0, 3);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct position positions[] = {{.partition = 0, .offset = 0}, {.partition = 1, .offset = 100}};
	EXPECT(member_start(&member, positions, 2));
	/* The good partition is read all the same, before or after the error. */
	size_t seen = member_read(&member, 4, 3000);
	EXPECT(err_is_set(&member.err));
	const struct err out_of_range = member.err;
	err_clear(&member.err);
	seen += member_read(&member, 3 - seen, 3000);
	EXPECT_INT(seen, 3);
	EXPECT_TEXT(member.err.message, ""); /* once is enough */
	member.err = out_of_range;
	EXPECT_INT(member.err.action, ERR_RECOVER);
	EXPECT_INT(member.err.code, ERR_UNAVAILABLE);
	snprintf(wanted, sizeof wanted, "%s partition 1 offset 100: ", fixture.input);
	EXPECT(strncmp(member.err.message, wanted, strlen(wanted)) == 0);
	printf("     %s\n", member.err.message);
	err_clear(&member.err);
	const struct position better[] = {{.partition = 0, .offset = 2}, {.partition = 1, .offset = 2}};
	EXPECT(member_start(&member, better, 2));
	EXPECT_INT(member_read(&member, 2, 5000), 2);
	EXPECT_TEXT(member.err.message, "");
	member_close(&member);
}

TEST(a_paused_partition_gives_nothing_and_loses_nothing)
{
	struct fixture fixture;
	struct err err = {.code = ERR_NONE};
	int64_t next[2] = {0, 0};
	fixture_init(&fixture, 2);
	write_input(fixture.input, 0, 0, 1000);
	write_input(fixture.input, 1, 0, 1000);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct position positions[] = {{.partition = 0, .offset = 0}, {.partition = 1, .offset = 0}};
	EXPECT(member_start(&member, positions, 2));
	for (int round = 0; round < 600 && (next[0] < 1000 || next[1] < 1000); round++) {
		bool pause = round % 3 != 2;
		EXPECT_INT(member.port.pause(member.port.self, 0, pause, &err), 0);
		EXPECT_INT(member.port.pause(member.port.self, 0, pause, &err), 0); /* twice is once */
		member.port.release(member.port.self);
		member.count = 0;
		size_t limit = 40 + (size_t)round % 50;
		EXPECT_INT(member.port.poll(member.port.self, 50, member.records, limit, &member.count, &err), 0);
		for (size_t i = 0; i < member.count; i++) {
			EXPECT(!pause || member.records[i].partition == 1);
			EXPECT_INT(member.records[i].offset, next[member.records[i].partition]++);
		}
	}
	EXPECT_INT(next[0], 1000);
	EXPECT_INT(next[1], 1000);
	/* start() lifts a pause. */
	EXPECT_INT(member.port.pause(member.port.self, 1, true, &err), 0);
	EXPECT(member_start(&member, positions, 2));
	EXPECT_INT(member_read(&member, 2000, 5000), 2000);
	member_close(&member);
}

TEST(members_share_partitions_and_a_recovering_one_does_not_hold_up_the_group)
{
	struct fixture fixture;
	struct kafka_sink *kafka;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 4);
	for (int i = 0; i < 4; i++)
		write_input(fixture.input, i, 0, 10);
	struct sink sink = sink_open(&kafka, &fixture.options);
	struct kafka_options options = fixture.options;
	options.instance_id = "two";
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	EXPECT_INT(member.partition_count, 4);
	const struct membership before = member.port.membership(member.port.self);
	/* The first member has not started anything yet: it recovers. */
	member_open(&other, &options);
	int64_t joined_us = now_us();
	for (int64_t end = now_us() + 20000000; (member.assigns < 2 || other.assigns < 1) && now_us() < end;) {
		EXPECT_INT(member_poll(&member, 20), 0);
		EXPECT_INT(member_poll(&other, 20), 0);
	}
	printf("     a second member is assigned after %lld ms\n", (long long)((now_us() - joined_us) / 1000));
	EXPECT_INT(member.revokes, 1);
	EXPECT_INT(member.losses, 0);
	EXPECT_INT(member.partition_count, 2);
	EXPECT_INT(other.partition_count, 2);
	EXPECT(member.partitions[0] != other.partitions[0]);
	EXPECT(begin(&sink));
	const struct position zombie = {.partition = 0, .offset = 1};
	EXPECT_INT(sink.commit(sink.self, &zombie, 1, &before, &err), COMMIT_ABORTED);
	err_clear(&err);
	/* Each reads its half; a partition that is not ours cannot be started. */
	struct position mine[2], theirs[2];
	for (int i = 0; i < 2; i++) {
		mine[i] = (struct position){.partition = member.partitions[i], .offset = 0};
		theirs[i] = (struct position){.partition = other.partitions[i], .offset = 5};
	}
	EXPECT_INT(member.port.start(member.port.self, theirs, 2, &err), -1);
	EXPECT_INT(err.code, ERR_INTERNAL);
	err_clear(&err);
	EXPECT(member_start(&member, mine, 2));
	EXPECT(member_start(&other, theirs, 2));
	EXPECT_INT(member_read(&member, 20, 5000), 20);
	EXPECT_INT(member_read(&other, 10, 5000), 10);
	/* The second one dies; the first gets everything after the session's time-out. */
	const struct membership shared = member.port.membership(member.port.self);
	member_close(&other);
	int assigns = member.assigns;
	EXPECT(member_wait_assigned(&member, assigns + 1));
	EXPECT_INT(member.partition_count, 4);
	EXPECT(member.port.membership(member.port.self).assignment != shared.assignment);
	member_close(&member);
	kafka_sink_free(kafka);
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

static void count_visit(void *context, const struct record *record)
{
	size_t *seen = context;
	seen[record->partition]++;
	seen[3] += value_of(record) == record->offset;
}

TEST(topics_are_described_and_sampled_without_a_group)
{
	struct fixture fixture;
	struct kafka_topic_facts facts;
	struct err err = {.code = ERR_NONE};
	char topic[NAME_MAX_BYTES];
	size_t seen[4] = {0};
	fixture_init(&fixture, 3);
	name_new(topic, "facts");
	topic_create(topic, 2, "retention.ms", "86400000");
	EXPECT_INT(kafka_topic_facts(&fixture.options, topic, &facts, &err), 0);
	EXPECT(facts.exists && !facts.configs_refused);
	EXPECT_INT(facts.partitions, 2);
	EXPECT_INT(facts.retention_ms, 86400000);
	EXPECT_INT(facts.retention_bytes, -1);
	EXPECT_TEXT(facts.cleanup_policy, "delete");
	EXPECT_TEXT(facts.timestamp_type, "CreateTime");
	EXPECT_INT(facts.timestamp_after_max_ms, 3600000);
	EXPECT_INT(facts.message_max_bytes, 1048588);
	EXPECT_INT(kafka_topic_facts(&fixture.options, "no-such-topic", &facts, &err), 0);
	EXPECT(!facts.exists);
	write_input(fixture.input, 0, 0, 100);
	write_input(fixture.input, 2, 0, 7);
	EXPECT_INT(kafka_sample(&fixture.options, 60, count_visit, seen, &err), 0);
	EXPECT_INT(seen[0], 20);
	EXPECT_INT(seen[1], 0);
	EXPECT_INT(seen[2], 7);
	EXPECT_INT(seen[3], 27);
	EXPECT_TEXT(err.message, "");
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

TEST(brokers_that_are_away_are_waited_for_not_failed_on)
{
	struct fixture fixture;
	struct err err = {.code = ERR_NONE};
	fixture_init(&fixture, 1);
	fixture.options.bootstrap_servers = "127.0.0.1:1";
	member_open(&member, &fixture.options);
	EXPECT_INT(member_read(&member, 1, 300), 0);
	EXPECT_TEXT(member.err.message, "");
	struct kafka_sink *kafka = kafka_sink_new(&fixture.options, &err);
	struct sink sink = kafka_sink_port(kafka);
	int64_t asked_us = now_us();
	EXPECT_INT(sink.open(sink.self, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	printf("     %s, after %lld ms\n", err.message, (long long)((now_us() - asked_us) / 1000));
	kafka_sink_free(kafka);
	int64_t closing_us = now_us();
	member_close(&member);
	EXPECT(now_us() - closing_us < 3000000);
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
	    CASE(partitions_are_read_from_explicit_offsets_and_others_not_at_all),
	    CASE(messages_offsets_and_metadata_become_visible_together),
	    CASE(aborted_messages_and_offsets_are_never_seen),
	    CASE(messages_keep_key_value_headers_and_timestamp),
	    CASE(a_commit_without_a_present_membership_is_refused_and_aborts),
	    CASE(a_static_member_that_restarts_goes_on_at_once),
	    CASE(a_second_process_with_the_same_instance_fences_the_first),
	    CASE(a_second_sink_of_the_same_id_fences_the_first),
	    CASE(the_high_bound_and_records_stop_before_an_open_transaction),
	    CASE(an_offset_whose_commit_is_pending_is_retried_and_never_none),
	    CASE(offsets_are_found_by_record_timestamp),
	    CASE(a_start_outside_the_log_is_reported_with_its_partition),
	    CASE(a_paused_partition_gives_nothing_and_loses_nothing),
	    CASE(members_share_partitions_and_a_recovering_one_does_not_hold_up_the_group),
	    CASE(a_zombie_that_the_group_has_dropped_cannot_commit),
	    CASE(an_undeliverable_message_aborts_the_transaction),
	    CASE(the_largest_message_is_known_beforehand_and_goes_through),
	    CASE(topics_are_described_and_sampled_without_a_group),
	    CASE(a_plain_producer_delivers_or_says_how_many_it_did_not),
	    CASE(brokers_that_are_away_are_waited_for_not_failed_on),
	    CASE(a_commit_costs_milliseconds),
	    {0},
	};
	return test_run(tests, argc, argv);
}
