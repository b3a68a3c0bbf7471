/*
 * Where Redis, or its sentinels, live, and a non-blocking socket to an address. All waiting is poll(2) against a deadline; only the resolution of
 * a host name (getaddrinfo) can wait on its own, so give an IP address where that matters.
 */
#ifndef OUTLIERD_REDIS_SOCKET_H
#define OUTLIERD_REDIS_SOCKET_H

#include "daemon/ports.h"

#define REDIS_HOST_MAX 256
#define REDIS_PORT_MAX 6
#define REDIS_SENTINELS_MAX 8
#define REDIS_PRIMARY_NAME_MAX 128

struct redis_address {
	bool local;                /* unix domain socket: host is its path */
	char host[REDIS_HOST_MAX]; /* name, or IP address without brackets */
	char port[REDIS_PORT_MAX];
};

/** An address as configured: one server, or up to REDIS_SENTINELS_MAX sentinels that know where it is. */
struct redis_place {
	struct redis_address addresses[REDIS_SENTINELS_MAX];
	size_t sentinel_count;                     /* 0: addresses[0] is the server itself */
	char primary_name[REDIS_PRIMARY_NAME_MAX]; /* what the sentinels call it */
};

/** Reads tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME; HOST may be [IPV6]. ERR_CONFIG: anything else. */
int redis_socket_parse(const char *text, struct redis_place *place, struct err *err) MUST_USE;

/** Connects: tries each IP address of the host until deadline_us (monotonic). Returns the descriptor, owned by the caller; -1: ERR_RETRY. */
int redis_socket_connect(const struct redis_address *address, const struct clock *clock, int64_t deadline_us,
			 struct err *err) MUST_USE;

/** Waits for POLLIN or POLLOUT events. Returns what poll(2) reports; 0: the deadline has passed; -1: ERR_RETRY. */
int redis_socket_wait(int descriptor, short events, const struct clock *clock, int64_t deadline_us,
		      struct err *err) MUST_USE;

#endif
