/* SPDX-License-Identifier: Apache-2.0 */
/* The crl of an issuer in presigner.yaml, for config.c. */
#pragma once

#include "presigner/config_file.h"

/** Takes and checks it; the issuer's keys are taken. */
MUST_CHECK enum err config_take_crl(const struct config_place *place,
                                    const struct presigner_config *config,
                                    const struct crl_file *file, struct issuer_config *issuer);
/** Two issuers must not publish under one URL, neither CRLs nor CA certificates. */
MUST_CHECK enum err config_check_crls(const struct config_place *place,
                                      const struct presigner_config *config);
