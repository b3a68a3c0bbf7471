#include <jansson.h>

#include "daemon/cmd/about.h"

#include "daemon/io/output.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SUFFIX ".about.json"
#define PATH_BYTES 4096

static int path_of(const char *vectors_path, char path[PATH_BYTES], struct err *err)
{
	int length = snprintf(path, PATH_BYTES, "%s" SUFFIX, vectors_path);
	return length > 0 && length < PATH_BYTES ? 0
						 : err_set(err, ERR_USAGE, "a path of more than %d bytes", PATH_BYTES);
}

int about_write(const char *vectors_path, const struct about *about, struct err *err)
{
	char path[PATH_BYTES];
	struct output output;
	struct json json;
	if (path_of(vectors_path, path, err) != 0 || output_open(&output, path, err) != 0)
		return -1;
	json_begin(&json, &output.buffer);
	json_open_object(&json);
	json_name(&json, "bytes");
	json_add_integer(&json, (int64_t)about->bytes);
	json_name(&json, "feature_set_id");
	json_add_string(&json, about->feature_set_id);
	json_name(&json, "order_assumed");
	json_add_boolean(&json, about->order_assumed);
	json_close_object(&json);
	buffer_add_byte(&output.buffer, '\n');
	return output_close(&output, err);
}

int about_read(const char *vectors_path, struct about *about, struct err *err)
{
	char path[PATH_BYTES];
	struct stat facts;
	*about = (struct about){0};
	if (strcmp(vectors_path, "-") == 0)
		return 0;
	if (path_of(vectors_path, path, err) != 0)
		return -1;
	if (stat(path, &facts) != 0 && errno == ENOENT)
		return 0;
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		return err_set(err, ERR_DATA, "%s: line %d: %s", path, error.line, error.text);
	const char *id = json_string_value(json_object_get(root, "feature_set_id"));
	const json_t *assumed = json_object_get(root, "order_assumed"), *bytes = json_object_get(root, "bytes");
	int status = 0;
	if (id == NULL || strlen(id) != SHA256_HEX - 1 || !json_is_boolean(assumed) || !json_is_integer(bytes)) {
		status = err_set(err, ERR_DATA, "%s: expected bytes, feature_set_id and order_assumed", path);
	} else {
		strcpy(about->feature_set_id, id);
		about->order_assumed = json_is_true(assumed);
		about->bytes = (uint64_t)json_integer_value(bytes);
		about->known = stat(vectors_path, &facts) == 0 && (uint64_t)facts.st_size == about->bytes;
	}
	json_decref(root);
	return status;
}
