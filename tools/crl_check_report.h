/* SPDX-License-Identifier: Apache-2.0 */
/* What `statim crl-check` prints. */
#pragma once

#include <jansson.h>

#include "tools/crl_check.h"

struct crl_check_sums {
    size_t crl_count;
    size_t errors;
    size_t warnings;
    bool drops;  /* Mozilla's aggregator passes over the issuer */
    bool unread; /* not all could be judged: nothing says that it would not */
};

void crl_report_count(const struct crl_judged *judged, struct crl_check_sums *sums);
void crl_report_text(const char *name, const struct crl_judged *judged);
void crl_report_text_end(const struct crl_check_sums *sums);
/** NULL: no memory. */
json_t *crl_report_json(const char *name, const struct crl_judged *judged);
json_t *crl_report_json_end(json_t *crls, const struct crl_check_sums *sums);
