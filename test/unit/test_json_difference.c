/* Where two JSON values part: the first place, in words. */
#include "daemon/cmd/json_difference.h"

#include "test/unit/test.h"

#include <stdint.h>

static const struct difference {
	const char *a, *b, *wanted; /* NULL: none */
} cases[] = {
    {"1", "1.0", NULL},
    {"{\"a\":[1,{\"b\":null}],\"c\":\"x\"}", "{\"c\":\"x\",\"a\":[1,{\"b\":null}]}", NULL},
    {"1", "2", "the value: 1, not 2"},
    {"{\"score\":0.5}", "{\"score\":0.25}", "score: 0.5, not 0.25"},
    {"{\"a\":[1,2]}", "{\"a\":[1]}", "a.1: 2, not nothing"},
    {"{\"a\":[1]}", "{\"a\":[1,2]}", "a.1: nothing, not 2"},
    {"{\"a\":{}}", "{\"a\":{\"b\":true}}", "a.b: nothing, not true"},
    {"{\"a\":{\"b\":true}}", "{\"a\":{}}", "a.b: true, not nothing"},
    {"{\"x\":1,\"a\":{\"b\":[0,{\"c\":\"d\"}]}}", "{\"x\":1,\"a\":{\"b\":[0,{\"c\":\"e\"}]}}",
     "a.b.1.c: \"d\", not \"e\""},
    {"{\"a\":null}", "{\"a\":0}", "a: null, not 0"},
    {"[]", "{}", "the value: [], not {}"},
};

TEST(the_first_difference_is_named_by_its_path)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200] = "";
		json_t *a = json_loads(cases[i].a, JSON_DECODE_ANY, NULL),
		       *b = json_loads(cases[i].b, JSON_DECODE_ANY, NULL);
		EXPECT(json_difference(a, b, text, sizeof text) == (cases[i].wanted == NULL));
		EXPECT_TEXT(text, cases[i].wanted == NULL ? "" : cases[i].wanted);
		json_decref(a);
		json_decref(b);
	}
}

TEST(a_deep_path_is_cut_and_a_small_text_too)
{
	char deep[2048] = "", text[16];
	for (size_t i = 0; i < 60; i++)
		strcat(deep, "{\"a_long_name_of_a_member\":");
	strcat(deep, "1");
	size_t length = strlen(deep);
	memset(deep + length, '}', 60);
	deep[length + 60] = '\0';
	json_t *a = json_loads(deep, 0, NULL);
	deep[length - 1] = '2';
	json_t *b = json_loads(deep, 0, NULL);
	EXPECT(a != NULL && b != NULL && !json_difference(a, b, text, sizeof text));
	EXPECT_INT(strlen(text), sizeof text - 1);
	json_decref(a);
	json_decref(b);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(the_first_difference_is_named_by_its_path),
					CASE(a_deep_path_is_cut_and_a_small_text_too),
					{0}},
			argc, argv);
}
