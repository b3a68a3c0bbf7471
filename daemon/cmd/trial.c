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

/* The values of one column, sorted; to be freed. NULL: out of memory. */
static double *sorted(const struct trial *trial, size_t feature, size_t *count, struct err *err)
{
	assert(feature < trial->count);
	double *values = calloc(trial->rows + 1, sizeof *values);
	*count = 0;
	for (size_t i = 0; values != NULL && i < trial->rows; i++)
		if (!isnan(trial->values[i * trial->count + feature]))
			values[(*count)++] = trial->values[i * trial->count + feature];
	if (values != NULL && sort_doubles(values, *count) == 0)
		return values;
	free(values);
	(void)err_memory(err);
	return NULL;
}

static double at_share(const double *values, size_t count, double share)
{
	return count == 0 ? NAN : values[(size_t)ceil((double)count * share) - 1];
}

int trial_quantile(const struct trial *trial, size_t feature, double share, double *quantile, struct err *err)
{
	size_t count;
	double *values = sorted(trial, feature, &count, err);
	if (values == NULL)
		return -1;
	*quantile = at_share(values, count, share);
	free(values);
	return 0;
}

int trial_column(const struct trial *trial, size_t feature, struct trial_column *column, struct err *err)
{
	size_t count;
	double *values = sorted(trial, feature, &count, err);
	if (values == NULL)
		return -1;
	column->missing = trial->rows == 0 ? NAN : 1 - (double)count / (double)trial->rows;
	column->median = at_share(values, count, 0.5);
	column->quantile_999 = at_share(values, count, RARE);
	free(values);
	return 0;
}

void trial_free(struct trial *trial)
{
	free(trial->values);
	trial->values = NULL;
}
