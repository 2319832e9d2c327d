/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `statim`: one row, one file (tools/verb_<name>.c) each. main.c makes the dispatch
 * and the help from this table.
 *
 * A verb gets argv from its own name on, prints errors to standard error as "statim <verb>: ...",
 * and returns its exit status: 0 done, 1 failed, VERB_USAGE for bad arguments (main prints the
 * usage), WAIT_LATE (wait.h). */
#pragma once

#define VERB_USAGE 2
/* What a verb needs to judge by cannot be read: exit status 2 without the usage. */
#define VERB_UNABLE 100

/* name (with _ for the hyphens that are typed), arguments, one line of help */
#define VERB_TABLE(X)                                                                            \
    X(init,                                                                                      \
      "DIR [--ca-cert FILE --ca-key FILE [--passphrase-file FILE]] [--network NAME] "            \
      "[--listen ADDR:PORT] [--admin ADDR:PORT]",                                                \
      "make a folder: CA, publish key, presigner.yaml, edge.yaml; a given CA key is copied")     \
    X(import,                                                                                    \
      "DIR FILE [--issuer NAME] [--format csv|index.txt] [--wait SECONDS | --no-wait] "          \
      "[--wait-edges N]",                                                                        \
      "take certificates from an index.txt or a CSV file (- for standard input); a bad line "    \
      "takes nothing")                                                                           \
    X(responder, "DIR [--days N] [--key-type TYPE] [--issuer NAME]",                             \
      "issue or renew a delegated OCSP responder certificate from the folder's CA key")          \
    X(revoke,                                                                                    \
      "DIR (SERIAL | --from FILE [--dry-run]) [--reason NAME] [--at TIME] [--wait SECONDS] "     \
      "[--wait-edges N] [--issuer NAME]",                                                        \
      "revoke one certificate or a list of them, for good")                                      \
    X(status, "DIR [SERIAL] [--issuer NAME]",                                                    \
      "how far a folder is published, or what is known of one certificate")                      \
    X(ccadb, "DIR [--issuer NAME [--array]]",                                                    \
      "print the CRL URLs of each issuer as the CCADB asks for them")                            \
    X(query,                                                                                     \
      "URL --issuer FILE (--serial HEX | --cert FILE) [--method get|post] [--hash sha1|sha256] " \
      "[--out FILE]",                                                                            \
      "ask a responder about one certificate and verify the answer")                             \
    X(check, "URL --issuer FILE --good HEX --revoked HEX",                                       \
      "check how any OCSP responder keeps the rules; exit 1 when it breaks one")                 \
    X(crl_check,                                                                                 \
      "[URL-OR-FILE...] [--issuer CERT] [--shards FILE] [--previous FILE] [--ca] [--json]",      \
      "check how anybody's CRLs keep the rules, and whether browsers would take them")           \
    X(filter_query,                                                                              \
      "FILE-OR-URL --issuer CERT --serial HEX [--serial HEX...] [--issued TIME] [--log ID]",     \
      "ask a filter about certificates; exit 1: one is revoked, 2: it says nothing of one")      \
    X(audit,                                                                                     \
      "init DIR --key FILE --origin NAME | append DIR --key FILE [FILE] | verify DIR "           \
      "[--key VKEY|FILE] [--against CHECKPOINT] [--sealed] | prove DIR [--key VKEY|FILE] "       \
      "(--index N | --since N) | export DIR [--key VKEY|FILE] [--format ndjson|avro] "           \
      "[--from N] [--until N] | seal DIR [--key VKEY|FILE]",                                     \
      "an append-only log that shows tampering: begin one, add, verify, prove, export, seal")    \
    X(ca,                                                                                        \
      "root DIR --subject NAME | intermediate|responder csr DIR --subject NAME | "               \
      "intermediate|responder sign DIR CSR | intermediate|responder install DIR CERT "           \
      "--issuer CA-CERT | crl DIR [--revoke SERIAL --reason NAME] | transcript-check FILE "      \
      "[--head SHA256]; [--key FILE|URI] [--key-type TYPE] [--passphrase-file FILE] "            \
      "[--pin-file FILE] [--days N] [--out FILE] [--operator NAME] [--path-length N] "           \
      "[--policy OID...] [--ocsp-url URL] [--ca-issuers-url URL] [--crl-url URL] "               \
      "[--client-auth] [--sign-ocsp] [--blocked-keys FILE] [--yes]",                             \
      "a CA of one's own by an offline ceremony: keys, requests, certificates, CRLs")            \
    X(inspect, "FILE [--json] [--key VKEY|FILE] [--verify] [--signatures]",                      \
      "show a head, index, log entry, pack, filter, an edge's store or a status database")       \
    X(shed,                                                                                      \
      "(top | stats | allow [PREFIX] | deny [PREFIX] | level [PERCENT|auto] | "                  \
      "route [announce|deprefer|withdraw|auto]) [--for DURATION] [--remove] [--json] "           \
      "[--socket PATH]",                                                                         \
      "see what a running statim-shed filters, and tell it otherwise for a while")

#define X(name, arguments, help) int verb_##name(int argc, char **argv);
VERB_TABLE(X)
#undef X
