/* SPDX-License-Identifier: Apache-2.0 */
/* What the sync process is configured with; embedded in the edge's configuration. The types suit
 * libcyaml's schema tables. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/fast_lane.h"

#define SYNC_ORIGINS_MAX         16
#define SYNC_CA_CERTIFICATES_MAX 1024

#define SYNC_MAP_BYTES_DEFAULT         (UINT64_C(64) << 30)
#define SYNC_POLL_MS_DEFAULT           1000
#define SYNC_INDEX_WHEN_BEHIND_DEFAULT 10000
#define SYNC_CONNECT_TIMEOUT_S_DEFAULT 10
#define SYNC_STALL_TIMEOUT_S_DEFAULT   20

/* Signatures of statements, beside the hashes and the publisher's signatures, which are always
 * checked. SAMPLE: one in SYNC_SAMPLE of each file, and at least one. */
enum sync_verify { SYNC_VERIFY_ALL, SYNC_VERIFY_SAMPLE, SYNC_VERIFY_NONE };
#define SYNC_SAMPLE 64

/* The fast lane. */
struct sync_redis_config {
    char **addresses;         /* as of lib/os/redis_link.h */
    unsigned addresses_count; /* 0: there is none */
    const char *user;         /* NULL: the default user */
    const char *password_file;
    char name[FAST_LANE_NAME_BYTES_MAX + 1]; /* of this edge */
};

struct sync_config {
    /* "https://host/path", "http://...", "file:///path" or a folder's path, in order of preference
     */
    char **origins;
    unsigned origins_count;
    char *network_key; /* C2SP verifier key of the publication (lib/publish_key.h) */
    char *data_dir;    /* the store is data_dir/store, downloads are in data_dir/incoming */
    uint64_t map_bytes;
    uint32_t poll_ms;
    uint32_t index_when_behind; /* more log entries behind than this: start from the index */
    enum sync_verify verify_log;
    enum sync_verify verify_packs;
    /* PEM files. When any is given, what is of other issuers is passed over, and signers that are
     * neither one of these CAs nor certified by it for OCSP signing are refused. */
    char **ca_certificates;
    unsigned ca_certificates_count;
    uint32_t connect_timeout_s;
    uint32_t stall_timeout_s; /* a transfer without progress for this long is given up */
    uint32_t head_age_max_s;  /* an origin whose head is half as old is left; 0: any age will do */
    struct sync_redis_config redis;
    bool relay; /* keep a copy of the publication for other edges */
};

#define SYNC_STORE_DIR    "store"
#define SYNC_INCOMING_DIR "incoming"
