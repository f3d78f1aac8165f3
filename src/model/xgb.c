/* The library is looked up once and stays loaded: unloading a library that has started OpenMP threads is not safe. */
#include "alphaloop/model/xgb.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define MAJOR_MAX 3

static struct xgb library;
static bool loaded;
static char version_text[XGB_VERSION_TEXT_MAX];
static const char *first_name;

static const char *const names[] = {"libxgboost.so", "libxgboost.so.0", "libxgboost.so.1",
                                    "libxgboost.so.2", "libxgboost.so.3"};

static void *open_library(void)
{
    if (first_name != NULL)
        return dlopen(first_name, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (handle != NULL)
            return handle;
    }
    return NULL;
}

/* The name of a function that is missing, or NULL. A function pointer is filled in as bytes, because ISO C has no
 * conversion from the `void *` that dlsym() gives. */
static const char *find_functions(void *handle, struct xgb *out)
{
    void *symbol;
    _Static_assert(sizeof symbol == sizeof out->XGBoostVersion,
                   "POSIX: both kinds of pointer have one size");
#define XGB_FIND(type, name, args)                                                                 \
    symbol = dlsym(handle, #name);                                                                 \
    if (symbol == NULL)                                                                            \
        return #name;                                                                              \
    memcpy(&out->name, &symbol, sizeof symbol);
    XGB_FUNCTIONS(XGB_FIND)
#undef XGB_FIND
    return NULL;
}

static bool version_is_known(int major, int minor)
{
    return (major == 1 && minor >= 7) || (major > 1 && major <= MAJOR_MAX);
}

static enum al_err check_library(void *handle)
{
    int major = 0, minor = 0, patch = 0;
    struct xgb found;
    const char *missing = find_functions(handle, &found);
    if (missing != NULL)
        return err_set(AL_EVERSION,
                       "the xgboost library has no function %s: version 1.7 to %d.x is needed",
                       missing, MAJOR_MAX);
    found.XGBoostVersion(&major, &minor, &patch);
    if (!version_is_known(major, minor))
        return err_set(AL_EVERSION,
                       "xgboost %d.%d.%d is not known to work: version 1.7 to %d.x is needed",
                       major, minor, patch, MAJOR_MAX);
    if (found.XGBSetGlobalConfig("{\"verbosity\":0}") != 0)
        return err_set(AL_EMODEL, "xgboost: %s", found.XGBGetLastError());
    library = found;
    snprintf(version_text, sizeof version_text, "%d.%d.%d", major, minor, patch);
    return AL_OK;
}

enum al_err xgb_load(const struct xgb **out)
{
    if (!loaded) {
        void *handle = open_library();
        if (handle == NULL)
            return err_set(AL_ENOTFOUND,
                           "the xgboost library cannot be loaded (package libxgboost0): %s",
                           dlerror());
        enum al_err err = check_library(handle);
        if (err != AL_OK) {
            dlclose(handle);
            return err;
        }
        loaded = true;
    }
    *out = &library;
    return AL_OK;
}

bool xgb_is_loaded(void)
{
    return loaded;
}

const char *xgb_version(void)
{
    return version_text;
}

void xgb_set_name(const char *file_name)
{
    first_name = file_name;
    loaded = false;
    version_text[0] = '\0';
}
