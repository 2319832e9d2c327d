/* SPDX-License-Identifier: Apache-2.0 */
/* Every size and count that bounds untrusted or stored data, in one place, with its reason.
 * Limits of one program only (timeouts, connection counts) are in that program's configuration. */
#pragma once

#include <stdint.h>

/* RFC 5280 4.1.2.2 asks for up to 20 octets; the head room covers CAs that broke it. */
#define SERIAL_BYTES_MAX 32
/* A CertID hash: SHA-1 or SHA-256. */
#define CERTID_HASH_BYTES_MAX 32
/* The largest stored signature: RSA-4096. */
#define SIGNATURE_BYTES_MAX 512
/* Times are stored as unsigned 32-bit seconds since 1970: until 2106-02-07. */
#define TIME_S_MAX UINT32_MAX

/* A delegated responder certificate: RSA-4096 with a long chain of extensions stays below. */
#define RESPONDER_CERT_BYTES_MAX 4096
/* A SubjectPublicKeyInfo: RSA-4096 is 550 octets. */
#define SPKI_BYTES_MAX 1024
/* A distinguished name of an issuer in DER. */
#define ISSUER_NAME_BYTES_MAX 4096

/* An OCSPRequest in DER: signed requests with a chain are the largest in the field. */
#define OCSP_REQUEST_BYTES_MAX 10000
/* An OCSPResponse in DER: two SingleResponses, RSA-4096 and a responder certificate. */
#define OCSP_RESPONSE_BYTES_MAX (RESPONDER_CERT_BYTES_MAX + SIGNATURE_BYTES_MAX + 1024)

/* HTTP: the request line and header section together, and the target alone (RFC 6960 A.1 GETs
 * of signed requests are long but rare; a POST is the way for them). */
#define HTTP_HEAD_BYTES_MAX    8192
#define HTTP_TARGET_BYTES_MAX  4096
#define HTTP_FIELDS_MAX        64
#define HTTP_RESPONSE_HEAD_MAX 1024

/* One LMDB overflow page holds 4096 - 16 octets: a block never needs a second page. */
#define BLOCK_BYTES_MAX 4080
/* Values above LMDB's node limit (about 2 KiB) live on pages of their own, which never move until
 * the value itself is replaced. Blocks are padded to this, so pointers to them stay good. */
#define BLOCK_BYTES_MIN 2100
/* Distinct facts in one block: the body refers to them by one octet. */
#define BLOCK_FACTS_MAX 128

/* Publication files. */
#define HEAD_BYTES_MAX      4096
#define INDEX_BYTES_MAX     (256u << 20)
#define PACK_BYTES_MAX      (64u << 20)
#define LOG_ENTRY_BYTES_MAX (16u << 20)
#define BLOB_BYTES_MAX      (256u << 20)
#define NETWORK_NAME_MAX    63
#define PATH_BYTES_MAX      1024
#define MEDIA_TYPE_MAX      127

_Static_assert(SERIAL_BYTES_MAX < 255, "255 stands for the end of the key space");
_Static_assert(HTTP_TARGET_BYTES_MAX < HTTP_HEAD_BYTES_MAX, "a target fits a head");
