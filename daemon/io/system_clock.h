/* The real clock and the kernel's randomness behind struct clock. */
#ifndef OUTLIERD_SYSTEM_CLOCK_H
#define OUTLIERD_SYSTEM_CLOCK_H

#include "daemon/ports.h"

/** The port; needs no state. */
struct clock system_clock(void);

#endif
