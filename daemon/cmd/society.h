/*
 * The society of the simulation: cities, categories of merchants, kinds of customers, and the people and shops made from
 * them. Only simulation*.c include this.
 */
#ifndef OUTLIERD_SOCIETY_H
#define OUTLIERD_SOCIETY_H

#include "daemon/cmd/simulation.h"
#include "rng.h"

#define SOCIETY_CITIES 30
#define SOCIETY_HOMES 22 /* the first cities, where customers live; the others lie on other continents */
#define SOCIETY_WEEK_HOURS 168
#define SOCIETY_KINDS 6 /* of customers */

enum category {
	CATEGORY_GROCERIES,
	CATEGORY_RESTAURANT,
	CATEGORY_FUEL,
	CATEGORY_TRANSPORT,
	CATEGORY_CLOTHING,
	CATEGORY_PHARMACY,
	CATEGORY_ENTERTAINMENT,
	CATEGORY_ELECTRONICS,
	CATEGORY_JEWELLERY,
	CATEGORY_CASH,
	CATEGORY_ONLINE_RETAIL,
	CATEGORY_DIGITAL,
	CATEGORY_TRAVEL,
	CATEGORIES
};

enum channel { CHANNEL_POS, CHANNEL_ATM, CHANNEL_WEB, CHANNEL_APP };

struct city {
	const char *country;
	int32_t latitude, longitude; /* 10^-5 degrees */
	uint32_t people;             /* relative number of customers; of visitors and merchants where nobody lives */
};

struct category_facts {
	const char *name;
	bool online;
	enum channel channel; /* POS or ATM; online: WEB, partly APP */
	int opens, closes;    /* hours of the day */
	double amount_log2;   /* of the usual amount in minor units */
	double spread_log2;   /* standard deviation */
	uint32_t merchants;   /* relative number */
};

struct merchant {
	uint8_t city;
	uint8_t category;
	int32_t latitude, longitude;
};

struct customer {
	uint8_t home, kind;
	uint8_t cards;     /* 1 or 2 */
	uint8_t trip_city; /* where trip_until_ms is set */
	uint32_t first_card;
	int32_t latitude, longitude; /* of the home */
	double level_log2;           /* of amounts, against the usual */
	double per_week;             /* events, before scaling */
	int64_t last_ms;             /* of the last genuine event; INT64_MIN: none */
	int64_t trip_until_ms;       /* INT64_MIN: at home */
};

struct society {
	struct merchant *merchants;
	uint32_t merchant_count;
	uint32_t *by_place; /* merchants ordered by city and category; online ones as if in city SOCIETY_CITIES */
	uint32_t first[(SOCIETY_CITIES + 1) * CATEGORIES + 1]; /* where each city and category begins in by_place */
	struct customer *customers;
	uint32_t customer_count;
	double week[SOCIETY_KINDS][SOCIETY_WEEK_HOURS]; /* activity of each kind of customer, mean 1 */
};

/** Facts of a city. */
const struct city *society_city(unsigned city);
/** Facts of a category. */
const struct category_facts *society_category(enum category category);
/** The name of a channel as it is written. */
const char *society_channel(enum channel channel);
/** Draws a category by the habits of a kind of customer. */
enum category society_draw_category(struct rng *rng, unsigned kind);
/** Merchants of a category in a city (online ones: any city); *merchants receives the first of the returned number. */
uint32_t society_merchants(const struct society *society, unsigned city, enum category category,
			   const uint32_t **merchants);
/** Draws a city to live in (far: to visit on another continent). */
unsigned society_draw_city(struct rng *rng, bool far);

/** Makes merchants and customers. */
int society_make(struct society *society, const struct simulation_options *options, struct rng *rng,
		 struct err *err) MUST_USE;
/** Frees what it holds. */
void society_end(struct society *society);

/** A draw from the standard normal distribution, cut off at about 3.5. */
double society_normal(struct rng *rng);
/** A draw from the exponential distribution of mean 1. */
double society_exponential(struct rng *rng);

#endif
