#!/bin/bash
# The rooms check accepts the tree as it is, and names file, line and rooms of a look where none is allowed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make -s check-rooms

mkdir -p "$work/src/base" "$work/src/io/amqp"
echo '#include "alphaloop/domain/market.h"' >"$work/src/base/bad.c"
echo '#include "alphaloop/io/pg.h"' >"$work/src/io/amqp/bad.c"
printf '#include "alphaloop/io/amqp_transport.h"\n#include "alphaloop/tbl/metrics.def"\n' >"$work/src/io/amqp/good.c"
check=$PWD/tools/check-rooms rooms=$PWD/src/ROOMS
cd "$work"
if awk -f "$check" "$rooms" src/base/bad.c src/io/amqp/bad.c src/io/amqp/good.c >out; then
    echo "the violations were accepted"
    exit 1
fi
diff out - <<'WANT'
src/base/bad.c:1: room base may not look into domain
src/io/amqp/bad.c:1: room io/amqp may not look into io/pg
WANT
