#include "features/dictionary.h"
#include "test/unit/test.h"

#define MANY 3000

static const uint8_t key[SIPHASH_KEY_BYTES] = {1, 2, 3};

static int64_t find(const struct dictionary *dictionary, const char *text)
{
	return dictionary_find(dictionary, dictionary_hash(key, slice_of(text)), slice_of(text));
}

static int64_t add(struct dictionary *dictionary, const char *text)
{
	int64_t number = -2;
	EXPECT(dictionary_add(dictionary, dictionary_hash(key, slice_of(text)), slice_of(text), &number) == 0);
	return number;
}

TEST(an_empty_dictionary_holds_nothing)
{
	struct dictionary dictionary;
	dictionary_init(&dictionary, NULL);
	EXPECT_INT(find(&dictionary, "a"), DICTIONARY_NONE);
	EXPECT_INT(find(&dictionary, ""), DICTIONARY_NONE);
	EXPECT_INT(dictionary_bound(&dictionary), 0);
	EXPECT_INT(dictionary_size(&dictionary), 0);
	dictionary_free(&dictionary);
}

TEST(numbers_rise_and_lead_back_to_their_texts)
{
	struct dictionary dictionary;
	char text[32];
	int64_t numbers[MANY], last = -1;
	dictionary_init(&dictionary, NULL);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof text, "%d%.*s", i, i % 20, "xxxxxxxxxxxxxxxxxxxx");
		numbers[i] = add(&dictionary, text);
		EXPECT(numbers[i] > last);
		last = numbers[i];
	}
	EXPECT(dictionary_bound(&dictionary) > last);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof text, "%d%.*s", i, i % 20, "xxxxxxxxxxxxxxxxxxxx");
		EXPECT_INT(find(&dictionary, text), numbers[i]);
		EXPECT(slice_equal(dictionary_text(&dictionary, numbers[i]), slice_of(text)));
	}
	EXPECT_INT(find(&dictionary, "3000"), DICTIONARY_NONE);
	dictionary_free(&dictionary);
}

TEST(texts_of_one_hash_are_told_apart)
{
	struct dictionary dictionary;
	int64_t a, b;
	dictionary_init(&dictionary, NULL);
	EXPECT(dictionary_add(&dictionary, 99, slice_of("a"), &a) == 0);
	EXPECT(dictionary_add(&dictionary, 99, slice_of("b"), &b) == 0);
	EXPECT(a != b);
	EXPECT_INT(dictionary_find(&dictionary, 99, slice_of("a")), a);
	EXPECT_INT(dictionary_find(&dictionary, 99, slice_of("b")), b);
	EXPECT_INT(dictionary_find(&dictionary, 99, slice_of("c")), DICTIONARY_NONE);
	dictionary_free(&dictionary);
}

TEST(an_empty_text_and_one_with_a_zero_byte_are_texts)
{
	struct dictionary dictionary;
	struct slice zero = {"a\0b", 3};
	int64_t number;
	dictionary_init(&dictionary, NULL);
	EXPECT_INT(add(&dictionary, ""), find(&dictionary, ""));
	EXPECT(dictionary_add(&dictionary, dictionary_hash(key, zero), zero, &number) == 0);
	EXPECT_INT(find(&dictionary, "a"), DICTIONARY_NONE);
	EXPECT(slice_equal(dictionary_text(&dictionary, number), zero));
	dictionary_free(&dictionary);
}

TEST(a_copy_goes_its_own_way)
{
	struct dictionary dictionary, copy;
	dictionary_init(&dictionary, NULL);
	dictionary_init(&copy, NULL);
	(void)add(&dictionary, "a");
	EXPECT(dictionary_copy(&copy, &dictionary) == 0);
	int64_t b = add(&dictionary, "b"), c = add(&copy, "c");
	EXPECT_INT(b, c);
	EXPECT_INT(find(&copy, "a"), find(&dictionary, "a"));
	EXPECT_INT(find(&copy, "b"), DICTIONARY_NONE);
	EXPECT_INT(find(&dictionary, "c"), DICTIONARY_NONE);
	dictionary_free(&dictionary);
	EXPECT_INT(find(&copy, "c"), c);
	dictionary_free(&copy);
}

int main(int argc, char **argv)
{
	return test_run((struct test[]){CASE(an_empty_dictionary_holds_nothing),
					CASE(numbers_rise_and_lead_back_to_their_texts),
					CASE(texts_of_one_hash_are_told_apart),
					CASE(an_empty_text_and_one_with_a_zero_byte_are_texts),
					CASE(a_copy_goes_its_own_way),
					{0}},
			argc, argv);
}
