/* The scenarios of the allocation sweep, a file for each part of the tree; each table ends with a row without a name. */
#ifndef OUTLIERD_CHAOS_SCENARIOS_H
#define OUTLIERD_CHAOS_SCENARIOS_H

#include "test/chaos/sweep.h"

/** Configurations, Avro schemas and codec, the registry client. */
extern const struct sweep_scenario scenarios_input[];
/** Feature sets, entities, records. */
extern const struct sweep_scenario scenarios_features[];
/** Forests, models, the model directory, policies. */
extern const struct sweep_scenario scenarios_models[];
/** Messages, stores, Redis. */
extern const struct sweep_scenario scenarios_state[];
/** The commands, through their entry points. */
extern const struct sweep_scenario scenarios_commands[];
/** The whole daemon over the memory twins. */
extern const struct sweep_scenario scenarios_pipeline[];

/** A folder that is removed when the program ends; not counted. */
const char *scenario_path(const char *name);
/** Ends the test program: its own preparations failed. */
void scenario_give_up(const char *what) __attribute__((noreturn));
/** The bytes of a file into the result; not counted. */
void scenario_note_file(struct sweep_result *result, const char *path);

#endif
