/* SPDX-License-Identifier: Apache-2.0 */
/* The issuer's interface for programs and people: what customers, operators, auditors, presigners
 * and administrators may ask over HTTPS. docs/openapi.yaml describes each route; a test compares it
 * with these tables.
 *
 * Every handler's server context is the struct issuer, its worker context a struct issuer_worker.
 * Bodies and answers are JSON, times in them RFC 3339 (queries take seconds since 1970, too), CAs
 * 16 lower-case hex digits, serials upper-case hex. What belongs to another customer is answered as
 * if it were not there. */
#pragma once

#include "issuer/https.h"

/* Customers and operators, with API keys. Ends with a row without a pattern. */
extern const struct https_route rest_public_routes[];
/* Operators, auditors, administrators and presigners, with certificates. */
extern const struct https_route rest_internal_routes[];

/** By API key: "Authorization: Bearer ID.SECRET". */
enum err rest_authorize_public(void *server, void *worker, const struct https_request *request,
                               struct https_actor *ret, struct problem *why);
/** By the certificate's fingerprint or common name, as the configuration has it. */
enum err rest_authorize_internal(void *server, void *worker, const struct https_request *request,
                                 struct https_actor *ret, struct problem *why);
