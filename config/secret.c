/* Files that hold secrets: relative to $CREDENTIALS_DIRECTORY (systemd's LoadCredential), else to the configuration. */
#include "config/draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET_BYTES_MAX 65536
#define SECRET_PATH_MAX 4096

/* systemd names a credential by itself (LoadCredential=NAME:FILE), or one of a folder as in our unit (outlierd:FOLDER). */
static bool is_credential(const char *name, char path[SECRET_PATH_MAX])
{
	static const char *const prefixes[] = {"", "outlierd_"};
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; credentials != NULL && i < sizeof prefixes / sizeof *prefixes; i++) {
		int length = snprintf(path, SECRET_PATH_MAX, "%s/%s%s", credentials, prefixes[i], name);
		if (length > 0 && length < SECRET_PATH_MAX && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

/* Where the file is: the first of the two folders that has it. -1: in neither; path is then the last one tried. */
static int locate(const struct draft *draft, const char *name, char path[SECRET_PATH_MAX])
{
	if (*name != '/' && is_credential(name, path))
		return 0;
	const char *folder = *name == '/' ? "" : draft->folder;
	int length = snprintf(path, SECRET_PATH_MAX, "%s%s%s", folder, *folder == '\0' ? "" : "/", name);
	if (length < 0 || length >= SECRET_PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return access(path, R_OK);
}

static void report_unreadable(struct draft *draft, const char *at, const char *path)
{
	const char *reason = strerror(errno);
	draft->problems->out_of_memory |= errno == ENOMEM;
	if (!draft->offline)
		config_problem_add(draft->problems, at, "\"%s\" cannot be read: %s", path, reason);
}

/* The file's bytes; data NULL: reported, or not there and that is no problem. */
static struct slice read_file(struct draft *draft, const char *name, const char *at)
{
	char path[SECRET_PATH_MAX], bytes[SECRET_BYTES_MAX + 1];
	struct slice content = {NULL, 0};
	FILE *file = locate(draft, name, path) == 0 ? fopen(path, "rb") : NULL;
	if (file == NULL) {
		report_unreadable(draft, at, path);
		return content;
	}
	size_t length = fread(bytes, 1, SECRET_BYTES_MAX + 1, file);
	if (ferror(file))
		report_unreadable(draft, at, path);
	else if (length == 0)
		config_problem_add(draft->problems, at, "\"%s\" is empty", path);
	else if (length > SECRET_BYTES_MAX)
		config_problem_add(draft->problems, at, "\"%s\" is larger than %d bytes", path, SECRET_BYTES_MAX);
	else
		content = arena_copy(draft->arena, (struct slice){bytes, length});
	draft->problems->out_of_memory |=
	    length > 0 && length <= SECRET_BYTES_MAX && content.data == NULL && !ferror(file);
	explicit_bzero(bytes, length);
	(void)fclose(file);
	return content;
}

/* A secret that is a text: one line, its end not counted. */
static void read_text(struct draft *draft, const char *name, const char *at, const char **secret)
{
	if (name == NULL)
		return;
	struct slice content = read_file(draft, name, at);
	const char *bytes = content.data;
	if (bytes == NULL)
		return;
	while (content.length > 0 && (bytes[content.length - 1] == '\n' || bytes[content.length - 1] == '\r'))
		content.length--;
	if (content.length == 0 || memchr(bytes, '\0', content.length) != NULL) {
		config_problem_add(draft->problems, at, "the file holds no text");
		return;
	}
	*secret = arena_copy(draft->arena, content).data;
	draft->problems->out_of_memory |= *secret == NULL;
}

/* A file that a library reads itself: only where it is matters. */
static void find_file(struct draft *draft, const char *at, const char **name)
{
	char path[SECRET_PATH_MAX];
	if (*name == NULL)
		return;
	if (locate(draft, *name, path) != 0)
		report_unreadable(draft, at, path);
	*name = arena_copy(draft->arena, slice_of(path)).data;
	draft->problems->out_of_memory |= *name == NULL;
}

/* kafka.properties_files behind kafka.properties: the client takes one list. */
static void read_properties(struct draft *draft)
{
	struct kafka_options *kafka = &draft->config.kafka;
	size_t plain = kafka->property_count, count = plain + draft->property_file_count;
	struct kafka_property *all = arena_take_zeroed(draft->arena, count, sizeof *all);
	if (all == NULL) {
		draft->problems->out_of_memory = true;
		return;
	}
	if (plain > 0)
		memcpy(all, kafka->properties, plain * sizeof *all);
	size_t used = plain;
	for (size_t i = 0; i < draft->property_file_count; i++) {
		const struct kafka_property *file = &draft->property_files[i];
		char path[CONFIG_PATH_MAX];
		config_path_member(path, "kafka.properties_files", file->name);
		const char *value = NULL;
		read_text(draft, file->value, path, &value);
		if (value != NULL)
			all[used++] = (struct kafka_property){file->name, value};
	}
	kafka->properties = all;
	kafka->property_count = used;
}

void config_secret_read(struct draft *draft)
{
	struct config *config = &draft->config;
	config_problem_settle(draft->problems);
	read_properties(draft);
	read_text(draft, draft->registry_password_file, "schema.password_file", &config->registry.password);
	read_text(draft, draft->registry_token_file, "schema.token_file", &config->registry.bearer);
	read_text(draft, draft->redis_password_file, "state.redis.password_file", &config->redis.password);
	read_text(draft, draft->sentinel_password_file, "state.redis.sentinel_password_file",
		  &config->redis.sentinel_password);
	find_file(draft, "schema.key_file", &config->registry.key_file);
	find_file(draft, "schema.ca_file", &config->registry.ca_file);
	find_file(draft, "schema.certificate_file", &config->registry.certificate_file);
	if (draft->key_file != NULL)
		config->privacy.key = read_file(draft, draft->key_file, "privacy.key_file");
}
