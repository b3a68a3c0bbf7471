/*
 * The simulator's model of Kafka and its client against Kafka and the daemon's adapters: one script of port calls is run
 * on both, and both must give the same answers, line by line.
 */
#include "test/integration/kafka_fixture.h"
#include "test/sim/fiber.h"
#include "test/sim/kafka.h"
#include "test/unit/test.h"

#include <stdarg.h>

#define MEMBERS 4 /* processes of the script; the last two have the same instance id */
#define PARTITIONS 2
#define PATIENCE_MS 20000
#define TRANSCRIPT_BYTES 8192

enum ending { COMMITTED, ABORTED, LEFT_OPEN };

/* Who a process of the script is. */
static const int instance_of[MEMBERS] = {0, 1, 1, 1};

struct player {
	struct stage *stage;
	struct source source;
	struct sink sink;
	int assigns, revokes;
	bool owns[PARTITIONS];
};

/* One of the two worlds. */
struct stage {
	struct player players[MEMBERS];
	char text[TRANSCRIPT_BYTES];
	/* Makes the ports of a process. */
	void (*enter)(struct stage *stage, int player);
	/* The next calls are this process'. */
	void (*as)(struct stage *stage, int player);
	/* Appends records to partition 0; without a transaction, or with one that ends so. */
	void (*write)(struct stage *stage, int count);
	void (*write_transaction)(struct stage *stage, int count, enum ending ending);
	/* Commits what was left open. */
	void (*settle)(struct stage *stage);
	/* Messages that a read_committed reader sees, once so many are there. */
	size_t (*visible)(struct stage *stage, size_t wanted);
	int64_t (*now_ms)(struct stage *stage);
	/* kill -9 of a process, as far as the group can tell. */
	void (*kill)(struct stage *stage, int player);
};

static void say(struct stage *stage, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct stage *stage, const char *format, ...)
{
	size_t length = strlen(stage->text);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(stage->text + length, sizeof stage->text - length, format, arguments);
	va_end(arguments);
}

static const char *action_name(const struct err *err)
{
	static const char *const names[] = {"exit", "retry", "abort batch", "recover", "halt partition"};
	return err_is_set(err) ? names[err->action] : "no error";
}

static void player_assigned(void *self, const int32_t *partitions, size_t count)
{
	struct player *player = self;
	player->assigns++;
	memset(player->owns, 0, sizeof player->owns);
	for (size_t i = 0; i < count; i++)
		player->owns[partitions[i]] = true;
}

static void player_revoked(void *self, bool lost)
{
	struct player *player = self;
	(void)lost;
	player->revokes++;
	memset(player->owns, 0, sizeof player->owns);
}

/* ---- the script */

static void join_group(struct stage *stage, int i)
{
	struct err err = {0};
	struct player *player = &stage->players[i];
	*player = (struct player){.stage = stage};
	stage->enter(stage, i);
	stage->as(stage, i);
	const struct source_listener listener = {player, player_assigned, player_revoked};
	if (player->source.open(player->source.self, &listener, &err) != 0)
		say(stage, "open of %d: %s\n", i, action_name(&err));
}

/* Polls these processes in turn until the last of them has had so many assignments. */
static void poll_until(struct stage *stage, const int *who, int count, int assigns)
{
	struct player *last = &stage->players[who[count - 1]];
	struct record record;
	int64_t until_ms = stage->now_ms(stage) + PATIENCE_MS;
	while (last->assigns < assigns && stage->now_ms(stage) < until_ms)
		for (int i = 0; i < count; i++) {
			struct err err = {0};
			size_t none = 0;
			struct player *player = &stage->players[who[i]];
			stage->as(stage, who[i]);
			if (player->source.poll(player->source.self, 50, &record, 0, &none, &err) != 0)
				say(stage, "poll of %d: %s\n", who[i], action_name(&err));
		}
}

static void say_assignment(struct stage *stage, int i)
{
	const struct player *player = &stage->players[i];
	say(stage, "%d: assigned %d times, revoked %d times, owns", i, player->assigns, player->revokes);
	for (int p = 0; p < PARTITIONS; p++)
		if (player->owns[p])
			say(stage, " %d", p);
	say(stage, "\n");
}

static void read_some(struct stage *stage, int i, int64_t from, size_t wanted)
{
	struct record records[64];
	struct err err = {0};
	size_t count = 0;
	struct player *player = &stage->players[i];
	struct position start = {.partition = 0, .offset = from};
	stage->as(stage, i);
	if (player->source.start(player->source.self, &start, 1, &err) != 0)
		say(stage, "start at %lld: %s\n", (long long)from, action_name(&err));
	int64_t until_ms = stage->now_ms(stage) + (wanted > 0 ? PATIENCE_MS : 1000);
	while (count < (wanted > 0 ? wanted : 1) && !err_is_set(&err) && stage->now_ms(stage) < until_ms)
		if (player->source.poll(player->source.self, 100, records, 64 - count, &count, &err) != 0)
			say(stage, "poll: %s\n", action_name(&err));
	say(stage, "read from %lld:", (long long)from);
	for (size_t r = 0; r < count; r++)
		say(stage, " %lld@%lld", (long long)records[r].offset, (long long)records[r].timestamp_ms);
	say(stage, "\n");
	player->source.release(player->source.self);
}

static void say_bounds(struct stage *stage, int i, int64_t high)
{
	const struct source *source = &stage->players[i].source;
	int64_t low = -1, end = -1, until_ms = stage->now_ms(stage) + PATIENCE_MS;
	stage->as(stage, i);
	/* A broker may need a moment to advance the last stable offset. */
	do {
		struct err err = {0};
		if (source->bounds(source->self, 0, &low, &end, &err) != 0)
			say(stage, "bounds: %s\n", action_name(&err));
	} while (end != high && stage->now_ms(stage) < until_ms);
	say(stage, "log from %lld to %lld\n", (long long)low, (long long)end);
}

/* C, once it can be told. */
static void say_committed(struct stage *stage, int i)
{
	const struct source *source = &stage->players[i].source;
	struct position position = {.partition = 0};
	int64_t until_ms = stage->now_ms(stage) + PATIENCE_MS;
	struct err err = {0};
	stage->as(stage, i);
	do
		err_clear(&err);
	while (source->committed(source->self, &position, 1, &err) != 0 && err.action == ERR_RETRY &&
	       stage->now_ms(stage) < until_ms);
	say(stage, "C is %lld \"%s\", %s\n", (long long)position.offset, position.metadata, action_name(&err));
}

/* A transaction of so many messages; ends by a commit of this offset, or by an abort. */
static void transact(struct stage *stage, int i, int messages, int64_t offset, const struct membership *membership)
{
	static const char *const results[] = {"done", "aborted", "unknown"};
	const struct sink *sink = &stage->players[i].sink;
	struct position position = {.partition = 0, .offset = offset, .metadata = "text"};
	struct err err = {0};
	stage->as(stage, i);
	if (sink->begin(sink->self, &err) != 0)
		say(stage, "begin: %s\n", action_name(&err));
	for (int m = 0; m < messages; m++) {
		const struct message message = {
		    .topic = "output", .key = slice_of("card"), .value = slice_of("value"), .timestamp_ms = -1};
		if (sink->produce(sink->self, &message, &err) != 0)
			say(stage, "produce: %s\n", action_name(&err));
	}
	if (offset < 0) {
		int status = sink->abort(sink->self, &err);
		say(stage, "abort: %d, %s\n", status, action_name(&err));
		return;
	}
	enum commit_result result = sink->commit(sink->self, &position, 1, membership, &err);
	say(stage, "commit of %lld: %s, %s\n", (long long)offset, results[result], action_name(&err));
}

static struct membership membership_of(struct stage *stage, int i)
{
	return stage->players[i].source.membership(stage->players[i].source.self);
}

static void open_sink(struct stage *stage, int i)
{
	struct err err = {0};
	stage->as(stage, i);
	while (stage->players[i].sink.open(stage->players[i].sink.self, &err) != 0 && err.action == ERR_RETRY)
		err_clear(&err);
	say(stage, "sink of %d opens: %s\n", i, action_name(&err));
}

static void play(struct stage *stage)
{
	const struct player *first = &stage->players[0];
	struct err err = {0};
	int32_t count = 0;
	int64_t offset = -1;
	say(stage, "one process\n");
	join_group(stage, 0);
	open_sink(stage, 0);
	poll_until(stage, (const int[]){0}, 1, 1);
	say_assignment(stage, 0);
	stage->write(stage, 5);
	stage->write_transaction(stage, 3, COMMITTED);
	stage->write_transaction(stage, 2, ABORTED);
	stage->write(stage, 2);
	say_bounds(stage, 0, 14);
	say_committed(stage, 0);
	if (first->source.partition_count(first->source.self, &count, &err) == 0)
		say(stage, "%d partitions\n", (int)count);
	for (int64_t time_ms = 999; time_ms < 1018; time_ms += 3)
		if (first->source.offset_at(first->source.self, 0, time_ms, &offset, &err) == 0)
			say(stage, "at %lld: %lld\n", (long long)time_ms, (long long)offset);
	read_some(stage, 0, 0, 10);
	read_some(stage, 0, 6, 4);

	say(stage, "transactions\n");
	struct membership membership = membership_of(stage, 0);
	transact(stage, 0, 2, 14, &membership);
	say_committed(stage, 0);
	say(stage, "%zu messages\n", stage->visible(stage, 2));
	transact(stage, 0, 3, -1, NULL);
	transact(stage, 0, 1, 13, &(struct membership){0, NULL});
	say_committed(stage, 0);
	say(stage, "%zu messages\n", stage->visible(stage, 2));

	say(stage, "an open transaction of a producer\n");
	stage->write_transaction(stage, 2, LEFT_OPEN);
	stage->write(stage, 1);
	say_bounds(stage, 0, 14);
	read_some(stage, 0, 14, 0);
	stage->settle(stage);
	say_bounds(stage, 0, 18);
	read_some(stage, 0, 14, 3);
	read_some(stage, 0, 100, 0);
	read_some(stage, 0, 16, 1);

	say(stage, "two processes\n");
	membership = membership_of(stage, 0);
	join_group(stage, 1);
	poll_until(stage, (const int[]){0, 1}, 2, 1);
	poll_until(stage, (const int[]){1, 0}, 2, 2);
	say_assignment(stage, 0);
	say_assignment(stage, 1);
	transact(stage, 0, 1, 15, &membership);
	say_committed(stage, 0);
	membership = membership_of(stage, 0);
	transact(stage, 0, 1, 15, &membership);
	say_committed(stage, 0);
	say(stage, "%zu messages\n", stage->visible(stage, 3));

	say(stage, "another producer under the same name\n");
	struct sink kept = stage->players[0].sink;
	stage->enter(stage, 0);
	open_sink(stage, 0);
	struct sink newer = stage->players[0].sink;
	stage->players[0].sink = kept;
	transact(stage, 0, 1, 16, &membership);
	stage->players[0].sink = newer;
	say_committed(stage, 0);
	transact(stage, 0, 1, 16, &membership);
	say_committed(stage, 0);
	say(stage, "%zu messages\n", stage->visible(stage, 4));

	say(stage, "a static member that comes back\n");
	stage->kill(stage, 1);
	join_group(stage, 2);
	poll_until(stage, (const int[]){0, 2}, 2, 1);
	say_assignment(stage, 0);
	say_assignment(stage, 2);
	membership = membership_of(stage, 0);
	transact(stage, 0, 1, 17, &membership);

	say(stage, "its double\n");
	join_group(stage, 3);
	poll_until(stage, (const int[]){0, 3}, 2, 1);
	say_assignment(stage, 3);
	struct record record;
	int64_t until_ms = stage->now_ms(stage) + PATIENCE_MS;
	int status = 0;
	while (status == 0 && stage->now_ms(stage) < until_ms) {
		size_t none = 0;
		stage->as(stage, 2);
		status = stage->players[2].source.poll(stage->players[2].source.self, 50, &record, 0, &none, &err);
	}
	say(stage, "the first of the two: %d, %s, status %d\n", status, action_name(&err), err_exit_status(&err));
}

/* ---- real */

struct real_stage {
	struct stage stage;
	struct fixture fixture;
	struct kafka_options options[MEMBERS];
	struct kafka_source *sources[MEMBERS];
	struct kafka_sink *sinks[2 * MEMBERS];
	int sink_count, written;
	rd_kafka_t *open_producer;
};

static struct real_stage *real_of(struct stage *stage)
{
	return (struct real_stage *)stage;
}

/* The script's messages go to "output", whatever the topic's name. */
static int real_produce(void *self, const struct message *message, struct err *err);

struct renamed_sink {
	struct sink sink;
	const char *topic;
};

static struct renamed_sink renamed[2 * MEMBERS];

static int real_produce(void *self, const struct message *message, struct err *err)
{
	for (size_t i = 0; i < 2 * MEMBERS; i++)
		if (renamed[i].sink.self == self) {
			struct message copy = *message;
			copy.topic = renamed[i].topic;
			return renamed[i].sink.produce(self, &copy, err);
		}
	return -1;
}

static void real_enter(struct stage *stage, int player)
{
	struct real_stage *real = real_of(stage);
	static const char *const names[] = {"one", "two"};
	struct err err = {0};
	real->options[player] = real->fixture.options;
	real->options[player].instance_id = names[instance_of[player]];
	if (instance_of[player] != 0)
		real->options[player].transactional_id = real->fixture.input;
	if (real->sources[player] == NULL) {
		real->sources[player] = kafka_source_new(&real->options[player], &err);
		stage->players[player].source = kafka_source_port(real->sources[player]);
	}
	real->sinks[real->sink_count] = kafka_sink_new(&real->options[player], &err);
	struct sink sink = kafka_sink_port(real->sinks[real->sink_count]);
	renamed[real->sink_count++] = (struct renamed_sink){sink, real->fixture.output};
	sink.produce = real_produce;
	stage->players[player].sink = sink;
}

static void real_as(struct stage *stage, int player)
{
	(void)stage, (void)player;
}

static void real_write(struct stage *stage, int count)
{
	struct real_stage *real = real_of(stage);
	write_input(real->fixture.input, 0, real->written, count);
	real->written += count;
}

static rd_kafka_t *transactional_producer(const char *name)
{
	char text[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", broker(), text, sizeof text);
	rd_kafka_conf_set(conf, "transactional.id", name, text, sizeof text);
	rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
	rd_kafka_error_t *error = rd_kafka_init_transactions(handle, 30000);
	if (error != NULL) {
		printf("  producer: %s\n", rd_kafka_error_string(error));
		exit(1);
	}
	return handle;
}

static void must(rd_kafka_error_t *error)
{
	if (error == NULL)
		return;
	printf("  producer: %s\n", rd_kafka_error_string(error));
	exit(1);
}

static void real_write_transaction(struct stage *stage, int count, enum ending ending)
{
	struct real_stage *real = real_of(stage);
	char name[NAME_MAX_BYTES];
	name_new(name, "upstream");
	rd_kafka_t *handle = transactional_producer(name);
	must(rd_kafka_begin_transaction(handle));
	for (int i = 0; i < count; i++, real->written++)
		rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(real->fixture.input), RD_KAFKA_V_PARTITION(0),
				  RD_KAFKA_V_KEY("key", 3), RD_KAFKA_V_VALUE("in", 2),
				  RD_KAFKA_V_TIMESTAMP(1000 + real->written), RD_KAFKA_V_END);
	rd_kafka_flush(handle, 30000);
	if (ending == LEFT_OPEN) {
		real->open_producer = handle;
		return;
	}
	must(ending == COMMITTED ? rd_kafka_commit_transaction(handle, 30000)
				 : rd_kafka_abort_transaction(handle, 30000));
	rd_kafka_destroy(handle);
}

static void real_settle(struct stage *stage)
{
	struct real_stage *real = real_of(stage);
	must(rd_kafka_commit_transaction(real->open_producer, 30000));
	rd_kafka_destroy(real->open_producer);
}

static size_t real_visible(struct stage *stage, size_t wanted)
{
	struct real_stage *real = real_of(stage);
	size_t seen = 0;
	int64_t end_us = now_us() + (int64_t)PATIENCE_MS * 1000;
	do
		seen = count_records(real->fixture.output, "read_committed");
	while (seen < wanted && now_us() < end_us);
	return seen;
}

static int64_t real_now_ms(struct stage *stage)
{
	(void)stage;
	return now_us() / 1000;
}

static void real_kill(struct stage *stage, int player)
{
	struct real_stage *real = real_of(stage);
	kafka_source_free(real->sources[player]);
	real->sources[player] = NULL;
}

/* ---- model */

struct model_stage {
	struct stage stage;
	struct sim *sim;
	struct sim_stats stats;
	struct node *nodes[MEMBERS];
	struct fiber *fiber;
	int written;
	bool over;
	int64_t open_from;
};

static struct model_stage *model_of(struct stage *stage)
{
	return (struct model_stage *)stage;
}

static void simulated_enter(struct stage *stage, int player)
{
	struct model_stage *model = model_of(stage);
	struct node *node = model->nodes[player];
	if (node == NULL) {
		node = node_new(model->sim, instance_of[player]);
		node->up = true;
		node->life = (unsigned)player + 1;
		node->fiber = model->fiber;
		node->client = client_new(node);
		model->nodes[player] = node;
		stage->players[player].source = client_source(node->client);
		/* The group answers whoever has joined last under this instance id. */
		model->sim->nodes[instance_of[player]] = node;
		stage->players[player].sink = client_sink(node->client);
		return;
	}
	/* Another producer of the same name: a client of its own, for its sink alone. */
	struct client *again = client_new(node);
	stage->players[player].sink = client_sink(again);
}

static void simulated_as(struct stage *stage, int player)
{
	struct model_stage *model = model_of(stage);
	model->sim->running = model->nodes[player];
}

static void simulated_append(struct model_stage *model, int count, enum visibility visibility)
{
	for (int i = 0; i < count; i++) {
		struct log_record record = {1000 + model->written++, slice_of("key"), slice_of("in"), visibility};
		kafka_append(model->sim->kafka, 0, &record);
	}
}

static void simulated_write(struct stage *stage, int count)
{
	simulated_append(model_of(stage), count, VISIBLE);
}

static void control(struct model_stage *model)
{
	/* Its timestamp is the broker's clock, far beyond those of the records. */
	struct log_record record = {.timestamp_ms = sim_wall_ms(model->sim), .visibility = HIDDEN};
	kafka_append(model->sim->kafka, 0, &record);
}

static void simulated_write_transaction(struct stage *stage, int count, enum ending ending)
{
	struct model_stage *model = model_of(stage);
	model->open_from = model->sim->kafka->partitions[0].count;
	simulated_append(model, count, ending == COMMITTED ? VISIBLE : ending == ABORTED ? HIDDEN : UNDECIDED);
	if (ending != LEFT_OPEN)
		control(model);
}

static void simulated_settle(struct stage *stage)
{
	struct model_stage *model = model_of(stage);
	for (int64_t i = model->open_from; i < model->open_from + 2; i++)
		kafka_settle(model->sim->kafka, 0, i, VISIBLE);
	control(model);
}

static size_t simulated_visible(struct stage *stage, size_t wanted)
{
	(void)wanted;
	return model_of(stage)->stats.outputs;
}

static int64_t simulated_now_ms(struct stage *stage)
{
	return model_of(stage)->sim->now_us / 1000;
}

static void simulated_kill(struct stage *stage, int player)
{
	model_of(stage)->nodes[player]->up = false;
}

static void simulated_play(void *self)
{
	struct stage *stage = self;
	play(stage);
	model_of(stage)->over = true;
	for (;;)
		fiber_yield();
}

/* ---- both */

static struct real_stage real;
static struct model_stage model;

static void run_model(void)
{
	struct plan plan = {
	    .seed = 4, .nodes = 2, .partitions = PARTITIONS, .entities = 2, .events = 1, .message_max = 1000000};
	model.stage = (struct stage){.enter = simulated_enter,
				     .as = simulated_as,
				     .write = simulated_write,
				     .write_transaction = simulated_write_transaction,
				     .settle = simulated_settle,
				     .visible = simulated_visible,
				     .now_ms = simulated_now_ms,
				     .kill = simulated_kill};
	model.sim = sim_new(&plan, false, &model.stats);
	model.sim->unstable = model.sim->finale = true; /* no reference is asked */
	model.fiber = fiber_new(simulated_play, &model.stage);
	(void)fiber_resume(model.fiber);
	while (!model.over)
		sim_step(model.sim);
	fiber_free(model.fiber);
}

static void run_real(void)
{
	real.stage = (struct stage){.enter = real_enter,
				    .as = real_as,
				    .write = real_write,
				    .write_transaction = real_write_transaction,
				    .settle = real_settle,
				    .visible = real_visible,
				    .now_ms = real_now_ms,
				    .kill = real_kill};
	fixture_init(&real.fixture, PARTITIONS);
	play(&real.stage);
	for (int i = 0; i < MEMBERS; i++)
		kafka_source_free(real.sources[i]);
	for (int i = 0; i < real.sink_count; i++)
		kafka_sink_free(real.sinks[i]);
}

TEST(the_same_script_is_answered_alike)
{
	run_model();
	run_real();
	EXPECT(strlen(real.stage.text) > 1000);
	EXPECT_TEXT(model.stage.text, real.stage.text);
}

int main(int argc, char **argv)
{
	if (broker() == NULL) {
		printf("skipped: OUTLIERD_KAFKA names no broker\n0 passed, 0 failed\n");
		return 0;
	}
	static const struct test tests[] = {CASE(the_same_script_is_answered_alike), {0}};
	return test_run(tests, argc, argv);
}
