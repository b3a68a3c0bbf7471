/*
 * State records in canonical form, for comparing states between which a rebuild lies: lines "WATERMARK_MS HEX" on
 * standard input, a line of hex for each on standard output; "-" where nothing of the record is in reach.
 *
 *   canonical CONFIG
 */
#include "daemon/cmd/world.h"
#include "features/entity.h"

#include <stdio.h>
#include <stdlib.h>

#define GENERATION_AT 1 /* docs/state-format.md */
#define RECORD_MAX ((size_t)1 << 20)

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of hex text up to its end; SIZE_MAX: it is none. */
static size_t read_hex(const char *text, uint8_t *bytes)
{
	size_t length = 0;
	for (; nibble(text[0]) >= 0 && nibble(text[1]) >= 0 && length < RECORD_MAX; text += 2)
		bytes[length++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
	return *text == '\n' || *text == '\0' ? length : SIZE_MAX;
}

static void print_hex(struct slice bytes)
{
	for (size_t i = 0; i < bytes.length; i++)
		printf("%02x", ((const uint8_t *)bytes.data)[i]);
	putchar('\n');
}

static int convert(const struct feature_set *set, struct slice record, int64_t watermark, struct err *err)
{
	struct entity *entity = NULL, *empty = entity_new(set);
	struct buffer bytes, nothing;
	uint64_t generation = 0;
	int status = -1;
	buffer_init(&bytes);
	buffer_init(&nothing);
	for (size_t i = GENERATION_AT + sizeof generation; i-- > GENERATION_AT && record.length >= i;)
		generation = generation << 8 | ((const uint8_t *)record.data)[i];
	if (entity_decode(set, record, generation, &entity, err) != ENTITY_READ)
		goto end;
	if (empty == NULL || entity_canonical(entity, watermark) != 0) {
		(void)err_memory(err);
		goto end;
	}
	entity_encode(entity, 1, &bytes);
	entity_encode(empty, 1, &nothing);
	if (slice_equal(buffer_slice(&bytes), buffer_slice(&nothing)))
		puts("-");
	else
		print_hex(buffer_slice(&bytes));
	status = 0;
end:
	buffer_free(&bytes);
	buffer_free(&nothing);
	entity_free(empty);
	entity_free(entity);
	return status;
}

int main(int argc, char **argv)
{
	static char line[2 * RECORD_MAX + 64];
	static uint8_t record[RECORD_MAX];
	struct world world = {0};
	struct err err = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: canonical CONFIG\n");
		return 64;
	}
	int status = world_open(&world, argv[1], &err);
	while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
		char *end;
		long long watermark = strtoll(line, &end, 10);
		size_t length = *end == ' ' ? read_hex(end + 1, record) : SIZE_MAX;
		if (length == SIZE_MAX)
			status = err_set(&err, ERR_DATA, "a line is not WATERMARK HEX");
		else
			status = convert(world.set, (struct slice){record, length}, watermark, &err);
	}
	world_close(&world);
	if (status != 0)
		fprintf(stderr, "canonical: %s\n", err.message);
	return err_exit_status(&err);
}
