/* SPDX-License-Identifier: Apache-2.0 */
/* presigner.yaml. Paths in it are relative to its own folder and come out absolute or relative to
 * the working directory, ready to open. */
#pragma once

#include "lib/crl_gate.h"
#include "lib/fast_lane.h"
#include "lib/feed_event.h"
#include "lib/limit.h"
#include "lib/os/address.h"
#include "lib/os/config.h"
#include "lib/template.h"
#include "lib/crl_shard.h"
#include "presigner/filter_options.h"
#include "presigner/sign_pool.h"
#include "lib/os/signer.h"

#define CONFIG_ISSUERS_MAX 64
#define CONFIG_RETIRED_MAX 1024

/* Baseline Requirements 4.9.10: at least 8 hours, at most 10 days. */
#define VALIDITY_MIN_S (8u * 3600)
#define VALIDITY_MAX_S (10u * 86400)

/* Numbers of the program: key, default, min, max, what it is. */
#define PRESIGNER_NUMBER_TABLE(X)                                                                  \
    X(map_size_bytes, 64ull << 30, 1u << 20, CYAML_UNLIMITED,                                      \
      "how far the status database may grow (a sparse file)")                                      \
    X(sign_threads, 0, 0, SIGN_THREADS_MAX, "signing threads; 0: one a processor")                 \
    X(head_validity_s, 21600, 1, 30 * 86400, "how long a head is valid after it was signed")       \
    X(head_refresh_s, 600, 1, 30 * 86400, "an unchanged head is signed anew after this")           \
    X(log_keep_s, 3 * 86400, 1, 366 * 86400, "log entries younger than this are kept")             \
    X(log_keep_entries, 100000, 1, 100000000, "at most this many log entries are kept")            \
    X(index_interval_s, 3600, 1, 30 * 86400, "how often an index is made, when there are changes") \
    X(pack_target_bytes, 6u << 20, 4096, PACK_BYTES_MAX / 2, "size at which a range is split")     \
    X(tail_max, 100000, 1, 100000000,                                                              \
      "changed statements outside of packs before their ranges are re-signed")                     \
    X(grace_after_expiry_s, 86400, 0, 3660u * 86400,                                               \
      "statements are made until this long after notAfter")                                        \
    X(lease_s, 10, 1, 3600, "a standby takes over from one that has not stirred for this long")

/* Numbers of each issuer. */
#define ISSUER_NUMBER_TABLE(X)                                                                    \
    X(validity_s, 7 * 86400, 1, 3660u * 86400, "nextUpdate is this long after thisUpdate")        \
    X(refresh_s, 302400, 1, 3660u * 86400, "a statement is signed anew at the latest after this") \
    X(backdate_s, 300, 0, 3600, "thisUpdate is this long before the signing")

/* Numbers of an issuer's crl. */
#define CRL_NUMBER_TABLE(X)                                                                \
    X(shards, 1, 1, CRL_SET_COUNT_MAX, "shards of the current set")                        \
    X(shard_set, 1, 1, 65535, "number of the current set")                                 \
    X(validity_s, 7 * 86400, 2, 3660u * 86400, "nextUpdate is this long after thisUpdate") \
    X(interval_s, 86400, 1, 86400, "a CRL is made anew at the latest after this")          \
    X(debounce_s, 10, 0, 60, "a CRL is made this long after a revocation")                 \
    X(size_max_bytes, 10000000, 1024, BLOB_BYTES_MAX, "a larger CRL raises an alarm")

struct crl_config {
    const char *url_base; /* NULL: the issuer has no CRLs */
    const char *ca_path;  /* URL path of the CA certificate; NULL: ca.crt under url_base */
    enum crl_scope scope;
    bool partitioned;
    bool delta;
#define X(name, fallback, min, max, text) uint64_t name;
    CRL_NUMBER_TABLE(X)
#undef X
};

/* Numbers of an issuer's feed. */
#define FEED_NUMBER_TABLE(X)                                                           \
    X(wait_s, 25, 1, 60, "the issuer may keep an answer without events for this long") \
    X(batch_count, FEED_EVENTS_MAX, 1, FEED_EVENTS_MAX, "events in one answer at most")

struct feed_config {
    const char *url;         /* of statim-issuer's internal listener; NULL: there is no feed */
    const char *server_ca;   /* PEM files: who certifies the issuer's listener, */
    const char *certificate; /* and what the presigner shows it */
    const char *key;
#define X(name, fallback, min, max, text) uint64_t name;
    FEED_NUMBER_TABLE(X)
#undef X
};

struct issuer_config {
    const char *name;
    const char *ca_certificate;        /* PEM file */
    const char *responder_certificate; /* PEM file; NULL: the CA signs the statements itself */
    struct signer_options signer;      /* the responder's key when there is one, else the CA's */
    struct signer_options ca_key;      /* as configured; all NULL when only a responder key is */
    bool has_ca_key;
    enum certid_set certid;
    struct crl_config crl;
    struct feed_config feed;
#define X(name, fallback, min, max, text) uint64_t name;
    ISSUER_NUMBER_TABLE(X)
#undef X
};

/* Numbers of redis. */
#define REDIS_NUMBER_TABLE(X)                                                      \
    X(stream_length, 10000, 1, 100000000, "log entries kept in the stream, about") \
    X(edge_forget_s, 604800, 60, 366 * 86400, "an edge that was silent for this is forgotten")

struct redis_config {
    char **addresses; /* NULL: there is no fast lane */
    size_t address_count;
    const char *user;          /* NULL: the default user */
    const char *password_file; /* NULL: none */
#define X(name, fallback, min, max, text) uint64_t name;
    REDIS_NUMBER_TABLE(X)
#undef X
};

struct presigner_config {
    const char *network;
    const char *state_dir;
    const char *publish_dir;
    const char *publish_key; /* PEM file, Ed25519 */
    bool has_admin;
    struct address admin;
    enum sign_verify verify;
    bool allow_any_validity; /* for tests: validity_s outside of VALIDITY_MIN_S..VALIDITY_MAX_S */
#define X(name, fallback, min, max, text) uint64_t name;
    PRESIGNER_NUMBER_TABLE(X)
#undef X
    struct redis_config redis;
    struct filter_config filter;
    struct issuer_config *issuers;
    size_t issuer_count;
    size_t feed_count; /* of the issuers, those with a feed */
    char **retired;    /* each a CA certificate's PEM file or an issuer id in hex */
    size_t retired_count;
    char **withdrawn; /* URL paths, or how they begin when they end with "/" */
    size_t withdrawn_count;
    void *file; /* owns the strings */
};

/** Reads and checks. On failure ERR_CONFIG (or ERR_NOT_FOUND, ERR_IO, ERR_MEMORY) and one readable
 *  line in `message`. */
MUST_CHECK enum err presigner_config_load(const char *path, struct presigner_config **ret,
                                          char message[static CONFIG_MESSAGE_BYTES]);
/** Takes NULL, returns NULL. */
struct presigner_config *presigner_config_free(struct presigner_config *config);
/** Whether the word is an issuer id: 16 hex digits. */
bool presigner_config_issuer_id(const char *word, uint64_t *ret);
/** The set that new certificates of the issuer get their shard in. */
struct crl_set crl_config_set(const struct crl_config *crl);
/** The URL path of the CA certificate. */
void crl_config_ca_path(const struct crl_config *crl, char ret[static CRL_SHARD_URL_MAX]);
/** The issuer of that name; NULL name: the only one there is. NULL when there is none such. */
const struct issuer_config *presigner_config_issuer(const struct presigner_config *config,
                                                    const char *name);
