#include "daemon/cmd/society.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SQRT_3 1.7320508075688772
#define CITY_RADIUS 5000  /* 10^-5 degrees: shops and homes lie within about 5 km of the middle */
#define TWO_CARDS_SHARE 5 /* one customer in so many has two */

static const struct city cities[SOCIETY_CITIES] = {
    {"DE", 5252000, 1340500, 36},  {"DE", 5355100, 999400, 18},   {"DE", 4813700, 1157500, 15},
    {"DE", 5093800, 696000, 11},   {"AT", 4820800, 1637300, 19},  {"CH", 4737700, 854100, 14},
    {"FR", 4885700, 235200, 40},   {"FR", 4576400, 483600, 12},   {"ES", 4041700, -370400, 33},
    {"ES", 4138500, 217300, 20},   {"PT", 3872200, -913900, 15},  {"IT", 4190300, 1249600, 28},
    {"IT", 4546400, 919000, 16},   {"NL", 5237000, 489500, 14},   {"BE", 5085000, 435200, 12},
    {"DK", 5567600, 1256800, 9},   {"SE", 5932900, 1806800, 10},  {"PL", 5223000, 2101200, 18},
    {"CZ", 5007600, 1443800, 13},  {"IE", 5335000, -626000, 8},   {"GB", 5150700, -12800, 45},
    {"GR", 3798400, 2372800, 11},  {"US", 4071300, -7400600, 10}, {"US", 3405200, -11824400, 6},
    {"BR", -2355100, -4663300, 4}, {"AE", 2520500, 5527100, 6},   {"TH", 1375600, 10050200, 5},
    {"SG", 135200, 10382000, 4},   {"JP", 3567600, 13965000, 5},  {"ZA", -2620400, 2804700, 3},
};

static const struct category_facts categories[CATEGORIES] = {
    [CATEGORY_GROCERIES] = {"groceries", false, CHANNEL_POS, 7, 22, 11.4, 0.9, 160},
    [CATEGORY_RESTAURANT] = {"restaurant", false, CHANNEL_POS, 7, 24, 11.2, 0.8, 220},
    [CATEGORY_FUEL] = {"fuel", false, CHANNEL_POS, 0, 24, 12.4, 0.4, 60},
    [CATEGORY_TRANSPORT] = {"transport", false, CHANNEL_POS, 0, 24, 9.2, 0.9, 50},
    [CATEGORY_CLOTHING] = {"clothing", false, CHANNEL_POS, 9, 20, 12.5, 0.9, 90},
    [CATEGORY_PHARMACY] = {"pharmacy", false, CHANNEL_POS, 8, 20, 10.8, 0.7, 60},
    [CATEGORY_ENTERTAINMENT] = {"entertainment", false, CHANNEL_POS, 11, 24, 11.0, 0.6, 50},
    [CATEGORY_ELECTRONICS] = {"electronics", false, CHANNEL_POS, 9, 20, 13.6, 1.0, 40},
    [CATEGORY_JEWELLERY] = {"jewellery", false, CHANNEL_POS, 10, 19, 14.2, 0.8, 15},
    [CATEGORY_CASH] = {"cash", false, CHANNEL_ATM, 0, 24, 13.2, 0.7, 90},
    [CATEGORY_ONLINE_RETAIL] = {"online_retail", true, CHANNEL_WEB, 0, 24, 11.9, 1.0, 120},
    [CATEGORY_DIGITAL] = {"digital", true, CHANNEL_WEB, 0, 24, 9.9, 0.5, 30},
    [CATEGORY_TRAVEL] = {"travel", true, CHANNEL_WEB, 0, 24, 14.3, 1.0, 25},
};

/* What a kind of customer buys, and when: office worker, student, family, pensioner, business traveller, night worker. */
static const struct kind {
	uint32_t share;
	uint32_t buys[CATEGORIES]; /* relative */
	uint8_t weekday[24], weekend[24];
} kinds[SOCIETY_KINDS] = {
    {34,
     {26, 16, 7, 14, 5, 4, 5, 2, 1, 6, 15, 7, 2},
     {1, 1, 1, 1, 1, 3, 9, 16, 12, 8, 8, 14, 24, 20, 9, 9, 12, 22, 26, 20, 14, 10, 6, 3},
     {4, 3, 2, 1, 1, 1, 2, 4, 8, 14, 20, 22, 22, 20, 18, 18, 18, 17, 16, 16, 16, 14, 10, 7}},
    {14,
     {18, 20, 2, 16, 6, 2, 10, 2, 0, 6, 20, 14, 1},
     {4, 3, 2, 1, 1, 1, 3, 6, 8, 10, 12, 14, 18, 16, 13, 13, 14, 16, 18, 18, 17, 15, 12, 8},
     {9, 8, 6, 4, 2, 1, 1, 2, 4, 6, 10, 13, 16, 16, 15, 15, 15, 16, 18, 19, 19, 18, 16, 12}},
    {26,
     {38, 8, 11, 5, 8, 6, 4, 2, 1, 5, 16, 5, 2},
     {1, 1, 1, 1, 1, 2, 5, 11, 16, 17, 16, 15, 13, 12, 12, 14, 18, 21, 19, 13, 10, 8, 5, 2},
     {1, 1, 1, 1, 1, 1, 2, 6, 14, 22, 26, 25, 20, 16, 16, 17, 17, 15, 13, 10, 8, 6, 4, 2}},
    {16,
     {40, 9, 6, 5, 4, 14, 3, 1, 1, 14, 6, 1, 1},
     {0, 0, 0, 0, 0, 1, 4, 9, 18, 26, 28, 24, 17, 12, 14, 17, 16, 12, 8, 5, 3, 2, 1, 0},
     {0, 0, 0, 0, 0, 1, 3, 7, 15, 22, 23, 19, 14, 10, 11, 13, 12, 9, 6, 4, 3, 2, 1, 0}},
    {6,
     {10, 28, 6, 22, 4, 3, 4, 3, 2, 5, 10, 6, 10},
     {2, 1, 1, 1, 2, 6, 12, 16, 15, 12, 12, 14, 20, 18, 12, 12, 14, 18, 22, 24, 22, 16, 10, 5},
     {3, 2, 1, 1, 1, 2, 4, 8, 11, 12, 13, 14, 16, 16, 13, 13, 14, 16, 18, 18, 16, 12, 8, 5}},
    {4,
     {24, 14, 10, 12, 3, 4, 5, 2, 0, 9, 15, 8, 1},
     {14, 13, 12, 12, 13, 14, 14, 10, 5, 3, 2, 2, 3, 5, 8, 12, 16, 18, 16, 14, 14, 15, 16, 15},
     {14, 12, 11, 10, 9, 8, 6, 4, 3, 4, 6, 8, 11, 13, 14, 15, 16, 16, 16, 16, 17, 17, 17, 16}},
};

const struct city *society_city(unsigned city)
{
	assert(city < SOCIETY_CITIES);
	return &cities[city];
}

const struct category_facts *society_category(enum category category)
{
	assert(category < CATEGORIES);
	return &categories[category];
}

const char *society_channel(enum channel channel)
{
	static const char *const names[] = {"POS", "ATM", "WEB", "APP"};
	return names[channel];
}

double society_normal(struct rng *rng)
{
	/* The sum of four uniform numbers of 16 bits has variance 4/12. */
	uint64_t bits = rng_next(rng);
	uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
	return ((double)sum / 65536.0 - 2.0) * SQRT_3;
}

double society_exponential(struct rng *rng)
{
	return -elementary_log(1.0 - rng_uniform(rng));
}

/* An index, drawn in proportion to its weight. */
static unsigned pick(struct rng *rng, const uint32_t *weights, unsigned count)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++)
		sum += weights[i];
	uint64_t draw = rng_below(rng, sum);
	unsigned at = 0;
	while (draw >= weights[at])
		draw -= weights[at++];
	assert(at < count);
	return at;
}

enum category society_draw_category(struct rng *rng, unsigned kind)
{
	assert(kind < SOCIETY_KINDS);
	return pick(rng, kinds[kind].buys, CATEGORIES);
}

unsigned society_draw_city(struct rng *rng, bool far)
{
	uint32_t people[SOCIETY_CITIES];
	unsigned from = far ? SOCIETY_HOMES : 0, count = far ? SOCIETY_CITIES - SOCIETY_HOMES : SOCIETY_HOMES;
	for (unsigned i = 0; i < count; i++)
		people[i] = cities[from + i].people;
	return from + pick(rng, people, count);
}

uint32_t society_merchants(const struct society *society, unsigned city, enum category category,
			   const uint32_t **merchants)
{
	size_t place = (categories[category].online ? SOCIETY_CITIES : city) * (size_t)CATEGORIES + category;
	*merchants = society->by_place + society->first[place];
	return society->first[place + 1] - society->first[place];
}

static int32_t jitter(struct rng *rng)
{
	return (int32_t)rng_below(rng, 2 * CITY_RADIUS + 1) - CITY_RADIUS;
}

static size_t place_of(const struct merchant *merchant)
{
	bool online = categories[merchant->category].online;
	return (online ? SOCIETY_CITIES : merchant->city) * (size_t)CATEGORIES + merchant->category;
}

/* Every online category has a merchant; the others fall as it comes. */
static void make_merchant(struct merchant *merchant, uint32_t number, struct rng *rng)
{
	static const uint8_t always[] = {CATEGORY_ONLINE_RETAIL, CATEGORY_DIGITAL, CATEGORY_TRAVEL};
	uint32_t weights[CATEGORIES];
	for (size_t i = 0; i < CATEGORIES; i++)
		weights[i] = categories[i].merchants;
	uint8_t category = (uint8_t)pick(rng, weights, CATEGORIES);
	merchant->category = number < sizeof always ? always[number] : category;
	merchant->city = (uint8_t)society_draw_city(rng, rng_below(rng, 12) == 0);
	merchant->latitude = cities[merchant->city].latitude + jitter(rng);
	merchant->longitude = cities[merchant->city].longitude + jitter(rng);
}

static int make_merchants(struct society *society, uint32_t count, struct rng *rng, struct err *err)
{
	uint32_t *next = calloc(sizeof society->first / sizeof *society->first, sizeof *next);
	society->merchants = calloc(count, sizeof *society->merchants);
	society->by_place = calloc(count, sizeof *society->by_place);
	society->merchant_count = count;
	if (next == NULL || society->merchants == NULL || society->by_place == NULL) {
		free(next);
		return err_memory(err);
	}
	for (uint32_t i = 0; i < count; i++) {
		make_merchant(&society->merchants[i], i, rng);
		society->first[place_of(&society->merchants[i]) + 1]++;
	}
	for (size_t place = 0; place < (SOCIETY_CITIES + 1) * CATEGORIES; place++) {
		society->first[place + 1] += society->first[place];
		next[place] = society->first[place];
	}
	for (uint32_t i = 0; i < count; i++)
		society->by_place[next[place_of(&society->merchants[i])]++] = i;
	free(next);
	return 0;
}

static void make_customer(struct customer *customer, uint32_t first_card, uint32_t cards_left, struct rng *rng)
{
	uint32_t shares[SOCIETY_KINDS];
	for (size_t i = 0; i < SOCIETY_KINDS; i++)
		shares[i] = kinds[i].share;
	customer->home = (uint8_t)society_draw_city(rng, false);
	customer->kind = (uint8_t)pick(rng, shares, SOCIETY_KINDS);
	customer->cards = cards_left > 1 && rng_below(rng, TWO_CARDS_SHARE) == 0 ? 2 : 1;
	customer->first_card = first_card;
	customer->latitude = cities[customer->home].latitude + jitter(rng);
	customer->longitude = cities[customer->home].longitude + jitter(rng);
	customer->level_log2 = 0.5 * society_normal(rng);
	customer->per_week = elementary_exp2(0.8 * society_normal(rng)) * customer->cards;
	customer->last_ms = customer->trip_until_ms = INT64_MIN;
}

static int make_customers(struct society *society, uint32_t cards, struct rng *rng, struct err *err)
{
	society->customers = calloc(cards, sizeof *society->customers);
	if (society->customers == NULL)
		return err_memory(err);
	for (uint32_t card = 0; card < cards;) {
		struct customer *customer = &society->customers[society->customer_count++];
		make_customer(customer, card, cards - card, rng);
		card += customer->cards;
	}
	return 0;
}

/* Activity by the hour of the week, Monday first, brought to mean 1. */
static void make_weeks(struct society *society)
{
	for (unsigned kind = 0; kind < SOCIETY_KINDS; kind++) {
		uint32_t sum = 0;
		for (unsigned hour = 0; hour < SOCIETY_WEEK_HOURS; hour++)
			sum += (hour / 24 < 5 ? kinds[kind].weekday : kinds[kind].weekend)[hour % 24];
		for (unsigned hour = 0; hour < SOCIETY_WEEK_HOURS; hour++) {
			const uint8_t *day = hour / 24 < 5 ? kinds[kind].weekday : kinds[kind].weekend;
			society->week[kind][hour] = (double)(day[hour % 24] * SOCIETY_WEEK_HOURS) / (double)sum;
		}
	}
}

int society_make(struct society *society, const struct simulation_options *options, struct rng *rng, struct err *err)
{
	*society = (struct society){0};
	make_weeks(society);
	return make_merchants(society, options->merchants, rng, err) != 0 ||
		       make_customers(society, options->cards, rng, err) != 0
		   ? -1
		   : 0;
}

void society_end(struct society *society)
{
	free(society->merchants);
	free(society->by_place);
	free(society->customers);
}
