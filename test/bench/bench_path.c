/*
 * The tools behind bench_path.sh, which measures the whole path on a real Kafka and a real Redis: a producer of the job's
 * transactions, bare consumption by librdkafka as the ceiling to compare with,
 * and a watch that sees a daemon's committed offsets from the first commit to the end of the topic and what it all cost.
 * Each prints one line of NAME=VALUE words.
 */
#include "test/bench/client.h"
#include "test/bench/malloc_counts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONSUME_AT_ONCE 10000
#define WAIT_MS 30000
#define POLL_US 20000
#define STALL_US 120000000 /* a watch without progress ends */
#define CALLERS_SHOWN 12

/* What a process has used, from /proc. */
struct usage {
	double cpu_s;
	long peak_kib;
};

/* In event time, between two transactions. */
static int64_t spacing_ms(const char *argument)
{
	return argument == NULL ? JOB_SPACING_MS : atoll(argument);
}

/* produce BROKERS TOPIC EVENTS [SPACING-MS]: every record encoded anew, its event time its Kafka timestamp, partition = card mod 4. */
static void produce(char **arguments)
{
	static const char *const properties[][2] = {
	    {"linger.ms", "20"}, {"queue.buffering.max.messages", "500000"}, {"acks", "1"}};
	int64_t events = atoll(arguments[2]), began_us = now_us();
	rd_kafka_t *handle = client(RD_KAFKA_PRODUCER, arguments[0], properties, 3);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, arguments[1], NULL);
	struct rng rng;
	rng_seed(&rng, 1);
	for (int64_t i = 0; i < events; i++) {
		struct transaction made = job_next(&rng, i, spacing_ms(arguments[3]));
		send_transaction(handle, topic, &made);
		if (i % 1000 == 0)
			rd_kafka_poll(handle, 0);
	}
	if (rd_kafka_flush(handle, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail("produce", "not all was delivered");
	printf("produced=%" PRId64 " rate=%.0f\n", events, (double)events * 1e6 / (double)(now_us() - began_us));
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(handle);
}

/* csv EVENTS [SPACING-MS]: the same transactions on standard output, with their coordinates. */
static void csv(char **arguments)
{
	job_write_csv(stdout, atoll(arguments[0]), spacing_ms(arguments[1]));
}

/* schema: the Avro schema. */
static void schema(char **arguments)
{
	(void)arguments;
	fputs(job_schema, stdout);
}

/* config PIPELINE BROKERS REDIS-PORT HTTP-PORT LIMITS avro|csv [POLICY]: a configuration on standard output. */
static void config(char **arguments)
{
	char state[128], listen[32];
	(void)snprintf(state, sizeof state, "{\"redis\": {\"address\": \"tcp://127.0.0.1:%s\"}}", arguments[2]);
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%s", arguments[3]);
	const struct job_config made = {.pipeline = arguments[0],
					.brokers = arguments[1],
					.state = state,
					.listen = listen,
					.limits = arguments[4],
					.policy = arguments[6],
					.for_csv = strcmp(arguments[5], "csv") == 0};
	job_write_config(stdout, &made);
}

/* consume BROKERS TOPIC EVENTS: reads and throws away, from the assignment to the last record. */
static void consume(char **arguments)
{
	static const char *const properties[][2] = {{"group.id", "bare"}, {"enable.auto.commit", "false"}};
	static rd_kafka_message_t *messages[CONSUME_AT_ONCE];
	int64_t events = atoll(arguments[2]), seen = 0, bytes = 0;
	rd_kafka_t *handle = client(RD_KAFKA_CONSUMER, arguments[0], properties, 2);
	rd_kafka_poll_set_consumer(handle);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(handle);
	rd_kafka_topic_partition_list_t *list = all_partitions(arguments[1], RD_KAFKA_OFFSET_BEGINNING);
	int64_t began_us = now_us();
	rd_kafka_assign(handle, list);
	while (seen < events) {
		ssize_t count = rd_kafka_consume_batch_queue(queue, 1000, messages, CONSUME_AT_ONCE);
		for (ssize_t i = 0; i < count; i++) {
			if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				fail("consume", rd_kafka_message_errstr(messages[i]));
			bytes += (int64_t)messages[i]->len;
			rd_kafka_message_destroy(messages[i]);
		}
		seen += count > 0 ? count : 0;
	}
	int64_t end_us = now_us();
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	printf("rate=%.0f cpu=%.3f bytes=%.1f\n", (double)seen * 1e6 / (double)(end_us - began_us),
	       cpu_s * 1e6 / (double)seen, (double)bytes / (double)seen);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(handle);
}

static struct usage usage_of(long pid)
{
	char path[64], line[1024];
	struct usage usage = {0};
	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		fail(path, "the process has ended");
	(void)fclose(file);
	/* Fields are counted behind the name, which may hold anything. */
	char *at = strrchr(line, ')');
	long ticks = 0;
	for (int field = 3; at != NULL && field <= 15; field++) {
		at = strchr(at + 1, ' ');
		if (at != NULL && field >= 14)
			ticks += strtol(at, NULL, 10);
	}
	usage.cpu_s = (double)ticks / (double)sysconf(_SC_CLK_TCK);
	(void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			usage.peak_kib = strtol(line + 6, NULL, 10);
	if (file != NULL)
		(void)fclose(file);
	return usage;
}

static int64_t committed_sum(rd_kafka_t *handle, rd_kafka_topic_partition_list_t *list)
{
	int64_t sum = 0;
	if (rd_kafka_committed(handle, list, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	for (int i = 0; i < list->cnt; i++)
		sum += list->elems[i].offset > 0 ? list->elems[i].offset : 0;
	return sum;
}

/* The counters that count_mallocs.so keeps for the daemon; NULL: none are kept. */
static const struct malloc_counts *map_counts(const char *path)
{
	int descriptor = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return NULL;
	void *map = mmap(NULL, sizeof(struct malloc_counts), PROT_READ, MAP_SHARED, descriptor, 0);
	close(descriptor);
	return map == MAP_FAILED ? NULL : map;
}

/* Who allocated between two looks: the daemon itself by caller, librdkafka and the rest as sums. */
static void print_counts(const struct malloc_counts *from, const struct malloc_counts *to, double events)
{
	bool shown[MALLOC_CALLERS] = {false};
	printf("mallocs_own=%.4f mallocs_librdkafka=%.4f mallocs_other=%.4f\n", (double)(to->own - from->own) / events,
	       (double)(to->librdkafka - from->librdkafka) / events, (double)(to->other - from->other) / events);
	for (int n = 0; n < CALLERS_SHOWN; n++) {
		size_t most = MALLOC_CALLERS;
		uint64_t count = 0;
		for (size_t i = 0; i < MALLOC_CALLERS; i++)
			if (!shown[i] && to->callers[i].count - from->callers[i].count > count) {
				most = i;
				count = to->callers[i].count - from->callers[i].count;
			}
		if (most == MALLOC_CALLERS)
			return;
		shown[most] = true;
		printf("caller=0x%" PRIxPTR " mallocs=%.5f\n", to->callers[most].address, (double)count / events);
	}
}

/* watch BROKERS TOPIC GROUP EVENTS DAEMON-PID BROKER-PID REDIS-PID [COUNTS] */
static void watch(char **arguments)
{
	static struct malloc_counts half;
	const char *const properties[][2] = {{"group.id", arguments[2]}, {"isolation.level", "read_uncommitted"}};
	int64_t events = atoll(arguments[3]), first = 0, first_us = 0, half_seen = 0, seen = 0, moved_us = now_us();
	long pids[3];
	struct usage before[3], after[3];
	for (int i = 0; i < 3; i++) {
		pids[i] = atol(arguments[4 + i]);
		before[i] = usage_of(pids[i]);
	}
	const struct malloc_counts *counts = map_counts(arguments[7]);
	rd_kafka_t *handle = client(RD_KAFKA_CONSUMER, arguments[0], properties, 2);
	rd_kafka_topic_partition_list_t *list = all_partitions(arguments[1], RD_KAFKA_OFFSET_BEGINNING);
	while (seen < events) {
		int64_t sum = committed_sum(handle, list);
		if (sum > seen)
			moved_us = now_us();
		else if (now_us() - moved_us > STALL_US)
			fail("watch", "the daemon commits nothing any more");
		seen = sum;
		if (seen > 0 && first_us == 0) {
			first = seen;
			first_us = moved_us;
		}
		if (counts != NULL && half_seen == 0 && seen >= events / 2) {
			half = *counts;
			half_seen = seen;
		}
		if (seen < events)
			usleep(POLL_US);
		after[0] = usage_of(pids[0]);
	}
	int64_t end_us = moved_us;
	for (int i = 0; i < 3; i++)
		after[i] = usage_of(pids[i]);
	printf("rate=%.0f cpu=%.3f broker_cpu=%.3f redis_cpu=%.3f peak_mib=%ld seconds=%.2f\n",
	       (double)(seen - first) * 1e6 / (double)(end_us - first_us), after[0].cpu_s * 1e6 / (double)seen,
	       (after[1].cpu_s - before[1].cpu_s) * 1e6 / (double)seen,
	       (after[2].cpu_s - before[2].cpu_s) * 1e6 / (double)seen, after[0].peak_kib / 1024,
	       (double)(end_us - first_us) / 1e6);
	if (counts != NULL && half_seen < seen) {
		struct malloc_counts end = *counts;
		print_counts(&half, &end, (double)(seen - half_seen));
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(handle);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int least;
		void (*run)(char **arguments);
	} commands[] = {{"produce", 3, produce}, {"csv", 1, csv},         {"schema", 0, schema},
			{"config", 6, config},   {"consume", 3, consume}, {"watch", 7, watch}};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (argc >= 2 && strcmp(argv[1], commands[i].name) == 0 && argc - 2 >= commands[i].least) {
			commands[i].run(argv + 2);
			return 0;
		}
	(void)fprintf(stderr,
		      "usage: bench_path produce BROKERS TOPIC EVENTS | csv EVENTS | consume BROKERS TOPIC EVENTS | "
		      "watch BROKERS TOPIC GROUP EVENTS DAEMON BROKER REDIS [COUNTS]; bench_path.sh runs them\n");
	return 64;
}
