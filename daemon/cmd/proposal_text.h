/*
 * A proposal as text: the configuration, and beside it the page that says why. What the user named (brokers, topic,
 * registry) goes into both; from the sample only counts, shares and quantiles do.
 */
#ifndef OUTLIERD_PROPOSAL_TEXT_H
#define OUTLIERD_PROPOSAL_TEXT_H

#include "buffer.h"
#include "daemon/cmd/proposal.h"
#include "daemon/cmd/trial.h"

/** Where the topic is, as the user said; borrowed. */
struct proposal_place {
	const char *pipeline, *topic, *servers;
	const char *const *properties; /* "NAME=VALUE" */
	size_t property_count;
	const char *const *property_files; /* "NAME=FILE" */
	size_t property_file_count;
	const char *registry; /* NULL: the configuration's default, or none beside a schema file */
	const char *registry_user, *registry_password_file, *registry_token_file, *registry_ca_file; /* NULL: none */
	const char *schema_file; /* NULL: registry */
	const char *framing;     /* NULL: the configuration's default */
	const char *redis;
};

/** What the report tells beside the choices. */
struct proposal_facts {
	const char *config_path, *report_path;
	uint64_t topic_records; /* between the topic's ends, control records counted */
	size_t unreadable;      /* records of the sample */
	const char *unreadable_why;
	int32_t partitions;
	const char *partitioner;    /* that explains all keys; NULL: none, or not to be told */
	const char *const *missing; /* output topics that do not exist */
	size_t missing_count;
	bool created; /* ... but do now */
	const struct trial *trial;
	const struct trial_column *columns; /* of the trial, one per feature */
};

/** Appends a configuration with everything but what must be proposed: a place to read a sample from. The event's fields are stand-ins. */
void proposal_connection(const struct proposal_place *place, struct buffer *json);
/** Appends the proposed configuration. */
void proposal_config(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		     struct buffer *json);
/** Appends the report, as Markdown. */
void proposal_report(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		     const struct proposal_facts *facts, struct buffer *markdown);
/** Appends what is printed: the choices in short, and the next commands. */
void proposal_summary(const struct survey *survey, const struct proposal *proposal, const struct proposal_place *place,
		      const struct proposal_facts *facts, struct buffer *text);
/** Appends the commands that make the missing topics, a line each, behind an indent. */
void proposal_topic_commands(const struct proposal_place *place, const struct proposal_facts *facts, const char *indent,
			     struct buffer *text);
/** Appends the three next commands likewise. */
void proposal_next_commands(const struct proposal_facts *facts, const char *indent, struct buffer *text);

#endif
