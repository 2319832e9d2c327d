/* SPDX-License-Identifier: Apache-2.0 */
/* statim query: asks a responder about one certificate, verifies, prints for a person. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "lib/timetext.h"
#include "tools/ocsp_ask.h"
#include "tools/verb.h"

struct query_options {
    const char *url;
    const char *issuer;
    const char *serial;
    const char *certificate;
    const char *out;
    enum ask_method method;
    enum certid_hash hash;
};

static bool parse_word(const char *word, const char *first, const char *second, int *ret)
{
    if (strcmp(word, first) == 0)
        *ret = 0;
    else if (strcmp(word, second) == 0)
        *ret = 1;
    else
        return false;
    return true;
}

static bool parse_options(int argc, char **argv, struct query_options *o)
{
    static const struct option table[] = {{"issuer", required_argument, NULL, 'i'},
                                          {"serial", required_argument, NULL, 's'},
                                          {"cert", required_argument, NULL, 'c'},
                                          {"method", required_argument, NULL, 'm'},
                                          {"hash", required_argument, NULL, 'h'},
                                          {"out", required_argument, NULL, 'o'},
                                          {0}};
    int option = 0;
    int choice = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'i') {
            o->issuer = optarg;
        } else if (option == 's') {
            o->serial = optarg;
        } else if (option == 'c') {
            o->certificate = optarg;
        } else if (option == 'o') {
            o->out = optarg;
        } else if (option == 'm' && parse_word(optarg, "get", "post", &choice)) {
            o->method = choice == 0 ? ASK_GET : ASK_POST;
        } else if (option == 'h' && parse_word(optarg, "sha1", "sha256", &choice)) {
            o->hash = choice == 0 ? CERTID_HASH_SHA1 : CERTID_HASH_SHA256;
        } else {
            return false;
        }
    }
    if (optind + 1 != argc || o->issuer == NULL || (o->serial == NULL) == (o->certificate == NULL))
        return false;
    o->url = argv[optind];
    return true;
}

static void print_time(const char *label, uint64_t time_s, uint64_t now_s)
{
    char text[ISO_TIME_BYTES + 1];
    iso_time_write(time_s, text);
    uint64_t distance = time_s > now_s ? time_s - now_s : now_s - time_s;
    printf("%-12s %s  (%s", label, text, time_s > now_s ? "in " : "");
    if (distance >= 86400)
        printf("%llu d %llu h", (unsigned long long)(distance / 86400),
               (unsigned long long)(distance / 3600 % 24));
    else if (distance >= 3600)
        printf("%llu h %llu min", (unsigned long long)(distance / 3600),
               (unsigned long long)(distance / 60 % 60));
    else
        printf("%llu min %llu s", (unsigned long long)(distance / 60),
               (unsigned long long)(distance % 60));
    printf("%s)\n", time_s > now_s ? "" : " ago");
}

static void print_signer(const struct ocsp_reply *reply)
{
    char subject[256];
    X509 *signer = NULL;
    const STACK_OF(X509) *certificates = OCSP_resp_get0_certs(reply->basic);
    if (sk_X509_num(certificates) > 0)
        signer = sk_X509_value(certificates, 0);
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(reply->basic);
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    printf("%-12s %s, %s", "signature", reply->verified ? "verified" : "NOT VERIFIED",
           OBJ_nid2ln(OBJ_obj2nid(object)));
    if (signer != NULL)
        printf(", by the responder %s",
               X509_NAME_oneline(X509_get_subject_name(signer), subject, sizeof subject));
    else
        printf(", by the CA itself");
    printf("%s%s\n", reply->verified ? "" : ": ", reply->why);
}

static void print_status(const struct ocsp_reply *reply, uint64_t now_s)
{
    if (reply->cert_status == V_OCSP_CERTSTATUS_REVOKED) {
        printf("%-12s REVOKED (%s)\n", "status",
               reply->reason >= 0 ? OCSP_crl_reason_str(reply->reason) : "no reason given");
        print_time("revoked at", reply->revoked_at_s, now_s);
    } else {
        printf("%-12s %s\n", "status",
               reply->cert_status == V_OCSP_CERTSTATUS_GOOD ? "good" : "unknown");
    }
}

/* 0: a verified, current answer; else 1. */
static int report(const struct query_options *o, const struct serial *serial,
                  const struct ocsp_answer *answer)
{
    uint64_t now_s = clock_wall_s();
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(serial, hex);
    printf("%-12s %s\n", "serial", hex);
    if (!answer->is_ocsp) {
        printf("%-12s HTTP %ld without an OCSP response\n", "answer", answer->http.status);
        return 1;
    }
    const struct ocsp_reply *reply = &answer->ocsp;
    if (reply->basic == NULL) {
        printf("%-12s %s (HTTP %ld)\n", "answer", OCSP_response_status_str(reply->response_status),
               answer->http.status);
        return 1;
    }
    if (!reply->matched) {
        printf("%-12s none for this certificate and hash in the response\n", "status");
        return 1;
    }
    print_status(reply, now_s);
    print_time("this update", reply->this_update_s, now_s);
    if (reply->next_update_s != 0)
        print_time("next update", reply->next_update_s, now_s);
    print_signer(reply);
    struct span cache = http_reply_field(&answer->http, "Cache-Control");
    printf("%-12s HTTP %ld by %s, %s CertID of %d, %zu octets%s%.*s\n", "answer",
           answer->http.status, o->method == ASK_GET ? "GET" : "POST",
           o->hash == CERTID_HASH_SHA1 ? "SHA-1" : "SHA-256", reply->single_count,
           answer->http.body.size, cache.size > 0 ? ", " : "", (int)cache.size,
           (const char *)cache.data);
    bool current = reply->this_update_s <= now_s &&
                   (reply->next_update_s == 0 || now_s < reply->next_update_s);
    if (!current)
        printf("%-12s the answer is not current\n", "warning");
    return reply->verified && current ? 0 : 1;
}

static enum err read_serial(const struct query_options *o, struct serial *ret)
{
    if (o->certificate != NULL)
        return certificate_serial(o->certificate, ret);
    return serial_from_hex(span_text(o->serial), ret);
}

static int ask(const struct query_options *o, const struct ocsp_issuer *issuer)
{
    struct ocsp_question question = {.url = o->url,
                                     .issuer = issuer,
                                     .hash = o->hash,
                                     .method = o->method,
                                     .encoding = ASK_ENCODED};
    enum err err = read_serial(o, &question.serial);
    if (err != ERR_OK) {
        fprintf(stderr, "statim query: the serial: %s\n", err_text(err));
        return 1;
    }
    struct ocsp_answer answer;
    err = ocsp_ask(&question, &answer);
    int status = 1;
    if (err != ERR_OK) {
        fprintf(stderr, "statim query: %s: %s\n", o->url,
                answer.http.error[0] != '\0' ? answer.http.error : err_text(err));
    } else {
        status = report(o, &question.serial, &answer);
        struct span body = span_of(answer.http.body.data, answer.http.body.size);
        if (o->out != NULL && (err = file_publish(o->out, body, 0644)) != ERR_OK) {
            fprintf(stderr, "statim query: %s: %s\n", o->out, err_text(err));
            status = 1;
        }
    }
    ocsp_answer_done(&answer);
    return status;
}

int verb_query(int argc, char **argv)
{
    struct query_options o = {.method = ASK_GET, .hash = CERTID_HASH_SHA256};
    if (!parse_options(argc, argv, &o))
        return VERB_USAGE;
    struct ocsp_issuer issuer;
    enum err err = ocsp_issuer_load(o.issuer, &issuer);
    if (err != ERR_OK) {
        fprintf(stderr, "statim query: %s: %s\n", o.issuer, err_text(err));
        return 1;
    }
    int status = ask(&o, &issuer);
    ocsp_issuer_done(&issuer);
    return status;
}
