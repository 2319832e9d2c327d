/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of a CRL: from a URL or a file, in DER or PEM. */
#pragma once

#include "lib/os/file.h"
#include "tools/crl_check.h"

/* As Mozilla's aggregator does. */
#define CRL_FETCH_TRIES     3
#define CRL_FETCH_TIMEOUT_S 300
#define CRL_FETCH_REDIRECTS 10
#define CRL_FETCH_PAUSE_MS  1000

bool crl_source_is_url(const char *name);
/** What is wrong with the CRL as it is served becomes a finding; then *ret stays empty. ERR_MEMORY,
 *  and for files ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
MUST_CHECK enum err crl_source_get(const char *name, struct buffer *ret, struct crl_judged *judged);
