#include "features/entity_event.h"

#include "features/entity_state.h"

#include <assert.h>

static struct value value_of(const struct entity *entity, const struct field *field, int64_t cell)
{
	struct value value = {.present = cell != CELL_NULL};
	if (!value.present)
		return value;
	switch (field_kind(field)) {
	case VALUE_TEXT:
		value.text = rows_text(entity->set, entity->rows, cell);
		break;
	case VALUE_DOUBLE:
		value.number = cell_double(cell);
		break;
	case VALUE_UNITS:
		value.units = cell;
		break;
	}
	return value;
}

void entity_event(const struct entity *entity, uint32_t row, struct event *event, struct value *values)
{
	const struct feature_set *set = entity->set;
	const struct rows *rows = entity->rows;
	assert(row >= entity->physical && row < entity->end);
	*event = (struct event){.time_ms = rows->time[row], .offset = rows->offset[row], .values = values};
	for (size_t i = 0; i < set->schema->field_count; i++) {
		int column = set->column_of[i];
		values[i] = (struct value){0};
		if (column != NONE)
			values[i] = value_of(entity, &set->schema->fields[i],
					     rows->cells[(size_t)column * rows->capacity + row]);
	}
}
