/* Whose history is kept: entity, key and id. */
#include "daemon/cmd/proposal_parts.h"

#include <stdio.h>

#define NEARLY_ALL 0.95     /* a topic has records that are no events */
#define STRAYS_MAX 1.01     /* different pairs for each value, at most, where there should be one */
#define UNIQUE_SHARE 0.9    /* of different values; more: nobody has a history */
#define REPEATS_MIN 1.5     /* records per value, at least, to tell that values stay in a partition */
#define OWNER_POINTS 15     /* of a name; of many owners a sample has hardly one twice */
#define ID_LIKE_UNIQUE 0.95 /* producers send some records twice */

static const char owners[] =
    "card account acct customer client user iban pan member wallet holder owner party device portfolio "
    "subscriber msisdn cardholder person debtor payer sender";
static const char ids[] = "id uuid guid ref reference number no nr key identifier trace sequence seq";
static const char events[] =
    "transaction txn tx event payment order message trace booking transfer entry authorization";

static bool can_be_text(const struct survey *survey, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	bool text = field->kind == SURVEY_STRING || field->kind == SURVEY_ENUM || field->kind == SURVEY_INTEGER;
	return text && proposal_usable(survey, index) && (double)field->fitting >= NEARLY_ALL * (double)survey->count;
}

static bool is_key(const struct survey *survey, size_t index)
{
	return survey->keyed > 0 && (double)survey->fields[index].key_equal >= NEARLY_ALL * (double)survey->count;
}

static bool repeats(const struct survey_field *field)
{
	return field->present > 1 && (double)field->distinct < UNIQUE_SHARE * (double)field->present;
}

/* Every value always has the same key, so the key says where it lives. */
static bool follows_key(const struct survey *survey, size_t index)
{
	return (double)survey->keyed >= NEARLY_ALL * (double)survey->count &&
	       (double)survey_pairs_with_keys(survey, index) <= STRAYS_MAX * (double)survey->fields[index].distinct;
}

static bool stays(const struct survey *survey, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	if (survey->partition_count < 2)
		return true;
	return (double)field->present >= REPEATS_MIN * (double)field->distinct &&
	       (double)survey_pairs_with_partitions(survey, index) <= STRAYS_MAX * (double)field->distinct;
}

static int owner_points(const struct survey_field *field)
{
	int sum = proposal_named(proposal_last(field->path), owners) ? 20 : 0;
	sum += proposal_named(field->path, ids) ? 5 : 0;
	return sum + (proposal_named(field->path, events) ? -10 : 0);
}

/* The field that equals the key, best by its name; `owner`: only one whose values repeat or whose name says that they will. -1: none. */
static int find_key(const struct survey *survey, bool owner)
{
	int best = -1, best_points = 0;
	for (size_t i = 0; i < survey->field_count; i++) {
		const struct survey_field *field = &survey->fields[i];
		if (!can_be_text(survey, i) || !is_key(survey, i) ||
		    (owner && !repeats(field) && owner_points(field) < OWNER_POINTS))
			continue;
		int sum = owner_points(&survey->fields[i]);
		if (best < 0 || sum > best_points) {
			best = (int)i;
			best_points = sum;
		}
	}
	return best;
}

/* Without a field that equals the key: one named like an owner that stays in one partition. -1: none. */
static int find_staying(const struct survey *survey)
{
	int best = -1, best_points = 19;
	for (size_t i = 0; i < survey->field_count; i++) {
		if (!can_be_text(survey, i) || !repeats(&survey->fields[i]) || survey->fields[i].distinct < 2 ||
		    owner_points(&survey->fields[i]) <= best_points || !stays(survey, i))
			continue;
		best = (int)i;
		best_points = owner_points(&survey->fields[i]);
	}
	return best;
}

static int refuse(const struct survey *survey, struct err *err)
{
	int unique = find_key(survey, false);
	if (unique >= 0)
		return err_set(
		    err, ERR_DATA,
		    "the records' key is %s, which is another one in every record: nobody has a history in "
		    "one partition. Produce the topic keyed by whom the events belong to, such as the card or "
		    "account; if %s is that, name it: --entity %s",
		    survey->fields[unique].path, survey->fields[unique].path, survey->fields[unique].path);
	if ((double)survey->keyed < NEARLY_ALL * (double)survey->count)
		return err_set(
		    err, ERR_DATA,
		    "no entity can be told: %zu of %zu records have no key, and no field that is named like a "
		    "card, account or customer stays in one of the %d partitions. Produce the topic keyed by "
		    "whom the events belong to; if a field does stay in one partition, name it: --entity FIELD",
		    survey->count - survey->keyed, survey->count, (int)survey->partition_count);
	return err_set(
	    err, ERR_DATA,
	    "no entity can be told: the records' key equals no field, neither as text nor as framed Avro, and "
	    "no field that is named like a card, account or customer stays in one of the %d partitions. If a "
	    "field does, name it: --entity FIELD",
	    (int)survey->partition_count);
}

/* The key of an entity that was chosen: itself, a field that it follows, or none that could be checked. */
static int choose_key(const struct survey *survey, struct proposal *proposal, struct err *err)
{
	size_t entity = (size_t)proposal->entity.field;
	const char *path = survey->fields[entity].path;
	int key = is_key(survey, entity) ? (int)entity : find_key(survey, false);
	if (key == (int)entity) {
		proposal_append(proposal->key.why, "equals %s in %zu of %zu records", path,
				survey->fields[entity].key_equal, survey->count);
	} else if (key >= 0 && follows_key(survey, entity)) {
		proposal_append(proposal->key.why, "each %s always has the same %s, which equals the key", path,
				survey->fields[key].path);
	} else if (stays(survey, entity)) {
		key = -1;
		proposal->one_partition_each = true;
		proposal_append(
		    proposal->key.why,
		    "unchecked: the key does not tell %s, but each was in one partition only; a producer that "
		    "partitions otherwise would go unnoticed",
		    path);
	} else {
		return err_set(
		    err, ERR_USAGE,
		    "--entity: %s is no entity of this topic: the key does not tell it, and its records lie in "
		    "several partitions. Produce the topic keyed by it",
		    path);
	}
	proposal->key.field = key;
	return 0;
}

int proposal_choose_entity(const struct survey *survey, const char *wanted, struct proposal *proposal, struct err *err)
{
	int entity = wanted == NULL ? find_key(survey, true) : survey_find(survey, wanted);
	if (wanted != NULL && (entity < 0 || !can_be_text(survey, (size_t)entity)))
		return err_set(
		    err, ERR_USAGE,
		    "--entity: \"%s\" is no field with a text of 1 to %d bytes or an integer in every record", wanted,
		    EVENT_ENTITY_MAX);
	if (wanted == NULL && entity < 0)
		entity = find_staying(survey);
	if (entity < 0)
		return refuse(survey, err);
	proposal->entity.field = entity;
	const struct survey_field *field = &survey->fields[entity];
	if (wanted != NULL)
		proposal_append(proposal->entity.why, "as --entity says");
	proposal_append(proposal->entity.why, "%zu different ones in %zu records", field->distinct, field->present);
	if (!repeats(field))
		proposal_append(proposal->entity.why, "hardly one of them twice: its name says that they come again");
	if (is_key(survey, (size_t)entity))
		proposal_append(proposal->entity.why,
				"it is the records' key, so each has its history in one partition");
	for (size_t i = 0; i < survey->field_count; i++)
		if ((int)i != entity && (int)i != proposal->time.field && can_be_text(survey, i) &&
		    repeats(&survey->fields[i]) && survey->fields[i].distinct > 1 &&
		    owner_points(&survey->fields[i]) >= 20 && (follows_key(survey, i) || stays(survey, i)))
			proposal_append(proposal->entity.others, "%s", survey->fields[i].path);
	proposal->distinct_entities = field->distinct;
	proposal->card_like = (double)field->card_like >= NEARLY_ALL * (double)field->present;
	proposal->iban_like = (double)field->iban_like >= NEARLY_ALL * (double)field->present;
	return choose_key(survey, proposal, err);
}

/* How well it tells events apart: 0 not at all, 1 within an entity, 2 in the whole sample. */
static int uniqueness(const struct survey *survey, const struct proposal *proposal, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	double enough = ID_LIKE_UNIQUE * (double)field->present;
	if ((double)field->distinct >= enough)
		return 2;
	return (double)survey_pairs(survey, (size_t)proposal->entity.field, index) >= enough ? 1 : 0;
}

static int id_points(const struct survey_field *field, int unique)
{
	int sum = (unique == 2 ? 20 : 0) + (field->distinct == field->present ? 3 : 0);
	sum += proposal_named(proposal_last(field->path), ids) ? 15 : 0;
	sum += proposal_named(field->path, events) ? 10 : 0;
	sum += field->kind == SURVEY_STRING ? 10 : 0;
	return sum - (field->instants > 0 ? 40 : 0);
}

/* The most different one is named: what comes twice there may be a producer's fault. */
static int refuse_id(const struct survey *survey, const struct proposal *proposal, struct err *err)
{
	int nearest = -1;
	for (size_t i = 0; i < survey->field_count; i++)
		if (can_be_text(survey, i) && (int)i != proposal->time.field && (int)i != proposal->entity.field &&
		    (nearest < 0 || survey->fields[i].distinct > survey->fields[nearest].distinct))
			nearest = (int)i;
	if (nearest < 0)
		return err_set(
		    err, ERR_DATA,
		    "no field tells events apart: besides time and entity none is text or an integer in every "
		    "record");
	return err_set(
	    err, ERR_DATA,
	    "no field tells events apart: none is named like an id and has another value in each event. The "
	    "nearest is %s, with %zu different values in %zu records; if it or another does, name it: --id FIELD",
	    survey->fields[nearest].path, survey->fields[nearest].distinct, survey->fields[nearest].present);
}

int proposal_choose_id(const struct survey *survey, const char *wanted, struct proposal *proposal, struct err *err)
{
	int best = wanted == NULL ? -1 : survey_find(survey, wanted), best_points = 24;
	if (wanted != NULL && (best < 0 || !can_be_text(survey, (size_t)best)))
		return err_set(err, ERR_USAGE,
			       "--id: \"%s\" is no field with a text of 1 to %d bytes or an integer in every record",
			       wanted, EVENT_ENTITY_MAX);
	for (size_t i = 0; i < survey->field_count; i++) {
		if (!can_be_text(survey, i) || (int)i == proposal->time.field || (int)i == proposal->entity.field ||
		    (int)i == best)
			continue;
		int unique = uniqueness(survey, proposal, i), sum = id_points(&survey->fields[i], unique);
		if (unique == 0 || sum < 25)
			continue;
		bool better = wanted == NULL && sum > best_points;
		if (better && best >= 0)
			proposal_append(proposal->id.others, "%s", survey->fields[best].path);
		else if (!better)
			proposal_append(proposal->id.others, "%s", survey->fields[i].path);
		if (better) {
			best = (int)i;
			best_points = sum;
		}
	}
	if (best < 0)
		return refuse_id(survey, proposal, err);
	proposal->id.field = best;
	proposal_append(proposal->id.why, "%s%zu different values in %zu records",
			wanted == NULL ? "" : "as --id says; ", survey->fields[best].distinct,
			survey->fields[best].present);
	if (uniqueness(survey, proposal, (size_t)best) < 2)
		proposal_append(proposal->id.why, "different within an entity");
	return 0;
}
