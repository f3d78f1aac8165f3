/* What others call our assets: config/assets.json.
 *
 *     {"BTCUSDT": {"symbol": "BTC", "binance": "BTCUSDT", "bybit": "BTCUSDT", "coingecko": "bitcoin"}}
 *
 * A column is `symbol`, the short name people and clients use, or a row of tbl/upstreams.def. An asset without an entry,
 * or whose entry lacks the column, goes by its own name. Several assets may share a name (BTCUSDT and BTCUSDC are both
 * "bitcoin"); who asks by that name means the first of them.
 */
#ifndef ALPHALOOP_SETTINGS_ASSET_NAMES_H
#define ALPHALOOP_SETTINGS_ASSET_NAMES_H

#include "alphaloop/base/json.h"
#include "alphaloop/domain/names.h"

#define ASSET_NAMES_MAX            256 /* assets */
#define ASSET_NAME_TEXT_MAX        64  /* 1..63 of A-Za-z0-9._- */
#define ASSET_NAMES_FILE_BYTES_MAX (64 * 1024)

enum asset_name_column {
    ASSET_NAME_symbol,
#define UPSTREAM(name, title) ASSET_NAME_##name,
#include "alphaloop/tbl/upstreams.def"
#undef UPSTREAM
    ASSET_NAME_COLUMNS
};
const char *asset_name_column_name(enum asset_name_column column); /* "symbol", "binance" ... */

/* About 90 kB: keep it on the heap or static. All zeros: nothing is named. */
struct asset_names {
    size_t n;
    struct asset_entry {
        struct asset asset;
        char names[ASSET_NAME_COLUMNS][ASSET_NAME_TEXT_MAX]; /* "": its own */
    } entries[ASSET_NAMES_MAX];                              /* in the order of the file */
};

/* Read the file.
 *
 *   bytes     the file; empty: nothing is named                                    borrows
 *   out       complete on AL_OK
 *   problems  one line each: "BTCUSDT.coingecko: 7 is not 1 to 63 of ..."          out, may be NULL
 *   returns   AL_OK; AL_EPARSE not JSON; AL_EINVAL with the number of problems in err_text()
 */
MUST_CHECK enum al_err asset_names_parse(struct json_reader *reader,
                                         struct slice bytes,
                                         struct asset_names *out,
                                         struct buf *problems);

/* What the column calls the asset. Never "" for a valid asset. Borrows from `names` or `asset`. */
const char *asset_name(const struct asset_names *names,
                       const struct asset *asset,
                       enum asset_name_column column);
/* The first asset the column calls so (any case), else the one that goes by this text itself and is called nothing else
 * there; false when the text is neither. */
bool asset_by_name(const struct asset_names *names,
                   struct slice text,
                   enum asset_name_column column,
                   struct asset *out);

#endif
