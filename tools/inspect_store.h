/* SPDX-License-Identifier: Apache-2.0 */
/* The two databases that `statim inspect` reads. false: refused. */
#pragma once

#include "tools/inspect_lmdb.h"

/** An edge's store (edge/store_format.h). */
bool inspect_edge_store(struct inspection *in, struct inspect_lmdb *db);
/** A presigner's status database (presigner/status_db.h). */
bool inspect_status_db(struct inspection *in, struct inspect_lmdb *db);
