#include "test/chaos/allocations.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define LIVE_FIRST ((size_t)1 << 16)
#define SHOWN_LEAKS 5

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__real_fdopen(int descriptor, const char *mode);
int __real_scandir(const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **));
int __real_regcomp(regex_t *pattern, const char *text, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fdopen(int descriptor, const char *mode);
int __wrap_scandir(const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **));
int __wrap_regcomp(regex_t *pattern, const char *text, int flags);
CURLcode __wrap_curl_global_init(long flags);

/* A block that is not freed yet. */
struct live {
	void *block; /* NULL: free slot */
	void *caller;
	size_t number;
};

static struct {
	pthread_t thread;
	bool begun, onwards, struck, trace;
	int paused;
	size_t count, fail_at;
	struct live *live; /* open addressing, a power of two, at most half full */
	size_t live_size, live_count;
} allocations;

static bool watching(void)
{
	return allocations.begun && allocations.paused == 0 && pthread_equal(pthread_self(), allocations.thread);
}

/* Counts one allocation; true: it fails. */
static bool fails(void)
{
	if (!watching())
		return false;
	allocations.count++;
	bool failing = allocations.fail_at != 0 && (allocations.count == allocations.fail_at ||
						    (allocations.onwards && allocations.count > allocations.fail_at));
#if defined(__SANITIZE_ADDRESS__)
	if (failing && allocations.trace && !allocations.struck)
		__sanitizer_print_stack_trace();
#endif
	allocations.struck |= failing;
	if (failing)
		errno = ENOMEM;
	return failing;
}

static size_t live_slot(const struct live *live, size_t size, const void *block)
{
	size_t at = (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (size - 1);
	while (live[at].block != NULL && live[at].block != block)
		at = (at + 1) & (size - 1);
	return at;
}

static void live_grow(void)
{
	size_t size = allocations.live_size * 2;
	struct live *live = __real_calloc(size, sizeof *live);
	for (size_t i = 0; i < allocations.live_size; i++)
		if (allocations.live[i].block != NULL)
			live[live_slot(live, size, allocations.live[i].block)] = allocations.live[i];
	__real_free(allocations.live);
	allocations.live = live;
	allocations.live_size = size;
}

static void *remember(void *block, void *caller)
{
	if (block == NULL || !watching())
		return block;
	if (2 * allocations.live_count >= allocations.live_size)
		live_grow();
	struct live *live = &allocations.live[live_slot(allocations.live, allocations.live_size, block)];
	allocations.live_count += live->block == NULL;
	*live = (struct live){block, caller, allocations.count};
	return block;
}

/* Whatever was put behind the emptied slot moves up, so that it is found again. */
static void forget(const void *block)
{
	if (!allocations.begun || block == NULL || !pthread_equal(pthread_self(), allocations.thread))
		return;
	size_t mask = allocations.live_size - 1, hole = live_slot(allocations.live, allocations.live_size, block);
	if (allocations.live[hole].block == NULL)
		return;
	allocations.live[hole].block = NULL;
	allocations.live_count--;
	for (size_t at = (hole + 1) & mask; allocations.live[at].block != NULL; at = (at + 1) & mask) {
		struct live moved = allocations.live[at];
		allocations.live[at].block = NULL;
		allocations.live[live_slot(allocations.live, allocations.live_size, moved.block)] = moved;
	}
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : remember(__real_malloc(size), __builtin_return_address(0));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : remember(__real_calloc(count, size), __builtin_return_address(0));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails())
		return NULL;
	forget(old);
	return remember(__real_realloc(old, size), __builtin_return_address(0));
}

void __wrap_free(void *block)
{
	forget(block);
	__real_free(block);
}

static char *copy_text(const char *text, size_t length, void *caller)
{
	if (fails())
		return NULL;
	char *copy = __real_malloc(length + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return remember(copy, caller);
}

char *__wrap_strdup(const char *text)
{
	return copy_text(text, strlen(text), __builtin_return_address(0));
}

char *__wrap_strndup(const char *text, size_t length)
{
	return copy_text(text, strnlen(text, length), __builtin_return_address(0));
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return fails() ? NULL : __real_fopen(path, mode);
}

FILE *__wrap_fdopen(int descriptor, const char *mode)
{
	return fails() ? NULL : __real_fdopen(descriptor, mode);
}

int __wrap_scandir(const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
		   int (*compare)(const struct dirent **, const struct dirent **))
{
	return fails() ? -1 : __real_scandir(path, names, filter, compare);
}

int __wrap_regcomp(regex_t *pattern, const char *text, int flags)
{
	return fails() ? REG_ESPACE : __real_regcomp(pattern, text, flags);
}

/* libcurl's own: they fail, but what it then leaves behind (7.88 does, where a thread does not start) is not ours to mend. */
static void *curl_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

static void *curl_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

static void *curl_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

static char *curl_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = fails() ? NULL : __real_malloc(size);
	return copy == NULL ? NULL : memcpy(copy, text, size);
}

CURLcode __wrap_curl_global_init(long flags)
{
	return curl_global_init_mem(flags, curl_malloc, __real_free, curl_realloc, curl_strdup, curl_calloc);
}

#if defined(__SANITIZE_ADDRESS__)
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libcurl.so\n";
}
#endif

void allocations_begin(void)
{
#if HIREDIS_MAJOR >= 1 /* before, its allocator cannot be replaced */
	hiredisAllocFuncs functions = {__wrap_malloc, __wrap_calloc, __wrap_realloc, __wrap_strdup, __wrap_free};
	hiredisSetAllocators(&functions);
#endif
	allocations.thread = pthread_self();
	allocations.live_size = LIVE_FIRST;
	allocations.live = __real_calloc(LIVE_FIRST, sizeof *allocations.live);
	allocations.paused = 1;
	allocations.begun = true;
}

void allocations_arm(size_t fail_at, bool onwards)
{
	memset(allocations.live, 0, allocations.live_size * sizeof *allocations.live);
	allocations.live_count = allocations.count = 0;
	allocations.fail_at = fail_at;
	allocations.onwards = onwards;
	allocations.struck = false;
}

size_t allocations_count(void)
{
	return allocations.count;
}

bool allocations_struck(void)
{
	return allocations.struck;
}

bool allocations_onwards(void)
{
	return allocations.onwards;
}

void allocations_pause(void)
{
	allocations.paused++;
}

void allocations_resume(void)
{
	allocations.paused--;
}

static void show(const struct live *live)
{
	char text[512] = "?";
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_symbolize_pc((char *)live->caller - 1, "%f %s:%l", text, sizeof text);
#endif
	printf("    leaked: the block of allocation %zu, asked for by %s\n", live->number, text);
}

size_t allocations_leaked(bool with_callers)
{
	size_t shown = 0;
	for (size_t i = 0; with_callers && i < allocations.live_size && shown < SHOWN_LEAKS; i++)
		if (allocations.live[i].block != NULL) {
			show(&allocations.live[i]);
			shown++;
		}
	return allocations.live_count;
}

void allocations_trace(bool trace)
{
	allocations.trace = trace;
}
