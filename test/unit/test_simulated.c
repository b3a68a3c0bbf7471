/* The simulations of portfolios and trades: the same bytes everywhere, order of arrival, duplicates, planted anomalies. */
#include <jansson.h>

#include "daemon/cmd/cmd.h"
#include "daemon/cmd/simulated.h"
#include "sha256.h"
#include "test/unit/files.h"

#include <math.h>

#define EVENTS 60000
#define HOUR_MS INT64_C(3600000)

static const char *const kinds[] = {"portfolio", "trades"};
#define KINDS (sizeof kinds / sizeof *kinds)

static struct simulation_options options_of(uint64_t seed)
{
	struct simulation_options options = simulation_defaults();
	options.seed = seed;
	options.events = EVENTS;
	options.fraud_rate = 0.02;
	return options;
}

/* All events of a run; freed by the caller. */
static struct simulated_event *simulate(const char *kind, const struct simulation_options *options)
{
	struct err err = {0};
	struct simulated_stream *stream = simulated_open(simulated_kind_of(kind), options, &err);
	struct simulated_event *events = calloc(EVENTS, sizeof *events);
	EXPECT(stream != NULL && events != NULL);
	for (size_t i = 0; i < EVENTS; i++)
		EXPECT(simulated_next(stream, &events[i], &err) == 0);
	simulated_close(stream);
	return events;
}

static void hash_of(const char *kind, uint64_t seed, enum event_file_format format, char hex[SHA256_HEX])
{
	struct simulation_options options = options_of(seed);
	struct simulated_event *events = simulate(kind, &options);
	struct buffer bytes;
	buffer_init(&bytes);
	for (size_t i = 0; i < EVENTS; i++)
		simulated_write(&bytes, simulated_kind_of(kind), format, &events[i], NULL);
	sha256_hex(buffer_slice(&bytes), hex);
	buffer_free(&bytes);
	free(events);
}

/* The bytes are a contract: whoever names a seed means these. A change of the simulation changes these lines too. */
TEST(same_seed_same_bytes_on_every_machine)
{
	static const struct {
		const char *kind;
		enum event_file_format format;
		const char *hash;
	} cases[] = {
	    {"portfolio", EVENT_FILE_CSV, "6c1ab74b0e2ec722f9afd3c74bf7be47153d2871f5e62ceafd546ef6f00fa84d"},
	    {"portfolio", EVENT_FILE_JSONL, "1f6d08a09d4a51258fba19053d86f28f06e1e10de73b63c0c1d7617fab85f081"},
	    {"portfolio", EVENT_FILE_AVRO, "dc915f07f5c9df8b07b8a7c6c25d955d506f4b1e03b3097ea1e2ea3723af6d46"},
	    {"trades", EVENT_FILE_CSV, "1547bc0e14691f2a918ed60e8d3bd965b8f61acd450a2f5c8b92104cbee5113f"},
	    {"trades", EVENT_FILE_JSONL, "9f7763b10902e5e60d5484b421d443500adaa73953f8587ee02ebe7e01375d25"},
	    {"trades", EVENT_FILE_AVRO, "525669fa55f6fdc5379c737850fa72a4d64d1979bbd4d3c90c18eb4b936e1060"},
	};
	char hex[SHA256_HEX], other[SHA256_HEX];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		hash_of(cases[i].kind, 1, cases[i].format, hex);
		EXPECT_TEXT(hex, cases[i].hash);
		hash_of(cases[i].kind, 2, cases[i].format, other);
		EXPECT(strcmp(hex, other) != 0);
	}
}

static int by_id(const void *a, const void *b)
{
	int64_t left = ((const struct simulated_event *)a)->row.values[0],
		right = ((const struct simulated_event *)b)->row.values[0];
	return (left > right) - (left < right);
}

/* Late ones come after their time, nothing goes back, and a duplicate differs in its arrival alone. */
TEST(arrivals_are_in_order_and_duplicates_the_same_event_again)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct simulation_options options = options_of(3);
		options.late_rate = 0.05;
		options.duplicate_rate = 0.02;
		struct simulated_event *all = simulate(kinds[kind], &options);
		size_t late = 0, back = 0, wrong = 0, duplicates = 0, pairs = 0, differ = 0;
		for (size_t i = 0; i < EVENTS; i++) {
			int64_t delay_ms = all[i].arrival_ms - all[i].row.time_ms;
			back += i > 0 && all[i].arrival_ms < all[i - 1].arrival_ms;
			duplicates += all[i].duplicate;
			if (all[i].duplicate)
				continue;
			late += all[i].late;
			wrong += all[i].late ? delay_ms < 60000 || delay_ms > 7 * HOUR_MS : delay_ms != 0;
			wrong += all[i].row.values[1] != all[i].row.time_ms;
		}
		qsort(all, EVENTS, sizeof *all, by_id);
		for (size_t i = 1; i < EVENTS; i++) {
			if (by_id(&all[i], &all[i - 1]) != 0)
				continue;
			pairs++;
			differ += memcmp(all[i].row.values, all[i - 1].row.values, sizeof all[i].row.values) != 0 ||
				  all[i].label != all[i - 1].label || all[i].duplicate == all[i - 1].duplicate;
		}
		EXPECT_INT(back, 0);
		EXPECT_INT(wrong, 0);
		EXPECT_INT(pairs, duplicates);
		EXPECT_INT(differ, 0);
		EXPECT(fabs((double)late / EVENTS - 0.05) < 0.005);
		EXPECT(fabs((double)duplicates / EVENTS - 0.02) < 0.004);
		free(all);
	}
}

TEST(anomalies_of_every_kind_come_at_their_rate)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct simulation_options options = options_of(4);
		struct simulated_event *all = simulate(kinds[kind], &options);
		size_t labels[SIMULATED_LABELS_MAX] = {0}, planted = 0;
		for (size_t i = 0; i < EVENTS; i++) {
			labels[all[i].label]++;
			EXPECT((all[i].label != 0) == (all[i].row.incident != 0));
		}
		for (unsigned label = 1; label < simulated_labels(simulated_kind_of(kinds[kind])); label++) {
			EXPECT(labels[label] > 60);
			planted += labels[label];
		}
		EXPECT(fabs((double)planted / EVENTS - 0.02) < 0.002);
		free(all);
		options.fraud_rate = options.late_rate = options.duplicate_rate = 0;
		all = simulate(kinds[kind], &options);
		for (size_t i = 0; i < EVENTS; i++)
			EXPECT(all[i].label == 0 && !all[i].late && !all[i].duplicate);
		double days = (double)(all[EVENTS - 1].arrival_ms - options.start_ms) / (24.0 * HOUR_MS);
		EXPECT(days > 55 && days < 65);
		free(all);
	}
}

/* Places of values: docs/examples/portfolio/movement.avsc. */
TEST(movements_add_up)
{
	struct simulation_options options = options_of(5);
	struct simulated_event *all = simulate("portfolio", &options);
	for (size_t i = 0; i < EVENTS; i++) {
		const int64_t *values = all[i].row.values;
		bool in_cash = values[3] <= 1, report = values[3] == 4;
		EXPECT(values[7] >= 0 && values[7] < INT64_C(1000000000000));
		EXPECT(report ? values[4] == ROW_NULL : values[4] >= 0);
		EXPECT(in_cash == (values[5] == ROW_NULL) && in_cash == (values[6] == ROW_NULL));
		EXPECT(in_cash || (values[6] >= 0 && values[6] <= values[7]));
	}
	free(all);
}

/* Places of values: docs/examples/trades/trade.avsc. */
TEST(trades_are_of_two_parties_in_the_session)
{
	struct simulation_options options = options_of(6);
	struct simulated_event *all = simulate("trades", &options);
	for (size_t i = 0; i < EVENTS; i++) {
		const int64_t *values = all[i].row.values;
		int64_t in_day_ms = values[1] % (24 * HOUR_MS), day = values[1] / (24 * HOUR_MS);
		EXPECT(values[3] > 0 && values[4] > 0);
		EXPECT_INT(values[5], (values[3] * values[4] + 50) / 100);
		EXPECT(values[6] != values[7] && values[6] < options.parties && values[7] < options.parties);
		EXPECT(in_day_ms >= 8 * HOUR_MS && 2 * in_day_ms < 33 * HOUR_MS);
		EXPECT((day + 3) % 7 < 5);
	}
	free(all);
}

/* One account, few instruments and parties, hardly any time, or far too much of it: nothing may get stuck. */
TEST(extreme_worlds_still_go_on)
{
	static const double days[] = {0.01, SIMULATION_DAYS_MAX};
	for (size_t i = 0; i < 2 * KINDS; i++) {
		struct simulation_options options = simulation_defaults();
		struct simulated_event event;
		struct err err = {0};
		options.events = 1;
		options.accounts = 1;
		options.instruments = SIMULATION_INSTRUMENTS_MIN;
		options.parties = SIMULATION_PARTIES_MIN;
		options.days = days[i / KINDS];
		options.fraud_rate = 0.5;
		options.late_rate = options.duplicate_rate = 1;
		struct simulated_stream *stream = simulated_open(simulated_kind_of(kinds[i % KINDS]), &options, &err);
		for (int j = 0; j < 3000; j++)
			EXPECT(simulated_next(stream, &event, &err) == 0 &&
			       event.row.values[event.key[0] == 'a' ? 7 : 3] >= 0);
		simulated_close(stream);
	}
}

TEST(options_out_of_range_are_refused)
{
	static const struct {
		const char *kind;
		struct simulation_options options;
		const char *message;
	} cases[] = {
	    {"portfolio", {.accounts = 0, .days = 1}, "accounts: 0 is not from 1 to 5000000"},
	    {"portfolio", {.accounts = 1, .instruments = 9, .days = 1}, "instruments: 9 is not from 10 to 1000000"},
	    {"portfolio", {.accounts = 1, .instruments = 10}, "days: not above 0 and at most 3660"},
	    {"trades", {.parties = 5, .instruments = 9, .days = 1}, "instruments: 9 is not from 10 to 1000000"},
	    {"trades", {.parties = 4, .instruments = 10, .days = 1}, "parties: 4 is not from 5 to 100000"},
	    {"trades",
	     {.parties = 5, .instruments = 10, .days = 1, .late_rate = 2},
	     "a share of late events or duplicates is not from 0 to 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		EXPECT(simulated_open(simulated_kind_of(cases[i].kind), &cases[i].options, &err) == NULL);
		EXPECT_TEXT(err.message, cases[i].message);
	}
	EXPECT(simulated_kind_of("weather") == NULL);
	struct outcome_of outcome = files_run(cmd_simulate, "simulate --kind weather --events 1 --output @w.csv");
	EXPECT_INT(outcome.status, 64);
	EXPECT(strstr(outcome.err, "--kind: expected cards, portfolio or trades, found \"weather\"\n") != NULL);
	files_forget(&outcome);
}

TEST(the_built_in_schemas_are_those_of_the_examples)
{
	static const char *const paths[KINDS] = {"docs/examples/portfolio/movement.avsc",
						 "docs/examples/trades/trade.avsc"};
	for (size_t i = 0; i < KINDS; i++) {
		struct buffer text;
		json_error_t error;
		buffer_init(&text);
		simulated_schema(&text, simulated_kind_of(kinds[i]), false);
		json_t *file = json_load_file(paths[i], 0, &error);
		json_t *built_in = json_loadb((const char *)text.data, text.length, 0, &error);
		EXPECT(file != NULL && json_equal(file, built_in));
		buffer_reset(&text);
		simulated_schema(&text, simulated_kind_of(kinds[i]), true);
		json_t *with_coordinates = json_loadb((const char *)text.data, text.length, 0, &error);
		EXPECT_INT(json_array_size(json_object_get(with_coordinates, "fields")),
			   json_array_size(json_object_get(file, "fields")) + 4);
		json_decref(file);
		json_decref(built_in);
		json_decref(with_coordinates);
		buffer_free(&text);
	}
}

TEST(rows_look_as_documented)
{
	const struct simulated_kind *portfolio = simulated_kind_of("portfolio");
	struct simulated_event event = {.label = 1};
	struct transaction_position position = {3, 8};
	struct buffer out;
	event.row = (struct row){.values = {0x123456789abcdef, 1000, 7, 1, 1250, ROW_NULL, ROW_NULL, 99, 0, 6},
				 .arrival_ms = 2000,
				 .label = 1,
				 .incident = 5};
	buffer_init(&out);
	simulated_csv_header(&out, portfolio, true);
	simulated_write(&out, portfolio, EVENT_FILE_CSV, &event, &position);
	simulated_write(&out, portfolio, EVENT_FILE_JSONL, &event, &position);
	simulated_label_header(&out, portfolio);
	simulated_label(&out, portfolio, &event);
	event.row.label = 0;
	event.row.incident = 0;
	simulated_write(&out, portfolio, EVENT_FILE_CSV, &event, NULL);
	simulated_write(&out, portfolio, EVENT_FILE_JSONL, &event, NULL);
	simulated_label(&out, portfolio, &event);
	buffer_add_byte(&out, 0);
	EXPECT_TEXT(
	    (const char *)out.data,
	    "event_id,event_time,account_id,kind,amount,instrument,position_value,portfolio_value,channel,country,"
	    "_partition,_offset,_timestamp,_key,is_anomaly,anomaly_kind\n"
	    "0123456789abcdef,1000,acct-00000007,WITHDRAWAL,12.5,,,0.99,APP,GB,3,8,2000,acct-00000007,1,"
	    "cash_drain\n"
	    "{\"event_id\":\"0123456789abcdef\",\"event_time\":1000,\"account_id\":\"acct-00000007\","
	    "\"kind\":\"WITHDRAWAL\",\"amount\":12.5,\"instrument\":null,\"position_value\":null,"
	    "\"portfolio_value\":0.99,\"channel\":\"APP\",\"country\":\"GB\",\"_partition\":3,\"_offset\":8,"
	    "\"_timestamp\":2000,\"_key\":\"acct-00000007\",\"is_anomaly\":1,\"anomaly_kind\":\"cash_drain\"}\n"
	    "event_id,is_anomaly,anomaly_kind,incident\n"
	    "0123456789abcdef,1,cash_drain,5\n"
	    "0123456789abcdef,1000,acct-00000007,WITHDRAWAL,12.5,,,0.99,APP,GB,0,\n"
	    "{\"event_id\":\"0123456789abcdef\",\"event_time\":1000,\"account_id\":\"acct-00000007\","
	    "\"kind\":\"WITHDRAWAL\",\"amount\":12.5,\"instrument\":null,\"position_value\":null,"
	    "\"portfolio_value\":0.99,\"channel\":\"APP\",\"country\":\"GB\",\"is_anomaly\":0,\"anomaly_kind\":null}"
	    "\n"
	    "0123456789abcdef,0,,\n");
	buffer_free(&out);
}

/* What the decoder reads from Avro is what CSV says. */
TEST(the_forms_hold_the_same_events)
{
	char line[300];
	for (size_t i = 0; i < KINDS; i++) {
		static const char *const forms[] = {"csv", "jsonl", "avro"};
		char *vectors[3];
		for (size_t form = 0; form < 3; form++) {
			snprintf(line, sizeof line,
				 "simulate --kind %s --events 3000 --coordinates 3 --duplicates 0.01 --output @e.%s",
				 kinds[i], forms[form]);
			files_do(cmd_simulate, line);
			snprintf(
			    line, sizeof line,
			    "features --config docs/examples/%s/config.json --input @e.%s --output @v.csv --strict",
			    kinds[i], forms[form]);
			files_do(cmd_features, line);
			vectors[form] = files_read(files_path("v.csv"), NULL);
		}
		EXPECT(strlen(vectors[0]) > 3000 && strcmp(vectors[0], vectors[1]) == 0 &&
		       strcmp(vectors[0], vectors[2]) == 0);
		for (size_t form = 0; form < 3; form++)
			free(vectors[form]);
	}
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(same_seed_same_bytes_on_every_machine),
					CASE(arrivals_are_in_order_and_duplicates_the_same_event_again),
					CASE(anomalies_of_every_kind_come_at_their_rate),
					CASE(movements_add_up),
					CASE(trades_are_of_two_parties_in_the_session),
					CASE(extreme_worlds_still_go_on),
					CASE(options_out_of_range_are_refused),
					CASE(the_built_in_schemas_are_those_of_the_examples),
					CASE(rows_look_as_documented),
					CASE(the_forms_hold_the_same_events),
					{0}},
			argc, argv);
}
