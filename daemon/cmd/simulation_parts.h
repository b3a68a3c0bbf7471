/* What the files of the simulation share. Only simulation*.c include this. */
#ifndef OUTLIERD_SIMULATION_PARTS_H
#define OUTLIERD_SIMULATION_PARTS_H

#include "daemon/cmd/simulation_heap.h"
#include "daemon/cmd/society.h"

#define MINUTE_MS ((int64_t)60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define SIMULATION_RECENT 6 /* customers that a merchant is remembered by */

/** What is due at a time. */
enum { DUE_CUSTOMER, DUE_FRAUD, DUE_ARRIVAL };

/** A transaction before it is sent. */
struct sale {
	uint64_t number; /* from 0; duplicates have the same */
	int64_t time_ms;
	int64_t amount;
	uint32_t customer, card, merchant;
	int32_t latitude, longitude;
	uint8_t channel, fraud;
	bool has_place, late, duplicate;
};

struct simulation {
	struct simulation_options options;
	struct rng rng;
	struct society society;
	struct simulation_heap heap;
	struct sale *pending;  /* owned: what DUE_FRAUD and DUE_ARRIVAL point to */
	uint32_t *free_places; /* owned: places in pending that are free */
	uint32_t pending_count, pending_capacity, free_count;
	uint32_t *recent;     /* owned: SIMULATION_RECENT last customers of each merchant, UINT32_MAX: none */
	uint8_t *recent_next; /* owned: which of them is replaced next */
	double scale;         /* brings customers' per_week to the activity asked for */
	int64_t gap_ms;       /* least time between two genuine transactions of a customer */
	uint64_t sales;       /* numbers given so far */
	uint64_t frauds;      /* transactions of frauds, planned ones too */
};

/** What is common to all kinds of simulations: days and shares. ERR_USAGE: one is out of range. */
int simulation_check(const struct simulation_options *options, struct err *err) MUST_USE;

/** As simulation_check() for options.instruments. */
int simulation_check_instruments(const struct simulation_options *options, struct err *err) MUST_USE;

/** The id of the event of a number: other numbers and other seeds give others. */
uint64_t simulation_id(uint64_t seed, uint64_t number);

/** Keeps a sale until a time. ERR_MEMORY. */
int simulation_hold(struct simulation *simulation, const struct sale *sale, uint8_t what, int64_t time_ms,
		    struct err *err) MUST_USE;

/** An amount in minor units: the category's usual one, 2^level times as much, spread and rounded as prices are. */
int64_t simulation_amount(struct simulation *simulation, enum category category, double level_log2);

/** Puts the sale at a merchant of the category in the city, drawn at random: merchant, channel, place. Where the city has none it is bought online. */
void simulation_place(struct simulation *simulation, struct sale *sale, unsigned city, enum category category);

/** Plans a fraud that begins with what has just happened: victim, place and time come from the sale. */
int simulation_fraud_plan(struct simulation *simulation, const struct sale *sale, struct err *err) MUST_USE;

/** Plans options.takeovers compromised merchants over the days, from the beginning on. */
int simulation_takeovers_plan(struct simulation *simulation, struct err *err) MUST_USE;

/** A time span, uniform between the two, in ms. */
int64_t simulation_span(struct simulation *simulation, int64_t least_ms, int64_t most_ms);

#endif
