/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/os/file.h"
#include "lib/os/log.h"
#include "lib/wire.h"

#define ROW_VERSION    1
#define ROW_BYTES      (1 + 8 + 4 + 8)
#define BEAT_COUNT     64
#define LOCK_FIRST     4096
#define GENERATION_MAX ((uint64_t)INT64_MAX - LOCK_FIRST)
#define FILE_MODE      0600

#define FILE_NAME "lease"

static const char row_key[] = "lease";

struct lease {
    struct status_db *status;
    int fd;
    uint64_t generation; /* ours; 0: none */
    uint64_t beat;       /* atomic */
    /* Of the holder that is waited for: */
    uint64_t seen_generation;
    uint64_t seen_beat;
    uint64_t seen_ns; /* when the beat was first seen to stand there */
};

/* --- The file --- */

enum err lease_open(struct status_db *status, const char *state_dir, struct lease **ret)
{
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, state_dir, FILE_NAME));
    struct lease *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_MEMORY;
    l->status = status;
    l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    /* With its room now, beats go on when the disk is full. */
    int code = l->fd < 0 ? errno : posix_fallocate(l->fd, 0, BEAT_COUNT * sizeof(uint64_t));
    if (code != 0) {
        log_error("%s: cannot be opened: %s", path, strerror(code));
        if (l->fd >= 0)
            close(l->fd);
        free(l);
        return code == ENOSPC ? ERR_DISK_FULL : ERR_IO;
    }
    *ret = l;
    return ERR_OK;
}

struct lease *lease_close(struct lease *l)
{
    if (l != NULL)
        close(l->fd);
    free(l);
    return NULL;
}

static struct flock lock_of(uint64_t generation, short type)
{
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)(LOCK_FIRST + generation),
                          .l_len = 1};
}

/* Whether another process has that generation's octet locked. */
static enum err is_alive(const struct lease *l, uint64_t generation, bool *ret)
{
    struct flock lock = lock_of(generation, F_WRLCK);
    if (fcntl(l->fd, F_OFD_GETLK, &lock) != 0)
        return ERR_IO;
    *ret = lock.l_type != F_UNLCK;
    return ERR_OK;
}

static enum err lock(const struct lease *l, uint64_t generation)
{
    struct flock lock = lock_of(generation, F_WRLCK);
    if (fcntl(l->fd, F_OFD_SETLK, &lock) == 0)
        return ERR_OK;
    return errno == EAGAIN || errno == EACCES ? ERR_BUSY : ERR_IO;
}

static void unlock(const struct lease *l, uint64_t generation)
{
    struct flock lock = lock_of(generation, F_UNLCK);
    if (fcntl(l->fd, F_OFD_SETLK, &lock) != 0)
        log_warning("the lease's lock is not dropped: %m");
}

static off_t beat_place(uint64_t generation)
{
    return (off_t)(generation % BEAT_COUNT * sizeof(uint64_t));
}

void lease_beat(struct lease *l)
{
    uint64_t beat = __atomic_add_fetch(&l->beat, 1, __ATOMIC_RELAXED);
    /* One that is lost costs nothing; when all are, a waiter takes over, and is told apart. */
    if (pwrite(l->fd, &beat, sizeof beat, beat_place(l->generation)) != (ssize_t)sizeof beat)
        log_warning("the lease's beat is not written: %m");
}

static uint64_t beat_of(const struct lease *l, uint64_t generation)
{
    uint64_t beat = 0;
    /* An octet missing is a beat that was never counted. */
    return pread(l->fd, &beat, sizeof beat, beat_place(generation)) == (ssize_t)sizeof beat ? beat
                                                                                            : 0;
}

/* --- The row --- */

static MDB_val val_of(const void *data, size_t size)
{
    /* LMDB does not write through it, but has no const. */
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

static enum err row_get(const struct lease *l, MDB_txn *txn, struct lease_holder *ret)
{
    MDB_val key = val_of(row_key, sizeof row_key - 1);
    MDB_val value;
    int code = mdb_get(txn, l->status->dbi[STATUS_PUBLICATION], &key, &value);
    if (code == MDB_NOTFOUND) {
        *ret = (struct lease_holder){0};
        return ERR_OK;
    }
    TRY(status_db_err(code));
    struct wire_reader r = wire_reader_of(span_of(value.mv_data, value.mv_size));
    struct lease_holder holder;
    uint8_t version = wire_get_u8(&r);
    holder.generation = wire_get_u64(&r);
    holder.process = wire_get_u32(&r);
    holder.taken_s = wire_get_u64(&r);
    if (wire_reader_end(&r) != ERR_OK || version != ROW_VERSION ||
        holder.generation >= GENERATION_MAX)
        return ERR_STORE;
    *ret = holder;
    return ERR_OK;
}

static enum err row_put(const struct lease *l, MDB_txn *txn, const struct lease_holder *holder)
{
    uint8_t data[ROW_BYTES] = {ROW_VERSION};
    be64_store(data + 1, holder->generation);
    be32_store(data + 9, holder->process);
    be64_store(data + 13, holder->taken_s);
    MDB_val key = val_of(row_key, sizeof row_key - 1);
    MDB_val value = val_of(data, sizeof data);
    return status_db_err(mdb_put(txn, l->status->dbi[STATUS_PUBLICATION], &key, &value, 0));
}

enum err lease_who(struct lease *l, struct lease_holder *ret)
{
    MDB_txn *txn = NULL;
    TRY(status_txn_read(l->status, &txn));
    enum err err = row_get(l, txn, ret);
    status_txn_abort(txn);
    return err;
}

enum err lease_check(const struct lease *l, MDB_txn *txn)
{
    struct lease_holder holder;
    TRY(row_get(l, txn, &holder));
    return l->generation != 0 && holder.generation == l->generation ? ERR_OK : ERR_FENCED;
}

uint64_t lease_generation(const struct lease *l)
{
    return l->generation;
}

enum err lease_is_held(struct status_db *status, const char *state_dir, bool *ret)
{
    char path[PATH_BYTES_MAX];
    struct lease l = {.status = status};
    struct lease_holder holder = {0};
    bool held = false;
    TRY(path_join(path, sizeof path, state_dir, FILE_NAME));
    TRY(lease_who(&l, &holder));
    l.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum err err = ERR_OK;
    if (l.fd >= 0 && holder.generation != 0)
        err = is_alive(&l, holder.generation, &held);
    if (l.fd >= 0)
        close(l.fd);
    TRY(err);
    *ret = held;
    return ERR_OK;
}

/* --- Taking it --- */

/* Whether the holder's beat still stands where it was last seen. */
static bool stands_still(const struct lease *l, const struct lease_holder *holder)
{
    return holder->generation == l->seen_generation &&
           beat_of(l, holder->generation) == l->seen_beat;
}

/* The new generation is locked before it can be read, so nobody finds it without its lock. */
static enum err take(struct lease *l, MDB_txn *txn, bool hangs, uint64_t now_s,
                     struct lease_holder *ret)
{
    struct lease_holder before;
    bool alive = false;
    TRY(row_get(l, txn, &before));
    if (before.generation != 0)
        TRY(is_alive(l, before.generation, &alive));
    /* It may have come round while we waited for the transaction: it had the database then. */
    if (alive && !(hangs && stands_still(l, &before)))
        return ERR_BUSY;
    *ret = (struct lease_holder){
        .generation = before.generation + 1, .process = (uint32_t)getpid(), .taken_s = now_s};
    TRY(lock(l, ret->generation));
    enum err err = row_put(l, txn, ret);
    if (err != ERR_OK)
        unlock(l, ret->generation);
    return err;
}

static enum err acquire(struct lease *l, bool hangs, uint64_t now_s)
{
    MDB_txn *txn = NULL;
    struct lease_holder holder;
    TRY(status_txn_write(l->status, &txn));
    enum err err = take(l, txn, hangs, now_s, &holder);
    if (err != ERR_OK) {
        status_txn_abort(txn);
        return err;
    }
    err = status_txn_commit(txn);
    if (err != ERR_OK) {
        unlock(l, holder.generation);
        return err;
    }
    if (l->generation != 0)
        unlock(l, l->generation);
    l->generation = holder.generation;
    lease_beat(l);
    return ERR_OK;
}

enum err lease_take(struct lease *l, uint64_t now_s)
{
    return acquire(l, false, now_s);
}

enum err lease_watch(struct lease *l, uint64_t hang_ns, uint64_t now_ns, uint64_t now_s)
{
    struct lease_holder holder;
    bool alive = false;
    TRY(lease_who(l, &holder));
    if (holder.generation != 0)
        TRY(is_alive(l, holder.generation, &alive));
    if (alive && !stands_still(l, &holder)) {
        l->seen_generation = holder.generation;
        l->seen_beat = beat_of(l, holder.generation);
        l->seen_ns = now_ns;
    }
    bool hangs = alive && now_ns - l->seen_ns >= hang_ns;
    /* The database is not locked, which may mean waiting for a long commit, before it pays. */
    return alive && !hangs ? ERR_BUSY : acquire(l, hangs, now_s);
}
