/*
 * Seeded synthetic trades of instruments on weekdays between parties, and five kinds of planted anomalies. What is
 * simulated and how: docs/simulator.md.
 */
#ifndef OUTLIERD_SIMULATION_TRADES_H
#define OUTLIERD_SIMULATION_TRADES_H

#include "daemon/cmd/simulation_arrivals.h"

/** Why a trade is an anomaly: the label of its row. */
enum trade_anomaly {
	TRADE_NONE,
	TRADE_OFF_MARKET,
	TRADE_SIZE,
	TRADE_WASH,
	TRADE_BURST,
	TRADE_RAMPING,
	TRADE_ANOMALIES
};

/** A trade's fields. docs/examples/trades/trade.avsc is the schema. */
const struct row_shape *simulation_trades_shape(void);

/** Makes instruments and parties. ERR_USAGE: an option out of range; ERR_MEMORY. */
struct arrivals *simulation_trades_new(const struct simulation_options *options, struct err *err) MUST_USE;

#endif
