#include "daemon/io/registry_disk.h"

#include "daemon/io/avro_schema.h"
#include "sha256.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX_DIGITS 16      /* of the urls' hash in file names */
#define HEAD_BYTES SHA256_HEX /* the hash, and the newline where its zero was */
#define FILE_BYTES_MAX (HEAD_BYTES + AVRO_SCHEMA_BYTES_MAX)
#define NAME_ROOM 64 /* for the file's name behind the directory's */

struct registry_disk {
	char prefix[PREFIX_DIGITS + 1];
	size_t path_max;
	char directory[];
};

struct registry_disk *registry_disk_new(const char *directory, const char *const *urls, size_t url_count,
					struct err *err)
{
	size_t length = strlen(directory);
	struct stat status;
	if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
		(void)err_set(err, ERR_CONFIG, "schema cache %s: %s", directory, strerror(errno));
		return NULL;
	}
	if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode) || access(directory, R_OK | W_OK | X_OK) != 0) {
		(void)err_set(err, ERR_CONFIG, "schema cache %s: not a directory that can be written", directory);
		return NULL;
	}
	struct registry_disk *disk = malloc(sizeof *disk + length + 1);
	if (disk == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	struct sha256 hash;
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX];
	sha256_init(&hash);
	for (size_t i = 0; i < url_count; i++)
		sha256_add(&hash, urls[i], strlen(urls[i]) + 1);
	sha256_end(&hash, digest);
	hex_of(digest, sizeof digest, hex);
	memcpy(disk->prefix, hex, PREFIX_DIGITS);
	disk->prefix[PREFIX_DIGITS] = '\0';
	disk->path_max = length + NAME_ROOM;
	memcpy(disk->directory, directory, length + 1);
	return disk;
}

void registry_disk_free(struct registry_disk *disk)
{
	free(disk);
}

static char *path_of(const struct registry_disk *disk, int32_t id, const char *suffix)
{
	char *path = malloc(disk->path_max);
	if (path != NULL)
		(void)snprintf(path, disk->path_max, "%s/%s-%ld.avsc%s", disk->directory, disk->prefix, (long)id,
			       suffix);
	return path;
}

/* The text behind its hash, moved to the front; false: this is not what was written. */
static bool check(char *bytes, size_t length)
{
	char hex[SHA256_HEX];
	if (length < HEAD_BYTES || bytes[HEAD_BYTES - 1] != '\n')
		return false;
	sha256_hex((struct slice){bytes + HEAD_BYTES, length - HEAD_BYTES}, hex);
	if (memcmp(hex, bytes, HEAD_BYTES - 1) != 0)
		return false;
	memmove(bytes, bytes + HEAD_BYTES, length - HEAD_BYTES);
	return true;
}

char *registry_disk_read(const struct registry_disk *disk, int32_t id, size_t *length)
{
	char *path = path_of(disk, id, ""), *bytes = NULL;
	FILE *file = path == NULL ? NULL : fopen(path, "rb");
	if (file == NULL)
		goto free_path;
	bytes = malloc(FILE_BYTES_MAX + 1); /* one more, so that a file too long is seen to be */
	size_t read = bytes == NULL ? 0 : fread(bytes, 1, FILE_BYTES_MAX + 1, file);
	if (read > FILE_BYTES_MAX || ferror(file) || bytes == NULL || !check(bytes, read)) {
		free(bytes);
		bytes = NULL;
	} else {
		*length = read - HEAD_BYTES;
	}
	(void)fclose(file);
free_path:
	free(path);
	return bytes;
}

void registry_disk_write(const struct registry_disk *disk, int32_t id, struct slice text)
{
	char hex[SHA256_HEX];
	char *path = path_of(disk, id, ""), *temporary = path_of(disk, id, ".XXXXXX");
	int descriptor = path == NULL || temporary == NULL ? -1 : mkstemp(temporary);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
	if (file == NULL) {
		if (descriptor >= 0) {
			(void)close(descriptor);
			(void)unlink(temporary);
		}
		goto free_paths;
	}
	sha256_hex(text, hex);
	hex[SHA256_HEX - 1] = '\n';
	bool good = fwrite(hex, 1, sizeof hex, file) == sizeof hex &&
		    fwrite(text.data, 1, text.length, file) == text.length && fflush(file) == 0 &&
		    fsync(descriptor) == 0;
	good = fclose(file) == 0 && good;
	if (!good || rename(temporary, path) != 0)
		(void)unlink(temporary);
free_paths:
	free(path);
	free(temporary);
}
