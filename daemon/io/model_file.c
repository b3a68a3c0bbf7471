#include "daemon/io/model_file.h"

#include "daemon/io/json_reader.h"
#include "daemon/io/model_json.h"
#include "daemon/io/whole_file.h"

struct model *model_file_parse(struct slice document, struct err *err)
{
	if (document.length > MODEL_FILE_BYTES_MAX) {
		err_set(err, ERR_DATA, "it has %zu bytes, %u is the limit", document.length, MODEL_FILE_BYTES_MAX);
		return NULL;
	}
	json_t *root = json_reader_load(document, err);
	if (root == NULL)
		return NULL;
	struct model *model = model_json_read(root, err);
	json_decref(root);
	if (model != NULL)
		sha256_hex(document, model->id);
	return model;
}

struct model *model_file_read(const char *path, struct err *err)
{
	struct buffer contents;
	struct model *model = NULL;
	buffer_init(&contents);
	if (whole_file_read(path, MODEL_FILE_BYTES_MAX, &contents, err) == 0) {
		model = model_file_parse(buffer_slice(&contents), err);
		if (model == NULL)
			err_prepend(err, "%s", path);
	}
	buffer_free(&contents);
	return model;
}

int model_file_write(const char *path, struct model *model, struct err *err)
{
	struct buffer document;
	int status;
	buffer_init(&document);
	model_write(model, &document);
	if (buffer_failed(&document))
		status = err_memory(err);
	else if (document.length > MODEL_FILE_BYTES_MAX)
		status = err_set(err, ERR_DATA,
				 "%s: the model has %zu bytes, %u is the limit: use fewer trees or smaller samples",
				 path, document.length, MODEL_FILE_BYTES_MAX);
	else
		status = whole_file_write(path, buffer_slice(&document), err);
	if (status == 0)
		sha256_hex(buffer_slice(&document), model->id);
	buffer_free(&document);
	return status;
}
