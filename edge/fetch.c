/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/file_large.h"

#define FETCH_URL_MAX     2048
#define FETCH_FILE_PREFIX "file://"
/* Slower than this, on the whole or for the time of a stall, a file is asked of the next origin:
 * one that sends an octet now and then must not keep us from the others. */
#define FETCH_RATE_MIN_BYTES 65536

struct fetcher {
    const struct sync_config *config;
    bool (*stop)(void *context);
    void *context;
    CURL *curl;
    char message[CURL_ERROR_SIZE + 64];
};

/* One transfer over HTTP. */
struct transfer {
    struct fetcher *fetcher;
    struct buffer *out; /* when part < 0 */
    int part;           /* descriptor of the part file, or -1 */
    uint64_t offset;    /* octets that the part file had before */
    uint64_t size;      /* octets now */
    uint64_t bytes_max;
    bool begun;
    long status; /* of the response; 0: none came */
    enum err err;
};

static bool is_url(const char *origin)
{
    return strncmp(origin, "http://", 7) == 0 || strncmp(origin, "https://", 8) == 0;
}

/* The folder of an origin that is one, else NULL. */
static const char *folder_of(const char *origin)
{
    size_t prefix = strlen(FETCH_FILE_PREFIX);
    if (strncmp(origin, FETCH_FILE_PREFIX, prefix) == 0)
        return origin[prefix] == '/' ? origin + prefix : NULL;
    return strstr(origin, "://") == NULL && origin[0] != '\0' ? origin : NULL;
}

enum err fetcher_new(const struct sync_config *config, bool (*stop)(void *context), void *context,
                     struct fetcher **ret)
{
    if (config->origins_count == 0 || config->origins_count > SYNC_ORIGINS_MAX)
        return ERR_CONFIG;
    for (unsigned i = 0; i < config->origins_count; i++)
        if (!is_url(config->origins[i]) && folder_of(config->origins[i]) == NULL)
            return ERR_CONFIG;
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (fetcher == NULL)
        return ERR_MEMORY;
    fetcher->config = config;
    fetcher->stop = stop;
    fetcher->context = context;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (fetcher->curl = curl_easy_init()) == NULL) {
        free(fetcher);
        return ERR_MEMORY;
    }
    *ret = fetcher;
    return ERR_OK;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return NULL;
    curl_easy_cleanup(fetcher->curl);
    free(fetcher);
    return NULL;
}

const char *fetcher_message(const struct fetcher *fetcher)
{
    return fetcher->message;
}

static enum err write_part(struct transfer *t, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(t->part, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO;
        data += n;
        size -= (size_t)n;
    }
    return ERR_OK;
}

/* The first octets: is this the rest that was asked for (206), or all of it (200)? */
static enum err begin_body(struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->fetcher->curl, CURLINFO_RESPONSE_CODE, &status);
    t->begun = true;
    if (status == 206 && t->offset > 0)
        return ERR_OK;
    if (status != 200)
        return ERR_IO;
    t->size = 0;
    if (t->part >= 0 && (ftruncate(t->part, 0) != 0 || lseek(t->part, 0, SEEK_SET) != 0))
        return ERR_IO;
    return ERR_OK;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
    struct transfer *t = context;
    (void)one; /* always 1 */
    if (!t->begun)
        t->err = begin_body(t);
    if (t->err == ERR_OK && size > t->bytes_max - t->size)
        t->err = ERR_LIMIT;
    if (t->err == ERR_OK)
        t->err =
            t->part >= 0 ? write_part(t, data, size) : buffer_append(t->out, span_of(data, size));
    if (t->err != ERR_OK)
        return 0; /* not all taken: curl ends the transfer */
    t->size += size;
    return size;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = context;
    (void)a, (void)b, (void)c, (void)d;
    if (t->fetcher->stop == NULL || !t->fetcher->stop(t->fetcher->context))
        return 0;
    t->err = ERR_STOPPED;
    return 1;
}

static long time_limit_s(const struct sync_config *config, uint64_t bytes_max)
{
    return (long)(config->connect_timeout_s + config->stall_timeout_s +
                  bytes_max / FETCH_RATE_MIN_BYTES);
}

static CURLcode prepare(struct fetcher *f, const char *url, struct transfer *t)
{
    CURL *c = f->curl;
    curl_easy_reset(c); /* options only; the connection stays open */
    f->message[0] = '\0';
    CURLcode rc = curl_easy_setopt(c, CURLOPT_URL, url);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->message);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "statim-edge/" STATIM_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)f->config->connect_timeout_s);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, time_limit_s(f->config, t->bytes_max));
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_RATE_MIN_BYTES);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)f->config->stall_timeout_s);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->bytes_max);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    /* Not RESUME_FROM, which takes a server that sends all of it for an error. */
    char range[32];
    snprintf(range, sizeof range, "%" PRIu64 "-", t->offset);
    if (rc == CURLE_OK && t->offset > 0)
        rc = curl_easy_setopt(c, CURLOPT_RANGE, range);
    return rc;
}

static enum err result_of(struct fetcher *f, CURLcode rc, struct transfer *t)
{
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->err != ERR_OK)
        return t->err;
    long status = t->status;
    if (rc == CURLE_OK && (status == 200 || t->begun))
        return ERR_OK;
    if (rc == CURLE_OK) { /* a redirect, or some other success without a body */
        snprintf(f->message, sizeof f->message, "HTTP status %ld", status);
        return ERR_IO;
    }
    if (f->message[0] == '\0')
        snprintf(f->message, sizeof f->message, "%s", curl_easy_strerror(rc));
    if (rc == CURLE_FILESIZE_EXCEEDED)
        return ERR_LIMIT;
    if (rc == CURLE_OUT_OF_MEMORY)
        return ERR_MEMORY;
    return rc == CURLE_HTTP_RETURNED_ERROR && (status == 404 || status == 410) ? ERR_NOT_FOUND
                                                                               : ERR_IO;
}

static enum err perform(struct fetcher *f, const char *url, struct transfer *t)
{
    CURLcode rc = prepare(f, url, t);
    if (rc == CURLE_OK)
        rc = curl_easy_perform(f->curl);
    return result_of(f, rc, t);
}

/* What makes the part file worthless: the file is longer than it may be, or the server cannot go on
 * from there (416). */
static bool part_is_useless(const struct transfer *t, enum err err)
{
    return err == ERR_LIMIT || (err == ERR_IO && t->status == 416);
}

/* Leaves the file whole, or what there is of it. */
static enum err fill_part(struct fetcher *f, const char *url, uint64_t bytes_max, const char *part)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return errno == ENOSPC ? ERR_DISK_FULL : ERR_IO;
    struct stat st;
    struct transfer t = {.fetcher = f, .part = fd, .bytes_max = bytes_max};
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size < bytes_max)
        t.offset = (uint64_t)st.st_size;
    else if (ftruncate(fd, 0) != 0)
        t.err = ERR_IO;
    t.size = t.offset;
    enum err err = t.err == ERR_OK ? perform(f, url, &t) : t.err;
    close(fd);
    if (part_is_useless(&t, err))
        unlink(part);
    return err;
}

static enum err get_in_part(struct fetcher *f, const char *url, uint64_t bytes_max,
                            const char *part, struct buffer *ret)
{
    TRY(fill_part(f, url, bytes_max, part));
    enum err err = file_read(part, bytes_max, ret);
    if (err == ERR_OK || err == ERR_LIMIT)
        unlink(part);
    return err;
}

static enum err get_url(struct fetcher *f, const char *origin, const char *path, uint64_t bytes_max,
                        const char *part, struct buffer *ret)
{
    char url[FETCH_URL_MAX];
    TRY(path_join(url, sizeof url, origin, path));
    if (part != NULL && bytes_max > FETCH_PART_BYTES)
        return get_in_part(f, url, bytes_max, part, ret);
    ret->size = 0;
    struct transfer t = {.fetcher = f, .out = ret, .part = -1, .bytes_max = bytes_max};
    return perform(f, url, &t);
}

enum err fetcher_get(struct fetcher *fetcher, unsigned origin, const char *path, uint64_t bytes_max,
                     const char *part, struct buffer *ret)
{
    const char *from = fetcher->config->origins[origin];
    const char *folder = folder_of(from);
    if (folder == NULL)
        return get_url(fetcher, from, path, bytes_max, part, ret);
    char name[FETCH_URL_MAX];
    TRY(path_join(name, sizeof name, folder, path));
    enum err err = file_read(name, bytes_max, ret);
    fetcher->message[0] = '\0';
    if (err == ERR_IO)
        snprintf(fetcher->message, sizeof fetcher->message, "%m");
    return err;
}

enum err fetcher_get_file(struct fetcher *fetcher, unsigned origin, const char *path,
                          uint64_t bytes_max, const char *part)
{
    const char *from = fetcher->config->origins[origin];
    const char *folder = folder_of(from);
    char name[FETCH_URL_MAX];
    TRY(path_join(name, sizeof name, folder == NULL ? from : folder, path));
    if (folder == NULL)
        return fill_part(fetcher, name, bytes_max, part);
    enum err err = file_copy(name, part, bytes_max);
    fetcher->message[0] = '\0';
    if (err == ERR_IO)
        snprintf(fetcher->message, sizeof fetcher->message, "%m");
    return err;
}
