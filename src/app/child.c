#include "child_i.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alphaloop/app/roles.h"
#include "alphaloop/base/timestamp.h"

#define ORPHAN_GRACE_S 5

static atomic_bool wants_end;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&wants_end, true);
}

static void *watch_input(void *unused)
{
    char bytes[256];
    ssize_t n;
    do
        n = read(STDIN_FILENO, bytes, sizeof bytes);
    while (n > 0 || (n < 0 && errno == EINTR));
    atomic_store(&wants_end, true);
    sleep(ORPHAN_GRACE_S);
    _exit(EXIT_FAILED);
    return unused;
}

/* Only a pipe's end means stop: from a terminal or a file a person's run would end at once. */
void child_listen(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct stat about;
    pthread_t thread;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (fstat(STDIN_FILENO, &about) != 0 || !(S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)))
        return;
    if (pthread_create(&thread, NULL, watch_input, NULL) == 0)
        pthread_detach(thread);
}

bool child_must_end(void)
{
    return atomic_load(&wants_end);
}

int64_t child_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void child_print_line(const struct train_line *line)
{
    struct buf text = BUF_INIT(2 * TRIAL_BYTES_MAX);
    train_line_write(line, &text);
    if (buf_ok(&text))
        fwrite(text.ptr, 1, text.len, stdout);
    fflush(stdout);
    buf_deinit(&text);
}
