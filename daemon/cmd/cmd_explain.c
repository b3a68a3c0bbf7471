/* outlierd explain: a decision made again from the topic, compared with what was published, and told to a person. */
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"
#include "daemon/cmd/explain_report.h"
#include "daemon/io/output.h"
#include "number.h"

#include <stdlib.h>
#include <string.h>

#define NAME "explain"
#define MEMORY_DEFAULT_MB 4096

struct arguments {
	const char *config, *alert, *at, *plot;
	int64_t memory_mb;
	bool json;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	const struct common_option options[] = {
	    {"config", "FILE", COMMON_TEXT, &arguments->config, .required = true,
	     .help = "the daemon's configuration; model and policy of then are taken\nfrom model.directory"},
	    {"alert", "FILE", COMMON_TEXT, &arguments->alert,
	     .help = "an alert or a decision, as it was published; - is standard input"},
	    {"at", "P:O", COMMON_TEXT, &arguments->at, .help = "a record: its partition and offset in the input topic"},
	    {"json", NULL, COMMON_FLAG, &arguments->json, .help = "a JSON object instead of the report"},
	    {"plot", "FILE", COMMON_TEXT, &arguments->plot, .help = "also an SVG of the contributions"},
	    {"memory", "MIB", COMMON_INTEGER, &arguments->memory_mb, .minimum = 1, .maximum = 1 << 24,
	     .help = "the most that entities' states may need (4096)"},
	    {0},
	};
	const struct common_command command = {
	    .name = NAME,
	    .usage = "--config FILE --alert FILE | --at PARTITION:OFFSET [--json] [--plot FILE]",
	    .summary = "Makes a decision again: reads the topic as far back as windows reach, computes vector, score,\n"
		       "contributions and decision with the model and the policy of then, and compares byte for byte "
		       "with what\n"
		       "was published. Where history is gone from the topic, the recorded vector is verified alone.",
	    .options = options,
	    .more = "Exit status: 0 no difference, 65 there is one (or no such record), 69 a service is unavailable,\n"
		    "78 it was decided under another configuration.",
	};
	return common_parse(&command, argc, argv, err);
}

static int read_place(const char *text, struct explain_options *options, struct err *err)
{
	const char *colon = strchr(text, ':');
	int64_t partition;
	if (colon != NULL && number_parse_integer((struct slice){text, (size_t)(colon - text)}, &partition) == 0 &&
	    number_parse_integer(slice_of(colon + 1), &options->offset) == 0 && partition >= 0 &&
	    partition <= INT32_MAX && options->offset >= 0) {
		options->partition = (int32_t)partition;
		return 0;
	}
	return err_set(err, ERR_USAGE, "--at \"%s\" is not PARTITION:OFFSET, such as 2:1500", text);
}

static int write_all(const struct buffer *text, const char *path, struct err *err)
{
	struct output output;
	if (buffer_failed(text))
		return err_memory(err);
	if (output_open(&output, path, err) != 0)
		return -1;
	buffer_add(&output.buffer, text->data, text->length);
	return output_close(&output, err);
}

static int show(const struct arguments *arguments, const struct explanation *explanation, const struct world *world,
		struct err *err)
{
	struct buffer text;
	int status = 0;
	buffer_init(&text);
	if (arguments->plot != NULL) {
		status = explain_plot(explanation, world, &text, err);
		if (status == 0)
			status = write_all(&text, arguments->plot, err);
		buffer_reset(&text);
	}
	if (arguments->json)
		explain_json(explanation, world, &text);
	else
		explain_text(explanation, world, &text);
	if (status == 0)
		status = write_all(&text, "-", err);
	buffer_free(&text);
	if (status == 0 && explanation->result == EXPLANATION_DIFFERENCE)
		status = err_set(err, ERR_DATA, "%s", explanation->difference);
	return status;
}

static int explain(const struct arguments *arguments, struct world *world, struct explanation *explanation,
		   struct err *err)
{
	struct explain_options options = {.alert = arguments->alert,
					  .memory_bytes = (size_t)arguments->memory_mb << 20};
	if ((arguments->alert == NULL) == (arguments->at == NULL))
		return err_set(err, ERR_USAGE, "which decision? --alert FILE or --at PARTITION:OFFSET");
	if (arguments->plot != NULL &&
	    (strcmp(arguments->plot, "-") == 0 ||
	     (arguments->alert != NULL && output_is_input(arguments->plot, arguments->alert))))
		return err_set(err, ERR_USAGE, "--plot needs a file of its own");
	if (arguments->at != NULL && read_place(arguments->at, &options, err) != 0)
		return -1;
	if (world_open(world, arguments->config, err) != 0 || explain_decision(explanation, world, &options, err) != 0)
		return -1;
	return show(arguments, explanation, world, err);
}

int cmd_explain(int argc, char **argv)
{
	struct arguments arguments = {.memory_mb = MEMORY_DEFAULT_MB};
	struct world world = {0};
	struct err err = {0};
	struct explanation *explanation = calloc(1, sizeof *explanation);
	if (explanation == NULL)
		(void)err_memory(&err);
	else if (parse(&arguments, argc, argv, &err) == 1)
		(void)!explain(&arguments, &world, explanation, &err);
	if (explanation != NULL)
		explanation_free(explanation);
	free(explanation);
	world_close(&world);
	return common_end(NAME, &err);
}
