/*
 * A proxy between store and server that does one thing at the next EXEC: loses it, loses its reply, delays it on a
 * connection that the client has lost, or lets the test do something at that moment. One client at a time, one thread,
 * which writes to one side while the other must wait: so it also is a peer that reads nothing until it is read.
 */
#ifndef OUTLIERD_TEST_EXEC_PROXY_H
#define OUTLIERD_TEST_EXEC_PROXY_H

#include "test/integration/redis_process.h"

#include <poll.h>
#include <pthread.h>

#define EXEC_BYTES "*1\r\n$4\r\nEXEC\r\n"
#define PROXY_SEND_BYTES 4096

enum proxy_action {
	PROXY_PASS,
	PROXY_LOSE_EXEC,  /* closes both sides instead of passing it on */
	PROXY_LOSE_REPLY, /* passes it on, waits for the answer, closes both sides */
	PROXY_DELAY_EXEC, /* closes the client's side, keeps the server's; passes it on just before the next EXEC */
	PROXY_KEEP_EXEC   /* likewise, but passes it on when exec_proxy_release() says so */
};

struct exec_proxy {
	int port, listener, upstream_port;
	char address[64];
	pthread_t thread;
	int stop_pipe[2];
	pthread_mutex_t lock;
	enum proxy_action action;       /* at the next EXEC; then PROXY_PASS */
	void (*at_exec)(void *context); /* called before the next EXEC is passed on; then NULL */
	void *context;
	int delayed, kept; /* server's sides of EXECs not passed on yet; -1: none */
	char late_answer[64];
	size_t connections;
};

static inline bool send_all(int descriptor, const char *bytes, size_t length)
{
	for (size_t sent = 0; sent < length;) {
		ssize_t now = send(descriptor, bytes + sent, length - sent, MSG_NOSIGNAL);
		if (now <= 0)
			return false;
		sent += (size_t)now;
	}
	return true;
}

static inline int proxy_connect(const struct exec_proxy *proxy)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)proxy->upstream_port)};
	int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(descriptor, (struct sockaddr *)&to, sizeof to) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

/* Passes a late EXEC on and waits for its answer. */
static inline void pass_late(struct exec_proxy *proxy, int *server)
{
	if (*server < 0)
		return;
	send_all(*server, EXEC_BYTES, sizeof EXEC_BYTES - 1);
	ssize_t got = recv(*server, proxy->late_answer, sizeof proxy->late_answer - 1, 0);
	proxy->late_answer[got < 0 ? 0 : got] = '\0';
	close(*server);
	*server = -1;
}

/* Passes on what PROXY_KEEP_EXEC kept; what the server said to it is in late_answer then. */
static inline void exec_proxy_release(struct exec_proxy *proxy)
{
	pass_late(proxy, &proxy->kept);
}

/* Bytes from the client that end with EXEC. Returns false where the connection is over. */
static inline bool pass_exec(struct exec_proxy *proxy, int *server, const char *bytes, size_t length)
{
	char answer[4096];
	pthread_mutex_lock(&proxy->lock);
	enum proxy_action action = proxy->action;
	void (*at_exec)(void *) = proxy->at_exec;
	proxy->action = PROXY_PASS;
	proxy->at_exec = NULL;
	pthread_mutex_unlock(&proxy->lock);
	size_t before = length - (sizeof EXEC_BYTES - 1);
	if (!send_all(*server, bytes, before))
		return false;
	if (action == PROXY_LOSE_EXEC)
		return false;
	if (action == PROXY_DELAY_EXEC || action == PROXY_KEEP_EXEC) {
		real_sleep_ms(NULL, 20); /* the answers to what was queued */
		(void)!recv(*server, answer, sizeof answer, MSG_DONTWAIT);
		*(action == PROXY_DELAY_EXEC ? &proxy->delayed : &proxy->kept) = *server;
		*server = -1;
		return false;
	}
	pass_late(proxy, &proxy->delayed);
	if (at_exec != NULL)
		at_exec(proxy->context);
	if (!send_all(*server, bytes + before, sizeof EXEC_BYTES - 1))
		return false;
	if (action == PROXY_LOSE_REPLY) {
		real_sleep_ms(NULL, 20);
		(void)!recv(*server, answer, sizeof answer, 0);
		return false;
	}
	return true;
}

static inline void proxy_serve(struct exec_proxy *proxy, int client)
{
	static char bytes[1 << 16];
	int server = proxy_connect(proxy);
	for (bool going = server >= 0; going;) {
		struct pollfd ready[3] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {proxy->stop_pipe[0], POLLIN, 0}};
		poll(ready, 3, -1);
		if (ready[2].revents != 0)
			break;
		bool from_client = ready[0].revents != 0;
		ssize_t got = recv(from_client ? client : server, bytes, sizeof bytes, 0);
		if (got <= 0)
			break;
		size_t length = (size_t)got, tail = sizeof EXEC_BYTES - 1;
		if (from_client && length >= tail && memcmp(bytes + length - tail, EXEC_BYTES, tail) == 0)
			going = pass_exec(proxy, &server, bytes, length);
		else
			going = send_all(from_client ? server : client, bytes, length);
	}
	if (server >= 0)
		close(server);
	close(client);
}

static inline void *proxy_run(void *self)
{
	struct exec_proxy *proxy = self;
	for (;;) {
		struct pollfd ready[2] = {{proxy->listener, POLLIN, 0}, {proxy->stop_pipe[0], POLLIN, 0}};
		poll(ready, 2, -1);
		if (ready[1].revents != 0)
			return NULL;
		int client = accept(proxy->listener, NULL, NULL);
		if (client < 0)
			continue;
		int small = PROXY_SEND_BYTES;
		setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
		proxy->connections++;
		proxy_serve(proxy, client);
	}
}

static inline void exec_proxy_start(struct exec_proxy *proxy, const struct redis_process *server)
{
	*proxy = (struct exec_proxy){.upstream_port = server->port, .delayed = -1, .kept = -1};
	proxy->listener = listen_somewhere(&proxy->port);
	snprintf(proxy->address, sizeof proxy->address, "tcp://127.0.0.1:%d", proxy->port);
	pthread_mutex_init(&proxy->lock, NULL);
	if (pipe2(proxy->stop_pipe, O_CLOEXEC) < 0 || pthread_create(&proxy->thread, NULL, proxy_run, proxy) != 0)
		give_up("no thread for the proxy");
}

static inline void exec_proxy_at_next_exec(struct exec_proxy *proxy, enum proxy_action action, void (*at_exec)(void *),
					   void *context)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->action = action;
	proxy->at_exec = at_exec;
	proxy->context = context;
	pthread_mutex_unlock(&proxy->lock);
}

static inline void exec_proxy_stop(struct exec_proxy *proxy)
{
	(void)!write(proxy->stop_pipe[1], "", 1);
	pthread_join(proxy->thread, NULL);
	if (proxy->delayed >= 0)
		close(proxy->delayed);
	if (proxy->kept >= 0)
		close(proxy->kept);
	close(proxy->listener);
	close(proxy->stop_pipe[0]);
	close(proxy->stop_pipe[1]);
}

#endif
