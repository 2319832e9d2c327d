/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/linter_hook.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/os/file.h"

#define URL         "http://localhost/lintcert" /* the host is only a name: the socket counts */
#define FORM_FORMAT "&format=json&severity="

struct linter_hook {
    struct linter_hook_options options;
    CURL *curl;
    struct buffer form;
    struct buffer answer;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct linter_hook *hook = context;
    size_t octets = size * count;
    if (octets > LINTER_HOOK_ANSWER_MAX - hook->answer.size ||
        buffer_append(&hook->answer, span_of(data, octets)) != ERR_OK)
        return CURL_WRITEFUNC_ERROR;
    return octets;
}

static bool set_options(struct linter_hook *hook)
{
    CURL *c = hook->curl;
    return curl_easy_setopt(c, CURLOPT_URL, URL) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, hook->options.socket_path) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)hook->options.timeout_ms) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, hook) == CURLE_OK;
}

enum err linter_hook_open(const struct linter_hook_options *options, struct linter_hook **ret)
{
    struct linter_hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return ERR_MEMORY;
    hook->options = *options;
    hook->curl = curl_easy_init();
    if (hook->curl == NULL || !set_options(hook)) {
        linter_hook_close(hook);
        return ERR_MEMORY;
    }
    *ret = hook;
    return ERR_OK;
}

struct linter_hook *linter_hook_close(struct linter_hook *hook)
{
    if (hook == NULL)
        return NULL;
    curl_easy_cleanup(hook->curl);
    buffer_done(&hook->form);
    buffer_done(&hook->answer);
    free(hook);
    return NULL;
}

/* b64input=...&format=json&severity=... */
static enum err form_write(struct linter_hook *hook, struct span certificate)
{
    static const char first[] = "b64input=";
    /* Each octet of base64 may become three. */
    size_t most = 3 * BASE64_ENCODED_BYTES(certificate.size), size = 0;
    hook->form.size = 0;
    TRY(buffer_reserve(&hook->form, most + sizeof first));
    TRY(buffer_append(&hook->form, span_text(first)));
    TRY(ocsp_path_encode(certificate, (char *)hook->form.data + hook->form.size, most, &size));
    hook->form.size += size;
    TRY(buffer_append(&hook->form, span_text(FORM_FORMAT)));
    return buffer_append(&hook->form, span_text(linter_severity_text(hook->options.severity)));
}

static enum err exchange(struct linter_hook *hook, struct problem *why)
{
    char *type = NULL;
    long status = 0;
    CURL *c = hook->curl;
    hook->answer.size = 0;
    CURLcode code = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)hook->form.size);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_POSTFIELDS, hook->form.data);
    if (code == CURLE_OK)
        code = curl_easy_perform(c);
    if (code != CURLE_OK)
        return leaf_refuse(why, LEAF_WHY_LINT_HOOK_SILENT, "the external linter: %s",
                           curl_easy_strerror(code));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    if (status != 200 || type == NULL || strncmp(type, "application/json", 16) != 0)
        return leaf_refuse(why, LEAF_WHY_LINT_HOOK_SILENT,
                           "the external linter: status %ld, \"%.40s\"", status,
                           type == NULL ? "" : type);
    return ERR_OK;
}

enum err linter_hook_ask(struct linter_hook *hook, struct span certificate, struct problem *why)
{
    if (form_write(hook, certificate) != ERR_OK)
        return leaf_refuse(why, LEAF_WHY_FAILED, NULL);
    TRY(exchange(hook, why));
    return linter_answer_judge(&hook->options, span_of(hook->answer.data, hook->answer.size), why);
}
