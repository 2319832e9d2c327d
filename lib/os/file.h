/* SPDX-License-Identifier: Apache-2.0 */
/* Files as the publication and the stores need them. All paths are NUL-terminated; errors keep
 * errno for the caller's message. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};
/** Takes NULL data; leaves an empty buffer. */
void buffer_done(struct buffer *b);
/** Makes room for at least `capacity` octets in all. ERR_MEMORY. */
MUST_CHECK enum err buffer_reserve(struct buffer *b, size_t capacity);
MUST_CHECK enum err buffer_append(struct buffer *b, struct span data);

/** Reads a whole regular file into `b` (replacing). ERR_NOT_FOUND, ERR_LIMIT (longer than
 *  size_max), ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err file_read(const char *path, size_t size_max, struct buffer *b);
/** Writes path.tmp-<pid>, fsyncs it, renames it over `path`, fsyncs the directory: after a crash
 * the path has the old or the new content, whole. Mode as given. ERR_DISK_FULL, ERR_IO; the
 * temporary file is removed on failure. */
MUST_CHECK enum err file_publish(const char *path, struct span content, unsigned mode);
/** file_publish() without fsync of the directory, for many files before one directory_sync(). */
MUST_CHECK enum err file_publish_lazy(const char *path, struct span content, unsigned mode);
/** The two halves of file_publish_lazy(), for who must be sure of something in between: writes and
 *  fsyncs path.tmp-<pid>; renames it over `path`. It is removed when either fails. */
MUST_CHECK enum err file_prepare(const char *path, struct span content, unsigned mode);
MUST_CHECK enum err file_commit(const char *path);
/** As file_commit(), but ERR_EXISTS when something has that name already. */
MUST_CHECK enum err file_commit_new(const char *path);
/** Removes what file_prepare() wrote. */
void file_discard(const char *path);
MUST_CHECK enum err directory_sync(const char *path);
/** mkdir -p. ERR_IO, ERR_DISK_FULL. */
MUST_CHECK enum err directory_make(const char *path, unsigned mode);
/** Joins with one "/"; ERR_LIMIT when it does not fit. */
MUST_CHECK enum err path_join(char *out, size_t out_size, const char *directory, const char *name);
