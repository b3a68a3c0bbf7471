/*
 * Building a program step by step: growing tables, runs of steps merged, place names kept. Belongs to avro_compile.c.
 * The first failure sticks in *err; after it every call does nothing and lends a step that nobody reads.
 */
#ifndef OUTLIERD_AVRO_EMIT_H
#define OUTLIERD_AVRO_EMIT_H

#include "buffer.h"
#include "daemon/io/avro_program.h"

struct avro_emitter {
	struct arena *arena; /* the program's; borrowed */
	struct err *err;     /* borrowed */
	struct buffer steps, targets, texts, messages, places, first_place;
	bool mergeable; /* nothing jumps to just behind the last step */
	struct avro_step spare;
};

/** Begins an empty program whose memory is the arena. */
void avro_emit_begin(struct avro_emitter *emitter, struct arena *arena, struct err *err);

/** Appends a step that reads at this place (NULL: the outermost value). Lent until the next call. */
struct avro_step *avro_emit(struct avro_emitter *emitter, enum avro_step_kind kind, const struct avro_place *place);

/** A step emitted before; lent until the next call. */
struct avro_step *avro_emit_at(struct avro_emitter *emitter, uint32_t number);

/** The number of the next step, to which something will jump. */
uint32_t avro_emit_label(struct avro_emitter *emitter);

/** Appends the skipping of one value of a kind that comes in runs (SKIP_BOOLEANS, _INTS, _LONGS, _TEXTS). */
void avro_emit_skip(struct avro_emitter *emitter, enum avro_step_kind kind, const struct avro_place *place);

/** Appends the skipping of size bytes. */
void avro_emit_skip_fixed(struct avro_emitter *emitter, uint64_t size, const struct avro_place *place);

/** Appends the skipping of one union of null (at branch) and another type (SKIP_NULLABLE_LONGS, _TEXTS, _FIXED of width bytes, else 0). */
void avro_emit_skip_nullable(struct avro_emitter *emitter, enum avro_step_kind kind, uint8_t branch, uint32_t width,
			     const struct avro_place *place);

/** Appends the texts of an enum; returns the first one's number. */
uint32_t avro_emit_texts(struct avro_emitter *emitter, char *const *texts, size_t count);

/** Makes room for count jump targets; returns the first one's number. */
uint32_t avro_emit_targets(struct avro_emitter *emitter, size_t count);

/** Sets a jump target. */
void avro_emit_set_target(struct avro_emitter *emitter, uint32_t number, uint32_t step);

/** Appends a message; returns its number. kept receives the program's copy. */
uint32_t avro_emit_message(struct avro_emitter *emitter, const char *message, const char **kept);

/** A place below another. NULL after a failure. */
const struct avro_place *avro_emit_place(struct avro_emitter *emitter, const char *name,
					 const struct avro_place *parent);

/** Moves the tables into the program; -1 where anything failed. */
int avro_emit_finish(struct avro_emitter *emitter, struct avro_program *program) MUST_USE;

/** Frees what the emitter itself holds. */
void avro_emit_free(struct avro_emitter *emitter);

#endif
