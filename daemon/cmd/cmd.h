/*
 * The subcommands: each parses its own arguments, does its work and returns an exit status after sysexits.h. The table
 * that dispatches and prints help is in daemon/main.c. Shared helpers of commands are declared in daemon/cmd/common.h.
 */
#ifndef OUTLIERD_CMD_H
#define OUTLIERD_CMD_H

/** outlierd run: the daemon. */
int cmd_run(int argc, char **argv);
/** outlierd init: a configuration proposed from a topic's schema and a sample. */
int cmd_init(int argc, char **argv);
/** outlierd features: vectors of a file of events. */
int cmd_features(int argc, char **argv);
/** outlierd train: a model from vectors. */
int cmd_train(int argc, char **argv);
/** outlierd score: scores of vectors, or the whole way offline with --config. */
int cmd_score(int argc, char **argv);
/** outlierd evaluate: how well scores find what is labelled positive. */
int cmd_evaluate(int argc, char **argv);
/** outlierd check: every problem of a configuration at once. */
int cmd_check(int argc, char **argv);
/** outlierd simulate: seeded synthetic transactions with labelled fraud. */
int cmd_simulate(int argc, char **argv);
/** outlierd demo: everything on an embedded broker. */
int cmd_demo(int argc, char **argv);
/** outlierd explain: a decision made again from the topic. */
int cmd_explain(int argc, char **argv);
/** outlierd late: how late the events of a stretch come. */
int cmd_late(int argc, char **argv);
/** outlierd replay: a backfill of a stretch of the topic. */
int cmd_replay(int argc, char **argv);
/** outlierd audit: what was published against what the topic gives. */
int cmd_audit(int argc, char **argv);
/** outlierd get: current state and features of an entity. */
int cmd_get(int argc, char **argv);
/** outlierd model: promote, rollback, list, inspect. */
int cmd_model(int argc, char **argv);

#endif
