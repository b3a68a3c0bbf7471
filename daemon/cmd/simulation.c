#include "daemon/cmd/simulation.h"

#include "daemon/cmd/simulation_parts.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define START_MS INT64_C(1767571200000) /* 2026-01-05T00:00:00Z, a Monday */
#define MONDAY_MS (4 * DAY_MS)          /* 1970-01-05 */
#define WEEK_MS (7 * DAY_MS)
#define WEEKS_MAX 1000.0         /* between two transactions of a customer */
#define GAP_MS (5 * MINUTE_MS)   /* between two genuine transactions of a customer, at most */
#define TRAVEL_MS (14 * HOUR_MS) /* door to door to another city: no genuine trip is faster than an airliner */
#define TRIP_ODDS 400            /* one transaction in so many is put off for a trip */
#define FAR_ODDS 6               /* one trip in so many goes to another continent */
#define FAVOURITES 3             /* merchants of each category that a customer keeps to ... */
#define FAVOURITE_SHARE 6        /* ... in so many of 8 purchases */
#define LATE_LEAST_MS MINUTE_MS
#define LATE_OCTAVES 8.5  /* late events come up to 2^8.5 minutes late */
#define FRAUD_PATIENCE 64 /* a shortage of so many fraudulent transactions starts a fraud at once */
#define ID_STEP UINT64_C(0x9e3779b97f4a7c15)

struct simulation_options simulation_defaults(void)
{
	return (struct simulation_options){.seed = 1,
					   .cards = 10000,
					   .merchants = 2000,
					   .accounts = 2000,
					   .instruments = 200,
					   .parties = 60,
					   .start_ms = START_MS,
					   .days = 60,
					   .fraud_rate = 0.002,
					   .late_rate = 0.005,
					   .duplicate_rate = 0.001};
}

const char *simulation_fraud_name(enum fraud_kind kind)
{
	static const char *const names[FRAUD_KINDS] = {"",
						       "large_amount",
						       "stolen_card_burst",
						       "compromised_merchant",
						       "impossible_travel",
						       "card_testing",
						       "account_takeover",
						       "merchant_takeover"};
	assert(kind < FRAUD_KINDS);
	return names[kind];
}

/* A bijection of 64 bits (the last steps of splitmix64): different numbers stay different. */
static uint64_t mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

uint64_t simulation_id(uint64_t seed, uint64_t number)
{
	return mix(number + seed * ID_STEP);
}

int64_t simulation_span(struct simulation *simulation, int64_t least_ms, int64_t most_ms)
{
	assert(most_ms >= least_ms);
	return least_ms + (int64_t)rng_below(&simulation->rng, (uint64_t)(most_ms - least_ms) + 1);
}

static bool chance(struct simulation *simulation, double share)
{
	return share > 0 && rng_uniform(&simulation->rng) < share;
}

int simulation_hold(struct simulation *simulation, const struct sale *sale, uint8_t what, int64_t time_ms,
		    struct err *err)
{
	if (simulation->free_count == 0 && simulation->pending_count == simulation->pending_capacity) {
		uint32_t capacity = simulation->pending_capacity == 0 ? 1024 : 2 * simulation->pending_capacity;
		if (capacity < simulation->pending_capacity)
			return err_memory(err);
		struct sale *pending = realloc(simulation->pending, capacity * sizeof *pending);
		if (pending == NULL)
			return err_memory(err);
		simulation->pending = pending;
		uint32_t *free_places = realloc(simulation->free_places, capacity * sizeof *free_places);
		if (free_places == NULL)
			return err_memory(err);
		simulation->free_places = free_places;
		simulation->pending_capacity = capacity;
	}
	uint32_t place = simulation->free_count > 0 ? simulation->free_places[--simulation->free_count]
						    : simulation->pending_count++;
	simulation->pending[place] = *sale;
	return simulation_heap_put(&simulation->heap, (struct due){.time_ms = time_ms, .index = place, .what = what},
				   err);
}

static struct sale release(struct simulation *simulation, uint32_t place)
{
	simulation->free_places[simulation->free_count++] = place;
	return simulation->pending[place];
}

/* Cash comes in notes, and many prices are whole or end in 99. */
static int64_t as_price(struct simulation *simulation, enum category category, int64_t amount)
{
	uint64_t form = rng_below(&simulation->rng, 8);
	if (category == CATEGORY_CASH)
		return amount < 1000 ? 1000 : (amount + 500) / 1000 * 1000;
	if (amount >= 200 && form < 2)
		amount = (amount + 50) / 100 * 100;
	else if (amount >= 200 && form == 2)
		amount = amount / 100 * 100 + 99;
	return amount < 50 ? 50 : amount;
}

int64_t simulation_amount(struct simulation *simulation, enum category category, double level_log2)
{
	const struct category_facts *facts = society_category(category);
	double size = facts->amount_log2 + level_log2 + facts->spread_log2 * society_normal(&simulation->rng);
	return as_price(simulation, category, (int64_t)elementary_exp2(size));
}

/* Channel and place of a sale whose merchant is known. */
static void at_merchant(struct simulation *simulation, struct sale *sale, uint32_t number)
{
	const struct merchant *merchant = &simulation->society.merchants[number];
	const struct category_facts *facts = society_category(merchant->category);
	const struct customer *customer = &simulation->society.customers[sale->customer];
	bool in_app = facts->online && rng_below(&simulation->rng, 5) < 2;
	sale->merchant = number;
	sale->channel = (uint8_t)(in_app ? CHANNEL_APP : facts->channel);
	sale->has_place = !facts->online || in_app;
	sale->latitude = facts->online ? customer->latitude : merchant->latitude;
	sale->longitude = facts->online ? customer->longitude : merchant->longitude;
	if (in_app && customer->trip_until_ms != INT64_MIN) {
		sale->latitude = society_city(customer->trip_city)->latitude;
		sale->longitude = society_city(customer->trip_city)->longitude;
	}
}

/* Merchants of the category in the city; where there are none, of online_retail. */
static uint32_t merchants_of(const struct simulation *simulation, unsigned city, enum category *category,
			     const uint32_t **merchants)
{
	uint32_t count = society_merchants(&simulation->society, city, *category, merchants);
	if (count > 0)
		return count;
	*category = CATEGORY_ONLINE_RETAIL;
	count = society_merchants(&simulation->society, city, *category, merchants);
	assert(count > 0);
	return count;
}

void simulation_place(struct simulation *simulation, struct sale *sale, unsigned city, enum category category)
{
	const uint32_t *merchants;
	uint32_t count = merchants_of(simulation, city, &category, &merchants);
	at_merchant(simulation, sale, merchants[rng_below(&simulation->rng, count)]);
}

/* What a customer buys at this hour; shops that are closed are not gone to. */
static enum category draw_category(struct simulation *simulation, const struct customer *customer, int64_t time_ms)
{
	int hour = (int)(((time_ms % DAY_MS + DAY_MS) % DAY_MS) / HOUR_MS);
	for (int attempt = 0; attempt < 4; attempt++) {
		enum category category = society_draw_category(&simulation->rng, customer->kind);
		const struct category_facts *facts = society_category(category);
		if (hour >= facts->opens && hour < facts->closes)
			return category;
	}
	return CATEGORY_ONLINE_RETAIL;
}

/* A merchant where the customer is, mostly one of the habitual ones. */
static uint32_t choose_merchant(struct simulation *simulation, const struct sale *sale, enum category *category)
{
	const struct customer *customer = &simulation->society.customers[sale->customer];
	bool at_home = customer->trip_until_ms == INT64_MIN;
	const uint32_t *merchants;
	uint32_t count = merchants_of(simulation, at_home ? customer->home : customer->trip_city, category, &merchants);
	uint64_t draw = rng_next(&simulation->rng);
	if (!at_home || (draw & 7) >= FAVOURITE_SHARE)
		return merchants[(draw >> 32) * count >> 32];
	uint64_t habit = (uint64_t)sale->customer * CATEGORIES + *category;
	return merchants[mix(habit * FAVOURITES + (draw >> 32) % FAVOURITES) % count];
}

static int64_t genuine_amount(struct simulation *simulation, const struct sale *sale, enum category category)
{
	static const int64_t subscriptions[] = {499, 799, 999, 1199, 1499, 1999};
	const struct customer *customer = &simulation->society.customers[sale->customer];
	if (category != CATEGORY_DIGITAL)
		return simulation_amount(simulation, category, customer->level_log2);
	size_t count = sizeof subscriptions / sizeof *subscriptions;
	return subscriptions[mix((uint64_t)sale->customer << 32 | sale->merchant) % count];
}

static void remember(struct simulation *simulation, const struct sale *sale)
{
	uint32_t *recent = simulation->recent + (size_t)sale->merchant * SIMULATION_RECENT;
	uint8_t *next = &simulation->recent_next[sale->merchant];
	recent[*next] = sale->customer;
	*next = (uint8_t)((*next + 1) % SIMULATION_RECENT);
}

/* A genuine purchase of a customer who is where he is. */
static struct sale genuine(struct simulation *simulation, uint32_t number, int64_t time_ms)
{
	struct customer *customer = &simulation->society.customers[number];
	struct sale sale = {.time_ms = time_ms, .customer = number};
	enum category category = draw_category(simulation, customer, time_ms);
	uint32_t merchant = choose_merchant(simulation, &sale, &category);
	at_merchant(simulation, &sale, merchant);
	sale.card =
	    customer->first_card + (customer->cards > 1 ? (uint32_t)rng_below(&simulation->rng, customer->cards) : 0);
	sale.amount = genuine_amount(simulation, &sale, category);
	customer->last_ms = time_ms;
	remember(simulation, &sale);
	return sale;
}

/* When the customer's activity has used up an exponential draw. */
static int64_t next_time(struct simulation *simulation, const struct customer *customer, int64_t time_ms)
{
	double per_week = customer->per_week * simulation->scale;
	double left = society_exponential(&simulation->rng), weeks = floor(left / per_week);
	const double *week = simulation->society.week[customer->kind];
	if (weeks > WEEKS_MAX)
		return time_ms + (int64_t)WEEKS_MAX * WEEK_MS;
	int64_t at = time_ms + (int64_t)weeks * WEEK_MS;
	left -= weeks * per_week;
	int64_t in_week = ((at - MONDAY_MS) % WEEK_MS + WEEK_MS) % WEEK_MS;
	for (int64_t hour = in_week / HOUR_MS;; hour = (hour + 1) % SOCIETY_WEEK_HOURS) {
		int64_t rest_ms = HOUR_MS - in_week % HOUR_MS;
		double rate = per_week / SOCIETY_WEEK_HOURS * week[hour]; /* per hour */
		double events = rate * ((double)rest_ms / (double)HOUR_MS);
		if (left < events) {
			at += (int64_t)(left / rate * (double)HOUR_MS);
			break;
		}
		left -= events;
		at += rest_ms;
		in_week = 0;
	}
	return customer->last_ms != INT64_MIN && at < customer->last_ms + simulation->gap_ms
		   ? customer->last_ms + simulation->gap_ms
		   : at;
}

/* Trips: a customer who leaves or comes home buys nothing on the way. True: the purchase is put off to *time_ms. */
static bool travels(struct simulation *simulation, struct customer *customer, int64_t *time_ms)
{
	int64_t now = *time_ms;
	if (customer->trip_until_ms != INT64_MIN) {
		if (now < customer->trip_until_ms)
			return false;
		customer->trip_until_ms = INT64_MIN;
		if (now - customer->last_ms >= TRAVEL_MS)
			return false;
		*time_ms = customer->last_ms + TRAVEL_MS + simulation_span(simulation, 0, 6 * HOUR_MS);
		return true;
	}
	if (rng_below(&simulation->rng, TRIP_ODDS) != 0)
		return false;
	unsigned city = society_draw_city(&simulation->rng, rng_below(&simulation->rng, FAR_ODDS) == 0);
	if (city == customer->home)
		return false;
	customer->trip_city = (uint8_t)city;
	*time_ms = now + TRAVEL_MS + simulation_span(simulation, 0, 6 * HOUR_MS);
	customer->trip_until_ms = *time_ms + simulation_span(simulation, 2 * DAY_MS, 10 * DAY_MS);
	return true;
}

/* Enough frauds are planned so that their share comes out; a shortage makes the next one likelier. */
static int plan_frauds(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	double shortage = simulation->options.fraud_rate * (double)simulation->sales - (double)simulation->frauds;
	if (shortage < 1 || rng_uniform(&simulation->rng) * FRAUD_PATIENCE >= shortage)
		return 0;
	return simulation_fraud_plan(simulation, sale, err);
}

/* Gives a fresh sale its number; late ones are held back: 1: it is sent now, 0: later, -1. */
static int begin(struct simulation *simulation, struct sale *sale, struct err *err)
{
	sale->number = simulation->sales++;
	sale->late = chance(simulation, simulation->options.late_rate);
	if (!sale->late)
		return 1;
	double minutes = elementary_exp2(LATE_OCTAVES * rng_uniform(&simulation->rng));
	int64_t delay = (int64_t)(minutes * (double)LATE_LEAST_MS);
	return simulation_hold(simulation, sale, DUE_ARRIVAL, sale->time_ms + delay, err) == 0 ? 0 : -1;
}

/* A customer's turn: 1: *sale is sent now, 0: nothing is, -1. */
static int take_customer(struct simulation *simulation, struct due due, struct sale *sale, struct err *err)
{
	struct customer *customer = &simulation->society.customers[due.index];
	if (travels(simulation, customer, &due.time_ms)) {
		simulation_heap_replace(&simulation->heap, due);
		return 0;
	}
	*sale = genuine(simulation, due.index, due.time_ms);
	due.time_ms = next_time(simulation, customer, due.time_ms);
	simulation_heap_replace(&simulation->heap, due);
	return plan_frauds(simulation, sale, err) == 0 ? begin(simulation, sale, err) : -1;
}

static void fill(const struct simulation *simulation, const struct sale *sale, int64_t arrival_ms,
		 struct transaction *transaction);

/* A sale leaves now; sometimes it will a second time. */
static int send(struct simulation *simulation, struct sale *sale, int64_t now_ms, struct transaction *transaction,
		struct err *err)
{
	fill(simulation, sale, now_ms, transaction);
	if (sale->duplicate || !chance(simulation, simulation->options.duplicate_rate))
		return 0;
	sale->duplicate = true;
	return simulation_hold(simulation, sale, DUE_ARRIVAL, now_ms + simulation_span(simulation, 100, 10 * MINUTE_MS),
			       err);
}

int simulation_next(struct simulation *simulation, struct transaction *transaction, struct err *err)
{
	for (;;) {
		struct due due = simulation_heap_first(&simulation->heap);
		struct sale sale;
		int now = 1;
		if (due.what == DUE_CUSTOMER) {
			now = take_customer(simulation, due, &sale, err);
		} else {
			simulation_heap_drop(&simulation->heap);
			sale = release(simulation, due.index);
			if (due.what == DUE_FRAUD)
				now = begin(simulation, &sale, err);
		}
		if (now < 0)
			return -1;
		if (now == 1)
			return send(simulation, &sale, due.time_ms, transaction, err);
	}
}

/* PREFIX and a number of eight digits. */
static void set_name(char name[16], const char *prefix, uint32_t number)
{
	size_t length = strlen(prefix);
	memcpy(name, prefix, length);
	name[length + 8] = '\0';
	for (size_t i = length + 8; i-- > length; number /= 10)
		name[i] = (char)('0' + number % 10);
}

static void fill(const struct simulation *simulation, const struct sale *sale, int64_t arrival_ms,
		 struct transaction *transaction)
{
	const struct merchant *merchant = &simulation->society.merchants[sale->merchant];
	uint64_t id = simulation_id(simulation->options.seed, sale->number);
	for (size_t i = 16; i-- > 0; id >>= 4)
		transaction->id[i] = "0123456789abcdef"[id & 15];
	transaction->id[16] = '\0';
	set_name(transaction->card_id, "card-", sale->card);
	set_name(transaction->customer_id, "cust-", sale->customer);
	set_name(transaction->merchant_id, "shop-", sale->merchant);
	transaction->time_ms = sale->time_ms;
	transaction->arrival_ms = arrival_ms;
	transaction->amount = sale->amount;
	transaction->currency = "EUR";
	transaction->category = society_category(merchant->category)->name;
	transaction->country = society_city(merchant->city)->country;
	transaction->channel = society_channel(sale->channel);
	transaction->channel_number = sale->channel;
	transaction->has_place = sale->has_place;
	transaction->latitude = sale->latitude;
	transaction->longitude = sale->longitude;
	transaction->fraud = sale->fraud;
	transaction->late = sale->late;
	transaction->duplicate = sale->duplicate;
}

int simulation_check(const struct simulation_options *options, struct err *err)
{
	if (!(options->days > 0 && options->days <= SIMULATION_DAYS_MAX))
		return err_set(err, ERR_USAGE, "days: not above 0 and at most %d", SIMULATION_DAYS_MAX);
	if (!(options->fraud_rate >= 0 && options->fraud_rate <= 0.5))
		return err_set(err, ERR_USAGE, "the share of frauds is not from 0 to 0.5");
	if (!(options->late_rate >= 0 && options->late_rate <= 1 && options->duplicate_rate >= 0 &&
	      options->duplicate_rate <= 1))
		return err_set(err, ERR_USAGE, "a share of late events or duplicates is not from 0 to 1");
	return 0;
}

int simulation_check_instruments(const struct simulation_options *options, struct err *err)
{
	if (options->instruments < SIMULATION_INSTRUMENTS_MIN || options->instruments > SIMULATION_INSTRUMENTS_MAX)
		return err_set(err, ERR_USAGE, "instruments: %u is not from %d to %d", options->instruments,
			       SIMULATION_INSTRUMENTS_MIN, SIMULATION_INSTRUMENTS_MAX);
	return 0;
}

static int check(const struct simulation_options *options, struct err *err)
{
	if (options->cards < 1 || options->cards > SIMULATION_CARDS_MAX)
		return err_set(err, ERR_USAGE, "cards: %u is not from 1 to %d", options->cards, SIMULATION_CARDS_MAX);
	if (options->merchants < SIMULATION_MERCHANTS_MIN || options->merchants > SIMULATION_MERCHANTS_MAX)
		return err_set(err, ERR_USAGE, "merchants: %u is not from %d to %d", options->merchants,
			       SIMULATION_MERCHANTS_MIN, SIMULATION_MERCHANTS_MAX);
	if (options->takeovers > SIMULATION_TAKEOVERS_MAX)
		return err_set(err, ERR_USAGE, "takeovers: %u is above %d", options->takeovers,
			       SIMULATION_TAKEOVERS_MAX);
	return simulation_check(options, err);
}

/* Brings the activity to options->events in options->days, and sets every customer's first time. */
static int begin_customers(struct simulation *simulation, struct err *err)
{
	const struct simulation_options *options = &simulation->options;
	struct society *society = &simulation->society;
	double sum = 0, events = options->events == 0 ? 1.0 : (double)options->events;
	for (uint32_t i = 0; i < society->customer_count; i++)
		sum += society->customers[i].per_week;
	simulation->scale =
	    events * (1 - options->fraud_rate) / (1 + options->duplicate_rate) / (options->days / 7) / sum;
	double between_ms = options->days * (double)DAY_MS * society->customer_count / events;
	simulation->gap_ms = between_ms / 8 < (double)GAP_MS ? (int64_t)(between_ms / 8) : GAP_MS;
	for (uint32_t i = 0; i < society->customer_count; i++) {
		int64_t first = next_time(simulation, &society->customers[i], options->start_ms);
		if (simulation_heap_put(&simulation->heap,
					(struct due){.time_ms = first, .index = i, .what = DUE_CUSTOMER}, err) != 0)
			return -1;
	}
	return 0;
}

struct simulation *simulation_new(const struct simulation_options *options, struct err *err)
{
	if (check(options, err) != 0)
		return NULL;
	struct simulation *simulation = calloc(1, sizeof *simulation);
	if (simulation == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	simulation->options = *options;
	rng_seed(&simulation->rng, options->seed);
	size_t recent = (size_t)options->merchants * SIMULATION_RECENT;
	simulation->recent = malloc(recent * sizeof *simulation->recent);
	simulation->recent_next = calloc(options->merchants, 1);
	if (simulation->recent == NULL || simulation->recent_next == NULL) {
		(void)err_memory(err);
		goto free_simulation;
	}
	memset(simulation->recent, 0xff, recent * sizeof *simulation->recent);
	if (society_make(&simulation->society, options, &simulation->rng, err) == 0 &&
	    begin_customers(simulation, err) == 0 && simulation_takeovers_plan(simulation, err) == 0)
		return simulation;
free_simulation:
	simulation_free(simulation);
	return NULL;
}

void simulation_free(struct simulation *simulation)
{
	if (simulation == NULL)
		return;
	society_end(&simulation->society);
	free(simulation->heap.items);
	free(simulation->pending);
	free(simulation->free_places);
	free(simulation->recent);
	free(simulation->recent_next);
	free(simulation);
}
