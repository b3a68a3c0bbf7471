/*
 * The tool behind bench_latency.sh: sends the job's transactions at a steady rate to a running daemon, some of them so large
 * that a rule flags each, and takes the time from handing one to the producer until its alert is visible with
 * read_committed. Producer and reader are one process with one clock. Prints one line of NAME=VALUE words; fails where an
 * alert is missing or comes twice.
 */
#include "test/bench/client.h"

#include <pthread.h>
#include <unistd.h>

#define LARGE 1000000.0 /* flagged by the rule in bench_latency.sh; others are below 2,000 */
#define WAIT_MS 30000
#define QUIET_US 500000  /* after the last alert: one that comes twice would come by then */
#define START_US 1000000 /* the reader has found the ends of the topic by then */
#define STALE_US 100000  /* a sender that sleeps longer than this says so */
#define ALERT_AT_ONCE 1000
#define PRIMING                                                                                                        \
	100 /* of the events, none flagged: producer, brokers and daemon have met all partitions before it counts */

struct sending {
	const char *brokers, *topic, *alerts;
	double rate;        /* events a second */
	int64_t spacing_ms; /* in event time */
	int64_t first;      /* number of the first event that counts */
	int64_t count;      /* of those that count */
	int64_t every;      /* one in so many is flagged */
	int64_t flagged;    /* how many */
	int64_t *sent_us;   /* by flagged event; 0: not yet */
	int64_t *seen_us;   /* likewise */
	int64_t seen;       /* how many of them */
	int64_t last_us;    /* when the last was seen */
	volatile int done;  /* all are sent */
};

/* The flagged event that an alert is about; -1: of another run. */
static int64_t flagged_of(const struct sending *sending, const rd_kafka_message_t *message)
{
	static const char member[] = "\"event_id\":\"tx-";
	const char *at = memmem(message->payload, message->len, member, sizeof member - 1);
	if (at == NULL)
		fail("alert", "has no event_id");
	int64_t number = atoll(at + sizeof member - 1) - sending->first;
	if (number < 0 || number >= sending->count)
		return -1;
	if (number % sending->every != 0)
		fail("alert", "nothing was to be flagged there");
	return number / sending->every;
}

static void take(struct sending *sending, const rd_kafka_message_t *message, int64_t at_us)
{
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("reader", rd_kafka_message_errstr(message));
	int64_t i = flagged_of(sending, message);
	if (i < 0)
		return;
	if (sending->seen_us[i] != 0)
		fail("alert", "came twice");
	sending->seen_us[i] = sending->last_us = at_us;
	sending->seen++;
}

/* @locality reader's thread, until all alerts were seen or none comes any more. */
static void *read_alerts(void *self)
{
	static const char *const properties[][2] = {{"group.id", "reader"},
						    {"enable.auto.commit", "false"},
						    {"isolation.level", "read_committed"},
						    {"socket.nagle.disable", "true"}};
	struct sending *sending = self;
	rd_kafka_message_t *messages[ALERT_AT_ONCE];
	rd_kafka_t *handle = client(RD_KAFKA_CONSUMER, sending->brokers, properties, 4);
	rd_kafka_poll_set_consumer(handle);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(handle);
	rd_kafka_topic_partition_list_t *list = all_partitions(sending->alerts, RD_KAFKA_OFFSET_END);
	rd_kafka_assign(handle, list);
	sending->last_us = now_us();
	for (;;) {
		ssize_t count = rd_kafka_consume_batch_queue(queue, 100, messages, 1);
		int64_t at_us = now_us();
		if (count > 0) {
			ssize_t more = rd_kafka_consume_batch_queue(queue, 0, messages + 1, ALERT_AT_ONCE - 1);
			count += more > 0 ? more : 0;
		}
		for (ssize_t i = 0; i < count; i++) {
			take(sending, messages[i], at_us);
			rd_kafka_message_destroy(messages[i]);
		}
		int64_t idle_us = now_us() - sending->last_us;
		if (sending->done &&
		    (sending->seen == sending->flagged ? idle_us > QUIET_US : idle_us > WAIT_MS * 1000))
			break;
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(handle);
	return NULL;
}

static void sleep_until(int64_t at_us)
{
	int64_t left_us = at_us - now_us();
	if (left_us > 0)
		usleep((useconds_t)left_us);
}

static void prime(struct sending *sending, rd_kafka_t *handle, rd_kafka_topic_t *topic)
{
	struct rng rng;
	rng_seed(&rng, (uint64_t)sending->first);
	for (int64_t i = 0; i < PRIMING; i++) {
		struct transaction made = job_next(&rng, sending->first - PRIMING + i, sending->spacing_ms);
		send_transaction(handle, topic, &made);
	}
	if (rd_kafka_flush(handle, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("produce", "not all was delivered");
	usleep(START_US);
}

/* Every event when it is due, or as soon as the machine lets us. Returns the longest delay. */
static int64_t send_all(struct sending *sending, rd_kafka_t *handle, rd_kafka_topic_t *topic)
{
	struct rng rng;
	rng_seed(&rng, (uint64_t)sending->first);
	int64_t began_us = now_us(), longest_us = 0;
	for (int64_t i = 0; i < sending->count; i++) {
		struct transaction made = job_next(&rng, sending->first + i, sending->spacing_ms);
		int64_t due_us = began_us + (int64_t)((double)i * 1e6 / sending->rate), late_us = now_us() - due_us;
		if (late_us < 0) {
			rd_kafka_poll(handle, 0);
			sleep_until(due_us);
		}
		if (late_us > longest_us)
			longest_us = late_us;
		if (i % sending->every == 0) {
			made.amount = LARGE;
			sending->sent_us[i / sending->every] = now_us();
		}
		send_transaction(handle, topic, &made);
	}
	return longest_us;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return left < right ? -1 : left > right;
}

static double quantile_ms(const int64_t *sorted, int64_t count, double share)
{
	int64_t rank = (int64_t)ceil(share * (double)count);
	return (double)sorted[rank > 0 ? rank - 1 : 0] / 1000;
}

static void report(struct sending *sending, double seconds, int64_t longest_us)
{
	int64_t *took_us = sending->seen_us;
	if (sending->seen != sending->flagged)
		fail("alerts", "not all were seen");
	for (int64_t i = 0; i < sending->flagged; i++)
		took_us[i] -= sending->sent_us[i];
	qsort(took_us, (size_t)sending->flagged, sizeof *took_us, compare);
	printf("events=%" PRId64 " flagged=%" PRId64
	       " rate=%.0f p50=%.1f p90=%.1f p99=%.1f p999=%.1f max=%.1f sender_late=%.1f\n",
	       sending->count + PRIMING, sending->flagged, (double)sending->count / seconds,
	       quantile_ms(took_us, sending->flagged, 0.5), quantile_ms(took_us, sending->flagged, 0.9),
	       quantile_ms(took_us, sending->flagged, 0.99), quantile_ms(took_us, sending->flagged, 0.999),
	       quantile_ms(took_us, sending->flagged, 1), (double)longest_us / 1000);
	if (longest_us > STALE_US)
		(void)fprintf(
		    stderr, "bench_latency: the sender was late by up to %" PRId64 " ms: the machine has other work\n",
		    longest_us / 1000);
}

/* bench_latency BROKERS TOPIC ALERTS FIRST COUNT RATE EVERY LINGER-MS SPACING-MS */
int main(int argc, char **argv)
{
	pthread_t reader;
	if (argc != 10) {
		(void)fprintf(stderr,
			      "usage: bench_latency BROKERS TOPIC ALERTS FIRST COUNT RATE EVERY LINGER-MS SPACING-MS; "
			      "bench_latency.sh runs it\n");
		return 64;
	}
	const char *const properties[][2] = {{"linger.ms", argv[8]},
					     {"queue.buffering.max.messages", "500000"},
					     {"socket.nagle.disable", "true"},
					     {"acks", "all"}};
	struct sending sending = {.brokers = argv[1],
				  .topic = argv[2],
				  .alerts = argv[3],
				  .first = atoll(argv[4]) + PRIMING,
				  .count = atoll(argv[5]) - PRIMING,
				  .rate = atof(argv[6]),
				  .every = atoll(argv[7]),
				  .spacing_ms = atoll(argv[9])};
	if (sending.count < 1 || sending.every < 1 || sending.rate <= 0)
		fail("arguments", "nothing to send");
	sending.flagged = (sending.count + sending.every - 1) / sending.every;
	sending.sent_us = calloc((size_t)sending.flagged, sizeof(int64_t));
	sending.seen_us = calloc((size_t)sending.flagged, sizeof(int64_t));
	if (sending.sent_us == NULL || sending.seen_us == NULL ||
	    pthread_create(&reader, NULL, read_alerts, &sending) != 0)
		fail("start", "no memory");
	usleep(START_US);
	rd_kafka_t *handle = client(RD_KAFKA_PRODUCER, sending.brokers, properties, 4);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, sending.topic, NULL);
	prime(&sending, handle, topic);
	int64_t began_us = now_us(), longest_us = send_all(&sending, handle, topic);
	double seconds = (double)(now_us() - began_us) / 1e6;
	if (rd_kafka_flush(handle, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("produce", "not all was delivered");
	sending.done = 1;
	pthread_join(reader, NULL);
	report(&sending, seconds, longest_us);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(handle);
	free(sending.sent_us);
	free(sending.seen_us);
	return 0;
}
