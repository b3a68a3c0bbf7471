#include "daemon/io/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 << 10)

int output_open(struct output *output, const char *path, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	*output = (struct output){.descriptor = -1};
	buffer_init(&output->buffer);
	output->name = strdup(standard ? "standard output" : path);
	if (output->name == NULL)
		return err_memory(err);
	output->descriptor = standard ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (output->descriptor >= 0)
		return 0;
	(void)err_set(err, ERR_UNAVAILABLE, "%s: %s", output->name, strerror(errno));
	free(output->name);
	output->name = NULL;
	return -1;
}

static void write_out(struct output *output)
{
	struct slice left = buffer_slice(&output->buffer);
	const uint8_t *data = left.data;
	size_t length = output->error == 0 ? left.length : 0;
	while (length > 0) {
		ssize_t wrote = write(output->descriptor, data, length);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0) {
			output->error = errno;
			break;
		}
		data += wrote;
		length -= (size_t)wrote;
		output->written += (uint64_t)wrote;
	}
	if (!buffer_failed(&output->buffer))
		buffer_reset(&output->buffer);
}

void output_flow(struct output *output)
{
	if (output->buffer.length >= WRITE_BYTES)
		write_out(output);
}

int output_close(struct output *output, struct err *err)
{
	if (output->name == NULL)
		return 0;
	int status = 0;
	write_out(output);
	if (close(output->descriptor) != 0 && output->error == 0)
		output->error = errno;
	if (buffer_failed(&output->buffer))
		status = err_memory(err);
	else if (output->error != 0)
		status = err_set(err, ERR_IO, "%s: %s", output->name, strerror(output->error));
	buffer_free(&output->buffer);
	free(output->name);
	*output = (struct output){.descriptor = -1};
	return status;
}

bool output_is_input(const char *output_path, const char *input_path)
{
	struct stat in, out;
	if (strcmp(output_path, "-") == 0 || strcmp(input_path, "-") == 0)
		return false;
	if (stat(output_path, &out) != 0 || stat(input_path, &in) != 0 || !S_ISREG(out.st_mode))
		return false;
	return in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}
