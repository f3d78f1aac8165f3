/* Role watch: the live status of a running worker, asked for over its admin port.
 *
 * On a terminal a few lines are drawn over themselves; elsewhere one line is printed whenever something
 * worth it has changed. A worker that does not answer is waited for, so watch may be started first.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "alphaloop/app/environment.h"
#include "alphaloop/app/roles.h"
#include "alphaloop/io/file.h"

#include "watch_i.h"

#define ANSWER_MAX       (4U << 20)
#define FETCH_TIMEOUT_MS 5000L
#define SCREEN_MAX       (64 * 1024)

struct watch_arguments {
    const char *env_file, *url, *market_file;
    double interval_s;
    bool once;
};

struct watch {
    struct watch_arguments arguments;
    char url[512];
    CURL *curl;
    struct curl_slist *headers;
    struct json_reader *reader;
    struct buf answer, screen, line, last_line;
    struct watch_status status;
    struct watch_market market;
    size_t n_drawn; /* lines on the terminal to draw over */
    bool is_terminal;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

/* ---- arguments ---- */

static const struct argp_option options[] = {
    {"env-file", 'e', "FILE", 0,
     "Read settings from FILE; the environment wins (default: .env if it exists)", 0},
    {"url", 'u', "URL", 0, "The admin port (default: from MODEL_SERVICE_HOST and _PORT)", 0},
    {"interval", 'i', "SECONDS", 0, "How often to ask (default: 1)", 0},
    {"simulate-status", 's', "FILE", 0, "Also show what `simulate --status-file FILE` writes", 0},
    {"once", '1', NULL, 0, "Show the status once; exit 1 when nobody answers", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct watch_arguments *arguments = state->input;
    char *end;
    switch (key) {
    case 'e':
        arguments->env_file = value;
        return 0;
    case 'u':
        arguments->url = value;
        return 0;
    case 'i':
        arguments->interval_s = strtod(value, &end);
        if (*end != '\0' || !(arguments->interval_s >= 0.1 && arguments->interval_s <= 3600))
            argp_error(state, "--interval=%s: 0.1 to 3600 seconds", value);
        return 0;
    case 's':
        arguments->market_file = value;
        return 0;
    case '1':
        arguments->once = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Live status of a running worker: samples towards the next model, training, mode, "
           "signals, PnL, health.",
};

/* ---- asking ---- */

static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
    struct buf *answer = ctx;
    buf_append(answer, bytes, size * n);
    return buf_ok(answer) ? size * n : 0;
}

static void not_reached(struct watch *watch, const char *why)
{
    watch->status = (struct watch_status){.is_reached = false};
    snprintf(watch->status.problem, sizeof(watch->status.problem), "%.80s: %.70s", watch->url, why);
}

static void read_answer(struct watch *watch)
{
    struct json_node *root = NULL;
    long code = 0;
    char why[32];
    curl_easy_getinfo(watch->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 401) {
        not_reached(watch, "MODEL_SERVICE_API_KEY is not that of the worker");
    } else if (code != 200) {
        snprintf(why, sizeof(why), "answered %ld", code);
        not_reached(watch, why);
    } else if (json_read(watch->reader, buf_slice(&watch->answer), &root) != AL_OK) {
        not_reached(watch, err_text());
    } else {
        watch_read_status(root, &watch->status);
        json_put(root);
    }
}

static void fetch(struct watch *watch)
{
    buf_reset(&watch->answer);
    CURLcode code = curl_easy_perform(watch->curl);
    if (code == CURLE_OK)
        read_answer(watch);
    else
        not_reached(watch, curl_easy_strerror(code));
}

/* The simulator replaces the file as a whole; until it exists there is nothing to show. */
static void read_market(struct watch *watch)
{
    struct json_node *root = NULL;
    const char *path = watch->arguments.market_file;
    if (path == NULL || !file_exists(path))
        return;
    buf_reset(&watch->answer);
    if (file_read(path, SCREEN_MAX, &watch->answer) == AL_OK &&
        json_read(watch->reader, buf_slice(&watch->answer), &root) == AL_OK) {
        watch_read_market(root, &watch->market);
        json_put(root);
    }
}

/* ---- showing ---- */

static size_t terminal_width(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 120;
}

static void show_on_terminal(struct watch *watch)
{
    size_t n_lines = 0;
    buf_reset(&watch->screen);
    watch_draw(&watch->status, &watch->market, terminal_width() - 1, &watch->screen);
    if (watch->n_drawn > 0)
        printf("\033[%zuA", watch->n_drawn);
    for (const char *line = buf_str(&watch->screen); *line != '\0'; n_lines++) {
        size_t len = strcspn(line, "\n");
        printf("\r%.*s\033[K\n", (int)len, line);
        line += len + 1;
    }
    fputs("\033[J", stdout); /* fewer lines than before leave nothing behind */
    fflush(stdout);
    watch->n_drawn = n_lines;
}

static bool is_news(const struct watch *watch)
{
    size_t len = strcspn(buf_str(&watch->line), "\t"),
           last_len = strcspn(buf_str(&watch->last_line), "\t");
    return len != last_len || strncmp(buf_str(&watch->line), buf_str(&watch->last_line), len) != 0;
}

static void show_as_line(struct watch *watch)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    buf_reset(&watch->line);
    watch_line(&watch->status, &watch->line);
    if (!is_news(watch))
        return;
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    printf("%s %s\n", stamp, buf_str(&watch->line));
    fflush(stdout);
    buf_reset(&watch->last_line);
    buf_append(&watch->last_line, buf_str(&watch->line), watch->line.len);
}

static void show_once(struct watch *watch)
{
    buf_reset(&watch->screen);
    watch_draw(&watch->status, &watch->market, SCREEN_MAX, &watch->screen);
    fputs(buf_str(&watch->screen), watch->status.is_reached ? stdout : stderr);
}

/* ---- life ---- */

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler =
                                   on_signal}; /* no SA_RESTART: a signal ends the sleep */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void make_url(struct watch *watch, const struct settings *settings)
{
    const char *host = settings->model_service_host;
    bool is_any = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0;
    bool is_ipv6 = strchr(host, ':') != NULL;
    if (watch->arguments.url != NULL)
        snprintf(watch->url, sizeof(watch->url), "%s", watch->arguments.url);
    else
        snprintf(watch->url, sizeof(watch->url), "http://%s%s%s:%u", is_ipv6 ? "[" : "",
                 is_any                    ? "127.0.0.1"
                 : strcmp(host, "::") == 0 ? "::1"
                                           : host,
                 is_ipv6 ? "]" : "", settings->model_service_port);
    watch->url[strcspn(watch->url, " \t\r\n")] = '\0';
}

static bool prepare(struct watch *watch, const struct settings *settings)
{
    char url[600], key[SETTING_TEXT_MAX + 16];
    make_url(watch, settings);
    snprintf(url, sizeof(url), "%s/api/v1/status", watch->url);
    snprintf(key, sizeof(key), "X-API-Key: %s", settings->model_service_api_key);
    watch->curl = curl_easy_init();
    watch->headers = curl_slist_append(NULL, key);
    watch->reader = json_reader_create(ANSWER_MAX, JSON_DEPTH_MAX);
    if (watch->curl == NULL || watch->headers == NULL || watch->reader == NULL)
        return false;
    curl_easy_setopt(watch->curl, CURLOPT_URL, url);
    curl_easy_setopt(watch->curl, CURLOPT_HTTPHEADER, watch->headers);
    curl_easy_setopt(watch->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(watch->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(watch->curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(watch->curl, CURLOPT_TIMEOUT_MS, FETCH_TIMEOUT_MS);
    curl_easy_setopt(watch->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(watch->curl, CURLOPT_WRITEDATA, &watch->answer);
    return true;
}

static void pause_for(double seconds)
{
    struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    if (!stop_asked)
        nanosleep(&span, NULL);
}

static int run(struct watch *watch)
{
    catch_signals();
    watch->is_terminal = isatty(STDOUT_FILENO) == 1;
    while (!stop_asked) {
        fetch(watch);
        read_market(watch);
        if (watch->arguments.once) {
            show_once(watch);
            return watch->status.is_reached ? EXIT_DONE : EXIT_FAILED;
        }
        if (watch->is_terminal)
            show_on_terminal(watch);
        else
            show_as_line(watch);
        if (ferror(stdout))
            return EXIT_DONE; /* nobody reads any more */
        pause_for(watch->arguments.interval_s);
    }
    return EXIT_DONE;
}

static void watch_destroy(struct watch *watch)
{
    curl_slist_free_all(watch->headers);
    curl_easy_cleanup(watch->curl);
    if (watch->reader != NULL)
        json_reader_destroy(watch->reader);
    buf_deinit(&watch->answer);
    buf_deinit(&watch->screen);
    buf_deinit(&watch->line);
    buf_deinit(&watch->last_line);
    free(watch);
}

int role_watch(int argc, char **argv)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    struct settings *settings = calloc(1, sizeof(*settings));
    int code = EXIT_USAGE;
    if (watch == NULL || settings == NULL)
        abort();
    watch->arguments.interval_s = 1;
    watch->answer = BUF_INIT(ANSWER_MAX);
    watch->screen = watch->line = watch->last_line = BUF_INIT(SCREEN_MAX);
    if (argp_parse(&argp, argc, argv, 0, NULL, &watch->arguments) == 0 &&
        environment_settings(watch->arguments.env_file, SETTINGS_NEED_API_KEY, settings) == AL_OK)
        code = prepare(watch, settings) ? run(watch) : EXIT_FAILED;
    watch_destroy(watch);
    free(settings);
    return code;
}
