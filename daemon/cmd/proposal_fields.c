/* The fields that features read: money, place, whom the entity deals with, categories. */
#include "daemon/cmd/proposal_parts.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#define NEARLY_ALL 0.99
#define MOSTLY 0.5
#define MONEY_POINTS_MIN 30
#define MONEY_SCALE 2 /* of amounts whose decimals do not tell */
#define SCALE_MAX_SENSIBLE 4
#define UNITS_MAX 9e12 /* 2^53 units, and room above what was seen */
#define COORDINATE_SCALE 5
#define PARTY_DISTINCT_MIN 20
#define CATEGORY_DISTINCT_MAX 200
#define CATEGORIES 2
#define DIFFERENT_SHARE_MAX 0.6 /* of different values among all; more: texts of their own, not names */
#define FEW_AGAIN 0.05          /* of the records belong to an entity that had one before, at least, to tell */
#define VARIES 1.02             /* different values an entity, at least: else it is a property of the entity */

static const char money_words[] = "amount amt sum price total value betrag montant importe valor gross net paid charge "
				  "notional turnover spend";
static const char no_money[] =
    "fee fees tax vat tip rate score balance limit discount quantity qty count id code risk lat lon "
    "latitude longitude exchange version points age";
static const char minor_words[] = "minor cents cent pence penny pennies";
static const char latitudes[] = "lat latitude", longitudes[] = "lon lng long longitude";
static const char parties[] =
    "merchant shop payee beneficiary creditor counterparty terminal recipient seller store vendor "
    "receiver partner acceptor device ip";
static const char categories[] =
    "channel country category mcc type method currency kind class region city product entry mode way land nation "
    "segment";
/* What is known only afterwards, or somebody's opinion, would teach a model to look at the answer. */
static const char answers[] =
    "fraud fraudulent label chargeback dispute disputed score risk decision verdict status version "
    "reviewed response";

/* The end of a path that says what it is: "merchant.id", not "id". */
static const char *telling(const char *path)
{
	static const char *const generic[] = {"id",     "code",  "name", "no",  "nr",
					      "number", "value", "type", "key", "ref"};
	const char *last = proposal_last(path), *above = last;
	for (size_t i = 0; i < sizeof generic / sizeof *generic; i++)
		if (strcmp(last, generic[i]) == 0 && last > path) {
			for (above = last - 1; above > path && above[-1] != '.'; above--)
				;
			return above;
		}
	return last;
}

/* A name for event.fields, used once: letters, digits and '_'. */
static struct proposal_field *add(const struct survey *survey, struct proposal *proposal, const char *name,
				  size_t index, const char *type)
{
	struct proposal_field *field = &proposal->fields[proposal->field_count];
	char wanted[PROPOSAL_NAME_MAX - 12]; /* and a number behind it */
	if (proposal->field_count == PROPOSAL_FIELDS_MAX)
		return NULL;
	*field = (struct proposal_field){.field = (int)index, .type = type, .scale = -1};
	(void)snprintf(wanted, sizeof wanted, "%s", name != NULL ? name : telling(survey->fields[index].path));
	for (char *at = wanted; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) || (at == wanted && isdigit((unsigned char)*at)))
			*at = '_';
	(void)snprintf(field->name, sizeof field->name, "%s", wanted);
	for (int i = 2; proposal_field(proposal, field->name) != NULL && i < 10; i++)
		(void)snprintf(field->name, sizeof field->name, "%s_%d", wanted, i);
	proposal->field_count++;
	return field;
}

static bool is_number(const struct survey_field *field)
{
	return field->kind == SURVEY_INTEGER || field->kind == SURVEY_REAL || field->kind == SURVEY_DECIMAL ||
	       (field->kind == SURVEY_STRING && field->instants == 0 && field->present > 0 &&
		(double)field->numeric >= NEARLY_ALL * (double)field->present);
}

static bool is_free(const struct survey *survey, const struct proposal *proposal, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	return proposal_usable(survey, index) && !proposal_is_taken(proposal, index) &&
	       (double)field->present >= MOSTLY * (double)survey->count;
}

/* Decimals that all but one in a hundred of the numbers have, at most. */
static int decimals_of(const struct survey_field *field)
{
	size_t sum = 0;
	for (int i = 0; i <= SURVEY_DECIMALS_MAX; i++) {
		sum += field->decimals[i];
		if ((double)sum >= NEARLY_ALL * (double)field->numeric)
			return i;
	}
	return SURVEY_DECIMALS_MAX + 1;
}

static int money_points(const struct survey *survey, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	const char *last = proposal_last(field->path);
	bool minor = proposal_named(field->path, minor_words);
	int decimals = decimals_of(field);
	int sum = field->kind == SURVEY_DECIMAL ? 30 : 0;
	sum += proposal_named(field->path, money_words) ? 30 : 0;
	sum += proposal_named(last, money_words) || minor ? 10 : 0;
	sum += minor ? 20 : 0;
	sum += (field->kind == SURVEY_REAL || field->kind == SURVEY_STRING) && decimals >= 1 && decimals <= 2 ? 15 : 0;
	sum -= proposal_named(last, no_money) ? 40 : 0;
	sum -= field->distinct < 3 || field->card_like > 0 || field->key_equal > 0 ? 60 : 0;
	return sum - (field->kind == SURVEY_INTEGER && proposal_unit(survey, index) != TIME_LOGICAL ? 30 : 0);
}

static void add_money(const struct survey *survey, struct proposal *proposal, size_t index)
{
	const struct survey_field *found = &survey->fields[index];
	struct proposal_field *field = add(survey, proposal, "amount", index, "money");
	int decimals = decimals_of(found);
	field->minor = found->kind == SURVEY_INTEGER && proposal_named(found->path, minor_words);
	if (found->kind == SURVEY_DECIMAL)
		field->scale = found->scale > SURVEY_DECIMALS_MAX ? SURVEY_DECIMALS_MAX : found->scale;
	else if (found->kind == SURVEY_INTEGER)
		field->scale = field->minor ? MONEY_SCALE : 0;
	else
		field->scale = decimals > SCALE_MAX_SENSIBLE || decimals < MONEY_SCALE ? MONEY_SCALE : decimals;
	double most = fmax(fabs(found->least), fabs(found->greatest));
	while (found->numeric > 0 && field->scale > 0 && !field->minor && most * pow(10, field->scale) > UNITS_MAX)
		field->scale--;
	if (found->kind == SURVEY_DECIMAL)
		proposal_append(field->why, "a decimal with a scale of %d", found->scale);
	else
		proposal_append(field->why, "%s", survey_kind_name(found->kind));
	if (field->minor)
		proposal_append(field->why, "whole numbers of a hundredth, as its name says");
	else if (found->kind == SURVEY_INTEGER)
		proposal_append(field->why,
				"whole numbers, taken as whole units. If they are cents, set \"scale\": 2 and "
				"\"minor\": true");
	else if (found->kind != SURVEY_DECIMAL && decimals > SCALE_MAX_SENSIBLE)
		proposal_append(field->why, "many decimals, kept to %d", field->scale);
	else if (found->kind != SURVEY_DECIMAL)
		proposal_append(field->why, "at most %d decimals in 99 %% of the values", decimals);
	proposal->money.field = (int)index;
	proposal_append(proposal->money.why, "%s", field->why);
}

static void choose_money(const struct survey *survey, struct proposal *proposal)
{
	int best = -1, best_points = MONEY_POINTS_MIN - 1;
	for (size_t i = 0; i < survey->field_count; i++) {
		if (!is_free(survey, proposal, i) || !is_number(&survey->fields[i]))
			continue;
		int sum = money_points(survey, i);
		bool better = sum > best_points;
		if (better && best >= 0)
			proposal_append(proposal->money.others, "%s", survey->fields[best].path);
		else if (!better && sum >= MONEY_POINTS_MIN / 2)
			proposal_append(proposal->money.others, "%s", survey->fields[i].path);
		if (better) {
			best = (int)i;
			best_points = sum;
		}
	}
	if (best >= 0)
		add_money(survey, proposal, (size_t)best);
	else
		proposal_append(proposal->money.why, "no number is a decimal or named like an amount");
}

static bool is_coordinate(const struct survey *survey, const struct proposal *proposal, size_t index, const char *words,
			  double most)
{
	const struct survey_field *field = &survey->fields[index];
	return is_free(survey, proposal, index) && is_number(field) &&
	       proposal_named(proposal_last(field->path), words) && field->least >= -most && field->greatest <= most &&
	       field->distinct > 1;
}

/* The two must lie in one record. */
static void choose_place(const struct survey *survey, struct proposal *proposal)
{
	for (size_t i = 0; i < survey->field_count; i++) {
		size_t prefix = (size_t)(proposal_last(survey->fields[i].path) - survey->fields[i].path);
		if (!is_coordinate(survey, proposal, i, latitudes, 90))
			continue;
		for (size_t j = 0; j < survey->field_count; j++) {
			size_t other = (size_t)(proposal_last(survey->fields[j].path) - survey->fields[j].path);
			if (j == i || other != prefix ||
			    strncmp(survey->fields[i].path, survey->fields[j].path, prefix) != 0 ||
			    !is_coordinate(survey, proposal, j, longitudes, 180))
				continue;
			static const char why[] = "named like a coordinate, and within its range";
			struct proposal_field *lat = add(survey, proposal, "lat", i, "number");
			struct proposal_field *lon = add(survey, proposal, "lon", j, "number");
			lat->scale = lon->scale = COORDINATE_SCALE;
			proposal_append(lat->why, why);
			proposal_append(lon->why, why);
			return;
		}
	}
}

/* Whether it changes within an entity; where entities hardly come twice, that cannot be told. */
static bool varies(const struct survey *survey, const struct proposal *proposal, size_t index)
{
	double entities = (double)proposal->distinct_entities, records = (double)survey->count;
	return records - entities < FEW_AGAIN * records ||
	       (double)survey_pairs(survey, (size_t)proposal->entity.field, index) > VARIES * entities;
}

static bool is_categorical(const struct survey *survey, const struct proposal *proposal, size_t index)
{
	const struct survey_field *field = &survey->fields[index];
	bool kind = field->kind == SURVEY_STRING || field->kind == SURVEY_ENUM ||
		    (field->kind == SURVEY_INTEGER && proposal_unit(survey, index) == TIME_LOGICAL);
	return kind && is_free(survey, proposal, index) && field->distinct >= 2 && field->instants == 0 &&
	       (double)field->distinct <= DIFFERENT_SHARE_MAX * (double)field->present &&
	       !proposal_named(field->path, answers) && varies(survey, proposal, index);
}

static struct proposal_field *add_category(const struct survey *survey, struct proposal *proposal, size_t index)
{
	const struct survey_field *found = &survey->fields[index];
	bool integer = found->kind == SURVEY_INTEGER;
	struct proposal_field *field = add(survey, proposal, NULL, index, integer ? "number" : "string");
	if (field == NULL)
		return NULL;
	field->scale = integer ? 0 : -1;
	proposal_append(field->why, "%s of %zu different values", survey_kind_name(found->kind), found->distinct);
	return field;
}

static int party_points(const struct survey_field *field)
{
	bool named = proposal_named(field->path, parties);
	bool id = proposal_named(proposal_last(field->path), "id uuid ref number no nr code");
	if (field->distinct < PARTY_DISTINCT_MIN || (field->kind == SURVEY_INTEGER && !named))
		return 0;
	return 1 + (named ? 20 : 0) + (id && named ? 5 : 0) + (field->kind == SURVEY_STRING ? 2 : 0);
}

static int category_points(const struct survey_field *field)
{
	bool named = proposal_named(field->path, categories);
	if (field->distinct > CATEGORY_DISTINCT_MAX || (field->kind == SURVEY_INTEGER && !named))
		return 0;
	return 1 + (named ? 20 : 0) + (proposal_named(field->path, "country channel mcc category land") ? 5 : 0) +
	       (field->kind == SURVEY_ENUM ? 4 : 0) - (proposal_named(field->path, "currency") ? 10 : 0);
}

static int best_of(const struct survey *survey, const struct proposal *proposal,
		   int points(const struct survey_field *field))
{
	int best = -1, best_points = 0;
	for (size_t i = 0; i < survey->field_count; i++) {
		if (!is_categorical(survey, proposal, i))
			continue;
		int sum = points(&survey->fields[i]);
		if (sum > best_points) {
			best = (int)i;
			best_points = sum;
		}
	}
	return best;
}

void proposal_choose_fields(const struct survey *survey, struct proposal *proposal)
{
	choose_money(survey, proposal);
	choose_place(survey, proposal);
	int party = best_of(survey, proposal, party_points);
	if (party >= 0) {
		struct proposal_field *field = add_category(survey, proposal, (size_t)party);
		proposal_append(field->why, "taken for whom the entity deals with: many, and they come again");
	}
	proposal->party = party;
	for (int i = 0; i < CATEGORIES; i++) {
		int category = best_of(survey, proposal, category_points);
		if (category < 0)
			break;
		struct proposal_field *field = add_category(survey, proposal, (size_t)category);
		if (field != NULL)
			proposal_append(field->why, "few enough to be a category, and it changes within an entity");
	}
}
