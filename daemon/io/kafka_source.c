#include "daemon/io/kafka_assignment.h"
#include "daemon/io/kafka_client.h"
#include "daemon/io/kafka_message.h"
#include "daemon/io/kafka_query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD_MAX (1u << 24) /* records lent at a time */
#define NUMBER_BYTES 24
#define LEAVE_MS 2000
#define LEAVE_STEP_MS 20
#define REJOIN_MS 60000 /* a handle that is fenced this soon after a loss was fenced by itself; once in this time */

struct kafka_source {
	struct kafka_client client;
	const struct kafka_options *options;
	struct source_listener listener;
	struct kafka_assignment assignment;
	rd_kafka_queue_t *queue;
	rd_kafka_message_t **held; /* lent until release() */
	size_t held_count, held_capacity;
	rd_kafka_message_t **early; /* came while the group alone was served: the next records */
	size_t early_count, early_capacity;
	struct err pending; /* found behind good records: returned by the next poll */
	char *cluster_id;
	bool closing;
	bool rejoin;                  /* the handle is dead: another one joins when nothing of it is lent any more */
	int64_t lost_ms, rejoined_ms; /* monotonic; 0: never */
};

struct kafka_source *kafka_source_new(const struct kafka_options *options, struct err *err)
{
	struct kafka_source *source = calloc(1, sizeof *source);
	if (source == NULL) {
		err_memory(err);
		return NULL;
	}
	source->options = options;
	return source;
}

static void drop_early(struct kafka_source *source)
{
	for (size_t i = 0; i < source->early_count; i++)
		rd_kafka_message_destroy(source->early[i]);
	source->early_count = 0;
}

static void on_assigned(struct kafka_source *source, const rd_kafka_topic_partition_list_t *list)
{
	int32_t *numbers = calloc(list->cnt == 0 ? 1 : (size_t)list->cnt, sizeof *numbers);
	if (numbers == NULL)
		err_memory(&source->pending);
	else if (kafka_assignment_take(&source->assignment, list, numbers, &source->pending) == 0)
		source->listener.assigned(source->listener.self, numbers, (size_t)list->cnt);
	free(numbers);
}

static void on_revoked(struct kafka_source *source, bool lost)
{
	bool had = source->assignment.membership.metadata != NULL;
	if (lost)
		source->lost_ms = kafka_client_now_ms();
	kafka_assignment_drop(&source->assignment);
	if (had && !source->closing)
		source->listener.revoked(source->listener.self, lost);
	rd_kafka_assign(source->client.handle, NULL);
}

static void on_rebalance(rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
			 void *opaque)
{
	struct kafka_source *source = ((struct kafka_client *)opaque)->self;
	drop_early(source);
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && source->closing) {
		/* Nothing, but assigned: librdkafka waits for that before it leaves, and a revoke is no answer. */
		if (kafka_assignment_nothing(&source->assignment, &source->pending) != 0)
			err_clear(&source->pending);
	} else if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		on_assigned(source, list);
	} else {
		if (code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
			kafka_client_report(&source->client, LOG_LEVEL_WARNING, "rebalance", rd_kafka_err2str(code));
		on_revoked(source, rd_kafka_assignment_lost(handle) != 0 || kafka_membership_gone(handle));
	}
	/* The poll under way returns to the loop, which has a recovery to begin. */
	rd_kafka_queue_yield(source->queue);
}

/*
 * A consumer whose queue is full, counted over all partitions, looks again after a second, even if the queue runs dry
 * meanwhile: so it has to hold what is consumed in a second. Later versions look again as soon as they are told.
 */
#if RD_KAFKA_VERSION >= 0x02020000
static const struct kafka_property full_queue = {"fetch.queue.backoff.ms", "10"};
#else
static const struct kafka_property full_queue = {"queued.min.messages", "400000"};
#endif

static int open_handle(struct kafka_source *source, struct err *err)
{
	const struct kafka_options *options = source->options;
	char session[NUMBER_BYTES], heartbeat[NUMBER_BYTES];
	snprintf(session, sizeof session, "%lld", (long long)options->session_timeout_ms);
	snprintf(heartbeat, sizeof heartbeat, "%lld",
		 (long long)(options->heartbeat_ms > 0 ? options->heartbeat_ms : options->session_timeout_ms / 4));
	const struct kafka_property defaults[] = {
	    {"fetch.wait.max.ms", "100"},      {"socket.nagle.disable", "true"},     {"check.crcs", "true"},
	    {"log.connection.close", "false"}, {"heartbeat.interval.ms", heartbeat}, full_queue,
	};
	const struct kafka_property required[] = {
	    {"group.id", options->group_id},
	    {"session.timeout.ms", session},
	    {"isolation.level", "read_committed"},
	    {"enable.auto.commit", "false"},
	    {"enable.auto.offset.store", "false"},
	    {"auto.offset.reset", "error"},
	    {"partition.assignment.strategy", "range"},
	    {"enable.partition.eof", "false"},
	    {"group.instance.id", options->instance_id},
	};
	const struct kafka_client_setup setup = {
	    .type = RD_KAFKA_CONSUMER,
	    .options = options,
	    .defaults = defaults,
	    .default_count = sizeof defaults / sizeof defaults[0],
	    .required = required,
	    /* Without an instance id the member is a dynamic one. */
	    .required_count = sizeof required / sizeof required[0] - (options->instance_id == NULL ? 1 : 0),
	    .rebalance = on_rebalance,
	};
	source->client.self = source;
	return kafka_client_open(&source->client, "consumer", &setup, err);
}

/*
 * A static member stays in the group, so it has nobody to tell. A dynamic one leaves by unsubscribing, for a bounded time:
 * rd_kafka_consumer_close() may wait for ever.
 */
static void leave_group(struct kafka_source *source)
{
	int64_t deadline_ms = kafka_client_now_ms() + LEAVE_MS;
	rd_kafka_unsubscribe(source->client.handle);
	while (!kafka_membership_gone(source->client.handle) && kafka_client_now_ms() < deadline_ms) {
		rd_kafka_message_t *message;
		if (rd_kafka_consume_batch_queue(source->queue, LEAVE_STEP_MS, &message, 1) == 1)
			rd_kafka_message_destroy(message);
	}
	/*
	 * Gone means that it is about to tell the coordinator, and that request dies with the handle: then the group keeps
	 * the member for a whole session. An answer to a question behind it, on the same connection, says that it was heard.
	 */
	int64_t left_ms = deadline_ms - kafka_client_now_ms();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, source->options->input_topic, 0);
	if (left_ms > 0)
		(void)rd_kafka_committed(source->client.handle, list, (int)left_ms);
	rd_kafka_topic_partition_list_destroy(list);
}

static void close_source(void *self)
{
	struct kafka_source *source = self;
	for (size_t i = 0; i < source->held_count; i++)
		rd_kafka_message_destroy(source->held[i]);
	source->held_count = 0;
	drop_early(source);
	source->closing = true;
	kafka_assignment_drop(&source->assignment);
	if (source->client.handle != NULL && source->options->instance_id == NULL)
		leave_group(source);
	if (source->queue != NULL)
		rd_kafka_queue_destroy(source->queue);
	source->queue = NULL;
	kafka_client_close(&source->client);
	kafka_assignment_free(&source->assignment);
	if (source->cluster_id != NULL)
		rd_kafka_mem_free(NULL, source->cluster_id);
	source->cluster_id = NULL;
	err_clear(&source->pending);
}

static int open_source(void *self, const struct source_listener *listener, struct err *err)
{
	struct kafka_source *source = self;
	source->listener = *listener;
	source->closing = false;
	if (open_handle(source, err) != 0)
		return -1;
	rd_kafka_poll_set_consumer(source->client.handle);
	source->queue = rd_kafka_queue_get_consumer(source->client.handle);
	source->assignment.handle = source->client.handle;
	source->assignment.topic = source->options->input_topic;
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(topics, source->options->input_topic, RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(source->client.handle, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	kafka_client_fail(err, ERR_CONFIG, ERR_EXIT, code, "subscription", NULL);
	close_source(source);
	return -1;
}

/* Room for limit more, so that a poll allocates nothing once the batch has found its size. */
static int reserve(struct kafka_source *source, size_t limit, struct err *err)
{
	size_t need = source->held_count + limit;
	if (need <= source->held_capacity)
		return 0;
	if (limit > HELD_MAX || need > HELD_MAX)
		return err_set(err, ERR_INTERNAL, "kafka consumer: more than %u records are lent at a time", HELD_MAX);
	rd_kafka_message_t **held = realloc(source->held, need * sizeof(rd_kafka_message_t *));
	if (held == NULL)
		return err_memory(err);
	source->held = held;
	source->held_capacity = need;
	return 0;
}

/* Errors that come in the place of a record. What cannot heal by itself ends in source->pending. */
static void take_error(struct kafka_source *source, const rd_kafka_message_t *message)
{
	const char *text = rd_kafka_message_errstr(message);
	switch (message->err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		if (!kafka_assignment_holds(&source->assignment, message->partition))
			return;
		kafka_client_fail(&source->pending, ERR_UNAVAILABLE, ERR_RECOVER, message->err, "fetch", text);
		err_prepend(&source->pending, "%s partition %d offset %lld", source->options->input_topic,
			    (int)message->partition, (long long)message->offset);
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		kafka_client_fail(&source->pending, ERR_UNAVAILABLE, ERR_EXIT, message->err, "consumer", text);
		err_prepend(&source->pending, "topic %s, group %s", source->options->input_topic,
			    source->options->group_id);
		return;
	case RD_KAFKA_RESP_ERR__FATAL:
		source->client.fatal = true;
		return;
	default:
		/* Brokers away, a topic not made yet, the poll interval exceeded (a loss follows): librdkafka goes on. */
		kafka_client_report(&source->client, LOG_LEVEL_WARNING, rd_kafka_err2name(message->err), text);
		return;
	}
}

static bool take_record(struct kafka_source *source, rd_kafka_message_t *message, struct record *record)
{
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
		take_error(source, message);
		return false;
	}
	/* Guards against records of an assignment that is gone, and against librdkafka delivering a record twice. */
	if (!kafka_assignment_accept(&source->assignment, message->partition, message->offset))
		return false;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
	*record = (struct record){
	    .partition = message->partition,
	    .offset = message->offset,
	    .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp_ms < 0 ? -1 : timestamp_ms,
	    .key = {message->key, message->key == NULL ? 0 : message->key_len},
	    .value = {message->payload, message->payload == NULL ? 0 : message->len},
	    .handle = message,
	};
	return true;
}

/* What waits already; else the first record that comes, and what came with it. */
static size_t consume(struct kafka_source *source, int timeout_ms, rd_kafka_message_t **messages, size_t limit)
{
	uint64_t assignment = source->assignment.membership.assignment;
	ssize_t count = rd_kafka_consume_batch_queue(source->queue, 0, messages, limit);
	if (count == 0 && timeout_ms > 0 && source->assignment.membership.assignment == assignment) {
		count = rd_kafka_consume_batch_queue(source->queue, timeout_ms, messages, 1);
		if (count == 1 && limit > 1) {
			ssize_t more = rd_kafka_consume_batch_queue(source->queue, 0, messages + 1, limit - 1);
			count += more > 0 ? more : 0;
		}
	}
	return count > 0 ? (size_t)count : 0;
}

/* A record that came while none is wanted: its partition is held back, so that there is at most one of each. */
static int keep_early(struct kafka_source *source, rd_kafka_message_t *message, struct err *err)
{
	if (!kafka_assignment_wants(&source->assignment, message->partition, message->offset)) {
		rd_kafka_message_destroy(message);
		return 0;
	}
	if (source->early_count == source->early_capacity) {
		size_t capacity = 2 * source->early_capacity + 1;
		rd_kafka_message_t **early = realloc(source->early, capacity * sizeof(rd_kafka_message_t *));
		if (early == NULL) {
			rd_kafka_message_destroy(message);
			return err_memory(err);
		}
		source->early = early;
		source->early_capacity = capacity;
	}
	source->early[source->early_count++] = message;
	return kafka_assignment_hold_back(&source->assignment, message->partition, err);
}

/*
 * Serves the group for the whole time and nothing else. The loop has paused what it holds, so as a rule no record comes;
 * one that comes all the same counts as delivered for librdkafka and is kept for the next poll.
 */
static int serve_group(struct kafka_source *source, int timeout_ms, struct err *err)
{
	uint64_t assignment = source->assignment.membership.assignment;
	int64_t left_ms = timeout_ms, deadline_ms = kafka_client_now_ms() + timeout_ms;
	do {
		rd_kafka_message_t *message = NULL;
		if (rd_kafka_consume_batch_queue(source->queue, (int)left_ms, &message, 1) == 1) {
			bool rebalanced = source->assignment.membership.assignment != assignment;
			if (!rebalanced && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
				if (keep_early(source, message, err) != 0)
					return -1;
			} else {
				if (!rebalanced)
					take_error(source, message);
				rd_kafka_message_destroy(message);
			}
		}
		left_ms = deadline_ms - kafka_client_now_ms();
	} while (left_ms > 0 && source->assignment.membership.assignment == assignment && !source->client.fatal &&
		 !err_is_set(&source->pending));
	return 0;
}

/* Early ones of partitions that are not paused first, in their order; else what the queue has. */
static size_t next_messages(struct kafka_source *source, int timeout_ms, rd_kafka_message_t **messages, size_t limit)
{
	size_t take = 0, keep = 0;
	for (size_t i = 0; i < source->early_count; i++) {
		if (take < limit && !kafka_assignment_paused(&source->assignment, source->early[i]->partition))
			messages[take++] = source->early[i];
		else
			source->early[keep++] = source->early[i];
	}
	source->early_count = keep;
	return take > 0 ? take : consume(source, timeout_ms, messages, limit);
}

/*
 * After an outage that is longer than the session librdkafka joins anew while a heartbeat of its old session is still
 * under way, is fenced by its own double, and gives up for good. Then another handle joins. Who is fenced without having
 * lost the group before, or soon again, has a real double, and ends.
 */
static int judge_fatal(struct kafka_source *source, struct err *err)
{
	int64_t now_ms = kafka_client_now_ms();
	bool lost = source->lost_ms != 0 && now_ms - source->lost_ms < REJOIN_MS;
	bool again = source->rejoined_ms != 0 && now_ms - source->rejoined_ms < REJOIN_MS;
	(void)kafka_client_fatal(&source->client, ERR_EXIT, err);
	if (!lost || again)
		return -1;
	kafka_client_report(&source->client, LOG_LEVEL_WARNING, "joining anew", err->message);
	err_clear(err);
	source->client.fatal = false;
	source->rejoin = true;
	source->rejoined_ms = now_ms;
	if (source->assignment.membership.metadata != NULL) {
		kafka_assignment_drop(&source->assignment);
		source->listener.revoked(source->listener.self, true);
	}
	return 0;
}

static int join_anew(struct kafka_source *source, struct err *err)
{
	const struct source_listener listener = source->listener;
	source->rejoin = false;
	close_source(source);
	return open_source(source, &listener, err);
}

static int return_trouble(struct kafka_source *source, struct err *err)
{
	/* Asked for, too: the message that tells of it may have been dropped with those of a lost assignment. */
	bool fatal = rd_kafka_fatal_error(source->client.handle, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
	if (fatal && !source->rejoin)
		return judge_fatal(source, err);
	if (!err_is_set(&source->pending))
		return 0;
	*err = source->pending;
	err_clear(&source->pending);
	return -1;
}

static int poll_source(void *self, int timeout_ms, struct record *records, size_t limit, size_t *count, struct err *err)
{
	struct kafka_source *source = self;
	if (source->rejoin && source->held_count == 0 && join_anew(source, err) != 0)
		return -1;
	assert(source->client.handle != NULL);
	if (limit == 0)
		return serve_group(source, timeout_ms, err) != 0 ? -1 : return_trouble(source, err);
	if (kafka_assignment_go_on(&source->assignment, err) != 0 || reserve(source, limit, err) != 0)
		return -1;
	uint64_t assignment = source->assignment.membership.assignment;
	if (!err_is_set(&source->pending)) {
		rd_kafka_message_t **messages = source->held + source->held_count;
		size_t got = next_messages(source, timeout_ms, messages, limit), kept = 0;
		bool rebalanced = source->assignment.membership.assignment != assignment;
		for (size_t i = 0; i < got; i++) {
			if (!rebalanced && take_record(source, messages[i], &records[*count + kept]))
				messages[kept++] = messages[i];
			else
				rd_kafka_message_destroy(messages[i]);
		}
		source->held_count += kept;
		*count += kept;
		if (kept > 0)
			return 0;
	}
	return return_trouble(source, err);
}

static int get_headers(void *self, struct record *record, struct arena *arena, struct err *err)
{
	(void)self;
	return kafka_message_headers(record->handle, record, arena, err);
}

static void release(void *self)
{
	struct kafka_source *source = self;
	for (size_t i = 0; i < source->held_count; i++)
		rd_kafka_message_destroy(source->held[i]);
	source->held_count = 0;
}

static int start(void *self, const struct position *positions, size_t count, struct err *err)
{
	struct kafka_source *source = self;
	/* What was found at the old positions says nothing about the new ones. */
	drop_early(source);
	if (source->pending.action == ERR_RECOVER)
		err_clear(&source->pending);
	return kafka_assignment_start(&source->assignment, positions, count, err);
}

static int pause_partition(void *self, int32_t partition, bool paused, struct err *err)
{
	struct kafka_source *source = self;
	return kafka_assignment_pause(&source->assignment, partition, paused, err);
}

static int ask_partition_count(void *self, int32_t *count, struct err *err)
{
	struct kafka_source *source = self;
	const char *topic = source->options->input_topic;
	if (kafka_query_partitions(source->client.handle, topic, count, err) != 0)
		return -1;
	if (*count > 0)
		return 0;
	return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "kafka consumer: the topic %s does not exist", topic);
}

static const char *get_cluster_id(void *self)
{
	const struct kafka_source *source = self;
	return source->cluster_id == NULL ? "" : source->cluster_id;
}

/* Recovery compares the cluster's id with the one in its markers, so no offset is answered before the id is known. */
static int learn_cluster_id(struct kafka_source *source, struct err *err)
{
	int32_t count;
	if (source->cluster_id != NULL)
		return 0;
	if (ask_partition_count(source, &count, err) != 0)
		return -1;
	source->cluster_id = rd_kafka_clusterid(source->client.handle, KAFKA_CLIENT_REQUEST_MS);
	return 0;
}

static int ask_committed(void *self, struct position *positions, size_t count, struct err *err)
{
	struct kafka_source *source = self;
	if (learn_cluster_id(source, err) != 0)
		return -1;
	return kafka_query_committed(source->client.handle, source->options->input_topic, positions, count, err);
}

static int ask_bounds(void *self, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	struct kafka_source *source = self;
	return kafka_query_bounds(source->client.handle, source->options->input_topic, partition, low, high, err);
}

/* What the last fetch told; the broker's high watermark, since librdkafka does not hand on the last stable offset. */
static int64_t get_end(void *self, int32_t partition)
{
	struct kafka_source *source = self;
	int64_t low = -1, high = -1;
	if (rd_kafka_get_watermark_offsets(source->client.handle, source->options->input_topic, partition, &low,
					   &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return -1;
	return high < 0 ? -1 : high;
}

static int ask_offset_at(void *self, int32_t partition, int64_t timestamp_ms, int64_t *offset, struct err *err)
{
	struct kafka_source *source = self;
	return kafka_query_offset_at(source->client.handle, source->options->input_topic, partition, timestamp_ms,
				     offset, err);
}

static struct membership get_membership(void *self)
{
	struct kafka_source *source = self;
	return kafka_membership_port(&source->assignment.membership);
}

struct source kafka_source_port(struct kafka_source *source)
{
	return (struct source){
	    .self = source,
	    .open = open_source,
	    .poll = poll_source,
	    .headers = get_headers,
	    .release = release,
	    .start = start,
	    .pause = pause_partition,
	    .committed = ask_committed,
	    .bounds = ask_bounds,
	    .end = get_end,
	    .offset_at = ask_offset_at,
	    .partition_count = ask_partition_count,
	    .cluster_id = get_cluster_id,
	    .membership = get_membership,
	    .close = close_source,
	};
}

void kafka_source_free(struct kafka_source *source)
{
	if (source == NULL)
		return;
	close_source(source);
	free(source->early);
	free(source->held);
	free(source);
}
