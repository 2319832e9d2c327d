/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an audit log, as files: the private one an Ed25519 PKCS#8 PEM, the public one a C2SP
 * verifier key, <folder>/AUDIT_PUBLIC_FILE by default. */
#pragma once

#include "lib/os/file.h"
#include "lib/publish_key.h"

#define AUDIT_PUBLIC_FILE "audit-key.pub"

/** Makes a key of that name in a new file, mode 0600. ERR_EXISTS, ERR_MALFORMED (name), ERR_IO,
 * ERR_DISK_FULL, ERR_CRYPTO. */
MUST_CHECK enum err audit_key_make(const char *path, const char *origin);
/** Reads the private key; its name is the one in the folder's public key, which has to be its other
 * half. ERR_KEY: it is not; errors of the files. */
MUST_CHECK enum err audit_key_load(const char *path, const char *folder, struct publish_key **ret);
/** `given`: a verifier key, or a file that has one; NULL: the folder's. */
MUST_CHECK enum err audit_verify_key(const char *given, const char *folder, struct verify_key *ret);
/** Writes the folder's public key. */
MUST_CHECK enum err audit_key_publish(const struct publish_key *key, const char *folder);
