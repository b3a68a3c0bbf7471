#include "daemon/cmd/demo_stages.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/simulation.h"
#include "daemon/cmd/transaction.h"
#include "daemon/cmd/world.h"
#include "daemon/io/memory_store.h"
#include "daemon/pipeline/enriched.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS 100000
#define CARDS 3000
#define MERCHANTS 800
#define TAKEOVERS 20
#define SEED 2
#define WARM_MS (22 * INT64_C(86400000)) /* before that, windows are not filled and the models do not speak */
#define AT_ONCE 1000 /* events under way: the embedded broker keeps a few megabytes of a partition, no more */
#define SCHEMA_ID 1
#define FOUND_SHARE 3 /* a merchant counts as found where one in so many of its planted payments is an alert */
#define ID_BYTES 20
#define PATH_BYTES 512

/* A planted payment. */
struct planted {
	char id[ID_BYTES], merchant[16];
	bool alerts[2]; /* by stage */
};

struct stage {
	struct world world;
	struct kafka_source *source;
	struct kafka_sink *sink;
	struct memory_store *store;
	struct pipeline *pipeline;
	char schema_file[PATH_BYTES]; /* empty: not written */
	uint64_t alerts, right;
	size_t number;
};

struct show {
	const char *folder;
	struct kafka_mock *mock;
	struct kafka_producer *producer;
	struct stage stages[2];
	struct simulation *simulation;
	struct planted *planted;
	size_t planted_count, planted_capacity;
	struct buffer value;
	uint64_t sent;
	volatile int *stop;
	struct common_progress progress;
};

static int write_schema(struct stage *stage, struct slice schema, struct err *err)
{
	const char *base = getenv("TMPDIR");
	snprintf(stage->schema_file, sizeof stage->schema_file, "%.400s/outlierd-demo-XXXXXX",
		 base == NULL ? "/tmp" : base);
	int file = mkstemp(stage->schema_file);
	if (file < 0) {
		(void)err_set(err, ERR_IO, "%s: %s", stage->schema_file, strerror(errno));
		stage->schema_file[0] = '\0';
		return -1;
	}
	bool failed = write(file, schema.data, schema.length) != (ssize_t)schema.length;
	if (close(file) != 0 || failed)
		return err_set(err, ERR_IO, "%s: %s", stage->schema_file, strerror(errno));
	return 0;
}

/* The configuration as it is, but on the embedded broker, and with the schema from a file where a registry would give it. */
static int configure(struct show *show, struct stage *stage, const char *name, struct err *err)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof path, "%.400s/%s", show->folder, name);
	if (world_open(&stage->world, path, err) != 0)
		return err_prepend(err, "%s", path);
	struct config *config = stage->world.config;
	config->kafka.bootstrap_servers = kafka_mock_address(show->mock);
	config->schema_kind = SCHEMA_FILE;
	config->schema_framed = true;
	config->registry.url_count = 0;
	config->publish.alerts.format = FORMAT_JSON;
	config->publish.decisions.topic = NULL;
	config->publish.enriched.schema_id = SCHEMA_ID;
	stage->world.log.level = LOG_LEVEL_ERROR;
	world_list_outputs(&stage->world);
	return 0;
}

static int make_topics(struct show *show, const struct stage *stage, int32_t partitions, struct err *err)
{
	const struct kafka_options *kafka = &stage->world.config->kafka;
	if (stage->number == 0 && kafka_mock_topic(show->mock, kafka->input_topic, partitions, err) != 0)
		return -1;
	for (size_t i = 0; i < kafka->output_topic_count; i++)
		if (kafka_mock_topic(show->mock, kafka->output_topics[i], partitions, err) != 0)
			return -1;
	return 0;
}

static int open_stage(struct show *show, struct stage *stage, struct slice schema, struct err *err)
{
	struct world *world = &stage->world;
	struct err why = {0};
	if (write_schema(stage, schema, err) != 0)
		return -1;
	world->config->schema_file = stage->schema_file;
	if (world_codec(world, err) != 0)
		return -1;
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	stage->source = kafka_source_new(&world->config->kafka, err);
	stage->sink = stage->source == NULL ? NULL : kafka_sink_new(&world->config->kafka, err);
	stage->store = memory_store_new();
	if (stage->sink == NULL || stage->store == NULL)
		return err_is_set(err) ? -1 : err_memory(err);
	const struct ports ports = {.source = kafka_source_port(stage->source),
				    .sink = kafka_sink_port(stage->sink),
				    .store = memory_store_port(stage->store),
				    .codec = avro_codec_port(world->codec),
				    .clock = world->clock,
				    .log = &world->log};
	const struct pipeline_options options = world_pipeline_options(world);
	stage->pipeline = pipeline_new(&options, &ports);
	if (stage->pipeline == NULL)
		return err_memory(err);
	pipeline_champion(stage->pipeline, &world->champion->champion);
	return pipeline_open(stage->pipeline, show->stop, err);
}

static int open_show(struct show *show, struct err *err)
{
	struct simulation_options options = simulation_defaults();
	struct stage *first = &show->stages[0], *second = &show->stages[1];
	options.seed = SEED;
	options.events = EVENTS;
	options.cards = CARDS;
	options.merchants = MERCHANTS;
	options.takeovers = TAKEOVERS;
	show->simulation = simulation_new(&options, err);
	show->mock = show->simulation == NULL ? NULL : kafka_mock_new(err);
	if (show->mock == NULL || configure(show, first, "first.json", err) != 0 ||
	    configure(show, second, "second.json", err) != 0)
		return -1;
	const char *between = first->world.config->publish.enriched.topic;
	int32_t partitions = second->world.config->schema.upstream.partitions;
	if (between == NULL || strcmp(between, second->world.config->kafka.input_topic) != 0 || partitions == 0)
		return err_set(err, ERR_CONFIG,
			       "%s: second.json must read first.json's output.enriched, with event.upstream",
			       show->folder);
	if (make_topics(show, first, partitions, err) != 0 || make_topics(show, second, partitions, err) != 0)
		return -1;
	show->producer = kafka_producer_new(&first->world.config->kafka, err);
	if (show->producer == NULL || open_stage(show, first, slice_of(transaction_schema(false)), err) != 0)
		return -1;
	struct buffer schema;
	buffer_init(&schema);
	enricher_schema(&first->world.config->publish, first->world.set, &schema);
	int status = buffer_failed(&schema) ? err_memory(err) : open_stage(show, second, buffer_slice(&schema), err);
	buffer_free(&schema);
	return status;
}

static int remember(struct show *show, const struct transaction *transaction, struct err *err)
{
	if (show->planted_count == show->planted_capacity) {
		size_t capacity = show->planted_capacity == 0 ? 1024 : 2 * show->planted_capacity;
		struct planted *planted = realloc(show->planted, capacity * sizeof *planted);
		if (planted == NULL)
			return err_memory(err);
		show->planted = planted;
		show->planted_capacity = capacity;
	}
	struct planted *planted = &show->planted[show->planted_count++];
	*planted = (struct planted){.alerts = {false, false}};
	memcpy(planted->id, transaction->id, sizeof planted->id);
	memcpy(planted->merchant, transaction->merchant_id, sizeof planted->merchant);
	return 0;
}

static int send_some(struct show *show, struct err *err)
{
	static const uint8_t framing[5] = {0, 0, 0, 0, SCHEMA_ID};
	int64_t warm_ms = simulation_defaults().start_ms + WARM_MS;
	for (int i = 0; i < AT_ONCE; i++) {
		struct transaction transaction;
		if (simulation_next(show->simulation, &transaction, err) != 0)
			return -1;
		buffer_reset(&show->value);
		buffer_add(&show->value, framing, sizeof framing);
		transaction_avro(&show->value, &transaction, NULL);
		const struct message message = {.topic = show->stages[0].world.config->kafka.input_topic,
						.key = slice_of(transaction.card_id),
						.value = buffer_slice(&show->value),
						.timestamp_ms = transaction.arrival_ms};
		if (kafka_producer_send(show->producer, &message, err) != 0)
			return -1;
		show->sent++;
		if (transaction.fraud == FRAUD_MERCHANT_TAKEOVER && !transaction.duplicate &&
		    transaction.time_ms >= warm_ms && remember(show, &transaction, err) != 0)
			return -1;
	}
	return kafka_producer_flush(show->producer, 10000, err);
}

static uint64_t done_of(const struct stage *stage)
{
	const struct metrics *metrics = pipeline_metrics(stage->pipeline);
	uint64_t sum = 0;
	for (size_t i = 0; i < OUTCOME_NUMBER; i++)
		sum += metrics->outcomes[i];
	return sum;
}

/* Turns both loops until all that was sent has come through both. */
static int settle(struct show *show, struct err *err)
{
	struct stage *first = &show->stages[0], *second = &show->stages[1];
	const struct metrics *metrics = pipeline_metrics(first->pipeline);
	while (!*show->stop) {
		uint64_t enriched = metrics->outcomes[OUTCOME_SCORED] - metrics->not_enriched;
		if (done_of(first) >= show->sent && done_of(second) >= enriched)
			return 0;
		if (pipeline_step(first->pipeline, show->stop, err) != 0 ||
		    pipeline_step(second->pipeline, show->stop, err) != 0)
			return -1;
		common_progress_show(&show->progress, done_of(second), "events", done_of(second), EVENTS);
	}
	return 0;
}

/* Counts an alert, and marks the planted payment that it is about. */
static int take_alert(struct show *show, struct stage *stage, const struct record *record)
{
	char id[ID_BYTES] = "";
	const char *mark = memmem(record->value.data, record->value.length, "\"event_id\":\"", 12);
	if (mark != NULL)
		(void)sscanf(mark + 12, "%19[^\"]", id);
	stage->alerts++;
	for (size_t i = 0; i < show->planted_count; i++) {
		if (strcmp(show->planted[i].id, id) != 0)
			continue;
		show->planted[i].alerts[stage->number] = true;
		stage->right++;
	}
	return 0;
}

struct taking {
	struct show *show;
	struct stage *stage;
};

static int take(void *context, const struct record *record, struct err *err)
{
	struct taking *taking = context;
	(void)err;
	return take_alert(taking->show, taking->stage, record);
}

static int read_alerts(struct show *show, struct stage *stage, struct err *err)
{
	const char *topic = stage->world.config->publish.alerts.topic;
	struct kafka_reader *reader = kafka_reader_new(&stage->world.config->kafka, err);
	int32_t count = show->stages[1].world.config->schema.upstream.partitions;
	struct taking taking = {show, stage};
	int status = reader == NULL ? -1 : 0;
	for (int32_t i = 0; i < count && status == 0; i++) {
		struct kafka_range range = {.partition = i};
		status = kafka_reader_bounds(reader, topic, i, &range.from, &range.to, err);
		if (status == 0 && range.to > range.from)
			status = kafka_reader_read(reader, topic, &range, 1, take, &taking, err);
	}
	kafka_reader_free(reader);
	return status;
}

/* Merchants of which enough payments are alerts of a stage, and how many there are. */
static size_t count_found(const struct show *show, size_t stage, size_t *merchants)
{
	size_t found = 0;
	*merchants = 0;
	for (size_t i = 0; i < show->planted_count; i++) {
		size_t payments = 0, alerts = 0, first = show->planted_count;
		for (size_t j = show->planted_count; j-- > 0;) {
			if (strcmp(show->planted[j].merchant, show->planted[i].merchant) != 0)
				continue;
			first = j;
			payments++;
			alerts += show->planted[j].alerts[stage];
		}
		if (first != i)
			continue;
		(*merchants)++;
		found += FOUND_SHARE * alerts >= payments;
	}
	return found;
}

static void print_summary(const struct show *show, int64_t began_us)
{
	char elapsed[32];
	printf("%" PRIu64 " events through both stages in %s; no exactly-once claim: the broker is embedded\n",
	       show->sent, common_elapsed(began_us, elapsed));
	printf("%-10s %8s %24s %26s\n", "stage", "alerts", "compromised merchants", "their payments");
	for (size_t i = 0; i < 2; i++) {
		const struct stage *stage = &show->stages[i];
		char found[32], payments[32];
		size_t merchants, count = count_found(show, i, &merchants);
		snprintf(found, sizeof found, "%zu of %zu", count, merchants);
		snprintf(payments, sizeof payments, "%" PRIu64 " of %zu", stage->right, show->planted_count);
		printf("%-10s %8" PRIu64 " %24s %26s\n", stage->world.config->pipeline, stage->alerts, found, payments);
	}
}

static int run(struct show *show, struct err *err)
{
	int64_t began_us = common_monotonic_us();
	if (open_show(show, err) != 0)
		return -1;
	common_progress_begin(&show->progress, "both stages");
	int status = 0;
	while (status == 0 && show->sent < EVENTS && !*show->stop)
		if (send_some(show, err) != 0 || settle(show, err) != 0)
			status = -1;
	common_progress_end(&show->progress);
	for (size_t i = 0; i < 2 && status == 0; i++)
		status = read_alerts(show, &show->stages[i], err);
	if (status == 0)
		print_summary(show, began_us);
	return status;
}

static void close_stage(struct stage *stage)
{
	if (stage->pipeline != NULL)
		pipeline_close(stage->pipeline);
	pipeline_free(stage->pipeline);
	kafka_source_free(stage->source);
	kafka_sink_free(stage->sink);
	memory_store_free(stage->store);
	world_close(&stage->world);
	if (stage->schema_file[0] != '\0')
		(void)unlink(stage->schema_file);
}

int demo_stages(const char *folder, volatile int *stop, struct err *err)
{
	struct show *show = calloc(1, sizeof *show);
	if (show == NULL)
		return err_memory(err);
	show->folder = folder;
	show->stop = stop;
	show->stages[1].number = 1;
	buffer_init(&show->value);
	int status = run(show, err);
	for (size_t i = 0; i < 2; i++)
		close_stage(&show->stages[i]);
	kafka_producer_free(show->producer);
	kafka_mock_free(show->mock);
	simulation_free(show->simulation);
	buffer_free(&show->value);
	free(show->planted);
	free(show);
	return status;
}
