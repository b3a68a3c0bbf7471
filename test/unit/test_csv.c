#include "daemon/io/csv.h"
#include "rng.h"
#include "test/unit/files.h"

#include <math.h>

#define SHOWN_MAX 4096
#define MUTATIONS 4000

/* All rows as text: columns in brackets, one row a line; at an error its message is the last line. */
static void show(const char *path, char shown[SHOWN_MAX])
{
	struct err err = {0};
	const struct slice *columns;
	size_t count, length = 0;
	int status = -1;
	struct csv *csv = csv_open(path, false, NULL, &err);
	*shown = '\0';
	if (csv != NULL)
		while ((status = csv_next(csv, &columns, &err)) == 1) {
			(void)csv_header(csv, &count);
			length += (size_t)snprintf(shown + length, SHOWN_MAX - length,
						   "%llu:", (unsigned long long)csv_line(csv));
			for (size_t i = 0; i < count; i++)
				length += (size_t)snprintf(shown + length, SHOWN_MAX - length, "[%.*s]",
							   (int)columns[i].length, (const char *)columns[i].data);
			length += (size_t)snprintf(shown + length, SHOWN_MAX - length, "\n");
		}
	if (status < 0) {
		const char *name = strstr(err.message, "t.csv: ");
		snprintf(shown + length, SHOWN_MAX - length, "%s\n", name == NULL ? err.message : name);
	}
	csv_close(csv);
}

#define EXPECT_SHOWN(content, wanted)                                                                                  \
	do {                                                                                                           \
		char shown_[SHOWN_MAX];                                                                                \
		show(files_text("t.csv", content), shown_);                                                            \
		EXPECT_TEXT(shown_, wanted);                                                                           \
	} while (0)

TEST(rows_end_in_lf_crlf_or_the_end)
{
	EXPECT_SHOWN("a,b\n1,2\n3,4\n", "2:[1][2]\n3:[3][4]\n");
	EXPECT_SHOWN("a,b\r\n1,2\r\n3,\r\n", "2:[1][2]\n3:[3][]\n");
	EXPECT_SHOWN("a,b\n1,2", "2:[1][2]\n");
	EXPECT_SHOWN("a,b\n1,", "2:[1][]\n");
	EXPECT_SHOWN("a,b", "");
}

TEST(quotes_hold_commas_quotes_and_line_breaks)
{
	EXPECT_SHOWN("a,b\n\"1,2\",\"say \"\"hi\"\"\"\n", "2:[1,2][say \"hi\"]\n");
	EXPECT_SHOWN("a,b\n\"x\ny\r\nz\",2\n3,4\n", "2:[x\ny\r\nz][2]\n5:[3][4]\n");
	EXPECT_SHOWN("a,b\r\n\"\",\"\"\"\"\r\n", "2:[][\"]\n");
	EXPECT_SHOWN("\"a\",\"b,c\"\n1,\"2\"", "2:[1][2]\n");
}

TEST(empty_lines_are_passed_over_but_not_where_there_is_one_column)
{
	EXPECT_SHOWN("a,b\n\n1,2\n\r\n\n3,4\n\n", "3:[1][2]\n6:[3][4]\n");
	EXPECT_SHOWN("a\n\n1\n", "2:[]\n3:[1]\n");
}

TEST(a_byte_order_mark_is_skipped)
{
	EXPECT_SHOWN("\xef\xbb\xbf"
		     "a,b\n1,2\n",
		     "2:[1][2]\n");
	struct err err = {0};
	struct csv *csv = csv_open(files_text("t.csv", "\xef\xbb\xbfname\n1\n"), false, NULL, &err);
	EXPECT(csv != NULL && csv_find(csv, slice_of("name")) == 0);
	csv_close(csv);
}

TEST(damage_is_an_error_with_its_line)
{
	EXPECT_SHOWN("a,b\n1,2\n3\n", "2:[1][2]\nt.csv: line 3: 1 columns, but the header has 2\n");
	EXPECT_SHOWN("a,b\n1,2,3\n", "t.csv: line 2: 3 columns, but the header has 2\n");
	EXPECT_SHOWN("a,b\n\"x\ny\",2\n3\n", "2:[x\ny][2]\nt.csv: line 4: 1 columns, but the header has 2\n");
	EXPECT_SHOWN("a,b\n1,\"2\n3,4\n", "t.csv: line 2: a quoted column is not closed\n");
	EXPECT_SHOWN("a,b\n1,\"2\"x\n", "t.csv: line 2: text after a closing quote\n");
	EXPECT_SHOWN("a,b\n\"1\n\n\"x,2\n", "t.csv: line 4: text after a closing quote\n");
	EXPECT_SHOWN("a,b\n1,2\n1,5\" disk\n",
		     "2:[1][2]\nt.csv: line 3: a quote inside a column that does not begin with one\n");
	EXPECT_SHOWN("a,b\n\"\"\n", "t.csv: line 2: 1 columns, but the header has 2\n");
	EXPECT_SHOWN("", "t.csv: line 1: a header row is expected, the file is empty\n");
	EXPECT_SHOWN("a,b,a\n", "t.csv: line 1: two columns are named \"a\"\n");
}

TEST(a_file_that_is_not_there_is_named)
{
	struct err err = {0};
	EXPECT(csv_open("/nowhere/x.csv", false, NULL, &err) == NULL);
	EXPECT_TEXT(err.message, "/nowhere/x.csv: No such file or directory");
	EXPECT_INT(err.code, ERR_UNAVAILABLE);
	err_clear(&err);
	EXPECT(csv_open("/tmp", false, NULL, &err) == NULL);
	EXPECT_TEXT(err.message, "/tmp: Is a directory");
}

/* A column of up to 40 bytes, often ones that need quotes. */
static struct slice random_column(struct rng *rng, char text[40])
{
	static const char bytes[] = "ab,\"\n\r 01.-\xc3\xa4";
	size_t length = (size_t)rng_below(rng, 40);
	for (size_t i = 0; i < length; i++)
		text[i] = bytes[rng_below(rng, sizeof bytes - 1)];
	return (struct slice){text, length};
}

TEST(what_is_written_reads_back_across_window_edges)
{
	struct rng writer, reader;
	struct buffer file;
	struct err err = {0};
	const struct slice *columns;
	char text[40];
	size_t rows = 0;
	rng_seed(&writer, 11);
	rng_seed(&reader, 11);
	buffer_init(&file);
	buffer_add_text(&file, "a,b,c\n");
	for (; file.length < (size_t)3 << 20; rows++)
		for (int i = 0; i < 3; i++) {
			csv_add(&file, random_column(&writer, text));
			buffer_add_byte(&file, i < 2 ? ',' : '\n');
		}
	struct csv *csv = csv_open(files_write("t.csv", file.data, file.length), false, NULL, &err);
	size_t read = 0, wrong = 0;
	while (csv != NULL && csv_next(csv, &columns, &err) == 1) {
		for (int i = 0; i < 3; i++)
			wrong += !slice_equal(columns[i], random_column(&reader, text));
		read++;
	}
	EXPECT_TEXT(err.message, "");
	EXPECT_INT(read, rows);
	EXPECT_INT(wrong, 0);
	csv_close(csv);
	buffer_free(&file);
}

TEST(a_pipe_can_be_read_twice_and_its_hash_is_of_its_bytes)
{
	static const char content[] = "a\n1\n2\n";
	struct err err = {0};
	struct sha256 hash;
	const struct slice *columns;
	uint8_t digest[SHA256_BYTES], wanted[SHA256_BYTES];
	int ends[2], saved = dup(STDIN_FILENO);
	EXPECT(pipe(ends) == 0 && write(ends[1], content, strlen(content)) == (ssize_t)strlen(content));
	close(ends[1]);
	EXPECT(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
	close(ends[0]);
	sha256_init(&hash);
	struct csv *csv = csv_open("-", true, &hash, &err);
	EXPECT(csv != NULL && csv_next(csv, &columns, &err) == 1 && csv_next(csv, &columns, &err) == 1 &&
	       csv_next(csv, &columns, &err) == 0);
	sha256_end(&hash, digest);
	sha256_of(slice_of(content), wanted);
	EXPECT(memcmp(digest, wanted, sizeof digest) == 0);
	EXPECT(csv_rewind(csv, &err) == 0 && csv_next(csv, &columns, &err) == 1);
	EXPECT(slice_equal(columns[0], slice_of("1")));
	csv_close(csv);
	EXPECT(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
	close(saved);
}

TEST(numbers_are_written_shortest_and_missing_ones_empty)
{
	struct buffer row;
	buffer_init(&row);
	csv_add_number(&row, 0.1);
	buffer_add_byte(&row, ',');
	csv_add_number(&row, NAN);
	buffer_add_byte(&row, ',');
	csv_add_number(&row, -1e21);
	buffer_add_byte(&row, 0);
	EXPECT_TEXT((const char *)row.data, "0.1,,-1e+21");
	buffer_free(&row);
}

TEST(damaged_bytes_never_break_the_reader)
{
	static const char good[] = "id,\"na\"\"me\",x\n1,\"a,b\",2.5\r\n2,\"line\nbreak\",\n3,,\"\"\"\"\n";
	static const char bytes[] = ",\"\n\r\0a";
	struct rng rng;
	const struct slice *columns;
	size_t refused = 0;
	rng_seed(&rng, 5);
	for (int i = 0; i < MUTATIONS; i++) {
		char text[sizeof good];
		struct err err = {0};
		int status = -1;
		memcpy(text, good, sizeof good);
		for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--)
			text[rng_below(&rng, sizeof good - 1)] = bytes[rng_below(&rng, sizeof bytes - 1)];
		struct csv *csv =
		    csv_open(files_write("t.csv", text, (size_t)rng_below(&rng, sizeof good)), false, NULL, &err);
		while (csv != NULL && (status = csv_next(csv, &columns, &err)) == 1)
			continue;
		EXPECT((status == 0) == (err.code == ERR_NONE));
		refused += status != 0;
		csv_close(csv);
	}
	EXPECT(refused > MUTATIONS / 4 && refused < MUTATIONS);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(rows_end_in_lf_crlf_or_the_end),
					CASE(quotes_hold_commas_quotes_and_line_breaks),
					CASE(empty_lines_are_passed_over_but_not_where_there_is_one_column),
					CASE(a_byte_order_mark_is_skipped),
					CASE(damage_is_an_error_with_its_line),
					CASE(a_file_that_is_not_there_is_named),
					CASE(what_is_written_reads_back_across_window_edges),
					CASE(a_pipe_can_be_read_twice_and_its_hash_is_of_its_bytes),
					CASE(numbers_are_written_shortest_and_missing_ones_empty),
					CASE(damaged_bytes_never_break_the_reader),
					{0}},
			argc, argv);
}
