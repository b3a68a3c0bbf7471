/*
 * The codec for Avro records: framing, schema by id from the registry or one fixed schema, the compiled program of each
 * schema kept, key and partition checks. Checked in this order: framing, registry, decode, validate, key, timestamp.
 */
#ifndef OUTLIERD_AVRO_CODEC_H
#define OUTLIERD_AVRO_CODEC_H

#include "daemon/io/avro_decode.h"
#include "daemon/io/registry_http.h"
#include "daemon/ports.h"

#define AVRO_CODEC_SCHEMAS_MAX 100000 /* of one registry in use; beyond, further ones are refused (registry) */

struct avro_codec_options {
	const struct event_schema *schema; /* borrowed */
	struct registry *registry;         /* borrowed; NULL: fixed */
	const char *schema_file;           /* fixed schema; NULL: registry */
	bool framed;                       /* fixed schema: five framing bytes are skipped */
};

struct avro_codec;

/** Makes the codec and, for a fixed schema, compiles it (ERR_CONFIG). */
struct avro_codec *avro_codec_new(const struct avro_codec_options *options, struct err *err) MUST_USE;
/**
 * The port. Borrowed; so are, until the codec is freed, the texts of enums in its events. DECODE_WAIT also comes with
 * ERR_MEMORY, where the arena has no room for one more event, and, with a partitioner, before partitions() was told:
 * the record is not judged.
 */
struct codec avro_codec_port(struct avro_codec *codec);
/** Frees it; NULL does nothing. */
void avro_codec_free(struct avro_codec *codec);

#endif
