"""Price history that serve fetches by itself: only what is missing, in spite of faults, and nothing when it stops."""
import time

import pytest

import harness
from upstream_server import Fault, Market, Reply, Upstream

HOUR = 3600_000
NO_PROXY = {"http_proxy": "", "https_proxy": "", "HTTPS_PROXY": ""}


@pytest.fixture(scope="module", autouse=True)
def schema():
    assert harness.run("migrate").returncode == 0
    harness.declare_neighbour_queues(harness.amqp_channel())


@pytest.fixture
def db():
    with harness.db() as connection:
        harness.query(connection, "TRUNCATE candles")
        yield connection


def settings(server, **more):
    return {"FETCH_UPSTREAM": "binance", "FETCH_BINANCE_URL": server.url, "FETCH_ASSETS": "BTCUSDT", "FETCH_INTERVALS": "1h",
            "FETCH_DAYS": "10", "FETCH_EVERY_SECONDS": "1", "FETCH_BREAKER_OPEN_SECONDS": "1", **NO_PROXY, **more}


def put(db, market, times):
    for ms in times:
        harness.query(db, "INSERT INTO candles (asset, interval_seconds, ts_open, open, high, low, close, volume)"
                          " VALUES ('BTCUSDT', 3600, to_timestamp(%s / 1000.0), %s, %s, %s, %s, %s)", ms, *market.candle(ms))


def stored(db):
    return [ms for ms, in harness.query(db, "SELECT extract(epoch FROM ts_open)::bigint * 1000 FROM candles"
                                            " WHERE asset = 'BTCUSDT' AND interval_seconds = 3600 ORDER BY ts_open")]


def ranges(server):
    return [(int(request.query["startTime"]), int(request.query["endTime"]) + 1) for request in server.requests]


def test_only_missing_ranges_are_asked_for_and_gaps_stay(db):
    hour = int(time.time() * 1000) // HOUR * HOUR
    first = hour - 239 * HOUR  # the first whole hour within ten days
    gap = range(hour - 100 * HOUR, hour - 97 * HOUR, HOUR)
    market = Market(holes=gap)
    there = [ms for ms in range(first - 5 * HOUR, hour - 5 * HOUR, HOUR)
             if ms not in gap and not hour - 60 * HOUR <= ms < hour - 50 * HOUR]
    put(db, market, there)
    with Upstream(market.answer) as server, harness.Worker(**settings(server)) as worker:
        line = worker.await_log(event="history_fetched")
        assert (line["asset"], line["interval_seconds"], line["upstream"]) == ("BTCUSDT", 3600, "binance")
        over = int(time.time() * 1000) // HOUR * HOUR
        if over == hour:  # else an hour went over meanwhile
            assert line["candles"] == 15
            assert ranges(server)[:3] == [(hour - 5 * HOUR, hour), (hour - 60 * HOUR, hour - 50 * HOUR),
                                          (hour - 100 * HOUR, hour - 97 * HOUR)]
        assert set(there) <= set(stored(db)) and not set(gap) & set(stored(db))
        # the newest hour is lost: it alone is asked for, not the gap again
        harness.query(db, "DELETE FROM candles WHERE ts_open = to_timestamp(%s / 1000.0)", hour - HOUR)
        harness.eventually(lambda: hour - HOUR in stored(db), "the newest hour again")
        assert len([one for one in ranges(server) if one[0] == hour - 100 * HOUR]) == 1
        assert worker.stop() == 0


def test_an_upstream_that_comes_back_is_asked_again(db):
    market, down = Market(), [True]
    with Upstream(lambda request: Reply(status=503) if down[0] else market.answer(request)) as server, \
            harness.Worker(**settings(server, FETCH_TRIES_MAX="1", FETCH_BREAKER_FAILURES="2")) as worker:
        worker.await_log(event="open", upstream="binance")
        assert stored(db) == []
        down[0] = False
        worker.await_log(event="history_fetched")
        assert len(stored(db)) >= 239
        assert worker.metric("alphaloop_upstream_breaker_state", upstream="binance") == 0
        assert worker.metric("alphaloop_candles_fetched_total", upstream="binance") >= 239


@pytest.mark.parametrize("fault", ["hang", "busy"])
def test_it_stops_at_once_in_the_middle_of_a_call(db, fault):
    market = Market()
    with Upstream(lambda request: Fault("hang") if fault == "hang" else market.answer(request)) as server, \
            harness.Worker(**settings(server, FETCH_INTERVALS="1m", FETCH_DAYS="300")) as worker:
        harness.eventually(lambda: server.requests, "a request")
        assert worker.stop() == 0
        assert not [line for line in worker.lines if "loop_not_empty" in line]


@pytest.mark.parametrize("wrong,what", [
    ({"FETCH_UPSTREAM": "kraken"}, "FETCH_UPSTREAM"), ({"FETCH_INTERVALS": "1h,7x"}, "FETCH_INTERVALS: '7x' is not"),
    ({"FETCH_UPSTREAM": "coingecko", "FETCH_INTERVALS": "5m"}, "FETCH_INTERVALS: '5m' is an interval that FETCH_UPSTREAM lacks"),
    ({"FETCH_ASSETS": "B"}, "FETCH_ASSETS: 'B' is no asset"),
])
def test_wrong_settings_stop_the_start(wrong, what):
    done = harness.run("serve", **{"MODEL_SERVICE_API_KEY": "k" * 20, "FETCH_UPSTREAM": "binance", **wrong})
    assert done.returncode == 2 and what in done.stderr
