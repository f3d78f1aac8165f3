/* One chain of causes per thread. Texts are built aside first, so that err_text() itself may be an argument. */
#include "alphaloop/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERR_TEXT_MAX 512

static const struct {
    const char *name, *text;
} rows[AL_ERR_COUNT] = {
    {"OK", "done"},
#define ERR(name, text) {#name, text},
#include "alphaloop/tbl/errors.def"
#undef ERR
};

static _Thread_local char chain[ERR_TEXT_MAX];

const char *al_err_name(enum al_err err)
{
    return (size_t)err < AL_ERR_COUNT ? rows[err].name : "EUNKNOWN";
}

const char *al_err_text(enum al_err err)
{
    return (size_t)err < AL_ERR_COUNT ? rows[err].text : "unknown error";
}

static size_t vset(char text[ERR_TEXT_MAX], const char *format, va_list args)
{
    int len = vsnprintf(text, ERR_TEXT_MAX, format, args);
    return len < 0 ? 0 : (size_t)len < ERR_TEXT_MAX ? (size_t)len : ERR_TEXT_MAX - 1;
}

enum al_err err_set(enum al_err err, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    size_t len = vset(text, format, args);
    va_end(args);
    memcpy(chain, text, len);
    chain[len] = '\0';
    return err;
}

static size_t append(char text[ERR_TEXT_MAX], size_t len, const char *more)
{
    size_t n = strlen(more), room = ERR_TEXT_MAX - 1 - len;
    if (n > room)
        n = room;
    memcpy(text + len, more, n);
    return len + n;
}

enum al_err err_add(enum al_err err, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    size_t len = vset(text, format, args);
    va_end(args);
    len = append(text, len, ": ");
    len = append(text, len, chain[0] != '\0' ? chain : al_err_text(err));
    memcpy(chain, text, len);
    chain[len] = '\0';
    return err;
}

const char *err_text(void)
{
    return chain;
}
