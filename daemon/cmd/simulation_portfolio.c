#include "daemon/cmd/simulation_portfolio.h"

#include "daemon/cmd/simulation_account.h"
#include "daemon/cmd/simulation_parts.h"

#include <assert.h>
#include <stdlib.h>

#define RARE_SIZE 150          /* one honest cash movement in so many is far larger than usual */
#define RARE_ABROAD 200        /* one honest movement in so many comes from abroad */
#define RARE_HOUR 100          /* one honest movement in so many happens at some other hour */
#define FROZEN_MS (3 * DAY_MS) /* an account rests so long after an anomaly */

static const char *const operations[] = {"DEPOSIT", "WITHDRAWAL", "BUY", "SELL", "POSITION", NULL};
static const char *const countries[] = {"DE", "FR", "NL", "IT", "ES", "AT", "GB", "US", "SG", "BR", NULL};
static const char *const channels[] = {"APP", "WEB", "BRANCH", "PHONE", "SYSTEM", NULL};
static const char *const labels[PORTFOLIO_ANOMALIES] = {"", "cash_drain", "pass_through", "concentration",
							"pattern_change"};

static const struct row_shape shape = {
    .name = "Movement",
    .doc =
	"A movement of a securities account, as the example and the simulator have it. The message key is account_id.",
    .count = MOVEMENT_FIELDS,
    .key = MOVEMENT_ACCOUNT,
    .fields = {[MOVEMENT_ID] = {.name = "event_id", .type = ROW_ID},
	       [MOVEMENT_TIME] = {.name = "event_time", .type = ROW_TIME},
	       [MOVEMENT_ACCOUNT] = {.name = "account_id", .type = ROW_NAME, .word = "acct-"},
	       [MOVEMENT_KIND] = {.name = "kind", .type = ROW_SYMBOL, .word = "Kind", .symbols = operations},
	       [MOVEMENT_AMOUNT] = {.name = "amount", .type = ROW_AMOUNT, .scale = 2, .nullable = true},
	       [MOVEMENT_INSTRUMENT] = {.name = "instrument", .type = ROW_NAME, .word = "fund-", .nullable = true},
	       [MOVEMENT_POSITION] = {.name = "position_value", .type = ROW_AMOUNT, .scale = 2, .nullable = true},
	       [MOVEMENT_PORTFOLIO] = {.name = "portfolio_value", .type = ROW_AMOUNT, .scale = 2},
	       [MOVEMENT_CHANNEL] = {.name = "channel", .type = ROW_SYMBOL, .word = "Channel", .symbols = channels},
	       [MOVEMENT_COUNTRY] = {.name = "country", .type = ROW_SYMBOL, .word = "Country", .symbols = countries}},
    .labels = labels,
    .label_count = PORTFOLIO_ANOMALIES,
};

const struct row_shape *simulation_portfolio_shape(void)
{
	return &shape;
}

/* A client's usual next movement. */
static enum movement_kind draw_kind(struct arrivals *arrivals, const struct account *account)
{
	int64_t total = account_value(account), usual = account->usual_value;
	unsigned kind = account_draw_kind(arrivals, account);
	if (kind == MOVEMENT_WITHDRAWAL && total < usual / 2)
		return MOVEMENT_DEPOSIT;
	return kind == MOVEMENT_DEPOSIT && total > 3 * usual ? MOVEMENT_WITHDRAWAL : kind;
}

static int64_t draw_amount(struct arrivals *arrivals, const struct account *account, enum movement_kind kind)
{
	bool cash = kind == MOVEMENT_DEPOSIT || kind == MOVEMENT_WITHDRAWAL;
	if (cash && arrivals_once_in(arrivals, RARE_SIZE))
		return arrivals_size(arrivals, account->level_log2 + 2.5, 0.5);
	if (kind == MOVEMENT_DEPOSIT && !arrivals_once_in(arrivals, 3))
		return account->standing_order;
	return arrivals_size(arrivals, account->level_log2, cash ? 0.5 : 0.7) / 100 * 100 + 100;
}

static void set_who(struct arrivals *arrivals, const struct account *account, struct row *row)
{
	bool report = row->values[MOVEMENT_KIND] == MOVEMENT_REPORT;
	row->values[MOVEMENT_ACCOUNT] = row->entity;
	row->values[MOVEMENT_COUNTRY] = account->country;
	row->values[MOVEMENT_CHANNEL] = account->channel;
	if (report)
		row->values[MOVEMENT_CHANNEL] = CHANNEL_SYSTEM;
	else if (arrivals_once_in(arrivals, 6))
		row->values[MOVEMENT_CHANNEL] = arrivals_between(arrivals, CHANNEL_BY_APP, CHANNEL_BY_WEB);
	if (!report && arrivals_once_in(arrivals, RARE_ABROAD))
		row->values[MOVEMENT_COUNTRY] = arrivals_between(arrivals, 0, ACCOUNT_COUNTRIES - 1);
}

static bool turn(struct arrivals *arrivals, uint32_t number, int64_t time_ms, struct row *row, int64_t *next_ms)
{
	struct account *account = &((struct account *)arrivals->world)[number];
	if (time_ms < account->frozen_until_ms) {
		*next_ms = arrivals_active(&account->hours, account->frozen_until_ms, 0);
		return false;
	}
	if (account->frozen_until_ms != INT64_MIN) {
		account_put_right(account);
		account->frozen_until_ms = INT64_MIN;
	}
	*next_ms = arrivals_active(&account->hours, time_ms, arrivals_gap(arrivals, &account->hours, account->share));
	account_drift(arrivals, account);
	enum movement_kind kind = draw_kind(arrivals, account);
	unsigned slot = (unsigned)arrivals_between(arrivals, 0, ACCOUNT_POSITIONS - 1);
	row->values[MOVEMENT_KIND] = kind;
	set_who(arrivals, account, row);
	if (kind == MOVEMENT_BUY && account->positions[slot] > account_value(account) / 3)
		slot = account_least(account);
	account_move(account, row, slot, draw_amount(arrivals, account, kind));
	if (kind != MOVEMENT_REPORT && arrivals_once_in(arrivals, RARE_HOUR))
		*next_ms = *next_ms - *next_ms % DAY_MS + DAY_MS + arrivals_between(arrivals, 0, DAY_MS - 1);
	return true;
}

/* A planned amount is in cents, or below 0: in millionths of the portfolio. Its instrument is the place of a position. */
static void happen(struct arrivals *arrivals, struct row *row)
{
	struct account *account = &((struct account *)arrivals->world)[row->entity];
	int64_t amount = row->values[MOVEMENT_AMOUNT];
	if (amount < 0)
		amount = (int64_t)((double)account_value(account) * ((double)-amount / 1e6));
	account_move(account, row, (unsigned)row->values[MOVEMENT_INSTRUMENT], amount);
}

/* Plans some movements of a kind, waiting before each; shares are in millionths. */
static int plan_moves(struct arrivals *arrivals, struct row *next, enum movement_kind kind, int64_t times,
		      int64_t least, int64_t most, int64_t wait_ms, struct err *err)
{
	for (; times > 0; times--) {
		next->time_ms += arrivals_between(arrivals, wait_ms / 2, wait_ms * 2);
		next->values[MOVEMENT_KIND] = kind;
		next->values[MOVEMENT_AMOUNT] = arrivals_between(arrivals, least, most);
		if (arrivals_plan(arrivals, next, err) != 0)
			return -1;
	}
	return 0;
}

/* The account is emptied within hours. */
static int cash_drain(struct arrivals *arrivals, struct row *next, struct err *err)
{
	next->time_ms += arrivals_between(arrivals, HOUR_MS, 6 * HOUR_MS);
	return plan_moves(arrivals, next, MOVEMENT_WITHDRAWAL, arrivals_between(arrivals, 2, 4), -450000, -250000,
			  20 * MINUTE_MS, err);
}

/* Money that comes in by several deposits and leaves soon after. */
static int pass_through(struct arrivals *arrivals, struct row *next, struct err *err)
{
	int64_t value = account_value(&((struct account *)arrivals->world)[next->entity]);
	int64_t in = arrivals_between(arrivals, 2, 4), out = arrivals_between(arrivals, 1, 3);
	int64_t each = value / 100 * arrivals_between(arrivals, 60, 200) / in;
	if (plan_moves(arrivals, next, MOVEMENT_DEPOSIT, in, each * 8 / 10, each * 12 / 10, HOUR_MS, err) != 0)
		return -1;
	next->time_ms += arrivals_between(arrivals, 2 * HOUR_MS, 24 * HOUR_MS);
	return plan_moves(arrivals, next, MOVEMENT_WITHDRAWAL, out, each * in * 88 / 100 / out,
			  each * in * 98 / 100 / out, 20 * MINUTE_MS, err);
}

/* All goes into one instrument. */
static int concentration(struct arrivals *arrivals, struct row *next, struct err *err)
{
	next->time_ms += arrivals_between(arrivals, HOUR_MS, 6 * HOUR_MS);
	return plan_moves(arrivals, next, MOVEMENT_BUY, arrivals_between(arrivals, 2, 3), -320000, -220000, HOUR_MS,
			  err);
}

/* Somebody else has the login: another country, the hour of a sleeper, sizes that the client never had. */
static int pattern_change(struct arrivals *arrivals, struct row *next, struct err *err)
{
	const struct account *account = &((struct account *)arrivals->world)[next->entity];
	int64_t usual = account->standing_order;
	next->time_ms += DAY_MS - (next->time_ms % DAY_MS + DAY_MS) % DAY_MS + HOUR_MS;
	next->values[MOVEMENT_COUNTRY] = ACCOUNT_HOMES + arrivals_between(arrivals, 0, 3);
	next->values[MOVEMENT_CHANNEL] = account->channel == CHANNEL_BY_WEB ? CHANNEL_BY_APP : CHANNEL_BY_WEB;
	for (int64_t left = arrivals_between(arrivals, 3, 6); left > 0; left--) {
		enum movement_kind kind = left % 2 == 0 ? MOVEMENT_SELL : MOVEMENT_WITHDRAWAL;
		if (plan_moves(arrivals, next, kind, 1, 2 * usual, 6 * usual, 15 * MINUTE_MS, err) != 0)
			return -1;
	}
	return 0;
}

static int plan(struct arrivals *arrivals, const struct row *row, struct err *err)
{
	static int (*const plans[PORTFOLIO_ANOMALIES])(struct arrivals *, struct row *, struct err *) = {
	    NULL, cash_drain, pass_through, concentration, pattern_change};
	static const uint8_t turns[] = {1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4}; /* by their number of events */
	struct account *account = &((struct account *)arrivals->world)[row->entity];
	struct row next = *row;
	next.label = turns[rng_below(&arrivals->rng, sizeof turns)];
	next.values[MOVEMENT_COUNTRY] = account->country;
	next.values[MOVEMENT_CHANNEL] = account->channel;
	next.values[MOVEMENT_INSTRUMENT] = arrivals_between(arrivals, 0, ACCOUNT_POSITIONS - 1);
	int status = plans[next.label](arrivals, &next, err);
	account->frozen_until_ms = next.time_ms + FROZEN_MS;
	return status;
}

static const struct simulation_source source = {&shape, turn, happen, plan, free};

static int check(const struct simulation_options *options, struct err *err)
{
	if (options->accounts < 1 || options->accounts > SIMULATION_ACCOUNTS_MAX)
		return err_set(err, ERR_USAGE, "accounts: %u is not from 1 to %d", options->accounts,
			       SIMULATION_ACCOUNTS_MAX);
	return simulation_check_instruments(options, err);
}

struct arrivals *simulation_portfolio_new(const struct simulation_options *options, struct err *err)
{
	if (check(options, err) != 0)
		return NULL;
	struct arrivals *arrivals = arrivals_new(options, &source, err);
	if (arrivals == NULL)
		return NULL;
	arrivals->world = accounts_make(arrivals, err);
	if (arrivals->world == NULL)
		goto free_arrivals;
	for (uint32_t i = 0; i < options->accounts; i++) {
		const struct account *account = &((struct account *)arrivals->world)[i];
		int64_t gap_ms = arrivals_gap(arrivals, &account->hours, account->share);
		if (arrivals_enter(arrivals, i, arrivals_active(&account->hours, options->start_ms, gap_ms), err) != 0)
			goto free_arrivals;
	}
	return arrivals;
free_arrivals:
	arrivals_free(arrivals);
	return NULL;
}
