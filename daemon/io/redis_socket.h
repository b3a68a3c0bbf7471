/*
 * Where Redis lives, and a non-blocking socket to it. All waiting is poll(2) against a deadline; only the resolution of
 * a host name (getaddrinfo) can wait on its own, so give an IP address where that matters.
 */
#ifndef OUTLIERD_REDIS_SOCKET_H
#define OUTLIERD_REDIS_SOCKET_H

#include "daemon/ports.h"

#define REDIS_HOST_MAX 256
#define REDIS_PORT_MAX 6

struct redis_address {
	bool local;                /* unix domain socket: host is its path */
	char host[REDIS_HOST_MAX]; /* name, or IP address without brackets */
	char port[REDIS_PORT_MAX];
};

/** Reads tcp://HOST:PORT, tcp://[IPV6]:PORT or unix:///PATH. ERR_CONFIG: anything else. */
int redis_socket_parse(const char *text, struct redis_address *address, struct err *err) MUST_USE;

/** Connects: tries each IP address of the host until deadline_us (monotonic). Returns the descriptor, owned by the caller; -1: ERR_RETRY. */
int redis_socket_connect(const struct redis_address *address, const struct clock *clock, int64_t deadline_us,
			 struct err *err) MUST_USE;

/** Waits for POLLIN or POLLOUT events. Returns what poll(2) reports; 0: the deadline has passed; -1: ERR_RETRY. */
int redis_socket_wait(int descriptor, short events, const struct clock *clock, int64_t deadline_us,
		      struct err *err) MUST_USE;

#endif
