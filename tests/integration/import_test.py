"""`alphaloop import` as a person runs it: files into the price history, what is said about them, and what a second one does."""
import gzip
import os
import signal
import subprocess

import pytest

import harness

HOUR = 3600_000
NOON = 1767268800_000
MARKET = os.environ.get("MARKET_DATA", os.path.join(harness.ROOT, "..", "shared", "data", "market"))


@pytest.fixture(scope="module", autouse=True)
def schema():
    assert harness.run("migrate").returncode == 0


@pytest.fixture
def db():
    with harness.db() as connection:
        harness.query(connection, "TRUNCATE candles, candle_imports")
        yield connection


def candle_rows(n, step=HOUR, first=NOON):
    return [f"{first + i * step},{100 + i},{102 + i},{99 + i},{101 + i},{i}" for i in range(n)]


def write(path, rows, header="ts_ms,open,high,low,close,volume"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def run(path, *args, asset="BTCUSDT", interval="1h"):
    return harness.run("import", str(path), "--asset", asset, "--interval", interval, *args)


def stored(db, asset="BTCUSDT", seconds=3600):
    return harness.query(db, "SELECT extract(epoch FROM ts_open)::bigint * 1000, open, high, low, close, volume FROM candles"
                             " WHERE asset = %s AND interval_seconds = %s AND NOT is_made ORDER BY ts_open", asset, seconds)


def as_numbers(rows):
    return [tuple(map(float, row.split(","))) for row in rows]


def test_candles_are_stored_and_a_repeat_changes_nothing(db, tmp_path):
    rows = candle_rows(50)
    plain = write(tmp_path / "a.csv", rows)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    first = run(plain)
    assert first.returncode == 0 and "50 new, 0 changed" in first.stdout, first
    assert stored(db) == as_numbers(rows)
    for again in (plain, tmp_path / "a.csv.gz"):
        second = run(again)
        assert second.returncode == 0 and "0 new, 0 changed" in second.stdout, second
    assert harness.query(db, "SELECT count(*) FROM candle_imports") == [(0,)]
    rows[7] = f"{NOON + 7 * HOUR},1,3,0.5,2,9"
    third = run(write(tmp_path / "b.csv", rows))
    assert "0 new, 1 changed" in third.stdout and stored(db) == as_numbers(rows)


def test_a_dry_run_stores_nothing_and_needs_no_database(db, tmp_path):
    path = write(tmp_path / "a.csv", candle_rows(5))
    done = harness.run("import", path, "--asset", "BTCUSDT", "--interval", "1h", "--dry-run", POSTGRES_PORT="1")
    assert done.returncode == 0 and "dry run" in done.stdout and "5 read, 0 bad" in done.stdout, done
    assert stored(db) == []


def test_gaps_are_listed_and_not_filled(db, tmp_path):
    rows = candle_rows(20)
    kept = rows[:3] + rows[4:9] + rows[14:]
    done = run(write(tmp_path / "a.csv", kept), "--list", "1")
    assert "gaps       2, 6 candles missing" in done.stdout, done
    assert "1 missing from 2026-01-01T15:00:00" in done.stdout and "and 1 more" in done.stdout
    assert "5 missing from 2026-01-01T21:00:00" in done.stdout  # the longest
    assert stored(db) == as_numbers(kept)


BAD = {
    "high": (f"{NOON + 3 * HOUR},100,90,80,95,1", "line 5: high: 90 is below"),
    "low": (f"{NOON + 3 * HOUR},100,101,99,98,1", "line 5: low: 99 is above"),
    "volume": (f"{NOON + 3 * HOUR},100,101,99,100,-1", "line 5: volume: -1 is not at least 0"),
    "open": (f"{NOON + 3 * HOUR},abc,101,99,100,1", "line 5: open: 'abc' is not a number"),
    "close": (f"{NOON + 3 * HOUR},100,101,99", "line 5: close: the column is missing"),
    "ts_ms": (f"{NOON},100,101,99,100,1", "line 5: ts_ms: time goes back"),
    "grid": (f"{NOON + 3 * HOUR + 1},100,101,99,100,1", "line 5: ts_ms: no candle opens then; one would at 2026-01-01T15:00:00"),
}


@pytest.mark.parametrize("column", BAD)
def test_a_bad_row_is_named_and_stops_or_is_skipped(db, tmp_path, column):
    row, why = BAD[column]
    rows = candle_rows(6)
    path = write(tmp_path / "a.csv", rows[:3] + [row] + rows[4:])
    stopped = run(path)
    assert stopped.returncode == 1 and why in stopped.stderr and "stopped at" in stopped.stderr, stopped
    assert stored(db) == as_numbers(rows[:3])  # what came before is good
    skipped = run(path, "--on-bad", "skip")
    assert skipped.returncode == 0 and why in skipped.stderr and "5 read, 1 bad" in skipped.stdout, skipped
    assert stored(db) == as_numbers(rows[:3] + rows[4:])


def test_no_more_bad_rows_are_listed_than_asked_for(db, tmp_path):
    rows = candle_rows(30)
    path = write(tmp_path / "a.csv", rows[:20] + ["x"] * 10 + rows[20:])
    done = run(path, "--on-bad", "skip", "--list", "3")
    assert done.stderr.count("ts_ms: 'x' is not a whole number") == 3, done
    assert "further bad rows are only counted" in done.stderr and "30 read, 10 bad" in done.stdout


@pytest.mark.parametrize("interval", ["5m", "1d"])
def test_candles_of_another_interval_are_refused_whole(db, tmp_path, interval):
    done = run(write(tmp_path / "a.csv", candle_rows(50)), interval=interval)
    assert done.returncode == 1 and "3600 s apart" in done.stderr, done
    assert harness.query(db, "SELECT count(*) FROM candles") == [(0,)]


@pytest.mark.parametrize("args, why", [
    ([], "a FILE"), (["f.csv"], "--asset is missing"), (["f.csv", "--asset", "BTCUSDT"], "--interval is missing"),
    (["f.csv", "--asset", "b", "--interval", "1h"], "4 to 20"), (["f.csv", "--asset", "BTCUSDT", "--interval", "3x"], "1m, 5m"),
    (["f.csv", "g.csv"], "one FILE"), (["f.csv", "--on-bad", "cry"], "stop or skip"), (["f.csv", "--list", "9999"], "list")])
def test_bad_usage_is_named(args, why):
    done = harness.run("import", *args)
    assert done.returncode == 2 and why in done.stderr, done


@pytest.mark.parametrize("content, why", [
    (b"", "a file with something in it"), (b"a,b,c\n1,2,3\n", "the header is that of no candles"),
    (gzip.compress(("ts_ms,price,qty,side\n" + "1,1,1,\n" * 50000).encode())[:-40], "unexpected end of file")])
def test_what_is_no_such_file_is_refused(tmp_path, content, why):
    (tmp_path / "a").write_bytes(content)
    done = run(tmp_path / "a")
    assert done.returncode == 1 and why in done.stderr, done
    assert run(tmp_path / "absent").returncode == 1


def test_trades_make_candles_of_the_whole_minutes(db, tmp_path):
    minute = NOON + 30_000  # half of the first minute is not in the file
    rows = [f"{minute},50,1,buy", f"{minute + 31_000},10,1,buy", f"{minute + 31_000},12,2,sell", f"{minute + 60_000},9,4,",
            f"{minute + 215_000},20,1,buy", f"{minute + 271_000},30,1,buy"]
    done = run(write(tmp_path / "a.csv", rows, "ts_ms,price,qty,side"), interval="1m")
    assert "2 candles at the ends" in done.stdout and "2 new" in done.stdout and "2 candles missing" in done.stdout, done
    assert stored(db, seconds=60) == [(NOON + 60_000, 10, 12, 9, 9, 7), (NOON + 240_000, 20, 20, 20, 20, 1)]
    assert "0 new, 0 changed" in run(tmp_path / "a.csv", interval="1m").stdout


def test_an_import_that_was_killed_goes_on_where_it_stopped(db, tmp_path):
    """Its second batch waits for a row this test holds, so that it is killed after the first and before the end."""
    rows = candle_rows(50000)
    path = write(tmp_path / "a.csv", rows)
    with harness.db() as holder:
        holder.autocommit = False
        harness.query(holder, "INSERT INTO candles VALUES ('BTCUSDT', 3600, to_timestamp(%s), 1, 1, 1, 1, 1, false)",
                      (NOON + 30000 * HOUR) // 1000)
        process = subprocess.Popen([harness.PROGRAM, "import", path, "--asset", "BTCUSDT", "--interval", "1h"], cwd=harness.ROOT)
        try:
            harness.eventually(lambda: harness.query(db, "SELECT line FROM candle_imports") == [(20001,)], "the first batch")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        holder.rollback()
    done = run(path)
    assert done.returncode == 0 and "resumed    after line" in done.stdout, done
    assert "50000 read, 0 bad" in done.stdout and "gaps       0" in done.stdout
    assert stored(db) == as_numbers(rows)
    assert harness.query(db, "SELECT count(*) FROM candle_imports") == [(0,)]


def test_a_bar_of_progress_is_shown_on_a_terminal(db, tmp_path):
    import pty
    path = write(tmp_path / "a.csv", candle_rows(30000))
    main, other = pty.openpty()
    process = subprocess.Popen([harness.PROGRAM, "import", path, "--asset", "BTCUSDT", "--interval", "1h"], cwd=harness.ROOT,
                               stdout=subprocess.DEVNULL, stderr=other)
    os.close(other)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        shown += part
    os.close(main)
    assert process.wait() == 0 and b"rows/s" in shown and shown.endswith(b"\r\x1b[K"), shown


# ---- real files: README.md beside them says what is missing ----

REAL = [("binance_btcusdt_1h.csv.gz", "BTCUSDT", "1h", 58419, "28, 128", "33 missing from 2018-02-08T01:00"),
        ("binance_btcusdt_5m.csv.gz", "BTCUSDT", "5m", 104816, "1, 16", "16 missing from 2023-03-24T12:40"),
        ("binance_btcusdt_1d.csv.gz", "BTCUSDT", "1d", 2429, "9, 10", "2 missing from 2018-02-08T00:00"),
        ("bitstamp_xrpusd_1h.csv.gz", "XRPUSD", "1h", 24356, "148, 544", "147 missing from 2017-01-26T11:00"),
        ("oanda_eurusd_1h.csv.gz", "EURUSD", "1h", 74439, "641, 30730", "151 missing from 2016-12-09T22:00"),
        ("binanceperp_solusdt_1m.csv.gz", "SOLUSDT", "1m", 43200, "0, 0", "gaps"),
        ("us_aapl_1d.csv.gz", "AAPL", "1d", 5402, "1173, 2441", "6 missing from 2001-09-11T00:00")]


@pytest.mark.parametrize("name, asset, interval, n_rows, gaps, longest", REAL)
def test_real_files_have_the_rows_and_gaps_they_are_said_to_have(db, name, asset, interval, n_rows, gaps, longest):
    path = os.path.join(MARKET, name)
    if not os.path.exists(path):
        pytest.skip(f"no real market data in {MARKET}")
    done = run(path, asset=asset, interval=interval)
    assert done.returncode == 0 and f"{n_rows} new, 0 changed" in done.stdout, done
    assert f"gaps       {gaps} candles missing" in done.stdout and longest in done.stdout
    with gzip.open(path, "rt") as file:
        rows = file.read().split()[1:]
    assert stored(db, asset, harness.query(db, "SELECT DISTINCT interval_seconds FROM candles")[0][0]) == as_numbers(rows)


def test_minutes_made_of_real_trades_are_those_of_the_trades(db):
    path = os.path.join(MARKET, "binance_btcusdt_trades.csv.gz")
    if not os.path.exists(path):
        pytest.skip(f"no real market data in {MARKET}")
    assert run(path, interval="1m").returncode == 0
    minutes = {}
    with gzip.open(path, "rt") as file:
        for line in file.read().split()[1:]:
            ts_ms, price, qty = map(float, line.split(",")[:3])
            minutes.setdefault(int(ts_ms) // 60000 * 60000, []).append((price, qty))
    whole = sorted(minutes)[1:-1]
    want = [(start, minutes[start][0][0], max(p for p, _ in minutes[start]), min(p for p, _ in minutes[start]),
             minutes[start][-1][0], pytest.approx(sum(q for _, q in minutes[start]))) for start in whole]
    assert len(want) == 10 and stored(db, seconds=60) == want
