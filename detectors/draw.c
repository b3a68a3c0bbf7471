#include "detectors/draw.h"

#include "sha256.h"

#include <assert.h>
#include <stdlib.h>

#define SLOT_FREE UINT64_MAX /* never a place: there are fewer rows */

/* What stands now at a place of the shuffled row numbers, where it is not the place's own number. */
struct slot {
	uint64_t place;
	uint64_t number;
};

struct draw {
	size_t most;
	size_t slot_count; /* a power of two, at least twice `most`: open addressing */
	struct slot *slots;
};

static void put_le64(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

void draw_seed(struct rng *rng, uint64_t seed, uint64_t tree)
{
	uint8_t message[16], digest[SHA256_BYTES];
	put_le64(message, seed);
	put_le64(message + 8, tree);
	sha256_of((struct slice){message, sizeof message}, digest);
	uint64_t start = 0;
	for (int i = 0; i < 8; i++)
		start |= (uint64_t)digest[i] << (8 * i);
	rng_seed(rng, start);
}

struct draw *draw_new(size_t most)
{
	assert(most > 0);
	struct draw *draw = calloc(1, sizeof *draw);
	if (draw == NULL)
		return NULL;
	draw->most = most;
	draw->slot_count = 4;
	while (draw->slot_count / 2 < most && draw->slot_count <= SIZE_MAX / 4)
		draw->slot_count *= 2;
	draw->slots = calloc(draw->slot_count, sizeof *draw->slots);
	if (draw->slots == NULL) {
		free(draw);
		return NULL;
	}
	return draw;
}

void draw_free(struct draw *draw)
{
	if (draw == NULL)
		return;
	free(draw->slots);
	free(draw);
}

/* The slot of a place, or the free one where it belongs. */
static struct slot *find(struct draw *draw, uint64_t place)
{
	size_t mask = draw->slot_count - 1;
	size_t at = (size_t)(place * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
	while (draw->slots[at].place != place && draw->slots[at].place != SLOT_FREE)
		at = (at + 1) & mask;
	return &draw->slots[at];
}

static uint64_t number_at(struct draw *draw, uint64_t place)
{
	const struct slot *slot = find(draw, place);
	return slot->place == SLOT_FREE ? place : slot->number;
}

void draw_rows(struct draw *draw, struct rng *rng, uint64_t rows, size_t count, uint64_t *drawn)
{
	assert(count <= draw->most && count <= rows && rows < SLOT_FREE);
	for (size_t i = 0; i < draw->slot_count; i++)
		draw->slots[i].place = SLOT_FREE;
	for (size_t i = 0; i < count; i++) {
		uint64_t other = i + rng_below(rng, rows - i);
		uint64_t number = number_at(draw, i);
		struct slot *slot = find(draw, other);
		drawn[i] = slot->place == SLOT_FREE ? other : slot->number;
		/* Place i is behind us and never read again, so only the other one needs to know its new number. */
		*slot = (struct slot){other, number};
	}
}
