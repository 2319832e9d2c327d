/* SPDX-License-Identifier: Apache-2.0 */
/* What a signing backend provides; for signer.c, the backends, and doubles in tests. A backend
 * embeds these structures as its first member. */
#pragma once

#include "lib/os/signer.h"

struct signer_ops {
    enum err (*worker_new)(struct signer *signer, struct signer_worker **ret);
    void (*worker_free)(struct signer_worker *worker);
    enum err (*sign)(struct signer_worker *worker, struct span tbs,
                     uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size);
    void (*free)(struct signer *signer);
};

struct signer {
    const struct signer_ops *ops;
    const struct sig_alg_info *alg;
};

struct signer_worker {
    const struct signer_ops *ops;
};

MUST_CHECK enum err signer_pem_open(const struct signer_options *options,
                                    const struct sig_alg_info *alg, struct signer **ret);
MUST_CHECK enum err signer_pkcs11_open(const struct signer_options *options,
                                       const struct sig_alg_info *alg, struct signer **ret);

/** First line of a small file (passphrase, PIN), without its line end, NUL-terminated into `out`.
 *  The caller cleanses it. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT, ERR_CONFIG (empty). */
#define SECRET_BYTES_MAX 256
MUST_CHECK enum err secret_read(const char *path, char out[static SECRET_BYTES_MAX]);
