/* Key paths, as problems name them. */
#include "config/problem.h"

#include <stdio.h>

static bool is_plain(const char *key)
{
	bool plain = *key != '\0' && (*key < '0' || *key > '9');
	for (const char *at = key; *at != '\0'; at++)
		plain &= (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
			 *at == '_';
	return plain;
}

/* Keys are the user's: a terminal must survive them. */
static void make_harmless(char *path)
{
	for (char *at = path; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
}

void config_path_member(char inner[CONFIG_PATH_MAX], const char *path, const char *key)
{
	int length;
	if (*key == '\0')
		length = snprintf(inner, CONFIG_PATH_MAX, "%s", path);
	else if (is_plain(key))
		length = snprintf(inner, CONFIG_PATH_MAX, "%s%s%s", path, *path == '\0' ? "" : ".", key);
	else
		length = snprintf(inner, CONFIG_PATH_MAX, "%s[\"%s\"]", path, key);
	if (length < 0)
		inner[0] = '\0';
	make_harmless(inner);
}

void config_path_element(char inner[CONFIG_PATH_MAX], const char *path, size_t i)
{
	int length = snprintf(inner, CONFIG_PATH_MAX, "%s[%zu]", path, i);
	if (length < 0)
		inner[0] = '\0';
}
