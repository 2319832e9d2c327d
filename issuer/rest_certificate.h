/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in answers, and the handlers about them. */
#pragma once

#include "issuer/registry_certificate.h"
#include "issuer/rest_call.h"

/** One PEM block as a JSON string; NULL: out of memory. */
json_t *rest_json_pem(struct span der);
/** What a row tells: id, serial, ca, profile, customer, order_id, times, status. */
json_t *rest_json_certificate(const struct registry_certificate *row);
/** Adds the addresses that the certificate names: crl_url, ocsp_url, and the chain. */
void rest_json_add_issuer(json_t **object, const struct authority *authority, uint32_t shard);

REST_HANDLER_OF(rest_certificate_issue);
REST_HANDLER_OF(rest_certificate_get);
REST_HANDLER_OF(rest_certificate_by_serial);
REST_HANDLER_OF(rest_certificate_chain);
REST_HANDLER_OF(rest_certificate_search);
REST_HANDLER_OF(rest_certificate_revoke);
