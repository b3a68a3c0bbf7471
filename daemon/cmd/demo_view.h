/*
 * What the demo shows: alerts as cards with their reasons, a status line, the closing summary. Colours and the moving
 * status line on a terminal only; plain lines elsewhere.
 */
#ifndef OUTLIERD_DEMO_VIEW_H
#define OUTLIERD_DEMO_VIEW_H

#include "slice.h"

#include <stdint.h>

struct demo_view {
	bool terminal;
	bool status_shown;
};

/** What the closing summary says. */
struct demo_totals {
	uint64_t history, live, outcomes[5]; /* of the live part, by enum outcome */
	uint64_t alerts, true_alerts, frauds, caught;
	double history_rate; /* events per second through the whole pipeline */
	const char *folder;
};

/** Looks whether standard output is a terminal. */
void demo_view_open(struct demo_view *view);
/** A numbered step, and the command that does the same by hand (NULL: none). */
void demo_view_step(struct demo_view *view, const char *text, const char *command);
/** One alert (its JSON value), with the truth: fraud is the simulated kind, empty for none. */
void demo_view_alert(struct demo_view *view, struct slice alert, const char *fraud);
/** The status line; only on a terminal. */
void demo_view_status(struct demo_view *view, int64_t time_ms, uint64_t events, uint64_t alerts, uint64_t frauds,
		      uint64_t caught);
/** The end. */
void demo_view_summary(struct demo_view *view, const struct demo_totals *totals, bool interrupted);

#endif
