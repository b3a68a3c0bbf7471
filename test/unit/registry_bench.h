/* A registry client with one or two servers in this process, and a clock that the test moves. */
#ifndef OUTLIERD_REGISTRY_BENCH_H
#define OUTLIERD_REGISTRY_BENCH_H

#include "daemon/io/registry_http.h"
#include "slice.h"
#include "test/twin/registry_twin.h"
#include "test/unit/test.h"

#include <stdlib.h>

#define TIMEOUT_MS 1500
#define INT_SCHEMA "{\"schema\":\"\\\"int\\\"\"}"

/* A clock that the test moves. */
static inline int64_t clock_us(void *clock)
{
	return *(const int64_t *)clock;
}

struct bench {
	struct registry_twin *twins[2];
	const char *urls[2];
	struct registry_options options;
	int64_t now_us;
	struct registry *registry;
	struct err err;
	struct slice schema;
};

/* count servers; the client is made by bench_open(). */
static inline void bench_init(struct bench *bench, size_t count)
{
	*bench = (struct bench){.now_us = 1};
	for (size_t i = 0; i < count; i++) {
		bench->twins[i] = registry_twin_new(NULL, NULL);
		if (bench->twins[i] == NULL)
			exit(1);
		bench->urls[i] = registry_twin_url(bench->twins[i]);
	}
	bench->options = (struct registry_options){.urls = bench->urls, .url_count = count, .timeout_ms = TIMEOUT_MS};
	bench->options.monotonic_us = clock_us;
	bench->options.clock = &bench->now_us;
}

static inline void bench_open(struct bench *bench)
{
	registry_free(bench->registry);
	err_clear(&bench->err);
	bench->registry = registry_new(&bench->options, &bench->err);
	EXPECT_TEXT(bench->err.message, "");
	if (bench->registry == NULL)
		exit(1);
}

static inline void bench_free(struct bench *bench)
{
	registry_free(bench->registry);
	registry_twin_free(bench->twins[0]);
	registry_twin_free(bench->twins[1]);
}

static inline enum registry_answer get(struct bench *bench, int32_t id)
{
	err_clear(&bench->err);
	bench->schema = (struct slice){NULL, 0};
	return registry_schema(bench->registry, id, &bench->schema, &bench->err);
}

static inline int count(const struct bench *bench, size_t twin)
{
	return registry_twin_last(bench->twins[twin]).count;
}

/* The message that begins with the first server's address. */
static inline void expect_message(const struct bench *bench, const char *rest)
{
	char wanted[256];
	(void)snprintf(wanted, sizeof wanted, "%s%s", bench->urls[0], rest);
	EXPECT_TEXT(bench->err.message, wanted);
}

static inline void expect_int_schema(const struct bench *bench)
{
	EXPECT(slice_equal(bench->schema, slice_of("\"int\"")));
}

/* Ends a pause, however long. */
static inline void wait_out(struct bench *bench)
{
	bench->now_us += (int64_t)REGISTRY_PAUSE_MAX_MS * 1000;
}

#endif
