/* Any bytes are a file of names; in what is accepted every name leads to an asset that it is a name of. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "alphaloop/settings/asset_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static struct json_reader *reader;
    static struct asset_names names;
    struct buf problems = BUF_INIT(1 << 20);
    if (reader == NULL)
        reader = json_reader_create(ASSET_NAMES_FILE_BYTES_MAX, 8);
    enum al_err err =
        asset_names_parse(reader, (struct slice){(const char *)bytes, n_bytes}, &names, &problems);
    assert((err == AL_OK) == (problems.len == 0 && buf_ok(&problems)));
    for (size_t i = 0; err == AL_OK && i < names.n; i++) {
        for (enum asset_name_column column = 0; column < ASSET_NAME_COLUMNS; column++) {
            struct asset found;
            const char *name = asset_name(&names, &names.entries[i].asset, column);
            bool known = asset_by_name(&names, slice_of(name), column, &found);
            assert(known && strcasecmp(asset_name(&names, &found, column), name) == 0);
        }
    }
    buf_deinit(&problems);
    return 0;
}
