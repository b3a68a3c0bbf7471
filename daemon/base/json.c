#include "json.h"

#include "number.h"

#include <assert.h>
#include <math.h>

void json_begin(struct json *json, struct buffer *out)
{
	assert(json != NULL && out != NULL);
	*json = (struct json){.out = out, .first = {true}};
}

void json_begin_canonical(struct json *json, struct buffer *out)
{
	json_begin(json, out);
	json->canonical = true;
}

/* What stands before a value: nothing after a name or at the beginning of a container, else a comma. */
static void before_value(struct json *json)
{
	if (json->after_name) {
		json->after_name = false;
		return;
	}
	assert(json->depth > 0 || json->first[0]); /* a document is one value */
	if (!json->first[json->depth])
		buffer_add_byte(json->out, ',');
	json->first[json->depth] = false;
}

static void open_container(struct json *json, uint8_t bracket)
{
	before_value(json);
	buffer_add_byte(json->out, bracket);
	json->depth++;
	assert(json->depth < JSON_DEPTH_MAX);
	json->first[json->depth] = true;
}

static void close_container(struct json *json, uint8_t bracket)
{
	assert(json->depth > 0 && !json->after_name);
	buffer_add_byte(json->out, bracket);
	json->depth--;
}

void json_open_object(struct json *json)
{
	open_container(json, '{');
}

void json_close_object(struct json *json)
{
	close_container(json, '}');
}

void json_open_array(struct json *json)
{
	open_container(json, '[');
}

void json_close_array(struct json *json)
{
	close_container(json, ']');
}

size_t json_utf8_length(const uint8_t *at, size_t left)
{
	uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead < 0xc2 || lead > 0xf4 || length > left)
		return 0;
	/* The second byte's range excludes overlong forms, surrogates and what is beyond U+10FFFF. */
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return length;
}

static void add_escape(struct buffer *out, uint8_t character)
{
	static const char digits[] = "0123456789abcdef";
	char escape[6] = {'\\', 'u', '0', '0', digits[character >> 4], digits[character & 15]};
	static const char short_forms[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char letter = character < 0x20 ? short_forms[character] : (char)character;
	if (letter == 0) {
		buffer_add(out, escape, sizeof escape);
		return;
	}
	escape[1] = letter;
	buffer_add(out, escape, 2);
}

static void add_quoted(struct buffer *out, struct slice text)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	const uint8_t *bytes = text.data;
	size_t plain = 0; /* bytes before `plain` are written */
	buffer_add_byte(out, '"');
	for (size_t i = 0; i < text.length;) {
		uint8_t character = bytes[i];
		if (character >= 0x20 && character < 0x80 && character != '"' && character != '\\') {
			i++;
			continue;
		}
		size_t length = json_utf8_length(bytes + i, text.length - i);
		if (length > 1) {
			i += length;
			continue;
		}
		buffer_add(out, bytes + plain, i - plain);
		if (length == 1)
			add_escape(out, character);
		else
			buffer_add_text(out, replacement);
		plain = ++i;
	}
	if (text.length > plain)
		buffer_add(out, bytes + plain, text.length - plain);
	buffer_add_byte(out, '"');
}

/* False where the name may not follow the object's last one; names that are not plain ASCII are not judged. */
static bool in_order(const struct json *json, const char *name)
{
	if (json->first[json->depth] || json->out->failed)
		return true;
	const uint8_t *last = json->out->data + json->name_at[json->depth];
	for (; *last != '"' && *last == (uint8_t)*name; last++, name++)
		if (*last >= 0x80 || *last == '\\')
			return true;
	uint8_t here = (uint8_t)*name;
	if (*last >= 0x80 || *last == '\\' || here >= 0x80 || (here > 0 && here < 0x20) || here == '"')
		return true;
	return *last == '"' ? here != 0 : *last < here;
}

void json_name(struct json *json, const char *name)
{
	assert(json->depth > 0 && !json->after_name);
	assert(!json->canonical || in_order(json, name));
	before_value(json);
	json->name_at[json->depth] = json->out->length + 1;
	add_quoted(json->out, slice_of(name));
	buffer_add_byte(json->out, ':');
	json->after_name = true;
}

void json_add_text(struct json *json, struct slice text)
{
	assert(text.data != NULL || text.length == 0);
	before_value(json);
	add_quoted(json->out, text);
}

void json_add_string(struct json *json, const char *text)
{
	if (text == NULL)
		json_add_null(json);
	else
		json_add_text(json, slice_of(text));
}

void json_add_number(struct json *json, double value)
{
	if (!isfinite(value)) {
		json_add_null(json);
		return;
	}
	char text[NUMBER_TEXT_MAX];
	size_t length = number_format(value, text);
	json_add_raw(json, (struct slice){text, length});
}

void json_add_integer(struct json *json, int64_t value)
{
	char text[NUMBER_TEXT_MAX];
	size_t length = number_format_scaled(value, 0, text);
	json_add_raw(json, (struct slice){text, length});
}

void json_add_boolean(struct json *json, bool value)
{
	json_add_raw(json, slice_of(value ? "true" : "false"));
}

void json_add_null(struct json *json)
{
	json_add_raw(json, slice_of("null"));
}

void json_add_raw(struct json *json, struct slice value)
{
	assert(value.length > 0);
	before_value(json);
	buffer_add(json->out, value.data, value.length);
}

int json_compare_names(const char *a, const char *b)
{
	assert(a != NULL && b != NULL);
	for (; *a == *b && *a != '\0'; a++, b++)
		continue;
	uint8_t x = (uint8_t)*a, y = (uint8_t)*b;

	/* Bytes order as code points do. In UTF-16 those of four bytes are surrogate pairs, below U+E000 to U+FFFF. */
	if (x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0))
		return x >= 0xf0 ? -1 : 1;
	return x - y;
}
