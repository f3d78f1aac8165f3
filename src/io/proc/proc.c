/* A child has four handles on the loop: the process, two pipes, one timer. It has ended when the process has exited and its
 * output has been read to the end; then the handles are closed, and the last close callback reports and frees.
 *
 * The timer serves one purpose after the other: the deadline while it runs, the grace time between SIGTERM and SIGKILL, and at
 * last a short wait for the end of the output, which a grandchild that inherited the pipe could otherwise hold back for ever. */
#include "alphaloop/io/proc.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define GRACE_MS_DEFAULT 2000
#define LAST_LINES_MS    1000
#define READ_CHUNK       65536

enum proc_state { PROC_RUNNING, PROC_STOPPING, PROC_ENDED };

struct proc {
    uv_process_t process;
    uv_pipe_t in, out;
    uv_timer_t timer;
    struct proc_options options;
    enum proc_state state;
    bool has_exited, at_end_of_output, skips_line;
    unsigned n_open;
    struct proc_end end;
    struct buf line;
    char chunk[READ_CHUNK];
};

static const char *const cause_names[] = {"exited", "killed", "stopped", "timed_out"};

const char *proc_cause_name(enum proc_cause cause)
{
    return cause_names[cause];
}

/* ---- the end ---- */

static void free_proc(struct proc *proc)
{
    buf_deinit(&proc->line);
    free(proc);
}

static void on_closed(uv_handle_t *handle)
{
    struct proc *proc = handle->data;
    if (--proc->n_open > 0)
        return;
    proc->options.on_end(proc->options.ctx, proc, &proc->end);
    free_proc(proc);
}

static void close_handle(struct proc *proc, void *handle)
{
    if (uv_is_closing(handle))
        return;
    assert(((uv_handle_t *)handle)->data == proc);
    uv_close(handle, on_closed);
}

static void end_if_done(struct proc *proc)
{
    if (!proc->has_exited || !proc->at_end_of_output || proc->state == PROC_ENDED)
        return;
    proc->state = PROC_ENDED;
    close_handle(proc, &proc->process);
    close_handle(proc, &proc->in);
    close_handle(proc, &proc->out);
    close_handle(proc, &proc->timer);
}

static void on_last_lines_late(uv_timer_t *timer)
{
    struct proc *proc = timer->data;
    proc->at_end_of_output = true;
    end_if_done(proc);
}

static void on_process_exit(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct proc *proc = process->data;
    proc->has_exited = true;
    proc->end.exit_code = (int)exit_status;
    proc->end.term_signal = term_signal;
    if (proc->state == PROC_RUNNING && term_signal != 0)
        proc->end.cause = PROC_KILLED;
    uv_timer_start(&proc->timer, on_last_lines_late, LAST_LINES_MS, 0);
    end_if_done(proc);
}

/* ---- output ---- */

static void end_line(struct proc *proc)
{
    if (proc->skips_line || !buf_ok(&proc->line))
        proc->end.n_lines_dropped++;
    else if (proc->line.len > 0)
        proc->options.on_line(proc->options.ctx, proc, buf_slice(&proc->line));
    proc->skips_line = false;
    buf_reset(&proc->line);
}

static void take_bytes(struct proc *proc, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const char *newline = memchr(bytes, '\n', n_bytes);
        size_t n = newline == NULL ? n_bytes : (size_t)(newline - bytes);
        buf_append(&proc->line, bytes, n);
        if (!buf_ok(&proc->line)) {
            proc->skips_line = true;
            buf_reset(&proc->line);
        }
        if (newline == NULL)
            return;
        end_line(proc);
        bytes = newline + 1;
        n_bytes -= n + 1;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct proc *proc = handle->data;
    (void)suggested;
    *out = uv_buf_init(proc->chunk, sizeof proc->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n_read, const uv_buf_t *bytes)
{
    struct proc *proc = stream->data;
    if (n_read > 0) {
        take_bytes(proc, bytes->base, (size_t)n_read);
    } else if (n_read < 0) {
        uv_read_stop(stream);
        if (proc->line.len > 0 || proc->skips_line)
            end_line(proc);
        proc->at_end_of_output = true;
        end_if_done(proc);
    }
}

/* ---- stopping ---- */

static void on_grace_over(uv_timer_t *timer)
{
    struct proc *proc = timer->data;
    if (!proc->has_exited)
        uv_process_kill(&proc->process, SIGKILL);
}

static void stop(struct proc *proc, enum proc_cause cause)
{
    if (proc->state != PROC_RUNNING || proc->has_exited)
        return;
    proc->state = PROC_STOPPING;
    proc->end.cause = cause;
    uv_process_kill(&proc->process, SIGTERM);
    close_handle(proc, &proc->in);
    uint64_t grace_ms = proc->options.grace_ms == 0 ? GRACE_MS_DEFAULT : proc->options.grace_ms;
    uv_timer_start(&proc->timer, on_grace_over, grace_ms, 0);
}

void proc_stop(struct proc *proc)
{
    stop(proc, PROC_STOPPED);
}

static void on_deadline(uv_timer_t *timer)
{
    stop(timer->data, PROC_TIMED_OUT);
}

/* ---- starting ---- */

static void open_handles(uv_loop_t *loop, struct proc *proc)
{
    uv_timer_init(loop, &proc->timer);
    uv_pipe_init(loop, &proc->in, 0);
    uv_pipe_init(loop, &proc->out, 0);
    proc->process.data = proc->in.data = proc->out.data = proc->timer.data = proc;
    proc->n_open = 3;
}

static void on_closed_unborn(uv_handle_t *handle)
{
    struct proc *proc = handle->data;
    if (--proc->n_open == 0)
        free_proc(proc);
}

/* uv_spawn() failed: no process, so nothing is reported; the handles still close on a later turn. */
static void give_up(struct proc *proc)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&proc->timer, (uv_handle_t *)&proc->in,
                              (uv_handle_t *)&proc->out, (uv_handle_t *)&proc->process};
    proc->n_open = COUNT_OF(handles);
    for (size_t i = 0; i < COUNT_OF(handles); i++)
        uv_close(handles[i], on_closed_unborn);
}

/* Our environment and one more; NULL, which is ours alone, when memory is out. free() it. */
static char **environment_with(const char *more)
{
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **all = malloc((n + 2) * sizeof *all);
    if (all == NULL)
        return NULL;
    memcpy(all, environ, n * sizeof *all);
    all[n] = (char *)(uintptr_t)more;
    all[n + 1] = NULL;
    return all;
}

static bool is_in_environment(const char *assignment)
{
    size_t len = strcspn(assignment, "=") + 1;
    for (char **one = environ; *one != NULL; one++) {
        if (strncmp(*one, assignment, len) == 0)
            return true;
    }
    return false;
}

static enum al_err spawn(uv_loop_t *loop, struct proc *proc)
{
    const struct proc_options *options = &proc->options;
    char **env = NULL; /* ours */
    if (options->env_default != NULL && !is_in_environment(options->env_default))
        env = environment_with(options->env_default);
    char *argv[PROC_ARGS_MAX + 2] = {(char *)(uintptr_t) "alphaloop"};
    for (size_t i = 0; options->args != NULL && options->args[i] != NULL; i++)
        argv[i + 1] = (char *)(uintptr_t)options->args[i];
    uv_stdio_container_t stdio[3];
    stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
    stdio[0].data.stream = (uv_stream_t *)&proc->in;
    stdio[1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
    stdio[1].data.stream = (uv_stream_t *)&proc->out;
    stdio[2].flags = UV_INHERIT_FD;
    stdio[2].data.fd = 2;
    uv_process_options_t spawn_options = {
        .exit_cb = on_process_exit,
        .file = options->file != NULL ? options->file : "/proc/self/exe",
        .args = argv,
        .env = env,
        .stdio_count = COUNT_OF(stdio),
        .stdio = stdio,
    };
    int rc = uv_spawn(loop, &proc->process, &spawn_options);
    free(env);
    return rc == 0 ? AL_OK : err_set(AL_EIO, "start %s: %s", spawn_options.file, uv_strerror(rc));
}

/* A sanitizer's shadow memory takes terabytes of addresses: under one the cap would kill every child. */
#if defined(__has_feature)
#    if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#        define ADDRESSES_ARE_SCARCE 0
#    endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define ADDRESSES_ARE_SCARCE 0
#endif
#ifndef ADDRESSES_ARE_SCARCE
#    define ADDRESSES_ARE_SCARCE 1
#endif

/* From outside, so that a child that goes wrong early is bounded too. It fails only when the child is gone already. */
static void set_bounds(const struct proc *proc)
{
    const struct rlimit cap = {proc->options.memory_bytes_max, proc->options.memory_bytes_max};
    if (proc->options.nice > 0)
        setpriority(PRIO_PROCESS, (id_t)proc->process.pid, proc->options.nice);
    if (ADDRESSES_ARE_SCARCE && proc->options.memory_bytes_max > 0)
        prlimit(proc->process.pid, RLIMIT_AS, &cap, NULL);
}

static size_t count_args(const char *const *args)
{
    size_t n = 0;
    while (args != NULL && args[n] != NULL)
        n++;
    return n;
}

enum al_err proc_start(uv_loop_t *loop, const struct proc_options *options, struct proc **out)
{
    if (count_args(options->args) > PROC_ARGS_MAX)
        return err_set(AL_EINVAL, "more than %d arguments for a child", PROC_ARGS_MAX);
    struct proc *proc = calloc(1, sizeof *proc);
    if (proc == NULL)
        return err_set(AL_ENOMEM, "a child process");
    proc->options = *options;
    proc->line = BUF_INIT(PROC_LINE_MAX);
    open_handles(loop, proc);
    enum al_err err = spawn(loop, proc);
    proc->options.file = NULL;
    proc->options.args = NULL;
    if (err != AL_OK) {
        give_up(proc);
        return err;
    }
    proc->n_open++;
    set_bounds(proc);
    uv_read_start((uv_stream_t *)&proc->out, on_alloc, on_read);
    if (options->deadline_ms > 0)
        uv_timer_start(&proc->timer, on_deadline, options->deadline_ms, 0);
    *out = proc;
    return AL_OK;
}

int proc_pid(const struct proc *proc)
{
    return proc->process.pid;
}
