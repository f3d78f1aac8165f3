/* Plain POSIX calls. A write is durable when the file and then its directory have been synced: without the second a crash may
 * forget the name. */
#include "alphaloop/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_CHUNK 65536

static enum al_err failed(const char *what, const char *path)
{
    enum al_err err = errno == ENOENT                         ? AL_ENOTFOUND
                      : errno == EEXIST || errno == ENOTEMPTY ? AL_EEXIST
                                                              : AL_EIO;
    return err_set(err, "%s %s: %s", what, path, strerror(errno));
}

enum al_err file_join(const char *dir, const char *name, char out[FILE_PATH_MAX])
{
    int length = snprintf(out, FILE_PATH_MAX, "%s/%s", dir, name);
    if (length < 0 || length >= FILE_PATH_MAX)
        return err_set(AL_ERANGE, "the path %.60s.../%.60s is too long", dir, name);
    return AL_OK;
}

/* ---- reading ---- */

static enum al_err read_all(int fd, const char *path, size_t max_bytes, struct buf *out)
{
    size_t start = out->len;
    for (;;) {
        size_t room = out->max - out->len;
        size_t wanted = room < READ_CHUNK ? room : READ_CHUNK;
        char past_the_end = 0; /* when the buffer is full only the end of the file may follow */
        char *at = wanted == 0 ? &past_the_end : buf_reserve(out, wanted);
        if (at == NULL)
            return err_set(AL_ENOMEM, "%s does not fit into memory", path);
        ssize_t n = read(fd, at, wanted == 0 ? 1 : wanted);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("read", path);
        if (n == 0)
            return AL_OK;
        if (wanted == 0)
            return err_set(AL_ERANGE, "%s is longer than %zu bytes", path, out->len - start);
        buf_added(out, (size_t)n);
        if (out->len - start > max_bytes)
            return err_set(AL_ERANGE, "%s is longer than %zu bytes", path, max_bytes);
    }
}

enum al_err file_read(const char *path, size_t max_bytes, struct buf *out)
{
    struct stat about;
    /* Not blocking, because opening a pipe that nobody writes to would wait for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return failed("open", path);
    enum al_err err = AL_OK;
    if (fstat(fd, &about) != 0)
        err = failed("stat", path);
    else if (!S_ISREG(about.st_mode))
        err = err_set(AL_EIO, "%s is not a regular file", path);
    else
        err = read_all(fd, path, max_bytes, out);
    close(fd);
    return err;
}

/* ---- writing ---- */

static enum al_err sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum al_err err = AL_OK;
    if (fd < 0)
        return failed("open", path);
    if (fsync(fd) != 0)
        err = failed("sync", path);
    close(fd);
    return err;
}

/* The directory a path lies in. */
static void parent_of(const char *path, char out[FILE_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(out, FILE_PATH_MAX, ".");
    else
        snprintf(out, FILE_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static enum al_err write_all(int fd, const char *path, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("write", path);
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return fsync(fd) == 0 || errno == EINVAL ? AL_OK : failed("sync", path); /* EINVAL: a pipe */
}

/* A new file, synced; the name is not durable yet. */
static enum al_err write_new(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return failed("create", path);
    enum al_err err = write_all(fd, path, bytes);
    if (close(fd) != 0 && err == AL_OK)
        err = failed("close", path);
    return err;
}

/* Beside `path`, so that the rename stays within one file system; the pid keeps two writers apart. */
static enum al_err temp_name(const char *path, char out[FILE_PATH_MAX])
{
    char dir[FILE_PATH_MAX], name[FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *last = slash == NULL ? path : slash + 1;
    parent_of(path, dir);
    int length = snprintf(name, sizeof name, FILE_TEMP_PREFIX "%s.%ld", last, (long)getpid());
    if (last[0] == '\0' || length < 0 || length >= FILE_PATH_MAX)
        return err_set(AL_ERANGE, "%s names no file", path);
    return file_join(dir, name, out);
}

/* A device, a pipe, a link: what is there is written to. A rename would put a file in its place. */
static bool is_no_plain_file(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

static enum al_err write_through(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return failed("open", path);
    enum al_err err = write_all(fd, path, bytes);
    if (close(fd) != 0 && err == AL_OK)
        err = failed("close", path);
    return err;
}

enum al_err file_write_whole(const char *path, struct slice bytes)
{
    if (is_no_plain_file(path))
        return write_through(path, bytes);
    char temp[FILE_PATH_MAX], dir[FILE_PATH_MAX];
    enum al_err err = temp_name(path, temp);
    if (err != AL_OK)
        return err;
    err = write_new(temp, bytes);
    if (err == AL_OK && rename(temp, path) != 0)
        err = failed("rename to", path);
    if (err != AL_OK) {
        unlink(temp);
        return err;
    }
    parent_of(path, dir);
    return sync_dir(dir);
}

/* ---- directories ---- */

enum al_err file_make_dir(const char *path)
{
    char part[FILE_PATH_MAX];
    if (strlen(path) >= sizeof part || path[0] == '\0')
        return err_set(AL_ERANGE, "'%.60s' is no path", path);
    for (const char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return failed("make directory", part);
        if (*at == '\0')
            break;
    }
    struct stat about;
    if (stat(path, &about) != 0)
        return failed("stat", path);
    return S_ISDIR(about.st_mode) ? AL_OK : err_set(AL_EIO, "%s is not a directory", path);
}

bool file_exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

enum al_err file_check_writable(const char *dir)
{
    char path[FILE_PATH_MAX], name[64];
    enum al_err err;
    snprintf(name, sizeof name, FILE_TEMP_PREFIX "check.%ld", (long)getpid());
    err = file_join(dir, name, path);
    if (err == AL_OK)
        err = write_new(path, SLICE("x"));
    if (err == AL_OK && unlink(path) != 0)
        err = failed("remove", path);
    return err;
}

void file_disk_room(const char *path, double *free_bytes, double *total_bytes)
{
    struct statvfs disk;
    bool known = statvfs(path, &disk) == 0;
    *free_bytes = known ? (double)disk.f_bavail * (double)disk.f_frsize : NAN;
    *total_bytes = known ? (double)disk.f_blocks * (double)disk.f_frsize : NAN;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum al_err add_name(struct file_names *names, const char *name, size_t max_names)
{
    if (names->count == max_names)
        return err_set(AL_EFULL, "more than %zu files", max_names);
    if ((names->count & (names->count - 1)) == 0) { /* at powers of two: double */
        size_t cap = names->count == 0 ? 1 : 2 * names->count;
        char **grown = realloc(names->names, cap * sizeof *grown);
        if (grown == NULL)
            return err_set(AL_ENOMEM, "file names");
        names->names = grown;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return err_set(AL_ENOMEM, "file names");
    names->names[names->count++] = copy;
    return AL_OK;
}

enum al_err file_list(const char *dir, size_t max_names, struct file_names *out)
{
    enum al_err err = AL_OK;
    struct dirent *entry;
    DIR *stream = opendir(dir);
    *out = (struct file_names){0};
    if (stream == NULL)
        return failed("list", dir);
    while (err == AL_OK && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            err = add_name(out, entry->d_name, max_names);
    }
    closedir(stream);
    if (err != AL_OK)
        file_names_deinit(out);
    else if (out->count > 1)
        qsort(out->names, out->count, sizeof *out->names, by_bytes);
    return err;
}

void file_names_deinit(struct file_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct file_names){0};
}

/* ---- removing ---- */

#define FOLDER_FILES_MAX 1024

static enum al_err empty_folder(const char *path)
{
    struct file_names names;
    char file[FILE_PATH_MAX];
    enum al_err err = file_list(path, FOLDER_FILES_MAX, &names);
    for (size_t i = 0; i < names.count && err == AL_OK; i++) {
        err = file_join(path, names.names[i], file);
        if (err == AL_OK && unlink(file) != 0)
            err = failed("remove", file);
    }
    file_names_deinit(&names);
    return err;
}

enum al_err file_remove(const char *path)
{
    struct stat about;
    if (lstat(path, &about) != 0)
        return errno == ENOENT ? AL_OK : failed("stat", path);
    if (!S_ISDIR(about.st_mode))
        return unlink(path) == 0 || errno == ENOENT ? AL_OK : failed("remove", path);
    enum al_err err = empty_folder(path);
    if (err == AL_OK && rmdir(path) != 0)
        err = failed("remove", path);
    return err;
}

/* ---- folders ---- */

enum al_err file_folder_begin(const char *path, struct file_folder *folder)
{
    *folder = (struct file_folder){0};
    enum al_err err = temp_name(path, folder->temp);
    if (err != AL_OK)
        return err;
    if (file_exists(path))
        return err_set(AL_EEXIST, "%s exists already", path);
    snprintf(folder->path, sizeof folder->path, "%s", path);
    err = file_remove(folder->temp); /* of a process that had our pid before */
    return err == AL_OK ? file_make_dir(folder->temp) : err;
}

enum al_err file_folder_add(struct file_folder *folder, const char *name, struct slice bytes)
{
    char path[FILE_PATH_MAX];
    enum al_err err = file_join(folder->temp, name, path);
    return err == AL_OK ? write_new(path, bytes) : err;
}

/* rename() would replace an empty directory of that name, so it must not exist at all. Some network file systems cannot promise
 * that in one step; there it is asked first. */
static int rename_new(const char *from, const char *to)
{
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (rc == 0 || errno != EINVAL)
        return rc;
    if (file_exists(to)) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

enum al_err file_folder_commit(struct file_folder *folder)
{
    char parent[FILE_PATH_MAX];
    enum al_err err = sync_dir(folder->temp);
    if (err != AL_OK)
        return err;
    if (rename_new(folder->temp, folder->path) != 0)
        return failed("rename to", folder->path);
    parent_of(folder->path, parent);
    return sync_dir(parent);
}

void file_folder_abort(struct file_folder *folder)
{
    /* What cannot be removed now has a temporary name and is removed at the next start. */
    if (file_remove(folder->temp) != AL_OK)
        return;
}
