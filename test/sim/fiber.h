/* A call stack of its own for each simulated process, so that it can be left in the middle of any port call. */
#ifndef OUTLIERD_SIM_FIBER_H
#define OUTLIERD_SIM_FIBER_H

#include <stdbool.h>

struct fiber;
/** A fiber that will run entry(argument) when it is first resumed. */
struct fiber *fiber_new(void (*entry)(void *argument), void *argument);
/** Runs it until it yields or ends; true: it has ended. Not from inside a fiber. */
bool fiber_resume(struct fiber *fiber);
/** Back to who resumed it; only from inside. */
void fiber_yield(void);
/** Throws it away, wherever it stands. */
void fiber_free(struct fiber *fiber);

#endif
