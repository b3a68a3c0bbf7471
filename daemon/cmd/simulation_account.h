/*
 * The clients of the simulation of portfolios: habits, cash and positions, and what a movement does to them. Only
 * simulation*.c include this.
 */
#ifndef OUTLIERD_SIMULATION_ACCOUNT_H
#define OUTLIERD_SIMULATION_ACCOUNT_H

#include "daemon/cmd/simulation_arrivals.h"

#define ACCOUNT_POSITIONS 6
#define ACCOUNT_HOMES 6 /* the first countries, where clients live */
#define ACCOUNT_COUNTRIES 10

/** Places of a movement's values. */
enum {
	MOVEMENT_ID,
	MOVEMENT_TIME,
	MOVEMENT_ACCOUNT,
	MOVEMENT_KIND,
	MOVEMENT_AMOUNT,
	MOVEMENT_INSTRUMENT,
	MOVEMENT_POSITION,
	MOVEMENT_PORTFOLIO,
	MOVEMENT_CHANNEL,
	MOVEMENT_COUNTRY,
	MOVEMENT_FIELDS
};

/** Symbols of MOVEMENT_KIND. */
enum movement_kind {
	MOVEMENT_DEPOSIT,
	MOVEMENT_WITHDRAWAL,
	MOVEMENT_BUY,
	MOVEMENT_SELL,
	MOVEMENT_REPORT,
	MOVEMENT_KINDS
};

/** Symbols of MOVEMENT_CHANNEL. */
enum { CHANNEL_BY_APP, CHANNEL_BY_WEB, CHANNEL_BY_BRANCH, CHANNEL_BY_PHONE, CHANNEL_SYSTEM };

struct account {
	double level_log2; /* of the usual amount in cents */
	double share;      /* of all turns */
	struct active_hours hours;
	int64_t cash, positions[ACCOUNT_POSITIONS]; /* cents */
	int64_t usual_value, usual_cash, usual_positions[ACCOUNT_POSITIONS];
	int64_t standing_order;
	int64_t frozen_until_ms; /* INT64_MIN: no anomaly was planned */
	uint32_t instruments[ACCOUNT_POSITIONS];
	uint8_t kind, country, channel;
};

/** Makes options.accounts of them, to be freed by the caller. NULL: ERR_MEMORY. */
struct account *accounts_make(struct arrivals *arrivals, struct err *err) MUST_USE;
/** Draws what a client does next, by habit. */
enum movement_kind account_draw_kind(struct arrivals *arrivals, const struct account *account);
/** Cash and positions. */
int64_t account_value(const struct account *account);
/** The place of the smallest position. */
unsigned account_least(const struct account *account);
/** Prices move a little. */
void account_drift(struct arrivals *arrivals, struct account *account);
/** Cash and positions become what is usual. */
void account_put_right(struct account *account);
/** Does what row's kind says, in a position where it is a purchase or a sale, as far as cash and positions allow; sets amount, instrument and both values. */
void account_move(struct account *account, struct row *row, unsigned slot, int64_t amount);

#endif
