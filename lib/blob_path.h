/* SPDX-License-Identifier: Apache-2.0 */
/* Path entry: which blob an edge serves at a URL path (a CRL, a CA certificate, a filter), with
 * what caches are told about it (docs/formats.md, "Path entry").
 *
 *   path size 2, octets | SHA-256 of the blob 32 | its size 8 | media type size 1, octets |
 *   modified 8 | next 8 | expires 8
 *
 * A withdrawn path has no blob: hash, size and times are zero and the media type is empty. */
#pragma once

#include "lib/digest.h"
#include "lib/wire.h"

#define BLOB_PATH_WIRE_MAX (2u + PATH_BYTES_MAX + SHA256_BYTES + 8u + 1u + MEDIA_TYPE_MAX + 24u)

struct blob_path {
    struct span path;       /* of the URL, octet for octet as clients send it: "/crl/7/3.crl" */
    struct sha256 blob;     /* also the name of its file */
    uint64_t blob_bytes;    /* 0: withdrawn */
    struct span media_type; /* "application/pkix-crl" */
    uint64_t modified_s;    /* Last-Modified; of a CRL thisUpdate */
    uint64_t next_s;        /* when the next one is planned: caches ask again then; 0: never */
    uint64_t expires_s;     /* not to be used from then on; of a CRL nextUpdate; 0: never */
};

/** Whether it can be the path of a URL: begins with "/", printable ASCII without what RFC 3986 does
 *  not let stand in a path, at most PATH_BYTES_MAX octets, no "?" and no "#". */
bool blob_path_valid(struct span path);

/** ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED (path, media type, times not in order, a withdrawn
 * one with a blob), ERR_LIMIT. Spans borrow `wire`. */
MUST_CHECK enum err blob_path_read(struct span wire, struct blob_path *ret);
/** ERR_NO_SPACE, and what blob_path_read() would say. */
MUST_CHECK enum err blob_path_write(const struct blob_path *path, uint8_t *out, size_t out_size,
                                    size_t *ret_size);
/** ERR_MALFORMED, ERR_LIMIT: what no follower may take. */
MUST_CHECK enum err blob_path_check(const struct blob_path *path);
