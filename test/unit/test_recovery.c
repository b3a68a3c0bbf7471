#include "test.h"

#include "daemon/pipeline/recovery.h"

/* One row of the recovery table of docs/ARCHITECTURE.md: R, C, L, H and what must follow. -1: none. */
struct row {
	const char *name;
	int64_t r, c, low, high;
	uint64_t marker_generation, replaces, metadata_generation; /* 0: no metadata */
	bool nothing_committed, rebuild_holes, accept_state, latest, other_state, other_cluster, other_count;
	bool applied;       /* the marker has a last record */
	const char *server; /* of the marker; NULL: "run-a", which is the present one */
	uint64_t evicted_then, evicted_now;
	int64_t beyond_ms;
	enum recovery_action action;
	int64_t start, committed;
	const char *reason;
};

static void check(const struct row *row)
{
	static const uint8_t ours[SHA256_BYTES] = {1, 2, 3};
	struct marker marker = {.next_offset = row->r,
				.generation = row->marker_generation,
				.replaces = row->replaces,
				.partition_count = 4,
				.last_offset = row->applied ? row->r - 1 : OFFSET_NONE,
				.nothing_committed = row->nothing_committed,
				.cluster_id = "cluster-a",
				.server = {.evicted = row->evicted_then}};
	struct recovery_facts facts = {.partition = 3,
				       .low = row->low,
				       .high = row->high,
				       .committed = {.partition = 3, .offset = row->c},
				       .marker = row->r < 0 ? NULL : &marker,
				       .state_id = ours,
				       .cluster_id = row->other_cluster ? "cluster-b" : "cluster-a",
				       .partition_count = row->other_count ? 5 : 4,
				       .beyond_ms = row->beyond_ms,
				       .from_earliest = !row->latest,
				       .rebuild_holes = row->rebuild_holes,
				       .accept_state = row->accept_state,
				       .server = {"run-a", row->evicted_now}};
	struct recovery recovery;
	snprintf(marker.server.id, sizeof marker.server.id, "%s", row->server == NULL ? "run-a" : row->server);
	memcpy(marker.state_id, ours, sizeof ours);
	if (row->other_state)
		marker.state_id[0] = 9;
	watermark_init(&marker.watermark);
	if (row->metadata_generation != 0) {
		struct marker of_commit = marker;
		of_commit.generation = row->metadata_generation;
		marker_metadata_write(&of_commit, facts.committed.metadata);
	}
	int before = test_failures;
	recovery_decide(&facts, &recovery);
	EXPECT_INT(recovery.action, row->action);
	EXPECT_TEXT(recovery.reason, row->reason);
	if (row->action == RECOVERY_GO_ON || row->action == RECOVERY_FIRST) {
		EXPECT_INT(recovery.start, row->start);
		EXPECT_INT(recovery.committed, row->committed);
	} else {
		EXPECT(strstr(recovery.message, "partition 3") != NULL);
	}
	if (test_failures != before)
		printf("  in row: %s\n", row->name);
}

TEST(first_row_that_holds_decides)
{
	const struct row rows[] = {
	    {"neither, earliest", -1, -1, 5, 90, .action = RECOVERY_FIRST, .start = 5, .committed = -1, .reason = ""},
	    {"neither, latest", -1, -1, 5, 90, .latest = true, .action = RECOVERY_FIRST, .start = 90, .committed = -1,
	     .reason = ""},
	    {"R = C", 50, 50, 0, 90, 7, 0, 7, .action = RECOVERY_GO_ON, .start = 50, .committed = 50, .reason = ""},
	    {"R < C", 40, 50, 0, 90, 7, 0, 7, .action = RECOVERY_GO_ON, .start = 40, .committed = 50, .reason = ""},
	    {"R < C of the generation that R replaces", 40, 50, 0, 90, 8, 7, 7, .action = RECOVERY_GO_ON, .start = 40,
	     .committed = 50, .reason = ""},
	    {"C set by hand ahead", 40, 50, 0, 90, 7, 0, 0, .action = RECOVERY_GO_ON, .start = 40, .committed = 50,
	     .reason = ""},
	    {"stale", 40, 50, 0, 90, 6, 5, 7, .action = RECOVERY_REBUILD, .reason = "stale"},
	    {"R > C", 60, 50, 0, 90, 7, 0, 7, .action = RECOVERY_HALT, .reason = "ahead"},
	    {"R > C set by hand", 60, 50, 0, 90, 7, 0, 0, .action = RECOVERY_HALT, .reason = "ahead"},
	    {"R > C accepted", 60, 50, 0, 90, 7, 0, 7, .accept_state = true, .action = RECOVERY_GO_ON, .start = 60,
	     .committed = 60, .reason = "ahead"},
	    {"R, no C, nothing committed", 60, -1, 0, 90, 7, .nothing_committed = true, .action = RECOVERY_GO_ON,
	     .start = 60, .committed = -1, .reason = ""},
	    {"R, no C", 60, -1, 0, 90, 7, .action = RECOVERY_HALT, .reason = "offsets_lost"},
	    {"R, no C, accepted", 60, -1, 0, 90, 7, .accept_state = true, .action = RECOVERY_GO_ON, .start = 60,
	     .committed = 60, .reason = "offsets_lost"},
	    {"R < L", 10, 50, 20, 90, 7, 0, 7, .action = RECOVERY_HALT, .reason = "hole"},
	    {"R < L, rebuild", 10, 50, 20, 90, 7, 0, 7, .rebuild_holes = true, .action = RECOVERY_REBUILD,
	     .reason = "hole"},
	    {"C < L", -1, 10, 20, 90, 0, 0, 7, .action = RECOVERY_HALT, .reason = "hole"},
	    {"C, no R", -1, 50, 0, 90, 0, 0, 7, .action = RECOVERY_REBUILD, .reason = "missing"},
	    {"C > H at first", 91, 91, 0, 90, 7, 0, 7, .action = RECOVERY_WAIT, .reason = "beyond"},
	    {"C > H for long", 91, 91, 0, 90, 7, 0, 7, .beyond_ms = 30000, .action = RECOVERY_HALT,
	     .reason = "truncated"},
	    {"C > H, no R", -1, 91, 0, 90, 0, 0, 7, .beyond_ms = 30000, .action = RECOVERY_HALT, .reason = "truncated"},
	    {"other state id", 50, 50, 0, 90, 7, 0, 7, .other_state = true, .action = RECOVERY_HALT,
	     .reason = "state_id"},
	    {"other cluster", 50, 50, 0, 90, 7, 0, 7, .other_cluster = true, .action = RECOVERY_HALT,
	     .reason = "cluster_id"},
	    {"other partition count", 50, 50, 0, 90, 7, 0, 7, .other_count = true, .action = RECOVERY_HALT,
	     .reason = "partition_count"},
	    {"evicted, but nothing was ever committed", 5, -1, 5, 90, 7, .nothing_committed = true, .evicted_now = 1,
	     .action = RECOVERY_GO_ON, .start = 5, .committed = -1, .reason = ""},
	    {"evicted, and the offsets lost", 50, -1, 0, 90, 7, .evicted_now = 1, .action = RECOVERY_HALT,
	     .reason = "offsets_lost"},
	    {"made again behind a hole, not committed yet", 20, 10, 20, 90, 8, 7, 7, .rebuild_holes = true,
	     .action = RECOVERY_REBUILD, .reason = "hole"},
	    {"made again behind a hole, halt asked for since", 20, 10, 25, 90, 8, 7, 7, .action = RECOVERY_HALT,
	     .reason = "hole"},
	    {"ahead over a hole, with records applied", 20, 10, 20, 90, 7, 0, 7, .rebuild_holes = true, .applied = true,
	     .action = RECOVERY_HALT, .reason = "ahead"},
	    {"evicted", 50, 50, 0, 90, 7, 0, 7, .evicted_now = 1, .action = RECOVERY_REBUILD, .reason = "evicted"},
	    {"evicted again", 50, 50, 0, 90, 7, 0, 7, .evicted_then = 3, .evicted_now = 4, .action = RECOVERY_REBUILD,
	     .reason = "evicted"},
	    {"evicted before the state was made", 50, 50, 0, 90, 7, 0, 7, .evicted_then = 3, .evicted_now = 3,
	     .action = RECOVERY_GO_ON, .start = 50, .committed = 50, .reason = ""},
	    {"the counter was set to 0", 50, 50, 0, 90, 7, 0, 7, .evicted_then = 3, .action = RECOVERY_GO_ON,
	     .start = 50, .committed = 50, .reason = ""},
	    {"the counter was set to 0, and rose again", 50, 50, 0, 90, 7, 0, 7, .evicted_then = 3, .evicted_now = 2,
	     .action = RECOVERY_REBUILD, .reason = "evicted"},
	    {"another server that has evicted nothing", 40, 50, 0, 90, 7, 0, 7, .server = "run-b", .evicted_then = 3,
	     .action = RECOVERY_GO_ON, .start = 40, .committed = 50, .reason = ""},
	    {"another server that has evicted as much", 50, 50, 0, 90, 7, 0, 7, .server = "run-b", .evicted_then = 3,
	     .evicted_now = 3, .action = RECOVERY_REBUILD, .reason = "evicted"},
	    {"evicted, and the marker with it", -1, 50, 0, 90, 0, 0, 7, .evicted_now = 1, .action = RECOVERY_REBUILD,
	     .reason = "missing"},
	    {"evicted, under other rules", 50, 50, 0, 90, 7, 0, 7, .evicted_now = 1, .other_state = true,
	     .action = RECOVERY_HALT, .reason = "state_id"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check(&rows[i]);
}

TEST(a_rebuild_says_how_much_was_evicted)
{
	struct marker marker = {.next_offset = 5, .generation = 7, .server = {"run-a", 3}};
	struct recovery_facts facts = {.partition = 3,
				       .high = 9,
				       .committed = {.partition = 3, .offset = 5},
				       .marker = &marker,
				       .state_id = marker.state_id,
				       .cluster_id = "",
				       .server = {"run-a", 10}};
	struct recovery recovery;
	recovery_decide(&facts, &recovery);
	EXPECT_TEXT(recovery.message,
		    "partition 3: Redis has evicted 7 keys since the state was last known to be whole, and records may "
		    "be among them: it is rebuilt from the topic");
	facts.server = (struct store_server){"run-b", 2};
	recovery_decide(&facts, &recovery);
	EXPECT_TEXT(recovery.message,
		    "partition 3: Redis has evicted 2 keys since the state was last known to be whole, and records may "
		    "be among them: it is rebuilt from the topic");
}

TEST(marker_survives_its_bytes)
{
	struct marker marker = {.next_offset = 1234567890123,
				.generation = 0xfedcba9876543210,
				.replaces = 3,
				.partition_count = 12,
				.cluster_id = "abc",
				.last_offset = 1234567890000,
				.last_hash = 99,
				.counted_from = 17,
				.outcomes = {1, 2, 3, 4, 1u << 31},
				.nothing_committed = true,
				.server = {"0123456789012345678901234567890123456789", 12345678901}};
	struct marker again;
	struct err err = {0};
	struct buffer bytes, twice;
	buffer_init(&bytes);
	buffer_init(&twice);
	watermark_init(&marker.watermark);
	watermark_advance(&marker.watermark, slice_of("card-1"), 1000);
	watermark_advance(&marker.watermark, slice_of("card-2"), 900);
	marker.watermark.complete_since_ms = -5;
	marker_encode(&marker, &bytes);
	EXPECT(marker_decode(buffer_slice(&bytes), &again, &err) == 0);
	marker_encode(&again, &twice);
	EXPECT(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
	EXPECT_INT(watermark_ms(&again.watermark), 900);
	EXPECT(recovery_same_server(&again.server, &marker.server));
	for (size_t length = 0; length < bytes.length; length++) {
		err_clear(&err);
		EXPECT(marker_decode((struct slice){bytes.data, length}, &again, &err) == -1);
	}
	bytes.data[0] = 3;
	err_clear(&err);
	EXPECT(marker_decode(buffer_slice(&bytes), &again, &err) == -1);
	EXPECT_TEXT(err.message, "marker version 3 is newer than 2: run the newer outlierd that wrote it");
	buffer_free(&bytes);
	buffer_free(&twice);
}

TEST(marker_of_a_second_stage_keeps_the_upstream_partitions_and_an_older_one_is_read)
{
	struct marker marker = {.generation = 7, .next_offset = 3}, again;
	struct err err = {0};
	struct buffer bytes, twice;
	char text[POSITION_METADATA_MAX];
	buffer_init(&bytes);
	buffer_init(&twice);
	watermark_init(&marker.watermark);
	marker_encode(&marker, &bytes);
	EXPECT_INT(bytes.data[0], 1); /* before the first event, and without an upstream: as ever */
	buffer_reset(&bytes);
	watermark_upstream(&marker.watermark, 3, 0, 500);
	watermark_upstream(&marker.watermark, 3, 2, -20);
	marker_encode(&marker, &bytes);
	EXPECT_INT(bytes.data[0], 2);
	EXPECT(marker_decode(buffer_slice(&bytes), &again, &err) == 0);
	EXPECT(watermark_ms(&again.watermark) == WATERMARK_NONE && again.watermark.upstream[0] == 500);
	watermark_upstream(&again.watermark, 3, 1, 30);
	EXPECT_INT(watermark_ms(&again.watermark), -20);
	marker_metadata_write(&again, text);
	EXPECT(strstr(text, ";w=-20;") != NULL);
	EXPECT(marker_decode(buffer_slice(&bytes), &again, &err) == 0);
	marker_encode(&again, &twice);
	EXPECT(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
	EXPECT(memcmp(&again.watermark, &marker.watermark, sizeof again.watermark) == 0);
	for (size_t length = 0; length < bytes.length; length++) {
		err_clear(&err);
		EXPECT(marker_decode((struct slice){bytes.data, length}, &again, &err) == -1);
	}
	bytes.data[0] = 1; /* an older program wrote no such tail */
	err_clear(&err);
	EXPECT(marker_decode(buffer_slice(&bytes), &again, &err) == -1);
	buffer_free(&bytes);
	buffer_free(&twice);
}

TEST(metadata_is_ascii_and_reads_back)
{
	struct marker marker = {.generation = 0xab, .outcomes = {1, 2, 3, 4, 5}};
	struct commit_metadata metadata;
	char text[POSITION_METADATA_MAX];
	watermark_init(&marker.watermark);
	marker_metadata_write(&marker, text);
	EXPECT_TEXT(text, "v1;g=00000000000000ab;w=none;c=none;n=1,2,3,4,5");
	EXPECT(marker_metadata_read(text, &metadata));
	EXPECT(metadata.generation == 0xab && metadata.watermark_ms == WATERMARK_NONE && metadata.outcomes[4] == 5);
	watermark_advance(&marker.watermark, slice_of("a"), 5);
	watermark_advance(&marker.watermark, slice_of("b"), -7);
	marker.watermark.complete_since_ms = 42;
	marker_metadata_write(&marker, text);
	EXPECT_TEXT(text, "v1;g=00000000000000ab;w=-7;c=42;n=1,2,3,4,5");
	EXPECT(marker_metadata_read(text, &metadata) && metadata.watermark_ms == -7 &&
	       metadata.complete_since_ms == 42);
	const char *const bad[] = {"",
				   "v1",
				   "v2;g=00000000000000ab;w=-7;c=42;n=1,2,3,4,5",
				   "v1;g=00000000000000ab;w=-7;c=42;n=1,2,3,4",
				   "v1;g=00000000000000ab;w=-7;c=42;n=1,2,3,4,5,6",
				   "v1;g=ab;w=-7;c=42;n=1,2,3,4,5"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		EXPECT(!marker_metadata_read(bad[i], &metadata));
}

int main(int argc, char **argv)
{
	const struct test tests[] = {
	    CASE(first_row_that_holds_decides),
	    CASE(a_rebuild_says_how_much_was_evicted),
	    CASE(marker_survives_its_bytes),
	    CASE(marker_of_a_second_stage_keeps_the_upstream_partitions_and_an_older_one_is_read),
	    CASE(metadata_is_ascii_and_reads_back),
	    {0}};
	return test_run(tests, argc, argv);
}
