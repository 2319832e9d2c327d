/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a data set: CA certificates, the publish key, the edge's configuration. Nothing is
 * signed by the CAs, so their keys are not kept. */
#pragma once

#include "lib/publish_key.h"
#include "lib/template.h"

#define SITE_ISSUERS_MAX 1000

struct site_options {
    const char *folder;
    const char *key_type; /* of the CAs: "p256", "rsa2048" */
    const char *listen;
    const char *admin;
    unsigned workers; /* 0: the edge's default */
    enum certid_set certid_set;
    uint32_t issuer_count;
};

struct site_issuer {
    uint32_t number; /* from 0: which of the certificates */
    struct ocsp_template template_;
};

/** Makes folder, certificates, key and configuration; gives the templates, `issuer_count` of them,
 * ascending by issuer id. What is wrong is printed. */
MUST_CHECK enum err site_make(const struct site_options *o, struct site_issuer *ret_issuers,
                              struct publish_key **ret_key);
/** The key of one that is there. Printed too. */
MUST_CHECK enum err site_key(const char *folder, struct publish_key **ret_key);

#define SITE_NAME_BYTES 64
/** "ca.pem" for issuer 0, "ca-2.pem" for issuer 1 ... */
void site_file_name(const char *stem, uint32_t number, const char *suffix,
                    char ret[static SITE_NAME_BYTES]);
