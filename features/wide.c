#include "features/wide.h"

#include <assert.h>
#include <math.h>

#define WORDS 4

/* 256 bits, least significant word first. */
struct u256 {
	uint64_t word[WORDS];
};

static uint64_t high(uint128 value)
{
	return (uint64_t)(value >> 64);
}

/* The nearest double of the words: the topmost 64 bits with the rest as a sticky last bit round as the whole would. */
static double nearest(const uint64_t *word, int count)
{
	int top = count - 1;
	while (top > 0 && word[top] == 0)
		top--;
	if (top == 0)
		return (double)word[0];
	int shift = __builtin_clzll(word[top]);
	uint64_t bits = word[top];
	bool sticky = false;
	if (shift == 0) {
		sticky = word[top - 1] != 0;
	} else {
		bits = bits << shift | word[top - 1] >> (64 - shift);
		sticky = word[top - 1] << shift != 0;
	}
	for (int i = 0; i < top - 1; i++)
		sticky |= word[i] != 0;
	return ldexp((double)(bits | sticky), 64 * top - shift);
}

double wide_double(int128 value)
{
	uint128 magnitude = value < 0 ? -(uint128)value : (uint128)value;
	double result = nearest((uint64_t[]){(uint64_t)magnitude, high(magnitude)}, 2);
	assert(result >= 0);
	return value < 0 ? -result : result;
}

static struct u256 multiply(uint128 a, uint128 b)
{
	uint64_t a0 = (uint64_t)a, a1 = high(a), b0 = (uint64_t)b, b1 = high(b);
	uint128 low = (uint128)a0 * b0, cross = (uint128)a1 * b0, other = (uint128)a0 * b1, top = (uint128)a1 * b1;
	uint128 second = (uint128)high(low) + (uint64_t)cross + (uint64_t)other;
	uint128 upper = top + high(cross) + high(other) + high(second);
	return (struct u256){{(uint64_t)low, (uint64_t)second, (uint64_t)upper, high(upper)}};
}

static struct u256 subtract(struct u256 a, struct u256 b)
{
	struct u256 difference;
	uint64_t borrow = 0;
	for (int i = 0; i < WORDS; i++) {
		uint128 part = (uint128)a.word[i] - b.word[i] - borrow;
		difference.word[i] = (uint64_t)part;
		borrow = high(part) != 0;
	}
	assert(borrow == 0);
	return difference;
}

bool wide_is_spread(uint64_t n, uint128 squares, int128 sum)
{
	uint128 magnitude = sum < 0 ? -(uint128)sum : (uint128)sum;
	struct u256 product = multiply(squares, n), square = multiply(magnitude, magnitude);
	int word = WORDS - 1;
	while (word > 0 && product.word[word] == square.word[word])
		word--;
	return product.word[word] >= square.word[word];
}

double wide_spread(uint64_t n, uint128 squares, int128 sum)
{
	assert(squares >> 127 == 0);
	uint128 magnitude = sum < 0 ? -(uint128)sum : (uint128)sum;
	if (high(squares) == 0 && high(magnitude) == 0) {
		uint128 product = (uint128)(uint64_t)squares * n, square = magnitude * magnitude;
		assert(product >= square);
		uint128 difference = product - square;
		return nearest((uint64_t[]){(uint64_t)difference, high(difference)}, 2);
	}
	struct u256 difference = subtract(multiply(squares, n), multiply(magnitude, magnitude));
	return nearest(difference.word, WORDS);
}
