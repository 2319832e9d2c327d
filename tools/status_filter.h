/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `statim status` about the network's filter. */
#pragma once

#include "presigner/status_db.h"

/** Prints nothing when none is published. */
MUST_CHECK enum err status_filter_show(const struct status_db *db, MDB_txn *txn);
