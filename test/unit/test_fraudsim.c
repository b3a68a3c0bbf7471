/*
 * Windowed features against an independent truth: six values of 67,240 card transactions, computed by others with other
 * means, on a stream of 488,678. The data is not part of the project; without it the test says so.
 */
#include "features/apply.h"
#include "features/entity.h"
#include "test/unit/test.h"

#include <inttypes.h>
#include <zlib.h>

#define STREAM "fraudsim_stream.csv.gz"
#define EXPECTED "fraudsim_expected.csv.gz"
#define ROWS 67240
#define VALUES 6
#define DAY INT64_C(86400000)
#define CUSTOMERS 5000
#define TOLERANCE 1e-6

static const struct field fields[] = {{.name = "amount", .path = "amount", .type = FIELD_MONEY, .scale = 2}};
static const struct event_schema schema = {.id_path = "transaction_id",
					   .time_path = "event_time_ms",
					   .entity_path = "customer_id",
					   .time_unit = TIME_MS,
					   .fields = fields,
					   .field_count = 1};

#define PAIR(days)                                                                                                     \
	{.name = "count_" #days, .operation = OPERATION_COUNT, .window_ms = (days)*DAY, .include_current = true},      \
	{                                                                                                              \
		.name = "mean_" #days, .operation = OPERATION_MEAN, .field = "amount", .window_ms = (days)*DAY,        \
		.include_current = true                                                                                \
	}

static const struct feature_options features[VALUES] = {PAIR(1), PAIR(7), PAIR(30)};

static gzFile open_data(const char *name)
{
	static const char *const folders[] = {"../shared/data", "../../shared/data", "../../../shared/data"};
	char path[128];
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", folders[i], name);
		gzFile file = gzopen(path, "rb");
		if (file != NULL)
			return file;
	}
	return NULL;
}

/* The next row of the expected values, in order of transaction; false at the end. */
static bool next_expected(gzFile file, long *id, double values[VALUES])
{
	char line[256];
	if (gzgets(file, line, sizeof line) == NULL)
		return false;
	char *at = line;
	*id = strtol(at, &at, 10);
	for (int i = 0; i < VALUES; i++)
		values[i] = strtod(at + 1, &at);
	return true;
}

struct line {
	char *id, *customer;
	int64_t time;
	char *amount;
};

/* transaction_id,event_time_ms,customer_id,terminal_id,amount,… */
static bool next_line(gzFile file, char *text, int size, struct line *line)
{
	char *columns[5], *at = text;
	if (gzgets(file, text, size) == NULL)
		return false;
	for (int i = 0; i < 5; i++)
		columns[i] = strsep(&at, ",");
	*line = (struct line){columns[0], columns[2], strtoll(columns[1], NULL, 10), columns[4]};
	return true;
}

/* Compares one vector; false where it differs. */
static bool agrees(const double *values, const double *wanted)
{
	bool good = true;
	for (int i = 0; i < VALUES; i += 2)
		good &= values[i] == wanted[i] && fabs(values[i + 1] - wanted[i + 1]) <= TOLERANCE;
	return good;
}

static long compare(gzFile stream, gzFile expected, const struct feature_set *set)
{
	static struct entity *entities[CUSTOMERS];
	char text[256];
	struct line line;
	struct watermark watermark;
	long wanted_id, compared = 0, offset = 0;
	double wanted[VALUES], values[VALUES];
	watermark_init(&watermark);
	(void)gzgets(stream, text, sizeof text);
	(void)gzgets(expected, text, sizeof text);
	bool more = next_expected(expected, &wanted_id, wanted);
	while (more && next_line(stream, text, sizeof text, &line)) {
		struct value amount;
		struct err err = {.code = ERR_NONE};
		EXPECT(field_from_text(&fields[0], slice_of(line.amount), &amount, &err) == 0);
		struct event event = {.id = slice_of(line.id),
				      .entity = slice_of(line.customer),
				      .time_ms = line.time,
				      .offset = offset++,
				      .timestamp_ms = line.time,
				      .values = &amount};
		struct entity **entity = &entities[strtol(line.customer, NULL, 10) % CUSTOMERS];
		struct vector vector = {values, NULL, 0};
		enum reason reason;
		int status;
		if (*entity == NULL)
			*entity = entity_new(set);
		enum outcome outcome = apply_event(set, *entity, &watermark, &event, &vector, &reason, &status);
		EXPECT(outcome == OUTCOME_SCORED && status == 0);
		if (strtol(line.id, NULL, 10) != wanted_id)
			continue;
		compared++;
		if (!agrees(values, wanted)) {
			printf("  transaction %ld: %g %.9f %g %.9f %g %.9f\n", wanted_id, values[0], values[1],
			       values[2], values[3], values[4], values[5]);
			EXPECT(!"the handbook's values");
			break;
		}
		more = next_expected(expected, &wanted_id, wanted);
	}
	for (size_t i = 0; i < CUSTOMERS; i++)
		entity_free(entities[i]);
	return compared;
}

TEST(six_features_equal_those_of_the_handbook)
{
	gzFile stream = open_data(STREAM), expected = open_data(EXPECTED);
	struct feature_set *set;
	struct err err = {.code = ERR_NONE};
	const struct feature_set_options options = {.pipeline = "fraudsim",
						    .schema = &schema,
						    .features = features,
						    .feature_count = VALUES,
						    .max_events = 1024};
	if (stream == NULL || expected == NULL) {
		printf("  skip: ../shared/data/%s is not here\n", STREAM);
	} else {
		EXPECT(feature_set_new(&set, &options, NULL, NULL, &err) == 0);
		long compared = compare(stream, expected, set);
		printf("  %ld transactions, %d values each\n", compared, VALUES);
		EXPECT_INT(compared, ROWS);
		feature_set_free(set);
	}
	if (stream != NULL)
		(void)gzclose(stream);
	if (expected != NULL)
		(void)gzclose(expected);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(six_features_equal_those_of_the_handbook), {0}}, argc, argv);
}
