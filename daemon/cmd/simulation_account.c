#include "daemon/cmd/simulation_account.h"

#include "daemon/cmd/simulation_parts.h"
#include "elementary.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NO_SLOT ACCOUNT_POSITIONS
#define DRIFT_LOG2 0.006 /* standard deviation of a position's change between two movements */
#define LEVEL_LOG2 15.6  /* 500 EUR */
#define LEVEL_SPREAD_LOG2 1.2
#define AMOUNT_MIN 100

/* Saver, investor, trader, pensioner: what they do, and how often. */
static const struct habits {
	uint32_t share, activity;
	uint32_t kinds[MOVEMENT_KINDS];
} habits[] = {
    {45, 2, {40, 4, 30, 4, 22}},
    {30, 4, {15, 8, 28, 20, 29}},
    {10, 12, {6, 5, 36, 34, 19}},
    {15, 3, {3, 36, 5, 26, 30}},
};

/* An index, as likely as its weight. */
static unsigned draw(struct arrivals *arrivals, const uint32_t *weights, unsigned count)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++)
		sum += weights[i];
	uint64_t at = rng_below(&arrivals->rng, sum);
	for (unsigned i = 0;; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
}

enum movement_kind account_draw_kind(struct arrivals *arrivals, const struct account *account)
{
	return draw(arrivals, habits[account->kind].kinds, MOVEMENT_KINDS);
}

static struct account make(struct arrivals *arrivals)
{
	const uint32_t shares[] = {habits[0].share, habits[1].share, habits[2].share, habits[3].share};
	struct account account = {.frozen_until_ms = INT64_MIN};
	account.kind = (uint8_t)draw(arrivals, shares, sizeof shares / sizeof *shares);
	account.country = (uint8_t)arrivals_between(arrivals, 0, ACCOUNT_HOMES - 1);
	account.channel = (uint8_t)arrivals_between(arrivals, CHANNEL_BY_APP, CHANNEL_BY_PHONE);
	account.level_log2 = LEVEL_LOG2 + LEVEL_SPREAD_LOG2 * society_normal(&arrivals->rng);
	account.hours.from_ms = arrivals_between(arrivals, 6, 14) * HOUR_MS;
	account.hours.to_ms = account.hours.from_ms + arrivals_between(arrivals, 6, 9) * HOUR_MS;
	account.standing_order = arrivals_size(arrivals, account.level_log2, 0.3) / 1000 * 1000 + 1000;
	account.share = habits[account.kind].activity * elementary_exp2(0.5 * society_normal(&arrivals->rng));
	int64_t unit = arrivals_size(arrivals, account.level_log2 + 4, 0.7) + AMOUNT_MIN;
	account.usual_cash = unit;
	for (size_t i = 0; i < ACCOUNT_POSITIONS; i++) {
		account.usual_positions[i] = unit / 100 * arrivals_between(arrivals, 60, 200);
		account.instruments[i] = (uint32_t)rng_below(&arrivals->rng, arrivals->options.instruments);
	}
	account_put_right(&account);
	account.usual_value = account_value(&account);
	return account;
}

struct account *accounts_make(struct arrivals *arrivals, struct err *err)
{
	uint32_t count = arrivals->options.accounts;
	struct account *accounts = calloc(count, sizeof *accounts);
	double sum = 0;
	if (accounts == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		accounts[i] = make(arrivals);
		sum += accounts[i].share;
	}
	for (uint32_t i = 0; i < count; i++)
		accounts[i].share /= sum;
	return accounts;
}

int64_t account_value(const struct account *account)
{
	int64_t sum = account->cash;
	for (size_t i = 0; i < ACCOUNT_POSITIONS; i++)
		sum += account->positions[i];
	return sum;
}

unsigned account_least(const struct account *account)
{
	unsigned least = 0;
	for (unsigned i = 1; i < ACCOUNT_POSITIONS; i++)
		if (account->positions[i] < account->positions[least])
			least = i;
	return least;
}

static unsigned greatest(const struct account *account)
{
	unsigned most = 0;
	for (unsigned i = 1; i < ACCOUNT_POSITIONS; i++)
		if (account->positions[i] > account->positions[most])
			most = i;
	return most;
}

void account_drift(struct arrivals *arrivals, struct account *account)
{
	for (size_t i = 0; i < ACCOUNT_POSITIONS; i++) {
		double change = elementary_exp2(DRIFT_LOG2 * society_normal(&arrivals->rng));
		account->positions[i] = (int64_t)((double)account->positions[i] * change);
	}
}

void account_put_right(struct account *account)
{
	account->cash = account->usual_cash;
	memcpy(account->positions, account->usual_positions, sizeof account->positions);
}

/* Takes money from cash, then from all positions but one alike. Returns what was taken. */
static int64_t take(struct account *account, int64_t amount, unsigned except)
{
	int64_t taken = amount < account->cash ? amount : account->cash, rest = amount - taken;
	int64_t others = account_value(account) - account->cash;
	account->cash -= taken;
	if (except != NO_SLOT)
		others -= account->positions[except];
	if (rest > others)
		rest = others;
	for (unsigned i = 0; i < ACCOUNT_POSITIONS && rest > 0; i++) {
		int64_t part = (int64_t)((double)account->positions[i] * ((double)rest / (double)others));
		if (i == except || part > account->positions[i])
			continue;
		account->positions[i] -= part;
		taken += part;
	}
	return taken;
}

void account_move(struct account *account, struct row *row, unsigned slot, int64_t amount)
{
	int64_t *values = row->values;
	assert(slot < ACCOUNT_POSITIONS);
	switch (values[MOVEMENT_KIND]) {
	case MOVEMENT_DEPOSIT:
		account->cash += amount;
		break;
	case MOVEMENT_WITHDRAWAL:
		amount = take(account, amount, NO_SLOT);
		break;
	case MOVEMENT_BUY:
		amount = take(account, amount, slot);
		account->positions[slot] += amount;
		break;
	case MOVEMENT_SELL:
		amount = amount < account->positions[slot] ? amount : account->positions[slot];
		account->positions[slot] -= amount;
		account->cash += amount;
		break;
	default:
		amount = ROW_NULL;
		slot = greatest(account);
	}
	bool in_cash = values[MOVEMENT_KIND] == MOVEMENT_DEPOSIT || values[MOVEMENT_KIND] == MOVEMENT_WITHDRAWAL;
	values[MOVEMENT_AMOUNT] = amount;
	values[MOVEMENT_INSTRUMENT] = in_cash ? ROW_NULL : account->instruments[slot];
	values[MOVEMENT_POSITION] = in_cash ? ROW_NULL : account->positions[slot];
	values[MOVEMENT_PORTFOLIO] = account_value(account);
}
