"""`alphaloop fetch` as a person runs it, against a server that plays the upstreams, into a real database."""
import pty
import os
import subprocess
import time

import pytest

import harness
from upstream_server import Fault, Market, Reply, Upstream

HOUR, DAY = 3600_000, 86400_000
T0 = 1767225600_000  # 2026-01-01
QUICK = {"FETCH_BREAKER_OPEN_SECONDS": "1"}


@pytest.fixture(scope="module", autouse=True)
def schema():
    assert harness.run("migrate").returncode == 0


@pytest.fixture
def db():
    with harness.db() as connection:
        harness.query(connection, "TRUNCATE candles")
        yield connection


def iso(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


def fetch(server, upstream, *args, interval="1h", asset="BTCUSDT", **settings):
    settings = {f"FETCH_{name.upper()}_URL": server.url for name in ("binance", "bybit", "coingecko")} | QUICK | settings
    return harness.run("fetch", "--asset", asset, "--interval", interval, "--upstream", upstream, *args, http_proxy=None,
                       https_proxy=None, HTTPS_PROXY=None, **settings)


def between(first, last):
    return "--from", iso(first), "--to", iso(last)


def stored(db, seconds=3600):
    return harness.query(db, "SELECT extract(epoch FROM ts_open)::bigint * 1000, open, high, low, close, volume FROM candles"
                             " WHERE asset = 'BTCUSDT' AND interval_seconds = %s ORDER BY ts_open", seconds)


def expected(market, first, last, step=HOUR):
    return [(ms, *map(float, market.candle(ms))) for ms in market.bars(first, last - 1, step)]


@pytest.mark.parametrize("upstream,pages", [("binance", 3), ("bybit", 3)])
def test_every_candle_of_a_range_is_stored_once(db, upstream, pages):
    market = Market(holes=[T0 + 7 * HOUR, T0 + 8 * HOUR, T0 + 1500 * HOUR])
    with Upstream(market.answer) as server:
        done = fetch(server, upstream, *between(T0, T0 + 2500 * HOUR))
        assert done.returncode == 0, done.stderr
        assert "2497 candles, 2497 of them stored; 2 gaps, 3 candles missing" in done.stdout
        assert stored(db) == expected(market, T0, T0 + 2500 * HOUR)
        assert len(server.requests) == pages and server.n_connections == 1
        again = fetch(server, upstream, *between(T0, T0 + 2500 * HOUR))
        assert again.returncode == 0 and "2497 candles, 0 of them stored" in again.stdout


def test_it_goes_on_after_the_newest_and_leaves_the_unfinished_out(db):
    market = Market()
    now = int(time.time() * 1000)
    hour = now // HOUR * HOUR
    with Upstream(market.answer) as server:
        assert fetch(server, "binance", *between(hour - 50 * HOUR, hour - 20 * HOUR)).returncode == 0
        done = fetch(server, "binance")
        assert done.returncode == 0, done.stderr
        times = [row[0] for row in stored(db)]
        over = int(time.time() * 1000) // HOUR * HOUR  # the hour may have gone over meanwhile
        assert times in ([hour - i * HOUR for i in range(50, 0, -1)], [over - i * HOUR for i in range(51, 0, -1)])
        assert server.requests[1].query["startTime"] == str(hour - 20 * HOUR)
        if over == hour:
            assert "nothing is missing" in fetch(server, "binance").stdout


def test_without_any_it_begins_fetch_days_ago(db):
    market = Market()
    with Upstream(market.answer) as server:
        assert fetch(server, "bybit", interval="1d", FETCH_DAYS="10").returncode == 0
        assert len(stored(db, 86400)) in (9, 10)


def test_history_before_a_listing_costs_binance_one_question(db):
    market = Market(listed_ms=T0)
    with Upstream(market.answer) as server:
        assert fetch(server, "binance", *between(T0 - 20000 * HOUR, T0 + 10 * HOUR)).returncode == 0
        assert len(stored(db)) == 10 and len(server.requests) == 1


def test_smaller_pages_than_asked_for_lose_nothing(db):
    market = Market()
    market.page_max = 300
    with Upstream(market.answer) as server:
        assert fetch(server, "binance", *between(T0, T0 + 1000 * HOUR)).returncode == 0
        assert stored(db) == expected(market, T0, T0 + 1000 * HOUR)


def test_coingecko_gives_closes_that_never_replace_candles(db):
    market = Market(holes=[T0 + 5 * HOUR])
    key = "CG-0123456789abcdef"
    with Upstream(market.answer) as server:
        assert fetch(server, "binance", *between(T0, T0 + 10 * HOUR)).returncode == 0
        done = fetch(server, "coingecko", *between(T0, T0 + 20 * HOUR), FETCH_COINGECKO_API_KEY=key)
        assert done.returncode == 0 and "19 candles, 10 of them stored; 1 gaps" in done.stdout, (done.stdout, done.stderr)
        rows = stored(db)
        assert rows[:9] == expected(market, T0, T0 + 10 * HOUR)
        assert rows[9:] == [(ms, *[market.candle(ms)[3]] * 4, 0.0) for ms in range(T0 + 10 * HOUR, T0 + 20 * HOUR, HOUR)]
        assert server.requests[-1].headers["x-cg-demo-api-key"] == key
        assert fetch(server, "binance", *between(T0, T0 + 20 * HOUR)).returncode == 0  # and give way to them
        assert stored(db) == expected(market, T0, T0 + 20 * HOUR)


def test_faults_on_the_way_change_nothing(db):
    market, faults = Market(), [Reply(status=500), Fault("reset"), Reply(b"[[1, 2"), Reply(status=429, headers=[("Retry-After", "1")]),
                                None, Reply(b"[]", cut=1), Reply(b"{}"), None]
    with Upstream(lambda request: (faults.pop(0) if faults else None) or market.answer(request)) as server:
        done = fetch(server, "binance", *between(T0, T0 + 1500 * HOUR), FETCH_TRIES_MAX="6")
        assert done.returncode == 0, done.stderr
        assert stored(db) == expected(market, T0, T0 + 1500 * HOUR)


def test_an_upstream_that_dies_leaves_whole_pages_and_the_next_run_goes_on(db):
    market, n = Market(), [0]

    def answer(request):
        n[0] += 1
        return Reply(status=500) if n[0] > 2 else market.answer(request)
    with Upstream(answer) as server:
        done = fetch(server, "bybit", *between(T0, T0 + 5000 * HOUR), FETCH_TRIES_MAX="2")
        assert done.returncode == 1 and "bybit: the upstream failed, HTTP 500" in done.stderr
        assert stored(db) == expected(market, T0, T0 + 2000 * HOUR)
    with Upstream(market.answer) as server:
        assert fetch(server, "bybit", "--to", iso(T0 + 2100 * HOUR)).returncode == 0
        assert len(server.requests) == 1
        assert stored(db) == expected(market, T0, T0 + 2100 * HOUR)


@pytest.mark.parametrize("upstream,what", [
    ("binance", 'binance: the upstream refused the request, HTTP 400: {"code": -1121, "msg": "Invalid symbol."}'),
    ("bybit", "bybit: retCode 10001: Not supported symbols"),
    ("coingecko", "coingecko: the upstream refused the request, HTTP 404"),
])
def test_refusals_are_told_in_the_upstreams_own_words(db, upstream, what):
    with Upstream(Market().answer) as server:
        done = fetch(server, upstream, *between(T0, T0 + HOUR), asset="NOPEUSDT")
        assert done.returncode == 1 and what in done.stderr, done.stderr
        assert len(server.requests) == 1 and stored(db) == []


def test_a_candle_that_is_none_refuses_its_page_by_place(db):
    bad = [[T0, "5", "6", "4", "5", "1"], [T0 + HOUR, "5", "3", "4", "5", "1"]]
    with Upstream(lambda _: Reply(bad)) as server:
        done = fetch(server, "binance", *between(T0, T0 + 5 * HOUR), FETCH_TRIES_MAX="1")
        assert done.returncode == 1 and stored(db) == []
        assert "binance: the answer makes no sense, HTTP 200: [1]: high and low do not enclose open and close" in done.stderr


@pytest.mark.parametrize("args", [["--asset", "BTC"], ["--interval", "7m"], ["--interval", "x"], ["--upstream", "kraken"],
                                  ["--from", "yesterday"], ["--from", "2026-01-02", "--to", "2026-01-01"], ["extra"]])
def test_wrong_usage_is_exit_code_2(args):
    done = harness.run("fetch", "--asset", "BTCUSDT", "--interval", "1h", "--upstream", "bybit", *args)
    assert done.returncode == 2 and done.stderr


def test_a_terminal_sees_a_bar_of_progress(db):
    mine, its = pty.openpty()
    with Upstream(Market().answer) as server:
        env = dict(os.environ, FETCH_BINANCE_URL=server.url)
        done = subprocess.run([harness.PROGRAM, "fetch", "--asset", "BTCUSDT", "--interval", "1h", "--upstream", "binance",
                               *between(T0, T0 + 100 * HOUR)], env=env, stderr=its, stdout=subprocess.PIPE, text=True, timeout=60)
    os.close(its)
    shown = os.read(mine, 65536).decode()
    os.close(mine)
    assert done.returncode == 0 and "BTCUSDT [##############################] 100 %  100 candles" in shown
