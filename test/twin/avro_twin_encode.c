#include "test/twin/avro_twin.h"

#include <assert.h>
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX ((size_t)256 << 10)

struct oracle {
	avro_schema_t schema;
	avro_value_iface_t *class;
	avro_value_t value;
	char *memory;
};

void *avro_twin_oracle(const struct avro_twin *twin)
{
	struct oracle *oracle = calloc(1, sizeof *oracle);
	assert(oracle != NULL);
	if (avro_schema_from_json_length((const char *)twin->json.data, twin->json.length, &oracle->schema) != 0) {
		free(oracle);
		return NULL;
	}
	oracle->class = avro_generic_class_from_schema(oracle->schema);
	assert(oracle->class != NULL);
	int status = avro_generic_value_new(oracle->class, &oracle->value);
	assert(status == 0);
	(void)status;
	oracle->memory = malloc(BODY_MAX);
	assert(oracle->memory != NULL);
	return oracle;
}

void avro_twin_oracle_free(void *self)
{
	struct oracle *oracle = self;
	if (oracle == NULL)
		return;
	avro_value_decref(&oracle->value);
	avro_value_iface_decref(oracle->class);
	avro_schema_decref(oracle->schema);
	free(oracle->memory);
	free(oracle);
}

static int fill(avro_value_t *out, const struct avro_twin_type *type, const struct avro_twin_value *value);

static int fill_members(avro_value_t *out, const struct avro_twin_type *type, const struct avro_twin_value *value)
{
	int status = 0;
	avro_value_t member;
	char key[32];
	if (type->kind == TWIN_UNION) {
		status = avro_value_set_branch(out, (int)value->integer, &member);
		return status != 0 ? status : fill(&member, type->members[value->integer], value->members);
	}
	size_t count = type->kind == TWIN_RECORD ? type->count : value->length;
	for (size_t i = 0; status == 0 && i < count; i++) {
		(void)snprintf(key, sizeof key, "key%zu", i);
		if (type->kind == TWIN_RECORD)
			status = avro_value_get_by_index(out, i, &member, NULL);
		else if (type->kind == TWIN_ARRAY)
			status = avro_value_append(out, &member, NULL);
		else
			status = avro_value_add(out, key, &member, NULL, NULL);
		if (status == 0)
			status = fill(&member, type->members[type->kind == TWIN_RECORD ? i : 0], &value->members[i]);
	}
	return status;
}

static int fill(avro_value_t *out, const struct avro_twin_type *type, const struct avro_twin_value *value)
{
	switch (type->kind) {
	case TWIN_NULL:
		return avro_value_set_null(out);
	case TWIN_BOOLEAN:
		return avro_value_set_boolean(out, (int)value->integer);
	case TWIN_INT:
		return avro_value_set_int(out, (int32_t)value->integer);
	case TWIN_LONG:
	case TWIN_MILLIS:
	case TWIN_MICROS:
		return avro_value_set_long(out, value->integer);
	case TWIN_FLOAT:
		return avro_value_set_float(out, (float)value->number);
	case TWIN_DOUBLE:
		return avro_value_set_double(out, value->number);
	case TWIN_BYTES:
	case TWIN_DECIMAL:
		return avro_value_set_bytes(out, value->text, value->length);
	case TWIN_STRING:
		return avro_value_set_string_len(out, value->text, value->length + 1);
	case TWIN_FIXED:
	case TWIN_FIXED_DECIMAL:
		return avro_value_set_fixed(out, value->text, value->length);
	case TWIN_ENUM:
		return avro_value_set_enum(out, (int)value->integer);
	case TWIN_ARRAY:
	case TWIN_MAP:
	case TWIN_UNION:
	case TWIN_RECORD:
		break;
	}
	return fill_members(out, type, value);
}

bool avro_twin_encode(const struct avro_twin *twin, void *self, struct buffer *out)
{
	struct oracle *oracle = self;
	avro_value_reset(&oracle->value);
	if (fill(&oracle->value, twin->root, twin->value) != 0)
		return false;
	avro_writer_t writer = avro_writer_memory(oracle->memory, (int64_t)BODY_MAX);
	bool good = avro_value_write(writer, &oracle->value) == 0;
	buffer_reset(out);
	if (good)
		buffer_add(out, oracle->memory, (size_t)avro_writer_tell(writer));
	avro_writer_free(writer);
	return good;
}

static void encode(struct avro_twin *twin, const struct avro_twin_type *type, const struct avro_twin_value *value,
		   struct buffer *out);

static void encode_bytes(const struct avro_twin_value *value, struct buffer *out)
{
	buffer_add_zigzag(out, (int64_t)value->length);
	buffer_add(out, value->text, value->length);
}

/* Blocks of any size; of a negative count with the size in bytes behind it. */
static void encode_blocks(struct avro_twin *twin, const struct avro_twin_type *type,
			  const struct avro_twin_value *value, struct buffer *out)
{
	for (size_t i = 0; i < value->length;) {
		size_t count = 1 + rng_below(&twin->rng, value->length - i);
		struct buffer block;
		buffer_init(&block);
		for (size_t j = i; j < i + count; j++) {
			if (type->kind == TWIN_MAP) {
				buffer_add_zigzag(&block, 1);
				buffer_add_text(&block, "k");
			}
			encode(twin, type->members[0], &value->members[j], &block);
		}
		bool sized = rng_below(&twin->rng, 2) == 0;
		buffer_add_zigzag(out, sized ? -(int64_t)count : (int64_t)count);
		if (sized)
			buffer_add_zigzag(out, (int64_t)block.length);
		buffer_add(out, block.data, block.length);
		buffer_free(&block);
		i += count;
	}
	buffer_add_zigzag(out, 0);
}

static void encode(struct avro_twin *twin, const struct avro_twin_type *type, const struct avro_twin_value *value,
		   struct buffer *out)
{
	float single = (float)value->number;
	switch (type->kind) {
	case TWIN_NULL:
		return;
	case TWIN_BOOLEAN:
		buffer_add_byte(out, (uint8_t)value->integer);
		return;
	case TWIN_INT:
	case TWIN_LONG:
	case TWIN_MILLIS:
	case TWIN_MICROS:
	case TWIN_ENUM:
		buffer_add_zigzag(out, value->integer);
		return;
	case TWIN_FLOAT:
		buffer_add(out, &single, sizeof single);
		return;
	case TWIN_DOUBLE:
		buffer_add(out, &value->number, sizeof value->number);
		return;
	case TWIN_BYTES:
	case TWIN_STRING:
	case TWIN_DECIMAL:
		encode_bytes(value, out);
		return;
	case TWIN_FIXED:
	case TWIN_FIXED_DECIMAL:
		buffer_add(out, value->text, value->length);
		return;
	case TWIN_ARRAY:
	case TWIN_MAP:
		encode_blocks(twin, type, value, out);
		return;
	case TWIN_UNION:
		buffer_add_zigzag(out, value->integer);
		encode(twin, type->members[value->integer], value->members, out);
		return;
	case TWIN_RECORD:
		for (size_t i = 0; i < type->count; i++)
			encode(twin, type->members[i], &value->members[i], out);
		return;
	}
}

void avro_twin_encode_blocks(struct avro_twin *twin, struct buffer *out)
{
	buffer_reset(out);
	encode(twin, twin->root, twin->value, out);
}
