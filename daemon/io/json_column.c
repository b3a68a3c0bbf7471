#include "daemon/io/json_column.h"

#include "detectors/float32.h"

#include <math.h>
#include <stdlib.h>

static size_t size_of(enum json_column_type type)
{
	return type == JSON_UINT8 ? sizeof(uint8_t) : type == JSON_DOUBLE ? sizeof(double) : sizeof(uint32_t);
}

/* Stores a number that the type's limits have passed; false where the type cannot hold it exactly. */
static bool store(void *column, enum json_column_type type, size_t i, double number)
{
	switch (type) {
	case JSON_INT32:
		((int32_t *)column)[i] = (int32_t)number;
		return rint(number) == number;
	case JSON_UINT32:
		((uint32_t *)column)[i] = (uint32_t)number;
		return rint(number) == number;
	case JSON_UINT8:
		((uint8_t *)column)[i] = (uint8_t)number;
		return rint(number) == number;
	case JSON_FLOAT32:
		((float *)column)[i] = (float)number;
		return (double)(float)number == number;
	case JSON_FLOAT32_DOWN:
		((float *)column)[i] = float32_down(number);
		break;
	case JSON_DOUBLE:
		((double *)column)[i] = number;
		break;
	}
	return true;
}

void *json_column(const struct json_place *above, const char *name, size_t count, enum json_column_type type,
		  double least, double most, struct err *err)
{
	struct json_place array = json_reader_member(above, name);
	if (json_reader_array(&array, count, count, &(size_t){0}, err) != 0)
		return NULL;
	void *column = malloc(count * size_of(type));
	if (column == NULL) {
		err_memory(err);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_place place = json_reader_element(&array, i);
		double number;
		if (json_reader_number(&place, least, most, &number, err) != 0)
			goto free_column;
		if (!store(column, type, i, number)) {
			json_reader_refuse(&place, err, type == JSON_FLOAT32 ? "a float32" : "an integer");
			goto free_column;
		}
	}
	return column;
free_column:
	free(column);
	return NULL;
}
