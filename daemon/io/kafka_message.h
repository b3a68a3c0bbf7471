/*
 * One message of ours handed to librdkafka, which sink and plain producer share; and the headers of one of librdkafka's,
 * which source and reader share.
 */
#ifndef OUTLIERD_KAFKA_MESSAGE_H
#define OUTLIERD_KAFKA_MESSAGE_H

#include "daemon/ports.h"

#include <librdkafka/rdkafka.h>

/**
 * Copies the message into the producer's queue; the handle's partitioner chooses the partition. On any code but
 * RD_KAFKA_RESP_ERR_NO_ERROR *err is set (ERR_UNAVAILABLE, ERR_EXIT), naming topic and size, never contents.
 * A timestamp of 0 cannot be sent: librdkafka takes it for "now".
 */
rd_kafka_resp_err_t kafka_message_send(rd_kafka_t *producer, const struct message *message, struct err *err) MUST_USE;

/** The message's headers into record->headers; names and values stay librdkafka's, the list lies in the arena. */
int kafka_message_headers(const rd_kafka_message_t *message, struct record *record, struct arena *arena,
			  struct err *err) MUST_USE;

#endif
