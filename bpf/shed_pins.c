/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/os/file.h"

#define FOLDER_MODE 0700
#define MAPS_PREFIX "maps-"

void shed_say(char message[static SHED_MESSAGE_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, SHED_MESSAGE_BYTES, format, arguments);
    va_end(arguments);
}

enum err shed_pins_name(const char *pin_folder, const char *interface, struct shed_pins *ret,
                        char message[static SHED_MESSAGE_BYTES])
{
    enum err err = path_join(ret->folder, sizeof ret->folder, pin_folder, interface);
    if (err == ERR_OK)
        err = path_join(ret->maps, sizeof ret->maps, ret->folder, MAPS_PREFIX SHED_LAYOUT);
    if (err == ERR_OK)
        err = path_join(ret->link, sizeof ret->link, ret->folder, "link");
    if (err != ERR_OK)
        shed_say(message, "%.100s: the path is too long", pin_folder);
    return err;
}

enum err shed_pins_make(const struct shed_pins *pins, char message[static SHED_MESSAGE_BYTES])
{
    struct statfs about;
    if (directory_make(pins->maps, FOLDER_MODE) != ERR_OK || statfs(pins->maps, &about) != 0) {
        shed_say(message, "%.160s: %s", pins->maps, strerror(errno));
        return ERR_IO;
    }
    if ((unsigned long)about.f_type == BPF_FS_MAGIC)
        return ERR_OK;
    rmdir(pins->maps);
    rmdir(pins->folder);
    shed_say(message, "%.120s is not in a bpf file system: mount -t bpf bpf /sys/fs/bpf",
             pins->folder);
    return ERR_UNSUPPORTED;
}

/* .rodata is the program's own. */
static bool is_shared(const struct bpf_map *map)
{
    return !bpf_map__is_internal(map);
}

static enum err map_path(const struct shed_pins *pins, const struct bpf_map *map,
                         char ret[static PATH_BYTES_MAX])
{
    return path_join(ret, PATH_BYTES_MAX, pins->maps, bpf_map__name(map));
}

/* -1: not there, or not what the object wants. */
static int open_map(const struct shed_pins *pins, const struct bpf_map *map)
{
    char path[PATH_BYTES_MAX];
    struct bpf_map_info info = {0};
    __u32 size = sizeof info;
    if (map_path(pins, map, path) != ERR_OK)
        return -1;
    int fd = bpf_obj_get(path);
    if (fd < 0)
        return -1;
    bool same =
        bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
        info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
        info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map);
    if (same)
        return fd;
    close(fd);
    return -1;
}

enum err shed_pins_reuse(const struct shed_pins *pins, struct bpf_object *object, bool *ret_reused,
                         char message[static SHED_MESSAGE_BYTES])
{
    struct bpf_map *map;
    *ret_reused = false;
    bpf_object__for_each_map(map, object)
    {
        int fd = is_shared(map) ? open_map(pins, map) : 0;
        if (fd < 0)
            return ERR_OK;
        if (is_shared(map))
            close(fd);
    }
    bpf_object__for_each_map(map, object)
    {
        if (!is_shared(map))
            continue;
        int fd = open_map(pins, map);
        int result = fd < 0 ? -errno : bpf_map__reuse_fd(map, fd);
        if (fd >= 0)
            close(fd);
        if (result != 0) {
            shed_say(message, "map %s: the pinned one cannot be taken: %s", bpf_map__name(map),
                     strerror(-result));
            return ERR_IO;
        }
    }
    *ret_reused = true;
    return ERR_OK;
}

enum err shed_pins_put(const struct shed_pins *pins, struct bpf_object *object,
                       char message[static SHED_MESSAGE_BYTES])
{
    struct bpf_map *map;
    bpf_object__for_each_map(map, object)
    {
        char path[PATH_BYTES_MAX];
        if (!is_shared(map))
            continue;
        TRY(map_path(pins, map, path));
        unlink(path);
        if (bpf_obj_pin(bpf_map__fd(map), path) != 0) {
            shed_say(message, "%.160s: cannot be pinned: %s", path, strerror(errno));
            return ERR_IO;
        }
    }
    return ERR_OK;
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    struct dirent *entry;
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_BYTES_MAX];
        if (entry->d_name[0] != '.' &&
            path_join(path, sizeof path, folder, entry->d_name) == ERR_OK)
            unlink(path);
    }
    closedir(directory);
    rmdir(folder);
}

/* `all`, or those of other layouts. */
static void remove_maps(const struct shed_pins *pins, bool all)
{
    DIR *directory = opendir(pins->folder);
    struct dirent *entry;
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_BYTES_MAX];
        bool ours = strcmp(entry->d_name, MAPS_PREFIX SHED_LAYOUT) == 0;
        if (strncmp(entry->d_name, MAPS_PREFIX, sizeof MAPS_PREFIX - 1) == 0 && (all || !ours) &&
            path_join(path, sizeof path, pins->folder, entry->d_name) == ERR_OK)
            remove_folder(path);
    }
    closedir(directory);
}

void shed_pins_sweep(const struct shed_pins *pins)
{
    remove_maps(pins, false);
}

void shed_pins_remove(const struct shed_pins *pins)
{
    unlink(pins->link);
    remove_maps(pins, true);
    rmdir(pins->folder);
}
