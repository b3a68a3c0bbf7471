/* The invariants of README.md, asked after every commit, every EXEC and at the end. */
#ifndef OUTLIERD_SIM_CHECK_H
#define OUTLIERD_SIM_CHECK_H

#include "test/sim/sim.h"

#define CHECK_KEY_MAX 128

struct database;
struct output;

/** Outputs became visible: each is one of the reference, and was not visible before (I1). */
void check_outputs(struct sim *sim, const struct output *outputs, size_t count);
/** C moves: forward, with the reference's watermark and totals (I3, I4). */
void check_committed(struct sim *sim, const struct position *position, int64_t before);
/** A server executed a write: its state is the reference's at R (I2, I3). */
void check_store(struct sim *sim, struct database *database);
/** What a server holds now was not written by a daemon: it is not judged. */
void check_skip(struct sim *sim, struct database *database);
/** True where all is worked off: R = C, and no record lies behind C. */
bool check_settled(struct sim *sim);
/** Why it is not. */
void check_unsettled(struct sim *sim, char why[300]);
/** After all is worked off: every output of the reference is there, totals are the reference's. */
void check_end(struct sim *sim);
/** The marker's key of a partition, and the start of its records' keys. */
struct slice check_key(int32_t partition, const char *end, char text[CHECK_KEY_MAX]);

#endif
