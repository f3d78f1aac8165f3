/* The library is looked up once and stays loaded: unloading a library that has started OpenMP threads is not safe. */
#include "dnnl_i.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "alphaloop/forecast/lstm.h"

#define NAME "libdnnl.so.2"

static struct dnnl library;
static bool loaded;
static const char *first_name;

void lstm_set_library(const char *file_name)
{
    first_name = file_name;
    loaded = false;
}

/* The name of a function that is missing, or NULL. A function pointer is filled in as bytes, because ISO C has no
 * conversion from the `void *` that dlsym() gives. */
static const char *find_functions(void *handle, struct dnnl *out)
{
    void *symbol;
#define DNNL_FIND(name)                                                                            \
    symbol = dlsym(handle, "dnnl_" #name);                                                         \
    if (symbol == NULL)                                                                            \
        return "dnnl_" #name;                                                                      \
    memcpy(&out->name, &symbol, sizeof symbol);
    DNNL_FUNCTIONS(DNNL_FIND)
#undef DNNL_FIND
    return NULL;
}

/* One thread: the same bytes each time, and one core of the machine. The library has no call for it; that of OpenMP, which it
 * brings along, holds for the thread that asks. */
static void use_one_thread(void *handle)
{
    void *symbol = dlsym(handle, "omp_set_num_threads");
    void (*set_num_threads)(int);
    memcpy(&set_num_threads, &symbol, sizeof symbol);
    if (symbol != NULL)
        set_num_threads(1);
}

static enum al_err check_library(void *handle)
{
    struct dnnl found;
    const char *missing = find_functions(handle, &found);
    if (missing != NULL)
        return err_set(AL_EVERSION, "the oneDNN library has no function %s", missing);
    const dnnl_version_t *version = found.version();
    if (version->major != 2 || version->minor < 6)
        return err_set(AL_EVERSION, "oneDNN %d.%d.%d is not known to work: 2.6 or 2.7 is needed",
                       version->major, version->minor, version->patch);
    use_one_thread(handle);
    library = found;
    return AL_OK;
}

enum al_err dnnl_load(const struct dnnl **out)
{
    if (!loaded) {
        void *handle = dlopen(first_name != NULL ? first_name : NAME, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL)
            return err_set(AL_ENOTFOUND,
                           "the oneDNN library cannot be loaded (package libdnnl2): %s", dlerror());
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
