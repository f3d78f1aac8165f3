#!/bin/bash
# tools/stack leaves nothing running, keeps what was stored, works from a long path with a blank, lets two instances live side
# by side, and starts nothing on a full disk.
set -euo pipefail
work=$PWD/var/test/stack-test
rm -rf "$work"
long="$work/a blank/$(printf 'long%.0s' {1..30})"
trap 'STACK_DIR=$work/a tools/stack wipe; STACK_DIR="$long" tools/stack wipe; rm -rf "$work"' EXIT

a() { STACK_DIR=$work/a tools/stack "$@"; }
b() { STACK_DIR="$long" tools/stack "$@"; }
fail() {
    echo "FAILED: $*"
    exit 1
}

if said=$(STACK_MIN_FREE_MB=999999999 a up 2>&1); then fail "a start on a full disk should fail"; fi
grep -q 'MB free on this disk' <<<"$said" || fail "a full disk should be named: $said"

a up
b up
a up | grep -q 'runs already' || fail "a second up should do nothing"
[ "$(stat -c %a "$work/a/stack.env")" = 600 ] || fail "stack.env can be read by others"
a new-db kept
a psql -c 'CREATE TABLE kept (v int); INSERT INTO kept VALUES (42)'
a new-vhost kept
a kill-db && a start-db
a kill-broker && a start-broker
a status || fail "both should run after kill and start"

# Living processes that name the instance's data in their environment: the broker, its helpers and the name daemon; and the
# database by its working directory. The broker's helpers end a moment after it.
data=$(realpath "$work/a/data") # elsewhere when the servers' user cannot reach a checkout of root's
servers() {
    grep -lasF "$data" /proc/[0-9]*/environ
    find /proc -maxdepth 2 -name cwd -lname "$data/db" 2>/dev/null
}
none_left() {
    for _ in {1..100}; do
        [ -n "$(servers)" ] || return 0
        read -rt 0.1 <> <(:) || true
    done
    return 1
}
[ "$(servers | wc -l)" -gt 2 ] || fail "expected server processes"
a down
none_left || fail "left behind: $(servers)"
if a status; then fail "status should fail when nothing runs"; fi
b status || fail "the other instance should still run"

a up
[ "$(a psql -Atc 'SELECT v FROM kept')" = 42 ] || fail "the row is gone after down and up"
a ctl -q list_vhosts | grep -qx kept || fail "the virtual host is gone after down and up"

a wipe
none_left || fail "left behind after wipe: $(servers)"
[ ! -e "$data" ] || fail "wipe left $data"

# Ctrl-C while they start: when the database has a process, and when the broker has one.
for started in db/postmaster.pid broker/rabbit.pid; do
    STACK_DIR=$work/a env --default-signal setsid tools/stack up &
    starting=$!
    until [ -s "$work/a/data/$started" ]; do
        kill -0 $starting 2>/dev/null || fail "up ended before $started"
    done
    kill -INT -- -$starting
    code=0 && wait $starting || code=$?
    [ $code = 130 ] || fail "up went on after Ctrl-C: $code"
    data=$(realpath "$work/a/data")
    none_left || fail "left behind by Ctrl-C at $started: $(servers)"
    a wipe
done
[ ! -e "$data" ] || fail "wipe left $data"
