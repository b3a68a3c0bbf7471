/*
 * A redis-server of a test's own: a free port, a folder of its own, stopped by its process id. It dies with the test.
 * The functions end the test program where the server cannot be had: without it no test says anything.
 */
#ifndef OUTLIERD_TEST_REDIS_PROCESS_H
#define OUTLIERD_TEST_REDIS_PROCESS_H

#include "daemon/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REDIS_START_S 20
#define REDIS_ARGUMENTS_MAX 40

struct redis_process {
	pid_t pid; /* 0: not running */
	int port;
	char folder[64];
	char address[64], local_address[96]; /* as the store wants them */
	const char *const *arguments;        /* beyond those of every server; ends with NULL */
};

static int64_t real_wall_ms(void *self)
{
	struct timespec now;
	(void)self;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t real_monotonic_us(void *self)
{
	struct timespec now;
	(void)self;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void real_sleep_ms(void *self, int64_t ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	(void)self;
	nanosleep(&time, NULL);
}

static uint64_t real_random(void *self)
{
	return (uint64_t)real_monotonic_us(self) * UINT64_C(0x9e3779b97f4a7c15) >> 7;
}

static const struct clock real_clock = {NULL, real_wall_ms, real_monotonic_us, real_sleep_ms, real_random};

static inline void give_up(const char *what)
{
	printf("cannot go on: %s\n0 passed, 1 failed\n", what);
	exit(1);
}

/* A listening socket on a free port of the loopback interface. */
static inline int listen_somewhere(int *port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof here;
	int one = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(descriptor, (struct sockaddr *)&here, sizeof here) < 0 || listen(descriptor, 16) < 0 ||
	    getsockname(descriptor, (struct sockaddr *)&here, &length) < 0)
		give_up("no free port");
	*port = ntohs(here.sin_port);
	return descriptor;
}

/* A connection of the test's own, by hiredis; NULL: nobody answers. */
static inline redisContext *redis_process_connect(const struct redis_process *server)
{
	redisContext *context = redisConnectWithTimeout("127.0.0.1", server->port, (struct timeval){1, 0});
	if (context != NULL && context->err != 0) {
		redisFree(context);
		return NULL;
	}
	return context;
}

static inline void run_redis(const struct redis_process *server)
{
	char port[16], local[96], log[96];
	snprintf(port, sizeof port, "%d", server->port);
	snprintf(local, sizeof local, "%s/socket", server->folder);
	snprintf(log, sizeof log, "%s/log", server->folder);
	const char *arguments[REDIS_ARGUMENTS_MAX] = {
	    "redis-server", "--port",    port, "--bind", "127.0.0.1", "--unixsocket", local, "--dir",
	    server->folder, "--logfile", log,  "--save", "",          "--daemonize",  "no"};
	size_t count = 15;
	for (size_t i = 0; server->arguments != NULL && server->arguments[i] != NULL; i++)
		if (count < REDIS_ARGUMENTS_MAX - 1)
			arguments[count++] = server->arguments[i];
	arguments[count] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The server's first words go to standard output, before it opens its log. */
	(void)!freopen("/dev/null", "w", stdout);
	execvp(arguments[0], (char *const *)arguments);
	fprintf(stderr, "redis-server is not installed: make deps-test\n");
	_exit(127);
}

/* Starts the server (again) and, where `answering`, waits until it is fit for use; else until it accepts connections. */
static inline void redis_process_start(struct redis_process *server, bool answering)
{
	fflush(stdout);
	server->pid = fork();
	if (server->pid == 0)
		run_redis(server);
	int64_t end_us = real_monotonic_us(NULL) + REDIS_START_S * INT64_C(1000000);
	for (;;) {
		redisContext *context = redis_process_connect(server);
		redisReply *reply = context == NULL ? NULL : redisCommand(context, "PING");
		bool loading =
		    reply != NULL && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "LOADING", 7) == 0;
		bool ready = reply != NULL && !(answering && loading);
		if (reply != NULL)
			freeReplyObject(reply);
		if (context != NULL)
			redisFree(context);
		if (ready)
			return;
		int status;
		if (waitpid(server->pid, &status, WNOHANG) == server->pid)
			give_up("redis-server ended at once");
		if (real_monotonic_us(NULL) > end_us)
			give_up("redis-server does not answer");
		real_sleep_ms(NULL, 2);
	}
}

/* Makes folder and port. */
static inline void redis_process_prepare(struct redis_process *server, const char *const *arguments)
{
	*server = (struct redis_process){.folder = "/tmp/outlierd-redis-XXXXXX", .arguments = arguments};
	if (mkdtemp(server->folder) == NULL)
		give_up("no folder for redis-server");
	close(listen_somewhere(&server->port));
	snprintf(server->address, sizeof server->address, "tcp://127.0.0.1:%d", server->port);
	snprintf(server->local_address, sizeof server->local_address, "unix://%s/socket", server->folder);
}

/* Ends it by a signal; SIGKILL: like a crash. */
static inline void redis_process_end(struct redis_process *server, int signal_number)
{
	int status;
	if (server->pid <= 0)
		return;
	kill(server->pid, signal_number);
	waitpid(server->pid, &status, 0);
	server->pid = 0;
}

/* Ends it and removes its folder. */
static inline void redis_process_remove(struct redis_process *server)
{
	char command[128];
	redis_process_end(server, SIGKILL);
	snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
	if (system(command) != 0)
		printf("  cannot remove %s\n", server->folder);
}

/* One command of the test's own; its answer as text: a number, a string, an error, "nil", or "array". */
static inline const char *redis_process_ask(const struct redis_process *server, const char *command)
{
	static char text[16384];
	redisContext *context = redis_process_connect(server);
	redisReply *reply = context == NULL ? NULL : redisCommand(context, command);
	if (reply == NULL)
		snprintf(text, sizeof text, "no answer");
	else if (reply->type == REDIS_REPLY_INTEGER)
		snprintf(text, sizeof text, "%lld", reply->integer);
	else if (reply->type == REDIS_REPLY_NIL || reply->type == REDIS_REPLY_ARRAY)
		snprintf(text, sizeof text, "%s", reply->type == REDIS_REPLY_NIL ? "nil" : "array");
	else
		snprintf(text, sizeof text, "%s", reply->str);
	if (reply != NULL)
		freeReplyObject(reply);
	if (context != NULL)
		redisFree(context);
	return text;
}

/* The number behind `name` in the text of INFO; -1: it is not there. */
static inline long long redis_process_info(const struct redis_process *server, const char *section, const char *name)
{
	char command[64];
	snprintf(command, sizeof command, "INFO %s", section);
	const char *found = strstr(redis_process_ask(server, command), name);
	return found == NULL ? -1 : atoll(found + strlen(name));
}

#endif
