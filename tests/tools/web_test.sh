#!/bin/bash
# What web/vendor holds is what web/package-lock.json pins, byte for byte; where npm cannot tell, the test is skipped.
cd "$(dirname "$0")/../.." || exit 1
tools/web --check
code=$?
if [ $code = 3 ]; then
    echo "npm cannot be asked: web/vendor was not compared with its packages"
    exit 77
fi
[ $code = 0 ] || exit 1
