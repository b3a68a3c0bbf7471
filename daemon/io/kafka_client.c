#include "daemon/io/kafka_client.h"

#include <assert.h>
#include <time.h>

#define TEXT_BYTES 512

int64_t kafka_client_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct kafka_client_kind *kind_of(struct kafka_client *client, const char *name)
{
	for (unsigned i = 0; i < KAFKA_CLIENT_KINDS; i++)
		if (strncmp(client->kinds[i].name, name, sizeof client->kinds[i].name - 1) == 0)
			return &client->kinds[i];
	struct kafka_client_kind *kind = &client->kinds[client->next_kind++ % KAFKA_CLIENT_KINDS];
	*kind = (struct kafka_client_kind){.until_ms = 0};
	strncpy(kind->name, name, sizeof kind->name - 1);
	return kind;
}

void kafka_client_report(struct kafka_client *client, enum log_level level, const char *name, const char *text)
{
	if (level > LOG_LEVEL_WARNING) {
		log_write(client->log, level, "kafka %s: %s: %s", client->name, name, text);
		return;
	}
	struct kafka_client_kind *kind = kind_of(client, name);
	int64_t now_ms = kafka_client_now_ms();
	if (now_ms < kind->until_ms) {
		kind->hidden++;
		return;
	}
	if (kind->hidden > 0)
		log_write(client->log, level, "kafka %s: %s: %s (%u more like it since the last)", client->name, name,
			  text, kind->hidden);
	else
		log_write(client->log, level, "kafka %s: %s: %s", client->name, name, text);
	kind->until_ms = now_ms + KAFKA_CLIENT_QUIET_MS;
	kind->hidden = 0;
}

/* librdkafka writes a broker that is away at the level of errors; for us that is back-pressure, so at most a warning. */
static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	static const enum log_level levels[] = {LOG_LEVEL_ERROR,   LOG_LEVEL_ERROR,  LOG_LEVEL_ERROR, LOG_LEVEL_WARNING,
						LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO,  LOG_LEVEL_DEBUG};
	struct kafka_client *client = rd_kafka_opaque(handle);
	assert(level >= 0 && level <= 7);
	/* The user's properties go to every handle; that one does not need them is no news. */
	bool other_side = strstr(text, "property and will be ignored") != NULL;
	kafka_client_report(client, other_side ? LOG_LEVEL_DEBUG : levels[level], facility, text);
}

static void on_error(rd_kafka_t *handle, int code, const char *text, void *opaque)
{
	struct kafka_client *client = opaque;
	(void)handle;
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		client->fatal = true;
		return; /* the next call returns it */
	}
	/* Of one broker's trouble librdkafka has written a log line too. */
	bool written = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__RESOLVE ||
		       code == RD_KAFKA_RESP_ERR__SSL || code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
	kafka_client_report(client, written ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
			    rd_kafka_err2name((rd_kafka_resp_err_t)code), text);
}

static int set(rd_kafka_conf_t *conf, const struct kafka_property *property, const char *where, struct err *err)
{
	char text[TEXT_BYTES];
	if (rd_kafka_conf_set(conf, property->name, property->value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, ERR_CONFIG, "%s%s: %s", where, property->name, text);
}

static int set_all(rd_kafka_conf_t *conf, const struct kafka_client_setup *setup, struct err *err)
{
	static const struct kafka_property log_queue = {"log.queue", "true"};
	const struct kafka_options *options = setup->options;
	const struct kafka_property servers = {"bootstrap.servers", options->bootstrap_servers};
	for (size_t i = 0; i < setup->default_count; i++)
		if (set(conf, &setup->defaults[i], "kafka: ", err) != 0)
			return -1;
	for (size_t i = 0; i < options->property_count; i++) {
		const char *reason = kafka_property_refused(options->properties[i].name);
		if (reason != NULL)
			return err_set(err, ERR_CONFIG, "kafka.properties.%s may not be set: %s",
				       options->properties[i].name, reason);
		if (set(conf, &options->properties[i], "kafka.properties.", err) != 0)
			return -1;
	}
	for (size_t i = 0; i < setup->required_count; i++)
		if (set(conf, &setup->required[i], "kafka: ", err) != 0)
			return -1;
	if (set(conf, &servers, "kafka: ", err) != 0)
		return -1;
	return set(conf, &log_queue, "kafka: ", err);
}

int kafka_client_open(struct kafka_client *client, const char *name, const struct kafka_client_setup *setup,
		      struct err *err)
{
	assert(client->handle == NULL);
	client->log = setup->options->log;
	client->name = name;
	client->fatal = false;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[TEXT_BYTES];
	if (set_all(conf, setup, err) != 0)
		goto free_conf;
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	if (setup->rebalance != NULL)
		rd_kafka_conf_set_rebalance_cb(conf, setup->rebalance);
	if (setup->delivered != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, setup->delivered);
	client->handle = rd_kafka_new(setup->type, conf, text, sizeof text);
	if (client->handle == NULL) {
		err_set(err, ERR_CONFIG, "kafka %s: %s", name, text);
		goto free_conf;
	}
	rd_kafka_set_log_queue(client->handle, NULL);
	return 0;
free_conf:
	rd_kafka_conf_destroy(conf);
	return -1;
}

void kafka_client_close(struct kafka_client *client)
{
	if (client->handle == NULL)
		return;
	/* A consumer's queue also holds records and rebalances, which nobody wants any more. */
	if (rd_kafka_type(client->handle) == RD_KAFKA_PRODUCER)
		rd_kafka_poll(client->handle, 0);
	rd_kafka_destroy_flags(client->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	client->handle = NULL;
}

/* What the user needs, where the broker misses it; NULL: that is not the trouble. */
static const char *needed(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return "Read on the input topic and Write on every output topic";
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		return "Read on the group";
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		return "Write on the transactional id";
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return "IdempotentWrite on the cluster";
	default:
		return NULL;
	}
}

bool kafka_client_forbidden(rd_kafka_resp_err_t code)
{
	return needed(code) != NULL;
}

int kafka_client_fail(struct err *err, enum err_code code, enum err_action action, rd_kafka_resp_err_t from,
		      const char *what, const char *text)
{
	if (text == NULL)
		text = rd_kafka_err2str(from);
	if (needed(from) != NULL)
		return err_set_action(err, code, action,
				      "kafka %s: %s (%s); the user needs %s (docs/operations.md, least permissions)",
				      what, text, rd_kafka_err2name(from), needed(from));
	return err_set_action(err, code, action, "kafka %s: %s (%s)", what, text, rd_kafka_err2name(from));
}

bool kafka_client_fenced(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
		return true;
	default:
		return false;
	}
}

int kafka_client_fatal(struct kafka_client *client, enum err_action action, struct err *err)
{
	char text[TEXT_BYTES];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(client->handle, text, sizeof text);
	assert(code != RD_KAFKA_RESP_ERR_NO_ERROR);
	return kafka_client_fail(err, kafka_client_fenced(code) ? ERR_FENCED : ERR_UNAVAILABLE, action, code,
				 client->name, text);
}
