/* What librdkafka's own thread does for a member of the group: joins, beats, and notes what the next poll must tell. */
#include "test/sim/kafka_client.h"

#define HEARTBEAT_US (SESSION_US / 4)

struct due *client_due(struct client *client)
{
	assert(client->due_count < DUE_MAX);
	struct due *due = &client->due[client->due_count++];
	*due = (struct due){0};
	node_notify(client->node);
	return due;
}

static void join(struct sim *sim, void *self, uint64_t argument)
{
	struct client *client = self;
	(void)argument;
	if (!client_alive(client) || client->fenced)
		return;
	if (client->node->paused || kafka_away(sim->kafka)) {
		sim_after(sim, SECOND, join, client, 0);
		return;
	}
	group_join(sim->kafka, client->node, client->identity.member_id);
}

void client_join(struct client *client)
{
	client->joining = true;
	sim_after(client->sim, sim_between(client->sim, 100, 5 * MS), join, client, 0);
}

void client_assigned(struct node *node, unsigned life, struct identity identity, const bool *owns)
{
	struct client *client = node->client;
	if (!node->up || node->life != life || !client->open || client->fenced || !client->joining)
		return;
	struct due *due = client_due(client);
	due->assigned = true;
	due->identity = client->identity = identity;
	memcpy(due->owns, owns, sizeof due->owns);
	client->joining = false;
	client->holding = true;
}

void client_fenced(struct node *node, unsigned life)
{
	if (!node->up || node->life != life)
		return;
	node->client->fenced = true;
	node_notify(node);
}

static void lose(struct client *client, bool lost)
{
	if (!client->holding)
		return;
	client->holding = false;
	if (lost)
		client->identity = (struct identity){-1, 0};
	client_due(client)->lost = lost;
}

static void heartbeat(struct sim *sim, void *self, uint64_t argument)
{
	struct client *client = self;
	struct node *node = client->node;
	(void)argument;
	if (!client_alive(client) || !client->open || client->fenced)
		return;
	int64_t next_us = HEARTBEAT_US;
	if (node->paused)
		next_us = node->paused_until_us > sim->now_us ? node->paused_until_us - sim->now_us : MS;
	else if (!kafka_away(sim->kafka) && client->holding)
		switch (group_heartbeat(sim->kafka, node->index, client->identity)) {
		case HEARTBEAT_OK:
			break;
		case HEARTBEAT_REBALANCE:
			lose(client, false);
			break;
		case HEARTBEAT_UNKNOWN:
			lose(client, true);
			break;
		case HEARTBEAT_FENCED:
			client_fenced(node, node->life);
			break;
		}
	else if (!kafka_away(sim->kafka) && client->joining)
		(void)group_heartbeat(sim->kafka, node->index, client->identity); /* JoinGroup keeps the session */
	sim_after(sim, next_us + sim_between(sim, 0, 100 * MS), heartbeat, client, 0);
}

void client_beat(struct client *client)
{
	sim_after(client->sim, HEARTBEAT_US, heartbeat, client, 0);
}

struct client *client_new(struct node *node)
{
	struct client *client = sim_take(sizeof *client);
	client->node = node;
	client->sim = node->sim;
	client->kafka = node->sim->kafka;
	client->life = node->life;
	return client;
}

void client_gone(struct client *client)
{
	(void)client;
}
