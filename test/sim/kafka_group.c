#include "test/sim/kafka.h"

#include <stdlib.h>

#define WATCH_US (SECOND / 2)
#define REBALANCE_US (60 * (int64_t)SECOND) /* who has not joined by then is out */
#define LATENCY_US 2000

static struct group_member *find(struct kafka *kafka, uint64_t id)
{
	for (int i = 0; i < MEMBERS_MAX; i++)
		if (kafka->group.members[i].used && kafka->group.members[i].id == id)
			return &kafka->group.members[i];
	return NULL;
}

static struct group_member *find_static(struct kafka *kafka, int node)
{
	for (int i = 0; i < MEMBERS_MAX && !kafka->sim->plan.dynamic; i++)
		if (kafka->group.members[i].used && kafka->group.members[i].node == node)
			return &kafka->group.members[i];
	return NULL;
}

struct reply {
	struct node *node;
	unsigned life;
	struct identity identity;
	bool owns[PARTITIONS_MAX + 1];
};

static void deliver(struct sim *sim, void *self, uint64_t argument)
{
	struct reply *reply = self;
	(void)sim, (void)argument;
	client_assigned(reply->node, reply->life, reply->identity, reply->owns);
}

static void answer_join(struct kafka *kafka, const struct group_member *member)
{
	struct sim *sim = kafka->sim;
	struct reply *reply = sim_take(sizeof *reply);
	*reply = (struct reply){sim->nodes[member->node], member->life, {kafka->group.generation, member->id}, {false}};
	memcpy(reply->owns, member->owns, sizeof reply->owns);
	sim_after(sim, sim_between(sim, 0, sim_once_in(sim, 10) ? SECOND : LATENCY_US), deliver, reply, 0);
}

/* Range: members in order of their names, as many partitions each as the others, the first ones one more. */
static void assign(struct kafka *kafka)
{
	struct group *group = &kafka->group;
	struct group_member *sorted[MEMBERS_MAX];
	int count = 0;
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct group_member *member = &group->members[i];
		if (!member->used)
			continue;
		memset(member->owns, 0, sizeof member->owns);
		int at = count++;
		for (; at > 0 && (sorted[at - 1]->node > member->node ||
				  (sorted[at - 1]->node == member->node && sorted[at - 1]->id > member->id));
		     at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = member;
	}
	for (int32_t p = 0, m = 0; m < count; m++) {
		int32_t share = kafka->partition_count / count + (m < kafka->partition_count % count);
		while (share-- > 0)
			sorted[m]->owns[p++] = true;
	}
}

static void complete_join(struct kafka *kafka)
{
	struct group *group = &kafka->group;
	int members = 0;
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct group_member *member = &group->members[i];
		if (member->used && !member->joined)
			member->used = false;
		members += member->used;
	}
	group->preparing = false;
	if (members == 0)
		return;
	group->generation++;
	assign(kafka);
	sim_trace(kafka->sim, "group generation %d, %d members", (int)group->generation, members);
	for (int i = 0; i < MEMBERS_MAX; i++)
		if (group->members[i].used) {
			group->members[i].joined = false;
			group->members[i].seen_us = kafka->sim->now_us;
			answer_join(kafka, &group->members[i]);
		}
}

static void look(struct kafka *kafka)
{
	struct group *group = &kafka->group;
	if (!group->preparing)
		return;
	for (int i = 0; i < MEMBERS_MAX; i++)
		if (group->members[i].used && !group->members[i].joined && kafka->sim->now_us < group->deadline_us)
			return;
	complete_join(kafka);
}

void group_rebalance(struct kafka *kafka)
{
	struct group *group = &kafka->group;
	if (group->preparing)
		return;
	group->preparing = true;
	group->deadline_us = kafka->sim->now_us + REBALANCE_US;
	for (int i = 0; i < MEMBERS_MAX; i++)
		group->members[i].joined = false;
	look(kafka);
}

static void watch(struct sim *sim, void *self, uint64_t argument)
{
	struct kafka *kafka = self;
	struct group *group = &kafka->group;
	bool expired = false;
	(void)argument;
	for (int i = 0; i < MEMBERS_MAX && !kafka_away(kafka); i++) {
		struct group_member *member = &group->members[i];
		if (!member->used || member->joined || sim->now_us - member->seen_us < SESSION_US)
			continue;
		sim_trace(sim, "session of node %d has ended", member->node);
		member->used = false;
		expired = true;
	}
	if (expired && !group->preparing)
		group_rebalance(kafka);
	look(kafka);
	sim_after(sim, WATCH_US, watch, kafka, 0);
}

void group_begin(struct kafka *kafka)
{
	sim_after(kafka->sim, WATCH_US, watch, kafka, 0);
}

void group_excuse(struct kafka *kafka)
{
	for (int i = 0; i < MEMBERS_MAX; i++)
		kafka->group.members[i].seen_us = kafka->sim->now_us;
}

/* Static members: the instance id belongs to whoever joined last under it. */
static bool is_fenced(const struct kafka *kafka, int node, uint64_t id)
{
	const struct group_member *holder = find_static((struct kafka *)kafka, node);
	return holder != NULL && holder->id != id;
}

enum heartbeat group_heartbeat(struct kafka *kafka, int node, struct identity identity)
{
	struct group_member *member = find(kafka, identity.member_id);
	if (is_fenced(kafka, node, identity.member_id))
		return HEARTBEAT_FENCED;
	if (member == NULL)
		return HEARTBEAT_UNKNOWN;
	member->seen_us = kafka->sim->now_us;
	if (kafka->group.preparing)
		return HEARTBEAT_REBALANCE;
	return identity.generation == kafka->group.generation ? HEARTBEAT_OK : HEARTBEAT_UNKNOWN;
}

enum answer group_check(const struct kafka *kafka, int node, struct identity identity)
{
	/* An empty identity is not checked at all: that is Kafka's way with simple consumers. */
	if (identity.generation < 0 && identity.member_id == 0)
		return ANSWER_OK;
	if (is_fenced(kafka, node, identity.member_id))
		return ANSWER_ABORT;
	if (find((struct kafka *)kafka, identity.member_id) == NULL)
		return ANSWER_ABORT;
	return identity.generation == kafka->group.generation ? ANSWER_OK : ANSWER_ABORT;
}

static struct group_member *add_member(struct kafka *kafka)
{
	for (int i = 0; i < MEMBERS_MAX; i++)
		if (!kafka->group.members[i].used)
			return &kafka->group.members[i];
	abort();
}

void group_join(struct kafka *kafka, struct node *node, uint64_t member_id)
{
	struct group *group = &kafka->group;
	if (member_id != 0 && is_fenced(kafka, node->index, member_id)) {
		client_fenced(node, node->life);
		return;
	}
	struct group_member *member = member_id == 0 ? find_static(kafka, node->index) : find(kafka, member_id);
	bool known = member != NULL, again = known && member_id != 0;
	if (!known) {
		/* An id that the group has dropped is answered by a new one. */
		member = find_static(kafka, node->index);
		known = member != NULL;
	}
	if (!known) {
		member = add_member(kafka);
		*member = (struct group_member){.used = true, .node = node->index};
	}
	if (!again)
		member->id = ++group->ids;
	member->life = node->life;
	member->seen_us = kafka->sim->now_us;
	if (known && !again && !group->preparing) {
		/* A static member that came back takes its assignment over, under the same generation. */
		answer_join(kafka, member);
		return;
	}
	if (!group->preparing)
		group_rebalance(kafka);
	if (group->preparing)
		member->joined = true;
	look(kafka);
}

void group_leave(struct kafka *kafka, uint64_t member_id)
{
	struct group_member *member = find(kafka, member_id);
	if (member == NULL)
		return;
	member->used = false;
	group_rebalance(kafka);
	look(kafka);
}
