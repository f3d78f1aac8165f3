/* One line of a journal. What is read is written again and reads the same. */
#include <stdlib.h>

#include "../src/app/journal_i.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool same_parts(const struct journal_line *a, const struct journal_line *b)
{
    bool same = a->n_texts == b->n_texts && a->n_bytes == b->n_bytes;
    for (size_t i = 0; i < a->n_texts && same; i++)
        same = slice_eq(a->texts[i], b->texts[i]);
    for (size_t i = 0; i < a->n_bytes && same; i++)
        same = slice_eq(a->bytes[i], b->bytes[i]);
    return same;
}

static void round_trip(struct json_reader *reader, const struct journal_line *line)
{
    struct buf out = BUF_INIT(2 * JOURNAL_LINE_MAX), hold;
    struct json_node *doc;
    struct journal_line again;
    journal_line_write(line, &out);
    check(buf_ok(&out) && out.ptr[out.len - 1] == '\n');
    check(journal_line_read(reader, (struct slice){out.ptr, out.len - 1}, &doc, &hold, &again) ==
          AL_OK);
    check(again.call == line->call && again.now_ns == line->now_ns &&
          again.wall_ns == line->wall_ns && again.number == line->number &&
          same_parts(line, &again));
    json_put(doc);
    buf_deinit(&hold);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_reader *reader;
    struct json_node *doc;
    struct buf hold;
    struct journal_line line;
    struct journal_start start;
    if (reader == NULL)
        reader = json_reader_create(JOURNAL_LINE_MAX, JSON_DEPTH_MAX);
    check(reader != NULL);
    enum al_err err =
        journal_line_read(reader, (struct slice){(const char *)data, size}, &doc, &hold, &line);
    if (err == AL_OK) {
        round_trip(reader, &line);
        err = journal_start_read(&line, &start);
    }
    json_put(doc);
    buf_deinit(&hold);
    return 0;
}
