#include "test/twin/registry_twin.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWERS_MAX 64

struct answer {
	char path[256]; /* empty: all others */
	unsigned status;
	char *body, *location;
	size_t length;
	int delay_ms;
};

struct registry_twin {
	struct MHD_Daemon *daemon;
	char url[64];
	pthread_mutex_t lock;
	struct answer answers[ANSWERS_MAX];
	size_t answer_count;
	struct registry_twin_request last;
};

/* A request's body as it comes in. */
struct upload {
	size_t length;
	char bytes[sizeof(((struct registry_twin_request *)0)->body)];
};

static void copy_header(struct MHD_Connection *connection, const char *name, char *out, size_t size)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
	(void)snprintf(out, size, "%s", value == NULL ? "" : value);
}

static const struct answer *find(const struct registry_twin *twin, const char *path)
{
	const struct answer *others = NULL;
	for (size_t i = 0; i < twin->answer_count; i++) {
		if (strcmp(twin->answers[i].path, path) == 0)
			return &twin->answers[i];
		if (twin->answers[i].path[0] == '\0')
			others = &twin->answers[i];
	}
	return others;
}

static enum MHD_Result reply(struct registry_twin *twin, struct MHD_Connection *connection, const char *path)
{
	(void)pthread_mutex_lock(&twin->lock);
	struct answer answer = *find(twin, path);
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(answer.length, answer.body, MHD_RESPMEM_MUST_COPY);
	if (answer.location != NULL)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, answer.location);
	(void)pthread_mutex_unlock(&twin->lock);
	(void)usleep((useconds_t)answer.delay_ms * 1000);
	enum MHD_Result result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *path, const char *method,
			      const char *version, const char *bytes, size_t *length, void **context)
{
	struct registry_twin *twin = self;
	struct upload *upload = *context;
	(void)version;
	if (upload == NULL) {
		upload = *context = calloc(1, sizeof *upload);
		return upload == NULL ? MHD_NO : MHD_YES;
	}
	if (*length > 0) {
		size_t room = sizeof upload->bytes - 1 - upload->length, taken = *length < room ? *length : room;
		memcpy(upload->bytes + upload->length, bytes, taken);
		upload->length += taken;
		*length = 0;
		return MHD_YES;
	}
	(void)pthread_mutex_lock(&twin->lock);
	struct registry_twin_request *last = &twin->last;
	last->count++;
	(void)snprintf(last->method, sizeof last->method, "%s", method);
	(void)snprintf(last->path, sizeof last->path, "%s", path);
	memcpy(last->body, upload->bytes, sizeof last->body);
	copy_header(connection, "Authorization", last->authorization, sizeof last->authorization);
	copy_header(connection, "Accept", last->accept, sizeof last->accept);
	copy_header(connection, "Content-Type", last->content_type, sizeof last->content_type);
	(void)pthread_mutex_unlock(&twin->lock);
	return reply(twin, connection, path);
}

static void finished(void *self, struct MHD_Connection *connection, void **context,
		     enum MHD_RequestTerminationCode code)
{
	(void)self;
	(void)connection;
	(void)code;
	free(*context);
	*context = NULL;
}

struct registry_twin *registry_twin_new(const char *certificate, const char *key)
{
	struct registry_twin *twin = calloc(1, sizeof *twin);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert(twin != NULL);
	(void)pthread_mutex_init(&twin->lock, NULL);
	registry_twin_say(twin, NULL, 404, REGISTRY_TWIN_NOT_FOUND);
	registry_twin_say(twin, "/subjects", 200, "[]");
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(size_t)certificate},
				       {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(size_t)key},
				       {MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | (certificate == NULL ? 0 : (unsigned)MHD_USE_TLS);
	twin->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, twin, MHD_OPTION_SOCK_ADDR, &address,
					MHD_OPTION_NOTIFY_COMPLETED, finished, NULL, MHD_OPTION_ARRAY,
					certificate == NULL ? tls + 2 : tls, MHD_OPTION_END);
	if (twin->daemon == NULL) {
		registry_twin_free(twin);
		return NULL;
	}
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(twin->daemon, MHD_DAEMON_INFO_BIND_PORT);
	(void)snprintf(twin->url, sizeof twin->url, "http%s://127.0.0.1:%d", certificate == NULL ? "" : "s",
		       (int)info->port);
	return twin;
}

const char *registry_twin_url(const struct registry_twin *twin)
{
	return twin->url;
}

void registry_twin_answer(struct registry_twin *twin, const char *path, unsigned status, const char *body,
			  size_t length, const char *location, int delay_ms)
{
	(void)pthread_mutex_lock(&twin->lock);
	struct answer *answer = twin->answers;
	while (answer < twin->answers + twin->answer_count && strcmp(answer->path, path == NULL ? "" : path) != 0)
		answer++;
	if (answer == twin->answers + twin->answer_count) {
		assert(twin->answer_count < ANSWERS_MAX);
		twin->answer_count++;
	}
	free(answer->body);
	free(answer->location);
	(void)snprintf(answer->path, sizeof answer->path, "%s", path == NULL ? "" : path);
	answer->status = status;
	answer->body = malloc(length + 1);
	assert(answer->body != NULL);
	memcpy(answer->body, body, length);
	answer->length = length;
	answer->location = location == NULL ? NULL : strdup(location);
	answer->delay_ms = delay_ms;
	(void)pthread_mutex_unlock(&twin->lock);
}

void registry_twin_say(struct registry_twin *twin, const char *path, unsigned status, const char *body)
{
	registry_twin_answer(twin, path, status, body, strlen(body), NULL, 0);
}

struct registry_twin_request registry_twin_last(struct registry_twin *twin)
{
	(void)pthread_mutex_lock(&twin->lock);
	struct registry_twin_request last = twin->last;
	(void)pthread_mutex_unlock(&twin->lock);
	return last;
}

void registry_twin_free(struct registry_twin *twin)
{
	if (twin == NULL)
		return;
	if (twin->daemon != NULL)
		MHD_stop_daemon(twin->daemon);
	for (size_t i = 0; i < twin->answer_count; i++) {
		free(twin->answers[i].body);
		free(twin->answers[i].location);
	}
	(void)pthread_mutex_destroy(&twin->lock);
	free(twin);
}
