/* One HTTP request to one address of a schema registry. Belongs to registry_http.c, which decides what to ask whom. */
#ifndef OUTLIERD_REGISTRY_REQUEST_H
#define OUTLIERD_REGISTRY_REQUEST_H

#include "daemon/io/registry_http.h"

struct registry_request;

/** Prepares libcurl with the options' time-outs, credentials and files. ERR_CONFIG names the option that cannot work. */
struct registry_request *registry_request_new(const struct registry_options *options, struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void registry_request_free(struct registry_request *request);

/** True for an http or https address without user, query and fragment. */
bool registry_request_url_valid(const char *url);

/** Sends GET (body NULL) or POST to url + path; status receives the answer's, body its bytes, lent until the next call. -1 (ERR_UNAVAILABLE, with the address): no whole answer came. */
int registry_request_send(struct registry_request *request, const char *url, const char *path, const struct slice *post,
			  long *status, struct slice *body, struct err *err) MUST_USE;

/** A text as one part of a path, percent-encoded; to be freed by the caller. NULL: out of memory. */
char *registry_request_escape(struct registry_request *request, const char *text);

#endif
