/*
 * Models on disk: ID.json files in a directory, where a file `current` holds the champion's id, and a log of every
 * change. Reading checks everything: a damaged or hostile file is a clear error (ERR_DATA with the JSON path), never a
 * crash. Writing goes to a temporary name, is synced, then renamed.
 */
#ifndef OUTLIERD_MODEL_FILE_H
#define OUTLIERD_MODEL_FILE_H

#include "detectors/model.h"

#define MODEL_FILE_BYTES_MAX (256u << 20)

/** Reads one model document; its id is the SHA-256 of the bytes. */
struct model *model_file_parse(struct slice document, struct err *err) MUST_USE;
/** Reads a file. ERR_UNAVAILABLE: not there; ERR_DATA: damaged. */
struct model *model_file_read(const char *path, struct err *err) MUST_USE;
/** Writes the model and sets its id. */
int model_file_write(const char *path, struct model *model, struct err *err) MUST_USE;

/** Reads a model's file, or of a directory of models its champion: what people mean by --model. */
struct model *model_read(const char *path, struct err *err) MUST_USE;

/** Reads DIRECTORY/current and the model it names; checks that the id is the file's hash. ERR_UNAVAILABLE: no `current`. */
struct model *model_directory_current(const char *directory, struct err *err) MUST_USE;
/** Reads the model of an id. */
struct model *model_directory_read(const char *directory, const char *id, struct err *err) MUST_USE;
/** Puts a model file into the directory under its id (no change of `current`). id receives it. */
int model_directory_add(const char *directory, const char *path, char id[SHA256_HEX], struct err *err) MUST_USE;
/** Makes id the champion and logs who, when (now_ms), from, to in DIRECTORY/changes.jsonl. */
int model_directory_promote(const char *directory, const char *id, const char *who, int64_t now_ms,
			    struct err *err) MUST_USE;
/** Goes back to the champion before the last change; id receives it. */
int model_directory_rollback(const char *directory, const char *who, int64_t now_ms, char id[SHA256_HEX],
			     struct err *err) MUST_USE;
/** Calls visit for every model in the directory, sorted by id. */
int model_directory_list(const char *directory, void (*visit)(void *context, const char *id, bool current),
			 void *context, struct err *err) MUST_USE;

#endif
