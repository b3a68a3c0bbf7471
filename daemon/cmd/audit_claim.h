/*
 * What a published message says of itself: whose it is, of which record, decided by which model, policy and feature
 * set. JSON is read as it is, Avro by the schema of the registry under which it was written, letters by their headers.
 */
#ifndef OUTLIERD_AUDIT_CLAIM_H
#define OUTLIERD_AUDIT_CLAIM_H

#include "daemon/cmd/audit_book.h"
#include "daemon/cmd/world.h"

struct audit_claims;

/** Prepares reading; the world (with its champion and registry) is borrowed. NULL: out of memory. */
struct audit_claims *audit_claims_new(const struct world *world);
/** Frees it; NULL does nothing. */
void audit_claims_free(struct audit_claims *claims);
/** Reads the claim of a message of this kind; one that cannot be read is no error but says so. -1: ERR_UNAVAILABLE, the registry is away. */
int audit_claims_read(struct audit_claims *claims, enum audit_kind kind, const struct record *message,
		      struct audit_claim *claim, struct err *err) MUST_USE;

#endif
