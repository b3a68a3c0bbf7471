#include "daemon/cmd/audit.h"
#include "daemon/cmd/cmd.h"
#include "daemon/cmd/common.h"

#include "number.h"

int cmd_audit(int argc, char **argv)
{
	struct world world = {0};
	struct err err = {0};
	struct audit_options wanted = {.from_ms = INT64_MIN};
	const char *path = NULL, *from = NULL;
	const struct common_option options[] = {
	    {.name = "config",
	     .value = "FILE",
	     .kind = COMMON_TEXT,
	     .target = &path,
	     .required = true,
	     .help = "the configuration of the daemon that is audited"},
	    {.name = "from",
	     .value = "TIME",
	     .kind = COMMON_TEXT,
	     .target = &from,
	     .help = "compare only what came of records from this time on (RFC 3339, by their timestamps); what lies "
		     "one reach of the windows before it is read as history"},
	    {0}};
	const struct common_command command = {
	    .name = "audit",
	    .usage = "--config FILE [--from TIME]",
	    .options = options,
	    .summary =
		"Proves that every record below the committed offsets had exactly one outcome: reads the input topic,\n"
		"alerts, decisions, enriched events, amendments, late and dead letters (read_committed), computes\n"
		"anew what must have come out, and compares byte for byte. Prints every record for which they\n"
		"differ; changes nothing, joins no group.",
	    .more = "Where retention has cut a topic, or another model or policy decided, messages are counted as not\n"
		    "verified. Exit status: 0 no difference, 65 there are differences, 69 a service is unavailable,\n"
		    "78 bad configuration."};
	int parsed = common_parse(&command, argc, argv, &err);
	if (parsed <= 0)
		return common_end("audit", &err);
	if (from != NULL && time_parse_rfc3339(slice_of(from), &wanted.from_ms) != 0)
		(void)err_set(&err, ERR_USAGE, "--from \"%s\" is not a time such as 2026-03-29T01:00:00Z", from);
	else if (world_open(&world, path, &err) == 0)
		(void)!audit(&world, &wanted, &err);
	world_close(&world);
	return common_end("audit", &err);
}
