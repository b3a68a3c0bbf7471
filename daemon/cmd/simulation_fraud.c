/* The frauds: each is a small story, planned as a whole from the purchase of its victim that has just happened. */
#include "daemon/cmd/simulation_parts.h"

#include <assert.h>

#define SECOND_MS ((int64_t)1000)

/* A fraud's next transaction; time and victim go from one to the next. */
struct story {
	struct simulation *simulation;
	struct sale sale;
	unsigned city;      /* where the thief is */
	bool elsewhere;     /* so his telephone says */
	bool same_merchant; /* all is bought at the first one */
};

/* What may be bought, and its size: the victim's usual amount of the category, 2^least to 2^most times as much. */
struct goods {
	enum category categories[5];
	size_t count;
	double least_log2, most_log2;
};

static struct story begin(struct simulation *simulation, uint32_t victim, enum fraud_kind kind, int64_t time_ms)
{
	const struct customer *customer = &simulation->society.customers[victim];
	struct story story = {.simulation = simulation, .city = customer->home};
	story.sale.customer = victim;
	story.sale.card = customer->first_card + (uint32_t)rng_below(&simulation->rng, customer->cards);
	story.sale.fraud = (uint8_t)kind;
	story.sale.time_ms = time_ms;
	return story;
}

static void wait(struct story *story, int64_t least_ms, int64_t most_ms)
{
	story->sale.time_ms += simulation_span(story->simulation, least_ms, most_ms);
}

static int buy(struct story *story, const struct goods *goods, struct err *err)
{
	struct simulation *simulation = story->simulation;
	const struct customer *customer = &simulation->society.customers[story->sale.customer];
	enum category category = goods->categories[rng_below(&simulation->rng, goods->count)];
	double level = goods->least_log2 + (goods->most_log2 - goods->least_log2) * rng_uniform(&simulation->rng);
	bool first = story->sale.amount == 0;
	if (first || !story->same_merchant)
		simulation_place(simulation, &story->sale, story->city, category);
	if (story->elsewhere && story->sale.has_place) {
		story->sale.latitude = society_city(story->city)->latitude;
		story->sale.longitude = society_city(story->city)->longitude;
	}
	story->sale.amount = simulation_amount(simulation, category, customer->level_log2 + level);
	simulation->frauds++;
	return simulation_hold(simulation, &story->sale, DUE_FRAUD, story->sale.time_ms, err);
}

static unsigned between(struct simulation *simulation, unsigned least, unsigned most)
{
	return least + (unsigned)rng_below(&simulation->rng, most - least + 1);
}

/* Buys several times, waiting after each. */
static int buy_times(struct story *story, const struct goods *goods, unsigned times, int64_t least_ms, int64_t most_ms,
		     struct err *err)
{
	for (; times > 0; times--) {
		if (buy(story, goods, err) != 0)
			return -1;
		wait(story, least_ms, most_ms);
	}
	return 0;
}

/* One purchase of 8 to 32 times the usual size. */
static int large_amount(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods goods = {{CATEGORY_ELECTRONICS, CATEGORY_JEWELLERY, CATEGORY_TRAVEL}, 3, 3, 5};
	struct story story = begin(simulation, sale->customer, FRAUD_LARGE_AMOUNT, sale->time_ms);
	wait(&story, 10 * MINUTE_MS, 12 * HOUR_MS);
	return buy(&story, &goods, err);
}

/* A stolen card is used up in shops and machines of the neighbourhood before its owner notices. */
static int stolen_card_burst(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods goods = {
	    {CATEGORY_ELECTRONICS, CATEGORY_CLOTHING, CATEGORY_CASH, CATEGORY_FUEL, CATEGORY_GROCERIES}, 5, 0.5, 1.5};
	const struct customer *customer = &simulation->society.customers[sale->customer];
	struct story story = begin(simulation, sale->customer, FRAUD_STOLEN_CARD_BURST, sale->time_ms);
	if (customer->trip_until_ms != INT64_MIN)
		story.city = customer->trip_city;
	wait(&story, 20 * MINUTE_MS, 6 * HOUR_MS);
	unsigned times = between(simulation, 5, 12);
	return buy_times(&story, &goods, times, 2 * MINUTE_MS, 12 * MINUTE_MS, err);
}

/* Cards that were read at one merchant are used online days later. */
static int compromised_merchant(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods goods = {{CATEGORY_ONLINE_RETAIL, CATEGORY_TRAVEL}, 2, 1, 2.5};
	const uint32_t *recent = simulation->recent + (size_t)sale->merchant * SIMULATION_RECENT;
	for (size_t i = 0; i < SIMULATION_RECENT; i++) {
		if (recent[i] == UINT32_MAX || (i > 0 && recent[i] == recent[i - 1]))
			continue;
		struct story story = begin(simulation, recent[i], FRAUD_COMPROMISED_MERCHANT, sale->time_ms);
		wait(&story, DAY_MS, 4 * DAY_MS);
		unsigned times = between(simulation, 1, 3);
		if (buy_times(&story, &goods, times, 3 * MINUTE_MS, 90 * MINUTE_MS, err) != 0)
			return -1;
	}
	return 0;
}

/* The card is used on another continent less than an hour after its owner used it. */
static int impossible_travel(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods goods = {
	    {CATEGORY_CASH, CATEGORY_CLOTHING, CATEGORY_RESTAURANT, CATEGORY_FUEL}, 4, 0, 1};
	const struct customer *customer = &simulation->society.customers[sale->customer];
	bool abroad = customer->trip_until_ms != INT64_MIN && customer->trip_city >= SOCIETY_HOMES;
	struct story story = begin(simulation, sale->customer, FRAUD_IMPOSSIBLE_TRAVEL, sale->time_ms);
	story.sale.card = sale->card;
	story.city = society_draw_city(&simulation->rng, !abroad);
	wait(&story, 8 * MINUTE_MS, 45 * MINUTE_MS);
	unsigned times = between(simulation, 1, 3);
	return buy_times(&story, &goods, times, 5 * MINUTE_MS, 40 * MINUTE_MS, err);
}

/* Tiny purchases at one online merchant show that a card works; then it is used. */
static int card_testing(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods tests = {{CATEGORY_DIGITAL}, 1, -3.5, -2.5},
				  goods = {{CATEGORY_ONLINE_RETAIL}, 1, 2.5, 3.5};
	struct story story = begin(simulation, sale->customer, FRAUD_CARD_TESTING, sale->time_ms);
	wait(&story, HOUR_MS, DAY_MS);
	unsigned times = between(simulation, 6, 15);
	story.same_merchant = true;
	if (buy_times(&story, &tests, times, 15 * SECOND_MS, 90 * SECOND_MS, err) != 0)
		return -1;
	story.same_merchant = false;
	wait(&story, 5 * MINUTE_MS, 30 * MINUTE_MS);
	return buy(&story, &goods, err);
}

/* Somebody else has the login: expensive orders in the small hours, from elsewhere. */
static int account_takeover(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static const struct goods goods = {{CATEGORY_ONLINE_RETAIL, CATEGORY_TRAVEL, CATEGORY_DIGITAL}, 3, 1.5, 3.5};
	struct story story = begin(simulation, sale->customer, FRAUD_ACCOUNT_TAKEOVER, sale->time_ms);
	int64_t in_day = (sale->time_ms % DAY_MS + DAY_MS) % DAY_MS;
	story.city = society_draw_city(&simulation->rng, true);
	story.elsewhere = true;
	story.sale.time_ms += DAY_MS - in_day + HOUR_MS; /* the next night */
	wait(&story, 0, 3 * HOUR_MS);
	unsigned times = between(simulation, 3, 7);
	return buy_times(&story, &goods, times, 4 * MINUTE_MS, 25 * MINUTE_MS, err);
}

int simulation_fraud_plan(struct simulation *simulation, const struct sale *sale, struct err *err)
{
	static int (*const plans[])(struct simulation *, const struct sale *, struct err *) = {
	    large_amount, stolen_card_burst, compromised_merchant, impossible_travel, card_testing, account_takeover};
	static const uint8_t turns[] = {0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4, 5, 5}; /* by their number of transactions */
	assert(!sale->fraud);
	unsigned plan = turns[rng_below(&simulation->rng, sizeof turns)];
	if (plans[plan] == impossible_travel && !sale->has_place)
		plan = 0;
	return plans[plan](simulation, sale, err);
}

/*
 * The payment page of an online merchant is in other hands: within hours, many cards that were stolen elsewhere are each
 * charged there once, with an amount that the merchant and the card are used to. No card shows it; the merchant does.
 */
static int merchant_takeover(struct simulation *simulation, int64_t time_ms, struct err *err)
{
	static const enum category categories[] = {CATEGORY_ONLINE_RETAIL, CATEGORY_TRAVEL};
	const struct society *society = &simulation->society;
	struct sale sale = {.fraud = FRAUD_MERCHANT_TAKEOVER};
	simulation_place(simulation, &sale, 0, categories[rng_below(&simulation->rng, 2)]);
	enum category category = society->merchants[sale.merchant].category;
	sale.channel = CHANNEL_WEB;
	sale.has_place = false;
	for (unsigned times = between(simulation, 20, 40); times > 0; times--) {
		sale.customer = (uint32_t)rng_below(&simulation->rng, society->customer_count);
		const struct customer *customer = &society->customers[sale.customer];
		sale.card = customer->first_card + (uint32_t)rng_below(&simulation->rng, customer->cards);
		sale.amount = simulation_amount(simulation, category, customer->level_log2);
		sale.time_ms = time_ms + simulation_span(simulation, 0, 3 * HOUR_MS);
		if (simulation_hold(simulation, &sale, DUE_FRAUD, sale.time_ms, err) != 0)
			return -1;
	}
	return 0;
}

int simulation_takeovers_plan(struct simulation *simulation, struct err *err)
{
	const struct simulation_options *options = &simulation->options;
	int64_t length_ms = (int64_t)(options->days * (double)DAY_MS);
	for (uint32_t i = 0; i < options->takeovers; i++)
		if (merchant_takeover(simulation, options->start_ms + simulation_span(simulation, 0, length_ms), err) !=
		    0)
			return -1;
	return 0;
}
