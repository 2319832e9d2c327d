/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/filter_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/os/file.h"

#define BUFFER_BYTES     (1u << 18)
#define RECORD_BYTES_MAX (1u + SERIAL_BYTES_MAX)
#define REVOKED_BIT      0x80u
#define FILE_MODE        0600

_Static_assert(SERIAL_BYTES_MAX < REVOKED_BIT, "the size leaves the bit free");

struct filter_spool {
    int fd;
    uint64_t written_bytes; /* in the file */
    size_t out_size;        /* in `out`, not yet written */
    uint64_t next;          /* of the file, not yet read */
    uint64_t until;
    size_t in_at;
    size_t in_size;
    uint8_t out[BUFFER_BYTES];
    uint8_t in[BUFFER_BYTES];
};

static enum err io_error(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
}

enum err filter_spool_open(const char *folder, const char *name, struct filter_spool **ret)
{
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, folder, name));
    struct filter_spool *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (s->fd < 0 || unlink(path) != 0) {
        enum err err = io_error();
        filter_spool_close(s);
        return err;
    }
    *ret = s;
    return ERR_OK;
}

struct filter_spool *filter_spool_close(struct filter_spool *s)
{
    if (s != NULL && s->fd >= 0)
        close(s->fd);
    free(s);
    return NULL;
}

static enum err flush(struct filter_spool *s)
{
    size_t at = 0;
    while (at < s->out_size) {
        ssize_t n = pwrite(s->fd, s->out + at, s->out_size - at, (off_t)(s->written_bytes + at));
        if (n < 0 && errno != EINTR)
            return io_error();
        at += n > 0 ? (size_t)n : 0;
    }
    s->written_bytes += s->out_size;
    s->out_size = 0;
    return ERR_OK;
}

enum err filter_spool_put(struct filter_spool *s, const struct serial *serial, bool revoked)
{
    CHECK(serial->size <= SERIAL_BYTES_MAX);
    if (s->out_size + RECORD_BYTES_MAX > sizeof s->out)
        TRY(flush(s));
    s->out[s->out_size++] = (uint8_t)(serial->size | (revoked ? REVOKED_BIT : 0));
    memcpy(s->out + s->out_size, serial->octets, serial->size);
    s->out_size += serial->size;
    return ERR_OK;
}

uint64_t filter_spool_end(const struct filter_spool *s)
{
    return s->written_bytes + s->out_size;
}

enum err filter_spool_seek(struct filter_spool *s, uint64_t from, uint64_t until)
{
    CHECK(from <= until && until <= filter_spool_end(s));
    TRY(flush(s));
    s->next = from;
    s->until = until;
    s->in_at = s->in_size = 0;
    return ERR_OK;
}

/* Moves what is left to the front and reads on behind it. */
static enum err fill(struct filter_spool *s)
{
    size_t left = s->in_size - s->in_at;
    memmove(s->in, s->in + s->in_at, left);
    s->in_at = 0;
    s->in_size = left;
    while (s->in_size < RECORD_BYTES_MAX && s->next < s->until) {
        uint64_t want = s->until - s->next;
        size_t room = sizeof s->in - s->in_size;
        ssize_t n = pread(s->fd, s->in + s->in_size, want < room ? want : room, (off_t)s->next);
        if (n == 0 || (n < 0 && errno != EINTR))
            return ERR_IO;
        s->in_size += n > 0 ? (size_t)n : 0;
        s->next += n > 0 ? (uint64_t)n : 0;
    }
    return ERR_OK;
}

enum err filter_spool_next(struct filter_spool *s, struct serial *ret_serial, bool *ret_revoked)
{
    if (s->in_size - s->in_at < RECORD_BYTES_MAX && s->next < s->until)
        TRY(fill(s));
    if (s->in_at == s->in_size)
        return ERR_NOT_FOUND;
    uint8_t first = s->in[s->in_at];
    uint8_t size = (uint8_t)(first & ~REVOKED_BIT);
    /* The file is ours alone. */
    CHECK(size <= SERIAL_BYTES_MAX && 1u + size <= s->in_size - s->in_at);
    ret_serial->size = size;
    memcpy(ret_serial->octets, s->in + s->in_at + 1, size);
    *ret_revoked = (first & REVOKED_BIT) != 0;
    s->in_at += 1u + size;
    return ERR_OK;
}
