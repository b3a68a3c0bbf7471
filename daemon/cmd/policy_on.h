/*
 * What a configuration's policy would have done on a file of vectors (`check --policy-on`): the same decision as the
 * daemon's on each row, counted: alerts a day, how score and rules overlap, which rules matter.
 */
#ifndef OUTLIERD_POLICY_ON_H
#define OUTLIERD_POLICY_ON_H

#include "daemon/cmd/world.h"

/**
 * Prints the account to standard output. world: configuration and feature set; its champion becomes `model` (a file), or
 * where that is NULL the champion of model.directory; without any, rules alone. ERR_DATA: a column is absent or no value,
 * with its line.
 */
int policy_on(struct world *world, const char *vectors_path, const char *model, struct err *err) MUST_USE;

#endif
