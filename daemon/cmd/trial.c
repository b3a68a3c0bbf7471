#include "daemon/cmd/trial.h"

#include "daemon/cmd/offline.h"
#include "sort.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define RECORD_BYTES ((size_t)64 << 20) /* of memory for one record */
#define RARE 0.999

static int take(struct trial *trial, struct offline *offline, const struct codec *codec, const struct record *record,
		struct arena *arena, struct err *err)
{
	struct offline_result result;
	struct event_record event = {.partition = record->partition, .parsed = true};
	switch (codec->decode(codec->self, record, arena, &event.event, &event.reason, &event.err)) {
	case DECODE_WAIT:
		return err_set(err, event.err.code, "%s", event.err.message);
	case DECODED:
		event.reason = REASON_NONE;
		event.event.offset = record->offset;
		event.event.timestamp_ms = record->timestamp_ms;
		break;
	case DECODE_REFUSED:
		if (!err_is_set(&trial->invalid))
			trial->invalid = event.err;
		break;
	}
	if (offline_apply(offline, &event, arena, &result, err) != 0)
		return -1;
	trial->outcomes[result.outcome]++;
	if (result.outcome == OUTCOME_SCORED)
		memcpy(trial->values + trial->rows++ * trial->count, result.vector->values,
		       trial->count * sizeof *trial->values);
	return 0;
}

int trial_run(struct trial *trial, struct world *world, const struct record *records, size_t count, int32_t partitions,
	      struct err *err)
{
	int status = 0;
	*trial = (struct trial){0};
	struct arena *arena = arena_new(RECORD_BYTES);
	struct offline *offline = offline_new(world->config, false, err);
	if (arena == NULL || offline == NULL || (world->codec == NULL && world_codec(world, err) != 0)) {
		status = err_is_set(err) ? -1 : err_memory(err);
		goto free_offline;
	}
	struct codec codec = avro_codec_port(world->codec);
	codec.partitions(codec.self, partitions);
	trial->count = feature_set_count(offline_set(offline));
	trial->values = calloc(count * trial->count + 1, sizeof *trial->values);
	if (trial->values == NULL)
		status = err_memory(err);
	for (size_t i = 0; i < count && status == 0; i++) {
		arena_reset(arena);
		status = take(trial, offline, &codec, &records[i], arena, err);
	}
free_offline:
	offline_free(offline);
	arena_free(arena);
	return status;
}

int trial_column(const struct trial *trial, size_t feature, struct trial_column *column, struct err *err)
{
	assert(feature < trial->count);
	*column = (struct trial_column){NAN, NAN, NAN};
	double *values = calloc(trial->rows + 1, sizeof *values);
	size_t count = 0;
	if (values == NULL)
		return err_memory(err);
	for (size_t i = 0; i < trial->rows; i++)
		if (!isnan(trial->values[i * trial->count + feature]))
			values[count++] = trial->values[i * trial->count + feature];
	int status = count > 0 && sort_doubles(values, count) != 0 ? err_memory(err) : 0;
	if (trial->rows > 0)
		column->missing = 1 - (double)count / (double)trial->rows;
	if (count > 0 && status == 0) {
		column->median = values[count / 2];
		column->quantile_999 = values[(size_t)ceil((double)count * RARE) - 1];
	}
	free(values);
	return status;
}

void trial_free(struct trial *trial)
{
	free(trial->values);
	trial->values = NULL;
}
