#include "daemon/io/registry_request.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"
#define ACCEPT "Accept: " MEDIA_TYPE ", application/json"

struct registry_request {
	CURL *curl;
	struct curl_slist *headers, *post_headers;
	struct buffer url, body;
	char reason[CURL_ERROR_SIZE];
};

bool registry_request_url_valid(const char *url)
{
	size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
	const char *at = url + scheme;
	if (scheme == 0 || *at == '\0' || *at == '/')
		return false;
	for (; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("@?#\\\"<>", *at) != NULL)
			return false;
	return true;
}

/* A secret that a header carries: no line breaks, which would end the header. */
static bool has_controls(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int check_file(const char *option, const char *path, struct err *err)
{
	if (path == NULL || access(path, R_OK) == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "%s %s: cannot be read", option, path);
}

static int check_options(const struct registry_options *options, struct err *err)
{
	if (options->url_count == 0)
		return err_set(err, ERR_CONFIG, "no registry address");
	for (size_t i = 0; i < options->url_count; i++)
		if (!registry_request_url_valid(options->urls[i]))
			return err_set(
			    err, ERR_CONFIG,
			    "registry address %zu: expected http://HOST or https://HOST, without user, query "
			    "and fragment",
			    i + 1);
	if (options->timeout_ms < 1 || options->timeout_ms > INT32_MAX)
		return err_set(err, ERR_CONFIG, "registry time-out: not a positive number of ms");
	if (options->user != NULL && options->bearer != NULL)
		return err_set(err, ERR_CONFIG, "registry: user and bearer token exclude each other");
	if (has_controls(options->user) || has_controls(options->password) || has_controls(options->bearer))
		return err_set(err, ERR_CONFIG,
			       "registry: a line break or control character in user, password or token");
	if (options->user != NULL && strchr(options->user, ':') != NULL)
		return err_set(err, ERR_CONFIG, "registry: a colon in the user's name");
	if (check_file("registry CA file", options->ca_file, err) != 0 ||
	    check_file("registry client certificate", options->certificate_file, err) != 0)
		return -1;
	return check_file("registry client key", options->key_file, err);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct buffer *body = context;
	assert(size == 1);
	(void)size;
	if (count > REGISTRY_RESPONSE_MAX - body->length)
		return 0;
	buffer_add(body, bytes, count);
	return buffer_failed(body) ? 0 : count;
}

static bool add_header(struct curl_slist **headers, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*headers, header);
	if (longer != NULL)
		*headers = longer;
	return longer != NULL;
}

/* An empty Expect keeps libcurl from waiting for "100 Continue" before long bodies. */
static bool make_headers(struct registry_request *request)
{
	return add_header(&request->headers, ACCEPT) && add_header(&request->post_headers, ACCEPT) &&
	       add_header(&request->post_headers, "Content-Type: " MEDIA_TYPE) &&
	       add_header(&request->post_headers, "Expect:");
}

/* The first failure of many options. */
static CURLcode set_options(struct registry_request *request, const struct registry_options *options)
{
	CURL *curl = request->curl;
	long total = (long)options->timeout_ms;
	long auth = options->user != NULL ? (long)CURLAUTH_BASIC : options->bearer != NULL ? (long)CURLAUTH_BEARER : 0L;
	CURLcode codes[] = {
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https"),
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L),
	    curl_easy_setopt(curl, CURLOPT_PROXY, ""),
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
	    curl_easy_setopt(curl, CURLOPT_USERAGENT, "outlierd"),
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total),
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			     total < REGISTRY_CONNECT_MS ? total : REGISTRY_CONNECT_MS),
	    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->reason),
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body),
	    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &request->body),
	    auth == 0 ? CURLE_OK : curl_easy_setopt(curl, CURLOPT_HTTPAUTH, auth),
	    curl_easy_setopt(curl, CURLOPT_USERNAME, options->user),
	    curl_easy_setopt(curl, CURLOPT_PASSWORD, options->password),
	    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, options->bearer),
	    options->ca_file == NULL ? CURLE_OK : curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file),
	    curl_easy_setopt(curl, CURLOPT_SSLCERT, options->certificate_file),
	    curl_easy_setopt(curl, CURLOPT_SSLKEY, options->key_file),
	};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i] != CURLE_OK)
			return codes[i];
	return CURLE_OK;
}

struct registry_request *registry_request_new(const struct registry_options *options, struct err *err)
{
	if (check_options(options, err) != 0)
		return NULL;
	struct registry_request *request = calloc(1, sizeof *request);
	if (request == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK) {
		(void)err_set(err, code == CURLE_OUT_OF_MEMORY ? ERR_MEMORY : ERR_INTERNAL,
			      "libcurl cannot be initialised: %s", curl_easy_strerror(code));
		free(request);
		return NULL;
	}
	buffer_init(&request->url);
	buffer_init(&request->body);
	request->curl = curl_easy_init();
	bool good = request->curl != NULL && make_headers(request);
	code = good ? set_options(request, options) : CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		return request;
	(void)err_set(err, code == CURLE_OUT_OF_MEMORY ? ERR_MEMORY : ERR_INTERNAL, "libcurl: %s",
		      curl_easy_strerror(code));
	registry_request_free(request);
	return NULL;
}

void registry_request_free(struct registry_request *request)
{
	if (request == NULL)
		return;
	curl_easy_cleanup(request->curl);
	curl_slist_free_all(request->headers);
	curl_slist_free_all(request->post_headers);
	buffer_free(&request->url);
	buffer_free(&request->body);
	free(request);
	curl_global_cleanup();
}

char *registry_request_escape(struct registry_request *request, const char *text)
{
	char *escaped = curl_easy_escape(request->curl, text, 0), *copy = escaped == NULL ? NULL : strdup(escaped);
	curl_free(escaped);
	return copy;
}

static CURLcode set_method(struct registry_request *request, const struct slice *post)
{
	CURL *curl = request->curl;
	CURLcode code;
	if (post == NULL) {
		code = curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		return code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers);
	}
	code = curl_easy_setopt(curl, CURLOPT_POST, 1L);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->length);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->data);
	return code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->post_headers);
}

static CURLcode perform(struct registry_request *request, const struct slice *post, long *status)
{
	CURLcode code = set_method(request, post);
	if (code == CURLE_OK)
		code = curl_easy_setopt(request->curl, CURLOPT_URL, (const char *)request->url.data);
	if (code == CURLE_OK)
		code = curl_easy_perform(request->curl);
	return code != CURLE_OK ? code : curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, status);
}

int registry_request_send(struct registry_request *request, const char *url, const char *path, const struct slice *post,
			  long *status, struct slice *body, struct err *err)
{
	size_t length = strlen(url);
	while (length > 0 && url[length - 1] == '/')
		length--;
	buffer_reset(&request->body);
	buffer_reset(&request->url);
	buffer_add(&request->url, url, length);
	buffer_add_text(&request->url, path);
	buffer_add_byte(&request->url, '\0');
	if (buffer_failed(&request->url))
		return err_memory(err);
	request->reason[0] = '\0';
	CURLcode code = perform(request, post, status);
	const char *reason = request->reason[0] == '\0' ? curl_easy_strerror(code) : request->reason;
	if (buffer_failed(&request->body))
		return err_memory(err);
	if (code == CURLE_WRITE_ERROR)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: an answer of more than %u bytes",
				      (const char *)request->url.data, REGISTRY_RESPONSE_MAX);
	if (code != CURLE_OK)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "%s: %s", (const char *)request->url.data,
				      reason);
	*body = buffer_slice(&request->body);
	return 0;
}
