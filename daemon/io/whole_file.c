#include "daemon/io/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES 65536
#define TEMPORARY_NAMES 100 /* tried before giving up */

static int read_on(int file, size_t limit_bytes, struct buffer *contents, const char *path, struct err *err)
{
	size_t before = contents->length;
	uint8_t chunk[CHUNK_BYTES];
	for (;;) {
		ssize_t got = read(file, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
		if (got == 0)
			return buffer_failed(contents) ? err_memory(err) : 0;
		if ((size_t)got > limit_bytes - (contents->length - before))
			return err_set(err, ERR_DATA, "%s: it has more than %zu bytes, the limit", path, limit_bytes);
		buffer_add(contents, chunk, (size_t)got);
	}
}

int whole_file_read(const char *path, size_t limit_bytes, struct buffer *contents, struct err *err)
{
	struct stat facts;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* without, a named pipe would wait for a writer */
	if (file < 0)
		return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_UNAVAILABLE : ERR_IO,
			       "%s: cannot be opened: %s", path, strerror(errno));
	int status;
	if (fstat(file, &facts) != 0)
		status = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(facts.st_mode))
		status = err_set(err, ERR_DATA, "%s: not a regular file", path);
	else if ((uint64_t)facts.st_size > limit_bytes)
		status = err_set(err, ERR_DATA, "%s: it has %lld bytes, %zu is the limit", path,
				 (long long)facts.st_size, limit_bytes);
	else
		status = read_on(file, limit_bytes, contents, path, err);
	close(file);
	return status;
}

static int write_all(int file, struct slice contents)
{
	const uint8_t *at = contents.data;
	size_t left = contents.length;
	while (left > 0) {
		ssize_t done = write(file, at, left);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		left -= (size_t)done;
	}
	return 0;
}

/*
 * Makes the name of a folder entry last. Some file systems cannot sync a folder and say EINVAL: they need not. Needs no
 * memory: the file is in place already, and the caller would take it for not written.
 */
static int sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
	(void)snprintf(folder, sizeof folder, "%.*s", length, slash == NULL ? "." : path);
	int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file < 0)
		return -1;
	int status = fsync(file) == 0 || errno == EINVAL ? 0 : -1;
	close(file);
	return status;
}

/* A new file beside path; its name in temporary. Not mkstemp, which would keep other users from reading it. */
static int open_temporary(const char *path, char *temporary, size_t size)
{
	for (int i = 0; i < TEMPORARY_NAMES; i++) {
		int length = snprintf(temporary, size, "%s.%ld-%d.tmp", path, (long)getpid(), i);
		if (length < 0 || (size_t)length >= size) {
			errno = ENAMETOOLONG;
			return -1;
		}
		int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (file >= 0 || errno != EEXIST)
			return file;
	}
	return -1;
}

int whole_file_write(const char *path, struct slice contents, struct err *err)
{
	char temporary[PATH_MAX];
	int file = open_temporary(path, temporary, sizeof temporary);
	if (file < 0)
		return err_set(err, ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
	bool written = write_all(file, contents) == 0 && fsync(file) == 0;
	int cause = errno;
	if (close(file) != 0 && written) {
		written = false;
		cause = errno;
	}
	if (written && rename(temporary, path) != 0) {
		written = false;
		cause = errno;
	}
	if (!written) {
		unlink(temporary);
		return err_set(err, ERR_IO, "%s: cannot be written: %s", path, strerror(cause));
	}
	if (sync_folder(path) != 0)
		return err_set(err, ERR_IO, "%s: its folder cannot be synced: %s", path, strerror(errno));
	return 0;
}

int whole_file_append(const char *path, struct slice contents, struct err *err)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (file < 0)
		return err_set(err, ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
	int status = write_all(file, contents) == 0 && fsync(file) == 0 ? 0 : -1;
	int cause = errno;
	if (close(file) != 0 && status == 0) {
		status = -1;
		cause = errno;
	}
	if (status != 0)
		return err_set(err, ERR_IO, "%s: cannot be written: %s", path, strerror(cause));
	return sync_folder(path) == 0
		   ? 0
		   : err_set(err, ERR_IO, "%s: its folder cannot be synced: %s", path, strerror(errno));
}
