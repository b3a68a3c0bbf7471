/*
 * The job that the whole path is measured with: seeded card transactions (the distribution, the ten Avro fields, the
 * framing and the ten features that others measure too), 10 ms apart in event time, which is the Kafka timestamp.
 *
 * Thirty days are never full in a stream of hours, so every vector is `warming`: the policy is told to alert nevertheless,
 * and who trains takes the flag from the rows.
 */
#ifndef OUTLIERD_BENCH_JOB_H
#define OUTLIERD_BENCH_JOB_H

#include "rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define JOB_PARTITIONS 4
#define JOB_CARDS 10000
#define JOB_MERCHANTS 5000
#define JOB_START_MS INT64_C(1700000000000)
#define JOB_SPACING_MS 10
#define JOB_VALUE_MAX 256
#define JOB_CARD_MAX 16

static const char job_schema[] =
    "{\"type\": \"record\", \"name\": \"Tx\", \"fields\": [\n"
    "  {\"name\": \"transaction_id\", \"type\": \"string\"},\n"
    "  {\"name\": \"event_time\", \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}},\n"
    "  {\"name\": \"card_id\", \"type\": \"string\"}, {\"name\": \"amount\", \"type\": \"double\"},\n"
    "  {\"name\": \"merchant\", \"type\": \"string\"},\n"
    "  {\"name\": \"channel\", \"type\": {\"type\": \"enum\", \"name\": \"Ch\", \"symbols\": [\"POS\", \"ATM\", "
    "\"WEB\"]}},\n"
    "  {\"name\": \"lat\", \"type\": [\"null\", \"double\"]}, {\"name\": \"lon\", \"type\": [\"null\", \"double\"]},\n"
    "  {\"name\": \"country\", \"type\": \"string\"}, {\"name\": \"mcc\", \"type\": \"int\"}]}\n";

/* What differs between configurations of the job. */
struct job_config {
	const char *pipeline, *brokers;
	const char *state;  /* JSON */
	const char *limits; /* JSON */
	const char *policy; /* JSON; NULL: the highest 1 % */
	const char *listen; /* of HTTP; NULL: none */
	bool for_csv;       /* a column needs the unit that Avro's logical type tells */
};

static inline void job_write_config(FILE *file, const struct job_config *config)
{
	(void)fprintf(file,
		      "{ \"pipeline\": \"%s\",\n"
		      "  \"kafka\": {\"bootstrap_servers\": \"%s\", \"input_topic\": \"transactions\"},\n"
		      "  \"schema\": {\"file\": \"transaction.avsc\", \"framing\": \"confluent\"},\n"
		      "  \"event\": {\"id\": \"transaction_id\", \"entity\": \"card_id\", \"time\": %s,\n"
		      "    \"fields\": {\"amount\": {\"type\": \"money\", \"scale\": 2}, \"merchant\": {\"type\": "
		      "\"string\"}}},\n",
		      config->pipeline, config->brokers,
		      config->for_csv ? "{\"path\": \"event_time\", \"unit\": \"ms\"}" : "\"event_time\"");
	(void)fputs(
	    "  \"features\": [\n"
	    "    {\"name\": \"count_1h\", \"op\": \"count\", \"window\": \"1h\"},\n"
	    "    {\"name\": \"count_1d\", \"op\": \"count\", \"window\": \"1d\"},\n"
	    "    {\"name\": \"sum_1d\", \"op\": \"sum\", \"field\": \"amount\", \"window\": \"1d\"},\n"
	    "    {\"name\": \"mean_30d\", \"op\": \"mean\", \"field\": \"amount\", \"window\": \"30d\"},\n"
	    "    {\"name\": \"stddev_30d\", \"op\": \"stddev\", \"field\": \"amount\", \"window\": \"30d\"},\n"
	    "    {\"name\": \"zscore_30d\", \"op\": \"zscore\", \"field\": \"amount\", \"window\": \"30d\"},\n"
	    "    {\"name\": \"merchants_1d\", \"op\": \"distinct\", \"field\": \"merchant\", \"window\": \"1d\"},\n"
	    "    {\"name\": \"since_previous\", \"op\": \"since_previous\", \"window\": \"30d\"},\n"
	    "    {\"name\": \"amount_log\", \"op\": \"log1p\", \"field\": \"amount\"},\n"
	    "    {\"name\": \"merchant_30d\", \"op\": \"count\", \"window\": \"30d\", \"where\": {\"field\": "
	    "\"merchant\", "
	    "\"same\": true}}],\n",
	    file);
	(void)fprintf(file,
		      "  \"state\": %s, \"limits\": %s,\n"
		      "  \"model\": {\"directory\": \"models\"},\n"
		      "  \"policy\": %s,\n"
		      "  \"output\": {\"alerts\": {\"topic\": \"alerts\"}, \"late\": {\"topic\": \"late\"}, "
		      "\"dead_letters\": {\"topic\": \"dead\"}}",
		      config->state, config->limits,
		      config->policy != NULL ? config->policy
					     : "{\"threshold\": {\"quantile\": 0.99}, \"warming\": \"alert\"}");
	if (config->listen != NULL)
		(void)fprintf(file, ",\n  \"http\": {\"listen\": \"%s\"}", config->listen);
	(void)fputs(" }\n", file);
}

struct transaction {
	unsigned merchant, channel;
	int32_t partition;
	char card[JOB_CARD_MAX];
	double amount, lat, lon;
	int64_t number, time_ms;
};

/* A transaction so long after the one before. Uniform cards and merchants, exponential amounts of mean 50 in whole cents. */
static inline struct transaction job_next(struct rng *rng, int64_t number, int64_t spacing_ms)
{
	struct transaction made = {.number = number, .time_ms = JOB_START_MS + number * spacing_ms};
	unsigned card = (unsigned)rng_below(rng, JOB_CARDS);
	made.partition = (int32_t)(card % JOB_PARTITIONS);
	(void)snprintf(made.card, sizeof made.card, "card%06u", card);
	made.amount = floor(-5000 * log(1 - rng_uniform(rng)) + 0.5) / 100;
	made.merchant = (unsigned)rng_below(rng, JOB_MERCHANTS);
	made.channel = (unsigned)rng_below(rng, 3);
	made.lat = rng_uniform(rng) * 90;
	made.lon = rng_uniform(rng) * 90;
	return made;
}

static inline uint8_t *job_put_long(uint8_t *at, int64_t value)
{
	uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
	for (; zigzag >= 0x80; zigzag >>= 7)
		*at++ = (uint8_t)(zigzag | 0x80);
	*at++ = (uint8_t)zigzag;
	return at;
}

static inline uint8_t *job_put_text(uint8_t *at, const char *text)
{
	size_t length = strlen(text);
	at = job_put_long(at, (int64_t)length);
	memcpy(at, text, length);
	return at + length;
}

static inline uint8_t *job_put_double(uint8_t *at, double value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

/* Confluent framing with schema id 1, then Avro; returns the length. */
static inline size_t job_encode(const struct transaction *made, uint8_t value[JOB_VALUE_MAX])
{
	static const uint8_t framing[5] = {0, 0, 0, 0, 1};
	char text[32];
	uint8_t *at = value + sizeof framing;
	memcpy(value, framing, sizeof framing);
	(void)snprintf(text, sizeof text, "tx-%012" PRId64, made->number);
	at = job_put_text(at, text);
	at = job_put_long(at, made->time_ms);
	at = job_put_text(at, made->card);
	at = job_put_double(at, made->amount);
	(void)snprintf(text, sizeof text, "m%u", made->merchant);
	at = job_put_text(at, text);
	at = job_put_long(at, made->channel);
	at = job_put_double(job_put_long(at, 1), made->lat);
	at = job_put_double(job_put_long(at, 1), made->lon);
	at = job_put_text(at, "DE");
	at = job_put_long(at, 5411);
	return (size_t)(at - value);
}

/* The first so many transactions as CSV, with their coordinates. */
static inline void job_write_csv(FILE *file, int64_t events, int64_t spacing_ms)
{
	int64_t offsets[JOB_PARTITIONS] = {0};
	struct rng rng;
	rng_seed(&rng, 1);
	(void)fputs("transaction_id,event_time,card_id,amount,merchant,_partition,_offset,_timestamp,_key\n", file);
	for (int64_t i = 0; i < events; i++) {
		struct transaction made = job_next(&rng, i, spacing_ms);
		(void)fprintf(file,
			      "tx-%012" PRId64 ",%" PRId64 ",%s,%.2f,m%u,%" PRId32 ",%" PRId64 ",%" PRId64 ",%s\n", i,
			      made.time_ms, made.card, made.amount, made.merchant, made.partition,
			      offsets[made.partition]++, made.time_ms, made.card);
	}
}

#endif
