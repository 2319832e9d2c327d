/* SPDX-License-Identifier: Apache-2.0 */
/* Programs log through this; lib/ itself never does. One line a message on standard error:
 *   2026-11-24T19:30:00Z info statim-edge[sync]: text
 * under systemd (JOURNAL_STREAM set) "<6>text". Thread-safe: one write(2) a line. */
#pragma once

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** Once, before threads. `program` stays borrowed. */
void log_start(const char *program, enum log_level level);
/** Names the process or thread role in later lines of this process ("sync", "serve"). */
void log_role(const char *role);
__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
