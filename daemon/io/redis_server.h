/*
 * What the server says of itself: its error replies as errors with an action, what INFO tells, and whether a server
 * like that may hold state. Also the greeting of a new connection: AUTH, SELECT, INFO, CLIENT SETNAME.
 *
 * `started`: whether this daemon was greeted before. A user without permission or an evicting policy at start is a bad
 * configuration (ERR_CONFIG); later the same is an outage (ERR_RETRY) or a reason to stop (ERR_HALT).
 */
#ifndef OUTLIERD_REDIS_SERVER_H
#define OUTLIERD_REDIS_SERVER_H

#include "daemon/io/redis_connection.h"
#include "daemon/io/redis_store.h"

/** Sets *err from an error reply to a command; never contains arguments of commands, so no identifiers. Returns -1. */
int redis_server_refused(const char *command, struct slice text, bool started, struct err *err);

/** Sets *err for an answer of a kind that the command cannot have. Returns -1. */
int redis_server_absurd(const char *command, struct err *err);

/** Reads the text of INFO; what it does not say is empty or 0. */
void redis_server_read_info(struct slice info, struct redis_facts *facts);

/** Greets over a new connection and learns the facts. user and password may be NULL. -1: the connection is closed. */
int redis_server_greet(struct redis_connection *connection, const struct redis_options *options, bool started,
		       struct redis_facts *facts, struct err *err) MUST_USE;

/** Asks INFO again. -1: ERR_RETRY. */
int redis_server_ask(struct redis_connection *connection, struct redis_facts *facts, struct err *err) MUST_USE;

/** Whether such a server may hold state: it never evicts, has loaded its data and is no replica. */
int redis_server_judge(const struct redis_facts *facts, bool started, struct err *err) MUST_USE;

#endif
