/* Settings: rows of tbl/settings.def, read once into one validated struct that nobody writes afterwards.
 *
 * Where values come from is the caller's business: the room is given a source that answers names with texts, so it reads
 * no environment and no file. Empty text counts as not set. Every setting NAME can also be given as NAME_FILE, the path
 * of a file that holds the value (one trailing line break is dropped); giving both is a problem. All problems are found
 * before any is reported.
 */
#ifndef ALPHALOOP_SETTINGS_SETTINGS_H
#define ALPHALOOP_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define SETTING_TEXT_MAX      256 /* with NUL */
#define SETTING_LIST_MAX      64
#define SETTING_LIST_TEXT_MAX 104
#define SETTINGS_PROBLEMS_MAX (64 * 1024) /* bytes of the list of problems */

struct setting_list {
    size_t count;
    char items[SETTING_LIST_MAX][SETTING_LIST_TEXT_MAX];
};

/* Words of the choices, in the order of their rows. */
enum setting_log_level {
    SETTING_DEBUG,
    SETTING_INFO,
    SETTING_WARNING,
    SETTING_ERROR,
    SETTING_CRITICAL
};
enum setting_queue_type { SETTING_CLASSIC, SETTING_QUORUM };
enum setting_clock { SETTING_CLOCK_WALL, SETTING_CLOCK_MARKET };
enum setting_sentry_level { SETTING_SENTRY_LEVEL_WARNING, SETTING_SENTRY_LEVEL_ERROR };
enum setting_gate { SETTING_GATE_EVIDENCE, SETTING_GATE_ACCURACY };

enum setting_id {
#define SETTING(kind, field, name, def, min, max, unit, when, help) SETTING_ID_##field,
#include "alphaloop/tbl/settings.def"
#undef SETTING
    SETTING_COUNT
};

#define SETTING_TYPE_flag(field)   bool field;
#define SETTING_TYPE_u32(field)    uint32_t field;
#define SETTING_TYPE_f64(field)    double field;
#define SETTING_TYPE_text(field)   char field[SETTING_TEXT_MAX];
#define SETTING_TYPE_secret(field) char field[SETTING_TEXT_MAX];
#define SETTING_TYPE_choice(field) uint32_t field; /* index of the word */
#define SETTING_TYPE_list(field)   struct setting_list field;

/* About 40 kB: keep it on the heap or static. */
struct settings {
#define SETTING(kind, field, name, def, min, max, unit, when, help) SETTING_TYPE_##kind(field)
#include "alphaloop/tbl/settings.def"
#undef SETTING
    const char *origins[SETTING_COUNT]; /* static texts: where each value came from; "default" */
};

struct settings_source {
    /* The text of a name or NULL; *origin says where it stood, as static text ("environment"). Borrowed until the next call. */
    const char *(*get)(void *ctx, const char *name, const char **origin);
    /* Append the bytes of a file (for NAME_FILE); the error text says why not. */
    enum al_err (*read_file)(void *ctx, const char *path, struct buf *out);
    void *ctx;
    bool in_container;
};

/* What a role cannot do without. */
enum { SETTINGS_NEED_API_KEY = 1 };

/* Read and check everything.
 *
 *   needs     SETTINGS_NEED_* of the role
 *   out       complete on AL_OK; a setting with a problem has its default otherwise
 *   problems  one line each, "NAME=value: what is allowed"; a secret's value is never shown        out, may be NULL
 *   returns   AL_OK; AL_EINVAL with the number of problems in err_text()
 */
MUST_CHECK enum al_err settings_read(const struct settings_source *source,
                                     unsigned needs,
                                     struct settings *out,
                                     struct buf *problems);

/* SIGHUP: *running with the RELOAD settings of *fresh. `changes` gets one line for each setting that differs: what it is
 * now, or that it waits for a restart. Returns how many were taken over. */
size_t settings_reload(struct settings *running, const struct settings *fresh, struct buf *changes);

/* ---- describing ---- */

struct setting_view {
    const char *name, *kind, *unit, *help, *group;
    const char *default_text; /* of a secret: "set" or "unset" */
    const char *origin;
    bool is_secret, reloads;
    char range[64];   /* "1..65535", "wall|market", "at most 255 characters" */
    char value[1024]; /* of a secret: "set" or "unset" */
};

/* Settings in the order of the table, id < SETTING_COUNT. `settings` may be NULL: value and origin stay empty. */
void settings_view(const struct settings *settings, enum setting_id id, struct setting_view *view);

void settings_print(const struct settings *settings,
                    struct buf *out); /* the table of role `settings` */
void settings_print_json(const struct settings *settings,
                         struct buf *out);  /* the same as a JSON array of objects */
void settings_env_example(struct buf *out); /* env.example */

#endif
