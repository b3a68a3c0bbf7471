/*
 * What the commands build from a configuration: feature set, champion (model, policy, explainer), codec, registry. The
 * one place where concrete adapters are named, shared by run, score --config, get and demo.
 */
#ifndef OUTLIERD_WORLD_H
#define OUTLIERD_WORLD_H

#include "config/config.h"
#include "daemon/io/model_file.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/pipeline/pseudonym.h"

/** A champion with everything it borrows from. */
struct held_champion {
	struct champion champion;
	struct model *model;
	struct policy *policy;
	struct explainer *explainer;
	size_t *columns;
};

struct world {
	struct config *config; /* owned */
	struct feature_set *set;
	struct held_champion *champion;
	struct registry *registry;
	struct avro_codec *codec;
	struct clock clock;
	struct log log;
	struct pseudonym_options pseudonym;
	const char *output_topics[6]; /* for the sink, which asks what they take */
};

/** Reads the configuration (problems to standard error) and compiles its feature set. */
int world_open(struct world *world, const char *config_path, struct err *err) MUST_USE;
/** Tells the sink the output topics again, after they were changed in the configuration. */
void world_list_outputs(struct world *world);
/** Frees everything; NULL does nothing. */
void world_close(struct world *world);

/** Reads the current model of a directory and resolves the policy against it. Without a usable model: rules alone, *why says what is the matter (an empty message: there is none). NULL and *err: the policy itself is wrong. */
struct held_champion *world_champion(const struct config *config, const struct feature_set *set, struct err *why,
				     struct err *err) MUST_USE;
/** As world_champion() with a model given (taken over, NULL: rules alone). */
struct held_champion *world_champion_of(const struct config *config, const struct feature_set *set, struct model *model,
					struct err *err) MUST_USE;
/** Frees it; NULL does nothing. */
void world_champion_free(struct held_champion *held);

/** Makes registry client and Avro codec as configured. */
int world_codec(struct world *world, struct err *err) MUST_USE;
/** Registers the Avro schemas of what is published, and puts their ids into the options. ERR_RETRY: the registry is away. */
int world_register(struct world *world, struct err *err) MUST_USE;
/** The pipeline's options from the configuration. */
struct pipeline_options world_pipeline_options(const struct world *world);

#endif
