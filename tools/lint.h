/* Included in front of every file that clang-tidy reads (make lint), and by nothing else. The analyzer looks at one file at
 * a time and cannot know that err_set() and err_add() return the error they were given; here it is told. */
#include "alphaloop/base/err.h"
#define err_set(err, ...) ((void)(err_set)((err), __VA_ARGS__), (err))
#define err_add(err, ...) ((void)(err_add)((err), __VA_ARGS__), (err))
