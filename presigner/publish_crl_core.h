/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts that publish CRLs share. For presigner/publish_c*.c and tests only. */
#pragma once

#include "presigner/crl_issuer.h"

struct publish_crls {
    struct crl_issuer *issuers;
    size_t count;
    uint64_t opened_sequence; /* changes up to here waited long enough */
    uint64_t seen_sequence;   /* changes up to here are on a CRL or have made it dirty */
    uint64_t looked_s;        /* when what is due was last looked for, */
    bool look;                /* or whether to do it at once */
    bool waits;               /* one that is due waits for the next second */
    bool ca_done;             /* the CA certificates are at their paths */
    /* CRLs that no configured issuer makes: nextUpdate of the first that ends; 0: none */
    uint64_t abandoned_next_s;
};
