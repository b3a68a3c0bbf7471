#include "daemon/io/input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)1 << 20) /* to begin with */
#define TEMPORARY_NAME "/outlierd-XXXXXX"

static int set_size(struct input *input, struct err *err)
{
	struct stat facts;
	if (fstat(input->descriptor, &facts) != 0)
		return err_set(err, ERR_IO, "%s: %s", input->name, strerror(errno));
	if (S_ISDIR(facts.st_mode))
		return err_set(err, ERR_UNAVAILABLE, "%s: %s", input->name, strerror(EISDIR));
	input->size = S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0;
	return 0;
}

int input_open(struct input *input, const char *path, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	*input = (struct input){.descriptor = -1};
	input->name = strdup(standard ? "standard input" : path);
	input->data = malloc(WINDOW_BYTES);
	if (input->name == NULL || input->data == NULL) {
		(void)err_memory(err);
		goto close;
	}
	input->capacity = WINDOW_BYTES;
	input->at = input->end = input->data;
	input->descriptor = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (input->descriptor < 0) {
		(void)err_set(err, ERR_UNAVAILABLE, "%s: %s", input->name, strerror(errno));
		goto close;
	}
	if (set_size(input, err) == 0)
		return 0;
close:
	input_close(input);
	return -1;
}

/* Makes room behind the window: moves it to the front, else doubles the memory. */
static int make_room(struct input *input, struct err *err)
{
	size_t length = (size_t)(input->end - input->at);
	if (input->at != input->data) {
		memmove(input->data, input->at, length);
	} else if (length == input->capacity) {
		if (input->capacity >= INPUT_WINDOW_MAX)
			return err_set(err, ERR_DATA, "a record of more than %zu MiB", INPUT_WINDOW_MAX >> 20);
		uint8_t *data = realloc(input->data, 2 * input->capacity);
		if (data == NULL)
			return err_memory(err);
		input->data = data;
		input->capacity *= 2;
	}
	input->at = input->data;
	input->end = input->data + length;
	return 0;
}

int input_fill(struct input *input, struct err *err)
{
	assert(input->data != NULL);
	if (input->ended)
		return 0;
	if (make_room(input, err) != 0)
		return -1;
	size_t room = input->capacity - (size_t)(input->end - input->data);
	ssize_t got;
	do
		got = read(input->descriptor, input->end, room);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set(err, ERR_IO, "%s: %s", input->name, strerror(errno));
	if (got == 0) {
		input->ended = true;
		return 0;
	}
	if (input->hash != NULL)
		sha256_add(input->hash, input->end, (size_t)got);
	input->end += got;
	input->read += (uint64_t)got;
	return 1;
}

int input_need(struct input *input, size_t length, struct err *err)
{
	while ((size_t)(input->end - input->at) < length) {
		int status = input_fill(input, err);
		if (status <= 0)
			return status;
	}
	return 1;
}

static int open_unnamed(struct err *err)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int length = snprintf(path, sizeof path, "%s" TEMPORARY_NAME, folder == NULL ? "/tmp" : folder);
	if (length < 0 || (size_t)length >= sizeof path)
		return err_set(err, ERR_IO, "TMPDIR is too long");
	int descriptor = mkostemp(path, O_CLOEXEC);
	if (descriptor < 0)
		return err_set(err, ERR_IO, "temporary file %s: %s", path, strerror(errno));
	(void)unlink(path);
	return descriptor;
}

static int write_all(int descriptor, const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(descriptor, data, length);
		if (wrote < 0 && errno != EINTR)
			return -1;
		if (wrote > 0) {
			data += wrote;
			length -= (size_t)wrote;
		}
	}
	return 0;
}

int input_make_seekable(struct input *input, struct err *err)
{
	assert(input->read == 0);
	if (lseek(input->descriptor, 0, SEEK_CUR) == 0)
		return 0;
	int spool = open_unnamed(err), status;
	if (spool < 0)
		return -1;
	struct sha256 *hash = input->hash;
	input->hash = NULL;
	while ((status = input_fill(input, err)) == 1) {
		if (write_all(spool, input->at, (size_t)(input->end - input->at)) != 0) {
			status = err_set(err, ERR_IO, "temporary file: %s", strerror(errno));
			break;
		}
		input->at = input->end;
	}
	input->hash = hash;
	close(input->descriptor);
	input->descriptor = spool;
	return status != 0 || set_size(input, err) != 0 ? -1 : input_rewind(input, err);
}

int input_rewind(struct input *input, struct err *err)
{
	if (lseek(input->descriptor, 0, SEEK_SET) != 0)
		return err_set(err, ERR_IO, "%s: %s", input->name, strerror(errno));
	input->at = input->end = input->data;
	input->read = 0;
	input->ended = false;
	return 0;
}

void input_close(struct input *input)
{
	if (input->name == NULL && input->data == NULL)
		return;
	if (input->descriptor >= 0)
		close(input->descriptor);
	free(input->name);
	free(input->data);
	*input = (struct input){.descriptor = -1};
}
