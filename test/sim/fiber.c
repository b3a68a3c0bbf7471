#include "test/sim/fiber.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SWITCH_END(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define SWITCH_BEGIN(save, bottom, size) (void)0
#define SWITCH_END(save, bottom, size) (void)0
#endif

#define STACK_BYTES ((size_t)512 << 10)
#define SPARES_MAX 16

struct fiber {
	ucontext_t context, caller;
	void *stack;
	void (*entry)(void *argument);
	void *argument;
	bool ended;
	void *fake, *caller_fake; /* AddressSanitizer's */
	const void *caller_bottom;
	size_t caller_size;
};

static struct fiber *current;
static void *spares[SPARES_MAX];
static int spare_count;

static void enter(void)
{
	struct fiber *fiber = current;
	SWITCH_END(NULL, &fiber->caller_bottom, &fiber->caller_size);
	fiber->entry(fiber->argument);
	fiber->ended = true;
	SWITCH_BEGIN(NULL, fiber->caller_bottom, fiber->caller_size);
	setcontext(&fiber->caller);
}

struct fiber *fiber_new(void (*entry)(void *argument), void *argument)
{
	struct fiber *fiber = calloc(1, sizeof *fiber);
	if (fiber == NULL)
		abort();
	fiber->entry = entry;
	fiber->argument = argument;
	fiber->stack = spare_count > 0 ? spares[--spare_count]
				       : mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (fiber->stack == MAP_FAILED || getcontext(&fiber->context) != 0)
		abort();
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&fiber->context, enter, 0);
	return fiber;
}

bool fiber_resume(struct fiber *fiber)
{
	assert(current == NULL && !fiber->ended);
	current = fiber;
	SWITCH_BEGIN(&fiber->caller_fake, fiber->stack, STACK_BYTES);
	swapcontext(&fiber->caller, &fiber->context);
	SWITCH_END(fiber->caller_fake, NULL, NULL);
	current = NULL;
	return fiber->ended;
}

void fiber_yield(void)
{
	struct fiber *fiber = current;
	assert(fiber != NULL);
	SWITCH_BEGIN(&fiber->fake, fiber->caller_bottom, fiber->caller_size);
	swapcontext(&fiber->context, &fiber->caller);
	SWITCH_END(fiber->fake, &fiber->caller_bottom, &fiber->caller_size);
}

void fiber_free(struct fiber *fiber)
{
	if (fiber == NULL)
		return;
	assert(fiber != current);
	if (spare_count < SPARES_MAX)
		spares[spare_count++] = fiber->stack;
	else
		munmap(fiber->stack, STACK_BYTES);
	free(fiber);
}
