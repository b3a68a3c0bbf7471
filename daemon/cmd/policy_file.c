#include <jansson.h>

#include "daemon/cmd/policy_file.h"

#include "daemon/io/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "policies"
#define PATH_BYTES 4096
#define FILE_BYTES_MAX ((size_t)16 << 20)
#define ID_LENGTH (SHA256_HEX - 1)

static int path_of(const char *directory, const char *id, char path[PATH_BYTES], struct err *err)
{
	int length = snprintf(path, PATH_BYTES, "%s/" FOLDER "/%s.json", directory, id);
	return length > 0 && length < PATH_BYTES ? 0
						 : err_set(err, ERR_USAGE, "a path of more than %d bytes", PATH_BYTES);
}

/* A JSON file as a value. NULL: *err says why not. */
static json_t *load(const char *path, struct err *err)
{
	struct buffer text;
	json_error_t error;
	json_t *root = NULL;
	buffer_init(&text);
	if (whole_file_read(path, FILE_BYTES_MAX, &text, err) == 0) {
		root = json_loadb((const char *)text.data, text.length, 0, &error);
		if (!json_is_object(root)) {
			(void)err_set(err, ERR_DATA, "%s: line %d: %s", path, error.line, error.text);
			json_decref(root);
			root = NULL;
		}
	}
	buffer_free(&text);
	return root;
}

static int write_section(const char *path, const json_t *section, struct err *err)
{
	char *text = json_dumps(section, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return err_memory(err);
	int status = whole_file_write(path, slice_of(text), err);
	free(text);
	return status;
}

int policy_file_keep(const struct config *config, const char *policy_id, struct err *err)
{
	char path[PATH_BYTES], folder[PATH_BYTES];
	if (config->model_directory == NULL)
		return 0;
	if (path_of(config->model_directory, policy_id, path, err) != 0)
		return -1;
	if (access(path, F_OK) == 0)
		return 0;
	snprintf(folder, sizeof folder, "%.4000s/" FOLDER, config->model_directory);
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
	json_t *root = load(config->path, err), *empty = json_object();
	const json_t *section = json_object_get(root, "policy");
	int status = root == NULL ? -1 : write_section(path, section == NULL ? empty : section, err);
	json_decref(empty);
	json_decref(root);
	return status;
}

/* Any problem was none when the policy was kept; the first one says what has changed since. */
static void note(void *context, const char *path, const char *message)
{
	struct err *err = context;
	(void)err_set(err, ERR_CONFIG, "%s: %s", path, message);
}

struct config *policy_file_config(const struct config *config, const char *policy_id, struct err *err)
{
	char path[PATH_BYTES], folder[PATH_BYTES];
	struct config *changed = NULL;
	struct err problem = {0};
	char *text = NULL;
	if (config->model_directory == NULL) {
		(void)err_set(err, ERR_UNAVAILABLE, "no model.directory is configured");
		return NULL;
	}
	if (path_of(config->model_directory, policy_id, path, err) != 0)
		return NULL;
	json_t *section = load(path, err), *root = section == NULL ? NULL : load(config->path, err);
	if (root == NULL || json_object_set(root, "policy", section) != 0)
		goto free_json;
	text = json_dumps(root, 0);
	const char *slash = strrchr(config->path, '/');
	snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 0 : (int)(slash - config->path), config->path);
	if (text == NULL)
		(void)err_memory(err);
	else
		changed = config_parse(slice_of(text), folder, true, note, &problem, err);
	if (changed == NULL && err_is_set(&problem))
		(void)err_prepend(err, "%s: %s", path, problem.message);
	free(text);
free_json:
	json_decref(section);
	json_decref(root);
	return changed;
}

static int is_policy(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length == ID_LENGTH + 5 && strcmp(entry->d_name + ID_LENGTH, ".json") == 0;
}

int policy_file_list(const char *directory, void (*visit)(void *context, const char *id, const char *why),
		     void *context, struct err *err)
{
	char folder[PATH_BYTES], path[PATH_BYTES];
	struct dirent **entries = NULL;
	int status = 0;
	snprintf(folder, sizeof folder, "%.4000s/" FOLDER, directory);
	int count = scandir(folder, &entries, is_policy, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct err why = {0};
		entries[i]->d_name[ID_LENGTH] = '\0';
		if (status == 0)
			status = path_of(directory, entries[i]->d_name, path, err);
		json_t *section = status == 0 ? load(path, &why) : NULL;
		if (status == 0)
			visit(context, entries[i]->d_name, why.message);
		json_decref(section);
		free(entries[i]);
	}
	free(entries);
	return status;
}
