/* SPDX-License-Identifier: Apache-2.0 */
/* A presigner in a temporary folder: keys, certificates, configuration, a clock that stands still.
 */
#pragma once

#include "presigner/publish_core.h"
#include "presigner/publish_gc.h"
#include "presigner/status_writer.h"
#include "publish_follower.h"

#define WORLD_ISSUERS_MAX 2
#define DAY_S             86400u

struct world {
    char directory[FIXTURE_PATH_BYTES];
    char state_dir[FIXTURE_PATH_BYTES];
    char publish_dir[FIXTURE_PATH_BYTES];
    char publish_key[FIXTURE_PATH_BYTES];
    char cert_path[WORLD_ISSUERS_MAX][FIXTURE_PATH_BYTES];
    char key_path[WORLD_ISSUERS_MAX][FIXTURE_PATH_BYTES];
    uint64_t issuer_id[WORLD_ISSUERS_MAX];
    struct verify_key verify_key;
    struct issuer_config issuers[WORLD_ISSUERS_MAX];
    struct presigner_config config;
    struct status_db *status;
    struct lease *lease;
    uint64_t counters[COUNT_COUNT];
    struct publisher *publisher;
};

static uint64_t world_now_s;

static inline uint64_t world_clock(void)
{
    return world_now_s;
}

static inline void world_path(const struct world *w, const char *name,
                              char ret[static FIXTURE_PATH_BYTES])
{
    char directory[FIXTURE_PATH_BYTES];
    memcpy(directory, w->directory, sizeof directory);
    fixture_path(directory, name, ret);
}

static inline void world_issuer(struct world *w, size_t i, enum sig_alg alg)
{
    char name[16];
    struct ocsp_template t;
    EVP_PKEY *key = fixture_key(alg);
    snprintf(name, sizeof name, "ca-%zu", i);
    fixture_template(key, name, &t);
    w->issuer_id[i] = t.issuer_id;
    X509 *x = fixture_certificate(key, name, key, name);
    world_path(w, i == 0 ? "ca-0.pem" : "ca-1.pem", w->cert_path[i]);
    world_path(w, i == 0 ? "key-0.pem" : "key-1.pem", w->key_path[i]);
    FILE *file = fopen(w->cert_path[i], "we");
    CHECK(file != NULL && PEM_write_X509(file, x) == 1);
    fclose(file);
    X509_free(x);
    fixture_pem(key, w->key_path[i], NULL);
    EVP_PKEY_free(key);
    w->issuers[i] = (struct issuer_config){.name = w->cert_path[i],
                                           .ca_certificate = w->cert_path[i],
                                           .signer = {.key_file = w->key_path[i]},
                                           .certid = CERTID_BOTH,
                                           .validity_s = 7 * DAY_S,
                                           .refresh_s = 302400,
                                           .backdate_s = 300};
}

static inline void world_make(struct world *w)
{
    struct publish_key *key = NULL;
    char pem[1024];
    size_t size = 0;
    memset(w, 0, sizeof *w);
    world_now_s = (uint64_t)time(NULL);
    fixture_directory(w->directory);
    world_path(w, "state", w->state_dir);
    world_path(w, "pub", w->publish_dir);
    world_path(w, "publish.pem", w->publish_key);
    CHECK(publish_key_generate(span_text("test.example"), &key) == ERR_OK);
    CHECK(publish_key_to_pem(key, pem, sizeof pem - 1, &size) == ERR_OK);
    pem[size] = '\0';
    fixture_text(w->publish_key, pem);
    w->verify_key = *publish_key_public(key);
    publish_key_free(key);
    world_issuer(w, 0, SIG_ECDSA_P256_SHA256);
    world_issuer(w, 1, SIG_ED25519);
    w->config = (struct presigner_config){.network = "test.example",
                                          .state_dir = w->state_dir,
                                          .publish_dir = w->publish_dir,
                                          .publish_key = w->publish_key,
                                          .verify = SIGN_VERIFY_SAMPLE,
                                          .map_size_bytes = 1u << 30,
                                          .sign_threads = 2,
                                          .head_validity_s = 3600,
                                          .head_refresh_s = 600,
                                          .log_keep_s = 3600,
                                          .log_keep_entries = 100000,
                                          .index_interval_s = 3600,
                                          .pack_target_bytes = 16384,
                                          .tail_max = 300,
                                          .grace_after_expiry_s = DAY_S,
                                          .issuers = w->issuers,
                                          .issuer_count = WORLD_ISSUERS_MAX};
}

/* Takes the lease, when it is not taken, and opens a publisher. */
static inline enum err world_publisher(struct world *w, uint64_t (*clock_s)(void))
{
    struct publisher_setup setup = {
        .config = &w->config, .status = w->status, .clock_s = clock_s, .counters = w->counters};
    if (w->lease == NULL) {
        CHECK(lease_open(w->status, w->state_dir, &w->lease) == ERR_OK);
        CHECK(lease_take(w->lease, clock_s()) == ERR_OK);
    }
    memset(w->counters, 0, sizeof w->counters);
    setup.lease = w->lease;
    return publisher_open(&setup, &w->publisher);
}

static inline void world_open(struct world *w)
{
    CHECK(status_db_open(w->state_dir, w->config.map_size_bytes, &w->status) == ERR_OK);
    CHECK(world_publisher(w, world_clock) == ERR_OK);
}

static inline void world_close(struct world *w)
{
    w->publisher = publisher_close(w->publisher);
    w->lease = lease_close(w->lease);
    w->status = status_db_close(w->status);
}

/* Serials of 8 octets, far apart, so that ranges split anywhere. */
static inline struct serial world_serial(uint32_t number)
{
    struct serial s = {.size = 8};
    uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < 8; i++)
        s.octets[i] = (uint8_t)(mixed >> (56 - 8 * i));
    s.octets[0] = (uint8_t)((s.octets[0] & 0x3f) | 0x40);
    return s;
}

/* Certificates first..first+count-1 as given, in one transaction. */
static inline void world_claim(struct world *w, size_t issuer, uint32_t first, uint32_t count,
                               const struct cert_record *claim)
{
    MDB_txn *txn = NULL;
    struct status_writer writer;
    bool changed = false;
    CHECK(status_txn_write(w->status, &txn) == ERR_OK);
    CHECK(status_writer_begin(w->status, txn, &writer) == ERR_OK);
    for (uint32_t i = first; i < first + count; i++) {
        struct serial serial = world_serial(i);
        CHECK(status_writer_apply(&writer, w->issuer_id[issuer], &serial, claim, &changed) ==
              ERR_OK);
    }
    CHECK(status_writer_end(&writer) == ERR_OK);
    CHECK(status_txn_commit(txn) == ERR_OK);
}

static inline void world_good(struct world *w, size_t issuer, uint32_t first, uint32_t count)
{
    struct cert_record claim = {.status = CERT_GOOD,
                                .reason = REASON_ABSENT,
                                .not_after_s = (uint32_t)(world_now_s + 300 * DAY_S)};
    world_claim(w, issuer, first, count, &claim);
}

static inline void world_revoke(struct world *w, size_t issuer, uint32_t first, uint32_t count)
{
    struct cert_record claim = {.status = CERT_REVOKED,
                                .reason = REASON_KEY_COMPROMISE,
                                .revoked_at_s = (uint32_t)world_now_s - 60,
                                .not_after_s = (uint32_t)(world_now_s + 300 * DAY_S)};
    world_claim(w, issuer, first, count, &claim);
}

/* One step; the clock moves when the publisher waits for it to. */
static inline enum publish_outcome world_step(struct world *w)
{
    enum publish_outcome outcome = PUBLISH_IDLE;
    CHECK(publisher_step(w->publisher, &outcome) == ERR_OK);
    if (outcome == PUBLISH_WAITING)
        world_now_s++;
    return outcome;
}

static inline void world_settle(struct world *w)
{
    while (world_step(w) != PUBLISH_IDLE)
        continue;
}

static inline void world_assert_same(const struct follower_statement *s,
                                     const struct cert_record *record)
{
    FOLLOW(s != NULL);
    if (s == NULL)
        return;
    FOLLOW(s->facts.status == record->status);
    FOLLOW(s->facts.reason == record->reason);
    FOLLOW(s->facts.revoked_at_s == record->revoked_at_s);
}

/* The statements of a follower are those the status database asks for, and no others. */
static inline void world_assert_equal(struct world *w, const struct follower *f)
{
    MDB_txn *txn = NULL;
    size_t count = 0;
    const struct serial before = SERIAL_BEFORE_ALL;
    const struct serial after = SERIAL_AFTER_ALL;
    CHECK(status_txn_read(w->status, &txn) == ERR_OK);
    for (size_t i = 0; i < WORLD_ISSUERS_MAX; i++) {
        struct status_cert_cursor c;
        struct status_cert cert;
        CHECK(status_certs_begin(w->status, txn, w->issuer_id[i], &before, &after, &c) == ERR_OK);
        while (status_certs_next(&c, &cert) == ERR_OK) {
            if (cert_expired(&cert.record, w->config.grace_after_expiry_s, world_now_s))
                continue;
            world_assert_same(follower_get(f, w->issuer_id[i], &cert.serial), &cert.record);
            count++;
        }
        status_certs_end(&c);
    }
    status_txn_abort(txn);
    FOLLOW(f->count == count);
}
