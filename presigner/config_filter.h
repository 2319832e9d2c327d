/* SPDX-License-Identifier: Apache-2.0 */
/* The filter in presigner.yaml, for config.c. */
#pragma once

#include "presigner/config_file.h"

/** Takes and checks it; the issuers are taken. */
MUST_CHECK enum err config_take_filter(const struct config_place *place,
                                       const struct filter_file *file,
                                       struct presigner_config *config);
