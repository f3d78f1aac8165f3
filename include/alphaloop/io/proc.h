/* A child process on the loop: our own binary in another role, or any program, with bounds it did not ask for.
 *
 * The child gets a pipe as standard input that is only ever closed (end of file means stop: it also comes when we die), and
 * one as standard output that is read line by line; its standard error is ours. Niceness and the memory cap are set from
 * outside, right after the spawn. A stop is SIGTERM, then SIGKILL after the grace time. The deadline is a stop of its own.
 *
 *     IDLE -> RUNNING -> STOPPING -> ENDED, on_end called once, then freed
 */
#ifndef ALPHALOOP_IO_PROC_H
#define ALPHALOOP_IO_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "alphaloop/base/buf.h"
#include "alphaloop/base/err.h"

#define PROC_ARGS_MAX 32
#define PROC_LINE_MAX 65536 /* a longer line is dropped and counted */

struct proc;

enum proc_cause {
    PROC_EXITED,    /* by itself; exit_code counts */
    PROC_KILLED,    /* by a signal nobody here sent: a crash, the kernel's out-of-memory killer */
    PROC_STOPPED,   /* proc_stop() */
    PROC_TIMED_OUT, /* the deadline passed */
};
const char *proc_cause_name(enum proc_cause cause);

struct proc_end {
    enum proc_cause cause;
    int exit_code;   /* EXITED */
    int term_signal; /* others; 0 when it still exited by itself */
    uint64_t n_lines_dropped;
};

struct proc_options {
    const char *file;        /* NULL: this program (/proc/self/exe) */
    const char *const *args; /* argv[1..], NULL-ended; copied */
    const char *env_default; /* "NAME=value": what the child gets where we have no NAME; or NULL */
    int nice;                /* 0..19 */
    uint64_t memory_bytes_max; /* RLIMIT_AS; 0: none */
    uint64_t deadline_ms;      /* 0: none */
    uint64_t grace_ms;         /* between SIGTERM and SIGKILL; 0: 2000 */
    void (*on_line)(void *ctx,
                    struct proc *proc,
                    struct slice line); /* without its end; borrowed */
    void (*on_end)(void *ctx,
                   struct proc *proc,
                   const struct proc_end *end); /* all lines came before; proc is freed after */
    void *ctx;
};

MUST_CHECK enum al_err proc_start(uv_loop_t *loop,
                                  const struct proc_options *options,
                                  struct proc **out);
/* Ask it to end; on_end follows. Safe to call again. */
void proc_stop(struct proc *proc);
int proc_pid(const struct proc *proc);

#endif
