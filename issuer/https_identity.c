/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_identity.h"

static bool is_plain(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~' || strchr(",=\"'\\", text[i]) != NULL)
            return false;
    return size > 0 && text[0] != ' ' && text[size - 1] != ' ';
}

/* The only CN's value in UTF-8; false: none, several, or not a string. The caller frees it. */
static bool only_common_name(const X509_NAME *subject, uint8_t **ret, size_t *ret_size)
{
    int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0)
        return false;
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, first);
    int size = ASN1_STRING_to_UTF8(ret, X509_NAME_ENTRY_get_data(entry));
    *ret_size = size > 0 ? (size_t)size : 0;
    return size >= 0;
}

static bool read_not_after(const X509 *certificate, uint64_t *ret_s)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return false;
    time_t time_s = timegm(&tm);
    *ret_s = time_s > 0 ? (uint64_t)time_s : 0;
    return true;
}

enum err https_identity_of(const X509 *certificate, struct https_peer *ret)
{
    struct sha256 fingerprint;
    unsigned size = sizeof fingerprint.octets;
    uint8_t *name = NULL;
    size_t name_size;
    uint64_t not_after_s = 0;
    if (X509_digest(certificate, EVP_sha256(), fingerprint.octets, &size) != 1 ||
        !read_not_after(certificate, &not_after_s))
        return ERR_CRYPTO;
    memset(ret->common_name, 0, sizeof ret->common_name);
    if (only_common_name(X509_get_subject_name(certificate), &name, &name_size)) {
        if (name_size < sizeof ret->common_name && is_plain(name, name_size))
            memcpy(ret->common_name, name, name_size);
        OPENSSL_free(name);
    }
    ret->fingerprint = fingerprint;
    ret->not_after_s = not_after_s;
    ret->has_certificate = true;
    return ERR_OK;
}
