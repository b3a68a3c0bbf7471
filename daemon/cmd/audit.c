#include "daemon/cmd/audit.h"

#include "daemon/cmd/audit_claim.h"
#include "daemon/cmd/audit_topic.h"
#include "daemon/cmd/common.h"

#include <inttypes.h>
#include <stdlib.h>

struct audit {
	struct world *world;
	struct kafka_reader *reader;
	struct audit_partition *partitions; /* of the input topic, by number */
	size_t count;
	struct audit_book *book;
	struct audit_claims *claims;
	struct common_progress progress;
	uint64_t read; /* messages of all output topics */
};

/* One output topic on its way. */
struct output {
	struct audit *audit;
	enum audit_kind kind;
	struct kafka_range *ranges; /* by partition of this topic */
	size_t count;
	int64_t *oldest; /* by (partition of this topic, input partition): least record offset seen; INT64_MAX: none */
};

static void note_oldest(struct output *output, int32_t at, int32_t partition, int64_t offset)
{
	if (partition < 0 || (size_t)partition >= output->audit->count)
		return;
	int64_t *oldest = &output->oldest[(size_t)at * output->audit->count + (size_t)partition];
	if (offset < *oldest)
		*oldest = offset;
}

static int take(void *context, const struct record *message, struct err *err)
{
	struct output *output = context;
	struct audit *audit = output->audit;
	uint8_t digest[AUDIT_DIGEST_BYTES];
	struct audit_claim claim;
	audit->read++;
	audit_digest(output->kind, message->key, message->value, message->headers, message->header_count, digest);
	if (audit->read % 1000 == 0)
		common_progress_show(&audit->progress, audit->read, "messages", 0, 0);
	if (audit_book_found(audit->book, digest, &claim.partition, &claim.offset)) {
		note_oldest(output, message->partition, claim.partition, claim.offset);
		return 0;
	}
	if (audit_claims_read(audit->claims, output->kind, message, &claim, err) != 0)
		return -1;
	if (claim.readable && claim.ours)
		note_oldest(output, message->partition, claim.partition, claim.offset);
	return audit_book_stranger(audit->book, output->kind, &claim, message->partition, message->offset, err);
}

/* A topic whose beginning was deleted cannot prove that something was never there. */
static int note_deleted(struct output *output, const char *topic, struct err *err)
{
	struct audit *audit = output->audit;
	for (size_t at = 0; at < output->count; at++) {
		if (output->ranges[at].from == 0)
			continue;
		printf("%s partition %zu begins at offset %" PRId64 ": what was deleted is not missed\n", topic, at,
		       output->ranges[at].from);
		for (size_t i = 0; i < audit->count; i++)
			if (audit_book_deleted(audit->book, output->kind, (int32_t)i,
					       output->oldest[at * audit->count + i], err) != 0)
				return -1;
	}
	return 0;
}

static int find_ends(struct output *output, const char *topic, struct err *err)
{
	struct audit *audit = output->audit;
	int32_t count = 0;
	if (kafka_reader_partitions(audit->reader, topic, &count, err) != 0)
		return -1;
	if (count == 0)
		return err_set(err, ERR_UNAVAILABLE, "the topic %s does not exist", topic);
	output->count = (size_t)count;
	output->ranges = calloc(output->count, sizeof *output->ranges);
	output->oldest = calloc(output->count * audit->count, sizeof *output->oldest);
	if (output->ranges == NULL || output->oldest == NULL)
		return err_memory(err);
	for (size_t i = 0; i < output->count * audit->count; i++)
		output->oldest[i] = INT64_MAX;
	for (int32_t i = 0; i < count; i++) {
		struct kafka_range *range = &output->ranges[i];
		range->partition = i;
		if (kafka_reader_bounds(audit->reader, topic, i, &range->from, &range->to, err) != 0)
			return -1;
	}
	return 0;
}

static int read_output(struct audit *audit, enum audit_kind kind, const char *topic, struct err *err)
{
	struct output output = {.audit = audit, .kind = kind};
	if (topic == NULL)
		return 0;
	int status = find_ends(&output, topic, err);
	if (status == 0)
		status = kafka_reader_read(audit->reader, topic, output.ranges, output.count, take, &output, err);
	if (status == 0)
		status = note_deleted(&output, topic, err);
	free(output.ranges);
	free(output.oldest);
	return status;
}

static int read_outputs(struct audit *audit, struct err *err)
{
	const struct publish_options *publish = &audit->world->config->publish;
	const char *const topics[AUDIT_KINDS] = {publish->alerts.topic,   publish->decisions.topic,
						 publish->enriched.topic, publish->amendments.topic,
						 publish->late_topic,     publish->dead_letter_topic};
	int status = 0;
	common_progress_begin(&audit->progress, "comparing");
	for (size_t kind = 0; kind < AUDIT_KINDS && status == 0; kind++)
		status = read_output(audit, (enum audit_kind)kind, topics[kind], err);
	common_progress_end(&audit->progress);
	return status;
}

static void tell(void *context, int32_t partition, int64_t offset, const char *what)
{
	const struct audit *audit = context;
	if (partition < 0)
		printf("%s\n", what);
	else
		printf("%s %" PRId32 ":%" PRId64 ": %s\n", audit->world->config->kafka.input_topic, partition, offset,
		       what);
}

/* Where the audit could begin, where that is not the first record. */
static void tell_beginning(const struct audit *audit, size_t number)
{
	const struct audit_partition *partition = &audit->partitions[number];
	const char *topic = audit->world->config->kafka.input_topic;
	const struct audit_span *span = &partition->span;
	if (span->to == span->from)
		printf("%s partition %zu: nothing is committed\n", topic, number);
	else if (partition->phase == AUDIT_SKIPPING)
		return;
	else if (partition->skipped > 0)
		printf("%s partition %zu: the state begins at offset %" PRId64 ", %" PRIu64
		       " records before it are not audited\n",
		       topic, number, span->from, partition->skipped);
	else if (partition->cut && span->whole == INT64_MAX)
		printf("%s partition %zu: read from offset %" PRId64
		       ", less than one reach of the windows: nothing can be compared\n",
		       topic, number, span->from);
	else if (partition->cut)
		printf("%s partition %zu: read from offset %" PRId64
		       ", earlier history is missing: compared from offset %" PRId64 " on\n",
		       topic, number, span->from, span->whole);
}

/* The totals that stand beside C count from the first record on; they can be compared where the audit has read that. */
static uint64_t check_totals(const struct audit *audit, size_t number)
{
	const struct audit_partition *partition = &audit->partitions[number];
	bool whole = partition->span.from == 0 && !partition->cut && partition->skipped == 0;
	uint64_t differences = 0;
	if (partition->phase == AUDIT_SKIPPING) {
		printf("%s partition %zu: no event has the time %" PRId64
		       " at which the state begins: nothing was audited\n",
		       audit->world->config->kafka.input_topic, number, partition->metadata.complete_since_ms);
		return 1;
	}
	for (unsigned i = 0; i < OUTCOME_NUMBER && whole && partition->has_metadata; i++) {
		if (partition->outcomes[i] == partition->metadata.outcomes[i])
			continue;
		printf("%s partition %zu: the committed offset counts %" PRIu64 " %s, the records give %" PRIu64 "\n",
		       audit->world->config->kafka.input_topic, number, partition->metadata.outcomes[i],
		       outcome_name((enum outcome)i), partition->outcomes[i]);
		differences++;
	}
	return differences;
}

static int conclude(struct audit *audit, int64_t began_us, struct err *err)
{
	struct audit_result result;
	struct audit_span *spans = calloc(audit->count + 1, sizeof *spans);
	uint64_t totals[OUTCOME_NUMBER] = {0}, records = 0;
	char elapsed[32], others[128] = "";
	const struct publish_options *publish = &audit->world->config->publish;
	size_t length = 0;
	if (spans == NULL)
		return err_memory(err);
	for (size_t i = 0; i < audit->count; i++) {
		spans[i] = audit->partitions[i].span;
		tell_beginning(audit, i);
		for (size_t j = 0; j < OUTCOME_NUMBER; j++)
			totals[j] += audit->partitions[i].outcomes[j];
	}
	audit_book_settle(audit->book, spans, audit->count, tell, audit, &result);
	free(spans);
	for (size_t i = 0; i < audit->count; i++)
		result.differences += check_totals(audit, i);
	for (size_t j = 0; j < OUTCOME_NUMBER; j++)
		records += totals[j];
	if (publish->enriched.topic != NULL)
		length = (size_t)snprintf(others, sizeof others, ", enriched events %" PRIu64,
					  result.matched[AUDIT_ENRICHED]);
	if (publish->amendments.topic != NULL)
		snprintf(others + length, sizeof others - length, ", amendments %" PRIu64,
			 result.matched[AUDIT_AMENDMENT]);
	printf("audited %" PRIu64 ": scored %" PRIu64 ", duplicate %" PRIu64 ", too_late %" PRIu64 ", future %" PRIu64
	       ", invalid %" PRIu64 "; equal alerts %" PRIu64 ", decisions %" PRIu64 "%s, late letters %" PRIu64
	       ", dead letters %" PRIu64 "; not verified %" PRIu64 ", of other records %" PRIu64
	       ", differences %" PRIu64 " in %s\n",
	       records, totals[OUTCOME_SCORED], totals[OUTCOME_DUPLICATE], totals[OUTCOME_TOO_LATE],
	       totals[OUTCOME_FUTURE], totals[OUTCOME_INVALID], result.matched[AUDIT_ALERT],
	       result.matched[AUDIT_DECISION], others, result.matched[AUDIT_LATE], result.matched[AUDIT_DEAD],
	       result.unverified, result.outside, result.differences, common_elapsed(began_us, elapsed));
	if (result.differences > 0)
		return err_set(err, ERR_DATA, "%" PRIu64 " differences", result.differences);
	return 0;
}

static int prepare(struct audit *audit, struct err *err)
{
	struct world *world = audit->world;
	struct err why = {0};
	world->champion = world_champion(world->config, world->set, &why, err);
	if (world->champion == NULL)
		return -1;
	if (world->champion->model == NULL)
		fprintf(stderr, "outlierd audit: no model can be used, rules alone decide: %s\n",
			err_is_set(&why) ? why.message : "no model.directory is configured");
	if (world_codec(world, err) != 0 || world_register(world, err) != 0)
		return -1;
	audit->book = audit_book_new();
	audit->claims = audit_claims_new(world);
	if (audit->book == NULL || audit->claims == NULL)
		return err_memory(err);
	audit->reader = kafka_reader_new(&world->config->kafka, err);
	return audit->reader == NULL ? -1 : 0;
}

int audit(struct world *world, const struct audit_options *options, struct err *err)
{
	struct audit audit = {.world = world};
	int64_t began_us = common_monotonic_us();
	int status = prepare(&audit, err);
	if (status == 0)
		status = audit_topic_look(world, audit.reader, options->from_ms, &audit.partitions, &audit.count, err);
	if (status == 0)
		status = audit_topic_read(world, audit.reader, audit.partitions, audit.count, options->from_ms,
					  audit.book, err);
	if (status == 0)
		status = read_outputs(&audit, err);
	if (status == 0)
		status = conclude(&audit, began_us, err);
	kafka_reader_free(audit.reader);
	audit_claims_free(audit.claims);
	audit_book_free(audit.book);
	free(audit.partitions);
	return status;
}
