/* SPDX-License-Identifier: Apache-2.0 */
/* A row of CERTIFICATE_COLUMNS. For issuer/registry*.c only. */
#pragma once

#include "issuer/registry_certificate.h"
#include "issuer/registry_internal.h"

/** Reads the columns; others may follow. `*ret` is good when sql_row_end() says so. */
void certificate_row_read(struct sql_row *row, struct registry_certificate *ret);
