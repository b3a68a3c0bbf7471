#include <jansson.h>

#include "daemon/cmd/origin.h"

#include "daemon/io/output.h"
#include "json.h"
#include "number.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".scored.json"
#define PATH_BYTES 4096

struct origin origin_of(const struct model *model)
{
	struct origin origin = {.known = true,
				.trained_from_ms = model->trained_on.time_from_ms,
				.trained_to_ms = model->trained_on.time_to_ms};
	strcpy(origin.model_id, model->id);
	strcpy(origin.trained_sha256, model->trained_on.sha256);
	return origin;
}

static int path_of(const char *scores_path, char path[PATH_BYTES], struct err *err)
{
	int length = snprintf(path, PATH_BYTES, "%s" SUFFIX, scores_path);
	return length > 0 && length < PATH_BYTES ? 0
						 : err_set(err, ERR_USAGE, "a path of more than %d bytes", PATH_BYTES);
}

static void add_time(struct json *json, const char *name, int64_t time_ms)
{
	json_name(json, name);
	if (time_ms == MODEL_TIME_UNKNOWN)
		json_add_null(json);
	else
		json_add_integer(json, time_ms);
}

int origin_write(const char *scores_path, const struct origin *origin, struct err *err)
{
	char path[PATH_BYTES];
	struct output output;
	struct stat facts;
	struct json json;
	if (stat(scores_path, &facts) != 0)
		return err_set(err, ERR_IO, "%s: %s", scores_path, strerror(errno));
	if (!S_ISREG(facts.st_mode)) /* nothing stands beside a pipe or a device */
		return 0;
	if (path_of(scores_path, path, err) != 0 || output_open(&output, path, err) != 0)
		return -1;
	json_begin(&json, &output.buffer);
	json_open_object(&json);
	json_name(&json, "bytes");
	json_add_integer(&json, facts.st_size);
	json_name(&json, "input_sha256");
	json_add_string(&json, origin->input_sha256);
	json_name(&json, "model_id");
	json_add_string(&json, origin->model_id);
	add_time(&json, "trained_from_ms", origin->trained_from_ms);
	json_name(&json, "trained_sha256");
	json_add_string(&json, origin->trained_sha256);
	add_time(&json, "trained_to_ms", origin->trained_to_ms);
	json_close_object(&json);
	buffer_add_byte(&output.buffer, '\n');
	return output_close(&output, err);
}

/* Takes a hash, which may be empty where that is allowed. */
static bool take_hash(const json_t *root, const char *name, bool may_be_empty, char hash[SHA256_HEX])
{
	const char *text = json_string_value(json_object_get(root, name));
	if (text == NULL || !(strlen(text) == SHA256_HEX - 1 || (may_be_empty && *text == '\0')))
		return false;
	strcpy(hash, text);
	return true;
}

static bool take_time(const json_t *root, const char *name, int64_t *time_ms)
{
	const json_t *value = json_object_get(root, name);
	*time_ms = json_is_integer(value) ? json_integer_value(value) : MODEL_TIME_UNKNOWN;
	return json_is_integer(value) || json_is_null(value);
}

int origin_read(const char *scores_path, struct origin *origin, struct err *err)
{
	char path[PATH_BYTES];
	struct stat facts;
	*origin = (struct origin){0};
	if (strcmp(scores_path, "-") == 0)
		return 0;
	if (path_of(scores_path, path, err) != 0)
		return -1;
	if (stat(path, &facts) != 0 && errno == ENOENT)
		return 0;
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		return err_set(err, ERR_DATA, "%s: line %d: %s", path, error.line, error.text);
	const json_t *bytes = json_object_get(root, "bytes");
	int status = 0;
	if (!json_is_integer(bytes) || !take_hash(root, "model_id", false, origin->model_id) ||
	    !take_hash(root, "input_sha256", true, origin->input_sha256) ||
	    !take_hash(root, "trained_sha256", true, origin->trained_sha256) ||
	    !take_time(root, "trained_from_ms", &origin->trained_from_ms) ||
	    !take_time(root, "trained_to_ms", &origin->trained_to_ms))
		status = err_set(err, ERR_DATA,
				 "%s: expected bytes, input_sha256, model_id, trained_from_ms, trained_sha256 and "
				 "trained_to_ms",
				 path);
	else
		origin->known = stat(scores_path, &facts) == 0 && facts.st_size == json_integer_value(bytes);
	json_decref(root);
	return status;
}

int origin_check(const struct origin *origin, const char *scores_path, int64_t from_ms, int64_t to_ms, struct err *err)
{
	static const char remedy[] = "such rows flatter it: evaluate others, or say --allow-training-rows";
	char texts[4][NUMBER_TEXT_MAX];
	if (!origin->known)
		return 0;
	if (*origin->trained_sha256 != '\0' && strcmp(origin->trained_sha256, origin->input_sha256) == 0)
		return err_set(err, ERR_DATA, "%s: model %.12s was trained on these very rows; %s", scores_path,
			       origin->model_id, remedy);
	if (from_ms > to_ms || origin->trained_from_ms == MODEL_TIME_UNKNOWN ||
	    origin->trained_to_ms == MODEL_TIME_UNKNOWN || from_ms > origin->trained_to_ms ||
	    to_ms < origin->trained_from_ms)
		return 0;
	time_format_rfc3339(from_ms, texts[0]);
	time_format_rfc3339(to_ms, texts[1]);
	time_format_rfc3339(origin->trained_from_ms, texts[2]);
	time_format_rfc3339(origin->trained_to_ms, texts[3]);
	return err_set(err, ERR_DATA,
		       "%s: rows from %s to %s overlap in time with those that model %.12s was trained on, from %s to "
		       "%s; %s",
		       scores_path, texts[0], texts[1], origin->model_id, texts[2], texts[3], remedy);
}
