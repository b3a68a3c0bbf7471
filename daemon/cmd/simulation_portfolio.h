/*
 * Seeded synthetic movements of securities accounts: deposits, withdrawals, purchases, sales and reports of positions of
 * clients with habits, and four kinds of planted anomalies. What is simulated and how: docs/simulator.md.
 */
#ifndef OUTLIERD_SIMULATION_PORTFOLIO_H
#define OUTLIERD_SIMULATION_PORTFOLIO_H

#include "daemon/cmd/simulation_arrivals.h"

/** Why a movement is an anomaly: the label of its row. */
enum portfolio_anomaly {
	PORTFOLIO_NONE,
	PORTFOLIO_CASH_DRAIN,
	PORTFOLIO_PASS_THROUGH,
	PORTFOLIO_CONCENTRATION,
	PORTFOLIO_PATTERN_CHANGE,
	PORTFOLIO_ANOMALIES
};

/** A movement's fields. docs/examples/portfolio/movement.avsc is the schema. */
const struct row_shape *simulation_portfolio_shape(void);

/** Makes clients and their portfolios. ERR_USAGE: an option out of range; ERR_MEMORY. */
struct arrivals *simulation_portfolio_new(const struct simulation_options *options, struct err *err) MUST_USE;

#endif
