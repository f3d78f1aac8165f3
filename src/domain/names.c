#include "alphaloop/domain/names.h"

#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies a checked text into a zeroed array. */
static void keep(char *out, size_t size, struct slice text)
{
    memset(out, 0, size);
    memcpy(out, text.ptr, text.len);
}

bool asset_parse(struct slice text, struct asset *out)
{
    struct asset asset = {{0}};
    if (text.len < 3 || text.len > 20)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_upper(c) && !is_lower(c) && !is_digit(c))
            return false;
        asset.text[i] = is_lower(c) ? (char)(c - 'a' + 'A') : c;
    }
    *out = asset;
    return true;
}

bool strategy_id_parse(struct slice text, struct strategy_id *out)
{
    if (text.len < 1 || text.len > 100)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_upper(c) && !is_lower(c) && !is_digit(c) && c != '_' && c != '.' && c != '-')
            return false;
    }
    keep(out->text, sizeof out->text, text);
    return true;
}

/* 1..128 bytes, none of them a control character. Bytes over 127 are UTF-8 that the JSON reader has checked. */
static bool is_plain_id(struct slice text)
{
    if (text.len < 1 || text.len > 128)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

bool order_id_parse(struct slice text, struct order_id *out)
{
    if (!is_plain_id(text))
        return false;
    keep(out->text, sizeof out->text, text);
    return true;
}

bool trace_id_parse(struct slice text, struct trace_id *out)
{
    if (!is_plain_id(text))
        return false;
    keep(out->text, sizeof out->text, text);
    return true;
}

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* `len` hexadecimal digits at `at`; an id must not be all zeros. */
static bool is_hex_part(struct slice text, size_t at, size_t len, bool is_id)
{
    bool any = false;
    for (size_t i = at; i < at + len; i++) {
        if (!is_lower_hex(text.ptr[i]))
            return false;
        any |= text.ptr[i] != '0';
    }
    return any || !is_id;
}

bool traceparent_parse(struct slice text, char out[TRACEPARENT_TEXT_MAX])
{
    memset(out, 0, TRACEPARENT_TEXT_MAX);
    if (text.len != 55 || memcmp(text.ptr, "00-", 3) != 0 || text.ptr[35] != '-' ||
        text.ptr[52] != '-' || !is_hex_part(text, 3, 32, true) ||
        !is_hex_part(text, 36, 16, true) || !is_hex_part(text, 53, 2, false))
        return false;
    memcpy(out, text.ptr, text.len);
    return true;
}

struct trace_id traceparent_trace_id(const char traceparent[TRACEPARENT_TEXT_MAX])
{
    struct trace_id id = {{0}};
    memcpy(id.text, traceparent + 3, 32);
    return id;
}

static size_t skip_digits(struct slice text, size_t at)
{
    while (at < text.len && is_digit(text.ptr[at]))
        at++;
    return at;
}

bool model_version_id_parse(struct slice text, struct model_version_id *out)
{
    if (text.len < 2 || text.len >= sizeof out->text || text.ptr[0] != 'v')
        return false;
    size_t major_end = skip_digits(text, 1);
    size_t end = major_end;
    if (major_end < text.len && text.ptr[major_end] == '.') {
        end = skip_digits(text, major_end + 1);
        if (end == major_end + 1)
            return false;
    }
    if (major_end == 1 || end != text.len)
        return false;
    keep(out->text, sizeof out->text, text);
    return true;
}

bool asset_split(const struct asset *asset, char base[ASSET_TEXT_MAX], char quote[ASSET_TEXT_MAX])
{
    static const char *const quotes[] = {"FDUSD", "USDT", "USDC", "BUSD", "TUSD",
                                         "USD",   "EUR",  "GBP",  "JPY",  "TRY",
                                         "BRL",   "DAI",  "BTC",  "ETH",  "BNB"};
    size_t len = strlen(asset->text);
    for (size_t i = 0; i < COUNT_OF(quotes); i++) {
        size_t quote_len = strlen(quotes[i]);
        if (len <= quote_len || strcmp(asset->text + len - quote_len, quotes[i]) != 0)
            continue;
        keep(base, ASSET_TEXT_MAX, (struct slice){asset->text, len - quote_len});
        keep(quote, ASSET_TEXT_MAX, slice_of(quotes[i]));
        return true;
    }
    return false;
}

bool asset_eq(const struct asset *a, const struct asset *b)
{
    return strcmp(a->text, b->text) == 0;
}

bool strategy_id_eq(const struct strategy_id *a, const struct strategy_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

const char *side_name(enum side side)
{
    return side == SIDE_BUY ? "buy" : side == SIDE_SELL ? "sell" : "";
}

bool side_parse(struct slice text, enum side *out)
{
    if (slice_is_nocase(text, "buy"))
        *out = SIDE_BUY;
    else if (slice_is_nocase(text, "sell"))
        *out = SIDE_SELL;
    else
        return false;
    return true;
}

int side_sign(enum side side)
{
    return side == SIDE_BUY ? 1 : side == SIDE_SELL ? -1 : 0;
}

enum side side_opposite(enum side side)
{
    return side == SIDE_BUY ? SIDE_SELL : side == SIDE_SELL ? SIDE_BUY : SIDE_NONE;
}
