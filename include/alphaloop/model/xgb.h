/* The XGBoost library, loaded by name when somebody needs it and never linked: the loop process scores with its own tree
 * walker and stays small. Versions 1.7 to 3.x are accepted; only functions whose meaning is the same in all of them are used.
 *
 * This is the one place of the core that touches the world outside its arguments: it asks the dynamic linker for a library.
 * One thread only.
 */
#ifndef ALPHALOOP_MODEL_XGB_H
#define ALPHALOOP_MODEL_XGB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/err.h"

/* XGB(return type, name, arguments): every function we call. */
#define XGB_FUNCTIONS(XGB)                                                                         \
    XGB(void, XGBoostVersion, (int *, int *, int *))                                               \
    XGB(const char *, XGBGetLastError, (void))                                                     \
    XGB(int, XGBSetGlobalConfig, (const char *))                                                   \
    XGB(int, XGDMatrixCreateFromDense, (const char *, const char *, void **))                      \
    XGB(int, XGProxyDMatrixCreate, (void **))                                                      \
    XGB(int, XGProxyDMatrixSetDataDense, (void *, const char *))                                   \
    XGB(int, XGQuantileDMatrixCreateFromCallback,                                                  \
        (void *, void *, void *, void (*)(void *), int (*)(void *), const char *, void **))        \
    XGB(int, XGDMatrixSetInfoFromInterface, (void *, const char *, const char *))                  \
    XGB(int, XGDMatrixFree, (void *))                                                              \
    XGB(int, XGBoosterCreate, (void *const *, uint64_t, void **))                                  \
    XGB(int, XGBoosterFree, (void *))                                                              \
    XGB(int, XGBoosterSetParam, (void *, const char *, const char *))                              \
    XGB(int, XGBoosterSetAttr, (void *, const char *, const char *))                               \
    XGB(int, XGBoosterGetAttr, (void *, const char *, const char **, int *))                       \
    XGB(int, XGBoosterUpdateOneIter, (void *, int, void *))                                        \
    XGB(int, XGBoosterSlice, (void *, int, int, int, void **))                                     \
    XGB(int, XGBoosterBoostedRounds, (void *, int *))                                              \
    XGB(int, XGBoosterGetNumFeature, (void *, uint64_t *))                                         \
    XGB(int, XGBoosterPredictFromDMatrix,                                                          \
        (void *, void *, const char *, const uint64_t **, uint64_t *, const float **))             \
    XGB(int, XGBoosterFeatureScore,                                                                \
        (void *, const char *, uint64_t *, char const ***, uint64_t *, uint64_t const **,          \
         float const **))                                                                          \
    XGB(int, XGBoosterSaveModelToBuffer, (void *, const char *, uint64_t *, const char **))        \
    XGB(int, XGBoosterLoadModelFromBuffer, (void *, const void *, uint64_t))

struct xgb {
#define XGB_MEMBER(type, name, args) type(*name) args;
    XGB_FUNCTIONS(XGB_MEMBER)
#undef XGB_MEMBER
};

#define XGB_VERSION_TEXT_MAX 32

/* Load the library (once; later calls answer at once). AL_ENOTFOUND when none of the names tried can be loaded, AL_EVERSION
 * when its version is not known to work or a function is missing; err_text() says what to install. */
MUST_CHECK enum al_err xgb_load(const struct xgb **out);

bool xgb_is_loaded(void);

/* "1.7.4"; "" while the library is not loaded. */
const char *xgb_version(void);

/* What xgb_load() would try first, instead of libxgboost.so and its versions; NULL goes back to those. For tests. */
void xgb_set_name(const char *file_name);

#endif
