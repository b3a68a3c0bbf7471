#include "daemon/io/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS_MAX 64
#define IDLE_SECONDS 10

struct http {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock; /* over all below */
	char *metrics;
	size_t metrics_length;
	bool ready;
	char reason[256];
	int64_t published_us;
	uint16_t port;
};

static int64_t monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *text,
			      size_t length)
{
	/* MHD copies: our text may change as soon as the lock is gone. */
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* @locality libmicrohttpd's thread */
static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **state)
{
	struct http *http = self;
	enum MHD_Result result;
	static const char seen = 1;
	(void)version;
	(void)upload;
	if (*state == NULL) {
		*state = (void *)(uintptr_t)&seen;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	pthread_mutex_lock(&http->lock);
	bool live = monotonic_us() - http->published_us < HTTP_LIVE_MS * 1000;
	if (strcmp(url, "/metrics") == 0)
		result = answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
				http->metrics == NULL ? "" : http->metrics, http->metrics_length);
	else if (strcmp(url, "/livez") == 0)
		result = answer_text(connection, live ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				     live ? "ok\n" : "the loop does not turn\n");
	else if (strcmp(url, "/readyz") == 0)
		result = answer_text(connection, http->ready && live ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				     http->ready && live ? "ok\n" : http->reason);
	else
		result = answer_text(connection, MHD_HTTP_NOT_FOUND, "try /metrics /livez /readyz\n");
	pthread_mutex_unlock(&http->lock);
	return result;
}

static int parse_listen(const char *listen, struct sockaddr_storage *address, socklen_t *length, struct err *err)
{
	char host[INET6_ADDRSTRLEN + 2] = "";
	const char *colon = strrchr(listen, ':');
	char *end = NULL;
	long port = colon == NULL ? -1 : strtol(colon + 1, &end, 10);
	size_t host_length = colon == NULL ? 0 : (size_t)(colon - listen);
	if (port < 0 || port > 65535 || *end != '\0' || end == colon + 1 || host_length == 0 ||
	    host_length >= sizeof host)
		return err_set(err, ERR_CONFIG,
			       "http.listen: \"%s\" is not an address and port such as 127.0.0.1:9464 or [::1]:9464",
			       listen);
	memcpy(host, listen, host_length);
	memset(address, 0, sizeof *address);
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*length = sizeof *four;
		return 0;
	}
	if (host[0] == '[' && host[host_length - 1] == ']') {
		host[host_length - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1) {
			six->sin6_family = AF_INET6;
			six->sin6_port = htons((uint16_t)port);
			*length = sizeof *six;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "http.listen: \"%s\" has no numeric address such as 127.0.0.1 or [::1]",
		       listen);
}

struct http *http_new(const char *listen, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t length = 0;
	if (parse_listen(listen, &address, &length, err) != 0)
		return NULL;
	struct http *http = calloc(1, sizeof *http);
	if (http == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	pthread_mutex_init(&http->lock, NULL);
	snprintf(http->reason, sizeof http->reason, "starting\n");
	http->published_us = monotonic_us();
	unsigned flags =
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	http->daemon =
	    MHD_start_daemon(flags, 0, NULL, NULL, handle, http, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
			     MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
			     (unsigned)IDLE_SECONDS, MHD_OPTION_END);
	if (http->daemon == NULL) {
		(void)err_set(err, ERR_UNAVAILABLE, "http.listen: cannot listen on %s (is the port taken?)", listen);
		http_free(http);
		return NULL;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
	http->port = info == NULL ? 0 : info->port;
	return http;
}

uint16_t http_port(const struct http *http)
{
	return http->port;
}

void http_publish(struct http *http, struct slice metrics, bool ready, const char *reason, int64_t now_us)
{
	char *copy = malloc(metrics.length + 1);
	if (copy == NULL)
		return; /* the last text stays */
	memcpy(copy, metrics.data, metrics.length);
	pthread_mutex_lock(&http->lock);
	char *old = http->metrics;
	http->metrics = copy;
	http->metrics_length = metrics.length;
	http->ready = ready;
	snprintf(http->reason, sizeof http->reason, "%s\n", reason);
	http->published_us = now_us;
	pthread_mutex_unlock(&http->lock);
	free(old);
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	pthread_mutex_destroy(&http->lock);
	free(http->metrics);
	free(http);
}
