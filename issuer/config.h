/* SPDX-License-Identifier: Apache-2.0 */
/* issuer.yaml. Paths in it are relative to its own folder and come out ready to open. */
#pragma once

#include "issuer/role.h"
#include "lib/digest.h"
#include "lib/limit.h"
#include "lib/os/address.h"
#include "lib/os/config.h"
#include "lib/os/log.h"
#include "lib/os/signer.h"

struct leaf_profile; /* issuer/leaf_profile.h */

#define ISSUER_AUTHORITIES_MAX 16
#define ISSUER_CHAIN_MAX       8
#define ISSUER_PROFILES_MAX    32
#define ISSUER_CLIENTS_MAX     64
#define ISSUER_WORKERS_MAX     64
#define ISSUER_NAME_MAX        63 /* of a CA, a profile, a client */

/* Numbers of the program: key, default, min, max, what it is. */
#define ISSUING_NUMBER_TABLE(X)                                                                   \
    X(workers, 0, 0, ISSUER_WORKERS_MAX, "threads that answer; 0: eight a processor")             \
    X(publish_wait_ms, 2000, 0, 60000,                                                            \
      "how long an answer waits until the presigner has published; 0: not at all")                \
    X(backdate_s, 300, 0, 3600, "notBefore is this long before the signing")                      \
    X(approval_valid_s, 30 * 86400, 60, 398 * 86400, "an approval of OV or EV counts this long")  \
    X(expiring_days, 30, 1, 3660, "certificates that end within this are counted as expiring")    \
    X(poll_wait_max_s, 60, 1, 600, "the longest wait that a reader of the feed may ask for")      \
    X(connections_max, 4096, 1, 100000, "connections of one listener")                            \
    X(connections_per_source_max, 64, 0, 100000, "of one IPv4 address or IPv6 /64; 0: any")       \
    X(handshake_timeout_s, 10, 1, 600, "from the connection to the end of its TLS handshake")     \
    X(idle_timeout_s, 60, 1, 86400, "between two requests of a connection, and before the first") \
    X(header_timeout_s, 10, 1, 3600, "from a request's first octet to the end of its head")       \
    X(body_timeout_s, 10, 1, 3600, "from the end of the head to the end of the body")             \
    X(queue_timeout_s, 10, 1, 600, "a whole request waits this long for a free thread")           \
    X(send_timeout_s, 20, 1, 3600, "a client has to take an answer within this")                  \
    X(drain_timeout_s, 15, 0, 3600, "what a graceful stop waits for answers to be finished")

/* Numbers of the registry, the audit log and the external linter. */
#define REGISTRY_NUMBER_TABLE(X) \
    X(wait_ms, 5000, 100, 60000, "to connect, and for a statement with its locks")

#define AUDIT_NUMBER_TABLE(X)                                                                  \
    X(gather_us, 0, 0, 5000, "an append waits this long for others to be synced with")         \
    X(checkpoint_ms, 1000, 100, 60000, "how often a checkpoint is signed, when there is news") \
    X(retention_years, 7, 1, 100, "no tool deletes what is younger")

#define LINTER_NUMBER_TABLE(X) \
    X(timeout_ms, 500, 10, 30000, "an answer that takes longer is a refusal")

/* Numbers of each CA. */
#define AUTHORITY_NUMBER_TABLE(X)                                                 \
    X(crl_shards, 1, 1, 65535, "shards of the current set, as in presigner.yaml") \
    X(crl_shard_set, 1, 1, 65535, "number of the current set")

/* Numbers of each profile. */
#define PROFILE_NUMBER_TABLE(X)                                                                   \
    X(validity_days, 90, 1, 398, "wanted; the Baseline Requirements and the CA's end shorten it") \
    X(names_max, 100, 1, 100, "names in one certificate")

/* What a profile has or allows: key (a member of struct leaf_profile), default, what it is. `p` is
 * the profile, of which kind and short_lived are known. */
#define PROFILE_FLAG_TABLE(X)                                          \
    X(wildcards, p->kind != LEAF_EV, "names that begin with a star")   \
    X(addresses, false, "IP addresses as names")                       \
    X(ocsp_url, !p->short_lived, "a pointer to the CA's ocsp_url")     \
    X(crl_url, !p->short_lived, "a pointer to the shard's CRL")        \
    X(must_staple, false, "for who asks for it in the request")        \
    X(common_name, false, "the first name as common name")             \
    X(subject_key_id, false, "a subjectKeyIdentifier")                 \
    X(basic_constraints, false, "a basicConstraints that says: no CA") \
    X(key_encipherment, false, "of RSA keys")                          \
    X(client_auth, false, "clientAuth besides serverAuth")

struct registry_config {
    const char *sqlite;     /* a file; one of the two */
    const char *postgresql; /* libpq's connection string */
#define X(name, fallback, min, max, text) uint64_t name;
    REGISTRY_NUMBER_TABLE(X)
#undef X
};

struct audit_config {
    const char *folder;
    const char *key; /* PEM file, Ed25519; its public half is in the folder */
#define X(name, fallback, min, max, text) uint64_t name;
    AUDIT_NUMBER_TABLE(X)
#undef X
};

struct linter_config {
    const char *socket;   /* of pkimetal's HTTP; NULL: there is none */
    const char *severity; /* from which on a finding refuses: "error" */
#define X(name, fallback, min, max, text) uint64_t name;
    LINTER_NUMBER_TABLE(X)
#undef X
};

/* A listener with TLS. */
struct listener_config {
    struct address listen;
    const char *certificate; /* PEM, with its chain */
    const char *key;         /* PEM */
    const char *client_ca;   /* PEM; NULL: clients have no certificates (public) */
};

/* A client of the internal listener: by the fingerprint of its certificate, or by its common name.
 */
struct client_config {
    const char *name;        /* for the audit log */
    const char *common_name; /* NULL: by fingerprint */
    struct sha256 fingerprint;
    unsigned roles; /* of enum role, but never ROLE_CUSTOMER */
};

struct authority_config {
    const char *name;
    const char *certificate; /* PEM file */
    char **chain; /* PEM files, each certifies the one before; a root at the end is checked
                     against and not handed out */
    size_t chain_count;
    struct signer_options key;
    const char *ocsp_url;       /* NULL: none in the certificates */
    const char *ca_issuers_url; /* where this CA's own certificate is */
    const char *crl_url_base;   /* NULL: no CRLDP */
    char **profiles;            /* names */
    size_t profile_count;
#define X(name, fallback, min, max, text) uint64_t name;
    AUTHORITY_NUMBER_TABLE(X)
#undef X
};

struct issuing_config {
    const char *state_dir;
    struct registry_config registry;
    struct audit_config audit;
    struct linter_config linter;
    struct listener_config public_listener, internal_listener;
    bool has_admin;
    struct address admin; /* /metrics and /healthz, without TLS */
    struct client_config clients[ISSUER_CLIENTS_MAX];
    size_t client_count;
    struct authority_config authorities[ISSUER_AUTHORITIES_MAX];
    size_t authority_count;
    struct leaf_profile *profiles;
    size_t profile_count;
    const char
        *blocked_keys;       /* file of SHA-256 of keys, in hex; NULL: only those of the registry */
    const char *debian_keys; /* file as openssl-blacklist has them; NULL: none */
    const char *public_suffix; /* file; NULL: the system's list */
    enum log_level log_level;
#define X(name, fallback, min, max, text) uint64_t name;
    ISSUING_NUMBER_TABLE(X)
#undef X
    void *file; /* owns the strings */
};

/** Reads and checks. On failure ERR_CONFIG (or ERR_NOT_FOUND, ERR_IO, ERR_MEMORY) and one readable
 *  line in `message`. */
MUST_CHECK enum err issuing_config_load(const char *path, struct issuing_config **ret,
                                        char message[static CONFIG_MESSAGE_BYTES]);
/** Takes NULL, returns NULL. */
struct issuing_config *issuing_config_free(struct issuing_config *config);
/** NULL: there is no profile of that name. */
const struct leaf_profile *issuing_config_profile(const struct issuing_config *config,
                                                  struct span name);
/** What a client of the internal listener may do: bits of enum role, 0 for one that is not listed.
 * A fingerprint counts before a common name. `ret_name` (may be NULL) is what the log calls it. */
unsigned issuing_config_client(const struct issuing_config *config,
                               const struct sha256 *fingerprint, const char *common_name,
                               const char **ret_name);
/** The number tables for people: key, default, least value, what it is. */
void issuing_config_help(void);
