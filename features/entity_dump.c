#include "features/entity.h"
#include "features/entity_state.h"
#include "json.h"
#include "number.h"

#include <assert.h>
#include <stdio.h>

static void dump_cell(struct json *json, const struct entity *entity, const struct field *field, int64_t cell)
{
	char text[NUMBER_TEXT_MAX];
	if (cell == CELL_NULL)
		json_add_null(json);
	else if (field->type == FIELD_STRING)
		json_add_text(json, rows_text(entity->set, entity->rows, cell));
	else if (field->type == FIELD_BOOLEAN)
		json_add_boolean(json, cell != 0);
	else if (field_kind(field) == VALUE_DOUBLE)
		json_add_number(json, cell_double(cell));
	else
		json_add_raw(json, (struct slice){text, number_format_scaled(cell, field->scale, text)});
}

static void dump_events(struct json *json, const struct entity *entity)
{
	const struct feature_set *set = entity->set;
	const struct rows *rows = entity->rows;
	json_open_array(json);
	for (uint32_t row = entity->visible; row < entity->end; row++) {
		json_open_object(json);
		json_name(json, "fields");
		json_open_object(json);
		for (size_t i = 0; i < set->schema->field_count; i++) {
			int column = set->column_of[i];
			if (column == NONE)
				continue;
			json_name(json, set->schema->fields[i].name);
			dump_cell(json, entity, &set->schema->fields[i],
				  rows->cells[(size_t)column * rows->capacity + row]);
		}
		json_close_object(json);
		json_name(json, "offset");
		json_add_integer(json, rows->offset[row]);
		json_name(json, "time");
		json_add_integer(json, rows->time[row]);
		json_close_object(json);
	}
	json_close_array(json);
}

static void dump_sums(struct json *json, const struct feature_set *set, const struct tally *tally,
		      const struct aggregate *sums)
{
	const struct field *field = tally->column == NONE ? NULL : &set->schema->fields[set->columns[tally->column]];
	char text[NUMBER_TEXT_MAX];
	json_open_object(json);
	json_name(json, "count");
	json_add_integer(json, sums->n);
	json_name(json, "field");
	json_add_string(json, field == NULL ? NULL : field->name);
	if (tally->kind == VALUE_UNITS && sums->n > 0) {
		int scale = field->type == FIELD_BOOLEAN ? 0 : field->scale;
		json_name(json, "max");
		json_add_raw(json, (struct slice){text, number_format_scaled(sums->high, scale, text)});
		json_name(json, "min");
		json_add_raw(json, (struct slice){text, number_format_scaled(sums->low, scale, text)});
	}
	if (tally->filter != NONE) {
		json_name(json, "where");
		json_add_raw(json, slice_of(set->filter_texts[tally->filter]));
	}
	json_close_object(json);
}

static void dump_panes(struct json *json, const struct entity *entity)
{
	const struct feature_set *set = entity->set;
	const struct panes *panes = entity->panes;
	json_open_array(json);
	for (size_t i = entity->first_pane; panes != NULL && i < panes->count; i++) {
		json_open_object(json);
		json_name(json, "from");
		json_add_integer(json, panes->index[i] * set->pane_ms);
		json_name(json, "sums");
		json_open_array(json);
		for (size_t j = 0; j < set->tally_count; j++)
			dump_sums(json, set, &set->tallies[j], &panes->sums[i * set->tally_count + j]);
		json_close_array(json);
		json_name(json, "to");
		json_add_integer(json, (panes->index[i] + 1) * set->pane_ms);
		json_close_object(json);
	}
	json_close_array(json);
}

void entity_dump(const struct entity *entity, struct buffer *out)
{
	struct json json;
	assert(entity->visible <= entity->end);
	json_begin(&json, out);
	json_open_object(&json);
	json_name(&json, "events");
	dump_events(&json, entity);
	json_name(&json, "fold_edge");
	if (entity->fold_edge == FOLD_EDGE_NONE)
		json_add_null(&json);
	else
		json_add_integer(&json, entity->fold_edge);
	json_name(&json, "panes");
	dump_panes(&json, entity);
	json_close_object(&json);
}
