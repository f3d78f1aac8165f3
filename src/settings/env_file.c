#include "alphaloop/settings/env_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 4096

struct env_entry {
    char name[ENV_NAME_TEXT_MAX];
    struct buf value;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static bool is_name(struct slice text)
{
    if (text.len == 0 || text.len >= ENV_NAME_TEXT_MAX ||
        (text.ptr[0] >= '0' && text.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

/* What may stand after a closing quote: blanks and a comment. */
static bool is_end(struct slice text)
{
    text = trim(text);
    return text.len == 0 || text.ptr[0] == '#';
}

static const char *unquote_single(struct slice text, struct buf *out)
{
    const char *end = memchr(text.ptr + 1, '\'', text.len - 1);
    if (end == NULL)
        return "the closing ' is missing";
    buf_append(out, text.ptr + 1, (size_t)(end - text.ptr) - 1);
    return is_end((struct slice){end + 1, (size_t)(text.ptr + text.len - end) - 1})
               ? NULL
               : "something follows the closing '";
}

static const char *unquote_double(struct slice text, struct buf *out)
{
    size_t i = 1;
    for (; i < text.len && text.ptr[i] != '"'; i++) {
        char c = text.ptr[i];
        if (c == '\\' && i + 1 < text.len) {
            c = text.ptr[++i];
            if (c == 'n')
                c = '\n';
            else if (c != '"' && c != '\\' && c != '$')
                buf_putc(out, '\\');
        }
        buf_putc(out, c);
    }
    if (i >= text.len)
        return "the closing \" is missing";
    return is_end((struct slice){text.ptr + i + 1, text.len - i - 1})
               ? NULL
               : "something follows the closing \"";
}

/* Up to the end or a '#' that follows a blank. */
static void take_bare(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '#' && (i == 0 || is_blank(text.ptr[i - 1])))
            text.len = i;
    }
    text = trim(text);
    buf_append(out, text.ptr, text.len);
}

static const char *read_value(struct slice text, struct buf *out)
{
    text = trim(text);
    if (text.len > 0 && text.ptr[0] == '\'')
        return unquote_single(text, out);
    if (text.len > 0 && text.ptr[0] == '"')
        return unquote_double(text, out);
    take_bare(text, out);
    return NULL;
}

static struct env_entry *entry_of(struct env_file *file, struct slice name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (slice_is(name, file->entries[i].name))
            return &file->entries[i];
    }
    if (file->count == ENV_FILE_ENTRIES_MAX)
        return NULL;
    struct env_entry *entry = &file->entries[file->count++];
    *entry = (struct env_entry){.value = BUF_INIT(LINE_BYTES_MAX)};
    memcpy(entry->name, name.ptr, name.len);
    return entry;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct env_file *file, struct slice line)
{
    line = trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return NULL;
    if (line.len > LINE_BYTES_MAX)
        return "longer than 4096 bytes";
    if (memchr(line.ptr, '\0', line.len) != NULL)
        return "holds a NUL byte";
    if (line.len > 7 && memcmp(line.ptr, "export", 6) == 0 && is_blank(line.ptr[6]))
        line = trim((struct slice){line.ptr + 7, line.len - 7});
    const char *equals = memchr(line.ptr, '=', line.len);
    if (equals == NULL)
        return "not of the form NAME=value";
    struct slice name = trim((struct slice){line.ptr, (size_t)(equals - line.ptr)});
    if (!is_name(name))
        return "the name is not made of letters, digits and _, or too long";
    struct env_entry *entry = entry_of(file, name);
    if (entry == NULL)
        return "more than 1024 names";
    buf_reset(&entry->value);
    return read_value((struct slice){equals + 1, line.len - (size_t)(equals - line.ptr) - 1},
                      &entry->value);
}

static struct slice next_line(struct slice *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    struct slice line = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};
    size_t used = line.len + (end != NULL);
    rest->ptr += used;
    rest->len -= used;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

enum al_err env_file_parse(struct slice bytes, struct env_file *out, struct buf *problems)
{
    size_t n_problems = 0;
    *out = (struct env_file){0};
    if (bytes.len > ENV_FILE_BYTES_MAX)
        return err_set(AL_EPARSE, "longer than %d bytes", ENV_FILE_BYTES_MAX);
    out->entries = calloc(ENV_FILE_ENTRIES_MAX, sizeof(struct env_entry));
    if (out->entries == NULL)
        return err_set(AL_ENOMEM, "settings file");
    for (size_t number = 1; bytes.len > 0; number++) {
        const char *problem = read_line(out, next_line(&bytes));
        n_problems += problem != NULL;
        if (problem != NULL && problems != NULL)
            buf_printf(problems, "line %zu: %s\n", number, problem);
    }
    return n_problems == 0 ? AL_OK : err_set(AL_EPARSE, "%zu bad lines", n_problems);
}

void env_file_deinit(struct env_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        buf_deinit(&file->entries[i].value);
    free(file->entries);
    *file = (struct env_file){0};
}

const char *env_file_get(const struct env_file *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->entries[i].name, name) == 0)
            return buf_str(&file->entries[i].value);
    }
    return NULL;
}
