#include "daemon/pipeline/load.h"
#include "test/unit/test.h"

#define MS INT64_C(1000)

/* Turns of work, wait and commit for so many seconds; returns the present. */
static int64_t go_on(struct load *load, int64_t now_us, int turns, int64_t work_us, int64_t wait_us, int64_t commit_us)
{
	for (int i = 0; i < turns; i++) {
		now_us += wait_us;
		load_waited(load, wait_us, now_us);
		now_us += work_us + commit_us;
		load_committed(load, commit_us, now_us);
	}
	return now_us;
}

static double fill_ms(const struct load *load, int64_t now_us)
{
	return (double)(load_fill_until(load, now_us) - load->committed_at_us) / (double)MS;
}

TEST(nothing_is_waited_for_before_the_first_commit)
{
	struct load load = {0};
	EXPECT(load_work(&load, 5000 * MS) == 0);
	EXPECT(load_fill_until(&load, 5000 * MS) <= 5000 * MS);
	load_waited(&load, 100 * MS, 5000 * MS);
	EXPECT(load_work(&load, 5000 * MS) == 0);
	EXPECT(load_fill_until(&load, 5000 * MS) <= 5000 * MS);
}

TEST(idle_loop_waits_a_third_of_a_commit_after_the_last_one)
{
	struct load load = {0};
	int64_t now_us = go_on(&load, 1000 * MS, 100, 0, 45 * MS, 6 * MS);
	EXPECT(load_work(&load, now_us) == 0);
	EXPECT(fabs(fill_ms(&load, now_us) - 2) < 0.01);
	/* An event that comes later than that waits for nothing. */
	EXPECT(load_fill_until(&load, now_us) < now_us + 45 * MS);
}

TEST(half_busy_loop_waits_for_one_commit)
{
	struct load load = {0};
	int64_t now_us = go_on(&load, 1000 * MS, 200, 10 * MS, 4 * MS, 6 * MS);
	EXPECT(fabs(load_work(&load, now_us) - 0.5) < 0.02);
	EXPECT(fabs(fill_ms(&load, now_us) - 6) < 0.6);
}

TEST(busy_loop_waits_for_ten_commits_at_most)
{
	struct load load = {0};
	int64_t now_us = go_on(&load, 1000 * MS, 200, 90 * MS, 0, 10 * MS);
	EXPECT(fabs(load_work(&load, now_us) - 0.9) < 0.02);
	EXPECT(fabs(fill_ms(&load, now_us) - 100) < 0.01);
}

TEST(work_and_commits_settle_at_the_share_that_is_wanted)
{
	/* The loop as it is: records come evenly and cost 40 % of the time, a commit 5 ms. */
	struct load load = {0};
	int64_t now_us = 1000 * MS, last_us = now_us, commits = 0;
	while (now_us < 21000 * MS) {
		int64_t until_us = load_fill_until(&load, now_us), wait_us = until_us > now_us ? until_us - now_us : 0;
		now_us += wait_us + 1;
		load_waited(&load, wait_us + 1, now_us);
		int64_t work_us = (now_us - last_us) * 2 / 3; /* of what came since, and comes while it is worked on */
		last_us = now_us + work_us;
		now_us += work_us + 5 * MS;
		load_committed(&load, 5 * MS, now_us);
		commits++;
	}
	double committing = (double)(commits * 5) / 20000;
	EXPECT(committing > 0.3 && committing < 0.45);
}

TEST(load_of_long_ago_is_forgotten)
{
	struct load load = {0};
	int64_t now_us = go_on(&load, 1000 * MS, 1000, 90 * MS, 0, 10 * MS);
	now_us = go_on(&load, now_us, 100, 0, 50 * MS, 5 * MS);
	EXPECT(load_work(&load, now_us) < 0.05);
	now_us = go_on(&load, now_us, 50, 90 * MS, 0, 10 * MS);
	EXPECT(load_work(&load, now_us) > 0.85);
}

TEST(one_slow_commit_does_not_make_the_next_batch_wait_as_long)
{
	struct load load = {0};
	int64_t now_us = go_on(&load, 1000 * MS, 200, 10 * MS, 4 * MS, 6 * MS);
	now_us = go_on(&load, now_us, 1, 0, 0, 200 * MS);
	EXPECT(fill_ms(&load, now_us) < 40);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(nothing_is_waited_for_before_the_first_commit),
					CASE(idle_loop_waits_a_third_of_a_commit_after_the_last_one),
					CASE(half_busy_loop_waits_for_one_commit),
					CASE(busy_loop_waits_for_ten_commits_at_most),
					CASE(work_and_commits_settle_at_the_share_that_is_wanted),
					CASE(load_of_long_ago_is_forgotten),
					CASE(one_slow_commit_does_not_make_the_next_batch_wait_as_long),
					{0}},
			argc, argv);
}
