#include "daemon/cmd/audit_book.h"

#include "sha256.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)1024)
#define TEXT_BYTES 200

struct expected {
	uint8_t digest[AUDIT_DIGEST_BYTES];
	int64_t offset;
	int32_t partition;
	uint8_t kind;
	bool found;
};

/* A message that was not expected; at: its place in its own topic. */
struct stranger {
	struct audit_claim claim;
	int64_t at_offset;
	int32_t at_partition;
	enum audit_kind kind;
};

struct deleted {
	enum audit_kind kind;
	int32_t partition;
	int64_t below;
};

struct audit_book {
	struct expected *expected;
	size_t count, capacity;
	uint32_t *slots; /* index + 1 of expected, by digest; 0: free. A power of two, at most half full */
	size_t slot_count;
	struct stranger *strangers;
	size_t stranger_count, stranger_capacity;
	struct deleted *deleted;
	size_t deleted_count, deleted_capacity;
};

const char *audit_kind_name(enum audit_kind kind)
{
	static const char *const names[AUDIT_KINDS] = {"alert",     "decision",    "enriched event",
						       "amendment", "late letter", "dead letter"};
	assert((unsigned)kind < AUDIT_KINDS);
	return names[kind];
}

static void add_part(struct sha256 *hash, struct slice part)
{
	/* Lengths keep apart what the concatenation would not; null is not empty. */
	uint64_t length = part.data == NULL ? UINT64_MAX : part.length;
	sha256_add(hash, &length, sizeof length);
	if (part.data != NULL)
		sha256_add(hash, part.data, part.length);
}

void audit_digest(enum audit_kind kind, struct slice key, struct slice value, const struct header *headers,
		  size_t count, uint8_t digest[AUDIT_DIGEST_BYTES])
{
	struct sha256 hash;
	uint8_t whole[SHA256_BYTES], kind_byte = (uint8_t)kind;
	sha256_init(&hash);
	sha256_add(&hash, &kind_byte, 1);
	add_part(&hash, key);
	add_part(&hash, value);
	for (size_t i = 0; i < count; i++) {
		add_part(&hash, slice_of(headers[i].name));
		add_part(&hash, headers[i].value);
	}
	sha256_end(&hash, whole);
	memcpy(digest, whole, AUDIT_DIGEST_BYTES);
}

struct audit_book *audit_book_new(void)
{
	struct audit_book *book = calloc(1, sizeof *book);
	if (book == NULL)
		return NULL;
	book->slot_count = 2 * FIRST_CAPACITY;
	book->slots = calloc(book->slot_count, sizeof *book->slots);
	if (book->slots != NULL)
		return book;
	audit_book_free(book);
	return NULL;
}

void audit_book_free(struct audit_book *book)
{
	if (book == NULL)
		return;
	free(book->expected);
	free(book->slots);
	free(book->strangers);
	free(book->deleted);
	free(book);
}

/* Room for one more element of a growing array. */
static int grow(void **elements, size_t count, size_t *capacity, size_t size, struct err *err)
{
	if (count < *capacity)
		return 0;
	size_t wanted = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
	void *grown = wanted > UINT32_MAX / 2 ? NULL : realloc(*elements, wanted * size);
	if (grown == NULL)
		return err_memory(err);
	*elements = grown;
	*capacity = wanted;
	return 0;
}

/* The slot of a digest, or the free one where it would stand. Digests are hashes already. */
static uint32_t *slot_of(uint32_t *slots, size_t count, const struct expected *expected,
			 const uint8_t digest[AUDIT_DIGEST_BYTES])
{
	uint64_t hash;
	memcpy(&hash, digest, sizeof hash);
	for (size_t at = hash & (count - 1);; at = (at + 1) & (count - 1))
		if (slots[at] == 0 || memcmp(expected[slots[at] - 1].digest, digest, AUDIT_DIGEST_BYTES) == 0)
			return &slots[at];
}

static int grow_slots(struct audit_book *book, struct err *err)
{
	if (2 * (book->count + 1) <= book->slot_count)
		return 0;
	size_t wanted = 2 * book->slot_count;
	uint32_t *slots = calloc(wanted, sizeof *slots);
	if (slots == NULL)
		return err_memory(err);
	for (size_t i = 0; i < book->count; i++)
		*slot_of(slots, wanted, book->expected, book->expected[i].digest) = (uint32_t)i + 1;
	free(book->slots);
	book->slots = slots;
	book->slot_count = wanted;
	return 0;
}

int audit_book_expect(struct audit_book *book, enum audit_kind kind, int32_t partition, int64_t offset,
		      const uint8_t digest[AUDIT_DIGEST_BYTES], struct err *err)
{
	void *elements = book->expected;
	if (grow(&elements, book->count, &book->capacity, sizeof *book->expected, err) != 0)
		return -1;
	book->expected = elements;
	if (grow_slots(book, err) != 0)
		return -1;
	uint32_t *slot = slot_of(book->slots, book->slot_count, book->expected, digest);
	assert(*slot == 0); /* coordinates stand in every message */
	struct expected *one = &book->expected[book->count++];
	*one = (struct expected){.offset = offset, .partition = partition, .kind = (uint8_t)kind};
	memcpy(one->digest, digest, AUDIT_DIGEST_BYTES);
	*slot = (uint32_t)book->count;
	return 0;
}

bool audit_book_found(struct audit_book *book, const uint8_t digest[AUDIT_DIGEST_BYTES], int32_t *partition,
		      int64_t *offset)
{
	uint32_t slot = *slot_of(book->slots, book->slot_count, book->expected, digest);
	struct expected *expected = slot == 0 ? NULL : &book->expected[slot - 1];
	if (expected == NULL || expected->found)
		return false;
	expected->found = true;
	*partition = expected->partition;
	*offset = expected->offset;
	return true;
}

int audit_book_stranger(struct audit_book *book, enum audit_kind kind, const struct audit_claim *claim,
			int32_t at_partition, int64_t at_offset, struct err *err)
{
	void *elements = book->strangers;
	if (grow(&elements, book->stranger_count, &book->stranger_capacity, sizeof *book->strangers, err) != 0)
		return -1;
	book->strangers = elements;
	book->strangers[book->stranger_count++] =
	    (struct stranger){.claim = *claim, .at_offset = at_offset, .at_partition = at_partition, .kind = kind};
	return 0;
}

int audit_book_deleted(struct audit_book *book, enum audit_kind kind, int32_t partition, int64_t below, struct err *err)
{
	void *elements = book->deleted;
	if (grow(&elements, book->deleted_count, &book->deleted_capacity, sizeof *book->deleted, err) != 0)
		return -1;
	book->deleted = elements;
	book->deleted[book->deleted_count++] = (struct deleted){kind, partition, below};
	return 0;
}

static int compare_places(int32_t left_partition, int64_t left_offset, unsigned left_kind, int32_t right_partition,
			  int64_t right_offset, unsigned right_kind)
{
	if (left_partition != right_partition)
		return left_partition < right_partition ? -1 : 1;
	if (left_offset != right_offset)
		return left_offset < right_offset ? -1 : 1;
	return left_kind == right_kind ? 0 : left_kind < right_kind ? -1 : 1;
}

static int by_record(const void *left, const void *right)
{
	const struct expected *a = left, *b = right;
	return compare_places(a->partition, a->offset, a->kind, b->partition, b->offset, b->kind);
}

static int by_claim(const void *left, const void *right)
{
	const struct stranger *a = left, *b = right;
	return compare_places(a->claim.partition, a->claim.offset, a->kind, b->claim.partition, b->claim.offset,
			      b->kind);
}

struct settling {
	const struct audit_book *book;
	const struct audit_span *spans;
	int64_t *ruled; /* by partition: decided by other rules below this */
	size_t count;
	void (*tell)(void *context, int32_t partition, int64_t offset, const char *what);
	void *context;
	struct audit_result *result;
};

static void differ(struct settling *settling, int32_t partition, int64_t offset, const char *what)
{
	settling->result->differences++;
	settling->tell(settling->context, partition, offset, what);
}

static bool audited(const struct settling *settling, const struct audit_claim *claim)
{
	if (claim->partition < 0 || (size_t)claim->partition >= settling->count)
		return false;
	const struct audit_span *span = &settling->spans[claim->partition];
	return claim->ours && claim->offset >= span->from && claim->offset < span->to;
}

/* Whether bytes can be compared: letters depend on no model. */
static bool comparable(const struct settling *settling, unsigned kind, int32_t partition, int64_t offset)
{
	bool letter = kind == AUDIT_LATE || kind == AUDIT_DEAD;
	return offset >= settling->spans[partition].whole && (letter || offset >= settling->ruled[partition]);
}

static bool deleted(const struct settling *settling, const struct expected *missing)
{
	for (size_t i = 0; i < settling->book->deleted_count; i++) {
		const struct deleted *deleted = &settling->book->deleted[i];
		if (deleted->kind == missing->kind && deleted->partition == missing->partition &&
		    missing->offset < deleted->below)
			return true;
	}
	return false;
}

static void describe_stranger(char text[TEXT_BYTES], const struct stranger *stranger, const char *what)
{
	snprintf(text, TEXT_BYTES, "%s, at offset %" PRId64 " of partition %" PRId32 " of its topic", what,
		 stranger->at_offset, stranger->at_partition);
}

/* Messages of one kind that claim one record: found ones beside the missing expected one, if any. */
static void settle_record(struct settling *settling, const struct expected *missing, const struct stranger *strangers,
			  size_t count)
{
	char what[64], text[TEXT_BYTES];
	unsigned kind = missing != NULL ? missing->kind : (unsigned)strangers[0].kind;
	int32_t partition = missing != NULL ? missing->partition : strangers[0].claim.partition;
	int64_t offset = missing != NULL ? missing->offset : strangers[0].claim.offset;
	const char *name = audit_kind_name(kind);
	bool bytes = comparable(settling, kind, partition, offset);
	/* Without its model nobody knows whether there was an alert; a decision there must be, unless history is cut. */
	bool must = bytes || (kind == AUDIT_DECISION && offset >= settling->spans[partition].whole);
	size_t first = 0;
	if (missing != NULL && count > 0) {
		first = 1;
		settling->result->unverified += !bytes;
		snprintf(what, sizeof what, "its %s is another one", name);
		describe_stranger(text, &strangers[0], what);
		if (bytes)
			differ(settling, partition, offset, text);
	} else if (missing != NULL) {
		bool gone = deleted(settling, missing);
		settling->result->unverified += !must || gone;
		snprintf(text, sizeof text, "its %s is missing", name);
		if (must && !gone)
			differ(settling, partition, offset, text);
	}
	for (size_t i = first; i < count; i++) {
		settling->result->unverified += !must;
		snprintf(what, sizeof what, "one %s too many", name);
		describe_stranger(text, &strangers[i], what);
		if (must)
			differ(settling, partition, offset, text);
	}
}

/* Strangers to the end: those of no audited record are told or counted, the others stay, sorted, at the beginning. */
static size_t sift_strangers(struct settling *settling, struct stranger *strangers, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		const struct stranger *stranger = &strangers[i];
		char what[64], text[TEXT_BYTES];
		if (!stranger->claim.readable) {
			snprintf(what, sizeof what, "%s that cannot be read", audit_kind_name(stranger->kind));
			describe_stranger(text, stranger, what);
			differ(settling, -1, -1, text);
		} else if (!audited(settling, &stranger->claim)) {
			settling->result->outside++;
		} else {
			int64_t *ruled = &settling->ruled[stranger->claim.partition];
			if (stranger->claim.other_rules && stranger->claim.offset >= *ruled)
				*ruled = stranger->claim.offset + 1;
			strangers[kept++] = *stranger;
		}
	}
	if (kept > 0)
		qsort(strangers, kept, sizeof *strangers, by_claim);
	return kept;
}

/* Expected messages of audited records that were not found, sorted, at the beginning. The slots no longer fit then. */
static size_t sift_expected(struct audit_book *book, const struct audit_span *spans, struct audit_result *result)
{
	size_t kept = 0;
	for (size_t i = 0; i < book->count; i++)
		if (book->expected[i].found)
			result->matched[book->expected[i].kind]++;
		else if (book->expected[i].offset >= spans[book->expected[i].partition].from)
			book->expected[kept++] = book->expected[i];
	if (kept > 0)
		qsort(book->expected, kept, sizeof *book->expected, by_record);
	return kept;
}

static void merge(struct settling *settling, const struct expected *missing, size_t missing_count,
		  const struct stranger *strangers, size_t stranger_count)
{
	size_t m = 0, s = 0;
	while (m < missing_count || s < stranger_count) {
		int order = m == missing_count    ? 1
			    : s == stranger_count ? -1
						  : compare_places(missing[m].partition, missing[m].offset,
								   missing[m].kind, strangers[s].claim.partition,
								   strangers[s].claim.offset, strangers[s].kind);
		size_t end = s;
		while (order >= 0 && end < stranger_count && by_claim(&strangers[s], &strangers[end]) == 0)
			end++;
		settle_record(settling, order <= 0 ? &missing[m] : NULL, &strangers[s], end - s);
		m += order <= 0;
		s = end;
	}
}

void audit_book_settle(struct audit_book *book, const struct audit_span *spans, size_t count,
		       void (*tell)(void *context, int32_t partition, int64_t offset, const char *what), void *context,
		       struct audit_result *result)
{
	*result = (struct audit_result){0};
	struct settling settling = {
	    .book = book, .spans = spans, .count = count, .tell = tell, .context = context, .result = result};
	settling.ruled = calloc(count + 1, sizeof *settling.ruled);
	if (settling.ruled == NULL) {
		differ(&settling, -1, -1, "out of memory");
		return;
	}
	size_t missing = sift_expected(book, spans, result);
	size_t strangers = sift_strangers(&settling, book->strangers, book->stranger_count);
	book->count = missing;
	book->stranger_count = strangers;
	merge(&settling, book->expected, missing, book->strangers, strangers);
	free(settling.ruled);
}
