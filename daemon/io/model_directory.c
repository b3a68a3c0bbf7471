#include "daemon/io/json_reader.h"
#include "daemon/io/model_file.h"
#include "daemon/io/whole_file.h"
#include "json.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LENGTH (SHA256_HEX - 1)
#define CURRENT_BYTES_MAX 256
#define CHANGES_BYTES_MAX (64u << 20)
#define NAME_SUFFIX ".json"

static bool is_id(const char *text, size_t length)
{
	return length == ID_LENGTH && strspn(text, "0123456789abcdef") >= ID_LENGTH;
}

/* An id comes from files and command lines, and becomes part of a path: nothing but an id may. */
static int check_id(const char *id, struct err *err)
{
	if (is_id(id, strlen(id)))
		return 0;
	return err_set(err, ERR_USAGE, "\"%.80s\" is no model id: 64 lower-case hex digits are wanted", id);
}

static int path_of(char path[PATH_MAX], const char *directory, const char *name, const char *suffix, struct err *err)
{
	int length = snprintf(path, PATH_MAX, "%s/%s%s", directory, name, suffix);
	if (length < 0 || length >= PATH_MAX)
		return err_set(err, ERR_USAGE, "%.80s...: the path is too long", directory);
	return 0;
}

/* The id in `current`, without its newline. */
static int read_current(const char *directory, char id[SHA256_HEX], struct err *err)
{
	char path[PATH_MAX];
	struct buffer contents;
	int status = -1;
	buffer_init(&contents);
	if (path_of(path, directory, "current", "", err) != 0 ||
	    whole_file_read(path, CURRENT_BYTES_MAX, &contents, err) != 0)
		goto free_contents;
	size_t length = contents.length;
	while (length > 0 && (contents.data[length - 1] == '\n' || contents.data[length - 1] == '\r'))
		length--;
	buffer_add_byte(&contents, 0);
	if (buffer_failed(&contents)) {
		err_memory(err);
	} else if (!is_id((const char *)contents.data, length)) {
		err_set(err, ERR_DATA, "%s: it must hold a model id, 64 lower-case hex digits and a newline", path);
	} else {
		memcpy(id, contents.data, length);
		id[length] = 0;
		status = 0;
	}
free_contents:
	buffer_free(&contents);
	return status;
}

/* As read_current(), with an empty id where there is no `current` yet. */
static int read_current_if_any(const char *directory, char id[SHA256_HEX], struct err *err)
{
	struct err absent = {0};
	id[0] = 0;
	if (read_current(directory, id, &absent) == 0 || absent.code == ERR_UNAVAILABLE)
		return 0;
	return err_set(err, absent.code, "%s", absent.message);
}

struct model *model_directory_read(const char *directory, const char *id, struct err *err)
{
	char path[PATH_MAX];
	if (check_id(id, err) != 0 || path_of(path, directory, id, NAME_SUFFIX, err) != 0)
		return NULL;
	struct model *model = model_file_read(path, err);
	if (model == NULL || strcmp(model->id, id) == 0)
		return model;
	err_set(err, ERR_DATA, "%s: the file was changed: the SHA-256 of its bytes is %s", path, model->id);
	model_free(model);
	return NULL;
}

struct model *model_directory_current(const char *directory, struct err *err)
{
	char id[SHA256_HEX];
	return read_current(directory, id, err) == 0 ? model_directory_read(directory, id, err) : NULL;
}

int model_directory_add(const char *directory, const char *path, char id[SHA256_HEX], struct err *err)
{
	char target[PATH_MAX];
	struct buffer contents;
	struct model *model = NULL;
	int status = -1;
	buffer_init(&contents);
	if (whole_file_read(path, MODEL_FILE_BYTES_MAX, &contents, err) != 0)
		goto free_contents;
	model = model_file_parse(buffer_slice(&contents), err);
	if (model == NULL) {
		err_prepend(err, "%s", path);
		goto free_contents;
	}
	memcpy(id, model->id, SHA256_HEX);
	if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
		err_set(err, ERR_IO, "%s: the model directory cannot be made: %s", directory, strerror(errno));
		goto free_contents;
	}
	if (path_of(target, directory, id, NAME_SUFFIX, err) == 0)
		status = whole_file_write(target, buffer_slice(&contents), err);
free_contents:
	buffer_free(&contents);
	model_free(model);
	return status;
}

/* Keeps two changes of `current` from mixing; released by close(). */
static int lock_directory(const char *directory, struct err *err)
{
	int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file < 0)
		return err_set(err, errno == ENOENT ? ERR_UNAVAILABLE : ERR_IO,
			       "%s: the model directory cannot be opened: %s", directory, strerror(errno));
	if (flock(file, LOCK_EX | LOCK_NB) != 0) {
		int cause = errno;
		close(file);
		return err_set(err, ERR_IO, "%s: %s", directory,
			       cause == EWOULDBLOCK ? "another change of the champion is under way, try again"
						    : strerror(cause));
	}
	return file;
}

/* The log first, then the pointer: a crash between leaves a line too many, which rollback recognises, never one too few. */
static int change(const char *directory, const char *action, const char *from, const char *to, const char *who,
		  int64_t now_ms, struct err *err)
{
	char changes[PATH_MAX], current[PATH_MAX];
	struct buffer line;
	struct json json;
	int status = -1;
	assert(is_id(to, strlen(to)));
	buffer_init(&line);
	json_begin_canonical(&json, &line);
	json_open_object(&json);
	json_name(&json, "action");
	json_add_string(&json, action);
	json_name(&json, "from");
	json_add_string(&json, from[0] == 0 ? NULL : from);
	json_name(&json, "to");
	json_add_string(&json, to);
	json_name(&json, "when_ms");
	json_add_integer(&json, now_ms);
	json_name(&json, "who");
	json_add_string(&json, who);
	json_close_object(&json);
	buffer_add_byte(&line, '\n');
	if (buffer_failed(&line)) {
		err_memory(err);
		goto free_line;
	}
	if (path_of(changes, directory, "changes", ".jsonl", err) != 0 ||
	    path_of(current, directory, "current", "", err) != 0 ||
	    whole_file_append(changes, buffer_slice(&line), err) != 0)
		goto free_line;
	buffer_reset(&line);
	buffer_add_text(&line, to);
	buffer_add_byte(&line, '\n');
	status = buffer_failed(&line) ? err_memory(err) : whole_file_write(current, buffer_slice(&line), err);
free_line:
	buffer_free(&line);
	return status;
}

int model_directory_promote(const char *directory, const char *id, const char *who, int64_t now_ms, struct err *err)
{
	char from[SHA256_HEX];
	int status = -1;
	int lock = lock_directory(directory, err);
	if (lock < 0)
		return -1;
	struct model *model = model_directory_read(directory, id, err);
	if (model != NULL && read_current_if_any(directory, from, err) == 0) {
		if (strcmp(from, id) == 0)
			err_set(err, ERR_USAGE, "model %s is the champion already", id);
		else
			status = change(directory, "promote", from, id, who, now_ms, err);
	}
	model_free(model);
	close(lock);
	return status;
}

/* Whether a line of the log made `current` the champion; then `from` receives the champion before it (empty: none). */
static bool line_leads_to(const char *line, size_t length, const char *current, char from[SHA256_HEX])
{
	json_t *change = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	const char *to = json_string_value(json_object_get(change, "to"));
	const char *before = json_string_value(json_object_get(change, "from"));
	bool leads = to != NULL && strcmp(to, current) == 0;
	from[0] = 0;
	if (leads && before != NULL && is_id(before, strlen(before)))
		memcpy(from, before, SHA256_HEX);
	json_decref(change);
	return leads;
}

/* The champion before the newest change that made `current` the champion. Lines after it are of changes that never came to be. */
static int find_before(const char *directory, const char *current, char before[SHA256_HEX], struct err *err)
{
	char path[PATH_MAX];
	struct buffer changes;
	int status = -1;
	buffer_init(&changes);
	if (path_of(path, directory, "changes", ".jsonl", err) != 0 ||
	    whole_file_read(path, CHANGES_BYTES_MAX, &changes, err) != 0)
		goto free_changes;
	const char *text = (const char *)changes.data;
	for (size_t end = changes.length; end > 0 && status != 0;) {
		size_t start = end - 1;
		while (start > 0 && text[start - 1] != '\n')
			start--;
		if (line_leads_to(text + start, end - start, current, before))
			status = 0;
		end = start;
	}
	if (status != 0)
		err_set(err, ERR_DATA, "%s: no line tells how model %s became the champion", path, current);
	else if (before[0] == 0)
		status =
		    err_set(err, ERR_USAGE, "there is nothing to go back to: model %s is the first champion", current);
free_changes:
	buffer_free(&changes);
	return status;
}

int model_directory_rollback(const char *directory, const char *who, int64_t now_ms, char id[SHA256_HEX],
			     struct err *err)
{
	char current[SHA256_HEX];
	struct model *model = NULL;
	int status = -1;
	int lock = lock_directory(directory, err);
	if (lock < 0)
		return -1;
	if (read_current(directory, current, err) == 0 && find_before(directory, current, id, err) == 0 &&
	    (model = model_directory_read(directory, id, err)) != NULL)
		status = change(directory, "rollback", current, id, who, now_ms, err);
	model_free(model);
	close(lock);
	return status;
}

static int is_model_name(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length == ID_LENGTH + strlen(NAME_SUFFIX) && strcmp(entry->d_name + ID_LENGTH, NAME_SUFFIX) == 0 &&
	       is_id(entry->d_name, ID_LENGTH);
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

int model_directory_list(const char *directory, void (*visit)(void *context, const char *id, bool current),
			 void *context, struct err *err)
{
	char current[SHA256_HEX];
	struct dirent **entries = NULL;
	if (read_current_if_any(directory, current, err) != 0)
		return -1;
	int count = scandir(directory, &entries, is_model_name, compare_names);
	if (count < 0)
		return err_set(err, errno == ENOENT ? ERR_UNAVAILABLE : ERR_IO,
			       "%s: the model directory cannot be read: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		char id[SHA256_HEX];
		memcpy(id, entries[i]->d_name, ID_LENGTH);
		id[ID_LENGTH] = 0;
		visit(context, id, strcmp(id, current) == 0);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

struct model *model_read(const char *path, struct err *err)
{
	struct stat facts;
	bool directory = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
	return directory ? model_directory_current(path, err) : model_file_read(path, err);
}
