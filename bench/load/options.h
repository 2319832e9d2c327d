/* SPDX-License-Identifier: Apache-2.0 */
/* What statim-bench was asked to do, read from its command line. */
#pragma once

#include <stdio.h>
#include <sys/socket.h>

#include "lib/err.h"
#include "lib/ocsp_request.h"

#define LOAD_THREADS_MAX     256
#define LOAD_CONNECTIONS_MAX 1000000
#define LOAD_PATHS_MAX       1024
#define LOAD_STEPS_MAX       100
#define LOAD_RATE_MAX        100000000u /* a second */
#define LOAD_DURATION_MAX_S  86400
#define LOAD_HOST_MAX        255
#define LOAD_PREFIX_MAX      1023

enum load_method { LOAD_GET, LOAD_POST, LOAD_MIX };
enum load_verify {
    LOAD_VERIFY_NONE,      /* HTTP framing and status only */
    LOAD_VERIFY_DER,       /* and the OCSP answer: status, CertID, times */
    LOAD_VERIFY_SIGNATURE, /* and the signature of a sample */
};
/* How the offered load moves: one stretch, or several until the server's knee is found. */
enum load_mode { LOAD_STEADY, LOAD_STEP, LOAD_RAMP };

struct load_options {
    /* where */
    const char *url;              /* as given */
    char host[LOAD_HOST_MAX + 1]; /* as in the URL, for Host */
    char port[6];
    char prefix[LOAD_PREFIX_MAX + 1]; /* path of the URL, ends with "/" */
    struct sockaddr_storage address;
    socklen_t address_size;
    /* what */
    const char *issuer_file;
    const char *serials_file;
    const char *paths[LOAD_PATHS_MAX]; /* --path: plain GETs instead of OCSP */
    uint32_t path_count;
    enum load_method method;
    enum certid_hash hash;
    double zipf; /* exponent over the serials in file order; 0: uniform */
    uint64_t seed;
    enum load_verify verify;
    uint32_t signature_sample; /* one in so many answers is verified */
    /* how much */
    enum load_mode mode;
    double rate_per_s;    /* open loop; 0: closed loop */
    bool poisson;         /* open loop: arrivals at random instead of evenly spaced */
    double rate_to_per_s; /* of STEP and RAMP: the last rate tried */
    uint32_t step_count;
    uint32_t connections;
    uint32_t threads;
    double close_share; /* of connections that carry one request only: 0 keep-alive, 1 --close */
    double duration_s;
    double warmup_s;
    double timeout_s; /* of an answer */
    /* when a result stands */
    double lag_max_s; /* open loop: lateness of our own at p99 */
    double p99_max_s; /* of STEP and RAMP; 0: as many times the first stretch's as follows */
    double p99_times;
    /* where to */
    const char *json_file;
    const char *html_file;
    bool quiet;
};

#define OPTIONS_WHY_BYTES 256

enum options_found { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

/** Reads a command line; argv[0] is passed over. Pure: nothing is opened or resolved, `address`
 *  stays empty. The texts are borrowed. OPTIONS_BAD: `why` says what is wrong. `ret` is set with
 *  OPTIONS_RUN only. */
enum options_found load_options_read(int argc, char *const *argv, struct load_options *ret,
                                     char why[static OPTIONS_WHY_BYTES]);
void load_options_help(FILE *out);

/* The words of the command line for a choice; never NULL. */
const char *load_method_text(enum load_method method);
const char *load_hash_text(enum certid_hash hash);
const char *load_verify_text(enum load_verify verify);
const char *load_mode_text(enum load_mode mode);
