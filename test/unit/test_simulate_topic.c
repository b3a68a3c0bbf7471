/* `simulate --to-topic` against librdkafka's embedded broker: what stands in the topic is what the simulation gave. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/transaction.h"
#include "daemon/io/kafka.h"
#include "test/unit/files.h"

#include <time.h>

#define EVENTS 400
#define PARTITIONS 3

/* What the records should be, and how many of them were. */
struct expected {
	struct buffer values[EVENTS];
	struct transaction transactions[EVENTS];
	bool seen[EVENTS];
	size_t count, right;
};

static void check(void *context, const struct record *record)
{
	struct expected *expected = context;
	expected->count++;
	for (size_t i = 0; i < EVENTS; i++) {
		if (expected->seen[i] || !slice_equal(record->value, buffer_slice(&expected->values[i])) ||
		    record->timestamp_ms != expected->transactions[i].arrival_ms)
			continue;
		struct slice card = slice_of(expected->transactions[i].card_id);
		expected->seen[i] = true;
		expected->right +=
		    slice_equal(record->key, card) && record->partition == partition_murmur2(card, PARTITIONS);
		return;
	}
}

static void simulate(struct expected *expected, const uint8_t *frame)
{
	struct simulation_options options = simulation_defaults();
	struct err err = {0};
	options.events = EVENTS;
	options.duplicate_rate = 0.1;
	struct simulation *simulation = simulation_new(&options, &err);
	for (size_t i = 0; i < EVENTS; i++) {
		buffer_init(&expected->values[i]);
		EXPECT(simulation_next(simulation, &expected->transactions[i], &err) == 0);
		buffer_add(&expected->values[i], frame, 5);
		transaction_avro(&expected->values[i], &expected->transactions[i], NULL);
	}
	simulation_free(simulation);
}

TEST(a_topic_holds_what_was_simulated_framed_keyed_and_dated)
{
	struct err err = {0};
	char line[400];
	struct kafka_mock *mock = kafka_mock_new(&err);
	struct expected *expected = calloc(1, sizeof *expected);
	EXPECT(mock != NULL && kafka_mock_topic(mock, "tx", PARTITIONS, &err) == 0);
	simulate(expected, (const uint8_t[]){0, 0, 0, 1, 7});
	snprintf(line, sizeof line,
		 "simulate --events %d --duplicates 0.1 --to-topic tx --schema-id 263 --bootstrap-servers %s", EVENTS,
		 kafka_mock_address(mock));
	struct outcome_of outcome = files_run(cmd_simulate, line);
	EXPECT_INT(outcome.status, 0);
	EXPECT(strstr(outcome.err, "simulated 400 events: ") != NULL);
	files_forget(&outcome);
	struct kafka_options options = {.bootstrap_servers = kafka_mock_address(mock), .input_topic = "tx"};
	EXPECT(kafka_sample(&options, 10 * EVENTS, check, expected, &err) == 0);
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(expected->count, EVENTS);
	EXPECT_INT(expected->right, EVENTS);
	for (size_t i = 0; i < EVENTS; i++)
		buffer_free(&expected->values[i]);
	free(expected);
	kafka_mock_free(mock);
}

TEST(the_rate_is_kept)
{
	struct err err = {0};
	char line[400];
	struct timespec begin, end;
	struct kafka_mock *mock = kafka_mock_new(&err);
	EXPECT(mock != NULL && kafka_mock_topic(mock, "tx", 1, &err) == 0);
	snprintf(line, sizeof line, "simulate --events 200 --rate 400 --to-topic tx --bootstrap-servers %s",
		 kafka_mock_address(mock));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	struct outcome_of outcome = files_run(cmd_simulate, line);
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_INT(outcome.status, 0);
	EXPECT((double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec) > 0.49);
	files_forget(&outcome);
	kafka_mock_free(mock);
}

static void count_keys(void *context, const struct record *record)
{
	size_t *right = context;
	*right += record->key.length == strlen("inst-00000000") && memcmp(record->key.data, "inst-", 5) == 0 &&
		  record->value.length > 5 && *(const char *)record->value.data == 0 &&
		  record->partition == partition_murmur2(record->key, PARTITIONS);
}

TEST(trades_are_keyed_by_their_instrument)
{
	struct err err = {0};
	char line[400];
	size_t right = 0;
	struct kafka_mock *mock = kafka_mock_new(&err);
	EXPECT(mock != NULL && kafka_mock_topic(mock, "trades", PARTITIONS, &err) == 0);
	snprintf(line, sizeof line, "simulate --kind trades --events %d --to-topic trades --bootstrap-servers %s",
		 EVENTS, kafka_mock_address(mock));
	files_do(cmd_simulate, line);
	struct kafka_options options = {.bootstrap_servers = kafka_mock_address(mock), .input_topic = "trades"};
	EXPECT(kafka_sample(&options, 10 * EVENTS, count_keys, &right, &err) == 0);
	EXPECT_INT(right, EVENTS);
	kafka_mock_free(mock);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(a_topic_holds_what_was_simulated_framed_keyed_and_dated),
					CASE(trades_are_keyed_by_their_instrument),
					CASE(the_rate_is_kept),
					{0}},
			argc, argv);
}
