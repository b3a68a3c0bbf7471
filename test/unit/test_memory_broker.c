/* The promises of ports.h, one by one, as the in-memory broker keeps them. */
#include "daemon/io/memory_broker.h"
#include "test/unit/test.h"

#define PARTITIONS 3
#define RECORDS 64

struct member {
	struct source port;
	int assigns, revokes, losses;
	size_t held;
	uint64_t assignment_in_callback;
	struct record records[RECORDS];
	size_t count;
	struct err err;
};

static void on_assigned(void *self, const int32_t *partitions, size_t count)
{
	struct member *member = self;
	member->assigns++;
	member->held = count;
	member->assignment_in_callback = member->port.membership(member->port.self).assignment;
	for (size_t i = 0; i < count; i++)
		EXPECT_INT(partitions[i], i);
}

static void on_revoked(void *self, bool lost)
{
	struct member *member = self;
	member->revokes++;
	member->losses += lost;
	member->held = 0;
}

static void member_open(struct member *member, struct memory_broker *broker)
{
	*member = (struct member){.port = memory_broker_source(broker)};
	const struct source_listener listener = {member, on_assigned, on_revoked};
	EXPECT_INT(member->port.open(member->port.self, &listener, &member->err), 0);
}

static size_t member_poll(struct member *member, size_t limit)
{
	member->port.release(member->port.self);
	member->count = 0;
	EXPECT_INT(member->port.poll(member->port.self, 0, member->records, limit, &member->count, &member->err), 0);
	return member->count;
}

static void member_start_all(struct member *member)
{
	struct position positions[PARTITIONS];
	for (int i = 0; i < PARTITIONS; i++)
		positions[i] = (struct position){.partition = i, .offset = 0};
	EXPECT_INT(member->port.start(member->port.self, positions, PARTITIONS, &member->err), 0);
}

static struct memory_broker *broker_with(int records_each)
{
	struct memory_broker *broker = memory_broker_new("transactions", PARTITIONS);
	for (int i = 0; i < records_each; i++)
		for (int p = 0; p < PARTITIONS; p++)
			EXPECT_INT(memory_broker_append(broker, p, 1000 + 10 * i, slice_of("card"), slice_of("value")),
				   i);
	return broker;
}

static struct sink sink_open(struct memory_broker *broker)
{
	struct err err = {.code = ERR_NONE};
	struct sink sink = memory_broker_sink(broker);
	EXPECT_INT(sink.open(sink.self, &err), 0);
	return sink;
}

static void publish(const struct sink *sink, const char *value)
{
	struct err err = {.code = ERR_NONE};
	const struct header header = {"ce_id", slice_of(value)};
	const struct message message = {.topic = "alerts",
					.key = slice_of("card"),
					.value = slice_of(value),
					.headers = &header,
					.header_count = 1,
					.timestamp_ms = 7};
	EXPECT_INT(sink->produce(sink->self, &message, &err), 0);
}

static void begin(const struct sink *sink)
{
	struct err err = {.code = ERR_NONE};
	EXPECT_INT(sink->begin(sink->self, &err), 0);
}

TEST(nothing_is_read_before_assignment_and_start)
{
	struct memory_broker *broker = broker_with(2);
	struct member member;
	member_open(&member, broker);
	EXPECT_INT(member.assigns, 0);
	EXPECT_INT(member.port.membership(member.port.self).assignment, 0);
	EXPECT(member.port.membership(member.port.self).handle == NULL);
	const struct position position = {.partition = 0, .offset = 0};
	EXPECT_INT(member.port.start(member.port.self, &position, 1, &member.err), -1);
	EXPECT_INT(member.err.action, ERR_RECOVER);
	err_clear(&member.err);
	EXPECT_INT(member_poll(&member, RECORDS), 0);
	EXPECT_INT(member.assigns, 1);
	EXPECT_INT(member.held, PARTITIONS);
	EXPECT(member.assignment_in_callback > 0);
	EXPECT_INT(member_poll(&member, RECORDS), 0);
	EXPECT_TEXT(member.port.cluster_id(member.port.self), "memory");
	memory_broker_free(broker);
}

TEST(records_come_in_offset_order_once_from_the_started_partitions)
{
	struct memory_broker *broker = broker_with(5);
	struct member member;
	memory_broker_gap(broker, 2);
	EXPECT_INT(memory_broker_append(broker, 2, -1, (struct slice){NULL, 0}, (struct slice){"", 0}), 6);
	member_open(&member, broker);
	member_poll(&member, 1);
	const struct position positions[] = {{.partition = 2, .offset = 3}, {.partition = 0, .offset = 0}};
	EXPECT_INT(member.port.start(member.port.self, positions, 2, &member.err), 0);
	int64_t next[PARTITIONS] = {0, 0, 3};
	size_t seen = 0;
	while (member_poll(&member, 2) > 0) {
		for (size_t i = 0; i < member.count; i++, seen++) {
			const struct record *record = &member.records[i];
			EXPECT(record->partition != 1);
			if (record->partition == 2 && next[2] == 5)
				next[2] = 6; /* the gap */
			EXPECT_INT(record->offset, next[record->partition]++);
		}
	}
	EXPECT_INT(seen, 5 + 3);
	/* What was read last is record 6 of partition 2 or 4 of partition 0; a new start reads the first again. */
	const struct position last = {.partition = 2, .offset = 5};
	EXPECT_INT(member.port.start(member.port.self, &last, 1, &member.err), 0);
	EXPECT_INT(member_poll(&member, RECORDS), 1);
	EXPECT_INT(member.records[0].offset, 6);
	EXPECT_INT(member.records[0].timestamp_ms, -1);
	EXPECT(member.records[0].key.data == NULL);
	EXPECT(member.records[0].value.data != NULL && member.records[0].value.length == 0);
	/* Appended later, read later. */
	memory_broker_append(broker, 2, 5, slice_of("k"), slice_of("v"));
	EXPECT_INT(member_poll(&member, RECORDS), 1);
	EXPECT_INT(member.records[0].offset, 7);
	memory_broker_free(broker);
}

TEST(poll_puts_records_behind_those_that_are_lent)
{
	struct memory_broker *broker = broker_with(4);
	struct member member;
	member_open(&member, broker);
	member_poll(&member, 1);
	member_start_all(&member);
	EXPECT_INT(member_poll(&member, 5), 5);
	EXPECT_INT(member.port.poll(member.port.self, 0, member.records, 4, &member.count, &member.err), 0);
	EXPECT_INT(member.count, 9);
	int64_t next[PARTITIONS] = {0};
	for (size_t i = 0; i < member.count; i++)
		EXPECT_INT(member.records[i].offset, next[member.records[i].partition]++);
	memory_broker_free(broker);
}

TEST(a_limit_of_nothing_serves_the_group_alone)
{
	struct memory_broker *broker = broker_with(4);
	struct member member;
	size_t none = 0;
	member_open(&member, broker);
	EXPECT_INT(member.port.poll(member.port.self, 0, NULL, 0, &none, &member.err), 0);
	EXPECT_INT(member.assigns, 1);
	member_start_all(&member);
	EXPECT_INT(member.port.poll(member.port.self, 0, NULL, 0, &none, &member.err), 0);
	EXPECT_INT(none, 0);
	memory_broker_rebalance(broker, false);
	EXPECT_INT(member.port.poll(member.port.self, 0, NULL, 0, &none, &member.err), 0);
	EXPECT_INT(member.assigns, 2);
	member_start_all(&member);
	EXPECT_INT(member_poll(&member, RECORDS), 12);
	memory_broker_free(broker);
}

TEST(headers_are_lent_on_demand)
{
	struct memory_broker *broker = memory_broker_new("transactions", PARTITIONS);
	struct arena *arena = arena_new(4096);
	struct member member;
	const struct header headers[] = {{"traceparent", slice_of("00-1")}, {"null", {NULL, 0}}};
	memory_broker_append_with_headers(broker, 0, 1, slice_of("k"), slice_of("v"), headers, 2);
	member_open(&member, broker);
	member_poll(&member, 1);
	member_start_all(&member);
	EXPECT_INT(member_poll(&member, 1), 1);
	EXPECT(member.records[0].headers == NULL);
	EXPECT_INT(member.port.headers(member.port.self, &member.records[0], arena, &member.err), 0);
	EXPECT_INT(member.records[0].header_count, 2);
	EXPECT_TEXT(member.records[0].headers[0].name, "traceparent");
	EXPECT(slice_equal(member.records[0].headers[0].value, slice_of("00-1")));
	EXPECT(member.records[0].headers[1].value.data == NULL);
	struct arena *full = arena_new(16);
	EXPECT_INT(member.port.headers(member.port.self, &member.records[0], full, &member.err), -1);
	EXPECT_INT(member.err.code, ERR_MEMORY);
	arena_free(full);
	arena_free(arena);
	memory_broker_free(broker);
}

TEST(a_paused_partition_gives_nothing_until_it_goes_on)
{
	struct memory_broker *broker = broker_with(3);
	struct member member;
	member_open(&member, broker);
	member_poll(&member, 1);
	member_start_all(&member);
	EXPECT_INT(member.port.pause(member.port.self, 1, true, &member.err), 0);
	EXPECT_INT(member_poll(&member, RECORDS), 6);
	for (size_t i = 0; i < member.count; i++)
		EXPECT(member.records[i].partition != 1);
	EXPECT_INT(member.port.pause(member.port.self, 1, false, &member.err), 0);
	EXPECT_INT(member_poll(&member, RECORDS), 3);
	EXPECT_INT(member.records[0].offset, 0);
	EXPECT_INT(member.port.pause(member.port.self, 1, true, &member.err), 0);
	member_start_all(&member); /* lifts the pause */
	EXPECT_INT(member_poll(&member, RECORDS), 9);
	memory_broker_free(broker);
}

TEST(a_position_outside_the_log_is_an_error_with_its_partition)
{
	struct memory_broker *broker = broker_with(3);
	struct member member;
	member_open(&member, broker);
	member_poll(&member, 1);
	member_start_all(&member);
	memory_broker_truncate(broker, 1, 2);
	EXPECT_INT(member.port.poll(member.port.self, 0, member.records, RECORDS, &member.count, &member.err), -1);
	EXPECT_INT(member.err.action, ERR_RECOVER);
	EXPECT_TEXT(member.err.message, "transactions partition 1 offset 0: out of range, the log is 2 to 3");
	err_clear(&member.err);
	const struct position beyond = {.partition = 0, .offset = 4}, end = {.partition = 0, .offset = 3};
	EXPECT_INT(member.port.start(member.port.self, &beyond, 1, &member.err), 0);
	EXPECT_INT(member.port.poll(member.port.self, 0, member.records, RECORDS, &member.count, &member.err), -1);
	EXPECT_TEXT(member.err.message, "transactions partition 0 offset 4: out of range, the log is 0 to 3");
	err_clear(&member.err);
	EXPECT_INT(member.port.start(member.port.self, &end, 1, &member.err), 0);
	EXPECT_INT(member_poll(&member, RECORDS), 0);
	const struct position foreign = {.partition = PARTITIONS, .offset = 0};
	EXPECT_INT(member.port.start(member.port.self, &foreign, 1, &member.err), -1);
	EXPECT_TEXT(member.err.message, "memory broker: cannot start partition 3 at offset 0");
	memory_broker_free(broker);
}

TEST(questions_are_answered_or_fail_on_request)
{
	struct memory_broker *broker = broker_with(3);
	struct member member;
	struct position committed[] = {{.partition = 2}, {.partition = 0}};
	const struct position set = {.partition = 0, .offset = 2, .metadata = "v1;g=aa"};
	int64_t low = -1, high = -1, offset = -1;
	int32_t count = -1;
	member_open(&member, broker);
	memory_broker_set_committed(broker, &set);
	memory_broker_truncate(broker, 1, 1);
	memory_broker_gap(broker, 1);
	EXPECT_INT(member.port.committed(member.port.self, committed, 2, &member.err), 0);
	EXPECT_INT(committed[0].partition, 2);
	EXPECT_INT(committed[0].offset, OFFSET_NONE);
	EXPECT_INT(committed[1].offset, 2);
	EXPECT_TEXT(committed[1].metadata, "v1;g=aa");
	EXPECT_INT(member.port.bounds(member.port.self, 1, &low, &high, &member.err), 0);
	EXPECT_INT(low, 1);
	EXPECT_INT(high, 4);
	EXPECT_INT(member.port.end(member.port.self, 1), 4);
	EXPECT_INT(member.port.offset_at(member.port.self, 1, INT64_MIN, &offset, &member.err), 0);
	EXPECT_INT(offset, 1); /* what lies before the log start is not found */
	EXPECT_INT(member.port.offset_at(member.port.self, 0, 1010, &offset, &member.err), 0);
	EXPECT_INT(offset, 1);
	EXPECT_INT(member.port.offset_at(member.port.self, 0, 1021, &offset, &member.err), 0);
	EXPECT_INT(offset, 3);
	EXPECT_INT(member.port.partition_count(member.port.self, &count, &member.err), 0);
	EXPECT_INT(count, PARTITIONS);
	EXPECT(memory_broker_grow(broker, 2));
	EXPECT_INT(member.port.partition_count(member.port.self, &count, &member.err), 0);
	EXPECT_INT(count, PARTITIONS + 2);
	memory_broker_fail_calls(broker, 4);
	EXPECT_INT(member.port.committed(member.port.self, committed, 2, &member.err), -1);
	EXPECT_INT(member.err.action, ERR_RETRY);
	EXPECT_TEXT(member.err.message, "memory broker: committed fails on request");
	EXPECT_INT(member.port.bounds(member.port.self, 1, &low, &high, &member.err), -1);
	EXPECT_INT(member.port.offset_at(member.port.self, 1, 0, &offset, &member.err), -1);
	EXPECT_INT(member.port.partition_count(member.port.self, &count, &member.err), -1);
	EXPECT_INT(member.port.partition_count(member.port.self, &count, &member.err), 0);
	memory_broker_free(broker);
}

TEST(messages_and_offsets_become_visible_together_at_commit)
{
	struct memory_broker *broker = broker_with(3);
	struct member member;
	struct err err = {.code = ERR_NONE};
	struct sink sink = sink_open(broker);
	member_open(&member, broker);
	member_poll(&member, 1);
	const struct membership membership = member.port.membership(member.port.self);
	const struct position offsets[] = {{.partition = 0, .offset = 2, .metadata = "m0"},
					   {.partition = 2, .offset = 1, .metadata = "m2"}};
	begin(&sink);
	publish(&sink, "first");
	publish(&sink, "second");
	EXPECT_INT(memory_broker_output_count(broker), 0);
	EXPECT_INT(memory_broker_committed(broker, 0).offset, OFFSET_NONE);
	EXPECT_INT(sink.commit(sink.self, offsets, 2, &membership, &err), COMMIT_DONE);
	EXPECT_INT(memory_broker_output_count(broker), 2);
	EXPECT_INT(memory_broker_committed(broker, 0).offset, 2);
	EXPECT_TEXT(memory_broker_committed(broker, 2).metadata, "m2");
	EXPECT_INT(memory_broker_committed(broker, 1).offset, OFFSET_NONE);
	const struct message *message = memory_broker_output(broker, 1);
	EXPECT_TEXT(message->topic, "alerts");
	EXPECT(slice_equal(message->key, slice_of("card")));
	EXPECT(slice_equal(message->value, slice_of("second")));
	EXPECT_INT(message->timestamp_ms, 7);
	EXPECT_TEXT(message->headers[0].name, "ce_id");
	EXPECT(slice_equal(message->headers[0].value, slice_of("second")));
	begin(&sink);
	publish(&sink, "never");
	EXPECT_INT(sink.abort(sink.self, &err), 0);
	EXPECT_INT(sink.abort(sink.self, &err), 0); /* none open */
	begin(&sink);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE);
	EXPECT_INT(memory_broker_output_count(broker), 2);
	EXPECT_TEXT(err.message, "");
	memory_broker_free(broker);
}

TEST(a_commit_needs_the_membership_of_the_present_assignment)
{
	struct memory_broker *broker = broker_with(1);
	struct member member;
	struct err err = {.code = ERR_NONE};
	struct sink sink = sink_open(broker);
	const struct membership none = {0, NULL};
	begin(&sink);
	publish(&sink, "never");
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &none, &err), COMMIT_ABORTED);
	EXPECT_INT(err.action, ERR_ABORT_BATCH);
	EXPECT_TEXT(err.message,
		    "memory broker: no commit, since the process had no partitions when it read the records");
	err_clear(&err);
	member_open(&member, broker);
	member_poll(&member, 1);
	const struct membership before = member.port.membership(member.port.self);
	memory_broker_rebalance(broker, false);
	EXPECT_INT(member.revokes, 0); /* comes from poll only */
	EXPECT_INT(member_poll(&member, 1), 0);
	EXPECT_INT(member.revokes, 1);
	EXPECT_INT(member.losses, 0);
	EXPECT_INT(member.assigns, 2);
	EXPECT(member.port.membership(member.port.self).assignment != before.assignment);
	begin(&sink);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &before, &err), COMMIT_ABORTED);
	EXPECT_TEXT(err.message,
		    "memory broker: no commit, since the partitions were reassigned after the records were read");
	EXPECT_INT(memory_broker_output_count(broker), 0);
	memory_broker_rebalance(broker, true);
	member_poll(&member, 1);
	EXPECT_INT(member.losses, 1);
	EXPECT_INT(member.held, PARTITIONS);
	EXPECT_INT(member_poll(&member, 1), 0); /* an assignment starts nothing */
	memory_broker_free(broker);
}

TEST(a_second_client_takes_over_and_the_first_is_a_zombie)
{
	struct memory_broker *broker = broker_with(1);
	struct member first, second;
	struct err err = {.code = ERR_NONE};
	struct sink sink = sink_open(broker);
	member_open(&first, broker);
	member_poll(&first, 1);
	member_start_all(&first);
	const struct membership zombie = first.port.membership(first.port.self);
	member_open(&second, broker);
	member_poll(&second, 1);
	EXPECT_INT(second.assigns, 1);
	begin(&sink);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &zombie, &err), COMMIT_ABORTED);
	EXPECT_TEXT(err.message, "memory broker: no commit, since the group has moved on to another generation");
	EXPECT_INT(member_poll(&first, 1), 0);
	EXPECT_INT(first.losses, 1);
	EXPECT_INT(member_poll(&first, 1), 0);
	EXPECT_INT(first.assigns, 1);
	second.port.close(second.port.self);
	EXPECT_INT(member_poll(&first, 1), 0);
	EXPECT_INT(first.assigns, 2);
	memory_broker_free(broker);
}

TEST(a_second_sink_fences_the_first)
{
	struct memory_broker *broker = broker_with(1);
	struct member member;
	struct err err = {.code = ERR_NONE};
	member_open(&member, broker);
	member_poll(&member, 1);
	const struct membership membership = member.port.membership(member.port.self);
	const struct position offset = {.partition = 0, .offset = 1};
	struct sink first = sink_open(broker);
	begin(&first);
	publish(&first, "zombie");
	struct sink second = sink_open(broker);
	EXPECT_INT(first.commit(first.self, &offset, 1, &membership, &err), COMMIT_UNKNOWN);
	EXPECT_INT(err.code, ERR_FENCED);
	EXPECT_INT(err.action, ERR_RECOVER);
	EXPECT_TEXT(err.message, "memory broker: a newer sink has fenced this one");
	EXPECT_INT(memory_broker_output_count(broker), 0);
	EXPECT_INT(memory_broker_committed(broker, 0).offset, OFFSET_NONE);
	err_clear(&err);
	EXPECT_INT(first.begin(first.self, &err), -1);
	EXPECT_INT(err.action, ERR_RECOVER);
	err_clear(&err);
	begin(&second);
	publish(&second, "alive");
	EXPECT_INT(second.commit(second.self, &offset, 1, &membership, &err), COMMIT_DONE);
	EXPECT_INT(memory_broker_output_count(broker), 1);
	EXPECT_INT(first.open(first.self, &err), 0);
	EXPECT_INT(second.begin(second.self, &err), -1);
	EXPECT_INT(err.code, ERR_FENCED);
	memory_broker_free(broker);
}

TEST(an_abort_of_a_fenced_sink_needs_recovery)
{
	struct memory_broker *broker = broker_with(1);
	struct err err = {.code = ERR_NONE};
	struct sink first = sink_open(broker);
	begin(&first);
	(void)sink_open(broker);
	EXPECT_INT(first.abort(first.self, &err), -1);
	EXPECT_INT(err.action, ERR_RECOVER);
	memory_broker_free(broker);
}

TEST(commits_fail_on_request_and_really_do_what_they_say)
{
	struct memory_broker *broker = broker_with(1);
	struct member member;
	struct err err = {.code = ERR_NONE};
	struct sink sink = sink_open(broker);
	member_open(&member, broker);
	member_poll(&member, 1);
	const struct membership membership = member.port.membership(member.port.self);
	const struct position offset = {.partition = 0, .offset = 1};
	memory_broker_fail_commit(broker, COMMIT_ABORTED, false);
	begin(&sink);
	publish(&sink, "aborted");
	EXPECT_INT(sink.commit(sink.self, &offset, 1, &membership, &err), COMMIT_ABORTED);
	EXPECT_INT(err.action, ERR_ABORT_BATCH);
	EXPECT_INT(memory_broker_output_count(broker), 0);
	EXPECT_INT(memory_broker_committed(broker, 0).offset, OFFSET_NONE);
	err_clear(&err);
	memory_broker_fail_commit(broker, COMMIT_UNKNOWN, false);
	begin(&sink);
	publish(&sink, "unknown, not applied");
	EXPECT_INT(sink.commit(sink.self, &offset, 1, &membership, &err), COMMIT_UNKNOWN);
	EXPECT_INT(err.action, ERR_RECOVER);
	EXPECT_INT(memory_broker_output_count(broker), 0);
	err_clear(&err);
	EXPECT_INT(sink.begin(sink.self, &err), -1); /* only a new producer helps */
	EXPECT_TEXT(err.message, "memory broker: the sink is not open");
	err_clear(&err);
	EXPECT_INT(sink.open(sink.self, &err), 0);
	memory_broker_fail_commit(broker, COMMIT_UNKNOWN, true);
	begin(&sink);
	publish(&sink, "unknown, applied");
	EXPECT_INT(sink.commit(sink.self, &offset, 1, &membership, &err), COMMIT_UNKNOWN);
	EXPECT_INT(memory_broker_output_count(broker), 1);
	EXPECT_INT(memory_broker_committed(broker, 0).offset, 1);
	err_clear(&err);
	EXPECT_INT(sink.open(sink.self, &err), 0);
	begin(&sink);
	EXPECT_INT(sink.commit(sink.self, NULL, 0, &membership, &err), COMMIT_DONE); /* one failure is one failure */
	memory_broker_fail_calls(broker, 2);
	EXPECT_INT(sink.begin(sink.self, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	err_clear(&err);
	EXPECT_INT(sink.open(sink.self, &err), -1);
	EXPECT_INT(err.action, ERR_RETRY);
	memory_broker_free(broker);
}

TEST(a_message_larger_than_the_broker_takes_is_a_defect)
{
	struct memory_broker *broker = broker_with(1);
	struct err err = {.code = ERR_NONE};
	struct sink sink = sink_open(broker);
	EXPECT_INT(sink.message_max(sink.self), 1000000);
	memory_broker_set_message_max(broker, 10);
	EXPECT_INT(sink.message_max(sink.self), 10);
	begin(&sink);
	const struct message message = {.topic = "alerts", .key = slice_of("card"), .value = slice_of("seven!!")};
	EXPECT_INT(sink.produce(sink.self, &message, &err), -1);
	EXPECT_INT(err.code, ERR_INTERNAL);
	EXPECT_TEXT(err.message, "alerts: a message of 11 bytes is larger than the broker takes");
	memory_broker_free(broker);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
	    CASE(nothing_is_read_before_assignment_and_start),
	    CASE(records_come_in_offset_order_once_from_the_started_partitions),
	    CASE(poll_puts_records_behind_those_that_are_lent),
	    CASE(a_limit_of_nothing_serves_the_group_alone),
	    CASE(headers_are_lent_on_demand),
	    CASE(a_paused_partition_gives_nothing_until_it_goes_on),
	    CASE(a_position_outside_the_log_is_an_error_with_its_partition),
	    CASE(questions_are_answered_or_fail_on_request),
	    CASE(messages_and_offsets_become_visible_together_at_commit),
	    CASE(a_commit_needs_the_membership_of_the_present_assignment),
	    CASE(a_second_client_takes_over_and_the_first_is_a_zombie),
	    CASE(a_second_sink_fences_the_first),
	    CASE(an_abort_of_a_fenced_sink_needs_recovery),
	    CASE(commits_fail_on_request_and_really_do_what_they_say),
	    CASE(a_message_larger_than_the_broker_takes_is_a_defect),
	    {0},
	};
	return test_run(tests, argc, argv);
}
