/* Forms of text. The pattern that checks a value is the one that stands in the JSON Schema. */
#include "config/table.h"

#include <assert.h>

static const struct form forms[FORM_NUMBER_OF_FORMS] = {
    [FORM_ANY] = {"a text", "one that is not empty", "^.+$"},
    [FORM_LABEL] = {"a name", "up to 100 letters, digits, '.', '_' and '-'", "^[A-Za-z0-9._-]{1,100}$"},
    [FORM_NAMESPACE] = {"a namespace", "up to 100 letters, digits, '.', '_', ':' and '-'", "^[A-Za-z0-9._:-]{1,100}$"},
    [FORM_IDENTIFIER] = {"a name", "letters, digits and '_', not beginning with a digit",
			 "^[A-Za-z_][A-Za-z0-9_]{0,199}$"},
    [FORM_TOPIC] = {"a topic name", "up to 249 letters, digits, '.', '_' and '-', such as \"transactions\"",
		    "^[A-Za-z0-9._-]{1,249}$"},
    [FORM_FIELD_PATH] = {"a path to a field", "names joined by dots, such as \"merchant.id\"", "^[^.]+([.][^.]+)*$"},
    [FORM_SERVERS] = {"a list of servers", "HOST:PORT, more of them after commas, such as \"127.0.0.1:9092\"",
		      "^([A-Za-z_]+://)?([^,;: /]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?"
		      "(, ?([A-Za-z_]+://)?([^,;: /]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?)*$"},
    [FORM_URL] = {"an address of a registry", "http:// or https://, such as \"http://127.0.0.1:8081\"",
		  "^https?://[^ /:@]+(:[0-9]{1,5})?(/[^ ]*)?$"},
    [FORM_FILE] = {"a file name", "a path, relative ones from the folder of the configuration", "^.+$"},
    [FORM_SECRET] = {"a file name", "the name of a file that holds the secret", "^.+$"},
    [FORM_REDIS] = {"an address of a Redis",
		    "tcp://HOST:PORT, unix:///PATH or sentinel://HOST:PORT,HOST:PORT/NAME, such as "
		    "\"tcp://127.0.0.1:6379\"",
		    "^(tcp://([^:/ @,]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}|unix:///[^ ]+|"
		    "sentinel://([^:/ @,]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}"
		    "(,([^:/ @,]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}){0,7}/[A-Za-z0-9._-]{1,127})$"},
    [FORM_LISTEN] = {"an address to listen on", "HOST:PORT, such as \"127.0.0.1:9464\"",
		     "^([^:/ @]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$"},
    [FORM_PROPERTY] = {"the value of a property", "a text, a number, true or false", "^.*$"},
    [FORM_DURATION] = {"a duration", "a number and one of ms s m h d, such as \"30d\"",
		       "^(0|[1-9][0-9]*)(ms|s|m|h|d)$"},
    [FORM_TIME] = {"a time", "RFC 3339, such as \"2026-12-31T00:00:00Z\"",
		   "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
		   "([Zz]|[+-][0-9]{2}:[0-9]{2})$"},
    [FORM_UTC_OFFSET] = {"an offset from UTC", "+HH:MM or -HH:MM, such as \"+01:00\"",
			 "^[+-](0[0-9]|1[0-8]):[0-5][0-9]$"},
};

const struct form *config_form(enum text_form form)
{
	assert((unsigned)form < FORM_NUMBER_OF_FORMS);
	return &forms[form];
}
