/* "Did you mean": the nearest of some names. */
#include "config/draft.h"

#define LIKE_NAME_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static char lower(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
}

/* Edits from one to the other: a letter put in, taken out, replaced, or two neighbours swapped (Damerau 1964, in the restricted form). */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][LIKE_NAME_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			bool equal = lower(a[i - 1]) == lower(b[j - 1]);
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !equal);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_length];
}

const char *config_like(const char *wrong, const char *const *names, size_t count)
{
	size_t length = strlen(wrong), nearest = SIZE_MAX;
	const char *like = NULL;
	if (length == 0 || length > LIKE_NAME_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t name_length = strlen(names[i]);
		if (name_length > LIKE_NAME_MAX)
			continue;
		size_t edits = distance(wrong, length, names[i], name_length);
		/* A third of the letters may be wrong; in a short word one. */
		if (edits <= (length < 6 ? 1 : length / 3) && edits < nearest) {
			nearest = edits;
			like = names[i];
		}
	}
	return like;
}
