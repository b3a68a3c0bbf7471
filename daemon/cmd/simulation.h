/*
 * Seeded synthetic card transactions, event by event in the order of their arrival: customers with habits and trips,
 * merchants with categories and places, the rhythm of day and week, six kinds of fraud with labels (and a seventh on request), events that arrive
 * late and events that arrive twice. What is simulated and how: docs/simulator.md.
 *
 * Same options, same events, on any machine: integers, rng.h and daemon/base/elementary alone. `simulate` writes what
 * comes out, `demo` produces it to its broker.
 */
#ifndef OUTLIERD_SIMULATION_H
#define OUTLIERD_SIMULATION_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define SIMULATION_CARDS_MAX 5000000
#define SIMULATION_MERCHANTS_MIN 100
#define SIMULATION_MERCHANTS_MAX 1000000
#define SIMULATION_TAKEOVERS_MAX 10000
#define SIMULATION_ACCOUNTS_MAX 5000000
#define SIMULATION_INSTRUMENTS_MIN 10
#define SIMULATION_INSTRUMENTS_MAX 1000000
#define SIMULATION_PARTIES_MIN 5
#define SIMULATION_PARTIES_MAX 100000
#define SIMULATION_DAYS_MAX 3660
#define SIMULATION_PLACE_SCALE 5 /* latitude and longitude are in units of 10^-5 degrees */
#define SIMULATION_AMOUNT_SCALE 2

/** Why a transaction is a fraud. */
enum fraud_kind {
	FRAUD_NONE,
	FRAUD_LARGE_AMOUNT,
	FRAUD_STOLEN_CARD_BURST,
	FRAUD_COMPROMISED_MERCHANT,
	FRAUD_IMPOSSIBLE_TRAVEL,
	FRAUD_CARD_TESTING,
	FRAUD_ACCOUNT_TAKEOVER,
	FRAUD_MERCHANT_TAKEOVER, /* only where options.takeovers says so */
	FRAUD_KINDS
};

struct simulation_options {
	uint64_t seed;
	uint64_t events;    /* that the activity is scaled to: about so many in `days`; the stream itself has no end */
	uint32_t cards;     /* 1 .. SIMULATION_CARDS_MAX */
	uint32_t merchants; /* SIMULATION_MERCHANTS_MIN .. SIMULATION_MERCHANTS_MAX */
	uint32_t takeovers; /* online merchants that are compromised, 0 .. SIMULATION_TAKEOVERS_MAX */
	uint32_t accounts;  /* of portfolios, 1 .. SIMULATION_ACCOUNTS_MAX */
	uint32_t
	    instruments;  /* SIMULATION_INSTRUMENTS_MIN .. SIMULATION_INSTRUMENTS_MAX; cards have none of these three */
	uint32_t parties; /* that trade, SIMULATION_PARTIES_MIN .. SIMULATION_PARTIES_MAX */
	int64_t start_ms;
	double days;           /* above 0, at most SIMULATION_DAYS_MAX */
	double fraud_rate;     /* share of all events that are frauds, 0 .. 0.5 */
	double late_rate;      /* share of events that arrive minutes to hours after their time, 0 .. 1 */
	double duplicate_rate; /* share of events that arrive a second time, 0 .. 1 */
};

/** Defaults: seed 1, 10,000 cards, 2,000 merchants, 2,000 accounts, 200 instruments, 60 parties, 60 days from 2026-01-05T00:00:00Z, fraud 0.002, late 0.005, duplicates 0.001. events is 0. */
struct simulation_options simulation_defaults(void);

/** One transaction as it arrives. Texts are terminated. */
struct transaction {
	char id[20], card_id[16], customer_id[16], merchant_id[16];
	int64_t time_ms;    /* event time */
	int64_t arrival_ms; /* when it is sent: the event time, later for late ones and duplicates; never decreases */
	int64_t amount;     /* minor units, above 0 */
	const char *currency, *category, *country, *channel;
	unsigned channel_number; /* in the schema's enum: POS 0, ATM 1, WEB 2, APP 3 */
	bool has_place;
	int32_t latitude, longitude; /* 10^-5 degrees */
	enum fraud_kind fraud;
	bool late, duplicate;
};

struct simulation;

/** Makes the world. ERR_USAGE: an option out of range; ERR_MEMORY. */
struct simulation *simulation_new(const struct simulation_options *options, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void simulation_free(struct simulation *simulation);

/** The next arrival. -1: out of memory (ERR_MEMORY). */
int simulation_next(struct simulation *simulation, struct transaction *transaction, struct err *err) MUST_USE;

/** "large_amount" …; an empty text for FRAUD_NONE. */
const char *simulation_fraud_name(enum fraud_kind kind);

#endif
