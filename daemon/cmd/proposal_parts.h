/* What the files of a proposal share: names of fields as words, and the steps in their order. */
#ifndef OUTLIERD_PROPOSAL_PARTS_H
#define OUTLIERD_PROPOSAL_PARTS_H

#include "daemon/cmd/proposal.h"

/** Whether one of the words of a path is in the list (words parted by blanks). Words of a path are parted by '.', '_', '-', digits and capitals: "merchantId" has "merchant" and "id"; words of five letters and more may also be part of a longer one. */
bool proposal_named(const char *path, const char *words);
/** The last part of a path. */
const char *proposal_last(const char *path);
/** Appends to a text of PROPOSAL_TEXT_MAX bytes, with ", " between; what does not fit is left out. */
void proposal_append(char *text, const char *format, ...) PRINTF_LIKE(2, 3);
/** Whether all records have it, but for one in twenty. */
bool proposal_always(const struct survey *survey, size_t field);
/** Whether a field may be used at all: every writer's schema has it, and as the same type. */
bool proposal_usable(const struct survey *survey, size_t field);
/** Whether it is id, time, entity or one of the proposed fields already. */
bool proposal_is_taken(const struct proposal *proposal, size_t field);

/** The unit in which nearly all numbers of an integer field are times from 2000 to 2100; TIME_LOGICAL: in none. */
enum time_unit proposal_unit(const struct survey *survey, size_t field);
/** The event time of a record in ms; NaN: none. */
double proposal_time_ms(const struct survey *survey, const struct proposal *proposal, size_t record);

/** The time's field and unit. */
int proposal_choose_time(const struct survey *survey, const char *wanted, struct proposal *proposal,
			 struct err *err) MUST_USE;
/** Entity and key. */
int proposal_choose_entity(const struct survey *survey, const char *wanted, struct proposal *proposal,
			   struct err *err) MUST_USE;
/** The id. */
int proposal_choose_id(const struct survey *survey, const char *wanted, struct proposal *proposal,
		       struct err *err) MUST_USE;
/** Money, place, merchants and categories. */
void proposal_choose_fields(const struct survey *survey, struct proposal *proposal);
/** Lateness, history and windows. */
int proposal_choose_spans(const struct survey *survey, const struct proposal_options *options,
			  struct proposal *proposal, struct err *err) MUST_USE;
/** Features and rules. */
void proposal_choose_features(struct proposal *proposal);

/** The proposed field of that name; NULL: none. */
const struct proposal_field *proposal_field(const struct proposal *proposal, const char *name);

#endif
