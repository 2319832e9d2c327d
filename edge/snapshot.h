/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot: an immutable view of the edge's store (edge/store_format.h) for the workers.
 *
 * It is a pinned LMDB read transaction, a side index over the blocks in the map
 * (edge/side_index.h), the parsed templates and a table of issuers by key hash. The builder thread
 * makes snapshots one after another; a new one shares every chunk of the side index that no change
 * record since the previous one touches. Pointers into the map stay good across read transactions
 * of the same environment because a block is a value of at least BLOCK_BYTES_MIN octets: it has an
 * overflow page of its own, and that page is not reused while any live transaction can see it.
 *
 * Threads: everything about building belongs to the one builder thread; find functions may be
 * called from any thread that holds the snapshot (edge/snapshot_exchange.h). */
#pragma once

#include "edge/path_table.h"
#include "edge/side_index.h"
#include "edge/snapshot_source.h"
#include "lib/ocsp_form.h"
#include "lib/ocsp_request.h"
#include "lib/template.h"

/* More templates than this in one store are refused: a CA has a handful. */
#define SNAPSHOT_TEMPLATES_MAX 65536

struct snapshot_issuer {
    uint64_t issuer_id;
    uint32_t group_first; /* its groups of the side index, by serial size */
    uint32_t group_count;
    uint32_t template_first; /* its templates, by number */
    uint32_t template_count;
    const struct ocsp_template *names; /* a template that has its hashes */
};

/** What is made of a template for answering (edge/snapshot_forms.h). */
struct snapshot_forms {
    struct ocsp_forms *by_serial_size[SERIAL_BYTES_MAX + 1]; /* NULL: none */
    /* From then on clients refuse what is signed under it (RFC 6960 3.2); UINT64_MAX: the CA signs
     */
    uint64_t signer_end_s;
};

struct snapshot_relay;

struct snapshot {
    struct position position;
    struct side_index index;
    struct ocsp_template **templates; /* by (issuer id, number) */
    struct snapshot_forms *forms;     /* of each template */
    struct snapshot_issuer *issuers;  /* by issuer id */
    uint32_t template_count;
    uint32_t issuer_count;
    uint32_t slot_mask;   /* of the two tables below */
    uint32_t *slots_sha1; /* issuer number + 1 by issuerKeyHash, 0: free */
    uint32_t *slots_sha256;
    struct path_table *paths;     /* NULL: no files (edge/snapshot_paths.h) */
    uint64_t paths_number;        /* of the store's when the table was made; 0: none yet */
    struct snapshot_relay *relay; /* NULL: no copy to relay (edge/snapshot_relay.h) */
    uint32_t chunks_shared;       /* with the previous snapshot; for the counters */
    uint32_t chunks_built;
    struct MDB_txn *txn;      /* the pinned read transaction; NULL in fixtures */
    struct snapshot *retired; /* link of the exchange */
};

/** Builds a snapshot of the newest commit. `previous` may be NULL; it is read, not kept.
 *  ERR_BUSY: the store has not changed since `previous`. ERR_NOT_FOUND: nothing committed yet.
 *  ERR_RANGE: the writer has made its map larger than map_bytes. ERR_STORE, ERR_MEMORY, ERR_LIMIT,
 *  and errors of the templates. */
MUST_CHECK enum err snapshot_build(struct snapshot_source *source, const struct snapshot *previous,
                                   struct snapshot **ret);
/** Ends the read transaction and drops its share of the chunks. NULL in, NULL out. */
struct snapshot *snapshot_free(struct snapshot *snapshot);

/** The issuer that a CertID names: key hash and name hash of the same algorithm must both match.
 *  NULL: no such issuer. */
const struct snapshot_issuer *snapshot_issuer_find(const struct snapshot *snapshot,
                                                   enum certid_hash hash, struct span name_hash,
                                                   struct span key_hash);
/** Place of the issuer's template of that number in templates and forms. false: there is none. */
bool snapshot_template_place(const struct snapshot *snapshot, const struct snapshot_issuer *issuer,
                             uint16_t template_no, uint32_t *ret_place);

/** One lookup in stages, so that several run side by side with their memory on its way:
 *  start all, then chunk all, reach all, approach all, finish all. Reach may be left out. */
struct snapshot_lookup {
    struct serial serial;
    struct side_cursor cursor;
};
void snapshot_find_start(const struct snapshot *snapshot, const struct snapshot_issuer *issuer,
                         const struct serial *serial, struct snapshot_lookup *lookup);
void snapshot_find_chunk(struct snapshot_lookup *lookup);
void snapshot_find_reach(const struct snapshot_lookup *lookup);
void snapshot_find_approach(struct snapshot_lookup *lookup);
/** false: no statement for the serial. The signature borrows the map: until the snapshot is left.
 */
bool snapshot_find_finish(const struct snapshot_lookup *lookup, struct statement *ret);

/** All at once. */
bool snapshot_find(const struct snapshot *snapshot, const struct snapshot_issuer *issuer,
                   const struct serial *serial, struct statement *ret);
