/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module as a process has it: loaded and initialised once however many signers use it,
 * finalised when the last one lets go. */
#pragma once

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#include "lib/err.h"

struct pkcs11_module;

/** Loads (dlopen) and initialises with CKF_OS_LOCKING_OK. ERR_CONFIG (cannot be loaded, is no
 *  module), ERR_CRYPTO (does not initialise, or knows no threads), ERR_MEMORY. */
MUST_CHECK enum err pkcs11_module_get(const char *path, struct pkcs11_module **ret);
void pkcs11_module_put(struct pkcs11_module *module);
/** The module's functions; borrowed. */
CK_FUNCTION_LIST *pkcs11_module_functions(const struct pkcs11_module *module);

/** The slot of the token with that label; NULL or "": of the only token. ERR_NOT_FOUND, ERR_CONFIG
 *  (several tokens), ERR_CRYPTO, ERR_MEMORY. */
MUST_CHECK enum err pkcs11_slot_find(CK_FUNCTION_LIST *p11, const char *token_label,
                                     CK_SLOT_ID *ret);
