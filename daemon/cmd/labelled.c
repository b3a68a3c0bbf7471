#include "daemon/cmd/labelled.h"

#include "daemon/cmd/id_index.h"
#include "daemon/cmd/vectors.h"
#include "number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define DAY_MS INT64_C(86400000)
#define PROGRESS_ROWS 65536
#define SHOWN_MAX 40 /* bytes of a wrong value in a message */
#define UNLABELLED (-1)

/* Columns of a file by what they say; -1: the file has none, or it is looked for elsewhere. */
struct columns {
	long id, label, score, rank, weight, group, miss_cost;
};

/* What files say of a row. */
struct facts {
	double score, weight, miss_cost;
	uint32_t group;
	int8_t label;
};

/* A file that is joined by event id: facts by number. */
struct side {
	struct vectors file;
	struct columns columns;
	struct id_index ids;
	struct facts *facts; /* owned */
	size_t capacity;
};

struct reading {
	const struct labelled_options *options;
	struct labelled *labelled;
	struct vectors scores;
	struct columns columns;
	struct side labels, compare;
	bool by_row; /* the compared rows stand in the same order */
	struct id_index groups;
};

static const char *name_of(const struct vectors *file)
{
	return csv_input(file->csv)->name;
}

/* The value of a column in the row at hand is no good. */
static int wrong(const struct vectors *file, long column, const char *why, struct err *err)
{
	size_t count;
	struct slice text = file->texts[column], name = csv_header(file->csv, &count)[column];
	int shown = text.length < SHOWN_MAX ? (int)text.length : SHOWN_MAX;
	return err_set(err, ERR_DATA, "%s: line %llu: column %.*s: \"%.*s\" %s", name_of(file),
		       (unsigned long long)csv_line(file->csv), (int)name.length, (const char *)name.data, shown,
		       (const char *)text.data, why);
}

static bool is_word(struct slice text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

static int read_label(const struct reading *reading, const struct vectors *file, long column, int8_t *label,
		      struct err *err)
{
	double number = NAN;
	struct slice text = file->texts[column];
	const char *positive = reading->options->positive;
	if (text.length == 0)
		*label = UNLABELLED;
	else if (positive != NULL)
		*label = slice_equal(text, slice_of(positive));
	else if (is_word(text, "true") || is_word(text, "false"))
		*label = is_word(text, "true");
	else if (number_parse(text, &number) == 0 && (number == 0 || number == 1))
		*label = number == 1;
	else
		return wrong(file, column, "is no label (0, 1, true, false, empty); --positive says which text means 1",
			     err);
	return 0;
}

static int read_number(const struct vectors *file, long column, double *number, struct err *err)
{
	return number_parse(file->texts[column], number) == 0 ? 0 : wrong(file, column, "is no number", err);
}

static int read_amount(const struct vectors *file, long column, double *number, struct err *err)
{
	if (read_number(file, column, number, err) != 0)
		return -1;
	return *number >= 0 ? 0 : wrong(file, column, "is negative", err);
}

static int read_group(struct reading *reading, struct slice text, uint32_t *group, struct err *err)
{
	struct labelled *labelled = reading->labelled;
	size_t number = labelled->group_count;
	int status = id_index_add(&reading->groups, text, &number, err);
	*group = (uint32_t)number;
	if (status <= 0)
		return status;
	if (number == LABELLED_GROUPS_MAX)
		return err_set(err, ERR_DATA, "--by %s: more than %d different values", reading->options->group,
			       LABELLED_GROUPS_MAX);
	if (labelled->groups == NULL && (labelled->groups = calloc(LABELLED_GROUPS_MAX, sizeof(char *))) == NULL)
		return err_memory(err);
	labelled->groups[number] = strndup(text.data, text.length);
	if (labelled->groups[number] == NULL)
		return err_memory(err);
	labelled->group_count++;
	return 0;
}

/* Reads what the columns say over what *facts holds. An empty cost stays NaN: it matters for positives only. */
static int read_facts(struct reading *reading, const struct vectors *file, const struct columns *columns,
		      struct facts *facts, struct err *err)
{
	if (columns->label >= 0 && read_label(reading, file, columns->label, &facts->label, err) != 0)
		return -1;
	if (columns->score >= 0 && read_number(file, columns->score, &facts->score, err) != 0)
		return -1;
	if (columns->weight >= 0 && read_amount(file, columns->weight, &facts->weight, err) != 0)
		return -1;
	if (columns->group >= 0 && read_group(reading, file->texts[columns->group], &facts->group, err) != 0)
		return -1;
	if (columns->miss_cost < 0)
		return 0;
	facts->miss_cost = NAN;
	bool empty = file->texts[columns->miss_cost].length == 0;
	return empty ? 0 : read_amount(file, columns->miss_cost, &facts->miss_cost, err);
}

static long find(const struct vectors *file, const char *name)
{
	return name == NULL ? -1 : csv_find(file->csv, slice_of(name));
}

static int lacks(const struct vectors *file, const char *name, const char *hint, struct err *err)
{
	return err_set(err, ERR_DATA, "%s: line 1: no column %s%s", name_of(file), name, hint);
}

static void report(const struct reading *reading, const struct vectors *file, const char *what, uint64_t rows)
{
	const struct input *input = csv_input(file->csv);
	if (rows % PROGRESS_ROWS == 0 && reading->options->progress != NULL)
		reading->options->progress(reading->options->context, what, rows, input->read, input->size);
}

/* The label of two rows of one event must be the same, and so its score. */
static bool contradict(const struct facts *a, const struct facts *b)
{
	return a->label != b->label || a->score != b->score;
}

static int add_facts(struct side *side, const struct facts *facts, struct err *err)
{
	struct slice id = side->file.texts[side->columns.id];
	size_t number = side->ids.count;
	if (id.length == 0)
		return wrong(&side->file, side->columns.id, "names no event", err);
	int status = id_index_add(&side->ids, id, &number, err);
	if (status < 0)
		return -1;
	if (status == 0)
		return contradict(&side->facts[number], facts)
			   ? wrong(&side->file, side->columns.id, "was there before, with another label or score", err)
			   : 0;
	if (number == side->capacity) {
		size_t capacity = side->capacity == 0 ? 1024 : 2 * side->capacity;
		struct facts *more = realloc(side->facts, capacity * sizeof *more);
		if (more == NULL)
			return err_memory(err);
		side->facts = more;
		side->capacity = capacity;
	}
	side->facts[number] = *facts;
	return 0;
}

/* Reads a whole file of labels or of other scores. */
static int read_side(struct reading *reading, struct side *side, const char *what, struct err *err)
{
	int status;
	for (uint64_t rows = 1; (status = csv_next(side->file.csv, &side->file.texts, err)) == 1; rows++) {
		struct facts facts = {.label = UNLABELLED, .weight = 1};
		if (read_facts(reading, &side->file, &side->columns, &facts, err) != 0 ||
		    add_facts(side, &facts, err) != 0)
			return -1;
		report(reading, &side->file, what, rows);
	}
	return status;
}

static const struct columns no_columns = {-1, -1, -1, -1, -1, -1, -1};

/* The column of labels in their own file where none is named. */
static int choose_label(const struct reading *reading, long *label, struct err *err)
{
	const struct side *labels = &reading->labels;
	size_t count;
	(void)csv_header(labels->file.csv, &count);
	*label = reading->options->label != NULL ? find(&labels->file, reading->options->label)
		 : count == 2                    ? 1 - labels->columns.id
						 : find(&labels->file, "label");
	if (*label >= 0)
		return 0;
	const char *wanted = reading->options->label;
	return lacks(&labels->file, wanted == NULL ? "label" : wanted,
		     wanted == NULL ? ": --label COLUMN says which one it is" : "", err);
}

/* A column that the scores lack is looked for beside the labels. */
static int find_beside(struct reading *reading, const char *name, long *column, long *beside, struct err *err)
{
	if (name == NULL)
		return 0;
	*column = find(&reading->scores, name);
	if (*column < 0 && reading->options->labels != NULL)
		*beside = find(&reading->labels.file, name);
	if (*column >= 0 || *beside >= 0)
		return 0;
	return lacks(&reading->scores, name,
		     reading->options->labels != NULL ? ", and neither have the labels"
						      : ": score --keep passes columns of the vectors on",
		     err);
}

static int open_labels(struct reading *reading, struct err *err)
{
	struct side *labels = &reading->labels;
	if (vectors_open(&labels->file, reading->options->labels, false, NULL, err) != 0)
		return -1;
	labels->columns.id = find(&labels->file, "_event_id");
	if (labels->columns.id < 0)
		return lacks(&labels->file, "_event_id", ", by which labels are joined", err);
	if (reading->columns.id < 0)
		return lacks(&reading->scores, "_event_id", ", by which labels are joined", err);
	return choose_label(reading, &labels->columns.label, err);
}

static int open_compare(struct reading *reading, struct err *err)
{
	struct side *compare = &reading->compare;
	if (vectors_open(&compare->file, reading->options->compare, false, NULL, err) != 0)
		return -1;
	compare->columns.id = find(&compare->file, "_event_id");
	compare->columns.score = find(&compare->file, reading->options->score);
	reading->by_row = compare->columns.id < 0 || reading->columns.id < 0;
	return compare->columns.score >= 0 ? 0 : lacks(&compare->file, reading->options->score, "", err);
}

static int open_files(struct reading *reading, struct err *err)
{
	const struct labelled_options *options = reading->options;
	struct columns *columns = &reading->columns, *beside = &reading->labels.columns;
	if (vectors_open(&reading->scores, options->scores, false, NULL, err) != 0)
		return -1;
	columns->id = find(&reading->scores, "_event_id");
	columns->rank = find(&reading->scores, "_rank");
	columns->score = find(&reading->scores, options->score);
	if (columns->score < 0)
		return lacks(&reading->scores, options->score, "", err);
	if (options->labels != NULL) {
		if (open_labels(reading, err) != 0)
			return -1;
	} else if ((columns->label = find(&reading->scores, options->label)) < 0) {
		return lacks(&reading->scores, options->label, ": score --keep passes columns of the vectors on", err);
	}
	if (find_beside(reading, options->weight, &columns->weight, &beside->weight, err) != 0 ||
	    find_beside(reading, options->group, &columns->group, &beside->group, err) != 0 ||
	    find_beside(reading, options->miss_cost, &columns->miss_cost, &beside->miss_cost, err) != 0)
		return -1;
	return options->compare == NULL ? 0 : open_compare(reading, err);
}

static int take_rank(const struct reading *reading, struct evaluation_row *row, struct err *err)
{
	double rank;
	if (reading->columns.rank < 0)
		return 0;
	if (reading->scores.texts[reading->columns.rank].length == 0) { /* a model without calibration */
		reading->labelled->ranked = false;
		return 0;
	}
	if (read_number(&reading->scores, reading->columns.rank, &rank, err) != 0)
		return -1;
	while (row->ranks < EVALUATION_RANKS && rank >= evaluation_ranks[row->ranks])
		row->ranks++;
	return 0;
}

/* Days are numbered from the earliest one; here still from 1970 on, as far as 32 bits tell them apart. */
static int take_time(const struct reading *reading, struct evaluation_row *row, struct err *err)
{
	struct labelled *labelled = reading->labelled;
	int64_t time_ms;
	int status = vectors_time(&reading->scores, &time_ms, err);
	if (status < 0)
		return -1;
	if (status == 0) {
		labelled->timed = false;
		return 0;
	}
	if (time_ms > INT64_C(1) << 53 || time_ms < -(INT64_C(1) << 53))
		return wrong(&reading->scores, reading->scores.time, "lies beyond 2^53 ms", err);
	labelled->time_from_ms = time_ms < labelled->time_from_ms ? time_ms : labelled->time_from_ms;
	labelled->time_to_ms = time_ms > labelled->time_to_ms ? time_ms : labelled->time_to_ms;
	int64_t local_ms = time_ms + reading->options->utc_offset_ms, day = local_ms / DAY_MS;
	row->day = (uint32_t)(day - (day * DAY_MS > local_ms));
	return 0;
}

/* The same row's other score: 1; 0: there is none. */
static int take_other(struct reading *reading, struct slice id, double *other, struct err *err)
{
	struct side *compare = &reading->compare;
	size_t number;
	if (!reading->by_row) {
		bool found = id_index_find(&compare->ids, id, &number);
		*other = found ? compare->facts[number].score : NAN;
		return found;
	}
	struct facts facts = {0};
	int status = csv_next(compare->file.csv, &compare->file.texts, err);
	if (status < 0 || (status == 1 && read_facts(reading, &compare->file, &compare->columns, &facts, err) != 0))
		return -1;
	if (status == 0)
		return err_set(err, ERR_DATA, "%s: ends before %s does: without _event_id both must have the same rows",
			       name_of(&compare->file), name_of(&reading->scores));
	*other = facts.score;
	return 1;
}

static int add_row(struct labelled *labelled, const struct evaluation_row *row, struct err *err)
{
	if (labelled->count == labelled->capacity) {
		size_t capacity = labelled->capacity == 0 ? 1024 : 2 * labelled->capacity;
		if (labelled->count > EVALUATION_ROWS_MAX / 2)
			return err_set(err, ERR_DATA, "more than %u rows", EVALUATION_ROWS_MAX / 2);
		struct evaluation_row *more = realloc(labelled->rows, capacity * sizeof *more);
		if (more == NULL)
			return err_memory(err);
		labelled->rows = more;
		labelled->capacity = capacity;
	}
	labelled->rows[labelled->count++] = *row;
	return 0;
}

/* What the labels' file and then the scores' own columns say of a row. */
static int join(struct reading *reading, struct slice id, struct facts *facts, struct err *err)
{
	size_t number;
	*facts = (struct facts){.label = UNLABELLED, .weight = 1, .miss_cost = NAN};
	if (reading->options->miss_cost == NULL)
		facts->miss_cost = reading->options->miss_cost_number;
	if (reading->options->labels != NULL && id_index_find(&reading->labels.ids, id, &number)) {
		double cost = facts->miss_cost;
		*facts = reading->labels.facts[number];
		facts->miss_cost = reading->labels.columns.miss_cost >= 0 ? facts->miss_cost : cost;
	} else if (reading->labels.columns.group >= 0 &&
		   read_group(reading, (struct slice){"", 0}, &facts->group, err) != 0) {
		return -1;
	}
	return read_facts(reading, &reading->scores, &reading->columns, facts, err);
}

static int take_row(struct reading *reading, struct err *err)
{
	struct labelled *labelled = reading->labelled;
	struct slice id = {"", 0};
	struct evaluation_row row = {.other = NAN};
	struct facts facts;
	if (reading->columns.id >= 0)
		id = reading->scores.texts[reading->columns.id];
	if (join(reading, id, &facts, err) != 0 || take_rank(reading, &row, err) != 0)
		return -1;
	if (reading->options->compare != NULL) {
		int status = take_other(reading, id, &row.other, err);
		if (status < 0)
			return -1;
		labelled->uncompared += status == 0;
		if (status == 0)
			return 0;
	}
	if (facts.label == UNLABELLED) {
		labelled->unlabelled++;
		if (!reading->options->unlabelled_negative)
			return 0;
	}
	row.positive = facts.label == 1;
	if (row.positive && isnan(facts.miss_cost))
		return err_set(err, ERR_DATA,
			       "%s: line %llu: a positive row without a %s, which is what missing it costs",
			       name_of(&reading->scores), (unsigned long long)csv_line(reading->scores.csv),
			       reading->options->miss_cost);
	row.miss_cost = isnan(facts.miss_cost) ? 0 : facts.miss_cost;
	row.score = facts.score;
	row.weight = facts.weight;
	row.group = facts.group;
	labelled->warming += vectors_warming(&reading->scores);
	return take_time(reading, &row, err) != 0 ? -1 : add_row(labelled, &row, err);
}

static int read_rows(struct reading *reading, struct err *err)
{
	int status;
	for (uint64_t rows = 1; (status = csv_next(reading->scores.csv, &reading->scores.texts, err)) == 1; rows++) {
		if (take_row(reading, err) != 0)
			return -1;
		report(reading, &reading->scores, "reading scores", rows);
	}
	if (status < 0 || !reading->by_row)
		return status;
	status = csv_next(reading->compare.file.csv, &reading->compare.file.texts, err);
	if (status == 1)
		return err_set(err, ERR_DATA, "%s: ends before %s does: without _event_id both must have the same rows",
			       name_of(&reading->scores), name_of(&reading->compare.file));
	return status;
}

static int number_days(struct labelled *labelled, int64_t utc_offset_ms, struct err *err)
{
	if (!labelled->timed)
		return 0;
	int64_t local_ms = labelled->time_from_ms + utc_offset_ms, day = local_ms / DAY_MS;
	labelled->first_day = day - (day * DAY_MS > local_ms);
	int64_t span_ms = labelled->time_to_ms - labelled->time_from_ms;
	if (span_ms / DAY_MS >= LABELLED_DAYS_MAX)
		return err_set(err, ERR_DATA, "_time_ms: the rows span more than %d days", LABELLED_DAYS_MAX);
	for (size_t i = 0; i < labelled->count; i++) {
		labelled->rows[i].day -= (uint32_t)labelled->first_day;
		if (labelled->rows[i].day >= labelled->day_limit)
			labelled->day_limit = labelled->rows[i].day + 1;
	}
	return 0;
}

static void count_unmatched(void *context, size_t number)
{
	struct reading *reading = context;
	reading->labelled->unmatched++;
	reading->labelled->unmatched_positives += reading->labels.facts[number].label == 1;
}

static int read_all(struct reading *reading, struct err *err)
{
	struct labelled *labelled = reading->labelled;
	if (open_files(reading, err) != 0)
		return -1;
	if (reading->options->labels != NULL && read_side(reading, &reading->labels, "reading labels", err) != 0)
		return -1;
	if (reading->options->compare != NULL && !reading->by_row &&
	    read_side(reading, &reading->compare, "reading other scores", err) != 0)
		return -1;
	labelled->timed = reading->scores.time >= 0;
	labelled->ranked = reading->columns.rank >= 0;
	labelled->compared = reading->options->compare != NULL;
	labelled->time_from_ms = INT64_MAX;
	labelled->time_to_ms = INT64_MIN;
	if (read_rows(reading, err) != 0)
		return -1;
	id_index_unfound(&reading->labels.ids, count_unmatched, reading);
	if (labelled->count == 0)
		return err_set(err, ERR_DATA, "%s: no row with a score and a label", name_of(&reading->scores));
	if (number_days(labelled, reading->options->utc_offset_ms, err) != 0)
		return -1;
	evaluation_number(labelled->rows, labelled->count);
	evaluation_sort(labelled->rows, labelled->count);
	return 0;
}

static void close_side(struct side *side)
{
	vectors_close(&side->file);
	id_index_free(&side->ids);
	free(side->facts);
}

int labelled_read(struct labelled *labelled, const struct labelled_options *options, struct err *err)
{
	assert(options->scores != NULL && options->score != NULL &&
	       (options->label != NULL || options->labels != NULL));
	struct reading reading = {.options = options, .labelled = labelled, .columns = no_columns};
	*labelled = (struct labelled){0};
	reading.labels.columns = reading.compare.columns = no_columns;
	id_index_init(&reading.groups);
	int status = read_all(&reading, err);
	vectors_close(&reading.scores);
	close_side(&reading.labels);
	close_side(&reading.compare);
	id_index_free(&reading.groups);
	return status;
}

void labelled_free(struct labelled *labelled)
{
	for (size_t i = 0; i < labelled->group_count; i++)
		free(labelled->groups[i]);
	free(labelled->groups);
	free(labelled->rows);
	*labelled = (struct labelled){0};
}
