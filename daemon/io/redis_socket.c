#include "daemon/io/redis_socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A peer that vanished without a word is noticed after a minute also where nothing is being asked. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3
#define PORT_LAST 65535

static int refuse_address(const char *text, struct err *err)
{
	return err_set(err, ERR_CONFIG,
		       "\"%.300s\" is not tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME", text);
}

static int parse_port(const char *text, char port[REDIS_PORT_MAX])
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits >= REDIS_PORT_MAX || text[digits] != '\0')
		return -1;
	unsigned number = 0;
	for (const char *at = text; *at != '\0'; at++)
		number = number * 10 + (unsigned)(*at - '0');
	if (number == 0 || number > PORT_LAST)
		return -1;
	memcpy(port, text, digits + 1);
	return 0;
}

/* HOST:PORT or [IPV6]:PORT. */
static int parse_endpoint(const char *text, struct redis_address *address)
{
	const char *colon = strrchr(text, ':');
	if (colon == NULL || parse_port(colon + 1, address->port) < 0)
		return -1;
	const char *host = text, *end = colon;
	if (host[0] == '[') {
		host++;
		if (end[-1] != ']')
			return -1;
		end--;
	} else if (memchr(host, ':', (size_t)(end - host)) != NULL) {
		return -1;
	}
	size_t length = (size_t)(end - host);
	if (length == 0 || length >= sizeof address->host || strcspn(host, " ,/@") < length)
		return -1;
	memcpy(address->host, host, length);
	return 0;
}

static int parse_path(const char *path, struct redis_address *address)
{
	struct sockaddr_un limit;
	size_t length = strlen(path);
	if (path[0] != '/' || length >= sizeof limit.sun_path || length >= sizeof address->host)
		return -1;
	address->local = true;
	memcpy(address->host, path, length);
	return 0;
}

/* Names are of the letters that Sentinel's own configuration takes. */
static int parse_name(const char *text, char name[REDIS_PRIMARY_NAME_MAX])
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
	if (length == 0 || length >= REDIS_PRIMARY_NAME_MAX || text[length] != '\0')
		return -1;
	memcpy(name, text, length + 1);
	return 0;
}

/* HOST:PORT,HOST:PORT/NAME. */
static int parse_sentinels(const char *text, struct redis_place *place)
{
	const char *slash = strchr(text, '/');
	if (slash == NULL || parse_name(slash + 1, place->primary_name) < 0)
		return -1;
	while (text < slash) {
		char endpoint[REDIS_HOST_MAX + REDIS_PORT_MAX];
		const char *comma = memchr(text, ',', (size_t)(slash - text));
		size_t length = (size_t)((comma == NULL ? slash : comma) - text);
		if (length >= sizeof endpoint || place->sentinel_count == REDIS_SENTINELS_MAX || comma == slash - 1)
			return -1;
		memcpy(endpoint, text, length);
		endpoint[length] = '\0';
		if (parse_endpoint(endpoint, &place->addresses[place->sentinel_count++]) < 0)
			return -1;
		text = comma == NULL ? slash : comma + 1;
	}
	return place->sentinel_count > 0 ? 0 : -1;
}

int redis_socket_parse(const char *text, struct redis_place *place, struct err *err)
{
	static const char tcp[] = "tcp://", local[] = "unix://", sentinel[] = "sentinel://";
	int status = -1;
	memset(place, 0, sizeof *place);
	if (strncmp(text, local, sizeof local - 1) == 0)
		status = parse_path(text + sizeof local - 1, &place->addresses[0]);
	else if (strncmp(text, tcp, sizeof tcp - 1) == 0)
		status = parse_endpoint(text + sizeof tcp - 1, &place->addresses[0]);
	else if (strncmp(text, sentinel, sizeof sentinel - 1) == 0)
		status = parse_sentinels(text + sizeof sentinel - 1, place);
	return status < 0 ? refuse_address(text, err) : 0;
}

int redis_socket_wait(int descriptor, short events, const struct clock *clock, int64_t deadline_us, struct err *err)
{
	struct pollfd wanted = {.fd = descriptor, .events = events};
	for (;;) {
		int64_t left_us = deadline_us - clock->monotonic_us(clock->self);
		if (left_us <= 0)
			return 0;
		int64_t left_ms = (left_us + 999) / 1000;
		int ready = poll(&wanted, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
		if (ready > 0)
			return wanted.revents;
		if (ready < 0 && errno != EINTR)
			return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "poll: %s", strerror(errno));
	}
}

static void set_options(int descriptor, int family)
{
	/* Not one of them is needed for correctness, so a system that refuses one is none of our errors. */
	if (family == AF_UNIX)
		return;
	const struct {
		int level, name, value;
	} options[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
	    {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
	    {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		(void)setsockopt(descriptor, options[i].level, options[i].name, &options[i].value,
				 sizeof options[i].value);
}

/* A connect to a local port that nobody listens on can meet itself, where the system picks that port for our end. */
static bool met_itself(int descriptor)
{
	struct sockaddr_storage here = {0}, there = {0};
	socklen_t here_length = sizeof here, there_length = sizeof there;
	return getsockname(descriptor, (struct sockaddr *)&here, &here_length) == 0 &&
	       getpeername(descriptor, (struct sockaddr *)&there, &there_length) == 0 && here.ss_family != AF_UNIX &&
	       here_length == there_length && memcmp(&here, &there, here_length) == 0;
}

static int connect_one(const struct sockaddr *to, socklen_t length, const struct clock *clock, int64_t deadline_us,
		       struct err *err)
{
	int status = -1;
	int descriptor = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "socket: %s", strerror(errno));
	set_options(descriptor, to->sa_family);
	int problem = connect(descriptor, to, length) == 0 ? 0 : errno;
	if (problem == EINPROGRESS || problem == EINTR) {
		int ready = redis_socket_wait(descriptor, POLLOUT, clock, deadline_us, err);
		socklen_t size = sizeof problem;
		if (ready < 0)
			goto close_descriptor;
		if (ready == 0)
			problem = ETIMEDOUT;
		else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) < 0)
			problem = errno;
	}
	if (problem == 0 && met_itself(descriptor))
		problem = ECONNREFUSED;
	if (problem == 0)
		status = 0;
	else
		err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "cannot connect: %s", strerror(problem));
close_descriptor:
	if (status < 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}

static int connect_local(const char *path, const struct clock *clock, int64_t deadline_us, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	assert(length < sizeof to.sun_path);
	memcpy(to.sun_path, path, length + 1);
	return connect_one((const struct sockaddr *)&to, sizeof to, clock, deadline_us, err);
}

int redis_socket_connect(const struct redis_address *address, const struct clock *clock, int64_t deadline_us,
			 struct err *err)
{
	if (address->local)
		return connect_local(address->host, clock, deadline_us, err);

	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int problem = getaddrinfo(address->host, address->port, &hints, &found);
	if (problem != 0)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "cannot resolve %s: %s", address->host,
				      problem == EAI_SYSTEM ? strerror(errno) : gai_strerror(problem));
	/* The last address' error is told: "localhost" is often ::1 first, where nobody listens. */
	int descriptor = -1;
	struct err last = {0};
	for (const struct addrinfo *at = found; at != NULL && descriptor < 0; at = at->ai_next) {
		err_clear(&last);
		descriptor = connect_one(at->ai_addr, at->ai_addrlen, clock, deadline_us, &last);
	}
	freeaddrinfo(found);
	if (descriptor < 0)
		err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s", last.message);
	return descriptor;
}
