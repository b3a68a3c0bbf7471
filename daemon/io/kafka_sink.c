#include "daemon/io/kafka_admin.h"
#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_membership.h"
#include "daemon/io/kafka_message.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#define BATCH_BYTES 1000000 /* librdkafka's default; a broker that takes less gets less */
#define INIT_MS 10000       /* of one try to open */
#define ABORT_MS 5000       /* of one abort */
#define GRACE_MS 2000       /* past the transaction's time-out: by then the coordinator has decided */
#define RETRY_MS 50         /* between tries to send offsets */
#define LEADERS_MS 1000     /* to ask who leads the output topics */
#define NUMBER_BYTES 24

struct kafka_sink {
	struct kafka_client client;
	const struct kafka_options *options;
	size_t batch_max;    /* bytes of a record batch that brokers take; 0: not asked yet */
	bool in_transaction; /* begun, neither committed nor aborted */
	size_t failed;       /* messages of this transaction that were not delivered */
	struct err failure;  /* why the first of them */
	bool purged;         /* the first was thrown away since the transaction had failed before */
	bool forbidden;      /* a broker said that the user may not do what this transaction does */
};

struct kafka_sink *kafka_sink_new(const struct kafka_options *options, struct err *err)
{
	struct kafka_sink *sink = calloc(1, sizeof *sink);
	if (sink == NULL) {
		err_memory(err);
		return NULL;
	}
	sink->options = options;
	return sink;
}

static void on_delivered(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_sink *sink = ((struct kafka_client *)opaque)->self;
	(void)handle;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	sink->forbidden |= kafka_client_forbidden(message->err);
	if (sink->failed++ > 0)
		return;
	sink->purged =
	    message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
	kafka_client_fail(&sink->failure, ERR_UNAVAILABLE, ERR_ABORT_BATCH, message->err, "delivery", NULL);
	err_prepend(&sink->failure, "%s", rd_kafka_topic_name(message->rkt));
}

static int open_handle(struct kafka_sink *sink, struct err *err)
{
	const struct kafka_options *options = sink->options;
	char timeout[NUMBER_BYTES], message_max[NUMBER_BYTES], batch[NUMBER_BYTES];
	snprintf(timeout, sizeof timeout, "%lld", (long long)options->transaction_timeout_ms);
	snprintf(message_max, sizeof message_max, "%zu", sink->batch_max);
	snprintf(batch, sizeof batch, "%zu", sink->batch_max < BATCH_BYTES ? sink->batch_max : BATCH_BYTES);
	/* Why these values: docs/kafka.md, what a commit costs. */
	const struct kafka_property defaults[] = {
	    {"linger.ms", "0.5"},
	    {"retry.backoff.ms", "5"},
	    {"socket.nagle.disable", "true"},
	    {"log.connection.close", "false"},
	};
	const struct kafka_property required[] = {
	    {"transactional.id", options->transactional_id},
	    {"transaction.timeout.ms", timeout},
	    {"enable.idempotence", "true"},
	    {"acks", "all"},
	    {"partitioner", "murmur2_random"},
	    {"message.max.bytes", message_max},
	    {"batch.size", batch},
	};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_PRODUCER,
	    .options = options,
	    .defaults = defaults,
	    .default_count = sizeof defaults / sizeof defaults[0],
	    .required = required,
	    .required_count = sizeof required / sizeof required[0],
	    .delivered = on_delivered,
	};
	sink->client.self = sink;
	return kafka_client_open(&sink->client, "producer", &setup, err);
}

static void close_sink(void *self)
{
	struct kafka_sink *sink = self;
	sink->in_transaction = false;
	if (sink->client.handle != NULL)
		rd_kafka_purge(sink->client.handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	kafka_client_close(&sink->client);
}

/*
 * librdkafka's order of looking at a transaction's error: fatal, then abort required, then retriable. Whatever is left is
 * taken for fatal. The error is used up.
 */
enum trouble { TROUBLE_FATAL, TROUBLE_ABORT, TROUBLE_RETRY };

static enum trouble look_at(struct kafka_sink *sink, rd_kafka_error_t *error, const char *what, enum err_action action,
			    struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	enum trouble trouble = TROUBLE_FATAL;
	sink->forbidden |= kafka_client_forbidden(code);
	bool fatal = rd_kafka_error_is_fatal(error) != 0 || sink->client.fatal;
	if (!fatal && rd_kafka_error_txn_requires_abort(error))
		trouble = TROUBLE_ABORT;
	else if (!fatal && rd_kafka_error_is_retriable(error))
		trouble = TROUBLE_RETRY;
	/* The fatal error behind it says more than that there was one. */
	if (fatal && rd_kafka_fatal_error(sink->client.handle, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka_client_fatal(&sink->client, action, err);
	else
		kafka_client_fail(err, kafka_client_fenced(code) ? ERR_FENCED : ERR_UNAVAILABLE, action, code, what,
				  rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return trouble;
}

/*
 * Who leads the output topics. librdkafka would ask when the first message of each is there, and look at the answer in its
 * next round, up to a second later: in the first transaction. Not to be told is no error.
 */
static void learn_leaders(const struct kafka_sink *sink)
{
	int64_t deadline_ms = kafka_client_now_ms() + LEADERS_MS;
	for (size_t i = 0; i < sink->options->output_topic_count; i++) {
		int64_t left_ms = deadline_ms - kafka_client_now_ms();
		rd_kafka_topic_t *topic =
		    rd_kafka_topic_new(sink->client.handle, sink->options->output_topics[i], NULL);
		const struct rd_kafka_metadata *metadata = NULL;
		if (topic != NULL && left_ms > 0 &&
		    rd_kafka_metadata(sink->client.handle, 0, topic, &metadata, (int)left_ms) ==
			RD_KAFKA_RESP_ERR_NO_ERROR)
			rd_kafka_metadata_destroy(metadata);
		if (topic != NULL)
			rd_kafka_topic_destroy(topic);
	}
}

static int open_sink(void *self, struct err *err)
{
	struct kafka_sink *sink = self;
	close_sink(sink);
	if (sink->batch_max == 0 && kafka_admin_message_max(sink->options, &sink->batch_max, err) != 0)
		return -1;
	if (open_handle(sink, err) != 0)
		return -1;
	rd_kafka_error_t *error = rd_kafka_init_transactions(sink->client.handle, INIT_MS);
	if (error == NULL) {
		learn_leaders(sink);
		return 0;
	}
	if (look_at(sink, error, "init of transactions", ERR_EXIT, err) == TROUBLE_RETRY)
		err->action = ERR_RETRY;
	close_sink(sink);
	return -1;
}

static int begin(void *self, struct err *err)
{
	struct kafka_sink *sink = self;
	assert(!sink->in_transaction);
	if (sink->client.handle == NULL)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RECOVER, "kafka producer: not open");
	rd_kafka_poll(sink->client.handle, 0);
	sink->failed = 0;
	sink->purged = sink->forbidden = false;
	err_clear(&sink->failure);
	rd_kafka_error_t *error = rd_kafka_begin_transaction(sink->client.handle);
	if (error != NULL) {
		(void)look_at(sink, error, "begin", ERR_RECOVER, err);
		return -1;
	}
	sink->in_transaction = true;
	return 0;
}

static int produce(void *self, const struct message *message, struct err *err)
{
	struct kafka_sink *sink = self;
	assert(sink->in_transaction);
	int64_t deadline_ms = kafka_client_now_ms() + sink->options->transaction_timeout_ms;
	for (;;) {
		rd_kafka_resp_err_t code = kafka_message_send(sink->client.handle, message, err);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return 0;
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && kafka_client_now_ms() < deadline_ms) {
			err_clear(err);
			rd_kafka_poll(sink->client.handle, RETRY_MS);
			continue;
		}
		if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
			err->code = ERR_INTERNAL; /* sizes are known beforehand: message_max() */
		else if (code == RD_KAFKA_RESP_ERR__FATAL)
			err->action = ERR_RECOVER;
		else
			err->action = ERR_ABORT_BATCH;
		return -1;
	}
}

static int abort_transaction(void *self, struct err *err)
{
	struct kafka_sink *sink = self;
	if (!sink->in_transaction)
		return 0;
	sink->in_transaction = false;
	/* librdkafka retries inside; what takes longer is decided by the next producer's init_transactions. */
	rd_kafka_error_t *error = rd_kafka_abort_transaction(sink->client.handle, ABORT_MS);
	if (error == NULL)
		return 0;
	(void)look_at(sink, error, "abort", ERR_RECOVER, err);
	return -1;
}

/* Aborts for the reason in *err. Without a clean abort nobody knows what the coordinator will do. */
static enum commit_result give_up(struct kafka_sink *sink, struct err *err)
{
	struct err failed = {.code = ERR_NONE};
	if (abort_transaction(sink, &failed) == 0) {
		err->action = ERR_ABORT_BATCH;
		return COMMIT_ABORTED;
	}
	if (sink->forbidden) {
		/* The broker never began what it refused, so librdkafka fails to abort it. A new producer would fare no better. */
		err->code = ERR_UNAVAILABLE;
		err->action = ERR_EXIT;
		return COMMIT_UNKNOWN;
	}
	err->action = ERR_RECOVER;
	if (rd_kafka_fatal_error(sink->client.handle, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		err_clear(err);
		kafka_client_fatal(&sink->client, ERR_RECOVER, err);
	}
	return COMMIT_UNKNOWN;
}

/*
 * rd_kafka_flush(), also the one inside rd_kafka_commit_transaction(), looks only every 10 ms whether all is delivered;
 * polling sees it at once.
 */
static int drain(struct kafka_sink *sink, int64_t deadline_ms, struct err *err)
{
	while (rd_kafka_outq_len(sink->client.handle) > 0 && kafka_client_now_ms() < deadline_ms)
		rd_kafka_poll(sink->client.handle, 1);
	if (sink->failed > 0) {
		*err = sink->failure;
		return err_prepend(err, "%zu messages were not delivered", sink->failed);
	}
	if (rd_kafka_outq_len(sink->client.handle) > 0)
		return err_set(err, ERR_UNAVAILABLE, "kafka producer: messages were not delivered in time");
	return 0;
}

static enum trouble send_offsets(struct kafka_sink *sink, const rd_kafka_topic_partition_list_t *list,
				 const rd_kafka_consumer_group_metadata_t *metadata, int64_t deadline_ms,
				 struct err *err)
{
	for (;;) {
		int64_t left_ms = deadline_ms - kafka_client_now_ms();
		rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(sink->client.handle, list, metadata,
									       left_ms > 0 ? (int)left_ms : 0);
		if (error == NULL)
			return TROUBLE_RETRY; /* none; the caller looks at *err */
		struct err last = {.code = ERR_NONE};
		enum trouble trouble = look_at(sink, error, "offsets", ERR_RECOVER, &last);
		/* Looked at anew: with a broker away librdkafka takes longer than it was given. */
		if (trouble == TROUBLE_RETRY && deadline_ms - kafka_client_now_ms() > RETRY_MS) {
			rd_kafka_poll(sink->client.handle, RETRY_MS);
			continue;
		}
		*err = last;
		return trouble;
	}
}

static rd_kafka_topic_partition_list_t *list_of(struct kafka_sink *sink, const struct position *offsets, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *entry =
		    rd_kafka_topic_partition_list_add(list, sink->options->input_topic, offsets[i].partition);
		entry->offset = offsets[i].offset;
		entry->metadata_size = strlen(offsets[i].metadata);
		if (entry->metadata_size == 0)
			continue;
		/* librdkafka frees it with the list. */
		entry->metadata = rd_kafka_mem_malloc(NULL, entry->metadata_size);
		memcpy(entry->metadata, offsets[i].metadata, entry->metadata_size);
	}
	return list;
}

/*
 * Up to here the coordinator has seen no EndTxn, so an abort is certain. From here on only an answer counts: librdkafka
 * may report an error, even one that asks for an abort, although the commit succeeded.
 */
static enum commit_result end_transaction(struct kafka_sink *sink, struct err *err)
{
	rd_kafka_error_t *error =
	    rd_kafka_commit_transaction(sink->client.handle, (int)(sink->options->transaction_timeout_ms + GRACE_MS));
	sink->in_transaction = false;
	if (error == NULL)
		return COMMIT_DONE;
	(void)look_at(sink, error, "commit", ERR_RECOVER, err);
	return COMMIT_UNKNOWN;
}

static enum commit_result send_and_end(struct kafka_sink *sink, const rd_kafka_topic_partition_list_t *list,
				       const rd_kafka_consumer_group_metadata_t *metadata, struct err *err)
{
	int64_t deadline_ms = kafka_client_now_ms() + sink->options->transaction_timeout_ms;
	bool drained = drain(sink, deadline_ms, err) == 0;
	if (!drained && !sink->purged)
		return give_up(sink, err);
	/* Purged messages were not at fault: the next transactional call tells what was. */
	struct err cause = {.code = ERR_NONE};
	enum trouble trouble = TROUBLE_RETRY;
	if (list->cnt > 0)
		trouble = send_offsets(sink, list, metadata, deadline_ms, &cause);
	if (err_is_set(&cause)) {
		*err = cause;
		if (trouble != TROUBLE_FATAL)
			return give_up(sink, err);
		sink->in_transaction = false;
		return COMMIT_UNKNOWN;
	}
	return drained ? end_transaction(sink, err) : give_up(sink, err);
}

static enum commit_result commit(void *self, const struct position *offsets, size_t count,
				 const struct membership *membership, struct err *err)
{
	struct kafka_sink *sink = self;
	assert(sink->in_transaction && count <= INT_MAX);
	const rd_kafka_consumer_group_metadata_t *metadata = kafka_membership_metadata(membership, err);
	if (metadata == NULL)
		return give_up(sink, err);
	rd_kafka_topic_partition_list_t *list = list_of(sink, offsets, count);
	enum commit_result result = send_and_end(sink, list, metadata, err);
	rd_kafka_topic_partition_list_destroy(list);
	return result;
}

static size_t message_max(void *self)
{
	const struct kafka_sink *sink = self;
	return sink->batch_max > KAFKA_ADMIN_FRAMING_BYTES ? sink->batch_max - KAFKA_ADMIN_FRAMING_BYTES : 0;
}

struct sink kafka_sink_port(struct kafka_sink *sink)
{
	return (struct sink){
	    .self = sink,
	    .open = open_sink,
	    .begin = begin,
	    .produce = produce,
	    .commit = commit,
	    .abort = abort_transaction,
	    .message_max = message_max,
	    .close = close_sink,
	};
}

void kafka_sink_free(struct kafka_sink *sink)
{
	if (sink == NULL)
		return;
	close_sink(sink);
	free(sink);
}
