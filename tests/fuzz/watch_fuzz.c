/* Any JSON as the answer of the admin port and as the simulator's status file: what is drawn of it is plain lines, none
 * longer than the screen, and nothing a terminal obeys. The first byte chooses the width. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../src/app/watch_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_screen(struct slice screen, size_t width)
{
    size_t n_line = 0;
    assert(screen.len == 0 || screen.ptr[screen.len - 1] == '\n');
    for (size_t i = 0; i < screen.len; i++) {
        char c = screen.ptr[i];
        assert(c == '\n' || (c >= ' ' && c <= '~'));
        n_line = c == '\n' ? 0 : n_line + 1;
        assert(n_line <= width);
    }
}

static void draw(struct json_node *root, size_t width)
{
    struct watch_status *status = malloc(sizeof *status);
    struct watch_market market;
    struct buf screen = BUF_INIT(1 << 20), line = BUF_INIT(1 << 20);
    watch_read_status(root, status);
    watch_read_market(root, &market);
    watch_draw(status, &market, width, &screen);
    watch_line(status, &line);
    assert(buf_ok(&screen) && buf_ok(&line));
    check_screen(buf_slice(&screen), width);
    buf_deinit(&screen);
    buf_deinit(&line);
    free(status);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct json_node *root;
    if (n_bytes == 0)
        return 0;
    struct json_reader *reader = json_reader_create(1 << 20, JSON_DEPTH_MAX);
    if (json_read(reader, (struct slice){(const char *)bytes + 1, n_bytes - 1}, &root) == AL_OK) {
        draw(root, 40 + (size_t)bytes[0]);
        json_put(root);
    }
    json_reader_destroy(reader);
    return 0;
}
