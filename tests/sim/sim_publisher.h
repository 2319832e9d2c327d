/* SPDX-License-Identifier: Apache-2.0 */
/* A publication in memory, made with lib's writers: statements are issued, revoked and refreshed,
 * ranges are signed anew and split, paths get blobs, keys change, indexes are made, the log is
 * trimmed, and now and then the publisher goes on from an old backup (a fork). Everything by seed.
 */
#pragma once

#include "lib/head.h"
#include "lib/index.h"
#include "lib/pack.h"
#include "tests/sim/sim_paths.h"
#include "tests/unit/store_model.h"

#define SIM_ISSUERS      3
#define SIM_RANGES_MAX   24
#define SIM_FILES_MAX    4096
#define SIM_NAME_BYTES   80
#define SIM_NETWORK      "sim.example"
#define SIM_HEAD_VALID_S 600

/** Keys are slow to make: once for all seeds. */
void sim_keys_start(void);
void sim_keys_stop(void);
const struct publish_key *sim_publish_key(void);
/** Of the same network name, but not the publisher's. */
const struct publish_key *sim_wrong_key(void);
struct sim_file {
    char name[SIM_NAME_BYTES];
    struct span content; /* owned */
    bool gone;
};

/* The state after a log entry. */
struct sim_past {
    struct sha256 log_hash;
    uint64_t log_number;
    struct model content;
    struct sim_paths paths;
};

/* Which entry names a blob. */
struct sim_named {
    struct sha256 blob;
    uint64_t log_number;
};

/* What a backup holds. */
struct sim_state {
    uint64_t log_first;
    uint64_t log_last;
    struct sha256 log_hash;
    struct model content;
    struct model tail;                       /* newer than their ranges' packs */
    struct log_range ranges[SIM_RANGES_MAX]; /* by issuer and key */
    uint32_t range_count;
    uint16_t template_count[SIM_ISSUERS];
    struct sim_paths paths;
    struct sim_paths index_paths; /* as the index has them */
    uint64_t index_log;
    struct sha256 index_hash;
    uint64_t index_bytes;
};

struct sim_publication {
    uint64_t random;
    uint64_t now_s;
    struct sim_state state;
    struct sim_state backup;
    bool has_backup;
    uint32_t forks;
    struct sim_file files[SIM_FILES_MAX];
    uint32_t file_count;
    struct sim_named named[SIM_FILES_MAX];
    uint32_t named_count;
    bool large_blobs;
    struct span heads[SIM_FILES_MAX]; /* all there ever were; owned */
    uint32_t head_count;
    struct sim_past *past;
    uint32_t past_count;
    uint64_t *genuine; /* digests of statements */
    size_t genuine_count;
    size_t genuine_room;
};

uint64_t sim_random(uint64_t *state);
uint32_t sim_below(uint64_t *state, uint32_t bound);

struct sim_publication *sim_publication_new(uint64_t seed, uint64_t now_s);
void sim_publication_free(struct sim_publication *p);
/** Puts a file in under its hash. */
struct sha256 sim_put_named(struct sim_publication *p, const char *folder, struct span content);
/** Publishes a random change and a new head. */
void sim_publish(struct sim_publication *p);
/** A new head only. */
void sim_publish_head(struct sim_publication *p);
/** Goes on from the backup, if there is one, with new entries beyond the old number. */
void sim_fork(struct sim_publication *p);
/** The file's content; empty when it is not there. */
struct span sim_file(const struct sim_publication *p, const char *name);
/** The state after the entry of that hash; NULL when there never was one. */
const struct sim_past *sim_past(const struct sim_publication *p, const struct sha256 *log_hash);
/** Every signature that the publisher ever made for a statement passes; nothing else does. */
bool sim_is_genuine(const struct sim_publication *p, uint64_t issuer_id,
                    const struct statement *statement);
