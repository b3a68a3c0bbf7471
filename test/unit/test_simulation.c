#include <jansson.h>

#include "daemon/cmd/simulation.h"
#include "daemon/cmd/simulation_heap.h"
#include "daemon/cmd/transaction.h"
#include "features/event.h"
#include "rng.h"
#include "sha256.h"
#include "test/unit/files.h"

#include <math.h>

#define EVENTS 60000
#define CARDS 500
#define AIRLINER_KMH 900.0

static struct simulation_options options_of(uint64_t seed)
{
	struct simulation_options options = simulation_defaults();
	options.seed = seed;
	options.events = EVENTS;
	options.cards = CARDS;
	options.fraud_rate = 0.02;
	return options;
}

/* All events of a run; freed by the caller. */
static struct transaction *simulate(const struct simulation_options *options)
{
	struct err err = {0};
	struct simulation *simulation = simulation_new(options, &err);
	struct transaction *transactions = calloc(EVENTS, sizeof *transactions);
	EXPECT(simulation != NULL && transactions != NULL);
	for (size_t i = 0; i < EVENTS; i++)
		EXPECT(simulation_next(simulation, &transactions[i], &err) == 0);
	simulation_free(simulation);
	return transactions;
}

static void hash_of(uint64_t seed,
		    void (*write)(struct buffer *, const struct transaction *, const struct transaction_position *),
		    char hex[SHA256_HEX])
{
	struct simulation_options options = options_of(seed);
	struct transaction *transactions = simulate(&options);
	struct buffer bytes;
	buffer_init(&bytes);
	for (size_t i = 0; i < EVENTS; i++)
		write(&bytes, &transactions[i], NULL);
	sha256_hex(buffer_slice(&bytes), hex);
	buffer_free(&bytes);
	free(transactions);
}

/* The bytes are a contract: whoever names a seed means these. A change of the simulation changes these lines too. */
TEST(same_seed_same_bytes_on_every_machine)
{
	char hex[SHA256_HEX], other[SHA256_HEX];
	hash_of(1, transaction_csv, hex);
	EXPECT_TEXT(hex, "e44b0c70799ed73e31fdb262fcd7c6bfbac86850c286ae8ad60652a717710f24");
	hash_of(1, transaction_json, hex);
	EXPECT_TEXT(hex, "8e5371ae51f91d48ec6e8561e6ab6035f0830d67d9e143ffe742f60bde0ed5f1");
	hash_of(1, transaction_avro, hex);
	EXPECT_TEXT(hex, "a93585386b224c9298265a73f7af9425e58df3c157fa954becf978306a07e12c");
	hash_of(2, transaction_avro, other);
	EXPECT(strcmp(hex, other) != 0);
}

TEST(arrivals_never_go_back_and_late_ones_come_after_their_time)
{
	struct simulation_options options = options_of(3);
	options.late_rate = 0.05;
	struct transaction *all = simulate(&options);
	size_t late = 0, back = 0, wrong = 0;
	int64_t longest = 0;
	for (size_t i = 0; i < EVENTS; i++) {
		int64_t delay = all[i].arrival_ms - all[i].time_ms;
		back += i > 0 && all[i].arrival_ms < all[i - 1].arrival_ms;
		if (all[i].duplicate)
			continue;
		wrong += all[i].late ? delay < 60000 : delay != 0;
		late += all[i].late;
		longest = delay > longest ? delay : longest;
	}
	EXPECT_INT(back, 0);
	EXPECT_INT(wrong, 0);
	EXPECT(fabs((double)late / EVENTS - 0.05) < 0.005);
	EXPECT(longest > 5 * 3600000 && longest < 7 * 3600000);
	free(all);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct transaction *)a)->id, ((const struct transaction *)b)->id);
}

TEST(duplicates_are_the_same_event_again)
{
	struct simulation_options options = options_of(4);
	options.duplicate_rate = 0.02;
	struct transaction *all = simulate(&options);
	size_t duplicates = 0, pairs = 0, differ = 0;
	qsort(all, EVENTS, sizeof *all, by_id);
	for (size_t i = 0; i < EVENTS; i++) {
		duplicates += all[i].duplicate;
		if (i == 0 || strcmp(all[i].id, all[i - 1].id) != 0)
			continue;
		pairs++;
		differ += all[i].time_ms != all[i - 1].time_ms || all[i].amount != all[i - 1].amount ||
			  all[i].fraud != all[i - 1].fraud || strcmp(all[i].card_id, all[i - 1].card_id) != 0 ||
			  all[i].duplicate == all[i - 1].duplicate;
	}
	EXPECT_INT(pairs, duplicates);
	EXPECT_INT(differ, 0);
	EXPECT(fabs((double)duplicates / EVENTS - 0.02) < 0.004);
	free(all);
}

TEST(frauds_of_every_kind_come_at_their_rate)
{
	struct simulation_options options = options_of(5);
	struct transaction *all = simulate(&options);
	size_t kinds[FRAUD_KINDS] = {0}, frauds = 0;
	for (size_t i = 0; i < EVENTS; i++)
		kinds[all[i].fraud]++;
	for (enum fraud_kind kind = FRAUD_NONE + 1; kind < FRAUD_MERCHANT_TAKEOVER; kind++) {
		EXPECT(kinds[kind] > 40);
		frauds += kinds[kind];
	}
	EXPECT(fabs((double)frauds / EVENTS - 0.02) < 0.002);
	free(all);
	options.fraud_rate = options.late_rate = options.duplicate_rate = 0;
	all = simulate(&options);
	for (size_t i = 0; i < EVENTS; i++)
		EXPECT(all[i].fraud == FRAUD_NONE && !all[i].late && !all[i].duplicate);
	free(all);
}

TEST(compromised_merchants_come_on_request_each_card_charged_about_once)
{
	struct simulation_options options = options_of(6);
	options.takeovers = 4;
	struct transaction *all = simulate(&options);
	const char *shops[4];
	size_t payments = 0, shop_count = 0;
	for (size_t i = 0; i < EVENTS; i++) {
		if (all[i].fraud != FRAUD_MERCHANT_TAKEOVER || all[i].duplicate)
			continue;
		size_t shop = 0;
		payments++;
		EXPECT(!all[i].has_place && strcmp(all[i].channel, "WEB") == 0);
		while (shop < shop_count && strcmp(shops[shop], all[i].merchant_id) != 0)
			shop++;
		EXPECT(shop < 4);
		if (shop == shop_count && shop < 4)
			shops[shop_count++] = all[i].merchant_id;
	}
	EXPECT(shop_count >= 2 && payments >= shop_count * 15 && payments <= 4 * 40);
	EXPECT_TEXT(simulation_fraud_name(FRAUD_MERCHANT_TAKEOVER), "merchant_takeover");
	free(all);
	struct err err = {0};
	options.takeovers = SIMULATION_TAKEOVERS_MAX + 1;
	EXPECT(simulation_new(&options, &err) == NULL && err.code == ERR_USAGE);
}

TEST(activity_follows_the_day_and_fills_the_days_asked_for)
{
	struct simulation_options options = options_of(6);
	options.days = 14;
	struct transaction *all = simulate(&options);
	size_t hours[24] = {0};
	for (size_t i = 0; i < EVENTS; i++)
		hours[all[i].time_ms / 3600000 % 24]++;
	EXPECT(hours[12] > 5 * hours[3]);
	EXPECT(hours[18] > 5 * hours[3]);
	double days = (double)(all[EVENTS - 1].arrival_ms - options.start_ms) / 86400000.0;
	EXPECT(days > 13 && days < 15.5);
	free(all);
}

static int by_card_and_time(const void *a, const void *b)
{
	const struct transaction *left = a, *right = b;
	int order = strcmp(left->card_id, right->card_id);
	return order != 0 ? order : (left->time_ms > right->time_ms) - (left->time_ms < right->time_ms);
}

static double kilometres(const struct transaction *a, const struct transaction *b)
{
	double unit = acos(-1.0) / 180 / 1e5, lat_a = a->latitude * unit, lat_b = b->latitude * unit;
	double up = sin((lat_b - lat_a) / 2), along = sin((b->longitude - a->longitude) * unit / 2);
	return 2 * 6371.0088 * asin(sqrt(up * up + cos(lat_a) * cos(lat_b) * along * along));
}

TEST(only_thieves_are_faster_than_an_airliner)
{
	struct simulation_options options = options_of(7);
	struct transaction *all = simulate(&options);
	const struct transaction *before = NULL;
	size_t honest = 0, impossible = 0, travels = 0;
	qsort(all, EVENTS, sizeof *all, by_card_and_time);
	for (size_t i = 0; i < EVENTS; i++) {
		if (before != NULL && strcmp(before->card_id, all[i].card_id) != 0)
			before = NULL;
		if (!all[i].has_place || all[i].duplicate)
			continue;
		if (before != NULL) {
			double hours = (double)(all[i].time_ms - before->time_ms) / 3600000.0;
			bool fast =
			    kilometres(before, &all[i]) / (hours > 1.0 / 3600 ? hours : 1.0 / 3600) > AIRLINER_KMH;
			bool honest_pair = before->fraud == FRAUD_NONE && all[i].fraud == FRAUD_NONE;
			honest += fast && honest_pair;
			travels += honest_pair && kilometres(before, &all[i]) > 300;
			impossible += fast && all[i].fraud == FRAUD_IMPOSSIBLE_TRAVEL;
		}
		before = &all[i];
	}
	EXPECT_INT(honest, 0);
	EXPECT(travels > 50);
	EXPECT(impossible > 30);
	free(all);
}

TEST(card_tests_are_tiny_and_at_one_merchant)
{
	struct simulation_options options = options_of(8);
	struct transaction *all = simulate(&options);
	size_t tiny = 0, tests = 0;
	for (size_t i = 0; i < EVENTS; i++) {
		if (all[i].fraud != FRAUD_CARD_TESTING || all[i].duplicate)
			continue;
		tests++;
		tiny += all[i].amount < 500 && strcmp(all[i].category, "digital") == 0;
	}
	EXPECT(tests > 100 && tiny * 10 > tests * 8);
	free(all);
}

TEST(options_out_of_range_are_refused)
{
	static const struct {
		struct simulation_options options;
		const char *message;
	} cases[] = {
	    {{.cards = 0, .merchants = 200, .days = 1}, "cards: 0 is not from 1 to 5000000"},
	    {{.cards = 1, .merchants = 99, .days = 1}, "merchants: 99 is not from 100 to 1000000"},
	    {{.cards = 1, .merchants = 200, .days = 0}, "days: not above 0 and at most 3660"},
	    {{.cards = 1, .merchants = 200, .days = 1, .fraud_rate = 0.6}, "the share of frauds is not from 0 to 0.5"},
	    {{.cards = 1, .merchants = 200, .days = 1, .late_rate = -1},
	     "a share of late events or duplicates is not from 0 to 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		EXPECT(simulation_new(&cases[i].options, &err) == NULL);
		EXPECT_TEXT(err.message, cases[i].message);
	}
}

/* Few merchants, one card, hardly any time: nothing may get stuck. */
TEST(extreme_worlds_still_go_on)
{
	struct simulation_options options = simulation_defaults();
	struct transaction transaction;
	struct err err = {0};
	options.events = 2000;
	options.cards = 1;
	options.merchants = SIMULATION_MERCHANTS_MIN;
	options.days = 0.01;
	options.fraud_rate = 0.5;
	options.late_rate = options.duplicate_rate = 1;
	struct simulation *simulation = simulation_new(&options, &err);
	for (int i = 0; i < 2000; i++)
		EXPECT(simulation_next(simulation, &transaction, &err) == 0 && transaction.amount > 0);
	simulation_free(simulation);
}

TEST(the_built_in_schema_is_that_of_the_schema_file)
{
	json_error_t error;
	json_t *file = json_load_file("schemas/transaction.avsc", 0, &error);
	json_t *built_in = json_loads(transaction_schema(false), 0, &error);
	json_t *with_coordinates = json_loads(transaction_schema(true), 0, &error);
	EXPECT(file != NULL && json_equal(file, built_in));
	EXPECT_INT(json_array_size(json_object_get(with_coordinates, "fields")),
		   json_array_size(json_object_get(file, "fields")) + 4);
	json_decref(file);
	json_decref(built_in);
	json_decref(with_coordinates);
}

TEST(rows_look_as_documented)
{
	struct transaction transaction = {.id = "0123456789abcdef",
					  .card_id = "card-00000007",
					  .customer_id = "cust-00000003",
					  .merchant_id = "shop-00000009",
					  .time_ms = 1000,
					  .arrival_ms = 2000,
					  .amount = 1250,
					  .currency = "EUR",
					  .category = "fuel",
					  .country = "DE",
					  .channel = "POS",
					  .has_place = true,
					  .latitude = 5252000,
					  .longitude = -12800,
					  .fraud = FRAUD_LARGE_AMOUNT};
	struct transaction_position position = {3, 8};
	struct buffer out;
	buffer_init(&out);
	transaction_csv_header(&out, true);
	transaction_csv(&out, &transaction, &position);
	transaction_json(&out, &transaction, &position);
	transaction.has_place = false;
	transaction.fraud = FRAUD_NONE;
	transaction_csv_header(&out, false);
	transaction_csv(&out, &transaction, NULL);
	transaction_json(&out, &transaction, NULL);
	transaction_label(&out, &transaction);
	buffer_add_byte(&out, 0);
	EXPECT_TEXT((const char *)out.data,
		    "transaction_id,event_time,card_id,customer_id,amount,currency,merchant.id,merchant.category,"
		    "merchant.country,channel,lat,lon,"
		    "_partition,_offset,_timestamp,_key,is_fraud,fraud_kind\n"
		    "0123456789abcdef,1000,card-00000007,cust-00000003,12.5,EUR,shop-00000009,fuel,DE,POS,52.52,-0.128,"
		    "3,8,2000,card-00000007,1,large_amount\n"
		    "{\"transaction_id\":\"0123456789abcdef\",\"event_time\":1000,\"card_id\":\"card-00000007\","
		    "\"customer_id\":\"cust-00000003\","
		    "\"amount\":12.5,\"currency\":\"EUR\",\"merchant\":{\"id\":\"shop-00000009\",\"category\":\"fuel\","
		    "\"country\":\"DE\"},\"channel\":\"POS\","
		    "\"lat\":52.52,\"lon\":-0.128,\"_partition\":3,\"_offset\":8,\"_timestamp\":2000,\"_key\":\"card-"
		    "00000007\",\"is_fraud\":1,"
		    "\"fraud_kind\":\"large_amount\"}\n"
		    "transaction_id,event_time,card_id,customer_id,amount,currency,merchant.id,merchant.category,"
		    "merchant.country,channel,lat,lon,is_fraud,fraud_kind\n"
		    "0123456789abcdef,1000,card-00000007,cust-00000003,12.5,EUR,shop-00000009,fuel,DE,POS,,,0,\n"
		    "{\"transaction_id\":\"0123456789abcdef\",\"event_time\":1000,\"card_id\":\"card-00000007\","
		    "\"customer_id\":\"cust-00000003\","
		    "\"amount\":12.5,\"currency\":\"EUR\",\"merchant\":{\"id\":\"shop-00000009\",\"category\":\"fuel\","
		    "\"country\":\"DE\"},\"channel\":\"POS\","
		    "\"lat\":null,\"lon\":null,\"is_fraud\":0,\"fraud_kind\":null}\n"
		    "0123456789abcdef,0,\n");
	buffer_free(&out);
}

static int by_due(const void *a, const void *b)
{
	const struct due *left = a, *right = b;
	if (left->time_ms != right->time_ms)
		return left->time_ms < right->time_ms ? -1 : 1;
	return (left->order > right->order) - (left->order < right->order);
}

/* Against a sorted array. */
TEST(the_heap_gives_the_earliest_first_and_equal_ones_in_order)
{
	enum { MOST = 400 };
	struct simulation_heap heap = {0};
	struct due twin[MOST];
	size_t count = 0, wrong = 0;
	uint64_t order = 0;
	struct rng rng;
	struct err err = {0};
	rng_seed(&rng, 9);
	for (int step = 0; step < 20000; step++) {
		struct due due = {.time_ms = (int64_t)rng_below(&rng, 50), .index = (uint32_t)step, .order = order};
		uint64_t choice = rng_below(&rng, 5);
		if (count == 0 || (choice < 2 && count < MOST)) {
			EXPECT(simulation_heap_put(&heap, due, &err) == 0);
			twin[count++] = due;
			order++;
		} else if (choice == 2) {
			simulation_heap_replace(&heap, due);
			twin[0] = due;
			order++;
		} else {
			simulation_heap_drop(&heap);
			twin[0] = twin[--count];
		}
		qsort(twin, count, sizeof *twin, by_due);
		wrong += heap.count != count || (count > 0 && simulation_heap_first(&heap).index != twin[0].index);
	}
	EXPECT_INT(wrong, 0);
	free(heap.items);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(same_seed_same_bytes_on_every_machine),
					CASE(arrivals_never_go_back_and_late_ones_come_after_their_time),
					CASE(duplicates_are_the_same_event_again),
					CASE(frauds_of_every_kind_come_at_their_rate),
					CASE(compromised_merchants_come_on_request_each_card_charged_about_once),
					CASE(activity_follows_the_day_and_fills_the_days_asked_for),
					CASE(only_thieves_are_faster_than_an_airliner),
					CASE(card_tests_are_tiny_and_at_one_merchant),
					CASE(options_out_of_range_are_refused),
					CASE(extreme_worlds_still_go_on),
					CASE(the_built_in_schema_is_that_of_the_schema_file),
					CASE(rows_look_as_documented),
					CASE(the_heap_gives_the_earliest_first_and_equal_ones_in_order),
					{0}},
			argc, argv);
}
