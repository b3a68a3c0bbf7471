/*
 * What a configuration becomes: values, defaults, files beside it, and the table that all of it comes from. Which files
 * are refused, and why, is data: test_config.c.
 */
#include <jansson.h> /* before json.h, which then keeps its short names to itself */

#include "config/config.h"
#include "config/table.h"
#include "test.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_problem(void *context, const char *path, const char *message)
{
	buffer_add_format(context, "%s%s%s\n", path, *path == '\0' ? "" : ": ", message);
}

static struct config *read_case(const char *name)
{
	struct err err = {0};
	char path[200];
	snprintf(path, sizeof path, "test/data/config/valid/%s.json", name);
	struct config *config = config_read(path, true, NULL, NULL, &err);
	if (config == NULL)
		printf("  %s\n", err.message);
	return config;
}

TEST(what_the_file_says_is_what_modules_get)
{
	struct config *config = read_case("complete");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	EXPECT_TEXT(config->pipeline, "card-fraud");
	EXPECT_TEXT(config->kafka.bootstrap_servers, "127.0.0.1:9092");
	EXPECT_TEXT(config->kafka.transactional_id, "card-fraud.card-fraud-1");
	EXPECT(config->from_earliest);
	EXPECT_INT(config->kafka.property_count, 1); /* the secret's file is not there, and this reads offline */
	EXPECT_TEXT(config->kafka.properties[0].name, "security.protocol");
	EXPECT_TEXT(config->kafka.properties[0].value, "sasl_ssl");
	EXPECT_INT(config->schema_kind, SCHEMA_REGISTRY);
	EXPECT_TEXT(config->registry.urls[0], "http://127.0.0.1:8081");
	EXPECT_TEXT(config->schema.key_path, "card_id");
	EXPECT_INT(config->schema.field_count, 5);
	EXPECT_TEXT(config->schema.fields[1].name, "merchant");
	EXPECT_TEXT(config->schema.fields[1].path, "merchant.id");
	EXPECT_TEXT(config->schema.fields[2].path, "channel");
	EXPECT_INT(config->schema.fields[0].type, FIELD_MONEY);
	EXPECT_INT(config->schema.fields[0].scale, 2);
	EXPECT_INT(config->schema.fields[1].scale, FIELD_SCALE_NONE);
	EXPECT_INT(config->schema.allowed_lateness_ms, 3600000);
	EXPECT_INT(config->schema.max_ahead_ms, 300000);
	EXPECT_INT(config->features.feature_count, 6);
	EXPECT(config->features.schema == &config->schema);
	EXPECT_INT(config->features.features[2].operation, OPERATION_MEAN);
	EXPECT_INT(config->features.features[2].window_ms, INT64_C(30) * 86400000);
	EXPECT(config->features.features[2].include_current);
	EXPECT(config->features.features[4].where[0].same);
	EXPECT_INT(config->features.features[5].where_count, 2);
	EXPECT_TEXT(config->features.features[5].where[0].equals.text, "ATM");
	EXPECT_INT(config->features.features[5].where[1].hours_to, 6);
	EXPECT_INT(config->policy.rule_count, 1);
	EXPECT_TEXT(config->policy.rules[0].features[0].above.text, "900");
	EXPECT_INT(config->policy.rules[0].field_count, 0);
	EXPECT_INT(config->policy.rules[0].expires_ms, INT64_MAX);
	EXPECT_INT(config->policy.cooldown_ms, 600000);
	EXPECT_INT(config->publish.cooldown_ms, 600000);
	EXPECT_INT(config->publish.alerts.format, FORMAT_AVRO);
	EXPECT_INT(config->publish.decisions.format, FORMAT_JSON);
	EXPECT_TEXT(config->publish.late_topic, "transactions.late");
	EXPECT_TEXT(config->publish.dead_letter_topic, "transactions.dlq");
	EXPECT(config->publish.alert_fields == NULL);
	EXPECT(config->privacy.any && config->privacy.entity && !config->privacy.id && config->publish.pseudonymized);
	EXPECT_TEXT(config->model_directory, "test/data/config/valid/models");
	EXPECT_TEXT(config->http_listen, "127.0.0.1:9464");
	EXPECT_TEXT(config->path, "test/data/config/valid/complete.json");
	config_free(config);
}

TEST(every_key_but_the_required_ones_has_a_default)
{
	struct config *config = read_case("least");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	EXPECT_TEXT(config->kafka.group_id, "p");
	EXPECT_TEXT(config->kafka.instance_id, "p-1");
	EXPECT_TEXT(config->kafka.transactional_id, "p.p-1");
	EXPECT_INT(config->kafka.session_timeout_ms, 10000);
	EXPECT_INT(config->kafka.transaction_timeout_ms, 10000);
	EXPECT(config->from_earliest);
	EXPECT_TEXT(config->registry.urls[0], "http://127.0.0.1:8081");
	EXPECT_INT(config->registry.timeout_ms, 5000);
	EXPECT_TEXT(config->schema.key_path, "card_id");
	EXPECT_INT(config->schema.time_unit, TIME_LOGICAL);
	EXPECT_INT(config->schema.partitioner, PARTITIONER_UNCHECKED);
	EXPECT_INT(config->schema.allowed_lateness_ms, 3600000);
	EXPECT_INT(config->schema.max_ahead_ms, 300000);
	EXPECT_INT(config->schema.field_count, 0);
	EXPECT_INT(config->features.max_events, 1024);
	EXPECT_INT(config->state_kind, STATE_REDIS);
	EXPECT_TEXT(config->redis.address, "tcp://127.0.0.1:6379");
	EXPECT_TEXT(config->redis.name_space, "outlierd");
	EXPECT_TEXT(config->redis.topic, "transactions");
	EXPECT_INT(config->on_hole, HOLE_HALT);
	EXPECT_INT(config->policy.threshold.kind, THRESHOLD_QUANTILE);
	EXPECT(config->policy.threshold.value == 0.99);
	EXPECT_INT(config->policy.warming, WARMING_SUPPRESS);
	EXPECT_INT(config->policy.cooldown_ms, 600000);
	EXPECT_TEXT(config->publish.alerts.topic, "alerts");
	EXPECT_INT(config->publish.alerts.format, FORMAT_JSON);
	EXPECT_INT(config->publish.contributions, 5);
	EXPECT(config->publish.decisions.topic == NULL);
	EXPECT_TEXT(config->publish.late_topic, "transactions.late");
	EXPECT_TEXT(config->publish.dead_letter_topic, "transactions.dlq");
	EXPECT(config->limits.dead_letters == 0.2 && config->limits.late == 0.2);
	EXPECT(!config->privacy.any && config->privacy.key.length == 0);
	EXPECT_TEXT(config->http_listen, "127.0.0.1:9464");
	EXPECT_TEXT(config->log_level, "info");
	EXPECT(!config->log_json);
	config_free(config);
}

TEST(numbers_keep_their_decimal_text)
{
	struct config *config = read_case("every_key");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	const struct condition_options *where = config->features.features[0].where;
	EXPECT_TEXT(where[0].above.text, "1");
	EXPECT_TEXT(where[0].below.text, "2.5");
	EXPECT_TEXT(where[0].not_equals.text, "1.5");
	EXPECT_TEXT(config->policy.rules[1].features[0].equals.text, "0.1");
	EXPECT_TEXT(config->policy.rules[0].features[0].below.text, "1000000");
	config_free(config);
}

TEST(civil_offsets_are_steps_from_the_beginning)
{
	struct config *config = read_case("every_key");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	const struct condition_options *where = config->features.features[0].where;
	EXPECT_INT(where[2].utc_offset_count, 2);
	EXPECT_INT(where[2].utc_offsets[0].from_utc_ms, INT64_MIN);
	EXPECT_INT(where[2].utc_offsets[0].offset_ms, 3600000);
	EXPECT_INT(where[2].utc_offsets[1].from_utc_ms, INT64_C(1774746000000));
	EXPECT_INT(where[2].utc_offsets[1].offset_ms, 7200000);
	EXPECT_INT(config->features.features[OPERATION_HOUR].utc_offsets[0].offset_ms, -12600000);
	config_free(config);
}

TEST(every_choice_reaches_its_module)
{
	struct config *config = read_case("every_key");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->features.feature_count; i++)
		EXPECT_INT(config->features.features[i].operation, i);
	EXPECT_INT(config->features.feature_count, OPERATION_NUMBER);
	EXPECT_INT(config->features.features[OPERATION_DECAYED_SUM].half_life_ms, 300000);
	EXPECT_INT(config->features.features[OPERATION_BURST].interval_ms, 3600000);
	EXPECT(!config->from_earliest && config->log_json && config->http_listen == NULL);
	EXPECT_TEXT(config->log_level, "debug");
	EXPECT_INT(config->policy.warming, WARMING_ALERT);
	EXPECT_INT(config->policy.threshold.kind, THRESHOLD_ABSOLUTE);
	EXPECT(config->policy.threshold.value == 0.62);
	EXPECT_INT(config->policy.rules[0].action, RULE_SUPPRESS);
	EXPECT_INT(config->policy.rules[0].feature_count, 2);
	EXPECT_INT(config->policy.rules[0].field_count, 2);
	EXPECT_INT(config->policy.rules[0].expires_ms, INT64_C(1798675200000));
	EXPECT_TEXT(config->policy.rules[1].reason, "two");
	EXPECT_INT(config->on_hole, HOLE_REBUILD);
	EXPECT_INT(config->redis.database, 3);
	EXPECT_INT(config->publish.contributions, 0);
	EXPECT(config->publish.alert_fields != NULL && config->publish.alert_field_count == 0);
	EXPECT(config->publish.late_topic == NULL && config->publish.dead_letter_topic == NULL);
	EXPECT_TEXT(config->kafka.properties[0].value, "5");
	EXPECT_TEXT(config->kafka.properties[1].value, "true");
	EXPECT_INT(config->limits.cache_bytes, 0);
	config_free(config);
	config = read_case("time_unit");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	EXPECT_INT(config->schema.time_unit, TIME_S);
	EXPECT_INT(config->schema.partitioner, PARTITIONER_CRC32);
	EXPECT(config->schema.key_path == NULL);
	EXPECT_INT(config->schema_kind, SCHEMA_FILE);
	EXPECT(config->schema_framed && config->registry.url_count == 0);
	EXPECT_TEXT(config->schema_file, "test/data/config/valid/../invalid/plain.avsc");
	config_free(config);
}

TEST(defaults_of_fields_count_whole_units)
{
	struct config *config = read_case("every_key");
	EXPECT(config != NULL);
	if (config == NULL)
		return;
	const struct field *fields = config->schema.fields;
	int cents = field_find(fields, config->schema.field_count, "cents");
	int name = field_find(fields, config->schema.field_count, "name");
	int flag = field_find(fields, config->schema.field_count, "flag");
	EXPECT(cents >= 0 && fields[cents].minor && fields[cents].fallback.present);
	EXPECT_INT(fields[cents].fallback.units, 50);
	EXPECT(fields[flag].fallback.present && fields[flag].fallback.units == 0);
	EXPECT(slice_equal(fields[name].fallback.text, slice_of("none")));
	EXPECT_INT(fields[name].alias_count, 2);
	EXPECT(!fields[0].fallback.present);
	config_free(config);
}

static struct config *parse_output(const char *output)
{
	struct err err = {0};
	char text[600];
	snprintf(text, sizeof text,
		 "{\"pipeline\": \"p\", \"kafka\": {\"bootstrap_servers\": \"h\", \"input_topic\": \"t\"}, \"event\": "
		 "{\"id\": \"i\", \"time\": \"t\", \"entity\": \"e\"}, \"features\": [{\"name\": \"n\", \"op\": "
		 "\"count\", \"window\": \"1h\"}], \"output\": %s}",
		 output);
	struct config *config = config_parse(slice_of(text), "", true, NULL, NULL, &err);
	EXPECT_TEXT(err.message, "");
	return config;
}

TEST(decisions_without_alerts_are_a_silent_trial)
{
	struct config *config = parse_output("{\"decisions\": {}}");
	EXPECT(config != NULL && config->publish.alerts.topic == NULL);
	EXPECT_TEXT(config->publish.decisions.topic, "decisions");
	config_free(config);
	config = parse_output("{\"decisions\": {\"topic\": \"x\"}, \"alerts\": null}");
	EXPECT(config != NULL && config->publish.alerts.topic == NULL);
	config_free(config);
	config = parse_output("{\"alerts\": {\"topic\": \"x\"}}");
	EXPECT_TEXT(config->publish.alerts.topic, "x");
	EXPECT(config->publish.decisions.topic == NULL);
	EXPECT_TEXT(config->model_directory, "models");
	config_free(config);
}

TEST(instance_can_be_given_another_name)
{
	struct err err = {0};
	struct config *config = parse_output("{}");
	EXPECT_INT(config_set_instance(config, "card-2", &err), 0);
	EXPECT_TEXT(config->kafka.instance_id, "card-2");
	EXPECT_TEXT(config->kafka.transactional_id, "p.card-2");
	EXPECT_INT(config_set_instance(config, "a b", &err), -1);
	EXPECT_TEXT(err.message, "\"a b\" is not a name of an instance: up to 100 letters, digits, '.', '_' and '-'");
	EXPECT_INT(err_exit_status(&err), 64);
	EXPECT_TEXT(config->kafka.instance_id, "card-2");
	config_free(config);
}

/* A folder with a configuration that needs secrets, and one for $CREDENTIALS_DIRECTORY. */
struct folders {
	char base[64], configuration[128], credentials[128];
};

static void put(const char *folder, const char *name, const char *content)
{
	char path[300];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	EXPECT(file != NULL);
	if (file == NULL)
		return;
	EXPECT(fputs(content, file) >= 0);
	EXPECT_INT(fclose(file), 0);
}

static const char secret_configuration[] =
    "{\"pipeline\": \"p\", \"kafka\": {\"bootstrap_servers\": \"h\", \"input_topic\": \"t\", \"properties\": "
    "{\"client.id\": \"c\"}, \"properties_files\": {\"sasl.password\": \"kafka-password\"}}, \"schema\": {\"user\": "
    "\"u\", \"password_file\": \"registry-password\", \"ca_file\": \"ca.pem\"}, \"event\": {\"id\": \"i\", \"time\": "
    "\"t\", \"entity\": \"e\"}, \"features\": [{\"name\": \"n\", \"op\": \"count\", \"window\": \"1h\"}], \"state\": "
    "{\"redis\": {\"password_file\": \"redis-password\"}}, \"privacy\": {\"key_file\": \"key\", \"pseudonymize\": "
    "[\"entity\", \"id\"]}}";

static void make_folders(struct folders *folders)
{
	snprintf(folders->base, sizeof folders->base, "/tmp/outlierd-config-XXXXXX");
	EXPECT(mkdtemp(folders->base) != NULL);
	snprintf(folders->configuration, sizeof folders->configuration, "%s/etc", folders->base);
	snprintf(folders->credentials, sizeof folders->credentials, "%s/credentials", folders->base);
	EXPECT(mkdir(folders->configuration, 0700) == 0 && mkdir(folders->credentials, 0700) == 0);
	put(folders->configuration, "config.json", secret_configuration);
}

static void remove_folders(const struct folders *folders)
{
	char command[200];
	snprintf(command, sizeof command, "rm -rf '%s'", folders->base);
	EXPECT_INT(system(command), 0);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static struct config *read_secrets(const struct folders *folders, bool offline, struct buffer *problems)
{
	struct err err = {0};
	char path[200];
	snprintf(path, sizeof path, "%s/config.json", folders->configuration);
	buffer_init(problems);
	struct config *config = config_read(path, offline, add_problem, problems, &err);
	buffer_add_byte(problems, 0);
	return config;
}

TEST(secrets_come_from_files)
{
	struct folders folders;
	struct buffer problems;
	make_folders(&folders);
	put(folders.configuration, "kafka-password", "from the folder\n");
	put(folders.credentials, "kafka-password", "from the credentials\r\n");
	put(folders.configuration, "registry-password", "pass word");
	put(folders.configuration, "redis-password", "p\n");
	put(folders.configuration, "key", "0123456789abcdef\n");
	put(folders.configuration, "ca.pem", "-");
	setenv("CREDENTIALS_DIRECTORY", folders.credentials, 1);
	struct config *config = read_secrets(&folders, false, &problems);
	EXPECT_TEXT((const char *)problems.data, "");
	EXPECT(config != NULL);
	if (config != NULL) {
		char ca[200];
		snprintf(ca, sizeof ca, "%s/ca.pem", folders.configuration);
		EXPECT_INT(config->kafka.property_count, 2);
		EXPECT_TEXT(config->kafka.properties[1].name, "sasl.password");
		EXPECT_TEXT(config->kafka.properties[1].value, "from the credentials");
		EXPECT_TEXT(config->registry.password, "pass word");
		EXPECT_TEXT(config->registry.ca_file, ca);
		EXPECT_TEXT(config->redis.password, "p");
		EXPECT(slice_equal(config->privacy.key, slice_of("0123456789abcdef\n"))); /* a key is bytes, not text */
		EXPECT(config->privacy.entity && config->privacy.id);
	}
	config_free(config);
	buffer_free(&problems);
	remove_folders(&folders);
}

TEST(missing_secrets_are_problems_where_they_are_needed)
{
	struct folders folders;
	struct buffer problems;
	char wanted[2000];
	make_folders(&folders);
	put(folders.configuration, "ca.pem", "-");
	put(folders.configuration, "redis-password", "\n");
	put(folders.configuration, "key", "");
	struct config *config = read_secrets(&folders, false, &problems);
	snprintf(wanted, sizeof wanted,
		 "kafka.properties_files[\"sasl.password\"]: \"%s/kafka-password\" cannot be read: No such file or "
		 "directory\n"
		 "schema.password_file: \"%s/registry-password\" cannot be read: No such file or directory\n"
		 "state.redis.password_file: the file holds no text\n"
		 "privacy.key_file: \"%s/key\" is empty\n",
		 folders.configuration, folders.configuration, folders.configuration);
	EXPECT(config == NULL);
	EXPECT_TEXT((const char *)problems.data, wanted);
	buffer_free(&problems);
	remove_folders(&folders);
	make_folders(&folders);
	config = read_secrets(&folders, true, &problems);
	EXPECT(config != NULL);
	EXPECT_TEXT((const char *)problems.data, "");
	config_free(config);
	buffer_free(&problems);
	remove_folders(&folders);
}

TEST(first_problem_stands_in_the_error)
{
	struct err err = {0};
	EXPECT(config_parse(slice_of("{}"), "", true, NULL, NULL, &err) == NULL);
	EXPECT_TEXT(err.message, "4 problems; the first: pipeline: is missing; write a name, such as \"card-fraud\"");
	err_clear(&err);
	EXPECT(config_parse(slice_of("{"), "", true, NULL, NULL, &err) == NULL);
	EXPECT_TEXT(err.message, "line 1, column 1: string or '}' expected near end of file");
	err_clear(&err);
	EXPECT(config_read("/nonexistent/x.json", true, NULL, NULL, &err) == NULL);
	EXPECT_TEXT(err.message, "/nonexistent/x.json: cannot be opened: No such file or directory");
	EXPECT_INT(err_exit_status(&err), 78);
}

TEST(huge_file_is_refused)
{
	struct folders folders;
	struct err err = {0};
	char path[200], wanted[300];
	make_folders(&folders);
	snprintf(path, sizeof path, "%s/config.json", folders.configuration);
	FILE *file = fopen(path, "wb");
	for (int i = 0; i < (1 << 20) + 1; i++)
		EXPECT(fputc(' ', file) == ' ');
	EXPECT_INT(fclose(file), 0);
	EXPECT(config_read(path, true, NULL, NULL, &err) == NULL);
	snprintf(wanted, sizeof wanted, "%s: is larger than 1048576 bytes", path);
	EXPECT_TEXT(err.message, wanted);
	remove_folders(&folders);
}

TEST(operations_of_the_table_are_those_of_the_features)
{
	const char key[] = "op";
	const struct config_row *row = config_table_member("features[]", key, strlen(key));
	EXPECT(row != NULL);
	for (size_t i = 0; i < OPERATION_NUMBER; i++)
		EXPECT_TEXT(row->choices[i], operation_name((enum operation)i));
	EXPECT(row->choices[OPERATION_NUMBER] == NULL);
}

TEST(rows_are_unique_explained_and_in_their_container)
{
	size_t count;
	const struct config_row *rows = config_table(&count);
	for (size_t i = 0; i < count; i++) {
		size_t seen = 0;
		char container[200] = "";
		for (size_t j = 0; j < count; j++)
			seen += strcmp(rows[i].path, rows[j].path) == 0;
		EXPECT_INT(seen, 1);
		EXPECT(rows[i].help != NULL && rows[i].help[strlen(rows[i].help) - 1] == '.');
		const char *dot = strrchr(rows[i].path, '.');
		if (dot == NULL)
			continue;
		snprintf(container, sizeof container, "%.*s", (int)(dot - rows[i].path), rows[i].path);
		bool found = false;
		for (size_t j = 0; j < i && !found; j++) {
			char inside[200];
			config_table_container(&rows[j], inside, sizeof inside);
			found = strcmp(inside, container) == 0;
		}
		if (!found)
			printf("  %s\n", rows[i].path);
		EXPECT(found);
	}
}

/* Every allocation of the JSON reader fails once: an error, never a crash or a leak. */
static long allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

TEST(failing_allocations_are_errors)
{
	struct config *config = NULL;
	long total = 0;
	json_set_alloc_funcs(failing_malloc, free);
	for (; config == NULL && total < 100000; total++) {
		struct err err = {0};
		allocations_left = total;
		config = config_read("test/data/config/valid/complete.json", true, NULL, NULL, &err);
		EXPECT((config == NULL) == err_is_set(&err));
		/* jansson takes a token that found no memory for a damaged one. */
		EXPECT(config != NULL || err.code == ERR_MEMORY || err.code == ERR_CONFIG);
	}
	json_set_alloc_funcs(malloc, free);
	EXPECT(config != NULL && total > 100);
	config_free(config);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(what_the_file_says_is_what_modules_get),
					CASE(every_key_but_the_required_ones_has_a_default),
					CASE(numbers_keep_their_decimal_text),
					CASE(civil_offsets_are_steps_from_the_beginning),
					CASE(every_choice_reaches_its_module),
					CASE(defaults_of_fields_count_whole_units),
					CASE(decisions_without_alerts_are_a_silent_trial),
					CASE(instance_can_be_given_another_name),
					CASE(secrets_come_from_files),
					CASE(missing_secrets_are_problems_where_they_are_needed),
					CASE(first_problem_stands_in_the_error),
					CASE(huge_file_is_refused),
					CASE(operations_of_the_table_are_those_of_the_features),
					CASE(rows_are_unique_explained_and_in_their_container),
					CASE(failing_allocations_are_errors),
					{0}},
			argc, argv);
}
