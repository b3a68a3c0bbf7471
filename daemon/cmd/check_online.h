/* The online half of `check`: connects to everything that a configuration names and says, a line each, what it found. Changes nothing. */
#ifndef OUTLIERD_CHECK_ONLINE_H
#define OUTLIERD_CHECK_ONLINE_H

#include "daemon/cmd/world.h"

/** Prints lines "ok|warning|error SUBJECT: finding" to standard output; returns how many are errors. */
unsigned check_online(struct world *world);

#endif
