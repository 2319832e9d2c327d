/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what is published at URL paths: by the operator's word only (withdrawn_paths). CRLs
 * that nobody makes any more, because their issuer or its crl is gone from the configuration, stay
 * at their paths, as certificates may still name them; but they get no younger. */
#pragma once

#include "presigner/publish_crl_core.h"

/** Publishes the withdrawal of every path that is named, or begins with a word that ends with "/".
 *  Then looks for CRLs that no configured issuer makes: logs and counts them (crls_abandoned), and
 *  notes when the first of them is past its time. ERR_CONFIG (logged): a named one is made by a
 *  configured issuer. */
MUST_CHECK enum err publish_withdraw_paths(struct publisher *p);
