/* SPDX-License-Identifier: Apache-2.0 */
/* A folder made by `statim init`, as the verbs see it: presigner.yaml, the issuer a verb is about,
 * and the status database. What goes wrong is printed as "statim <verb>: ...". */
#pragma once

#include "presigner/config.h"
#include "presigner/status_db.h"

#define DIRECTORY_CONFIG_NAME "presigner.yaml"

struct directory {
    const char *verb; /* for messages */
    char config_path[PATH_BYTES_MAX + 32];
    struct presigner_config *config;
    const struct issuer_config *issuer;
    uint64_t issuer_id;
    struct status_db *db;
};

/** Reads the configuration and opens the status database; which issuer it is about comes from
 *  directory_use(), as often as it is needed. Prints and returns false on failure. */
bool directory_open_all(const char *verb, const char *path, struct directory *ret);
bool directory_use(struct directory *d, const struct issuer_config *issuer);

/** Reads the configuration; `issuer_name` NULL: the only issuer. Prints and returns false on
 *  failure. */
bool directory_open(const char *verb, const char *path, const char *issuer_name,
                    struct directory *ret);
/** Opens the status database too. */
bool directory_open_status(const char *verb, const char *path, const char *issuer_name,
                           struct directory *ret);
void directory_close(struct directory *d);

/** "statim <verb>: ..." on standard error. */
__attribute__((format(printf, 2, 3))) void directory_complain(const struct directory *d,
                                                              const char *format, ...);
