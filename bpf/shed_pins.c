/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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
        err = path_join(ret->new_maps, sizeof ret->new_maps, ret->folder, MAPS_PREFIX "new");
    if (err == ERR_OK)
        err = path_join(ret->link, sizeof ret->link, ret->folder, "link");
    if (err != ERR_OK)
        shed_say(message, "%.100s: the path is too long", pin_folder);
    return err;
}

/* Looks at the nearest folder above that is there. */
static enum err file_system(const char *path, struct statfs *ret)
{
    char above[PATH_BYTES_MAX];
    snprintf(above, sizeof above, "%s", path);
    for (;;) {
        if (statfs(above, ret) == 0)
            return ERR_OK;
        char *slash = strrchr(above, '/');
        if (errno != ENOENT || slash == NULL || slash == above)
            return ERR_IO;
        *slash = '\0';
    }
}

enum err shed_pins_make(const struct shed_pins *pins, char message[static SHED_MESSAGE_BYTES])
{
    struct statfs about;
    if (file_system(pins->folder, &about) != ERR_OK) {
        shed_say(message, "%.160s: %s", pins->folder, strerror(errno));
        return ERR_IO;
    }
    if ((unsigned long)about.f_type != BPF_FS_MAGIC) {
        shed_say(message, "%.120s is not in a bpf file system: mount -t bpf bpf /sys/fs/bpf",
                 pins->folder);
        return ERR_UNSUPPORTED;
    }
    if (directory_make(pins->folder, FOLDER_MODE) != ERR_OK) {
        shed_say(message, "%.160s: cannot be made: %s", pins->folder, strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

/* Whether the descriptor is of what the path names now. */
static bool is_at(int fd, const char *path)
{
    struct stat held, there;
    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

enum err shed_pins_lock(const struct shed_pins *pins, int held, int *ret,
                        char message[static SHED_MESSAGE_BYTES])
{
    bool shared = held >= 0 && is_at(held, pins->folder);
    int fd = shared ? fcntl(held, F_DUPFD_CLOEXEC, 0)
                    : open(pins->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        enum err err = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        shed_say(message, "%.160s: %s", pins->folder, strerror(errno));
        return err;
    }
    int result = flock(fd, LOCK_EX | LOCK_NB);
    bool taken = result != 0 && errno == EWOULDBLOCK;
    /* Whoever had it may have removed the folder meanwhile, and another made it again. */
    if (result == 0 && is_at(fd, pins->folder)) {
        *ret = fd;
        return ERR_OK;
    }
    if (taken || result == 0)
        shed_say(message, "%.160s: an agent is at work there: end it first", pins->folder);
    else
        shed_say(message, "%.160s: cannot be locked: %s", pins->folder, strerror(errno));
    close(fd);
    return taken || result == 0 ? ERR_BUSY : ERR_IO;
}

/* .rodata is the program's own. */
static bool is_shared(const struct bpf_map *map)
{
    return !bpf_map__is_internal(map);
}

static enum err map_path(const char *folder, const struct bpf_map *map,
                         char ret[static PATH_BYTES_MAX])
{
    return path_join(ret, PATH_BYTES_MAX, folder, bpf_map__name(map));
}

/* -1: not there, or not what the object wants. */
static int open_map(const struct shed_pins *pins, const struct bpf_map *map)
{
    char path[PATH_BYTES_MAX];
    struct bpf_map_info info = {0};
    __u32 size = sizeof info;
    if (map_path(pins->maps, map, path) != ERR_OK)
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

/* Of all layouts, but for what is kept under `kept`; NULL: nothing. */
static void remove_maps(const struct shed_pins *pins, const char *kept)
{
    DIR *directory = opendir(pins->folder);
    struct dirent *entry;
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_BYTES_MAX];
        if (strncmp(entry->d_name, MAPS_PREFIX, sizeof MAPS_PREFIX - 1) == 0 &&
            path_join(path, sizeof path, pins->folder, entry->d_name) == ERR_OK &&
            (kept == NULL || strcmp(path, kept) != 0))
            remove_folder(path);
    }
    closedir(directory);
}

static enum err pin_all(const struct shed_pins *pins, struct bpf_object *object)
{
    struct bpf_map *map;
    if (mkdir(pins->new_maps, FOLDER_MODE) != 0)
        return ERR_IO;
    bpf_object__for_each_map(map, object)
    {
        char path[PATH_BYTES_MAX];
        if (!is_shared(map))
            continue;
        TRY(map_path(pins->new_maps, map, path));
        if (bpf_obj_pin(bpf_map__fd(map), path) != 0)
            return ERR_IO;
    }
    return ERR_OK;
}

enum err shed_pins_put(const struct shed_pins *pins, struct bpf_object *object,
                       char message[static SHED_MESSAGE_BYTES])
{
    remove_folder(pins->new_maps);
    if (pin_all(pins, object) != ERR_OK) {
        shed_say(message, "%.160s: cannot be pinned: %s", pins->new_maps, strerror(errno));
        return ERR_IO;
    }
    remove_maps(pins, pins->new_maps);
    if (rename(pins->new_maps, pins->maps) == 0)
        return ERR_OK;
    shed_say(message, "%.160s: cannot be renamed: %s", pins->new_maps, strerror(errno));
    return ERR_IO;
}

/* With its pin alone the filter would stay as long as an agent holds the link, and then go some
 * time after it. */
static int detach(const char *pin)
{
    int link = bpf_obj_get(pin);
    if (link < 0)
        return errno == ENOENT ? 0 : -1;
    int result = bpf_link_detach(link);
    int error = errno;
    close(link);
    errno = error;
    return result == 0 ? unlink(pin) : -1;
}

enum err shed_pins_remove(const struct shed_pins *pins, char message[static SHED_MESSAGE_BYTES])
{
    if (detach(pins->link) != 0) {
        shed_say(message, "%.160s: cannot be removed: %s", pins->link, strerror(errno));
        return ERR_IO;
    }
    remove_maps(pins, NULL);
    rmdir(pins->folder);
    return ERR_OK;
}
