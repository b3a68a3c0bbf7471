/*
 * A sample of a topic, read and surveyed: records from the ends of its partitions, decoded by their writers' schemas
 * (registry, or one fixed file) value by value. The records are kept, so that a proposal can be tried on them.
 */
#ifndef OUTLIERD_SURVEY_TOPIC_H
#define OUTLIERD_SURVEY_TOPIC_H

#include "daemon/cmd/survey.h"
#include "daemon/io/kafka.h"
#include "daemon/io/registry_http.h"

#define SURVEY_TOPIC_BYTES_MAX ((size_t)256 << 20) /* of keys and values kept; then the sample ends */

struct survey_topic_options {
	const struct kafka_options *kafka;
	struct registry *registry; /* borrowed; NULL: fixed schema */
	const char *schema_file;   /* NULL: registry */
	bool framed;               /* with a fixed schema: five bytes of framing are skipped */
	size_t records;
};

struct survey_topic {
	struct kafka_topic_facts facts;
	struct survey *survey;
	struct survey *firsts;  /* the first record of each partition; NULL: could not be read */
	struct record *records; /* those of the sample that could be read, in the survey's order */
	size_t record_count;
	uint64_t topic_records;       /* between the partitions' ends */
	size_t unreadable;            /* records of the sample without a place in the survey */
	struct err unreadable_why;    /* the first of them */
	size_t keyed, murmur2, crc32; /* records with a key; partitions that these partitioners explain */
	void *owner;
};

/** Reads and surveys. ERR_UNAVAILABLE: brokers, topic or registry; ERR_DATA: no record could be read, says why the first could not. */
int survey_topic_read(struct survey_topic *topic, const struct survey_topic_options *options, struct err *err) MUST_USE;
/** Frees what it owns. */
void survey_topic_free(struct survey_topic *topic);

#endif
