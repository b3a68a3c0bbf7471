#include "daemon/cmd/survey.h"

#include "number.h"
#include "siphash.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define CARD_DIGITS_MIN 12
#define CARD_DIGITS_MAX 19
#define IBAN_MIN 15
#define IBAN_MAX 34

const char *survey_kind_name(enum survey_kind kind)
{
	static const char *const names[] = {"a string", "an enum",   "a boolean",        "an integer",
					    "a double", "a decimal", "timestamp-millis", "timestamp-micros"};
	return names[kind];
}

struct survey *survey_new(size_t capacity)
{
	struct survey *survey = calloc(1, sizeof *survey);
	if (survey == NULL)
		return NULL;
	survey->capacity = capacity;
	survey->fields = calloc(SURVEY_FIELDS_MAX, sizeof *survey->fields);
	survey->partitions = calloc(capacity + 1, sizeof *survey->partitions);
	survey->timestamps_ms = calloc(capacity + 1, sizeof *survey->timestamps_ms);
	survey->keys = calloc(capacity + 1, sizeof *survey->keys);
	survey->scratch = calloc(capacity + 1, sizeof *survey->scratch);
	if (survey->fields != NULL && survey->partitions != NULL && survey->timestamps_ms != NULL &&
	    survey->keys != NULL && survey->scratch != NULL)
		return survey;
	survey_free(survey);
	return NULL;
}

void survey_free(struct survey *survey)
{
	if (survey == NULL)
		return;
	for (size_t i = 0; i < survey->field_count; i++) {
		free(survey->fields[i].path);
		free(survey->fields[i].hashes);
		free(survey->fields[i].numbers);
	}
	free(survey->fields);
	free(survey->partitions);
	free(survey->timestamps_ms);
	free(survey->keys);
	free(survey->scratch);
	free(survey);
}

int survey_find(const struct survey *survey, const char *path)
{
	for (size_t i = 0; i < survey->field_count; i++)
		if (strcmp(survey->fields[i].path, path) == 0)
			return (int)i;
	return -1;
}

int survey_add_field(struct survey *survey, const char *path, enum survey_kind kind, int scale, bool nullable,
		     struct err *err)
{
	int known = survey_find(survey, path);
	if (known >= 0) {
		struct survey_field *field = &survey->fields[known];
		field->mixed |= field->kind != kind || field->scale != scale;
		field->nullable |= nullable;
		field->schemas++;
		return 0;
	}
	assert(survey->field_count < SURVEY_FIELDS_MAX);
	struct survey_field field = {.kind = kind, .scale = scale, .nullable = nullable, .schemas = 1};
	field.path = strdup(path);
	field.hashes = calloc(survey->capacity + 1, sizeof *field.hashes);
	field.numbers = calloc(survey->capacity + 1, sizeof *field.numbers);
	survey->fields[survey->field_count++] = field;
	if (field.path == NULL || field.hashes == NULL || field.numbers == NULL) {
		survey->field_count--;
		free(field.path);
		free(field.hashes);
		free(field.numbers);
		return err_memory(err);
	}
	/* Records read before this schema do not have it. */
	for (size_t i = 0; i < survey->capacity; i++)
		field.numbers[i] = NAN;
	return 0;
}

uint64_t survey_hash(struct slice text)
{
	static const uint8_t key[SIPHASH_KEY_BYTES] = {0}; /* fixed: equal samples give equal proposals */
	uint64_t hash = siphash(key, text);
	return hash == 0 ? 1 : hash;
}

void survey_begin(struct survey *survey, const struct record *record)
{
	assert(survey->count < survey->capacity);
	size_t at = survey->count++;
	survey->partitions[at] = record->partition;
	survey->timestamps_ms[at] = record->timestamp_ms;
	survey->keys[at] = record->key.data == NULL ? 0 : survey_hash(record->key);
	survey->keyed += record->key.data != NULL;
}

/* As the daemon will compare them. */
static bool equals_key(enum survey_kind kind, struct slice text, struct slice key)
{
	static const struct event_schema schema = {.key_path = "key"};
	struct event_builder builder = {.schema = &schema, .key_text = text, .has_key = true};
	struct err ignored = {0};
	builder.key_is_integer = kind == SURVEY_INTEGER && number_parse_integer(text, &builder.key_integer) == 0;
	return key.data != NULL && event_check_key(&builder, key, 0, 1, &ignored) == REASON_NONE;
}

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

static bool is_upper(char letter)
{
	return letter >= 'A' && letter <= 'Z';
}

static bool is_card_like(struct slice text)
{
	const char *digits = text.data;
	unsigned sum = 0;
	if (text.length < CARD_DIGITS_MIN || text.length > CARD_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		char digit = digits[text.length - 1 - i];
		if (!is_digit(digit))
			return false;
		unsigned value = (unsigned)(digit - '0') << (i % 2);
		sum += value > 9 ? value - 9 : value;
	}
	return sum % 10 == 0;
}

static bool is_iban_like(struct slice text)
{
	const char *letters = text.data;
	if (text.length < IBAN_MIN || text.length > IBAN_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		bool fits = i < 2   ? is_upper(letters[i])
			    : i < 4 ? is_digit(letters[i])
				    : is_digit(letters[i]) || is_upper(letters[i]);
		if (!fits)
			return false;
	}
	return true;
}

/* Digits behind the point; with an exponent, too many. */
static size_t decimals_of(struct slice text)
{
	const char *letters = text.data;
	size_t point = text.length;
	for (size_t i = 0; i < text.length; i++) {
		if (letters[i] == 'e' || letters[i] == 'E')
			return SURVEY_DECIMALS_MAX + 1;
		if (letters[i] == '.')
			point = i + 1;
	}
	size_t count = text.length - point;
	return count > SURVEY_DECIMALS_MAX ? SURVEY_DECIMALS_MAX + 1 : count;
}

static double number_of(struct survey_field *field, struct slice text)
{
	double number;
	int64_t ms;
	if (field->kind == SURVEY_ENUM || field->kind == SURVEY_BOOLEAN)
		return NAN;
	if (field->kind == SURVEY_STRING && time_parse_rfc3339(text, &ms) == 0) {
		field->instants++;
		return (double)ms;
	}
	if (number_parse(text, &number) != 0)
		return NAN;
	field->decimals[decimals_of(text)]++;
	return field->kind == SURVEY_MICROS ? floor(number / 1000) : number;
}

void survey_value(struct survey *survey, size_t index, struct slice text, struct slice key)
{
	assert(survey->count > 0 && index < survey->field_count);
	struct survey_field *field = &survey->fields[index];
	size_t at = survey->count - 1;
	field->hashes[at] = 0;
	field->numbers[at] = NAN;
	if (text.data == NULL)
		return;
	field->present++;
	field->hashes[at] = survey_hash(text);
	field->numbers[at] = number_of(field, text);
	field->key_equal += equals_key(field->kind, text, key);
	field->fitting += text.length > 0 && text.length <= EVENT_ENTITY_MAX;
	field->card_like += is_card_like(text);
	field->iban_like += is_iban_like(text);
}
