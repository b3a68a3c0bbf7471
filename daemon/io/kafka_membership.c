#include "daemon/io/kafka_membership.h"

/* rd_kafka_consumer_group_metadata_generation_id() and ..._member_id() came with this version. */
#define GETTERS_VERSION 0x02080000

void kafka_membership_take(struct kafka_membership *membership, rd_kafka_t *consumer)
{
	kafka_membership_drop(membership);
	membership->metadata = rd_kafka_consumer_group_metadata(consumer);
}

void kafka_membership_drop(struct kafka_membership *membership)
{
	membership->assignment++;
	if (membership->metadata != NULL)
		rd_kafka_consumer_group_metadata_destroy(membership->metadata);
	membership->metadata = NULL;
}

struct membership kafka_membership_port(struct kafka_membership *membership)
{
	if (membership->metadata == NULL)
		return (struct membership){0, NULL};
	return (struct membership){membership->assignment, membership};
}

#if RD_KAFKA_VERSION >= GETTERS_VERSION

static bool read_metadata(const rd_kafka_consumer_group_metadata_t *metadata, int32_t *generation, bool *has_member)
{
	const char *member = rd_kafka_consumer_group_metadata_member_id(metadata);
	*generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
	*has_member = member != NULL && member[0] != '\0';
	return true;
}

#else

/*
 * Without getters the serialized form is the only way to see them. Its layout has been the same from 1.6 to 2.15:
 * "CGMDv2:", the generation as int32 in host order, group id and member id each with a terminating zero, and the rest.
 */
static bool read_metadata(const rd_kafka_consumer_group_metadata_t *metadata, int32_t *generation, bool *has_member)
{
	static const char magic[] = "CGMDv2:";
	const size_t prefix = sizeof magic - 1;
	void *bytes = NULL;
	size_t length = 0;
	bool known = false;
	rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &length);
	if (error != NULL) {
		rd_kafka_error_destroy(error);
		return false;
	}
	if (length < prefix + sizeof *generation || memcmp(bytes, magic, prefix) != 0)
		goto free_bytes;
	memcpy(generation, (const char *)bytes + prefix, sizeof *generation);
	const char *group = (const char *)bytes + prefix + sizeof *generation, *end = (const char *)bytes + length;
	const char *member = memchr(group, '\0', (size_t)(end - group));
	if (member == NULL || ++member == end)
		goto free_bytes;
	*has_member = *member != '\0';
	known = true;
free_bytes:
	rd_kafka_mem_free(NULL, bytes);
	return known;
}

#endif

bool kafka_membership_gone(rd_kafka_t *consumer)
{
	int32_t generation = -1;
	bool has_member = false;
	rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer);
	if (metadata == NULL)
		return true;
	bool known = read_metadata(metadata, &generation, &has_member);
	rd_kafka_consumer_group_metadata_destroy(metadata);
	return known && !has_member;
}

static const rd_kafka_consumer_group_metadata_t *refuse(struct err *err, const char *why)
{
	(void)err_set_action(err, ERR_UNAVAILABLE, ERR_ABORT_BATCH, "kafka group: no commit, since %s", why);
	return NULL;
}

const rd_kafka_consumer_group_metadata_t *kafka_membership_metadata(const struct membership *membership,
								    struct err *err)
{
	const struct kafka_membership *own = membership->handle;
	int32_t generation = -1;
	bool has_member = false;
	if (own == NULL || membership->assignment == 0)
		return refuse(err, "the process had no partitions when it read the records");
	if (own->metadata == NULL || own->assignment != membership->assignment)
		return refuse(err, "the partitions were reassigned after the records were read");
	if (!read_metadata(own->metadata, &generation, &has_member))
		return refuse(err, "this version of librdkafka hides the group's generation");
	if (generation < 0)
		return refuse(err, "the group has no generation");
	if (!has_member)
		return refuse(err, "the group has dropped this member");
	return own->metadata;
}
