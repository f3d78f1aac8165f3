/* The process that trains for POST /api/train. What it leaves is one file, written whole, so it may be killed at any time: by
 * the worker at the deadline, and by itself when the worker, whose pipe its standard input is, is gone. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/io/file.h"
#include "alphaloop/tabular/train.h"

#include "tabular_i.h"

#define JOB_BYTES_MAX (TABULAR_BODY_BYTES_MAX + 8192U)

static void *watch_input(void *unused)
{
    char bytes[256];
    ssize_t n;
    do
        n = read(STDIN_FILENO, bytes, sizeof bytes);
    while (n > 0 || (n < 0 && errno == EINTR));
    _exit(EXIT_FAILED);
    return unused;
}

static void end_with_parent(void)
{
    struct stat about;
    pthread_t thread;
    if (fstat(STDIN_FILENO, &about) != 0 || !(S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)))
        return;
    if (pthread_create(&thread, NULL, watch_input, NULL) == 0)
        pthread_detach(thread);
}

static enum al_err train(const struct tabular_job *job, struct tabular_metrics *metrics)
{
    struct tabular_request request;
    struct buf model = BUF_INIT(TABULAR_MODEL_BYTES_MAX);
    enum al_err err = tabular_request_read(job->kind, job->body, &request);
    if (err == AL_OK)
        err = tabular_train(&request, job->seed, &model, metrics);
    if (err == AL_OK)
        err = file_write_whole(job->artefact, buf_slice(&model));
    tabular_request_deinit(&request);
    buf_deinit(&model);
    return err;
}

static void print_end(const struct tabular_metrics *metrics, const char *error)
{
    struct buf line = BUF_INIT(65536);
    tabular_end_write(metrics, error, &line);
    if (buf_ok(&line))
        fwrite(line.ptr, 1, line.len, stdout);
    fflush(stdout);
    buf_deinit(&line);
}

int tabular_child(const char *job_path)
{
    static struct tabular_metrics metrics;
    struct buf text = BUF_INIT(JOB_BYTES_MAX);
    struct tabular_job job;
    end_with_parent();
    enum al_err err = file_read(job_path, JOB_BYTES_MAX, &text);
    if (err == AL_OK)
        err = tabular_job_read(buf_slice(&text), &job);
    if (err == AL_OK)
        err = train(&job, &metrics);
    print_end(&metrics, err == AL_OK ? NULL : err_text());
    buf_deinit(&text);
    return err == AL_OK ? EXIT_DONE : EXIT_FAILED;
}
