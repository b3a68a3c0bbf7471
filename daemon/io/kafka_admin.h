/* What the sink asks of a cluster before it connects. */
#ifndef OUTLIERD_KAFKA_ADMIN_H
#define OUTLIERD_KAFKA_ADMIN_H

#include "daemon/io/kafka.h"

#define KAFKA_ADMIN_FRAMING_BYTES 256 /* kept free of that limit: what headers and librdkafka's estimate add */
#define KAFKA_ADMIN_MESSAGE_MAX_DEFAULT 1000000 /* bytes, where no broker tells; librdkafka's own default */

/**
 * The largest record batch in bytes that the output topics take: message.max.bytes of the properties where it is set,
 * else the least max.message.bytes of the topics, else the broker's message.max.bytes, else the default.
 * ERR_RETRY: no broker answers.
 */
int kafka_admin_message_max(const struct kafka_options *options, size_t *bytes, struct err *err) MUST_USE;

#endif
