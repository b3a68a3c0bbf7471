#include "daemon/io/kafka.h"

#include <string.h>

struct refusal {
	const char *name;
	const char *reason;
};

#define OWN_KEY "it has its own key in the section kafka"
#define NO_AUTOMATISM "offsets are committed with the output, in one transaction, and by nothing else"
#define ORDER "exactly once and the order of alerts rest on an idempotent producer with acks=all"
#define POINTER "it is a pointer inside a C program, not a value"
#define OWN_MESSAGES "the daemon reads librdkafka's log and events itself"

/* Aliases of librdkafka stand beside the names they mean, else they would be a way around. Sorted for readers. */
static const struct refusal refusals[] = {
    {"acks", ORDER},
    {"api.version.request", "without it librdkafka knows no transactions"},
    {"auto.commit.enable", NO_AUTOMATISM},
    {"auto.commit.interval.ms", NO_AUTOMATISM},
    {"auto.offset.reset",
     "a hole in the log must stop a partition, not move it: see kafka.auto_offset_reset for new groups"},
    {"background_event_cb", POINTER},
    {"bootstrap.servers", OWN_KEY},
    {"broker.version.fallback", "without the broker's own versions librdkafka knows no transactions"},
    {"closesocket_cb", POINTER},
    {"connect_cb", POINTER},
    {"consume.callback.max.messages", "the daemon does not consume by callback"},
    {"consume_cb", POINTER},
    {"default_topic_conf", POINTER},
    {"dr_cb", POINTER},
    {"dr_msg_cb", POINTER},
    {"enable.auto.commit", NO_AUTOMATISM},
    {"enable.auto.offset.store", NO_AUTOMATISM},
    {"enable.gapless.guarantee", ORDER},
    {"enable.idempotence", ORDER},
    {"enable.partition.eof", "the end of a partition is no event for the daemon"},
    {"enabled_events", OWN_MESSAGES},
    {"error_cb", POINTER},
    {"group.id", OWN_KEY},
    {"group.instance.id", "it is kafka.instance_id, or run --instance"},
    {"group.protocol", "recovery is built on the classic protocol with eager assignment"},
    {"group.protocol.type", "recovery is built on the classic protocol with eager assignment"},
    {"group.remote.assignor", "recovery is built on the classic protocol with eager assignment"},
    {"interceptors", POINTER},
    {"isolation.level", "an offset whose commit is pending must not be read: read_committed always"},
    {"log.queue", OWN_MESSAGES},
    {"log_cb", POINTER},
    {"max.in.flight", ORDER},
    {"max.in.flight.requests.per.connection", ORDER},
    {"message.send.max.retries", ORDER},
    {"metadata.broker.list", OWN_KEY},
    {"msg_order_cmp", POINTER},
    {"oauthbearer_token_refresh_cb", POINTER},
    {"offset.store.method", NO_AUTOMATISM},
    {"offset.store.path", NO_AUTOMATISM},
    {"offset.store.sync.interval.ms", NO_AUTOMATISM},
    {"offset_commit_cb", POINTER},
    {"opaque", POINTER},
    {"open_cb", POINTER},
    {"partition.assignment.strategy", "recovery is built on eager assignment: range always"},
    {"partitioner",
     "alerts of an entity must lie in the partition that Java's producers give them: murmur2_random always"},
    {"partitioner_cb", POINTER},
    {"queuing.strategy", ORDER},
    {"rebalance_cb", POINTER},
    {"request.required.acks", ORDER},
    {"resolve_cb", POINTER},
    {"retries", ORDER},
    {"session.timeout.ms", OWN_KEY},
    {"socket_cb", POINTER},
    {"ssl.certificate.verify_cb", POINTER},
    {"ssl_certificate", POINTER},
    {"stats_cb", POINTER},
    {"test.mock.broker.rtt", "it belongs to an embedded broker that keeps no promises"},
    {"test.mock.num.brokers", "it would put an embedded broker that keeps no promises in the place of yours"},
    {"throttle_cb", POINTER},
    {"transaction.timeout.ms", "recovery relies on the daemon's own value"},
    {"transactional.id", "it is made of pipeline and instance, so that a restart fences its predecessor"},
};

const char *kafka_property_refused(const char *name)
{
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
		if (strcmp(refusals[i].name, name) == 0)
			return refusals[i].reason;
	return NULL;
}
