/* SPDX-License-Identifier: Apache-2.0 */
/* `feed` of an issuer in presigner.yaml: for config.c. */
#pragma once

#include "presigner/config_file.h"

/** Checks, fills in defaults; counts it. Nothing happens without one. ERR_CONFIG. */
MUST_CHECK enum err config_take_feed(const struct config_place *place,
                                     struct presigner_config *config, const struct feed_file *file,
                                     struct issuer_config *issuer);
/** ERR_MEMORY. Takes NULL. */
MUST_CHECK enum err config_resolve_feed(const struct config_place *place, struct feed_file *file);
