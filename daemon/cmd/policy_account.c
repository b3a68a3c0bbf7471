#include "daemon/cmd/policy_account.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)
#define DAYS_SHOWN 31

static int64_t floor_day(int64_t time_ms)
{
	int64_t day = time_ms / DAY_MS;
	return day * DAY_MS > time_ms ? day - 1 : day;
}

static struct policy_day *day_of(struct policy_account *account, int64_t time_ms, struct err *err)
{
	int64_t number = floor_day(time_ms);
	for (size_t i = account->day_count; i-- > 0;)
		if (account->days[i].number == number)
			return &account->days[i];
	if (account->day_count == account->day_capacity) {
		size_t capacity = account->day_capacity == 0 ? 64 : 2 * account->day_capacity;
		struct policy_day *days = realloc(account->days, capacity * sizeof *days);
		if (days == NULL) {
			(void)err_memory(err);
			return NULL;
		}
		account->days = days;
		account->day_capacity = capacity;
	}
	account->days[account->day_count] = (struct policy_day){.number = number};
	return &account->days[account->day_count++];
}

static void add_kinds(struct policy_account *account, const struct verdict *verdict)
{
	bool by_rules = verdict->rules != 0;
	account->by_both += verdict->flagged && verdict->by_model && by_rules;
	account->by_score += verdict->flagged && verdict->by_model && !by_rules;
	account->by_rules += verdict->flagged && !verdict->by_model;
	account->flagged += verdict->flagged;
	account->muted_score += verdict->mutes != 0 && verdict->by_model;
	account->muted_rules += verdict->mutes != 0 && !verdict->by_model && by_rules;
}

static void add_rules(struct policy_account *account, const struct policy *policy, const struct verdict *verdict,
		      int64_t time_ms)
{
	bool by_rules = verdict->rules != 0;
	for (size_t r = 0; r < policy_rule_count(policy); r++) {
		struct policy_tally *tally = &account->tallies[r];
		const struct rule_options *rule = policy_rule(policy, r);
		bool held = ((verdict->rules | verdict->mutes) >> r & 1) != 0;
		tally->expired += time_ms >= rule->expires_ms;
		tally->held += held;
		tally->with_score += held && verdict->by_model;
		/* What would be otherwise without this rule. */
		bool only = rule->action == RULE_FLAG
				? verdict->flagged && !verdict->by_model && verdict->rules == (uint64_t)1 << r
				: (verdict->by_model || by_rules) && verdict->mutes == (uint64_t)1 << r;
		tally->decided += held && only;
	}
}

int policy_account_add(struct policy_account *account, const struct policy *policy, const struct verdict *verdict,
		       int64_t time_ms, double score, struct err *err)
{
	struct policy_day *day = NULL;
	assert(policy_rule_count(policy) <= RULES_MAX);
	if (time_ms != INT64_MIN && (day = day_of(account, time_ms, err)) == NULL)
		return -1;
	account->rows++;
	account->warming += !verdict->by_model && !isnan(score) && score >= policy_resolved_threshold(policy);
	add_kinds(account, verdict);
	add_rules(account, policy, verdict, time_ms);
	if (day != NULL) {
		day->rows++;
		day->flagged += verdict->flagged;
	}
	return 0;
}

static int by_number(const void *left, const void *right)
{
	int64_t a = ((const struct policy_day *)left)->number, b = ((const struct policy_day *)right)->number;
	return (a > b) - (a < b);
}

static const char *date_of(int64_t day, char text[16])
{
	struct tm parts;
	time_t seconds = (time_t)(day * 86400);
	if (gmtime_r(&seconds, &parts) == NULL || strftime(text, 16, "%Y-%m-%d", &parts) == 0)
		strcpy(text, "?");
	return text;
}

static void print_days(struct policy_account *account)
{
	char from[16], to[16];
	uint64_t least = UINT64_MAX, most = 0;
	size_t count_of_days = account->day_count;
	if (count_of_days == 0) {
		puts("days            unknown: the vectors have no _time_ms");
		return;
	}
	qsort(account->days, count_of_days, sizeof *account->days, by_number);
	for (size_t i = 0; i < count_of_days; i++) {
		least = account->days[i].flagged < least ? account->days[i].flagged : least;
		most = account->days[i].flagged > most ? account->days[i].flagged : most;
	}
	printf("days            %zu, %s to %s (UTC)\n"
	       "alerts a day    %.1f (least %" PRIu64 ", most %" PRIu64 ")\n",
	       count_of_days, date_of(account->days[0].number, from),
	       date_of(account->days[count_of_days - 1].number, to), (double)account->flagged / (double)count_of_days,
	       least, most);
	for (size_t i = 0; count_of_days <= DAYS_SHOWN && i < count_of_days; i++)
		printf("  %s    %" PRIu64 " of %" PRIu64 "\n", date_of(account->days[i].number, from),
		       account->days[i].flagged, account->days[i].rows);
}

static void print_rules(const struct policy_account *account, const struct policy *policy)
{
	if (policy_rule_count(policy) == 0)
		return;
	printf("\n%-24s %-8s %10s %16s %14s %10s\n", "rule", "action", "held", "score says so", "decided by it",
	       "expired");
	for (size_t r = 0; r < policy_rule_count(policy); r++) {
		const struct rule_options *rule = policy_rule(policy, r);
		const struct policy_tally *tally = &account->tallies[r];
		printf("%-24s %-8s %10" PRIu64 " %16" PRIu64 " %14" PRIu64 " %10" PRIu64 "\n", rule->name,
		       rule->action == RULE_FLAG ? "flag" : "suppress", tally->held, tally->with_score, tally->decided,
		       tally->expired);
	}
}

void policy_account_print(struct policy_account *account, const struct policy *policy, const struct model *model)
{
	const double rows = account->rows == 0 ? 1.0 : (double)account->rows;
	printf("%" PRIu64 " rows\n", account->rows);
	if (model == NULL)
		puts("model           none: rules alone decide");
	else
		printf("model           %s\nthreshold       %.9g\n", model->id, policy_resolved_threshold(policy));
	printf("flagged         %" PRIu64 " (%.3f %%): %" PRIu64 " by the score alone, %" PRIu64
	       " by rules alone, %" PRIu64 " by both\n"
	       "suppressed      %" PRIu64 " that the score, %" PRIu64 " that rules alone would have flagged\n",
	       account->flagged, 100.0 * (double)account->flagged / rows, account->by_score, account->by_rules,
	       account->by_both, account->muted_score, account->muted_rules);
	if (account->warming > 0)
		printf("warming         %" PRIu64 " reach the threshold, but are not flagged while features warm\n",
		       account->warming);
	print_days(account);
	print_rules(account, policy);
}

void policy_account_free(struct policy_account *account)
{
	free(account->days);
	*account = (struct policy_account){0};
}
