#include "daemon/cmd/simulation_trades.h"

#include "daemon/cmd/simulation_parts.h"
#include "elementary.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SECOND_MS ((int64_t)1000)
#define VENUES 4
#define PRICE_LOG2 17.5        /* 18.50 in units of 10^-4 */
#define TICK_LOG2 0.0006       /* standard deviation of a trade's price around the market's */
#define QUIET_MS (3 * HOUR_MS) /* an instrument has no second anomaly for so long */
#define RARE_BLOCK 1000        /* one honest trade in so many is a block */
#define RARE_NEWS 2500         /* before one honest trade in so many the market jumps */
#define ONE 1000000            /* planned prices and sizes are in millionths of what is usual */

enum {
	FIELD_ID,
	FIELD_TIME,
	FIELD_INSTRUMENT,
	FIELD_PRICE,
	FIELD_QUANTITY,
	FIELD_NOTIONAL,
	FIELD_BUYER,
	FIELD_SELLER,
	FIELD_VENUE,
	FIELDS
};

struct instrument {
	double price_log2, volatility_log2; /* of a day */
	double size_log2, share;
	int64_t last_ms, quiet_until_ms;
	uint32_t buyer; /* of the last honest trade: orders are filled in pieces */
	uint8_t venue;
};

static const struct active_hours session = {8 * HOUR_MS, 16 * HOUR_MS + 30 * MINUTE_MS, true};

static const char *const venues[VENUES + 1] = {"XETR", "XPAR", "XAMS", "CHIX", NULL};
static const char *const labels[TRADE_ANOMALIES] = {"", "off_market", "size", "wash", "burst", "ramping"};

static const struct row_shape shape = {
    .name = "Trade",
    .doc = "A trade, as the example and the simulator have it. The message key is instrument.",
    .count = FIELDS,
    .key = FIELD_INSTRUMENT,
    .fields = {[FIELD_ID] = {.name = "trade_id", .type = ROW_ID},
	       [FIELD_TIME] = {.name = "event_time", .type = ROW_TIME},
	       [FIELD_INSTRUMENT] = {.name = "instrument", .type = ROW_NAME, .word = "inst-"},
	       [FIELD_PRICE] = {.name = "price", .type = ROW_AMOUNT, .scale = 4},
	       [FIELD_QUANTITY] = {.name = "quantity", .type = ROW_COUNT},
	       [FIELD_NOTIONAL] = {.name = "notional", .type = ROW_AMOUNT, .scale = 2},
	       [FIELD_BUYER] = {.name = "buyer", .type = ROW_NAME, .word = "party-"},
	       [FIELD_SELLER] = {.name = "seller", .type = ROW_NAME, .word = "party-"},
	       [FIELD_VENUE] = {.name = "venue", .type = ROW_SYMBOL, .word = "Venue", .symbols = venues}},
    .labels = labels,
    .label_count = TRADE_ANOMALIES,
};

const struct row_shape *simulation_trades_shape(void)
{
	return &shape;
}

/* A party but this one; the first are in more trades than the last. */
static uint32_t draw_party(struct arrivals *arrivals, int64_t other)
{
	for (;;) {
		double at = rng_uniform(&arrivals->rng);
		uint32_t party = (uint32_t)(at * at * arrivals->options.parties);
		if (party != other)
			return party;
	}
}

/* Brings the market's price to a time. */
static void move_market(struct arrivals *arrivals, struct instrument *instrument, int64_t time_ms)
{
	double days = (double)(time_ms - instrument->last_ms) / (double)DAY_MS;
	double deviation = instrument->volatility_log2 * sqrt(days < 1 ? days : 1);
	instrument->price_log2 += deviation * society_normal(&arrivals->rng);
	if (fabs(instrument->price_log2 - PRICE_LOG2) > 4) /* no penny stocks, and nothing beyond the money's range */
		instrument->price_log2 += instrument->price_log2 > PRICE_LOG2 ? -deviation : deviation;
	instrument->last_ms = time_ms;
}

static int64_t price_at(struct arrivals *arrivals, const struct instrument *instrument)
{
	return arrivals_size(arrivals, instrument->price_log2, TICK_LOG2);
}

static int64_t usual_size(struct arrivals *arrivals, const struct instrument *instrument)
{
	int64_t size = arrivals_size(arrivals, instrument->size_log2, 0.9);
	return size < 20 ? size : size / 10 * 10;
}

static void set_notional(struct row *row)
{
	row->values[FIELD_NOTIONAL] = (row->values[FIELD_PRICE] * row->values[FIELD_QUANTITY] + 50) / 100;
}

static bool turn(struct arrivals *arrivals, uint32_t number, int64_t time_ms, struct row *row, int64_t *next_ms)
{
	struct instrument *instrument = &((struct instrument *)arrivals->world)[number];
	int64_t *values = row->values;
	*next_ms = arrivals_active(&session, time_ms, arrivals_gap(arrivals, &session, instrument->share));
	move_market(arrivals, instrument, time_ms);
	if (arrivals_once_in(arrivals, RARE_NEWS))
		instrument->price_log2 += arrivals_once_in(arrivals, 2) ? 0.03 : -0.03;
	if (!arrivals_once_in(arrivals, 3))
		instrument->buyer = draw_party(arrivals, -1);
	values[FIELD_INSTRUMENT] = number;
	values[FIELD_PRICE] = price_at(arrivals, instrument);
	values[FIELD_QUANTITY] = usual_size(arrivals, instrument);
	if (arrivals_once_in(arrivals, RARE_BLOCK))
		values[FIELD_QUANTITY] *= arrivals_between(arrivals, 6, 12);
	values[FIELD_BUYER] = instrument->buyer;
	values[FIELD_SELLER] = draw_party(arrivals, instrument->buyer);
	values[FIELD_VENUE] =
	    arrivals_between(arrivals, 0, 9) < 7 ? instrument->venue : arrivals_between(arrivals, 0, VENUES - 1);
	set_notional(row);
	return true;
}

/* Planned prices and sizes are in millionths of the market's, or below 0: as they are. */
static void happen(struct arrivals *arrivals, struct row *row)
{
	struct instrument *instrument = &((struct instrument *)arrivals->world)[row->entity];
	int64_t *price = &row->values[FIELD_PRICE], *quantity = &row->values[FIELD_QUANTITY];
	move_market(arrivals, instrument, row->time_ms);
	*price = *price < 0 ? -*price : (int64_t)((double)price_at(arrivals, instrument) * ((double)*price / ONE)) + 1;
	*quantity = *quantity < 0 ? -*quantity
				  : (int64_t)((double)usual_size(arrivals, instrument) * ((double)*quantity / ONE)) + 1;
	set_notional(row);
}

/* Plans the next trade, after a wait. */
static int plan_next(struct arrivals *arrivals, struct row *next, int64_t least_ms, int64_t most_ms, struct err *err)
{
	next->time_ms = arrivals_active(&session, next->time_ms, arrivals_between(arrivals, least_ms, most_ms));
	return arrivals_plan(arrivals, next, err);
}

/* A finger slips: the price is far from the market's. */
static int off_market(struct arrivals *arrivals, struct row *next, struct err *err)
{
	int64_t away = arrivals_between(arrivals, ONE / 16, ONE / 3);
	next->values[FIELD_PRICE] += arrivals_once_in(arrivals, 2) ? away : -away;
	return plan_next(arrivals, next, MINUTE_MS, HOUR_MS, err);
}

/* One trade is 30 to 150 times as large as usual. */
static int size(struct arrivals *arrivals, struct row *next, struct err *err)
{
	next->values[FIELD_QUANTITY] *= arrivals_between(arrivals, 30, 150);
	return plan_next(arrivals, next, MINUTE_MS, HOUR_MS, err);
}

/* Two parties trade the same number of pieces to and fro at one price. */
static int wash(struct arrivals *arrivals, struct row *next, struct err *err)
{
	const struct instrument *instrument = &((struct instrument *)arrivals->world)[next->entity];
	next->values[FIELD_PRICE] = -price_at(arrivals, instrument);
	next->values[FIELD_QUANTITY] = -2 * usual_size(arrivals, instrument);
	for (int64_t left = arrivals_between(arrivals, 6, 14); left > 0; left--) {
		int64_t buyer = next->values[FIELD_BUYER];
		if (plan_next(arrivals, next, 20 * SECOND_MS, 3 * MINUTE_MS, err) != 0)
			return -1;
		next->values[FIELD_BUYER] = next->values[FIELD_SELLER];
		next->values[FIELD_SELLER] = buyer;
	}
	return 0;
}

/* Dozens of small trades within a minute or two. */
static int burst(struct arrivals *arrivals, struct row *next, struct err *err)
{
	next->values[FIELD_QUANTITY] /= 5;
	for (int64_t left = arrivals_between(arrivals, 30, 60); left > 0; left--) {
		next->values[FIELD_SELLER] = draw_party(arrivals, next->values[FIELD_BUYER]);
		if (plan_next(arrivals, next, SECOND_MS / 2, 3 * SECOND_MS, err) != 0)
			return -1;
	}
	return 0;
}

/* One buyer drives the price up, step by step. */
static int ramping(struct arrivals *arrivals, struct row *next, struct err *err)
{
	for (int64_t left = arrivals_between(arrivals, 8, 14); left > 0; left--) {
		next->values[FIELD_SELLER] = draw_party(arrivals, next->values[FIELD_BUYER]);
		next->values[FIELD_PRICE] += arrivals_between(arrivals, ONE / 200, ONE / 100);
		if (plan_next(arrivals, next, MINUTE_MS / 2, 3 * MINUTE_MS, err) != 0)
			return -1;
	}
	return 0;
}

static int plan(struct arrivals *arrivals, const struct row *row, struct err *err)
{
	static int (*const plans[TRADE_ANOMALIES])(struct arrivals *, struct row *,
						   struct err *) = {NULL, off_market, size, wash, burst, ramping};
	static const uint8_t turns[] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
					2, 2, 2, 2, 2, 3, 3, 4, 5, 5}; /* by their number of events */
	struct instrument *instrument = &((struct instrument *)arrivals->world)[row->entity];
	struct row next = *row;
	if (row->time_ms < instrument->quiet_until_ms)
		return 0;
	next.label = turns[rng_below(&arrivals->rng, sizeof turns)];
	next.values[FIELD_PRICE] = next.values[FIELD_QUANTITY] = ONE;
	next.values[FIELD_BUYER] = draw_party(arrivals, row->values[FIELD_BUYER]);
	next.values[FIELD_SELLER] = draw_party(arrivals, next.values[FIELD_BUYER]);
	int status = plans[next.label](arrivals, &next, err);
	instrument->quiet_until_ms = next.time_ms + QUIET_MS;
	return status;
}

static const struct simulation_source source = {&shape, turn, happen, plan, free};

static int check(const struct simulation_options *options, struct err *err)
{
	if (options->parties < SIMULATION_PARTIES_MIN || options->parties > SIMULATION_PARTIES_MAX)
		return err_set(err, ERR_USAGE, "parties: %u is not from %d to %d", options->parties,
			       SIMULATION_PARTIES_MIN, SIMULATION_PARTIES_MAX);
	return simulation_check_instruments(options, err);
}

/* Some are traded far more often than others. */
static int make_instruments(struct arrivals *arrivals, struct err *err)
{
	const struct simulation_options *options = &arrivals->options;
	struct instrument *instruments = calloc(options->instruments, sizeof *instruments);
	double sum = 0;
	if (instruments == NULL)
		return err_memory(err);
	arrivals->world = instruments;
	for (uint32_t i = 0; i < options->instruments; i++) {
		struct rng *rng = &arrivals->rng;
		instruments[i].price_log2 = PRICE_LOG2 + society_normal(rng);
		instruments[i].volatility_log2 = 0.01 + 0.02 * rng_uniform(rng);
		instruments[i].size_log2 = 6 + 3 * rng_uniform(rng);
		instruments[i].share = elementary_exp2(0.8 * society_normal(rng));
		instruments[i].venue = (uint8_t)rng_below(rng, VENUES);
		instruments[i].last_ms = options->start_ms;
		instruments[i].quiet_until_ms = INT64_MIN;
		instruments[i].buyer = draw_party(arrivals, -1);
		sum += instruments[i].share;
	}
	for (uint32_t i = 0; i < options->instruments; i++) {
		instruments[i].share /= sum;
		int64_t gap_ms = arrivals_gap(arrivals, &session, instruments[i].share);
		if (arrivals_enter(arrivals, i, arrivals_active(&session, options->start_ms, gap_ms), err) != 0)
			return -1;
	}
	return 0;
}

struct arrivals *simulation_trades_new(const struct simulation_options *options, struct err *err)
{
	if (check(options, err) != 0)
		return NULL;
	struct arrivals *arrivals = arrivals_new(options, &source, err);
	if (arrivals != NULL && make_instruments(arrivals, err) != 0) {
		arrivals_free(arrivals);
		return NULL;
	}
	return arrivals;
}
