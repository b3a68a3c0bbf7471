#include "features/condition.h"

#include "features/filter.h"

#include <assert.h>
#include <stdlib.h>

struct condition {
	const struct event_schema *schema; /* borrowed */
	struct filter filter;
	struct dictionary constants;
};

/* Strings are looked up among the configuration's own few: nobody chooses what the table holds, so no secret is needed. */
static const uint8_t no_key[SIPHASH_KEY_BYTES];

int condition_new(struct condition **condition, const struct event_schema *schema,
		  const struct condition_options *options, size_t count, feature_problem *problem, void *context,
		  struct err *err)
{
	assert(schema != NULL && (options != NULL || count == 0));
	*condition = NULL;
	struct condition *made = calloc(1, sizeof *made);
	if (made == NULL)
		return err_memory(err);
	made->schema = schema;
	dictionary_init(&made->constants, NULL);
	struct problems problems;
	problems_begin(&problems, problem, context, err);
	int status = filter_compile(&made->filter, schema, options, count, false, &made->constants, no_key, &problems);
	if (status != 0)
		(void)err_memory(err);
	if (status != 0 || problems.count > 0) {
		condition_free(made);
		return -1;
	}
	*condition = made;
	return 0;
}

void condition_free(struct condition *condition)
{
	if (condition == NULL)
		return;
	filter_free(&condition->filter);
	dictionary_free(&condition->constants);
	free(condition);
}

static int64_t cell_of(const struct condition *condition, size_t field, const struct value *value)
{
	if (!value->present)
		return CELL_NULL;
	switch (field_kind(&condition->schema->fields[field])) {
	case VALUE_UNITS:
		return value->units;
	case VALUE_DOUBLE:
		return cell_of_double(value->number);
	case VALUE_TEXT:
		break;
	}
	int64_t number = dictionary_find(&condition->constants, dictionary_hash(no_key, value->text), value->text);
	return number == DICTIONARY_NONE ? CELL_UNKNOWN : number;
}

bool condition_holds(const struct condition *condition, const struct event *event)
{
	bool holds = true;
	assert(!condition->filter.same);
	for (size_t i = 0; i < condition->filter.count && holds; i++) {
		const struct filter_test *test = &condition->filter.tests[i];
		if (test->kind == TEST_HOURS)
			holds = filter_test_time(test, event->time_ms);
		else
			holds = filter_test_cell(test, cell_of(condition, test->field, &event->values[test->field]),
						 CELL_NULL);
	}
	return holds;
}
