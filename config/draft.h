/*
 * The configuration between its phases: config/tree.c fills a draft from JSON by the table, config/resolve.c and
 * config/secret.c turn it into what the modules take, config/check*.c look for what contradicts. A draft with problems
 * goes through all phases all the same, so that every problem is told at once. Internal to config/.
 */
#ifndef OUTLIERD_CONFIG_DRAFT_H
#define OUTLIERD_CONFIG_DRAFT_H

#include <jansson.h> /* before json.h, which then keeps its short names to itself */

#include "arena.h"
#include "config/config.h"
#include "config/problem.h"
#include "config/table.h"

#define CONFIG_BYTES_MAX (1u << 20)   /* of a configuration file */
#define CONFIG_MEMORY_MAX (16u << 20) /* of one configuration */

struct text_list {
	const char *const *items;
	size_t count;
};

/** One of event.fields: struct field with its default as written. */
struct field_draft {
	struct field field;
	struct literal fallback;
};

/** One element of a rule's `when`: on a feature, or on the event. */
struct rule_condition {
	const char *feature; /* NULL: on the event */
	struct condition_options condition;
};

/** One of policy.rules: its conditions not yet split by what they look at. */
struct rule_draft {
	struct rule_options options;
	const struct rule_condition *when;
	size_t when_count;
};

struct draft {
	struct config config;
	const struct field_draft *fields;
	size_t field_count;
	struct feature_options *features;
	size_t feature_count;
	const struct rule_draft *rules;
	size_t rule_count;
	const struct kafka_property *property_files; /* values are file names */
	size_t property_file_count;
	const char *key; /* of event.key, "unchecked" included */
	int time_unit;   /* enum time_unit - TIME_MS; NO_UNIT: none given */
	enum presence upstream, redis, memory, alerts, decisions, enriched, amendments, late, dead_letters, privacy,
	    http;
	const char *registry_password_file, *registry_token_file;
	const char *redis_password_file, *sentinel_password_file;
	const char *key_file;
	struct text_list pseudonymize;
	double absolute, quantile, alerts_per_day; /* NaN: not given */
	const char *listen;
	int log_level;

	struct arena *arena;
	struct config_problems *problems;
	json_t *root;
	const char *folder; /* of the configuration file */
	bool offline;
};

#define NO_UNIT (-1)

/** The place of a row's value in the struct that base points to. */
#define CONFIG_PLACE(type, base, row) ((type *)(void *)((char *)(base) + (row)->offset))

/** Fills the draft from JSON by the table: types, ranges, choices, unknown and missing keys, defaults. */
void config_tree_read(struct draft *draft, json_t *root);

/** True where the file gives this key (dotted path of members, no lists). */
bool config_tree_given(const struct draft *draft, const char *path);

/** Reads one value of a row that is no container into its place inside base. False: reported as a problem at path. */
bool config_value_read(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
		       const char *path);

#define CHOICES_SHOWN_MAX 400
/** The choices of a row, separated by commas; returns their number. */
size_t config_value_choices(const struct config_row *row, char *text, size_t size);

/** Reports that a value is not what it has to be ("VALUE is not WHAT; write RIGHT"; right may be empty). False. */
bool config_value_refuse(struct draft *draft, const json_t *value, const char *path, const char *what,
			 const char *right);

/** As config_value_refuse(), in the words of a form. False. */
bool config_value_refuse_form(struct draft *draft, const json_t *value, const char *path, enum text_form form);

/** True where the text has this form. *no_memory is set where that cannot be known. */
bool config_value_matches(enum text_form form, const char *text, bool *no_memory);

/** ROW_HOURS: `[from, to]` into the struct condition_options at the row's place. False: reported. */
bool config_value_hours(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			const char *path);

/** ROW_UTC_OFFSETS: one offset, or a list of steps. False: reported. */
bool config_value_offsets(struct draft *draft, const struct config_row *row, const json_t *value, void *base,
			  const char *path);

/** Writes pointer and number of elements into the place of a list or map. */
void config_value_put_list(const struct config_row *row, void *base, const void *elements, size_t count);

#define VALUE_SHOWN_MAX 80
/** The value as a message shows it: JSON on one line, the end of a long one cut off. Borrowed from text. */
const char *config_value_show(const json_t *value, char text[VALUE_SHOWN_MAX]);

/** What a value of the row has to be: "a duration", "a list of texts". Borrowed from text or constant. */
const char *config_value_kind(const struct config_row *row);

/** Computed defaults, paths against the folder, drafts into the modules' own structs. */
void config_resolve(struct draft *draft);

/** Reads the files that hold secrets. */
void config_secret_read(struct draft *draft);

/** Everything between two keys: exclusions, names, addresses, topics; then the features, the rules and the schema. */
void config_check(struct draft *draft);

/** The features by feature_set_new(), in the paths of the configuration. */
void config_check_features(struct draft *draft);

/** The rules: conditions on features that exist and on the event. */
void config_check_rules(struct draft *draft);

/** The event's fields, features and rules against the writer's schema, where that is a file. */
void config_check_schema(struct draft *draft);

/** True where the file gives one object in place of this list of them: list "features", index, then "where". */
bool config_tree_single(const struct draft *draft, const char *list_path, size_t i, const char *member);

/** True where a problem stands at one of event.fields, so that what others say of it may only follow from that. NULL: no. */
bool config_check_is_broken(const struct draft *draft, const char *field);

/** The name among count texts that is most like `wrong`, near enough to be meant; NULL: none. */
const char *config_like(const char *wrong, const char *const *names, size_t count);

#endif
