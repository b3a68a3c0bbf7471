/*
 * What every librdkafka handle of ours shares: the configuration in three layers (our defaults, the user's properties,
 * what the protocol relies on), librdkafka's log lines and errors through the daemon's log, and errors as values.
 *
 * Log lines and errors are served on the loop's thread, inside the calls that poll a handle (log.queue), so that the
 * log is written by one thread. Trouble repeats itself: of each kind of warning one line is written per
 * KAFKA_CLIENT_QUIET_MS. librdkafka's lines name brokers, topics and groups, never keys or values.
 */
#ifndef OUTLIERD_KAFKA_CLIENT_H
#define OUTLIERD_KAFKA_CLIENT_H

#include "daemon/io/kafka.h"

#include <librdkafka/rdkafka.h>

#define KAFKA_CLIENT_QUIET_MS 30000
#define KAFKA_CLIENT_KINDS 16        /* kinds of warnings remembered; the oldest makes room */
#define KAFKA_CLIENT_REQUEST_MS 5000 /* one question to a broker */

struct kafka_client_kind {
	char name[24];
	int64_t until_ms; /* monotonic: silent before */
	unsigned hidden;  /* lines left out since the last one written */
};

/** One handle. Zeroed by its owner; librdkafka's opaque pointer is this. */
struct kafka_client {
	rd_kafka_t *handle; /* NULL: closed */
	const struct log *log;
	const char *name; /* "consumer", "producer": in log lines and errors */
	void *self;       /* the adapter, for its own callbacks */
	bool fatal;       /* librdkafka has given up on the handle: see kafka_client_fatal() */
	struct kafka_client_kind kinds[KAFKA_CLIENT_KINDS];
	unsigned next_kind;
};

struct kafka_client_setup {
	rd_kafka_type_t type;
	const struct kafka_options *options;
	const struct kafka_property *defaults; /* the user's properties win over these */
	size_t default_count;
	const struct kafka_property *required; /* these win over the user's */
	size_t required_count;
	void (*rebalance)(rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
			  void *client);
	void (*delivered)(rd_kafka_t *handle, const rd_kafka_message_t *message, void *client);
};

/** Makes the handle of a closed client. ERR_CONFIG names the property that librdkafka refuses, in its own words. */
int kafka_client_open(struct kafka_client *client, const char *name, const struct kafka_client_setup *setup,
		      struct err *err) MUST_USE;

/** Serves what waits (log lines), then destroys the handle without waiting for brokers; a closed client stays closed. */
void kafka_client_close(struct kafka_client *client);

/** Sets *err from librdkafka's code: "kafka WHAT: TEXT (CODE)", and the permission that is needed where the broker misses one. Returns -1. */
int kafka_client_fail(struct err *err, enum err_code code, enum err_action action, rd_kafka_resp_err_t from,
		      const char *what, const char *text);

/** Sets *err from the handle's fatal error: ERR_FENCED where another process took over, else ERR_UNAVAILABLE. Returns -1. */
int kafka_client_fatal(struct kafka_client *client, enum err_action action, struct err *err);

/** True for the codes by which a broker says that a newer process holds our id. */
bool kafka_client_fenced(rd_kafka_resp_err_t code);

/** True for the codes by which a broker says that the user may not do this. */
bool kafka_client_forbidden(rd_kafka_resp_err_t code);

/** Writes a line about the handle; warnings and errors of one kind once per KAFKA_CLIENT_QUIET_MS. */
void kafka_client_report(struct kafka_client *client, enum log_level level, const char *kind, const char *text);

/** Milliseconds that never go back. */
int64_t kafka_client_now_ms(void);

#endif
