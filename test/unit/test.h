/*
 * The whole test harness: a test is a function, a table names them, EXPECT counts.
 *
 *   TEST(late_event_lands_in_its_own_window) { EXPECT(x == 1); EXPECT_TEXT(message, "..."); }
 *   int main(int argc, char **argv) { return test_run((struct test[]){CASE(late_event_lands_in_its_own_window), {0}}, argc, argv); }
 *
 * A failed expectation prints file, line and text, marks the test failed and goes on. The last line of the program is
 * "N passed, N failed"; the exit status is 1 where any test failed. An argument runs only tests whose name contains it.
 */
#ifndef OUTLIERD_TEST_H
#define OUTLIERD_TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

static int test_failures; /* of the running test */

#define TEST(name) static void name(void)
#define CASE(name)                                                                                                     \
	{                                                                                                              \
#name, name                                                                                            \
	}

#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			test_failures++;                                                                               \
			printf("  %s:%d: expected %s\n", __FILE__, __LINE__, #condition);                              \
		}                                                                                                      \
	} while (0)

#define EXPECT_INT(actual, wanted)                                                                                     \
	do {                                                                                                           \
		long long actual_ = (long long)(actual), wanted_ = (long long)(wanted);                                \
		if (actual_ != wanted_) {                                                                              \
			test_failures++;                                                                               \
			printf("  %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #actual, actual_, wanted_); \
		}                                                                                                      \
	} while (0)

#define EXPECT_TEXT(actual, wanted)                                                                                    \
	do {                                                                                                           \
		const char *actual_ = (actual), *wanted_ = (wanted);                                                   \
		if (strcmp(actual_, wanted_) != 0) {                                                                   \
			test_failures++;                                                                               \
			printf("  %s:%d: %s is\n    %s\n  expected\n    %s\n", __FILE__, __LINE__, #actual, actual_,   \
			       wanted_);                                                                               \
		}                                                                                                      \
	} while (0)

static inline int test_run(const struct test *tests, int argc, char **argv)
{
	int passed = 0, failed = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (const struct test *test = tests; test->name != NULL; test++) {
		if (argc > 1 && strstr(test->name, argv[1]) == NULL)
			continue;
		test_failures = 0;
		test->run();
		if (test_failures == 0) {
			passed++;
			printf("ok   %s\n", test->name);
		} else {
			failed++;
			printf("FAIL %s\n", test->name);
		}
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}

#endif
