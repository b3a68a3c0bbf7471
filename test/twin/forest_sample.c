#include "test/twin/forest_sample.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GOLDEN_FOLDER "../shared/data/golden"

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static double extreme(struct rng *rng)
{
	static const double values[] = {INFINITY, -INFINITY, 1e300,  -1e300, FLT_MAX,  -FLT_MAX,  3.5e38, -0.0,
					0.0,      1e-46,     -1e-46, 1e-310, 0x1p-149, -0x1p-149, 1.0,    0.1};
	return values[rng_below(rng, sizeof values / sizeof *values)];
}

double *forest_sample_values(struct rng *rng, size_t rows, size_t columns, double missing)
{
	double *values = must(malloc((rows * columns + 1) * sizeof *values));
	for (size_t row = 0; row < rows; row++)
		for (size_t column = 0; column < columns; column++) {
			size_t kind = column % FOREST_SAMPLE_KINDS;
			double normal = -6.0;
			for (int i = 0; i < 12; i++)
				normal += rng_uniform(rng);
			double value = kind == 1   ? floor(normal * 2.0)
				       : kind == 2 ? 7.25
				       : kind == 3 ? extreme(rng)
						   : normal;
			double share = missing > 0.0 && kind == 4 ? 0.5 : missing;
			values[row * columns + column] = rng_uniform(rng) < share ? NAN : value;
		}
	return values;
}

struct forest *forest_sample_fit(const struct train_options *options, const struct matrix *matrix)
{
	struct train_plan plan;
	struct err err = {0};
	if (train_plan_make(options, matrix->rows, &plan, &err) != 0)
		abort();
	double *rows = must(malloc(plan.distinct_count * matrix->columns * sizeof *rows));
	for (size_t i = 0; i < plan.distinct_count; i++)
		memcpy(rows + i * matrix->columns, matrix->values + plan.distinct[i] * matrix->stride,
		       matrix->columns * sizeof *rows);
	struct matrix sampled = {rows, plan.distinct_count, matrix->columns, matrix->columns};
	struct forest *forest = train_forest(options, &plan, &sampled, &err);
	free(rows);
	train_plan_free(&plan);
	return must(forest);
}

static int32_t add_random(struct rng *rng, struct tree *tree, unsigned depth, size_t columns)
{
	int32_t node = (int32_t)tree->node_count++;
	tree->left[node] = tree->right[node] = tree->feature[node] = -1;
	tree->threshold[node] = 0;
	tree->value[node] = 0;
	if (depth == 0) {
		tree->rows[node] = 1 + (uint32_t)rng_below(rng, 9);
		tree->value[node] = forest_c(tree->rows[node]);
		return node;
	}
	bool deep_on_left = rng_below(rng, 2) == 0;
	unsigned other = depth <= 3 ? (unsigned)rng_below(rng, depth) : 0;
	tree->feature[node] = (int32_t)rng_below(rng, columns);
	tree->threshold[node] = (float)(rng_uniform(rng) * 4.0 - 2.0);
	tree->left[node] = add_random(rng, tree, deep_on_left ? depth - 1 : other, columns);
	tree->right[node] = add_random(rng, tree, deep_on_left ? other : depth - 1, columns);
	tree->rows[node] = tree->rows[tree->left[node]] + tree->rows[tree->right[node]];
	return node;
}

void forest_sample_tree(struct rng *rng, struct tree *tree, unsigned depth, size_t columns, bool listed)
{
	size_t most = 2 * (size_t)depth + 32;
	*tree = (struct tree){.left = must(calloc(most, sizeof *tree->left)),
			      .right = must(calloc(most, sizeof *tree->right)),
			      .feature = must(calloc(most, sizeof *tree->feature)),
			      .threshold = must(calloc(most, sizeof *tree->threshold)),
			      .rows = must(calloc(most, sizeof *tree->rows)),
			      .value = must(calloc(most, sizeof *tree->value))};
	add_random(rng, tree, depth, columns);
	if (tree->node_count > most)
		abort();
	if (!listed)
		return;
	tree->missing_left = must(calloc(most, 1));
	for (uint32_t node = 0; node < tree->node_count; node++)
		tree->missing_left[node] = tree->left[node] >= 0 && rng_below(rng, 2) == 1;
}

static char *read_gzip(const char *path)
{
	gzFile file = gzopen(path, "rb");
	if (file == NULL)
		return NULL;
	size_t length = 0, room = 1 << 20;
	char *text = must(malloc(room));
	for (;;) {
		int got = gzread(file, text + length, (unsigned)(room - length - 1));
		if (got < 0)
			abort();
		if (got == 0)
			break;
		length += (size_t)got;
		if (room - length < 2)
			text = must(realloc(text, room *= 2));
	}
	gzclose(file);
	text[length] = 0;
	return text;
}

static double number_in(const json_t *tree, const char *name, size_t i)
{
	const json_t *number = json_array_get(json_object_get(tree, name), i);
	if (!json_is_number(number))
		abort();
	return json_number_value(number);
}

static void read_tree(const json_t *from, struct tree *tree)
{
	size_t n = json_array_size(json_object_get(from, "left"));
	*tree = (struct tree){.node_count = (uint32_t)n,
			      .left = must(calloc(n, sizeof *tree->left)),
			      .right = must(calloc(n, sizeof *tree->right)),
			      .feature = must(calloc(n, sizeof *tree->feature)),
			      .threshold = must(calloc(n, sizeof *tree->threshold)),
			      .rows = must(calloc(n, sizeof *tree->rows)),
			      .value = must(calloc(n, sizeof *tree->value))};
	for (size_t i = 0; i < n; i++) {
		tree->left[i] = (int32_t)number_in(from, "left", i);
		tree->right[i] = (int32_t)number_in(from, "right", i);
		tree->feature[i] = (int32_t)number_in(from, "feature", i);
		tree->rows[i] = (uint32_t)number_in(from, "n", i);
		double threshold = number_in(from, "threshold", i);
		tree->threshold[i] = (float)threshold;
		if (tree->threshold[i] > threshold)
			tree->threshold[i] = nextafterf(tree->threshold[i], -INFINITY);
		if (tree->left[i] == -1) {
			tree->right[i] = tree->feature[i] = -1;
			tree->threshold[i] = 0;
			tree->value[i] = forest_c(tree->rows[i]);
		}
	}
}

bool forest_sample_golden(const char *name, struct forest_parts *parts)
{
	char path[256];
	snprintf(path, sizeof path, GOLDEN_FOLDER "/%s.model.json.gz", name);
	char *text = read_gzip(path);
	if (text == NULL)
		return false;
	json_t *dump = json_loads(text, 0, NULL);
	const json_t *trees = json_object_get(dump, "trees");
	size_t count = json_array_size(trees);
	if (count == 0)
		abort();
	*parts = (struct forest_parts){.columns = (size_t)json_integer_value(json_object_get(dump, "n_features")),
				       .psi = (uint32_t)json_integer_value(json_object_get(dump, "max_samples")),
				       .c_psi = json_number_value(json_object_get(dump, "c_max_samples")),
				       .missing = MISSING_REFUSED,
				       .tree_count = count,
				       .trees = must(calloc(count, sizeof *parts->trees))};
	for (size_t t = 0; t < count; t++)
		read_tree(json_array_get(trees, t), &parts->trees[t]);
	json_decref(dump);
	free(text);
	return true;
}

bool forest_sample_csv(const char *path, double **values, size_t *rows, size_t *columns)
{
	char *text = read_gzip(path);
	if (text == NULL)
		return false;
	char *at = strchr(text, '\n');
	if (at == NULL)
		abort();
	*columns = 1;
	for (const char *c = text; c < at; c++)
		*columns += *c == ',';
	size_t count = 0, room = 1 << 16;
	*values = must(malloc(room * sizeof **values));
	while (*at != 0 && *++at != 0) {
		char *end;
		if (count == room)
			*values = must(realloc(*values, (room *= 2) * sizeof **values));
		(*values)[count++] = strtod(at, &end);
		if (end == at || (*end != ',' && *end != '\n' && *end != 0))
			abort();
		at = end;
	}
	if (count % *columns != 0)
		abort();
	*rows = count / *columns;
	free(text);
	return true;
}
