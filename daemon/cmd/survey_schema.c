/* The scalar fields of a writer's schema, record inside record. */
#include "daemon/cmd/survey.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_MAX_BYTES 1024

/* The type behind a union of null and one other; NULL where there are several. */
static const struct avro_node *behind_null(const struct avro_node *node, bool *nullable)
{
	const struct avro_node *found = NULL;
	if (node->type != AVRO_TYPE_UNION)
		return node;
	for (size_t i = 0; i < node->branch_count; i++) {
		if (node->branches[i]->type == AVRO_TYPE_NULL) {
			*nullable = true;
			continue;
		}
		if (found != NULL)
			return NULL;
		found = node->branches[i];
	}
	return found;
}

/* Whether values of this type are scalars that events can have. */
static bool kind_of(const struct avro_node *node, enum survey_kind *kind)
{
	bool bytes = node->type == AVRO_TYPE_BYTES || node->type == AVRO_TYPE_FIXED;
	if (node->logical == AVRO_LOGICAL_TIMESTAMP_MILLIS)
		*kind = SURVEY_MILLIS;
	else if (node->logical == AVRO_LOGICAL_TIMESTAMP_MICROS)
		*kind = SURVEY_MICROS;
	else if (bytes && node->logical == AVRO_LOGICAL_DECIMAL)
		*kind = SURVEY_DECIMAL;
	else if (node->type == AVRO_TYPE_STRING)
		*kind = SURVEY_STRING;
	else if (node->type == AVRO_TYPE_ENUM)
		*kind = SURVEY_ENUM;
	else if (node->type == AVRO_TYPE_BOOLEAN)
		*kind = SURVEY_BOOLEAN;
	else if (node->type == AVRO_TYPE_INT || node->type == AVRO_TYPE_LONG)
		*kind = SURVEY_INTEGER;
	else if (node->type == AVRO_TYPE_FLOAT || node->type == AVRO_TYPE_DOUBLE)
		*kind = SURVEY_REAL;
	else
		return false;
	return true;
}

/* A type that contains itself ends at the depth's limit. */
static int add_record(struct survey *survey, const struct avro_node *record, const char *above, bool above_nullable,
		      int depth, struct err *err)
{
	for (size_t i = 0; i < record->field_count; i++) {
		char path[PATH_MAX_BYTES];
		bool nullable = above_nullable;
		enum survey_kind kind;
		const struct avro_node *node = behind_null(record->fields[i].node, &nullable);
		int length =
		    snprintf(path, sizeof path, "%s%s%s", above, *above == '\0' ? "" : ".", record->fields[i].name);
		if (node == NULL || length < 0 || (size_t)length >= sizeof path)
			continue;
		if (node->type == AVRO_TYPE_RECORD) {
			if (depth < SURVEY_DEPTH_MAX && add_record(survey, node, path, nullable, depth + 1, err) != 0)
				return -1;
		} else if (kind_of(node, &kind) && survey->field_count < SURVEY_FIELDS_MAX) {
			if (survey_add_field(survey, path, kind, node->scale, nullable, err) != 0)
				return -1;
		}
	}
	return 0;
}

int survey_schema(struct survey *survey, const struct avro_node *root, struct err *err)
{
	if (root->type != AVRO_TYPE_RECORD)
		return err_set(err, ERR_DATA, "the schema's outermost type is no record");
	survey->schemas++;
	return add_record(survey, root, "", false, 1, err);
}
