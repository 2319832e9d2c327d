/* SPDX-License-Identifier: Apache-2.0 */
/* The subject of an OV or EV certificate, as two operators have approved it (EVG 11.14.2: no single
 * person; names that differ in case or blanks alone are one). What is stored with each decision is
 * the subject as one JSON object in canonical form:
 * {"country":"GB","organization":"Example Ltd"}, words of leaf_subject.h. */
#pragma once

#include "issuer/issuer.h"
#include "issuer/leaf_subject.h"
#include "issuer/problem.h"

#define APPROVALS_NEEDED           2
#define APPROVAL_SUBJECT_BYTES_MAX 4096

/** Subject -> text. ERR_NO_SPACE. */
MUST_CHECK enum err approval_subject_write(const struct leaf_subject *subject,
                                           char out[static APPROVAL_SUBJECT_BYTES_MAX]);
/** Text -> subject. ERR_MALFORMED. */
MUST_CHECK enum err approval_subject_read(struct span text, struct leaf_subject *ret);

/** The subject of the order that at least APPROVALS_NEEDED different operators have approved not
 * longer ago than the configuration's approval_valid_s, and nobody has rejected. PROBLEM_APPROVAL,
 * also when two subjects are approved; PROBLEM_REGISTRY.
 *
 * Approvals grow old with their order and are not renewed: an operator decides once on a subject of
 * an order, so that no row says something else than an earlier one. An order that has outlived them
 * is made again, with another order_id; the problem says so. */
MUST_CHECK enum err approval_find(struct issuer_worker *worker, struct span customer,
                                  struct span order_id, uint64_t now_s, struct leaf_subject *ret,
                                  struct problem *why);
