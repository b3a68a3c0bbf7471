#include "daemon/pipeline/publish.h"

/* The Avro shapes of what publish.c writes, member for member in the same order. */

static const char alert_head[] =
    "{\"type\":\"record\",\"name\":\"Alert\",\"namespace\":\"outlierd\",\"doc\":\"A flagged event, explained. Times in "
    "ms since 1970; missing is null.\",\"fields\":["
    "{\"name\":\"schema_version\",\"type\":\"int\"},"
    "{\"name\":\"alert_id\",\"type\":\"string\",\"doc\":\"SHA-256 that names this decision; the same wherever it is "
    "made again\"},"
    "{\"name\":\"group_id\",\"type\":\"string\",\"doc\":\"The same for alerts of one entity within policy.cooldown\"},"
    "{\"name\":\"pipeline\",\"type\":\"string\"},"
    "{\"name\":\"entity\",\"type\":\"string\"},"
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"topic\",\"type\":\"string\"},"
    "{\"name\":\"partition\",\"type\":\"int\"},"
    "{\"name\":\"offset\",\"type\":\"long\"},"
    "{\"name\":\"event_time\",\"type\":\"long\"},"
    "{\"name\":\"score\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"rank\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"threshold\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"model_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"feature_set_id\",\"type\":\"string\"},"
    "{\"name\":\"policy_id\",\"type\":\"string\"},"
    "{\"name\":\"flags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"rules\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Rule\",\"fields\":["
    "{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"reason\",\"type\":\"string\"}]}}},"
    "{\"name\":\"base\",\"type\":[\"null\",\"double\"],\"doc\":\"log2 of the score of an event that says nothing\"},"
    "{\"name\":\"contributions\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
    "\"Contribution\",\"fields\":["
    "{\"name\":\"feature\",\"type\":\"string\"},"
    "{\"name\":\"value\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"contribution\",\"type\":[\"null\",\"double\"],\"doc\":\"in log2 of the score, positive = more "
    "anomalous\"},"
    "{\"name\":\"p5\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"median\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"p95\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"entity_n\",\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"entity_mean\",\"type\":[\"null\",\"double\"]}]}}]},"
    "{\"name\":\"fields\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"boolean\",\"double\",\"string\"]}}"
    "]}";

static const char decision_head[] =
    "{\"type\":\"record\",\"name\":\"Decision\",\"namespace\":\"outlierd\",\"doc\":\"One scored event with its vector. "
    "Times in ms since 1970; missing is null.\",\"fields\":["
    "{\"name\":\"schema_version\",\"type\":\"int\"},"
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"entity\",\"type\":\"string\"},"
    "{\"name\":\"topic\",\"type\":\"string\"},"
    "{\"name\":\"partition\",\"type\":\"int\"},"
    "{\"name\":\"offset\",\"type\":\"long\"},"
    "{\"name\":\"event_time\",\"type\":\"long\"},"
    "{\"name\":\"score\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"rank\",\"type\":[\"null\",\"double\"]},"
    "{\"name\":\"flagged\",\"type\":\"boolean\"},"
    "{\"name\":\"flags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"model_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"feature_set_id\",\"type\":\"string\"},"
    "{\"name\":\"policy_id\",\"type\":\"string\"},"
    "{\"name\":\"features\",\"type\":{\"type\":\"record\",\"name\":\"Features\",\"fields\":[";

void publisher_alert_schema(struct buffer *schema)
{
	buffer_add_text(schema, alert_head);
}

void publisher_decision_schema(const struct feature_set *set, struct buffer *schema)
{
	buffer_add_text(schema, decision_head);
	for (size_t i = 0; i < feature_set_count(set); i++)
		buffer_add_format(schema, "%s{\"name\":\"%s\",\"type\":[\"null\",\"double\"],\"default\":null}",
				  i == 0 ? "" : ",", feature_set_name(set, i));
	buffer_add_text(schema, "]}}]}");
}
