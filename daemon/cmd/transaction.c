#include "daemon/cmd/transaction.h"

#include "number.h"

#include <assert.h>

/* The text of schemas/transaction.avsc without blanks, in two parts: a test compares them. */
#define SCHEMA_FIELDS                                                                                                  \
	"{\"type\":\"record\",\"name\":\"Transaction\",\"namespace\":\"outlierd.example\",\"doc\":\"A card "           \
	"transaction, as the examples and the simulator have it. The message key is card_id.\",\"fields\":["           \
	"{\"name\":\"transaction_id\",\"type\":\"string\"},"                                                           \
	"{\"name\":\"event_time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"                 \
	"{\"name\":\"card_id\",\"type\":\"string\"},"                                                                  \
	"{\"name\":\"customer_id\",\"type\":\"string\"},"                                                              \
	"{\"name\":\"amount\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,"              \
	"\"scale\":2}},"                                                                                               \
	"{\"name\":\"currency\",\"type\":\"string\"},"                                                                 \
	"{\"name\":\"merchant\",\"type\":{\"type\":\"record\",\"name\":\"Merchant\",\"fields\":["                      \
	"{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"category\",\"type\":\"string\"},"                           \
	"{\"name\":\"country\",\"type\":\"string\"}]}},"                                                               \
	"{\"name\":\"channel\",\"type\":{\"type\":\"enum\",\"name\":\"Channel\",\"symbols\":[\"POS\",\"ATM\","         \
	"\"WEB\",\"APP\"]}},"                                                                                          \
	"{\"name\":\"lat\",\"type\":[\"null\",\"double\"],\"default\":null},"                                          \
	"{\"name\":\"lon\",\"type\":[\"null\",\"double\"],\"default\":null}"
#define SCHEMA_COORDINATES                                                                                             \
	",{\"name\":\"_partition\",\"type\":\"int\"},{\"name\":\"_offset\",\"type\":\"long\"},"                        \
	"{\"name\":\"_timestamp\",\"type\":\"long\"},{\"name\":\"_key\",\"type\":\"string\"}"
#define SCHEMA_END "]}"

#define PLACE_UNITS 1e5 /* 10^SIMULATION_PLACE_SCALE */
#define AMOUNT_BYTES 8

const char *transaction_schema(bool coordinates)
{
	return coordinates ? SCHEMA_FIELDS SCHEMA_COORDINATES SCHEMA_END : SCHEMA_FIELDS SCHEMA_END;
}

static void add_scaled(struct buffer *out, int64_t units, int scale)
{
	char text[NUMBER_TEXT_MAX];
	buffer_add(out, text, number_format_scaled(units, scale, text));
}

/* A comma and a text that needs no quotes. */
static void add_column(struct buffer *out, const char *text)
{
	buffer_add_byte(out, ',');
	buffer_add_text(out, text);
}

static void add_integer_column(struct buffer *out, int64_t number)
{
	buffer_add_byte(out, ',');
	add_scaled(out, number, 0);
}

static void add_place_column(struct buffer *out, const struct transaction *transaction, int32_t place)
{
	buffer_add_byte(out, ',');
	if (transaction->has_place)
		add_scaled(out, place, SIMULATION_PLACE_SCALE);
}

void transaction_csv_header(struct buffer *out, bool coordinates)
{
	buffer_add_text(out, "transaction_id,event_time,card_id,customer_id,amount,currency,merchant.id,"
			     "merchant.category,merchant.country,channel,lat,lon,");
	if (coordinates)
		buffer_add_text(out, "_partition,_offset,_timestamp,_key,");
	buffer_add_text(out, "is_fraud,fraud_kind\n");
}

void transaction_csv(struct buffer *out, const struct transaction *transaction,
		     const struct transaction_position *position)
{
	buffer_add_text(out, transaction->id);
	add_integer_column(out, transaction->time_ms);
	add_column(out, transaction->card_id);
	add_column(out, transaction->customer_id);
	buffer_add_byte(out, ',');
	add_scaled(out, transaction->amount, SIMULATION_AMOUNT_SCALE);
	add_column(out, transaction->currency);
	add_column(out, transaction->merchant_id);
	add_column(out, transaction->category);
	add_column(out, transaction->country);
	add_column(out, transaction->channel);
	add_place_column(out, transaction, transaction->latitude);
	add_place_column(out, transaction, transaction->longitude);
	if (position != NULL) {
		add_integer_column(out, position->partition);
		add_integer_column(out, position->offset);
		add_integer_column(out, transaction->arrival_ms);
		add_column(out, transaction->card_id);
	}
	add_column(out, transaction->fraud == FRAUD_NONE ? "0" : "1");
	add_column(out, simulation_fraud_name(transaction->fraud));
	buffer_add_byte(out, '\n');
}

/* A member whose value is a text that needs no escapes; before: what stands in front of its name. */
static void add_member(struct buffer *out, const char *before, const char *text)
{
	buffer_add_text(out, before);
	buffer_add_byte(out, '"');
	buffer_add_text(out, text);
	buffer_add_byte(out, '"');
}

static void add_number_member(struct buffer *out, const char *before, int64_t units, int scale)
{
	buffer_add_text(out, before);
	add_scaled(out, units, scale);
}

static void add_place_member(struct buffer *out, const char *before, const struct transaction *transaction,
			     int32_t place)
{
	if (transaction->has_place)
		add_number_member(out, before, place, SIMULATION_PLACE_SCALE);
	else
		buffer_add_format(out, "%snull", before);
}

void transaction_json(struct buffer *out, const struct transaction *transaction,
		      const struct transaction_position *position)
{
	add_member(out, "{\"transaction_id\":", transaction->id);
	add_number_member(out, ",\"event_time\":", transaction->time_ms, 0);
	add_member(out, ",\"card_id\":", transaction->card_id);
	add_member(out, ",\"customer_id\":", transaction->customer_id);
	add_number_member(out, ",\"amount\":", transaction->amount, SIMULATION_AMOUNT_SCALE);
	add_member(out, ",\"currency\":", transaction->currency);
	add_member(out, ",\"merchant\":{\"id\":", transaction->merchant_id);
	add_member(out, ",\"category\":", transaction->category);
	add_member(out, ",\"country\":", transaction->country);
	add_member(out, "},\"channel\":", transaction->channel);
	add_place_member(out, ",\"lat\":", transaction, transaction->latitude);
	add_place_member(out, ",\"lon\":", transaction, transaction->longitude);
	if (position != NULL) {
		add_number_member(out, ",\"_partition\":", position->partition, 0);
		add_number_member(out, ",\"_offset\":", position->offset, 0);
		add_number_member(out, ",\"_timestamp\":", transaction->arrival_ms, 0);
		add_member(out, ",\"_key\":", transaction->card_id);
	}
	add_number_member(out, ",\"is_fraud\":", transaction->fraud != FRAUD_NONE, 0);
	if (transaction->fraud == FRAUD_NONE)
		buffer_add_text(out, ",\"fraud_kind\":null}\n");
	else
		buffer_add_format(out, ",\"fraud_kind\":\"%s\"}\n", simulation_fraud_name(transaction->fraud));
}

static void add_avro_text(struct buffer *out, const char *text)
{
	size_t length = strlen(text);
	buffer_add_zigzag(out, (int64_t)length);
	buffer_add(out, text, length);
}

/* Two's complement, big-endian, as short as it can be. */
static void add_avro_amount(struct buffer *out, int64_t amount)
{
	uint8_t bytes[AMOUNT_BYTES];
	for (size_t i = AMOUNT_BYTES; i-- > 0; amount >>= 8)
		bytes[i] = (uint8_t)amount;
	size_t start = 0;
	while (start < AMOUNT_BYTES - 1 && bytes[start] == (bytes[start + 1] >= 0x80 ? 0xff : 0))
		start++;
	buffer_add_zigzag(out, (int64_t)(AMOUNT_BYTES - start));
	buffer_add(out, bytes + start, AMOUNT_BYTES - start);
}

static void add_avro_place(struct buffer *out, const struct transaction *transaction, int32_t place)
{
	double degrees = (double)place / PLACE_UNITS;
	uint64_t bits;
	buffer_add_zigzag(out, transaction->has_place);
	if (!transaction->has_place)
		return;
	memcpy(&bits, &degrees, sizeof bits);
	buffer_add_le64(out, bits);
}

void transaction_avro(struct buffer *out, const struct transaction *transaction,
		      const struct transaction_position *position)
{
	add_avro_text(out, transaction->id);
	buffer_add_zigzag(out, transaction->time_ms);
	add_avro_text(out, transaction->card_id);
	add_avro_text(out, transaction->customer_id);
	add_avro_amount(out, transaction->amount);
	add_avro_text(out, transaction->currency);
	add_avro_text(out, transaction->merchant_id);
	add_avro_text(out, transaction->category);
	add_avro_text(out, transaction->country);
	buffer_add_zigzag(out, transaction->channel_number);
	add_avro_place(out, transaction, transaction->latitude);
	add_avro_place(out, transaction, transaction->longitude);
	if (position == NULL)
		return;
	buffer_add_zigzag(out, position->partition);
	buffer_add_zigzag(out, position->offset);
	buffer_add_zigzag(out, transaction->arrival_ms);
	add_avro_text(out, transaction->card_id);
}

void transaction_label_header(struct buffer *out)
{
	buffer_add_text(out, "transaction_id,is_fraud,fraud_kind\n");
}

void transaction_label(struct buffer *out, const struct transaction *transaction)
{
	buffer_add_text(out, transaction->id);
	add_column(out, transaction->fraud == FRAUD_NONE ? "0" : "1");
	add_column(out, simulation_fraud_name(transaction->fraud));
	buffer_add_byte(out, '\n');
}
