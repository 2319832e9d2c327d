/* SPDX-License-Identifier: Apache-2.0 */
/* C_Sign() with a P-256 key of a token and nothing else: what bench/sign compares with.
 *
 *   bench-token MODULE TOKEN PIN LABEL THREADS SECONDS
 *
 * Prints the number of signatures, microseconds of processor time and of wall clock. */
#include "lib/check.h"
#include "lib/os/clock.h"
#include "lib/os/pkcs11_module.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define THREADS_MAX 256
#define HASH_BYTES  32
#define OUT_BYTES   64
#define LOOK_EVERY  64 /* signatures between two looks at the clock */
#define NS_PER_US   1000u
#define NS_PER_S    1000000000u

static struct {
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slot;
    const char *pin;
    const char *label;
    uint64_t end_ns;
} t;

static void must(const char *what, unsigned long code)
{
    if (code != 0) {
        fprintf(stderr, "bench-token: %s: 0x%lx\n", what, code);
        exit(1);
    }
}

static CK_SESSION_HANDLE session_open(void)
{
    CK_SESSION_HANDLE session;
    must("C_OpenSession", t.p11->C_OpenSession(t.slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    return session;
}

static CK_OBJECT_HANDLE key_find(CK_SESSION_HANDLE session)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    char label[HASH_BYTES];
    snprintf(label, sizeof label, "%s", t.label);
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_LABEL, label, (CK_ULONG)strlen(label)}};
    CK_OBJECT_HANDLE key;
    CK_ULONG count = 0;
    must("C_FindObjectsInit", t.p11->C_FindObjectsInit(session, wanted, 2));
    must("C_FindObjects", t.p11->C_FindObjects(session, &key, 1, &count));
    must("C_FindObjectsFinal", t.p11->C_FindObjectsFinal(session));
    must("no such key", count != 1);
    return key;
}

static void *sign_on(void *context)
{
    uint64_t *count = context;
    CK_SESSION_HANDLE session = session_open();
    CK_OBJECT_HANDLE key = key_find(session);
    uint8_t hash[HASH_BYTES] = {1};
    while (clock_monotonic_ns() < t.end_ns)
        for (int i = 0; i < LOOK_EVERY; i++) {
            CK_MECHANISM mechanism = {.mechanism = CKM_ECDSA};
            uint8_t out[OUT_BYTES];
            CK_ULONG size = sizeof out;
            memcpy(hash, count, sizeof *count);
            must("C_SignInit", t.p11->C_SignInit(session, &mechanism, key));
            must("C_Sign", t.p11->C_Sign(session, hash, sizeof hash, out, &size));
            ++*count;
        }
    return NULL;
}

static uint64_t run(unsigned threads)
{
    pthread_t ids[THREADS_MAX];
    uint64_t counts[THREADS_MAX] = {0};
    uint64_t sum = 0;
    for (unsigned i = 0; i < threads; i++)
        must("pthread_create", (unsigned long)pthread_create(&ids[i], NULL, sign_on, &counts[i]));
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += counts[i];
    }
    return sum;
}

static uint64_t cpu_us(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    struct pkcs11_module *module;
    if (argc != 7) {
        fprintf(stderr, "usage: bench-token MODULE TOKEN PIN LABEL THREADS SECONDS\n");
        return 2;
    }
    unsigned long threads = strtoul(argv[5], NULL, 10);
    must("threads: 1 to 256", threads == 0 || threads > THREADS_MAX);
    must(argv[1], pkcs11_module_get(argv[1], &module));
    t.p11 = pkcs11_module_functions(module);
    t.pin = argv[3];
    t.label = argv[4];
    must(argv[2], pkcs11_slot_find(t.p11, argv[2], &t.slot));
    CK_SESSION_HANDLE keeper = session_open();
    must("C_Login",
         t.p11->C_Login(keeper, CKU_USER, (CK_UTF8CHAR_PTR)argv[3], (CK_ULONG)strlen(t.pin)));
    uint64_t begin_ns = clock_monotonic_ns();
    uint64_t begin_us = cpu_us();
    t.end_ns = begin_ns + strtoul(argv[6], NULL, 10) * NS_PER_S;
    uint64_t count = run((unsigned)threads);
    printf("%llu %llu %llu\n", (unsigned long long)count, (unsigned long long)(cpu_us() - begin_us),
           (unsigned long long)((clock_monotonic_ns() - begin_ns) / NS_PER_US));
    pkcs11_module_put(module);
    return 0;
}
