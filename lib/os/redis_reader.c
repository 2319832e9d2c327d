/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/redis_reader.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* hiredis makes room for as many elements as the server announces. */
static void *array_make(const redisReadTask *task, int elements)
{
    struct redis_reader *r = task->privdata;
    if (elements > 0 && (size_t)elements > REDIS_ELEMENTS_MAX - r->elements)
        return NULL;
    r->elements += elements > 0 ? (size_t)elements : 0;
    return r->array_make(task, elements);
}

enum err redis_reader_make(struct redis_reader *r, size_t reply_bytes_max)
{
    r->reader = redisReaderCreate();
    if (r->reader == NULL)
        return ERR_MEMORY;
    r->functions = *r->reader->fn;
    r->array_make = r->functions.createArray;
    r->functions.createArray = array_make;
    r->reader->fn = &r->functions;
    r->reader->privdata = r;
    r->reply_bytes_max = reply_bytes_max;
    r->reply_bytes = 0;
    r->elements = 0;
    return ERR_OK;
}

void redis_reader_done(struct redis_reader *r)
{
    if (r->reader != NULL)
        redisReaderFree(r->reader);
    r->reader = NULL;
}

static enum err take_octets(struct redis_reader *r, int fd)
{
    ssize_t size;
    if (r->reply_bytes > r->reply_bytes_max)
        return ERR_LIMIT;
    do
        size = recv(fd, r->chunk, sizeof r->chunk, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
    if (size == 0)
        return ERR_TRUNCATED;
    if (redisReaderFeed(r->reader, r->chunk, (size_t)size) != REDIS_OK)
        return ERR_MALFORMED;
    r->reply_bytes += (size_t)size;
    return ERR_OK;
}

enum err redis_reader_next(struct redis_reader *r, int fd, redisReply **ret)
{
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK)
            return r->reader->err == REDIS_ERR_OOM ? ERR_LIMIT : ERR_MALFORMED;
        if (reply != NULL) {
            /* What is left belongs to the next. */
            r->reply_bytes = r->reader->len - r->reader->pos;
            r->elements = 0;
            *ret = reply;
            return ERR_OK;
        }
        TRY(take_octets(r, fd));
    }
}

const char *redis_reader_trouble(enum err err)
{
    switch ((int)err) {
    case ERR_IO:
        return strerror(errno);
    case ERR_TRUNCATED:
        return "the server hung up";
    case ERR_LIMIT:
        return "an answer that is too large";
    default:
        return "this is no answer of Redis";
    }
}

bool redis_reply_refuses(const redisReply *reply)
{
    static const char *const words[] = {
        "READONLY ", "LOADING ", "MASTERDOWN ", "UNBLOCKED ",  "NOAUTH ", "WRONGPASS ",  "NOPERM ",
        "OOM ",      "MISCONF ", "BUSY ",       "NOREPLICAS ", "MOVED ",  "CLUSTERDOWN "};
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(reply->str, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}
