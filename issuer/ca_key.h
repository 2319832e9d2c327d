/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a ceremony: made (encrypted PKCS#8 in PEM, or in a PKCS#11 token) or named where they
 * are. */
#pragma once

#include "issuer/ca_folder.h"
#include "issuer/ca_profile.h"
#include "lib/os/signer.h"

#define CA_SECRET_BYTES_MAX 256
#define CA_SECRET_BYTES_MIN 8
#define CA_KEY_TYPES        "p256, p384, rsa3072, rsa4096"
#define CA_URI_BYTES_MAX    1024

struct ca_key_options {
    const char *where;           /* a PEM file or a pkcs11: URI (RFC 7512); NULL: in the folder */
    const char *type;            /* NULL: of the default type in the folder, else not made */
    const char *passphrase_file; /* NULL: asks the terminal */
    const char *pin_file;        /* NULL: as the URI says */
};

/* Where a key is, with what opens it. */
struct ca_key {
    struct signer_options options;
    EVP_PKEY *public_key;
    EVP_PKEY *private_key; /* of a new one that is not yet in its file */
    uint8_t *spki;         /* SubjectPublicKeyInfo in DER, of OpenSSL */
    size_t spki_size;
    bool in_folder;
    char secret[CA_SECRET_BYTES_MAX];
    char path[PATH_BYTES_MAX];
    char where[CA_URI_BYTES_MAX]; /* what the folder remembers; of a key in the folder: "" */
    char module[PATH_BYTES_MAX], token[33], label[128], id[129], pin_file[PATH_BYTES_MAX];
};

/** Makes or finds the key. A key of the folder is written by `step` as <stem>-key.pem, mode 0600,
 *  another one is noted in <stem>-key.where. */
MUST_CHECK enum err ca_key_begin(const struct ca_key_options *o, const char *stem,
                                 const char *default_type, struct ca_step *step, struct ca_key *ret,
                                 struct ca_refusal *why);
/** Signs as the key will be able to sign once it is where ca_key_begin() puts it. */
MUST_CHECK enum err ca_key_sign(const struct ca_key *key, struct span tbs,
                                uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size,
                                struct ca_refusal *why);
/** The key of a folder, which has to be the other half of `public_key` (borrowed). */
MUST_CHECK enum err ca_key_of_folder(const struct ca_folder *folder, const char *stem,
                                     const struct ca_key_options *o, EVP_PKEY *public_key,
                                     struct ca_key *ret, struct ca_refusal *why);
/** Wipes. */
void ca_key_done(struct ca_key *key);
