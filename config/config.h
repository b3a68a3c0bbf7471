/*
 * The whole configuration as one value: each module's options, filled from one JSON file by the table in config/table.c.
 * Only commands (layer 5) see this struct; every module gets its own options. All strings and arrays belong to the
 * struct config and live until config_free().
 */
#ifndef OUTLIERD_CONFIG_H
#define OUTLIERD_CONFIG_H

#include "buffer.h"
#include "daemon/io/avro_codec.h"
#include "daemon/io/kafka.h"
#include "daemon/io/redis_store.h"
#include "daemon/io/registry_http.h"
#include "daemon/pipeline/decide.h"
#include "daemon/pipeline/limits.h"
#include "daemon/pipeline/publish.h"
#include "features/definition.h"

enum schema_kind { SCHEMA_REGISTRY, SCHEMA_FILE };
enum state_kind { STATE_REDIS, STATE_MEMORY };
enum hole_policy { HOLE_HALT, HOLE_REBUILD };

/** What is pseudonymised by HMAC-SHA-256 before anything else sees it. */
struct privacy_options {
	struct slice key; /* contents of key_file; length 0: no privacy configured */
	bool entity, id;
	bool *fields; /* one per event field */
	bool any;
};

struct config {
	const char *path;
	const char *pipeline;
	struct event_schema schema;
	struct feature_set_options features;
	struct policy_options policy;
	struct publish_options publish;
	struct kafka_options kafka; /* log is the command's */
	bool from_earliest;         /* auto_offset_reset */
	enum schema_kind schema_kind;
	struct registry_options registry; /* clock is the command's */
	const char *schema_file;
	bool schema_framed;
	enum state_kind state_kind;
	struct redis_options redis; /* log, clock are the command's; ttl_ms: computed where retention is known */
	enum hole_policy on_hole;
	const char *model_directory; /* resolved against the configuration file's folder */
	struct privacy_options privacy;
	struct batch_limits limits;
	const char *http_listen; /* NULL: no HTTP */
	const char *log_level;   /* "info" */
	bool log_json;
	void *owner; /* all memory */
};

/** Called once for each problem: key path ("features[3].window"), message with the offending value and what would be right. */
typedef void config_problem(void *context, const char *path, const char *message);

/** Reads and checks a file: every problem is reported, then ERR_CONFIG with their number. Secret files are read; offline says that missing secret files are no problem (`check` on another machine). */
struct config *config_read(const char *path, bool offline, config_problem *problem, void *context,
			   struct err *err) MUST_USE;
/** As config_read() from text; relative paths resolve against `folder`. */
struct config *config_parse(struct slice text, const char *folder, bool offline, config_problem *problem, void *context,
			    struct err *err) MUST_USE;
/** Gives this process another name in the group (`run --instance`): instance_id and transactional_id. ERR_USAGE: not a name. */
int config_set_instance(struct config *config, const char *instance, struct err *err) MUST_USE;
/** Gives a second run of the pipeline over the same topic names of its own: group, transactional id and namespace get .NAME, output topics too, HTTP is off. It joins its group without instance_id. ERR_USAGE: not a name. */
int config_set_apart(struct config *config, const char *name, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void config_free(struct config *config);

/** Appends docs/configuration.md, generated from the table. */
void config_manual(struct buffer *markdown);
/** Appends schemas/config.schema.json (JSON Schema 2020-12), generated from the table. */
void config_schema(struct buffer *json);

#endif
