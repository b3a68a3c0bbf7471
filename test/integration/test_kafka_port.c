/*
 * The Kafka source, topic facts and samples against a real broker, whose address stands in OUTLIERD_KAFKA
 * (test/tools/kafka-server starts one). Topics and groups are new in every run.
 */
#include "daemon/io/kafka_group.h"
#include "test/integration/kafka_fixture.h"
#include "test/unit/test.h"

static struct member member, other; /* large; one test at a time */

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
	EXPECT_INT(member.port.end(member.port.self, 0), 6);
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

TEST(serving_the_group_takes_its_time_and_no_record)
{
	struct fixture fixture;
	size_t none = 0, seen = 0;
	int64_t next[2] = {0, 0};
	fixture_init(&fixture, 2);
	write_input(fixture.input, 0, 0, 500);
	write_input(fixture.input, 1, 0, 500);
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct position positions[] = {{.partition = 0, .offset = 0}, {.partition = 1, .offset = 0}};
	EXPECT(member_start(&member, positions, 2));
	for (int round = 0; round < 200 && seen < 1000; round++) {
		bool pause = round % 4 == 1, serve = round % 2 == 1;
		EXPECT_INT(member.port.pause(member.port.self, 0, pause, &member.err), 0);
		if (serve) {
			int64_t began_us = now_us();
			EXPECT_INT(member.port.poll(member.port.self, 30, NULL, 0, &none, &member.err), 0);
			EXPECT(now_us() - began_us >= 29000);
			EXPECT_INT(none, 0);
		}
		member.port.release(member.port.self);
		member.count = 0;
		EXPECT_INT(member.port.poll(member.port.self, 30, member.records, 60, &member.count, &member.err), 0);
		for (size_t i = 0; i < member.count; i++, seen++) {
			EXPECT(!pause || member.records[i].partition == 1);
			EXPECT_INT(member.records[i].offset, next[member.records[i].partition]++);
		}
	}
	EXPECT_INT(seen, 1000);
	member_close(&member);
}

TEST(a_pause_does_not_outlive_a_rebalance)
{
	struct fixture fixture;
	size_t none = 0;
	fixture_init(&fixture, 2);
	write_input(fixture.input, 0, 0, 10);
	write_input(fixture.input, 1, 0, 10);
	struct kafka_options options = fixture.options;
	options.instance_id = NULL;
	member_open(&member, &fixture.options);
	EXPECT(member_wait_assigned(&member, 1));
	const struct position positions[] = {{.partition = 0, .offset = 0}, {.partition = 1, .offset = 0}};
	EXPECT(member_start(&member, positions, 2));
	EXPECT_INT(member.port.pause(member.port.self, 0, true, &member.err), 0);
	EXPECT_INT(member.port.pause(member.port.self, 1, true, &member.err), 0);
	/* Another one comes and goes while only the group is served. */
	member_open(&other, &options);
	for (int64_t end = now_us() + 20000000; (member.assigns < 2 || other.assigns < 1) && now_us() < end;) {
		EXPECT_INT(member.port.poll(member.port.self, 20, NULL, 0, &none, &member.err), 0);
		EXPECT_INT(member_poll(&other, 20), 0);
	}
	EXPECT_INT(member.partition_count, 1);
	member_close(&other);
	for (int64_t end = now_us() + 20000000; member.assigns < 3 && now_us() < end;)
		EXPECT_INT(member.port.poll(member.port.self, 20, NULL, 0, &none, &member.err), 0);
	EXPECT_INT(member.partition_count, 2);
	EXPECT(member_start(&member, positions, 2));
	EXPECT_INT(member_read(&member, 20, 5000), 20);
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

/* Both leave at about the same time: the second just as it joins anew, since the first has left. */
TEST(dynamic_members_that_end_together_leave_nobody_in_the_group)
{
	for (int round = 0; round < 6; round++) {
		struct fixture fixture;
		struct err err = {.code = ERR_NONE};
		size_t members = 0;
		fixture_init(&fixture, 2);
		fixture.options.instance_id = NULL;
		fixture.options.session_timeout_ms = 20000;
		fixture.options.heartbeat_ms = 50;
		member_open(&member, &fixture.options);
		EXPECT(member_wait_assigned(&member, 1));
		member_open(&other, &fixture.options);
		for (int64_t end = now_us() + 20000000;
		     (member.partition_count != 1 || other.partition_count != 1) && now_us() < end;) {
			EXPECT_INT(member_poll(&member, 10), 0);
			EXPECT_INT(member_poll(&other, 10), 0);
		}
		member_close(&member);
		for (int64_t end = now_us() + 20000000; round % 2 == 0 && other.revokes == 0 && now_us() < end;)
			EXPECT_INT(member_poll(&other, 1), 0);
		member_close(&other);
		EXPECT_INT(kafka_group_members(&fixture.options, &members, &err), 0);
		EXPECT_INT(members, 0);
	}
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

int main(int argc, char **argv)
{
	if (broker() == NULL) {
		printf("skipped: OUTLIERD_KAFKA names no broker\n0 passed, 0 failed\n");
		return 0;
	}
	static const struct test tests[] = {
	    CASE(partitions_are_read_from_explicit_offsets_and_others_not_at_all),
	    CASE(a_static_member_that_restarts_goes_on_at_once),
	    CASE(a_second_process_with_the_same_instance_fences_the_first),
	    CASE(the_high_bound_and_records_stop_before_an_open_transaction),
	    CASE(an_offset_whose_commit_is_pending_is_retried_and_never_none),
	    CASE(offsets_are_found_by_record_timestamp),
	    CASE(a_start_outside_the_log_is_reported_with_its_partition),
	    CASE(a_paused_partition_gives_nothing_and_loses_nothing),
	    CASE(serving_the_group_takes_its_time_and_no_record),
	    CASE(a_pause_does_not_outlive_a_rebalance),
	    CASE(members_share_partitions_and_a_recovering_one_does_not_hold_up_the_group),
	    CASE(dynamic_members_that_end_together_leave_nobody_in_the_group),
	    CASE(topics_are_described_and_sampled_without_a_group),
	    CASE(brokers_that_are_away_are_waited_for_not_failed_on),
	    {0},
	};
	return test_run(tests, argc, argv);
}
