/*
 * Source and sink against librdkafka's embedded broker: the way through, and what each class of protocol error becomes.
 * It is no oracle of exactly once (it drops transactional offsets and shows aborted messages); that is tested against a
 * real broker in test/integration.
 */
#include "daemon/io/kafka.h"
#include "test/unit/test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <time.h>
#include <unistd.h>

enum {
	API_PRODUCE = 0,
	API_OFFSET_FETCH = 9,
	API_INIT_PRODUCER = 22,
	API_ADD_PARTITIONS = 24,
	API_ADD_OFFSETS = 25,
	API_END_TXN = 26,
	API_TXN_OFFSETS = 28
};

#define WAIT_MS 20000
#define RECORDS 256
#define BOUND_MS 25000 /* librdkafka takes up to twice what it was given while a broker is away */

static const struct log silent = {.level = LOG_LEVEL_ERROR};

/* A broker of the test's own, since kafka_mock hides the handle that errors are pushed through. */
struct rig {
	rd_kafka_t *handle;
	rd_kafka_mock_cluster_t *cluster;
	struct kafka_options options;
	struct kafka_source *kafka_source;
	struct kafka_sink *kafka_sink;
	struct source source;
	struct sink sink;
	int assigns;
	struct err err;
};

static void silent_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle, (void)level, (void)facility, (void)text;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_assigned(void *self, const int32_t *partitions, size_t count)
{
	(void)partitions, (void)count;
	((struct rig *)self)->assigns++;
}

static void on_revoked(void *self, bool lost)
{
	(void)self, (void)lost;
}

static struct kafka_options options_of(const char *address)
{
	return (struct kafka_options){
	    .bootstrap_servers = address,
	    .input_topic = "in",
	    .group_id = "group",
	    .instance_id = "one",
	    .transactional_id = "pipeline.one",
	    .session_timeout_ms = 6000,
	    .transaction_timeout_ms = 3000,
	    .log = &silent,
	};
}

static void open_clients(struct rig *rig)
{
	rig->kafka_source = kafka_source_new(&rig->options, &rig->err);
	rig->source = kafka_source_port(rig->kafka_source);
	rig->kafka_sink = kafka_sink_new(&rig->options, &rig->err);
	rig->sink = kafka_sink_port(rig->kafka_sink);
	const struct source_listener listener = {rig, on_assigned, on_revoked};
	EXPECT_INT(rig->source.open(rig->source.self, &listener, &rig->err), 0);
	EXPECT_INT(rig->sink.open(rig->sink.self, &rig->err), 0);
	struct record record;
	size_t count = 0;
	for (int64_t end = now_ms() + WAIT_MS; rig->assigns == 0 && now_ms() < end;)
		EXPECT_INT(rig->source.poll(rig->source.self, 100, &record, 1, &count, &rig->err), 0);
	EXPECT_INT(rig->assigns, 1);
	EXPECT_TEXT(rig->err.message, "");
}

static void rig_open(struct rig *rig)
{
	char text[256];
	*rig = (struct rig){.assigns = 0};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, silent_log);
	rig->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	rig->cluster = rd_kafka_mock_cluster_new(rig->handle, 1);
	rd_kafka_mock_topic_create(rig->cluster, "in", 2, 1);
	rd_kafka_mock_topic_create(rig->cluster, "alerts", 1, 1);
	rig->options = options_of(rd_kafka_mock_cluster_bootstraps(rig->cluster));
	open_clients(rig);
}

static void rig_close(struct rig *rig)
{
	kafka_sink_free(rig->kafka_sink);
	kafka_source_free(rig->kafka_source);
	rd_kafka_mock_cluster_destroy(rig->cluster);
	rd_kafka_destroy(rig->handle);
}

static void publish(struct rig *rig)
{
	const struct message message = {
	    .topic = "alerts", .key = slice_of("card"), .value = slice_of("alert"), .timestamp_ms = -1};
	EXPECT_INT(rig->sink.begin(rig->sink.self, &rig->err), 0);
	EXPECT_INT(rig->sink.produce(rig->sink.self, &message, &rig->err), 0);
}

static enum commit_result commit(struct rig *rig)
{
	const struct membership membership = rig->source.membership(rig->source.self);
	const struct position offset = {.partition = 0, .offset = 1, .metadata = "v1"};
	err_clear(&rig->err);
	return rig->sink.commit(rig->sink.self, &offset, 1, &membership, &rig->err);
}

/* Joining the embedded broker's group takes 3 s, so the tests of errors share one rig. */
static struct rig shared;

/* One error of a request, then what the commit becomes; afterwards a commit must work again, reopened where it says so. */
static void expect_commit(int16_t api, rd_kafka_resp_err_t code, enum commit_result wanted, const char *message)
{
	if (shared.handle == NULL)
		rig_open(&shared);
	rd_kafka_mock_push_request_errors(shared.cluster, api, 1, code);
	publish(&shared);
	enum commit_result result = commit(&shared);
	EXPECT_INT(result, wanted);
	EXPECT(strstr(shared.err.message, message) != NULL);
	if (strstr(shared.err.message, message) == NULL)
		printf("  says: %s\n", shared.err.message);
	if (result == COMMIT_ABORTED)
		EXPECT_INT(shared.err.action, ERR_ABORT_BATCH);
	if (result == COMMIT_UNKNOWN) {
		EXPECT_INT(shared.err.action, ERR_RECOVER);
		err_clear(&shared.err);
		shared.sink.close(shared.sink.self);
		EXPECT_INT(shared.sink.open(shared.sink.self, &shared.err), 0);
	}
	err_clear(&shared.err);
	publish(&shared);
	EXPECT_INT(commit(&shared), COMMIT_DONE);
	EXPECT_TEXT(shared.err.message, "");
}

TEST(coordinators_that_move_or_load_are_waited_for)
{
	expect_commit(API_ADD_PARTITIONS, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, COMMIT_DONE, "");
	expect_commit(API_ADD_OFFSETS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, COMMIT_DONE, "");
	expect_commit(API_TXN_OFFSETS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, COMMIT_DONE, "");
	expect_commit(API_END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, COMMIT_DONE, "");
	expect_commit(API_PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, COMMIT_DONE, "");
}

TEST(a_zombie_of_the_group_aborts)
{
	expect_commit(API_TXN_OFFSETS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, COMMIT_ABORTED, "(ILLEGAL_GENERATION)");
	expect_commit(API_TXN_OFFSETS, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, COMMIT_ABORTED, "(UNKNOWN_MEMBER_ID)");
}

TEST(a_purged_message_is_not_blamed_for_what_failed_the_transaction)
{
	expect_commit(API_ADD_PARTITIONS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, COMMIT_ABORTED,
		      "(TOPIC_AUTHORIZATION_FAILED)");
}

TEST(a_fenced_producer_must_recover)
{
	expect_commit(API_ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, COMMIT_UNKNOWN, "kafka producer: ");
	expect_commit(API_END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, COMMIT_UNKNOWN, "kafka producer: ");
}

/* The coordinator may have committed before it answered so: librdkafka calls it abortable, the sink must not. */
TEST(an_error_of_the_last_request_is_never_taken_for_an_abort)
{
	expect_commit(API_END_TXN, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, COMMIT_UNKNOWN, "kafka commit: ");
	expect_commit(API_END_TXN, RD_KAFKA_RESP_ERR_UNKNOWN, COMMIT_UNKNOWN, "kafka commit: ");
}

TEST(a_commit_that_gets_no_answer_is_unknown_after_a_bounded_time)
{
	if (shared.handle == NULL)
		rig_open(&shared);
	publish(&shared);
	EXPECT_INT(commit(&shared), COMMIT_DONE);
	publish(&shared);
	usleep(200000); /* the message is there; then the broker goes */
	rd_kafka_mock_broker_set_down(shared.cluster, 1);
	int64_t begun_ms = now_ms();
	EXPECT_INT(commit(&shared), COMMIT_UNKNOWN);
	EXPECT_INT(shared.err.action, ERR_RECOVER);
	EXPECT(now_ms() - begun_ms < BOUND_MS);
	rd_kafka_mock_broker_set_up(shared.cluster, 1);
}

TEST(offsets_that_cannot_be_read_are_retried)
{
	struct position position = {.partition = 0, .offset = 77};
	if (shared.handle == NULL)
		rig_open(&shared);
	EXPECT_INT(shared.source.committed(shared.source.self, &position, 1, &shared.err), 0);
	EXPECT_INT(position.offset, OFFSET_NONE);
	position.offset = 77;
	rd_kafka_mock_push_request_errors(shared.cluster, API_OFFSET_FETCH, 1,
					  RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	EXPECT_INT(shared.source.committed(shared.source.self, &position, 1, &shared.err), -1);
	EXPECT_INT(shared.err.action, ERR_RETRY);
	EXPECT_INT(position.offset, 77);
	err_clear(&shared.err);
}

TEST(an_open_that_is_fenced_or_forbidden_says_so)
{
	if (shared.handle == NULL)
		rig_open(&shared);
	rd_kafka_mock_push_request_errors(shared.cluster, API_INIT_PRODUCER, 1,
					  RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	EXPECT_INT(shared.sink.open(shared.sink.self, &shared.err), -1);
	EXPECT_INT(shared.err.action, ERR_EXIT);
	EXPECT(strstr(shared.err.message, "(TRANSACTIONAL_ID_AUTHORIZATION_FAILED)") != NULL);
	err_clear(&shared.err);
	EXPECT_INT(shared.sink.begin(shared.sink.self, &shared.err), -1);
	EXPECT_TEXT(shared.err.message, "kafka producer: not open");
	err_clear(&shared.err);
	EXPECT_INT(shared.sink.open(shared.sink.self, &shared.err), 0);
	err_clear(&shared.err);
}

TEST(the_embedded_broker_serves_the_whole_way)
{
	struct err err = {.code = ERR_NONE};
	struct kafka_mock *mock = kafka_mock_new(&err);
	EXPECT_INT(kafka_mock_topic(mock, "in", 2, &err), 0);
	EXPECT_INT(kafka_mock_topic(mock, "alerts", 1, &err), 0);
	struct rig rig = {.options = options_of(kafka_mock_address(mock))};
	struct kafka_producer *producer = kafka_producer_new(&rig.options, &err);
	for (int i = 0; i < 100; i++) {
		char key[32];
		snprintf(key, sizeof key, "card-%d", i);
		const struct message message = {
		    .topic = "in", .key = slice_of(key), .value = slice_of("event"), .timestamp_ms = 1000 + i};
		EXPECT_INT(kafka_producer_send(producer, &message, &err), 0);
	}
	EXPECT_INT(kafka_producer_flush(producer, WAIT_MS, &err), 0);
	kafka_producer_free(producer);
	open_clients(&rig);
	const struct position start[] = {{.partition = 0, .offset = 0}, {.partition = 1, .offset = 0}};
	EXPECT_INT(rig.source.start(rig.source.self, start, 2, &err), 0);
	static struct record records[RECORDS];
	size_t count = 0;
	for (int64_t end = now_ms() + WAIT_MS; count < 100 && now_ms() < end;)
		EXPECT_INT(rig.source.poll(rig.source.self, 100, records, RECORDS - count, &count, &err), 0);
	EXPECT_INT(count, 100);
	rig.source.release(rig.source.self);
	publish(&rig);
	EXPECT_INT(commit(&rig), COMMIT_DONE);
	struct kafka_topic_facts facts;
	EXPECT_INT(kafka_topic_facts(&rig.options, "in", &facts, &err), 0);
	EXPECT_INT(facts.partitions, 2);
	EXPECT(facts.configs_refused);
	EXPECT_INT(rig.sink.message_max(rig.sink.self), 1000000 - 256);
	EXPECT_TEXT(err.message, "");
	kafka_sink_free(rig.kafka_sink);
	kafka_source_free(rig.kafka_source);
	kafka_mock_free(mock);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
	    CASE(the_embedded_broker_serves_the_whole_way),
	    CASE(coordinators_that_move_or_load_are_waited_for),
	    CASE(a_zombie_of_the_group_aborts),
	    CASE(a_purged_message_is_not_blamed_for_what_failed_the_transaction),
	    CASE(a_fenced_producer_must_recover),
	    CASE(an_error_of_the_last_request_is_never_taken_for_an_abort),
	    CASE(offsets_that_cannot_be_read_are_retried),
	    CASE(an_open_that_is_fenced_or_forbidden_says_so),
	    CASE(a_commit_that_gets_no_answer_is_unknown_after_a_bounded_time), /* leaves the rig unusable */
	    {0},
	};
	int status = test_run(tests, argc, argv);
	if (shared.handle != NULL)
		rig_close(&shared);
	return status;
}
