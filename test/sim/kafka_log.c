#include "test/sim/kafka.h"

struct kafka *kafka_new(struct sim *sim)
{
	struct kafka *kafka = sim_take(sizeof *kafka);
	kafka->sim = sim;
	kafka->partition_count = sim->plan.partitions;
	for (int32_t p = 0; p <= PARTITIONS_MAX; p++)
		kafka->committed[p].offset = OFFSET_NONE;
	group_begin(kafka);
	return kafka;
}

static void wake_all(struct kafka *kafka)
{
	for (int i = 0; i < kafka->sim->plan.nodes; i++)
		node_notify(kafka->sim->nodes[i]);
}

int64_t kafka_append(struct kafka *kafka, int32_t number, const struct log_record *record)
{
	struct log_partition *partition = &kafka->partitions[number];
	if (partition->count == partition->capacity) {
		int64_t capacity = partition->capacity == 0 ? 64 : 2 * partition->capacity;
		partition->records = sim_grow(partition->records, (size_t)partition->count, (size_t)capacity,
					      sizeof *partition->records);
		partition->capacity = capacity;
	}
	partition->records[partition->count] = *record;
	wake_all(kafka);
	return partition->count++;
}

void kafka_settle(struct kafka *kafka, int32_t partition, int64_t offset, enum visibility visibility)
{
	kafka->partitions[partition].records[offset].visibility = visibility;
	wake_all(kafka);
}

int64_t kafka_stable(const struct kafka *kafka, int32_t number)
{
	const struct log_partition *partition = &kafka->partitions[number];
	for (int64_t i = partition->low; i < partition->count; i++)
		if (partition->records[i].visibility == UNDECIDED)
			return i;
	return partition->count;
}

void kafka_delete_below(struct kafka *kafka, int32_t number, int64_t low)
{
	struct log_partition *partition = &kafka->partitions[number];
	if (low > partition->low)
		partition->low = low;
}

bool kafka_away(const struct kafka *kafka)
{
	return kafka->sim->now_us < kafka->away_until_us;
}
