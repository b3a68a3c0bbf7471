/*
 * The state of one entity: a time-ordered log of its recent events, panes of folded ones, the fold edge. In memory it is
 * decoded columns that forks share; at rest it is the record of docs/state-format.md.
 *
 * Copy on write: entity_fork() gives a second view of the same rows in O(1) (plus panes); rows that one fork appends lie
 * behind the other's count and disturb nothing. At most one fork of an entity may be changed at a time (the overlay's);
 * freeing a fork forgets its rows: an aborted batch has never happened.
 */
#ifndef OUTLIERD_ENTITY_H
#define OUTLIERD_ENTITY_H

#include "buffer.h"
#include "features/definition.h"

#define ENTITY_GENERATION_BYTES 8
#define ENTITY_RECORD_VERSION 1

struct entity;

/** An entity without history. NULL: out of memory. */
struct entity *entity_new(const struct feature_set *set);

/** A view of the same state that can be changed without changing this one. NULL: out of memory. */
struct entity *entity_fork(const struct entity *entity);

/** Called when no other view of its rows is left, by who has just freed the last: where they are full, what is dead makes room for what comes, in place. Changes no content. */
void entity_tidy(struct entity *entity);

/** Releases what a view saw; it is as entity_new() made it. */
void entity_empty(struct entity *entity);

/** Makes an empty view a fork, as entity_fork() does with a new one: nothing is allocated. */
void entity_refork(struct entity *view, const struct entity *entity);

/** Frees one view; NULL does nothing. */
void entity_free(struct entity *entity);

/** Tells the processor that the entity will be read soon: worth calling for the events after the present one, whose states lie in cold memory. Changes nothing; NULL does nothing. */
void entity_prefetch(const struct entity *entity);

/** As entity_prefetch(), for the event after the next: what entity_prefetch() itself reads. */
void entity_prefetch_head(const struct entity *entity);

/** Tells the processor that the entity will be written as a record soon; its rows' head has come, see entity_prefetch_head(). Changes nothing; NULL does nothing. */
void entity_prefetch_record(const struct entity *entity);

/** Memory held by this entity, bytes (shared rows counted once per view). For the cache's budget. */
size_t entity_size(const struct entity *entity);

/** Number of visible events; panes not counted. */
size_t entity_event_count(const struct entity *entity);

/** Appends the record's bytes (docs/state-format.md): a pure function of the state and the generation. */
void entity_encode(const struct entity *entity, uint64_t generation, struct buffer *record);

enum entity_read { ENTITY_READ, ENTITY_ABSENT /* another generation */, ENTITY_CORRUPT };

/** Reads a record; every byte is checked. ENTITY_CORRUPT: *err says what and where (truncated, newer version, …) without naming the entity; or ERR_MEMORY, which says nothing about the record. */
enum entity_read entity_decode(const struct feature_set *set, struct slice record, uint64_t generation,
			       struct entity **entity, struct err *err);

/** Rewrites to the canonical form: visible rows at this watermark alone, and a fold only where its edge still lies in reach. For comparing states across a rebuild. */
int entity_canonical(struct entity *entity, int64_t watermark) MUST_USE;

/** Writes the log for people as JSON: {"fold_edge":…, "events":[{"time":…,"offset":…,"fields":{…}}…], "panes":…}. */
void entity_dump(const struct entity *entity, struct buffer *json);

#endif
