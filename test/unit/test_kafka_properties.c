#include "daemon/io/kafka.h"
#include "test/unit/test.h"

#include <librdkafka/rdkafka.h>

static const struct log silent = {.level = LOG_LEVEL_ERROR};

static struct kafka_options options_with(const struct kafka_property *properties, size_t count)
{
	return (struct kafka_options){
	    .bootstrap_servers = "127.0.0.1:1",
	    .input_topic = "in",
	    .group_id = "group",
	    .instance_id = "one",
	    .transactional_id = "pipeline.one",
	    .properties = properties,
	    .property_count = count,
	    .session_timeout_ms = 10000,
	    .transaction_timeout_ms = 10000,
	    .log = &silent,
	};
}

static int producer_with(const char *name, const char *value, struct err *err)
{
	const struct kafka_property property = {name, value};
	const struct kafka_options options = options_with(&property, 1);
	struct kafka_producer *producer = kafka_producer_new(&options, err);
	kafka_producer_free(producer);
	return producer == NULL ? -1 : 0;
}

TEST(what_the_protocol_relies_on_is_refused_with_a_reason)
{
	static const char *const names[] = {
	    "isolation.level",
	    "enable.auto.commit",
	    "auto.commit.enable",
	    "enable.auto.offset.store",
	    "auto.offset.reset",
	    "transactional.id",
	    "transaction.timeout.ms",
	    "enable.idempotence",
	    "acks",
	    "request.required.acks",
	    "max.in.flight",
	    "max.in.flight.requests.per.connection",
	    "group.id",
	    "group.instance.id",
	    "group.protocol",
	    "session.timeout.ms",
	    "bootstrap.servers",
	    "metadata.broker.list",
	    "partition.assignment.strategy",
	    "partitioner",
	    "retries",
	    "log_cb",
	    "rebalance_cb",
	    "opaque",
	    "test.mock.num.brokers",
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *reason = kafka_property_refused(names[i]);
		EXPECT(reason != NULL && strlen(reason) > 10);
		if (reason == NULL)
			printf("  %s is not refused\n", names[i]);
	}
	EXPECT_TEXT(kafka_property_refused("isolation.level"),
		    "an offset whose commit is pending must not be read: read_committed always");
}

TEST(what_is_a_matter_of_taste_is_allowed)
{
	static const char *const names[] = {"security.protocol",
					    "sasl.password",
					    "sasl.mechanisms",
					    "ssl.ca.location",
					    "linger.ms",
					    "compression.type",
					    "fetch.wait.max.ms",
					    "client.id",
					    "message.max.bytes",
					    "debug",
					    "no.such.property",
					    "",
					    "Acks"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		EXPECT(kafka_property_refused(names[i]) == NULL);
}

/* A name that librdkafka drops, or an alias it adds, must not slip through unnoticed. */
TEST(every_alias_of_a_refused_property_is_refused_too)
{
	size_t count = 0;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char **dump = rd_kafka_conf_dump(conf, &count);
	for (size_t i = 0; i + 1 < count; i += 2) {
		if (kafka_property_refused(dump[i]) != NULL)
			continue;
		EXPECT(strstr(dump[i], "idempotence") == NULL && strstr(dump[i], "transaction") == NULL);
		EXPECT(strstr(dump[i], "auto.commit") == NULL && strstr(dump[i], "group.") == NULL);
		EXPECT(strstr(dump[i], "in.flight") == NULL && strstr(dump[i], "isolation") == NULL);
	}
	rd_kafka_conf_dump_free(dump, count);
	rd_kafka_conf_destroy(conf);
}

TEST(a_refused_property_stops_every_client)
{
	struct err err = {.code = ERR_NONE};
	EXPECT_INT(producer_with("acks", "1", &err), -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_TEXT(err.message,
		    "kafka.properties.acks may not be set: exactly once and the order of alerts rest on an "
		    "idempotent producer with acks=all");
	const struct kafka_property property = {"isolation.level", "read_uncommitted"};
	const struct kafka_options options = options_with(&property, 1);
	const struct source_listener listener = {NULL, NULL, NULL};
	err_clear(&err);
	struct kafka_source *kafka = kafka_source_new(&options, &err);
	struct source source = kafka_source_port(kafka);
	EXPECT_INT(source.open(source.self, &listener, &err), -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_INT(err_exit_status(&err), 78);
	kafka_source_free(kafka);
	err_clear(&err);
	struct kafka_sink *kafka_sink = kafka_sink_new(&options, &err);
	struct sink sink = kafka_sink_port(kafka_sink);
	EXPECT_INT(sink.open(sink.self, &err), -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	kafka_sink_free(kafka_sink);
}

TEST(unknown_names_and_values_are_refused_in_librdkafkas_words)
{
	struct err err = {.code = ERR_NONE};
	EXPECT_INT(producer_with("liger.ms", "5", &err), -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT_TEXT(err.message, "kafka.properties.liger.ms: No such configuration property: \"liger.ms\"");
	err_clear(&err);
	EXPECT_INT(producer_with("linger.ms", "soon", &err), -1);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT(strstr(err.message, "kafka.properties.linger.ms: ") == err.message);
	err_clear(&err);
	EXPECT_INT(producer_with("security.protocol", "sasl_tls", &err), -1);
	EXPECT_TEXT(err.message,
		    "kafka.properties.security.protocol: Invalid value \"sasl_tls\" for configuration property "
		    "\"security.protocol\"");
	err_clear(&err);
	EXPECT_INT(producer_with("sasl.password", "geheim", &err), 0); /* of the consumer too; unused without SASL */
	EXPECT_INT(producer_with("fetch.wait.max.ms", "50", &err), 0); /* of consumers only: librdkafka warns */
	EXPECT_TEXT(err.message, "");
}

TEST(properties_that_contradict_each_other_are_a_configuration_error)
{
	struct err err = {.code = ERR_NONE};
	EXPECT_INT(producer_with("ssl.ca.location", "/no/such/file", &err), 0); /* looked at only with TLS */
	const struct kafka_property properties[] = {{"security.protocol", "ssl"}, {"ssl.ca.location", "/no/such/file"}};
	const struct kafka_options options = options_with(properties, 2);
	EXPECT(kafka_producer_new(&options, &err) == NULL);
	EXPECT_INT(err.code, ERR_CONFIG);
	EXPECT(strstr(err.message, "kafka producer: ") == err.message);
}

TEST(trouble_is_logged_once_through_the_daemons_log)
{
	char *text = NULL;
	size_t length = 0;
	struct err err = {.code = ERR_NONE};
	const struct log log = {.stream = open_memstream(&text, &length), .level = LOG_LEVEL_INFO};
	const struct kafka_property of_consumers = {"fetch.wait.max.ms", "50"};
	struct kafka_options options = options_with(&of_consumers, 1);
	options.log = &log;
	struct kafka_producer *producer = kafka_producer_new(&options, &err);
	const struct message message = {.topic = "t", .value = slice_of("secret"), .timestamp_ms = -1};
	EXPECT_INT(kafka_producer_send(producer, &message, &err), 0);
	EXPECT_INT(kafka_producer_flush(producer, 1500, &err), -1);
	kafka_producer_free(producer);
	fclose(log.stream);
	const char *first = strstr(text, "warning kafka producer: FAIL: ");
	EXPECT(first != NULL);
	EXPECT(first != NULL && strstr(first + 30, "FAIL: ") == NULL);
	EXPECT(strstr(text, "Connection refused") != NULL);
	EXPECT(strstr(text, "fetch.wait.max.ms") == NULL);
	EXPECT(strstr(text, "secret") == NULL);
	size_t lines = 0;
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	EXPECT(lines <= 2);
	printf("%s", test_failures > 0 ? text : "");
	free(text);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
	    CASE(what_the_protocol_relies_on_is_refused_with_a_reason),
	    CASE(what_is_a_matter_of_taste_is_allowed),
	    CASE(every_alias_of_a_refused_property_is_refused_too),
	    CASE(a_refused_property_stops_every_client),
	    CASE(unknown_names_and_values_are_refused_in_librdkafkas_words),
	    CASE(properties_that_contradict_each_other_are_a_configuration_error),
	    CASE(trouble_is_logged_once_through_the_daemons_log),
	    {0},
	};
	return test_run(tests, argc, argv);
}
