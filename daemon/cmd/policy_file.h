/*
 * Policies by their id: whoever decides with a policy keeps its section of the configuration as policies/ID.json in the
 * model directory, so that a decision can be made again years later, after both were changed.
 */
#ifndef OUTLIERD_POLICY_FILE_H
#define OUTLIERD_POLICY_FILE_H

#include "config/config.h"

/** Keeps the configuration's policy under this id, where it is not kept yet. ERR_IO, ERR_UNAVAILABLE: it could not. Without model.directory nothing is done. */
int policy_file_keep(const struct config *config, const char *policy_id, struct err *err) MUST_USE;

/** The configuration with the policy of this id in place of its own. NULL: ERR_UNAVAILABLE, it was not kept. Its path is the same. */
struct config *policy_file_config(const struct config *config, const char *policy_id, struct err *err) MUST_USE;

/** Calls visit for each policy kept, sorted; *why empty: its file can be read. ERR_IO. */
int policy_file_list(const char *directory, void (*visit)(void *context, const char *id, const char *why),
		     void *context, struct err *err) MUST_USE;

#endif
