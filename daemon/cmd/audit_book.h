/*
 * Keeping account in an audit: messages that the records of a topic must have given, against messages that were found.
 * A message is known by a digest of all its bytes; what is found without being expected is judged by the record that it
 * says it is of. Memory: 40 bytes an expected message.
 */
#ifndef OUTLIERD_AUDIT_BOOK_H
#define OUTLIERD_AUDIT_BOOK_H

#include "daemon/ports.h"

#define AUDIT_DIGEST_BYTES 16

enum audit_kind { AUDIT_ALERT, AUDIT_DECISION, AUDIT_ENRICHED, AUDIT_AMENDMENT, AUDIT_LATE, AUDIT_DEAD, AUDIT_KINDS };

/** "alert", "decision", "enriched event", "amendment", "late letter", "dead letter". */
const char *audit_kind_name(enum audit_kind kind);

/** The digest of a message: kind, key, value and headers. */
void audit_digest(enum audit_kind kind, struct slice key, struct slice value, const struct header *headers,
		  size_t count, uint8_t digest[AUDIT_DIGEST_BYTES]);

/** What a message that was not expected says of itself. */
struct audit_claim {
	bool readable;     /* else the rest says nothing */
	bool ours;         /* of this pipeline and input topic */
	bool other_rules;  /* another model, policy or feature set than the audit's decided it */
	int32_t partition; /* of the record that it is of */
	int64_t offset;
};

/** What is known of one input partition. Records of [from, to) are audited; bytes are compared from `whole` on, where no history is missing. */
struct audit_span {
	int64_t from, whole, to;
};

/** What came out. */
struct audit_result {
	uint64_t matched[AUDIT_KINDS];
	uint64_t differences;
	uint64_t unverified; /* messages that cannot be compared: history or model are not the audit's */
	uint64_t outside;    /* found, but of records that are not audited, or of other pipelines */
};

struct audit_book;

/** An empty book. NULL: out of memory. */
struct audit_book *audit_book_new(void);
/** Frees it; NULL does nothing. */
void audit_book_free(struct audit_book *book);

/** A record gives this message. */
int audit_book_expect(struct audit_book *book, enum audit_kind kind, int32_t partition, int64_t offset,
		      const uint8_t digest[AUDIT_DIGEST_BYTES], struct err *err) MUST_USE;
/** A message was found. True: expected, and found for the first time; then the record that it is of. Otherwise its claim is to be given to audit_book_stranger(). */
bool audit_book_found(struct audit_book *book, const uint8_t digest[AUDIT_DIGEST_BYTES], int32_t *partition,
		      int64_t *offset);
/** A message that audit_book_found() did not take, at its own place in its topic. */
int audit_book_stranger(struct audit_book *book, enum audit_kind kind, const struct audit_claim *claim,
			int32_t at_partition, int64_t at_offset, struct err *err) MUST_USE;
/** Messages of this kind below this offset of the input partition may have been deleted from their topic: their absence proves nothing. */
int audit_book_deleted(struct audit_book *book, enum audit_kind kind, int32_t partition, int64_t below,
		       struct err *err) MUST_USE;

/** Settles all: every difference goes to `tell`, ordered by partition and offset. Spans by partition number. */
void audit_book_settle(struct audit_book *book, const struct audit_span *spans, size_t count,
		       void (*tell)(void *context, int32_t partition, int64_t offset, const char *what), void *context,
		       struct audit_result *result);

#endif
