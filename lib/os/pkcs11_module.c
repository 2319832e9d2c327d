/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/pkcs11_module.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/os/log.h"

struct pkcs11_module {
    struct pkcs11_module *next;
    char *path;
    void *handle;
    CK_FUNCTION_LIST *functions;
    unsigned users;
    bool initialised_here;
};

/* Initialising is per process in PKCS#11, so this list is too. */
static pthread_mutex_t modules_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pkcs11_module *modules;

static enum err functions_load(struct pkcs11_module *m)
{
    m->handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL);
    if (m->handle == NULL) {
        log_error("PKCS#11 module: %s", dlerror());
        return ERR_CONFIG;
    }
    CK_C_GetFunctionList get = NULL;
    void *symbol = dlsym(m->handle, "C_GetFunctionList");
    /* A function from dlsym() passes through void *, which ISO C has no cast for. */
    memcpy(&get, &symbol, sizeof get);
    if (get == NULL || get(&m->functions) != CKR_OK || m->functions == NULL) {
        log_error("%s: is not a PKCS#11 module", m->path);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err initialise(struct pkcs11_module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_RV rv = m->functions->C_Initialize(&args);
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return ERR_OK;
    if (rv != CKR_OK) {
        log_error("%s: C_Initialize gives 0x%lx", m->path, rv);
        return ERR_CRYPTO;
    }
    m->initialised_here = true;
    return ERR_OK;
}

static void module_free(struct pkcs11_module *m)
{
    if (m->initialised_here)
        m->functions->C_Finalize(NULL);
    if (m->handle != NULL)
        dlclose(m->handle);
    free(m->path);
    free(m);
}

/* Loads one and puts it in the list, with its first user. */
static enum err module_add(const char *path, struct pkcs11_module **ret)
{
    struct pkcs11_module *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_MEMORY;
    m->path = strdup(path);
    enum err err = m->path == NULL ? ERR_MEMORY : functions_load(m);
    if (err == ERR_OK)
        err = initialise(m);
    if (err != ERR_OK) {
        module_free(m);
        return err;
    }
    m->users = 1;
    m->next = modules;
    modules = m;
    *ret = m;
    return ERR_OK;
}

static enum err get_locked(const char *path, struct pkcs11_module **ret)
{
    for (struct pkcs11_module *m = modules; m != NULL; m = m->next) {
        if (strcmp(m->path, path) == 0) {
            m->users++;
            *ret = m;
            return ERR_OK;
        }
    }
    return module_add(path, ret);
}

enum err pkcs11_module_get(const char *path, struct pkcs11_module **ret)
{
    pthread_mutex_lock(&modules_lock);
    enum err err = get_locked(path, ret);
    pthread_mutex_unlock(&modules_lock);
    return err;
}

void pkcs11_module_put(struct pkcs11_module *module)
{
    pthread_mutex_lock(&modules_lock);
    if (--module->users == 0) {
        struct pkcs11_module **link = &modules;
        while (*link != module)
            link = &(*link)->next;
        *link = module->next;
        module_free(module);
    }
    pthread_mutex_unlock(&modules_lock);
}

CK_FUNCTION_LIST *pkcs11_module_functions(const struct pkcs11_module *module)
{
    return module->functions;
}

/* Labels are fixed-width and padded with blanks. */
static bool label_is(const CK_TOKEN_INFO *info, const char *label)
{
    size_t size = strlen(label);
    if (size > sizeof info->label || memcmp(info->label, label, size) != 0)
        return false;
    for (size_t i = size; i < sizeof info->label; i++)
        if (info->label[i] != ' ' && info->label[i] != '\0')
            return false;
    return true;
}

static bool slot_fits(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot, const char *label)
{
    CK_TOKEN_INFO info;
    if (p11->C_GetTokenInfo(slot, &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED))
        return false;
    return label == NULL || label[0] == '\0' || label_is(&info, label);
}

static enum err slot_choose(CK_FUNCTION_LIST *p11, const char *label, const CK_SLOT_ID *slots,
                            CK_ULONG count, CK_SLOT_ID *ret)
{
    CK_ULONG fitting = 0;
    CK_SLOT_ID found = 0;
    for (CK_ULONG i = 0; i < count; i++)
        if (slot_fits(p11, slots[i], label)) {
            found = slots[i];
            fitting++;
        }
    if (fitting == 1) {
        *ret = found;
        return ERR_OK;
    }
    log_error("PKCS#11: %lu tokens fit the label \"%s\", not one", fitting,
              label == NULL ? "" : label);
    return fitting == 0 ? ERR_NOT_FOUND : ERR_CONFIG;
}

enum err pkcs11_slot_find(CK_FUNCTION_LIST *p11, const char *token_label, CK_SLOT_ID *ret)
{
    CK_ULONG count = 0;
    if (p11->C_GetSlotList(CK_TRUE, NULL, &count) != CKR_OK)
        return ERR_CRYPTO;
    CK_SLOT_ID *slots = calloc(count + 1, sizeof *slots);
    if (slots == NULL)
        return ERR_MEMORY;
    enum err err = p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK
                       ? slot_choose(p11, token_label, slots, count, ret)
                       : ERR_CRYPTO;
    free(slots);
    return err;
}
