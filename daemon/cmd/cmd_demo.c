#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/demo_stages.h"
#include "daemon/cmd/demo_view.h"
#include "daemon/cmd/simulation.h"
#include "daemon/cmd/transaction.h"
#include "daemon/cmd/world.h"
#include "daemon/io/memory_store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTITIONS 3
#define DAYS 24
#define LIVE_DAYS 3
#define EVENTS 24000
#define CARDS 250
#define FRAUD_RATE 0.01
#define LIVE_SECONDS 25
#define START_MS 1767571200000 /* 2026-01-05T00:00:00Z */
#define LIVE_MS (START_MS + (DAYS - LIVE_DAYS) * 86400000LL)
#define SETTLE_US 20000000 /* at most so long for the last events */
#define PATH_BYTES 512

static const char config_text[] =
    "{\n"
    "  \"pipeline\": \"demo\",\n"
    "  \"kafka\": { \"bootstrap_servers\": \"127.0.0.1:9092\", \"input_topic\": \"transactions\", \"group_id\": "
    "\"demo\", \"instance_id\": \"demo-1\" },\n"
    "  \"schema\": { \"file\": \"transaction.avsc\", \"framing\": \"confluent\" },\n"
    "  \"event\": { \"id\": \"transaction_id\", \"time\": { \"path\": \"event_time\", \"unit\": \"ms\" }, \"entity\": "
    "\"card_id\", \"key\": \"card_id\", \"partitioner\": \"murmur2\",\n"
    "    \"fields\": { \"amount\": { \"type\": \"money\", \"scale\": 2 }, \"merchant\": { \"path\": \"merchant.id\", "
    "\"type\": \"string\" },\n"
    "      \"category\": { \"path\": \"merchant.category\", \"type\": \"string\" }, \"country\": { \"path\": "
    "\"merchant.country\", \"type\": \"string\" },\n"
    "      \"channel\": { \"type\": \"string\" }, \"lat\": { \"type\": \"number\", \"scale\": 5 }, \"lon\": { "
    "\"type\": \"number\", \"scale\": 5 } },\n"
    "    \"allowed_lateness\": \"1h\", \"max_ahead\": \"5m\" },\n"
    "  \"features\": [\n"
    "    { \"name\": \"amount_log\", \"op\": \"log1p\", \"field\": \"amount\" },\n"
    "    { \"name\": \"amount_zscore_7d\", \"op\": \"zscore\", \"field\": \"amount\", \"window\": \"7d\" },\n"
    "    { \"name\": \"amount_ratio_7d\", \"op\": \"ratio\", \"field\": \"amount\", \"window\": \"7d\" },\n"
    "    { \"name\": \"sum_1d\", \"op\": \"sum\", \"field\": \"amount\", \"window\": \"1d\", \"include_current\": true "
    "},\n"
    "    { \"name\": \"count_1h\", \"op\": \"count\", \"window\": \"1h\" },\n"
    "    { \"name\": \"count_1d\", \"op\": \"count\", \"window\": \"1d\" },\n"
    "    { \"name\": \"speed_kmh\", \"op\": \"geo_speed\", \"lat\": \"lat\", \"lon\": \"lon\", \"window\": \"1d\" },\n"
    "    { \"name\": \"merchant_7d\", \"op\": \"count\", \"window\": \"7d\", \"where\": { \"field\": \"merchant\", "
    "\"same\": true } },\n"
    "    { \"name\": \"countries_1d\", \"op\": \"distinct\", \"field\": \"country\", \"window\": \"1d\", "
    "\"include_current\": true },\n"
    "    { \"name\": \"small_1h\", \"op\": \"count\", \"window\": \"1h\", \"where\": { \"field\": \"amount\", "
    "\"below\": 2.5 } },\n"
    "    { \"name\": \"hour\", \"op\": \"hour\" }\n"
    "  ],\n"
    "  \"state\": { \"memory\": {} },\n"
    "  \"model\": { \"directory\": \"models\" },\n"
    "  \"policy\": { \"threshold\": { \"quantile\": 0.995 }, \"cooldown\": \"10m\", \"rules\": [\n"
    "    { \"name\": \"impossible_travel\", \"when\": [{ \"feature\": \"speed_kmh\", \"above\": 900 }], \"action\": "
    "\"flag\", \"reason\": \"faster than an airliner\" },\n"
    "    { \"name\": \"card_testing\", \"when\": [{ \"feature\": \"small_1h\", \"above\": 3 }], \"action\": \"flag\", "
    "\"reason\": \"many tiny payments within an hour\" } ] },\n"
    "  \"output\": { \"alerts\": { \"topic\": \"alerts\", \"fields\": [\"amount\", \"merchant\", \"category\", "
    "\"country\", \"channel\"] },\n"
    "    \"late\": { \"topic\": \"transactions.late\" }, \"dead_letters\": { \"topic\": \"transactions.dlq\" } },\n"
    "  \"log\": { \"level\": \"error\" }\n"
    "}\n";

/* What became of one live event. */
struct truth {
	char id[20];
	enum fraud_kind fraud;
	bool caught;
};

struct demo {
	struct demo_view view;
	struct demo_totals totals;
	char folder[64], config[PATH_BYTES], events[PATH_BYTES], vectors[PATH_BYTES], models[PATH_BYTES];
	struct simulation *simulation;
	struct transaction next; /* not sent yet */
	struct world world;
	struct kafka_mock *mock;
	struct kafka_producer *producer;
	struct kafka_source *source;
	struct kafka_sink *kafka_sink;
	struct sink sink; /* the real one, behind the listening one */
	struct memory_store *store;
	struct pipeline *pipeline;
	struct truth *truths;
	size_t truth_count, truth_capacity;
	struct buffer value;
	uint64_t sent;
	bool live;
	volatile int stop;
};

static int path_in(struct demo *demo, char path[PATH_BYTES], const char *name, struct err *err)
{
	int length = snprintf(path, PATH_BYTES, "%s/%s", demo->folder, name);
	return length < PATH_BYTES ? 0 : err_set(err, ERR_IO, "the temporary folder's name is too long");
}

static int write_file(const char *path, const char *text, struct err *err)
{
	FILE *file = fopen(path, "w");
	bool failed = file == NULL || fputs(text, file) == EOF;
	if (file != NULL && fclose(file) != 0)
		failed = true;
	return failed ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno)) : 0;
}

static int make_folder(struct demo *demo, struct err *err)
{
	char path[PATH_BYTES];
	const char *base = getenv("TMPDIR");
	snprintf(demo->folder, sizeof demo->folder, "%.30s/outlierd-demo-XXXXXX",
		 base == NULL || strlen(base) > 30 ? "/tmp" : base);
	if (mkdtemp(demo->folder) == NULL)
		return err_set(err, ERR_IO, "%s: %s", demo->folder, strerror(errno));
	demo->totals.folder = demo->folder;
	if (path_in(demo, demo->config, "config.json", err) != 0 ||
	    path_in(demo, demo->events, "events.csv", err) != 0 ||
	    path_in(demo, demo->vectors, "vectors.csv", err) != 0 || path_in(demo, demo->models, "models", err) != 0 ||
	    path_in(demo, path, "transaction.avsc", err) != 0)
		return -1;
	if (mkdir(demo->models, 0777) != 0)
		return err_set(err, ERR_IO, "%s: %s", demo->models, strerror(errno));
	return write_file(path, transaction_schema(false), err) != 0 || write_file(demo->config, config_text, err) != 0
		   ? -1
		   : 0;
}

static int open_simulation(struct demo *demo, struct err *err)
{
	struct simulation_options options = simulation_defaults();
	options.events = EVENTS;
	options.cards = CARDS;
	options.days = DAYS;
	options.start_ms = START_MS;
	options.fraud_rate = FRAUD_RATE;
	simulation_free(demo->simulation);
	demo->simulation = simulation_new(&options, err);
	return demo->simulation == NULL ? -1 : simulation_next(demo->simulation, &demo->next, err);
}

/* The history as a file, the same records that will stream through the broker. */
static int write_history(struct demo *demo, struct err *err)
{
	struct buffer text;
	int64_t offsets[PARTITIONS] = {0};
	FILE *file = fopen(demo->events, "w");
	if (file == NULL)
		return err_set(err, ERR_IO, "%s: %s", demo->events, strerror(errno));
	buffer_init(&text);
	transaction_csv_header(&text, true);
	while (demo->next.arrival_ms < LIVE_MS) {
		int32_t partition = partition_murmur2(slice_of(demo->next.card_id), PARTITIONS);
		struct transaction_position position = {partition, offsets[partition]++};
		transaction_csv(&text, &demo->next, &position);
		if (simulation_next(demo->simulation, &demo->next, err) != 0)
			break;
	}
	bool failed = buffer_failed(&text) || fwrite(text.data, 1, text.length, file) != text.length;
	buffer_free(&text);
	if (fclose(file) != 0 || failed)
		return err_is_set(err) ? -1 : err_set(err, ERR_IO, "%s: %s", demo->events, strerror(errno));
	return err_is_set(err) ? -1 : 0;
}

static int make_model(struct demo *demo, struct err *err)
{
	char command[4 * PATH_BYTES];
	char *features[] = {"features",   "--config", demo->config,  "--input",
			    demo->events, "--output", demo->vectors, NULL};
	char *train[] = {"train", "--config", demo->config, "--input", demo->vectors, "--output", demo->models, NULL};
	snprintf(command, sizeof command, "outlierd features --config %s --input %s --output %s", demo->config,
		 demo->events, demo->vectors);
	demo_view_step(&demo->view, "2  Exact, point-in-time features of three weeks of events", command);
	if (cmd_features(7, features) != 0)
		return err_set(err, ERR_INTERNAL, "features failed");
	snprintf(command, sizeof command, "outlierd train --config %s --input %s --output %s", demo->config,
		 demo->vectors, demo->models);
	demo_view_step(&demo->view, "3  An isolation forest, trained on the weeks whose windows are whole", command);
	if (cmd_train(7, train) != 0)
		return err_set(err, ERR_INTERNAL, "train failed");
	return 0;
}

static struct truth *truth_of(struct demo *demo, const char *id)
{
	for (size_t i = demo->truth_count; i-- > 0;)
		if (strcmp(demo->truths[i].id, id) == 0)
			return &demo->truths[i];
	return NULL;
}

/* The listening sink: what is produced reaches the broker, and alerts of the live part the screen. */
static int listen_produce(void *self, const struct message *message, struct err *err)
{
	struct demo *demo = self;
	if (demo->live && strcmp(message->topic, "alerts") == 0) {
		const char *mark = memmem(message->value.data, message->value.length, "\"event_id\":\"", 12);
		char id[20] = "";
		if (mark != NULL)
			(void)sscanf(mark + 12, "%19[^\"]", id);
		struct truth *truth = truth_of(demo, id);
		if (truth != NULL) {
			demo->totals.alerts++;
			demo->totals.true_alerts += truth->fraud != FRAUD_NONE;
			demo->totals.caught += truth->fraud != FRAUD_NONE && !truth->caught;
			truth->caught = true;
			demo_view_alert(&demo->view, message->value, simulation_fraud_name(truth->fraud));
		}
	}
	return demo->sink.produce(demo->sink.self, message, err);
}

static int listen_open(void *self, struct err *err)
{
	struct demo *demo = self;
	return demo->sink.open(demo->sink.self, err);
}

static int listen_begin(void *self, struct err *err)
{
	struct demo *demo = self;
	return demo->sink.begin(demo->sink.self, err);
}

static enum commit_result listen_commit(void *self, const struct position *offsets, size_t count,
					const struct membership *membership, struct err *err)
{
	struct demo *demo = self;
	return demo->sink.commit(demo->sink.self, offsets, count, membership, err);
}

static int listen_abort(void *self, struct err *err)
{
	struct demo *demo = self;
	return demo->sink.abort(demo->sink.self, err);
}

static size_t listen_message_max(void *self)
{
	struct demo *demo = self;
	return demo->sink.message_max(demo->sink.self);
}

static void listen_close(void *self)
{
	struct demo *demo = self;
	demo->sink.close(demo->sink.self);
}

static int open_pipeline(struct demo *demo, struct err *err)
{
	static const char *const topics[] = {"transactions", "alerts", "transactions.late", "transactions.dlq"};
	struct world *world = &demo->world;
	struct err why = {0};
	demo->mock = kafka_mock_new(err);
	if (demo->mock == NULL)
		return -1;
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
		if (kafka_mock_topic(demo->mock, topics[i], PARTITIONS, err) != 0)
			return -1;
	if (world_open(world, demo->config, err) != 0 || world_codec(world, err) != 0)
		return -1;
	struct kafka_options *kafka = &world->config->kafka;
	kafka->bootstrap_servers = kafka_mock_address(demo->mock);
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	demo->producer = kafka_producer_new(kafka, err);
	demo->source = demo->producer == NULL ? NULL : kafka_source_new(kafka, err);
	demo->kafka_sink = demo->source == NULL ? NULL : kafka_sink_new(kafka, err);
	demo->store = memory_store_new();
	if (demo->kafka_sink == NULL || demo->store == NULL)
		return err_is_set(err) ? -1 : err_memory(err);
	demo->sink = kafka_sink_port(demo->kafka_sink);
	struct ports ports = {.source = kafka_source_port(demo->source),
			      .sink = {demo, listen_open, listen_begin, listen_produce, listen_commit, listen_abort,
				       listen_message_max, listen_close},
			      .store = memory_store_port(demo->store),
			      .codec = avro_codec_port(world->codec),
			      .clock = world->clock,
			      .log = &world->log};
	struct pipeline_options options = world_pipeline_options(world);
	demo->pipeline = pipeline_new(&options, &ports);
	if (demo->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(demo->pipeline, &world->champion->champion);
	return pipeline_open(demo->pipeline, &demo->stop, err);
}

static int send_next(struct demo *demo, struct err *err)
{
	static const uint8_t framing[5] = {0, 0, 0, 0, 1};
	const struct transaction *transaction = &demo->next;
	buffer_reset(&demo->value);
	buffer_add(&demo->value, framing, sizeof framing);
	transaction_avro(&demo->value, transaction, NULL);
	struct message message = {.topic = "transactions",
				  .key = slice_of(transaction->card_id),
				  .value = buffer_slice(&demo->value),
				  .timestamp_ms = transaction->arrival_ms};
	if (kafka_producer_send(demo->producer, &message, err) != 0)
		return -1;
	demo->sent++;
	if (demo->live && !transaction->duplicate) {
		if (demo->truth_count == demo->truth_capacity) {
			size_t capacity = demo->truth_capacity == 0 ? 4096 : 2 * demo->truth_capacity;
			struct truth *truths = realloc(demo->truths, capacity * sizeof *truths);
			if (truths == NULL)
				return err_memory(err);
			demo->truths = truths;
			demo->truth_capacity = capacity;
		}
		struct truth *truth = &demo->truths[demo->truth_count++];
		*truth = (struct truth){.fraud = transaction->fraud};
		snprintf(truth->id, sizeof truth->id, "%s", transaction->id);
		demo->totals.frauds += transaction->fraud != FRAUD_NONE;
	}
	return simulation_next(demo->simulation, &demo->next, err);
}

static uint64_t done_of(struct demo *demo)
{
	const struct metrics *metrics = pipeline_metrics(demo->pipeline);
	uint64_t sum = 0;
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		sum += metrics->outcomes[i];
	return sum;
}

/* Turns the loop until everything sent has come through, or SETTLE_US are over. */
static int settle(struct demo *demo, struct err *err)
{
	int64_t until_us = common_monotonic_us() + SETTLE_US;
	while (!demo->stop && done_of(demo) < demo->sent && common_monotonic_us() < until_us)
		if (pipeline_step(demo->pipeline, &demo->stop, err) != 0)
			return -1;
	return 0;
}

static int stream_history(struct demo *demo, struct err *err)
{
	demo_view_step(
	    &demo->view,
	    "4  The same three weeks stream through the real pipeline: broker, exact state, forest, transactions",
	    NULL);
	while (demo->next.arrival_ms < LIVE_MS)
		if (send_next(demo, err) != 0)
			return -1;
	if (kafka_producer_flush(demo->producer, 10000, err) != 0)
		return -1;
	/* Joining the group takes seconds and is no work: the clock runs from the first batch on. */
	while (!demo->stop && done_of(demo) == 0)
		if (pipeline_step(demo->pipeline, &demo->stop, err) != 0)
			return -1;
	uint64_t first = done_of(demo);
	int64_t began_us = common_monotonic_us();
	if (settle(demo, err) != 0)
		return -1;
	demo->totals.history = done_of(demo);
	demo->totals.history_rate =
	    (double)(demo->totals.history - first) * 1e6 / (double)(common_monotonic_us() - began_us + 1);
	printf("%" PRIu64 " events, %.0f events/s\n", demo->totals.history, demo->totals.history_rate);
	return 0;
}

static int stream_live(struct demo *demo, struct err *err)
{
	demo_view_step(&demo->view,
		       "5  Live: three more days, sped up. Each alert says why; the last word on its second line is "
		       "the truth of the simulator",
		       NULL);
	int64_t began_us = common_monotonic_us(), shown_us = 0, length_ms = LIVE_DAYS * 86400000LL;
	struct metrics before = *pipeline_metrics(demo->pipeline);
	demo->live = true;
	while (!demo->stop && demo->next.arrival_ms < LIVE_MS + length_ms) {
		int64_t now_us = common_monotonic_us();
		int64_t upto_ms =
		    LIVE_MS + (int64_t)((double)(now_us - began_us) / (LIVE_SECONDS * 1e6) * (double)length_ms);
		while (demo->next.arrival_ms <= upto_ms && demo->next.arrival_ms < LIVE_MS + length_ms)
			if (send_next(demo, err) != 0)
				return -1;
		if (pipeline_step(demo->pipeline, &demo->stop, err) != 0)
			return -1;
		if (now_us - shown_us > 100000) {
			demo_view_status(&demo->view, upto_ms, demo->sent - demo->totals.history, demo->totals.alerts,
					 demo->totals.frauds, demo->totals.caught);
			shown_us = now_us;
		}
	}
	int status = settle(demo, err);
	const struct metrics *after = pipeline_metrics(demo->pipeline);
	for (size_t i = 0; i < OUTCOME_NUMBER; i++) {
		demo->totals.outcomes[i] = after->outcomes[i] - before.outcomes[i];
		demo->totals.live += demo->totals.outcomes[i];
	}
	return status;
}

static int run(struct demo *demo, struct err *err)
{
	demo_view_step(&demo->view, "1  Three weeks of simulated card transactions", NULL);
	if (make_folder(demo, err) != 0 || open_simulation(demo, err) != 0 || write_history(demo, err) != 0)
		return -1;
	printf("%s\n", demo->events);
	if (make_model(demo, err) != 0 || open_simulation(demo, err) != 0 || open_pipeline(demo, err) != 0)
		return -1;
	if (stream_history(demo, err) != 0 || stream_live(demo, err) != 0)
		return -1;
	demo_view_summary(&demo->view, &demo->totals, demo->stop);
	return 0;
}

static void *await_interrupt(void *self)
{
	struct demo *demo = self;
	sigset_t set;
	int number;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &number) == 0)
		demo->stop = 1;
	return NULL;
}

static void free_demo(struct demo *demo)
{
	if (demo->pipeline != NULL)
		pipeline_close(demo->pipeline);
	pipeline_free(demo->pipeline);
	kafka_producer_free(demo->producer);
	kafka_source_free(demo->source);
	kafka_sink_free(demo->kafka_sink);
	memory_store_free(demo->store);
	kafka_mock_free(demo->mock);
	simulation_free(demo->simulation);
	world_close(&demo->world);
	buffer_free(&demo->value);
	free(demo->truths);
}

int cmd_demo(int argc, char **argv)
{
	struct err err = {0};
	const char *stages = NULL;
	const struct common_option options[] = {
	    {"two-stage", "FOLDER", COMMON_TEXT, &stages,
	     .help = "instead: the two pipelines of docs/examples/two-stage, or of\nanother folder like it, in a row"},
	    {0}};
	const struct common_command command = {
	    .name = "demo",
	    .usage = "[--two-stage FOLDER]",
	    .options = options,
	    .summary =
		"Everything on an embedded broker with the state in memory, about 40 seconds: simulated card "
		"transactions, features,\n"
		"a forest, then a live stream with explained alerts. Nothing to install or configure; Ctrl-C ends it."};
	int parsed = common_parse(&command, argc, argv, &err);
	struct demo *demo = parsed > 0 ? calloc(1, sizeof *demo) : NULL;
	if (demo == NULL)
		return common_end("demo", &err);
	sigset_t set;
	pthread_t thread;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, await_interrupt, demo) == 0)
		pthread_detach(thread);
	buffer_init(&demo->value);
	if (stages == NULL)
		demo_view_open(&demo->view);
	if ((stages == NULL ? run(demo, &err) : demo_stages(stages, &demo->stop, &err)) != 0 && !err_is_set(&err))
		(void)err_set(&err, ERR_INTERNAL, "failed");
	free_demo(demo);
	return common_end("demo", &err);
}
