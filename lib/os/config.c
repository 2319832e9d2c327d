/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/limit.h"
#include "lib/os/config_check.h"
#include "lib/os/file.h"

#define CONFIG_BYTES_MAX (1u << 20)

/* What libcyaml logs of a failure: the first line says what, the second of the backtrace where. */
struct complaint {
    char what[256];
    unsigned line;
};

__attribute__((format(printf, 3, 0))) static void
keep_complaint(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct complaint *complaint = context;
    char text[sizeof complaint->what];
    if (level < CYAML_LOG_ERROR)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    const char *what = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    const char *line = strstr(what, "(line: ");
    if (line != NULL && complaint->line == 0)
        sscanf(line, "(line: %u", &complaint->line);
    else if (complaint->what[0] == '\0' && strcmp(what, "Backtrace:") != 0)
        snprintf(complaint->what, sizeof complaint->what, "%s", what);
}

static cyaml_config_t cyaml_settings(struct complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = complaint ? keep_complaint : NULL,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

void config_free(const cyaml_schema_value_t *schema, cyaml_data_t *data)
{
    cyaml_config_t settings = cyaml_settings(NULL);
    /* Fails only for a broken schema or settings, which loading refused. */
    (void)cyaml_free(&settings, schema, data, 0);
}

static enum err load_text(const char *path, struct span text, const cyaml_schema_value_t *schema,
                          cyaml_data_t **ret, struct text_writer *w)
{
    struct complaint complaint = {0};
    cyaml_data_t *data = NULL;
    cyaml_config_t settings = cyaml_settings(&complaint);
    cyaml_err_t error = cyaml_load_data(text.data, text.size, &settings, schema, &data, NULL);
    /* Our own message is the better one, so libcyaml's verdict waits. */
    enum err err = error == CYAML_ERR_OOM ? ERR_MEMORY : config_check(path, text, schema, w);
    if (err == ERR_OK && error == CYAML_OK && data != NULL) {
        *ret = data;
        return ERR_OK;
    }
    if (data != NULL)
        config_free(schema, data);
    if (err != ERR_OK)
        return err;
    text_writer_format(w, "%.200s:%u: %s", path, complaint.line ? complaint.line : 1,
                       complaint.what[0] ? complaint.what : cyaml_strerror(error));
    return ERR_CONFIG;
}

enum err config_load(const char *path, const cyaml_schema_value_t *schema, cyaml_data_t **ret,
                     char message[static CONFIG_MESSAGE_BYTES])
{
    struct text_writer w;
    struct buffer text = {0};
    text_writer_start(&w, message, CONFIG_MESSAGE_BYTES);
    enum err err = file_read(path, CONFIG_BYTES_MAX, &text);
    if (err == ERR_OK)
        err = load_text(path, span_of(text.data, text.size), schema, ret, &w);
    else if (err == ERR_LIMIT)
        err = ERR_CONFIG;
    if (err != ERR_OK && w.size == 0)
        text_writer_format(&w, "%.200s: %s", path,
                           err == ERR_CONFIG ? "too long for a configuration"
                           : err == ERR_IO   ? strerror(errno)
                                             : err_text(err));
    buffer_done(&text);
    return err;
}

enum err config_refuse(const struct config_place *place, const char *format, ...)
{
    va_list arguments;
    int size = snprintf(place->message, CONFIG_MESSAGE_BYTES, "%.300s: ", place->path);
    va_start(arguments, format);
    vsnprintf(place->message + size, CONFIG_MESSAGE_BYTES - (size_t)size, format, arguments);
    va_end(arguments);
    return ERR_CONFIG;
}

enum err config_resolve(const struct config_place *place, char **path)
{
    const char *slash = strrchr(place->path, '/');
    if (*path == NULL || (*path)[0] == '/' || slash == NULL)
        return ERR_OK;
    char *joined = NULL;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - place->path), place->path, *path) < 0)
        return ERR_MEMORY;
    free(*path);
    *path = joined;
    return ERR_OK;
}
