/* What `init` prints: the choices in short, and what to type next. */
#include "daemon/cmd/proposal_text.h"

#include <inttypes.h>
#include <stdio.h>

static void line(const struct survey *survey, const char *what, const struct proposal_choice *choice,
		 struct buffer *out)
{
	buffer_add_format(out, "  %-9s%-24s %s\n", what, choice->field < 0 ? "–" : survey->fields[choice->field].path,
			  choice->why);
}

void proposal_topic_commands(const struct proposal_place *place, const struct proposal_facts *facts, const char *indent,
			     struct buffer *out)
{
	for (size_t i = 0; i < facts->missing_count; i++)
		buffer_add_format(
		    out, "%skafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %" PRId32 "\n",
		    indent, place->servers, facts->missing[i], facts->partitions);
}

void proposal_next_commands(const struct proposal_facts *facts, const char *indent, struct buffer *out)
{
	const char *path = facts->config_path, *slash = strrchr(path, '/');
	int folder = slash == NULL ? 0 : (int)(slash - path + 1);
	buffer_add_format(
	    out,
	    "%soutlierd check --config %s --online\n"
	    "%soutlierd run --config %s\n"
	    "%soutlierd features --config %s --from earliest --output %.*svectors.csv && outlierd train --config %s "
	    "--input %.*svectors.csv --output %.*smodels/\n",
	    indent, path, indent, path, indent, path, folder, path, path, folder, path, folder, path);
}

void proposal_summary(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		      const struct proposal_facts *facts, struct buffer *out)
{
	buffer_add_format(out,
			  "%s: %" PRId32 " partitions, about %" PRIu64 " records; %" PRIu64
			  " of %zu sampled ones would be "
			  "scored\n",
			  place->topic, facts->partitions, facts->topic_records, facts->trial->outcomes[OUTCOME_SCORED],
			  survey->count + facts->unreadable);
	line(survey, "id", &proposal->id, out);
	line(survey, "time", &proposal->time, out);
	line(survey, "entity", &proposal->entity, out);
	line(survey, "key", &proposal->key, out);
	line(survey, "money", &proposal->money, out);
	for (size_t i = 0; i < proposal->field_count; i++)
		if (proposal->fields[i].field != proposal->money.field)
			buffer_add_format(out, "  %-9s%-24s %s\n", "field",
					  survey->fields[proposal->fields[i].field].path, proposal->fields[i].why);
	buffer_add_text(out, "  features ");
	for (size_t i = 0; i < proposal->feature_count; i++)
		buffer_add_format(out, "%s%s",
				  i == 0       ? ""
				  : i % 6 == 0 ? ",\n           "
					       : ", ",
				  proposal->features[i].name);
	buffer_add_text(out, "\n");
	for (size_t i = 0; i < proposal->rule_count; i++)
		buffer_add_format(out, "  %-9s%-24s held for %zu of %zu events of the sample\n", "rule",
				  proposal->rules[i].name, proposal->rules[i].held, facts->trial->rows);
	buffer_add_format(out, "\nWritten: %s, and why it is so: %s\n", facts->config_path, facts->report_path);
	if (facts->missing_count > 0 && facts->created)
		buffer_add_format(out, "Created: %zu output topics\n", facts->missing_count);
	else if (facts->missing_count > 0) {
		buffer_add_text(out, "\nThe output topics are missing; init --create-topics makes them, or:\n");
		proposal_topic_commands(place, facts, "  ", out);
	}
	buffer_add_text(out, "\nNext:\n");
	proposal_next_commands(facts, "  ", out);
}
