#include "daemon/cmd/simulated.h"

#include "daemon/cmd/simulation_portfolio.h"
#include "daemon/cmd/simulation_trades.h"

#include <assert.h>
#include <stdlib.h>

/* Cards have neither: they came first, with a generator and a writer of their own. */
struct simulated_kind {
	const char *name, *planted;
	const struct row_shape *(*shape)(void);
	struct arrivals *(*make)(const struct simulation_options *options, struct err *err);
};

struct simulated_stream {
	const struct simulated_kind *kind;
	struct simulation *cards;
	struct arrivals *arrivals;
};

static const struct simulated_kind kinds[] = {
    {"cards", "fraudulent", NULL, NULL},
    {"portfolio", "anomalous", simulation_portfolio_shape, simulation_portfolio_new},
    {"trades", "anomalous", simulation_trades_shape, simulation_trades_new},
};

const struct simulated_kind *simulated_kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *simulated_planted(const struct simulated_kind *kind)
{
	return kind->planted;
}

unsigned simulated_labels(const struct simulated_kind *kind)
{
	unsigned count = kind->shape == NULL ? FRAUD_KINDS : kind->shape()->label_count;
	assert(count <= SIMULATED_LABELS_MAX);
	return count;
}

const char *simulated_label_name(const struct simulated_kind *kind, unsigned label)
{
	assert(label < simulated_labels(kind));
	return kind->shape == NULL ? simulation_fraud_name(label) : kind->shape()->labels[label];
}

struct simulated_stream *simulated_open(const struct simulated_kind *kind, const struct simulation_options *options,
					struct err *err)
{
	struct simulated_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	stream->kind = kind;
	if (kind->make == NULL)
		stream->cards = simulation_new(options, err);
	else
		stream->arrivals = kind->make(options, err);
	if (stream->cards != NULL || stream->arrivals != NULL)
		return stream;
	simulated_close(stream);
	return NULL;
}

void simulated_close(struct simulated_stream *stream)
{
	if (stream == NULL)
		return;
	simulation_free(stream->cards);
	arrivals_free(stream->arrivals);
	free(stream);
}

static int next_card(struct simulated_stream *stream, struct simulated_event *event, struct err *err)
{
	const struct transaction *transaction = &event->transaction;
	if (simulation_next(stream->cards, &event->transaction, err) != 0)
		return -1;
	event->key = transaction->card_id;
	event->arrival_ms = transaction->arrival_ms;
	event->label = transaction->fraud;
	event->late = transaction->late;
	event->duplicate = transaction->duplicate;
	return 0;
}

int simulated_next(struct simulated_stream *stream, struct simulated_event *event, struct err *err)
{
	const struct row *row = &event->row;
	if (stream->cards != NULL)
		return next_card(stream, event, err);
	if (arrivals_next(stream->arrivals, &event->row, err) != 0)
		return -1;
	const struct row_shape *shape = stream->kind->shape();
	event->key = row_text(&shape->fields[shape->key], row->values[shape->key], event->key_text);
	event->arrival_ms = row->arrival_ms;
	event->label = row->label;
	event->late = row->late;
	event->duplicate = row->duplicate;
	return 0;
}

void simulated_schema(struct buffer *out, const struct simulated_kind *kind, bool coordinates)
{
	if (kind->shape == NULL)
		buffer_add_text(out, transaction_schema(coordinates));
	else
		row_schema(out, kind->shape(), coordinates);
}

void simulated_csv_header(struct buffer *out, const struct simulated_kind *kind, bool coordinates)
{
	if (kind->shape == NULL)
		transaction_csv_header(out, coordinates);
	else
		row_csv_header(out, kind->shape(), coordinates);
}

void simulated_write(struct buffer *out, const struct simulated_kind *kind, enum event_file_format format,
		     const struct simulated_event *event, const struct transaction_position *position)
{
	if (kind->shape == NULL) {
		(format == EVENT_FILE_CSV     ? transaction_csv
		 : format == EVENT_FILE_JSONL ? transaction_json
					      : transaction_avro)(out, &event->transaction, position);
		return;
	}
	(format == EVENT_FILE_CSV     ? row_csv
	 : format == EVENT_FILE_JSONL ? row_json
				      : row_avro)(out, kind->shape(), &event->row, position);
}

void simulated_label_header(struct buffer *out, const struct simulated_kind *kind)
{
	if (kind->shape == NULL)
		transaction_label_header(out);
	else
		row_label_header(out, kind->shape());
}

void simulated_label(struct buffer *out, const struct simulated_kind *kind, const struct simulated_event *event)
{
	if (kind->shape == NULL)
		transaction_label(out, &event->transaction);
	else
		row_label(out, kind->shape(), &event->row);
}
