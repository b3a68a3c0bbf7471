#include "daemon/io/sklearn_file.h"

#include "daemon/io/gunzip.h"
#include "daemon/io/json_column.h"
#include "daemon/io/whole_file.h"

#include <float.h>
#include <stdlib.h>

#define LISTED "missing_go_to_left"
#define LEAF_FEATURE (-2) /* what scikit-learn has in a leaf's place; -1 will do, too */

/* Children stand behind their parent, so that no way goes round in a circle. -1: refused. */
static int check_order(const struct json_place *place, const char *name, const struct tree *tree,
		       const int32_t *children, struct err *err)
{
	struct json_place list = json_reader_member(place, name);
	for (uint32_t node = 0; node < tree->node_count; node++) {
		struct json_place child = json_reader_element(&list, node);
		if (tree->left[node] != -1 && children[node] <= (int32_t)node)
			return json_reader_refuse(&child, err, "greater than %u, the node's own number", node);
	}
	return 0;
}

/* Leaves get what scikit-learn's arrays say elsewhere or not at all. */
static void settle_nodes(struct tree *tree, bool has_value)
{
	for (uint32_t node = 0; node < tree->node_count; node++) {
		if (tree->left[node] != -1) {
			tree->value[node] = 0.0;
			continue;
		}
		tree->feature[node] = -1;
		tree->threshold[node] = 0.0f;
		if (!has_value)
			tree->value[node] = forest_c(tree->rows[node]);
		if (tree->missing_left != NULL)
			tree->missing_left[node] = 0;
	}
}

/* The number of nodes is what `left` says; all other arrays must agree. */
static int read_tree(const struct json_place *place, const struct forest_parts *parts, size_t nodes_left,
		     struct tree *tree, struct err *err)
{
	struct json_place left = json_reader_member(place, "left"), value = json_reader_member(place, "value");
	size_t count;
	if (json_reader_object(place, err) != 0 || json_reader_array(&left, 1, nodes_left, &count, err) != 0)
		return -1;
	tree->node_count = (uint32_t)count;
	double last = (double)count - 1.0, last_column = (double)parts->columns - 1.0, float_max = (double)FLT_MAX;
	tree->left = json_column(place, "left", count, JSON_INT32, -1.0, last, err);
	tree->right = json_column(place, "right", count, JSON_INT32, -1.0, last, err);
	tree->feature = json_column(place, "feature", count, JSON_INT32, LEAF_FEATURE, last_column, err);
	tree->threshold = json_column(place, "threshold", count, JSON_FLOAT32_DOWN, -float_max, float_max, err);
	tree->rows = json_column(place, "n", count, JSON_UINT32, 1.0, UINT32_MAX, err);
	if (value.value != NULL)
		tree->value = json_column(place, "value", count, JSON_DOUBLE, 0.0, FOREST_VALUE_MAX, err);
	else if ((tree->value = calloc(count, sizeof *tree->value)) == NULL)
		(void)err_memory(err);
	if (parts->missing == MISSING_LISTED)
		tree->missing_left = json_column(place, LISTED, count, JSON_UINT8, 0.0, 1.0, err);
	if (err_is_set(err) || check_order(place, "left", tree, tree->left, err) != 0 ||
	    check_order(place, "right", tree, tree->right, err) != 0)
		return -1;
	settle_nodes(tree, value.value != NULL);
	return 0;
}

/* What the first tree has, all must have. */
static int read_missing(const struct json_place *trees, const struct sklearn_options *options,
			struct forest_parts *parts, struct err *err)
{
	bool listed = false;
	for (size_t t = 0; t < parts->tree_count; t++) {
		struct json_place tree = json_reader_element(trees, t), list = json_reader_member(&tree, LISTED);
		if (t == 0)
			listed = list.value != NULL;
		if (list.value != NULL && options->both_ways)
			return err_set(err, ERR_DATA,
				       "trees[%zu]." LISTED " says where missing values go, which is not both ways", t);
		if (list.value != NULL && !listed)
			return err_set(err, ERR_DATA, "trees[%zu]." LISTED " is there, but trees[0] has none", t);
	}
	parts->missing = options->both_ways ? MISSING_BOTH : listed ? MISSING_LISTED : MISSING_REFUSED;
	return 0;
}

static int read_trees(const struct json_place *root, const struct sklearn_options *options, struct forest_parts *parts,
		      struct err *err)
{
	struct json_place trees = json_reader_member(root, "trees"), n_trees = json_reader_member(root, "n_trees");
	size_t count, nodes_left = FOREST_NODES_MAX;
	if (json_reader_array(&trees, 1, FOREST_TREES_MAX, &count, err) != 0 ||
	    json_reader_integer(&n_trees, (int64_t)count, (int64_t)count, &(int64_t){0}, err) != 0)
		return -1;
	parts->trees = calloc(count, sizeof *parts->trees);
	if (parts->trees == NULL)
		return err_memory(err);
	parts->tree_count = count;
	if (read_missing(&trees, options, parts, err) != 0)
		return -1;
	for (size_t t = 0; t < count; t++) {
		struct json_place place = json_reader_element(&trees, t);
		if (read_tree(&place, parts, nodes_left, &parts->trees[t], err) != 0)
			return -1;
		nodes_left -= parts->trees[t].node_count;
	}
	return 0;
}

static int name_feature(const struct json_place *names, struct model *model, size_t i, struct err *err)
{
	char number[32];
	const char *text = number;
	if (json_is_array(names->value)) {
		struct json_place name = json_reader_element(names, i);
		if (json_reader_text(&name, 1, MODEL_NAME_BYTES_MAX, &text, err) != 0)
			return -1;
		for (size_t other = 0; other < i; other++)
			if (strcmp(model->features[other], text) == 0)
				return json_reader_refuse(&name, err, "another name than that of feature %zu", other);
	} else {
		(void)snprintf(number, sizeof number, "x%zu", i);
	}
	model->features[i] = strdup(text);
	return model->features[i] == NULL ? err_memory(err) : 0;
}

static int read_names(const struct json_place *root, struct model *model, bool *named, struct err *err)
{
	struct json_place names = json_reader_member(root, "feature_names");
	*named = names.value != NULL && !json_reader_is_null(&names);
	if (*named && json_reader_array(&names, model->feature_count, model->feature_count, &(size_t){0}, err) != 0)
		return -1;
	for (size_t i = 0; i < model->feature_count; i++)
		if (name_feature(&names, model, i, err) != 0)
			return -1;
	return 0;
}

static int read_c(const struct json_place *root, double *c_psi, struct err *err)
{
	struct json_place place = json_reader_member(root, "c_max_samples");
	if (json_reader_number(&place, 0.0, FOREST_VALUE_MAX, c_psi, err) != 0)
		return -1;
	return *c_psi == 0.0 || *c_psi >= 1.0 ? 0 : json_reader_refuse(&place, err, "0 or at least 1");
}

static int read_forest(const struct json_place *root, const struct sklearn_options *options, struct model *model,
		       struct err *err)
{
	struct json_place max_samples = json_reader_member(root, "max_samples");
	struct json_place offset = json_reader_member(root, "offset");
	struct forest_parts parts = {.columns = model->feature_count};
	int64_t psi = 0;
	if (json_reader_integer(&max_samples, 1, UINT32_MAX, &psi, err) != 0 || read_c(root, &parts.c_psi, err) != 0 ||
	    json_reader_number(&offset, -1.0, 0.0, &model->imported.offset, err) != 0 ||
	    read_trees(root, options, &parts, err) != 0) {
		forest_parts_free(&parts);
		return -1;
	}
	parts.psi = (uint32_t)psi;
	model->options = (struct train_options){.trees = (uint32_t)parts.tree_count, .sample = parts.psi};
	model->forest = forest_take(&parts, err);
	return model->forest == NULL ? -1 : 0;
}

static struct model *read_document(const json_t *document, const struct sklearn_options *options, bool *named,
				   struct err *err)
{
	struct json_place root = json_reader_root(document), n_features = json_reader_member(&root, "n_features");
	int64_t columns;
	if (json_reader_object(&root, err) != 0 ||
	    json_reader_integer(&n_features, 1, FOREST_COLUMNS_MAX, &columns, err) != 0)
		return NULL;
	struct model *model = model_new((size_t)columns);
	if (model == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	if (read_names(&root, model, named, err) == 0 && read_forest(&root, options, model, err) == 0)
		return model;
	model_free(model);
	return NULL;
}

static struct model *parse_json(struct slice text, const struct sklearn_options *options, bool *named, struct err *err)
{
	json_t *root = json_reader_load(text, err);
	if (root == NULL)
		return NULL;
	struct model *model = read_document(root, options, named, err);
	json_decref(root);
	return model;
}

struct model *sklearn_file_parse(struct slice contents, const struct sklearn_options *options, bool *named,
				 struct err *err)
{
	struct buffer inflated;
	struct model *model = NULL;
	buffer_init(&inflated);
	if (!gunzip_is(contents))
		model = parse_json(contents, options, named, err);
	else if (gunzip(contents, SKLEARN_FILE_BYTES_MAX, &inflated, err) == 0)
		model = parse_json(buffer_slice(&inflated), options, named, err);
	buffer_free(&inflated);
	if (model != NULL)
		sha256_hex(contents, model->imported.sha256);
	return model;
}

struct model *sklearn_file_read(const char *path, const struct sklearn_options *options, bool *named, struct err *err)
{
	struct buffer contents;
	struct model *model = NULL;
	buffer_init(&contents);
	if (whole_file_read(path, SKLEARN_FILE_BYTES_MAX, &contents, err) == 0) {
		model = sklearn_file_parse(buffer_slice(&contents), options, named, err);
		if (model == NULL)
			(void)err_prepend(err, "%s", path);
	}
	buffer_free(&contents);
	return model;
}
