#include "daemon/cmd/label.h"

#include "json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

/* What a character takes of the font's size. */
static double advance(const uint8_t *at, size_t length)
{
	static const char narrow[] = "fijlrtI.,:;|!'()[]{}/ ", wide[] = "mwMW%@";
	assert(length <= 4);
	if (length != 1 || *at == 0)
		return 1; /* also of what is not UTF-8, and becomes a replacement */
	return strchr(narrow, *at) != NULL ? 0.42 : strchr(wide, *at) != NULL ? 1 : 0.66;
}

/* How many bytes of the text, whole characters, fit into the room; *width: what they take. */
static size_t fitting(struct slice text, double size, double room, double *width)
{
	const uint8_t *bytes = text.data;
	size_t i = 0;
	for (*width = 0; i < text.length;) {
		size_t length = json_utf8_length(bytes + i, text.length - i);
		double more = size * advance(bytes + i, length);
		if (*width + more > room)
			break;
		*width += more;
		i += length == 0 ? 1 : length;
	}
	return i;
}

double label_width(struct slice text, double size)
{
	double width;
	(void)fitting(text, size, INFINITY, &width);
	return width;
}

void label_add(char label[LABEL_MAX], struct slice text, double size, double room)
{
	double width;
	assert(room <= LABEL_ROOM_MAX * size);
	size_t used = strlen(label), length = fitting(text, size, room, &width);
	bool whole = length == text.length;
	if (!whole)
		length = fitting(text, size, room - size, &width);
	assert(length + sizeof "..." < LABEL_MAX - used);
	for (size_t i = 0; i < length; i++) {
		char byte = ((const char *)text.data)[i];
		label[used++] = byte == '\0' ? '?' : byte;
	}
	snprintf(label + used, LABEL_MAX - used, "%s", whole ? "" : "\xe2\x80\xa6");
}

const char *label_number(double value, int digits, char text[NUMBER_TEXT_MAX])
{
	double rounded;
	char plain[NUMBER_TEXT_MAX];
	assert(digits > 0 && digits < 18);
	snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, value);
	if (isfinite(value) && number_parse(slice_of(text), &rounded) == 0 &&
	    number_format(rounded, plain) <= (size_t)digits + LABEL_ZEROS_MAX)
		strcpy(text, plain);
	return text;
}
