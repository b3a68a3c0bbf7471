#include "daemon/cmd/proposal_parts.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define WORD_MAX 64
#define PART_OF_WORD_MIN 5 /* letters of a word that may stand inside a longer one: "transactionid" */
#define NEARLY_ALL 0.95    /* a topic has records that are no events */

static bool is_letter(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

static bool is_capital(char letter)
{
	return letter >= 'A' && letter <= 'Z';
}

/* Whether a word of a path is in the list. */
static bool in_list(const char *word, size_t length, const char *words)
{
	for (const char *at = words; *at != '\0';) {
		size_t listed = strcspn(at, " ");
		bool inside = listed >= PART_OF_WORD_MIN && length > listed &&
			      (memcmp(word, at, listed) == 0 || memcmp(word + length - listed, at, listed) == 0);
		if (inside || (listed == length && memcmp(word, at, listed) == 0))
			return true;
		at += listed;
		at += *at == ' ';
	}
	return false;
}

bool proposal_named(const char *path, const char *words)
{
	char word[WORD_MAX];
	size_t length = 0;
	for (const char *at = path;; at++) {
		bool begins = is_capital(*at) && at > path && !is_capital(at[-1]);
		if ((!is_letter(*at) || begins || length == sizeof word) && length > 0) {
			if (in_list(word, length, words))
				return true;
			length = 0;
		}
		if (*at == '\0')
			return false;
		if (is_letter(*at))
			word[length++] = (char)tolower(*at);
	}
}

const char *proposal_last(const char *path)
{
	const char *dot = strrchr(path, '.');
	return dot == NULL ? path : dot + 1;
}

void proposal_append(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	char more[PROPOSAL_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(more, sizeof more, format, arguments);
	va_end(arguments);
	if (length < 0 || used + (size_t)length + 3 > PROPOSAL_TEXT_MAX)
		return;
	if (used > 0) {
		memcpy(text + used, ", ", 2);
		used += 2;
	}
	memcpy(text + used, more, (size_t)length + 1);
}

bool proposal_always(const struct survey *survey, size_t field)
{
	return (double)survey->fields[field].present >= NEARLY_ALL * (double)survey->count;
}

bool proposal_usable(const struct survey *survey, size_t field)
{
	const struct survey_field *found = &survey->fields[field];
	return !found->mixed && found->schemas == survey->schemas;
}

bool proposal_is_taken(const struct proposal *proposal, size_t field)
{
	int number = (int)field;
	bool taken = number == proposal->id.field || number == proposal->time.field || number == proposal->entity.field;
	for (size_t i = 0; i < proposal->field_count; i++)
		taken = taken || number == proposal->fields[i].field;
	return taken;
}

void proposal_span(int64_t ms, char text[NUMBER_TEXT_MAX])
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {{86400000, "days"}, {3600000, "hours"}, {60000, "minutes"}, {1000, "seconds"}};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ms >= 2 * units[i].ms) {
			(void)snprintf(text, NUMBER_TEXT_MAX, "%lld %s",
				       (long long)((ms + units[i].ms / 2) / units[i].ms), units[i].name);
			return;
		}
	(void)snprintf(text, NUMBER_TEXT_MAX, "%lld ms", (long long)ms);
}

const struct proposal_field *proposal_field(const struct proposal *proposal, const char *name)
{
	for (size_t i = 0; i < proposal->field_count; i++)
		if (strcmp(proposal->fields[i].name, name) == 0)
			return &proposal->fields[i];
	return NULL;
}

void proposal_set_limit(struct proposal_rule *rule, double quantile)
{
	/* The sample has its anomalies too: the limit is where nearly all of it ends, not beyond. */
	if (rule->share > 0 && !isnan(quantile) && ceil(quantile) > rule->above)
		rule->above = ceil(quantile);
	rule->share = 0;
}

int propose(const struct survey *survey, const struct proposal_options *options, struct proposal *proposal,
	    struct err *err)
{
	*proposal = (struct proposal){.id.field = -1,
				      .time.field = -1,
				      .entity.field = -1,
				      .key.field = -1,
				      .money.field = -1,
				      .party = -1,
				      .sampled = survey->count};
	if (survey->count == 0)
		return err_set(err, ERR_DATA, "no record of the sample could be read");
	if (proposal_choose_time(survey, options->time, proposal, err) != 0 ||
	    proposal_choose_entity(survey, options->entity, proposal, err) != 0 ||
	    proposal_choose_id(survey, options->id, proposal, err) != 0)
		return -1;
	proposal_choose_fields(survey, proposal);
	if (proposal_choose_spans(survey, options, proposal, err) != 0)
		return -1;
	proposal_choose_features(proposal);
	return 0;
}
