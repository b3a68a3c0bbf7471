#include "daemon/cmd/policy_on.h"

#include "daemon/cmd/common.h"
#include "daemon/cmd/policy_account.h"
#include "daemon/cmd/vectors.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define PROGRESS_ROWS 4096

struct deciding {
	struct world *world;
	const struct policy *policy;
	struct vectors vectors;
	long *field_columns;  /* of the file, by field; -1: no rule looks at it */
	struct value *values; /* by field */
	double *row, *model_row;
	struct policy_account account;
};

/* Finds the columns of the fields that rules look at, and whether these need the time. */
static int find_columns(struct deciding *deciding, const char *path, struct err *err)
{
	const struct event_schema *schema = feature_set_schema(deciding->world->set);
	bool needs_time = false;
	for (size_t i = 0; i < schema->field_count; i++)
		deciding->field_columns[i] = -1;
	for (size_t r = 0; r < policy_rule_count(deciding->policy); r++) {
		const struct rule_options *rule = policy_rule(deciding->policy, r);
		needs_time = needs_time || rule->expires_ms != INT64_MAX;
		for (size_t c = 0; c < rule->field_count; c++) {
			const char *name = rule->fields[c].field;
			needs_time = needs_time || rule->fields[c].has_hours;
			if (name == NULL)
				continue;
			int field = field_find(schema->fields, schema->field_count, name);
			long column = csv_find(deciding->vectors.csv, slice_of(name));
			assert(field >= 0);
			if (column < 0)
				return err_set(err, ERR_DATA,
					       "%s: line 1: no column %s, which rule %s looks at: outlierd features "
					       "--keep passes fields on",
					       path, name, rule->name);
			deciding->field_columns[field] = column;
		}
	}
	if (needs_time && deciding->vectors.time < 0)
		return err_set(err, ERR_DATA, "%s: line 1: no column _time_ms, which hours and expiry of rules need",
			       path);
	return 0;
}

static int read_fields(struct deciding *deciding, struct err *err)
{
	const struct event_schema *schema = feature_set_schema(deciding->world->set);
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		deciding->values[i] = field->fallback;
		if (deciding->field_columns[i] < 0)
			continue;
		struct slice text = deciding->vectors.texts[deciding->field_columns[i]];
		if (text.length > 0 && field_from_text(field, text, &deciding->values[i], err) != 0)
			return err_prepend(err, "%s: line %llu: column %s", csv_input(deciding->vectors.csv)->name,
					   (unsigned long long)csv_line(deciding->vectors.csv), field->name);
	}
	return 0;
}

static int score(struct deciding *deciding, double *found, struct err *err)
{
	const struct champion *champion = &deciding->world->champion->champion;
	*found = NAN;
	if (champion->model == NULL)
		return 0;
	size_t columns = champion->model->feature_count;
	for (size_t i = 0; i < columns; i++)
		deciding->model_row[i] = deciding->row[champion->columns == NULL ? i : champion->columns[i]];
	const struct matrix one = {deciding->model_row, 1, columns, columns};
	if (forest_score(champion->model->forest, &one, found, err) == 0)
		return 0;
	return err_prepend(err, "%s: line %llu", csv_input(deciding->vectors.csv)->name,
			   (unsigned long long)csv_line(deciding->vectors.csv));
}

static int one_row(struct deciding *deciding, struct err *err)
{
	int64_t time_ms = INT64_MIN;
	double found;
	int timed = vectors_time(&deciding->vectors, &time_ms, err);
	if (timed < 0 || read_fields(deciding, err) != 0 || score(deciding, &found, err) != 0)
		return -1;
	const struct event event = {.time_ms = time_ms, .values = deciding->values};
	const struct vector vector = {.values = deciding->row,
				      .flags = vectors_warming(&deciding->vectors) ? FLAG_WARMING : 0};
	struct verdict verdict = policy_decide(deciding->policy, &event, &vector, found);
	return policy_account_add(&deciding->account, deciding->policy, &verdict, time_ms, found, err);
}

static int take_memory(struct deciding *deciding, struct err *err)
{
	size_t fields = feature_set_schema(deciding->world->set)->field_count;
	size_t features = feature_set_count(deciding->world->set);
	deciding->field_columns = calloc(fields + 1, sizeof *deciding->field_columns);
	deciding->values = calloc(fields + 1, sizeof *deciding->values);
	deciding->row = calloc(features + 1, sizeof *deciding->row);
	deciding->model_row = calloc(features + 1, sizeof *deciding->model_row);
	bool failed = deciding->field_columns == NULL || deciding->values == NULL || deciding->row == NULL ||
		      deciding->model_row == NULL;
	return failed ? err_memory(err) : 0;
}

static int open_vectors(struct deciding *deciding, const char *path, struct err *err)
{
	const char *names[FOREST_COLUMNS_MAX];
	size_t features = feature_set_count(deciding->world->set);
	assert(features <= FOREST_COLUMNS_MAX);
	for (size_t i = 0; i < features; i++)
		names[i] = feature_set_name(deciding->world->set, i);
	if (vectors_open(&deciding->vectors, path, false, NULL, err) != 0 ||
	    vectors_choose(&deciding->vectors, names, features, err) != 0)
		return -1;
	return find_columns(deciding, path, err);
}

static int go_through(struct deciding *deciding, struct err *err)
{
	struct common_progress progress;
	const struct input *input = csv_input(deciding->vectors.csv);
	int status;
	common_progress_begin(&progress, "deciding");
	while ((status = vectors_next(&deciding->vectors, deciding->row, err)) == 1 && one_row(deciding, err) == 0)
		if (deciding->account.rows % PROGRESS_ROWS == 0)
			common_progress_show(&progress, deciding->account.rows, "rows", input->read, input->size);
	common_progress_end(&progress);
	return status == 0 ? 0 : -1;
}

static int take_champion(struct world *world, const char *path, struct err *err)
{
	struct err why = {0};
	if (path == NULL) {
		world->champion = world_champion(world->config, world->set, &why, err);
		if (world->champion != NULL && err_is_set(&why))
			fprintf(stderr, "outlierd check: no model can be used, rules alone decide: %s\n", why.message);
	} else {
		struct model *model = model_file_read(path, err);
		world->champion = model == NULL ? NULL : world_champion_of(world->config, world->set, model, err);
	}
	return world->champion == NULL ? -1 : 0;
}

int policy_on(struct world *world, const char *vectors_path, const char *model, struct err *err)
{
	struct deciding *deciding = calloc(1, sizeof *deciding);
	int status = -1;
	if (deciding == NULL)
		return err_memory(err);
	deciding->world = world;
	if (take_champion(world, model, err) != 0)
		goto free_deciding;
	deciding->policy = world->champion->policy;
	if (take_memory(deciding, err) == 0 && open_vectors(deciding, vectors_path, err) == 0 &&
	    go_through(deciding, err) == 0) {
		printf("\npolicy on       %s: ", vectors_path);
		policy_account_print(&deciding->account, deciding->policy, world->champion->model);
		status = 0;
	}
free_deciding:
	vectors_close(&deciding->vectors);
	free(deciding->field_columns);
	free(deciding->values);
	free(deciding->row);
	free(deciding->model_row);
	policy_account_free(&deciding->account);
	free(deciding);
	return status;
}
