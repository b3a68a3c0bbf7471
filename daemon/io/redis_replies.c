#include "daemon/io/redis_replies.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

struct redis_replies {
	redisReader *reader;
	const struct redis_visitor *visitor; /* during redis_replies_feed() */
	size_t complete;
	bool refused; /* the visitor gave up */
};

/* hiredis wants an object for each piece; any pointer but NULL will do, and nothing is ever freed. */
static void *hand_over(const redisReadTask *task, struct redis_piece *piece)
{
	struct redis_replies *replies = task->privdata;
	piece->reply = replies->complete;
	piece->depth = 0;
	piece->index = task->parent == NULL ? 0 : (size_t)task->idx;
	for (const redisReadTask *at = task->parent; at != NULL; at = at->parent)
		piece->depth++;
	if (!replies->refused && !replies->visitor->take(replies->visitor->self, piece))
		replies->refused = true;
	return replies;
}

static void *take_text(const redisReadTask *task, char *text, size_t length)
{
	struct redis_piece piece = {.kind = REDIS_STRING, .text = {text, length}};
	if (task->type == REDIS_REPLY_STATUS)
		piece.kind = REDIS_STATUS;
	else if (task->type == REDIS_REPLY_ERROR)
		piece.kind = REDIS_ERROR;
	return hand_over(task, &piece);
}

#if HIREDIS_MAJOR >= 1
static void *take_array(const redisReadTask *task, size_t members)
#else
static void *take_array(const redisReadTask *task, int members)
#endif
{
	return hand_over(task, &(struct redis_piece){.kind = REDIS_ARRAY, .integer = (int64_t)members});
}

static void *take_integer(const redisReadTask *task, long long value)
{
	return hand_over(task, &(struct redis_piece){.kind = REDIS_INTEGER, .integer = value});
}

static void *take_nil(const redisReadTask *task)
{
	return hand_over(task, &(struct redis_piece){.kind = REDIS_NIL});
}

static void keep(void *object)
{
	(void)object;
}

static redisReader *make_reader(struct redis_replies *replies)
{
	/* hiredis takes the table without const, and never writes to it. */
	static const redisReplyObjectFunctions functions = {
	    .createString = take_text,
	    .createArray = take_array,
	    .createInteger = take_integer,
	    .createNil = take_nil,
	    .freeObject = keep,
	};
	redisReader *reader = redisReaderCreateWithFunctions((redisReplyObjectFunctions *)&functions);
	if (reader == NULL)
		return NULL;
	reader->privdata = replies;
	/* By default an empty buffer above 16 KiB is given back, and asked for again with the next reply. */
	reader->maxbuf = 0;
	return reader;
}

struct redis_replies *redis_replies_new(void)
{
	struct redis_replies *replies = calloc(1, sizeof *replies);
	if (replies == NULL)
		return NULL;
	replies->reader = make_reader(replies);
	if (replies->reader == NULL) {
		free(replies);
		return NULL;
	}
	return replies;
}

int redis_replies_begin(struct redis_replies *replies, struct err *err)
{
	replies->complete = 0;
	replies->refused = false;
	/* Above 0: inside of an array. At 0 the reader waits for the first byte of a reply. */
	if (replies->reader->ridx > 0 || replies->reader->pos != replies->reader->len)
		return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "it said something that it was not asked");
	return 0;
}

int redis_replies_feed(struct redis_replies *replies, struct slice bytes, const struct redis_visitor *visitor,
		       size_t *complete, struct err *err)
{
	if (redisReaderFeed(replies->reader, bytes.data, bytes.length) != REDIS_OK)
		return err_memory(err);
	replies->visitor = visitor;
	for (;;) {
		void *reply = NULL;
		if (redisReaderGetReply(replies->reader, &reply) != REDIS_OK)
			return err_set_action(err, ERR_UNAVAILABLE, ERR_RETRY, "its answer is not Redis' protocol");
		if (replies->refused)
			return err_set(err, ERR_INTERNAL, "an answer was not taken");
		if (reply == NULL)
			break;
		replies->complete++;
	}
	replies->visitor = NULL;
	*complete = replies->complete;
	return 0;
}

int redis_replies_reset(struct redis_replies *replies)
{
	redisReader *reader = make_reader(replies);
	if (reader == NULL)
		return -1;
	redisReaderFree(replies->reader);
	replies->reader = reader;
	replies->complete = 0;
	replies->refused = false;
	return 0;
}

void redis_replies_free(struct redis_replies *replies)
{
	if (replies == NULL)
		return;
	redisReaderFree(replies->reader);
	free(replies);
}
