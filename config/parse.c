/* A configuration from a file: all phases in their order, and the owner of all its memory. */
#include "config/draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Syntax has one problem at a time; every other phase tells all it finds. */
static json_t *load(struct slice text, struct config_problems *problems)
{
	json_error_t error;
	json_t *root = json_loadb(text.data == NULL ? "" : text.data, text.length, JSON_REJECT_DUPLICATES, &error);
	/* Where jansson runs out of memory it often says nothing at all. */
	bool no_memory = root == NULL && (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory);
	problems->out_of_memory |= no_memory;
	if (root == NULL && !no_memory)
		config_problem_add(problems, "", "line %d, column %d: %s", error.line, error.column, error.text);
	else if (root != NULL && !json_is_object(root))
		config_problem_add(problems, "", "line 1, column 1: a configuration is a JSON object");
	return root;
}

static int conclude(const struct config_problems *problems, struct err *err)
{
	if (problems->out_of_memory)
		return err_memory(err);
	if (problems->count == 0)
		return 0;
	if (problems->count == 1)
		return err_set(err, ERR_CONFIG, "%s", problems->first.message);
	return err_set(err, ERR_CONFIG, "%zu problems; the first: %s", problems->count, problems->first.message);
}

static struct draft *draft_new(struct arena *arena, const char *folder, bool offline, struct config_problems *problems)
{
	struct draft *draft = arena_take_zeroed(arena, 1, sizeof *draft);
	if (draft == NULL)
		return NULL;
	draft->config.owner = arena;
	draft->arena = arena;
	draft->problems = problems;
	draft->folder = folder;
	draft->offline = offline;
	return draft;
}

struct config *config_parse(struct slice text, const char *folder, bool offline, config_problem *problem, void *context,
			    struct err *err)
{
	struct arena *arena = arena_new(CONFIG_MEMORY_MAX);
	struct config_problems problems = {.report = problem, .context = context, .arena = arena};
	struct draft *draft = arena == NULL ? NULL : draft_new(arena, folder, offline, &problems);
	if (draft == NULL) {
		(void)err_memory(err);
		goto free_arena;
	}
	json_t *root = load(text, &problems);
	if (json_is_object(root)) {
		config_tree_read(draft, root);
		config_resolve(draft);
		config_check(draft);
		config_secret_read(draft);
	}
	json_decref(root);
	if (conclude(&problems, err) == 0)
		return &draft->config;
free_arena:
	arena_free(arena);
	return NULL;
}

/* The whole file; data NULL: *err says why. Freed by the caller. */
static struct slice read_whole(const char *path, struct err *err)
{
	struct slice content = {NULL, 0};
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		(void)err_set(err, errno == ENOMEM ? ERR_MEMORY : ERR_CONFIG, "%s: cannot be opened: %s", path,
			      strerror(errno));
		return content;
	}
	char *bytes = malloc(CONFIG_BYTES_MAX + 1);
	size_t length = bytes == NULL ? 0 : fread(bytes, 1, CONFIG_BYTES_MAX + 1, file);
	if (bytes == NULL)
		(void)err_memory(err);
	else if (ferror(file))
		(void)err_set(err, ERR_CONFIG, "%s: cannot be read: %s", path, strerror(errno));
	else if (length > CONFIG_BYTES_MAX)
		(void)err_set(err, ERR_CONFIG, "%s: is larger than %u bytes", path, CONFIG_BYTES_MAX);
	else
		content = (struct slice){bytes, length};
	if (content.data == NULL)
		free(bytes);
	(void)fclose(file);
	return content;
}

struct config *config_read(const char *path, bool offline, config_problem *problem, void *context, struct err *err)
{
	struct config *config = NULL;
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	struct slice text = {NULL, 0};
	if (folder == NULL)
		(void)err_memory(err);
	else
		text = read_whole(path, err);
	if (text.data != NULL)
		config = config_parse(text, folder, offline, problem, context, err);
	if (config != NULL) {
		config->path = arena_copy(config->owner, slice_of(path)).data;
		if (config->path == NULL) {
			(void)err_memory(err);
			config_free(config);
			config = NULL;
		}
	} else if (text.data != NULL) {
		(void)err_prepend(err, "%s", path);
	}
	free((void *)text.data);
	free(folder);
	return config;
}

void config_free(struct config *config)
{
	if (config != NULL)
		arena_free(config->owner);
}
