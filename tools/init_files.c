/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/init_files.h"

#include <unistd.h>

#include "lib/check.h"
#include "lib/limit.h"

static enum err path_of(const struct init_files *files, const char *name,
                        char path[static PATH_BYTES_MAX])
{
    return path_join(path, PATH_BYTES_MAX, files->directory, name);
}

bool init_file_exists(const struct init_files *files, const char *name)
{
    char path[PATH_BYTES_MAX];
    return path_of(files, name, path) == ERR_OK && access(path, F_OK) == 0;
}

enum err init_file_write(struct init_files *files, const char *name, struct span content,
                         unsigned mode)
{
    char path[PATH_BYTES_MAX];
    CHECK(files->made_count < INIT_FILES_MAX);
    if (init_file_exists(files, name))
        return ERR_EXISTS;
    TRY(path_of(files, name, path));
    TRY(file_publish(path, content, mode));
    files->made[files->made_count++] = name;
    return ERR_OK;
}

void init_files_undo(struct init_files *files)
{
    char path[PATH_BYTES_MAX];
    for (unsigned i = 0; i < files->made_count; i++)
        if (path_of(files, files->made[i], path) == ERR_OK)
            unlink(path);
    files->made_count = 0;
}
