/* SPDX-License-Identifier: Apache-2.0 */
/* A double of a signer: signs by another one and spoils a signature, or fails. */
#pragma once

#include <stdlib.h>

#include "lib/check.h"
#include "lib/os/signer_backend.h"

struct double_signer {
    struct signer base;
    struct signer *real;
    uint32_t calls; /* atomic */
    uint32_t spoil; /* which call is spoiled; 0 for none */
    enum err fail;  /* given instead of that signature */
};

struct double_worker {
    struct signer_worker base;
    struct double_signer *signer;
    struct signer_worker *real;
};

static inline enum err double_worker_new(struct signer *base, struct signer_worker **ret)
{
    struct double_signer *signer = (struct double_signer *)base;
    struct double_worker *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->base.ops = base->ops;
    w->signer = signer;
    TRY(signer_worker_new(signer->real, &w->real));
    *ret = &w->base;
    return ERR_OK;
}

static inline void double_worker_free(struct signer_worker *base)
{
    struct double_worker *w = (struct double_worker *)base;
    signer_worker_free(w->real);
    free(w);
}

static inline enum err double_sign(struct signer_worker *base, struct span tbs,
                                   uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size)
{
    struct double_worker *w = (struct double_worker *)base;
    uint32_t call = __atomic_add_fetch(&w->signer->calls, 1, __ATOMIC_RELAXED);
    TRY(signer_worker_sign(w->real, tbs, out, ret_size));
    if (call != w->signer->spoil)
        return ERR_OK;
    out[5] ^= 0x10;
    return w->signer->fail;
}

static inline void double_free(struct signer *base)
{
    (void)base;
}

static const struct signer_ops double_ops = {
    .worker_new = double_worker_new,
    .worker_free = double_worker_free,
    .sign = double_sign,
    .free = double_free,
};
