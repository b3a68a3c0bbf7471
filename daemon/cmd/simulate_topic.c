#include "daemon/cmd/simulate_topic.h"

#include "daemon/cmd/common.h"
#include "daemon/io/system_clock.h"

#include <stdlib.h>
#include <time.h>

#define REGISTRY_TIMEOUT_MS 10000
#define REGISTRY_PATIENCE_US 30000000 /* how long a registry that is away is asked again */
#define REGISTRY_PAUSE_MS 200
#define FLUSH_MS 60000
#define SUBJECT_SUFFIX "-value"
#define FRAME_BYTES 5
#define PACE_PAUSE_US 2000 /* shorter waits are put off until they add up */

struct simulate_topic {
	struct simulate_topic_options options;
	struct config *config; /* NULL: none */
	struct kafka_producer *producer;
	struct log log;
	struct buffer value;
	bool framed;
	int32_t schema_id;
	uint64_t sent;
	int64_t started_us;
};

static void pause_us(int64_t us)
{
	struct timespec span = {us / 1000000, us % 1000000 * 1000};
	(void)nanosleep(&span, NULL);
}

/* The schema under TOPIC-value; a registry that is away is asked again for a while. */
static int register_at(struct simulate_topic *to, const struct registry_options *options, struct err *err)
{
	const char *schema = to->options.schema;
	char subject[512];
	int length = snprintf(subject, sizeof subject, "%s" SUBJECT_SUFFIX, to->options.topic);
	if (length < 0 || (size_t)length >= sizeof subject)
		return err_set(err, ERR_USAGE, "--to-topic: a name too long");
	struct registry *registry = registry_new(options, err);
	if (registry == NULL)
		return -1;
	int64_t until_us = common_monotonic_us() + REGISTRY_PATIENCE_US;
	enum registry_answer answer;
	while ((answer = registry_register(registry, subject, slice_of(schema), &to->schema_id, err)) ==
	       REGISTRY_AWAY) {
		if (err->code == ERR_CONFIG || common_monotonic_us() > until_us)
			break;
		err_clear(err);
		pause_us(REGISTRY_PAUSE_MS * 1000);
	}
	registry_free(registry);
	if (answer != REGISTRY_FOUND)
		return -1;
	fprintf(stderr, "schema %d registered as %s\n", (int)to->schema_id, subject);
	return 0;
}

static int find_schema(struct simulate_topic *to, struct err *err)
{
	struct clock clock = system_clock();
	const char *urls[] = {to->options.registry_url};
	struct registry_options options = {.timeout_ms = REGISTRY_TIMEOUT_MS};
	if (to->config != NULL)
		options = to->config->registry;
	if (to->options.registry_url != NULL) {
		options.urls = urls;
		options.url_count = 1;
	}
	options.monotonic_us = clock.monotonic_us;
	options.clock = clock.self;
	to->schema_id = (int32_t)to->options.schema_id;
	to->framed = to->config == NULL || to->config->schema_kind == SCHEMA_REGISTRY || to->config->schema_framed;
	return options.url_count == 0 ? 0 : register_at(to, &options, err);
}

static int connect(struct simulate_topic *to, struct err *err)
{
	struct kafka_options options = {0};
	if (to->config != NULL)
		options = to->config->kafka;
	if (to->options.bootstrap_servers != NULL)
		options.bootstrap_servers = to->options.bootstrap_servers;
	if (options.bootstrap_servers == NULL)
		return err_set(err, ERR_USAGE, "--to-topic needs --bootstrap-servers or --config");
	to->log = (struct log){.stream = stderr, .level = LOG_LEVEL_WARNING};
	options.log = &to->log;
	to->producer = kafka_producer_new(&options, err);
	return to->producer == NULL ? -1 : 0;
}

struct simulate_topic *simulate_topic_new(const struct simulate_topic_options *options, struct err *err)
{
	struct simulate_topic *to = calloc(1, sizeof *to);
	if (to == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	to->options = *options;
	buffer_init(&to->value);
	if (options->config != NULL) {
		to->config = common_config(options->config, false, err);
		if (to->config == NULL)
			goto free_topic;
	}
	if (connect(to, err) == 0 && find_schema(to, err) == 0) {
		to->started_us = common_monotonic_us();
		return to;
	}
free_topic:
	simulate_topic_free(to);
	return NULL;
}

/* Waits until the record that comes next is due. */
static void pace(const struct simulate_topic *to)
{
	if (to->options.rate <= 0)
		return;
	int64_t due_us = to->started_us + (int64_t)((double)to->sent / to->options.rate * 1e6);
	int64_t wait_us = due_us - common_monotonic_us();
	if (wait_us >= PACE_PAUSE_US)
		pause_us(wait_us);
}

int simulate_topic_send(struct simulate_topic *to, struct slice key, struct slice body, int64_t timestamp_ms,
			struct err *err)
{
	uint32_t id = (uint32_t)to->schema_id;
	const uint8_t frame[FRAME_BYTES] = {0, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
					    (uint8_t)id};
	buffer_reset(&to->value);
	if (to->framed)
		buffer_add(&to->value, frame, sizeof frame);
	buffer_add(&to->value, body.data, body.length);
	if (buffer_failed(&to->value))
		return err_memory(err);
	pace(to);
	to->sent++;
	const struct message message = {
	    .topic = to->options.topic,
	    .key = key,
	    .value = buffer_slice(&to->value),
	    .timestamp_ms = timestamp_ms,
	};
	return kafka_producer_send(to->producer, &message, err);
}

int simulate_topic_end(struct simulate_topic *to, struct err *err)
{
	return kafka_producer_flush(to->producer, FLUSH_MS, err);
}

void simulate_topic_free(struct simulate_topic *to)
{
	if (to == NULL)
		return;
	kafka_producer_free(to->producer);
	config_free(to->config);
	buffer_free(&to->value);
	free(to);
}
