/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of issuer.yaml that config.c has read by others: its CAs and its profiles. */
#pragma once

#include "issuer/config_file.h"

/** From file to `config->authorities`; the profiles are there already. ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err config_take_authorities(const struct config_place *place,
                                            struct issuing_config_file *file,
                                            struct issuing_config *config);
/** From file to `config->profiles`. ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err config_take_profiles(const struct config_place *place,
                                         const struct issuing_config_file *file,
                                         struct issuing_config *config);
/** From file to the listeners and the clients of the internal one. ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err config_take_listeners(const struct config_place *place,
                                          struct issuing_config_file *file,
                                          struct issuing_config *config);
