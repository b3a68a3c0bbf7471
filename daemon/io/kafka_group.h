/* What a command asks and does about consumer groups that it is no member of. */
#ifndef OUTLIERD_KAFKA_GROUP_H
#define OUTLIERD_KAFKA_GROUP_H

#include "daemon/io/kafka.h"

/** Members that the options' group has now, dead ones included until their session ends; 0 for a group that does not exist. ERR_RETRY: no coordinator answers. */
int kafka_group_members(const struct kafka_options *options, size_t *members, struct err *err) MUST_USE;

/** Commits positions of the input topic for the options' group, which must have no members. ERR_RETRY: no coordinator answers, or there are members. */
int kafka_group_commit(const struct kafka_options *options, const struct position *positions, size_t count,
		       struct err *err) MUST_USE;

/** Deletes the options' group with its offsets; one that does not exist is no error. ERR_RETRY: it has members, or nobody answers. */
int kafka_group_delete(const struct kafka_options *options, struct err *err) MUST_USE;

#endif
