#include "daemon/cmd/model_output.h"

#include "daemon/cmd/common.h"
#include "daemon/io/model_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* Adds the model to a directory; *champion: it became the champion. */
static int add_to_directory(struct model *model, const char *directory, bool *champion, struct err *err)
{
	char path[PATH_BYTES];
	int length = snprintf(path, sizeof path, "%s/.new-%ld", directory, (long)getpid());
	if (length < 0 || (size_t)length >= sizeof path)
		return err_set(err, ERR_USAGE, "--output: a path of more than %d bytes", PATH_BYTES);
	int status = model_file_write(path, model, err);
	if (status == 0)
		status = model_directory_add(directory, path, model->id, err);
	(void)unlink(path);
	if (status != 0)
		return -1;
	struct err none = {0};
	struct model *current = model_directory_current(directory, &none);
	*champion = current == NULL && none.code == ERR_UNAVAILABLE;
	model_free(current);
	return *champion ? model_directory_promote(directory, model->id, common_user(), common_wall_ms(), err) : 0;
}

int model_output_write(const char *path, struct model *model, struct err *err)
{
	struct stat facts;
	size_t length = strlen(path);
	if (length > 1 && path[length - 1] == '/' && mkdir(path, 0777) != 0 && errno != EEXIST)
		return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
	if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
		if (model_file_write(path, model, err) != 0)
			return -1;
		fprintf(stderr, "model %s written to %s\n", model->id, path);
		return 0;
	}
	bool champion = false;
	if (add_to_directory(model, path, &champion, err) != 0)
		return -1;
	fprintf(stderr, "model %s added to %s%s\n", model->id, path,
		champion ? " as the champion" : "; \"outlierd model promote\" makes it the champion");
	return 0;
}
