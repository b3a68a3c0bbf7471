/*
 * The configuration as a table: one row per key. Reading, defaults, the manual and the JSON Schema all walk the same
 * rows, so none of them can say something else than the others. What lies between two rows (one key that excludes
 * another, names that must exist) is config/check.c's. Internal to config/.
 *
 * Paths: "kafka.group_id" is a member, "features[].name" a member of each element of a list, "event.fields.*.type" a
 * member of each value of a map whose keys are the user's.
 */
#ifndef OUTLIERD_CONFIG_TABLE_H
#define OUTLIERD_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum row_kind {
	ROW_OBJECT,   /* members are rows of their own; place: enum presence, or none (size 0) */
	ROW_OBJECTS,  /* list of objects; place: pointer to elements and their number */
	ROW_MAP,      /* object with keys of the user's, values are objects; place as ROW_OBJECTS */
	ROW_TEXT_MAP, /* object with keys of the user's, values are texts; place as ROW_OBJECTS */
	ROW_TEXT,
	ROW_TEXTS,     /* place: pointer to texts and their number */
	ROW_TEXT_PAIR, /* exactly two texts; place: two pointers */
	ROW_CHOICE,    /* one of `choices`; place: its number in an int-sized enum, or a bool */
	ROW_BOOLEAN,
	ROW_INTEGER,    /* place: a signed or unsigned integer of 4 or 8 bytes */
	ROW_NUMBER,     /* place: double */
	ROW_DURATION,   /* place: int64_t, ms */
	ROW_TIME,       /* RFC 3339; place: int64_t, ms since 1970 */
	ROW_LITERAL,    /* place: struct literal */
	ROW_LITERALS,   /* place: pointer to literals and their number */
	ROW_HOURS,      /* [from, to); place: the struct condition_options that gets them */
	ROW_UTC_OFFSETS /* a fixed offset, or a list of steps; place: pointer to struct utc_offset and their number */
};

/** What a text must look like; see config_form(). */
enum text_form {
	FORM_ANY,
	FORM_LABEL,
	FORM_NAMESPACE,
	FORM_IDENTIFIER,
	FORM_TOPIC,
	FORM_FIELD_PATH,
	FORM_SERVERS,
	FORM_URL,
	FORM_FILE,
	FORM_SECRET,
	FORM_REDIS,
	FORM_LISTEN,
	FORM_PROPERTY,
	FORM_DURATION,
	FORM_TIME,
	FORM_UTC_OFFSET,
	FORM_NUMBER_OF_FORMS
};

struct form {
	const char *what;  /* "a topic name" */
	const char *right; /* "letters, digits, '.', '_' and '-', such as \"transactions\"" */
	const char
	    *pattern; /* extended regular expression, in the part of the syntax that POSIX and ECMAScript share */
};

/** What a change of the key needs besides a restart; nothing of the file is read again while the daemon runs. */
enum effect {
	EFFECT_RESTART,
	EFFECT_RETRAIN,  /* another feature set: a model trained on it */
	EFFECT_NEW_STATE /* another state id: a new Redis namespace, or a replay */
};

enum presence { PRESENCE_ABSENT, PRESENCE_NULL, PRESENCE_GIVEN };

struct config_row {
	const char *path;
	enum row_kind kind;
	enum text_form form;        /* of texts, list members and map keys */
	size_t offset, size;        /* place in the enclosing struct: struct draft, or the element of a list or map */
	size_t count_offset;        /* of lists and maps */
	size_t name_offset;         /* maps: where an element keeps its key */
	size_t element_size;        /* of lists and maps of objects */
	const char *const *choices; /* NULL-terminated */
	double least, most;         /* numbers; durations in ms; number of elements of lists and maps */
	const char *fallback;       /* default as JSON; NULL: none */
	const char *otherwise;      /* no default here, but this holds: words for the manual */
	int64_t absent;             /* integers and times without default: what the place gets */
	bool required;              /* where the object around it is given */
	bool nullable;              /* null says: none */
	bool single;                /* one object may stand without the list around it */
	bool numeric;               /* literals: numbers only */
	const char *shorthand;      /* objects: a plain text stands for an object with only this member */
	const char *example;        /* JSON */
	enum effect effect;
	const char *help;
};

/** All rows, in the order of the manual: a container stands before its members. */
const struct config_row *config_table(size_t *count);

/** The member `key` of the container with this row path ("" for the whole file, "features[]", "event.fields.*"); NULL: none. */
const struct config_row *config_table_member(const char *container, const char *key, size_t key_length);

/** Goes through the members of a container: the row after `previous` (NULL: the first); NULL at the end. */
const struct config_row *config_table_next(const char *container, const struct config_row *previous);

/** The last part of a row's path: "group_id" of "kafka.group_id". */
const char *config_table_key(const struct config_row *row);

/** Writes the path under which members of this container stand: "kafka", "features[]", "event.fields.*". */
void config_table_container(const struct config_row *row, char path[], size_t size);

/** A form of text. */
const struct form *config_form(enum text_form form);

#endif
