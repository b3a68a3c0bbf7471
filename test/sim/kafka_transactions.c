#include "test/sim/check.h"
#include "test/sim/kafka.h"

#define MARKERS_US 30000 /* writing a transaction's markers takes up to so long, as a rule */

int64_t kafka_decided(const struct kafka *kafka, int32_t partition)
{
	int64_t offset = kafka->committed[partition].offset;
	for (int i = 0; i < NODES_MAX; i++) {
		const struct producer *producer = &kafka->producers[i];
		for (size_t j = 0; producer->state == TXN_PREPARED_COMMIT && j < producer->offset_count; j++)
			if (producer->offsets[j].partition == partition && producer->offsets[j].offset > offset)
				offset = producer->offsets[j].offset;
	}
	return offset;
}

bool kafka_unstable(const struct kafka *kafka, int32_t partition)
{
	for (int i = 0; i < NODES_MAX; i++)
		for (size_t j = 0; j < kafka->producers[i].offset_count; j++)
			if (kafka->producers[i].offsets[j].partition == partition)
				return true;
	return false;
}

/* The markers are written: outputs can be read, offsets stand. */
static void complete(struct sim *sim, void *self, uint64_t number)
{
	struct producer *producer = self;
	struct kafka *kafka = sim->kafka;
	int node = (int)(producer - kafka->producers);
	assert(producer->number == number);
	if (producer->state == TXN_PREPARED_COMMIT) {
		sim->stats->commits++;
		sim->stats->outputs += producer->output_count;
		check_outputs(sim, producer->outputs, producer->output_count);
		for (size_t i = 0; i < producer->offset_count; i++) {
			const struct position *position = &producer->offsets[i];
			struct group_offset *committed = &kafka->committed[position->partition];
			sim_trace(sim, "C of %d: %" PRId64 " by node %d", (int)position->partition, position->offset,
				  node);
			check_committed(sim, position, committed->offset);
			committed->offset = position->offset;
			memcpy(committed->metadata, position->metadata, sizeof committed->metadata);
		}
	}
	producer->state = TXN_NONE;
	producer->output_count = producer->offset_count = 0;
}

static void prepare(struct kafka *kafka, struct producer *producer, bool commit)
{
	struct sim *sim = kafka->sim;
	producer->state = commit ? TXN_PREPARED_COMMIT : TXN_PREPARED_ABORT;
	sim_after(sim, sim_once_in(sim, 20) ? sim_between(sim, 0, 3 * SECOND) : sim_between(sim, 0, MARKERS_US),
		  complete, producer, producer->number);
}

static void time_out(struct sim *sim, void *self, uint64_t number)
{
	struct producer *producer = self;
	if (producer->state != TXN_ONGOING || producer->number != number)
		return;
	sim_trace(sim, "coordinator aborts the transaction of node %d", (int)(producer - sim->kafka->producers));
	producer->epoch++;
	prepare(sim->kafka, producer, false);
}

int kafka_init_producer(struct kafka *kafka, int node, int *epoch)
{
	struct producer *producer = &kafka->producers[node];
	if (producer->state == TXN_ONGOING) {
		producer->epoch++;
		prepare(kafka, producer, false);
	}
	if (producer->state != TXN_NONE)
		return 1;
	*epoch = ++producer->epoch;
	return 0;
}

static enum answer enter(struct kafka *kafka, struct producer *producer, int epoch, uint64_t number)
{
	if (epoch != producer->epoch)
		return ANSWER_FENCED;
	if (producer->state == TXN_PREPARED_COMMIT || producer->state == TXN_PREPARED_ABORT)
		return number > producer->number ? ANSWER_BUSY : ANSWER_ABORT;
	if (producer->state == TXN_NONE) {
		/* What is late for a transaction that has ended comes to nothing: README.md, what is left out. */
		if (number <= producer->number)
			return ANSWER_ABORT;
		producer->state = TXN_ONGOING;
		producer->number = number;
		sim_after(kafka->sim, TRANSACTION_US + sim_between(kafka->sim, 0, SECOND), time_out, producer, number);
	}
	return producer->number == number ? ANSWER_OK : ANSWER_ABORT;
}

enum answer kafka_produce(struct kafka *kafka, int node, int epoch, uint64_t number, const struct output *outputs,
			  size_t count)
{
	struct producer *producer = &kafka->producers[node];
	enum answer answer = enter(kafka, producer, epoch, number);
	if (answer != ANSWER_OK)
		return answer;
	producer->outputs =
	    sim_grow(producer->outputs, producer->output_count, producer->output_count + count, sizeof *outputs);
	memcpy(producer->outputs + producer->output_count, outputs, count * sizeof *outputs);
	producer->output_count += count;
	return ANSWER_OK;
}

enum answer kafka_add_offsets(struct kafka *kafka, int node, int epoch, uint64_t number, struct identity identity,
			      const struct position *offsets, size_t count)
{
	struct producer *producer = &kafka->producers[node];
	enum answer answer = enter(kafka, producer, epoch, number);
	if (answer == ANSWER_OK)
		answer = group_check(kafka, node, identity);
	if (answer != ANSWER_OK)
		return answer;
	producer->offsets = sim_grow(NULL, 0, count, sizeof *offsets);
	memcpy(producer->offsets, offsets, count * sizeof *offsets);
	producer->offset_count = count;
	return ANSWER_OK;
}

enum answer kafka_end(struct kafka *kafka, int node, int epoch, uint64_t number, bool commit)
{
	struct producer *producer = &kafka->producers[node];
	if (epoch != producer->epoch)
		return ANSWER_FENCED;
	if (producer->number != number || producer->state == TXN_NONE)
		return commit ? ANSWER_ABORT : ANSWER_OK;
	if (producer->state == TXN_PREPARED_COMMIT)
		return commit ? ANSWER_OK : ANSWER_ABORT;
	if (producer->state == TXN_PREPARED_ABORT)
		return commit ? ANSWER_ABORT : ANSWER_OK;
	prepare(kafka, producer, commit);
	return ANSWER_OK;
}
