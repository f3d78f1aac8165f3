"""Contract 3.2 and 3.3 through the real worker: what the gateway and the position manager send, and what decisions then see.

Each test has an asset of its own, whose minutes of history give it a volatility, and a strategy that decides at every quote;
what a decision saw is in its row, whether it became a signal or an abstention.
"""
import json
import time
import uuid
from decimal import Decimal

import harness
import load
import pytest
from harness import POSITIONS, db, eventually, gateway_message, now_text, publish, query

TICKER, BOOK, KLINE, TRADES = harness.MARKET_QUEUES
MINUTE = 60
ASSETS = [f"A{number:02d}USDT" for number in range(40)]
spare = iter(ASSETS)


@pytest.fixture(name="worker", scope="module")
def running_worker(tmp_path_factory):
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    folder = load.strategy_folder(tmp_path_factory.mktemp("strategies"), decision={"trigger": "tick"},
                                  freshness_seconds={"ticker": 60, "book": 60, "trades": 600, "candle": 600})
    with harness.Worker(TRADING_STRATEGIES="often", TRADING_ASSETS=",".join(ASSETS), STRATEGY_CONFIG_DIR=folder) as worker:
        worker.await_ready()
        yield worker


@pytest.fixture(name="channel", scope="module")
def publishing_channel(worker):
    del worker
    return harness.amqp_channel()


@pytest.fixture(name="asset")
def asset_with_a_past(channel):
    asset, first = next(spare), minute(-20)
    for number in range(19):
        price = 100 + number % 3
        publish(channel, KLINE, kline(asset, first + number * MINUTE, price, price + 1, price - 1, price, 2))
    eventually(lambda: len(candles(asset)) == 19, "the history is stored")
    return asset


def rows(sql, *args):
    with db() as connection:
        return query(connection, sql, *args)


def minute(offset=0):
    """Seconds since 1970 of the beginning of a minute, counted from the one that is now."""
    return int(time.time()) // MINUTE * MINUTE + offset * MINUTE


def kline(asset, start, open_, high, low, close, volume, confirm=True):
    return gateway_message("kline", asset, {"start": start * 1000, "end": (start + MINUTE) * 1000 - 1, "interval": "1", "open": str(open_),
                                            "high": str(high), "low": str(low), "close": str(close), "volume": str(volume),
                                            "turnover": "1", "confirm": confirm, "timestamp": int(time.time() * 1000)})


def candles(asset):
    return rows("SELECT extract(epoch FROM ts_open)::bigint, open, high, low, close, volume FROM candles"
                " WHERE asset = %s AND interval_seconds = 60 ORDER BY ts_open", asset)


def seen(asset, columns):
    """What the newest decision saw."""
    return (rows(f"SELECT {columns} FROM (SELECT asset, bid, ask, mid, last_price, spread, volume_24h, bid_depth, ask_depth, decided_at_ns"
                 " FROM trading_signals UNION ALL SELECT asset, bid, ask, mid, last_price, spread, volume_24h, bid_depth, ask_depth,"
                 " decided_at_ns FROM abstentions) AS decisions WHERE asset = %s ORDER BY decided_at_ns DESC LIMIT 1", asset) or [None])[0]


def await_seen(asset, columns, expected):
    try:
        eventually(lambda: seen(asset, columns) == expected, "the decision")
    except AssertionError:
        raise AssertionError(f"expected {expected}, the newest decision saw {seen(asset, columns)}") from None


def frame(kind, asset, payload):
    """An envelope whose payload does not name the symbol."""
    return gateway_message(kind, asset, payload)


# ---- shapes ----

TICK = {"lastPrice": "101.5", "volume24h": "777", "bid1Price": "101", "ask1Price": "102", "bid1Size": "3", "ask1Size": "4"}
TICK_SEEN = (101.0, 102.0, 101.5, 777.0)


@pytest.mark.parametrize("shape", ["envelope", "bare", "short", "topic", "frame", "numbers", "naive"])
def test_a_ticker_in_every_shape(channel, asset, shape):
    message = {
        "envelope": lambda: frame("ticker", asset, {"symbol": asset, **TICK}),
        "bare": lambda: {"symbol": asset, **TICK},
        "short": lambda: {"s": asset.lower(), "c": "101.5", "v": "777", "bid1Price": "101", "ask1Price": "102"},
        "topic": lambda: frame("ticker", asset, TICK),
        "frame": lambda: {"topic": f"tickers.{asset}", "type": "snapshot", "ts": int(time.time() * 1000), "data": {"symbol": asset, **TICK}},
        "numbers": lambda: frame("ticker", asset, {"price": 101.5, "volume_24h": 777, "bid1Price": 101, "ask1Price": 102, "symbol": asset}),
        "naive": lambda: dict(frame("ticker", asset, {"symbol": asset, **TICK}), timestamp=now_text().rstrip("Z")),
    }[shape]()
    publish(channel, TICKER, message)
    await_seen(asset, "bid, ask, last_price, volume_24h", TICK_SEEN)


def test_a_ticker_delta_leaves_the_rest_as_it_was(channel, asset):
    publish(channel, TICKER, frame("ticker", asset, TICK))
    await_seen(asset, "bid, ask, last_price, volume_24h", TICK_SEEN)
    publish(channel, TICKER, frame("ticker", asset, {"ask1Price": "103"}))
    await_seen(asset, "bid, ask, last_price, volume_24h", (101.0, 103.0, 101.5, 777.0))
    publish(channel, TICKER, frame("ticker", asset, {"lastPrice": "102.5", "volume24h": None, "bid1Price": ""}))
    await_seen(asset, "bid, ask, last_price, volume_24h", (101.0, 103.0, 102.5, 777.0))


def test_an_older_ticker_changes_nothing(channel, asset):
    publish(channel, TICKER, frame("ticker", asset, TICK))
    publish(channel, TICKER, gateway_message("ticker", asset, {**TICK, "bid1Price": "50"}, ts=now_text(-30)))
    publish(channel, TICKER, frame("ticker", asset, {"volume24h": "778"}))
    await_seen(asset, "bid, volume_24h", (101.0, 778.0))


# ---- order book ----

def test_a_book_of_snapshot_and_deltas(channel, asset):
    def book(kind, bids, asks):
        return {"topic": f"orderbook.50.{asset}", "type": kind, "ts": int(time.time() * 1000),
                "data": {"s": asset, "b": bids, "a": asks, "u": 18521288, "seq": 7961638724}}

    publish(channel, BOOK, book("snapshot", [["100", "1"], ["99", "2"], ["98", "4"]], [["101", "8"], ["102", "16"]]))
    await_seen(asset, "bid, ask, spread, bid_depth, ask_depth", (100.0, 101.0, 1.0, 7.0, 24.0))
    publish(channel, BOOK, book("delta", [["100", "0"]], []))
    await_seen(asset, "bid, ask, spread, bid_depth, ask_depth", (99.0, 101.0, 2.0, 6.0, 24.0))
    publish(channel, BOOK, book("delta", [["99.5", "32"], ["98", "5"]], [["102", "0"], ["103", "1"], ["77", "0"]]))
    await_seen(asset, "bid, ask, spread, bid_depth, ask_depth", (99.5, 101.0, 1.5, 39.0, 9.0))
    publish(channel, BOOK, book("snapshot", [["90", "1"]], [["91", "1"]]))
    await_seen(asset, "bid, ask, spread, bid_depth, ask_depth", (90.0, 91.0, 1.0, 1.0, 1.0))


def test_book_levels_as_objects_with_long_names_in_an_envelope(channel, asset):
    publish(channel, BOOK, frame("orderbook", asset, {"bids": [{"price": "10.5", "size": "2"}], "asks": [{"price": 11, "size": 3}]}))
    await_seen(asset, "bid, ask, bid_depth, ask_depth", (10.5, 11.0, 2.0, 3.0))


def test_a_delta_before_its_snapshot_is_no_book(channel, asset):
    publish(channel, BOOK, {"s": asset, "type": "delta", "b": [["1", "1"]], "a": [["2", "1"]]})
    publish(channel, TICKER, frame("ticker", asset, TICK))
    await_seen(asset, "bid, ask, bid_depth", (101.0, 102.0, None))


def test_of_a_crossed_book_nothing_is_used(channel, asset):
    publish(channel, TICKER, frame("ticker", asset, TICK))
    publish(channel, BOOK, {"s": asset, "type": "snapshot", "b": [["105", "1"]], "a": [["104", "1"]]})
    publish(channel, TICKER, frame("ticker", asset, {"volume24h": "778"}))
    await_seen(asset, "bid, ask, bid_depth, volume_24h", (101.0, 102.0, None, 778.0))


def test_of_a_stale_book_nothing_is_used(channel, asset):
    publish(channel, BOOK, {"s": asset, "type": "snapshot", "ts": int(time.time() - 120) * 1000, "b": [["99", "1"]], "a": [["100", "1"]]})
    publish(channel, TICKER, frame("ticker", asset, TICK))
    await_seen(asset, "bid, ask, bid_depth", (101.0, 102.0, None))
    assert rows("SELECT DISTINCT reason FROM abstentions WHERE asset = %s AND bid IS NULL", asset) in ([], [("market_data_stale",)])


# ---- candles ----

def test_a_candle_counts_when_confirmed(channel, asset):
    start = minute(-1)
    publish(channel, KLINE, kline(asset, start, 100, 105, 95, 101, 7, confirm=False))
    publish(channel, KLINE, kline(asset, start, 100, 106, 94, 102, 9, confirm=True))
    eventually(lambda: candles(asset)[-1] == (start, 100.0, 106.0, 94.0, 102.0, 9.0), "the confirmed candle")


def test_a_confirmed_candle_of_any_asset_and_interval_is_kept(channel, worker):
    """Nothing trades this asset and no strategy looks at hours of it; a made candle is there before, and stays out after."""
    start = int(time.time()) // 3600 * 3600 - 3600
    with db() as connection:
        query(connection, "INSERT INTO candles VALUES ('KEPTUSDT', 3600, to_timestamp(%s), 1, 1, 1, 1, 1, true)", start)
    for confirm, high in ((False, 105), (True, 106)):
        publish(channel, KLINE, gateway_message("kline", "KEPTUSDT", {
            "start": start * 1000, "interval": "60", "open": "100", "high": str(high), "low": "94", "close": "102", "volume": "9",
            "confirm": confirm}))
    eventually(lambda: rows("SELECT open, high, low, close, volume, is_made FROM candles WHERE asset = 'KEPTUSDT' AND interval_seconds = 3600")
               == [(100.0, 106.0, 94.0, 102.0, 9.0, False)], "the confirmed candle in the place of the made one")
    worker.await_metric("alphaloop_history_candles_total", 1, outcome="stored")


def test_hours_are_made_of_the_trades_of_any_asset_but_not_over_a_given_one(channel, worker):
    start = int(time.time()) // 3600 * 3600 - 5 * 3600

    def trade(hour, second, price):
        return {"T": (start + hour * 3600 + second) * 1000, "s": "HOURUSDT", "S": "Buy", "v": "2", "p": str(price)}

    with db() as connection:
        query(connection, "INSERT INTO candles VALUES ('HOURUSDT', 3600, to_timestamp(%s), 1, 1, 1, 1, 1, false)", start + 2 * 3600)
    publish(channel, TRADES, frame("trades", "HOURUSDT", [trade(0, 60, 50), trade(1, 5, 100), trade(1, 9, 103), trade(2, 3, 7), trade(1, 3599, 99)]))
    publish(channel, TRADES, frame("trades", "HOURUSDT", [trade(3, 60, 60), trade(4, 60, 1)]))
    eventually(lambda: rows("SELECT extract(epoch FROM ts_open)::bigint, open, high, low, close, volume, is_made FROM candles"
                            " WHERE asset = 'HOURUSDT' ORDER BY 1") == [
        (start + 3600, 100.0, 103.0, 99.0, 99.0, 6.0, True), (start + 2 * 3600, 1.0, 1.0, 1.0, 1.0, 1.0, False),
        (start + 3 * 3600, 60.0, 60.0, 60.0, 60.0, 2.0, True)], "the hours of the trades")
    assert worker.process.poll() is None


def test_a_candle_counts_when_the_next_one_starts(channel, asset):
    start = minute(-1)
    publish(channel, KLINE, kline(asset, start, 100, 105, 95, 101, 7, confirm=False))
    publish(channel, KLINE, kline(asset, start, 100, 107, 93, 103, 8, confirm=False))
    publish(channel, KLINE, kline(asset, start + MINUTE, 103, 103, 103, 103, 0, confirm=False))
    eventually(lambda: candles(asset)[-1] == (start, 100.0, 107.0, 93.0, 103.0, 8.0), "the last of the unconfirmed")


@pytest.mark.parametrize("shape", ["bare", "short", "frame", "text times"])
def test_a_candle_in_every_shape(channel, asset, shape):
    start = minute(-1)
    long_names = {"start": start * 1000, "open": 1, "high": "4", "low": "0.5", "close": 2, "volume": "3", "interval": "1", "confirm": True}
    message = {
        "bare": lambda: {"symbol": asset, **long_names},
        "short": lambda: {"topic": f"kline.1.{asset}", "payload": {"t": start * 1000, "o": 1, "h": "4", "l": "0.5", "c": 2, "v": "3", "confirm": True}},
        "frame": lambda: {"topic": f"kline.1.{asset}", "type": "snapshot", "ts": int(time.time() * 1000), "data": [
            {**long_names, "start": (start - MINUTE) * 1000}, long_names]},
        "text times": lambda: frame("kline", asset, {**long_names, "start": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start)), "interval": 1}),
    }[shape]()
    publish(channel, KLINE, message)
    eventually(lambda: candles(asset)[-1] == (start, 1.0, 4.0, 0.5, 2.0, 3.0), "the candle")


# ---- trades ----

def test_trades_make_the_candles_of_an_asset_without_klines(channel, worker):
    asset, start = next(spare), minute(-3)

    def trade(second, price, size, side):
        return {"T": (start + second) * 1000, "s": asset, "S": side, "v": size, "p": price, "L": "PlusTick", "i": uuid.uuid4().hex, "BT": False}

    publish(channel, TRADES, frame("trades", asset, [trade(1, "100", "1", "Buy"), trade(2, "103", "2", "Sell")]))
    publish(channel, TRADES, frame("trades", asset, trade(30, 99, 0.5, "Buy")))
    publish(channel, TRADES, {"topic": f"publicTrade.{asset}", "type": "snapshot", "ts": 1, "data": [trade(59, "101", "0.25", "Sell")]})
    publish(channel, TRADES, trade(61, "102", "1", "Buy"))
    eventually(lambda: candles(asset) == [(start, 100.0, 103.0, 99.0, 101.0, 3.75)], "the candle of the trades")
    assert worker.process.poll() is None


def test_trades_beyond_the_bound_of_a_message_are_counted(worker, channel, asset):
    now_ms = int(time.time() * 1000)
    dropped = worker.metric("alphaloop_market_trades_dropped_total")
    trades = [{"T": now_ms - 600 + n, "s": asset, "S": "Buy", "v": "1", "p": "100"} for n in range(515)]
    publish(channel, TRADES, frame("trades", asset, trades))
    worker.await_metric("alphaloop_market_trades_dropped_total", dropped + 3)


# ---- what cannot be read ----

@pytest.mark.parametrize("name, source, good", [(TICKER, "ticker", True), (BOOK, "orderbook", False), (KLINE, "kline", False),
                                                (TRADES, "trades", False), (POSITIONS, "position", False)])
def test_garbage_is_counted_and_acknowledged(worker, channel, asset, name, source, good):
    bad = [b"", b"{", b"\xff", b"null", b"[]", b"{}", b'"x"', b'{"symbol":"%s"' % asset.encode(), b"[" * 100000, b"x" * 200000,
           json.dumps({"symbol": asset, "lastPrice": "NaN", "bids": "x", "start": "x", "size": "big"}).encode()]
    refused = worker.metric("alphaloop_market_messages_total", source=source, outcome="refused")
    for body in bad:
        publish(channel, name, body)
    worker.await_metric("alphaloop_market_messages_total", refused + len(bad), source=source, outcome="refused")
    eventually(lambda: harness.queue_depth(channel, name) == 0, "the queue is empty")
    if good:
        publish(channel, name, frame("ticker", asset, TICK))
        await_seen(asset, "bid, ask, last_price, volume_24h", TICK_SEEN)


def test_market_data_of_the_future_is_counted_and_not_used(worker, channel, asset):
    ahead = worker.metric("alphaloop_market_messages_total", source="ticker", outcome="future")
    publish(channel, TICKER, gateway_message("ticker", asset, {**TICK, "bid1Price": "50"}, ts=now_text(3600)))
    worker.await_metric("alphaloop_market_messages_total", ahead + 1, source="ticker", outcome="future")
    publish(channel, TICKER, frame("ticker", asset, TICK))
    await_seen(asset, "bid, ask, last_price, volume_24h", TICK_SEEN)


# ---- positions ----

def position(asset, name="asset", **fields):
    update = {"event_type": "position_updated", "position_id": str(uuid.uuid4()), name: asset, "size": "-0.50000000", "unrealized_pnl": "1.25",
              "realized_pnl": "0E-8", "mode": "one-way", "unrealized_pnl_pct": "0.5", "average_entry_price": "101.5", "time_held_minutes": 3,
              "trace_id": uuid.uuid4().hex, "timestamp": now_text()}
    update.update(fields)
    return update


def stored_position(position_id):
    return rows("SELECT asset, size, unrealized_pnl, realized_pnl, unrealized_pnl_pct, average_entry_price, time_held_minutes, mode"
                " FROM position_states WHERE position_id = %s", position_id)


@pytest.mark.parametrize("name", ["asset", "symbol", "trading_pair"])
def test_a_position_by_each_name_of_its_asset(channel, asset, name):
    update = position(asset.lower(), name)
    publish(channel, POSITIONS, update)
    expected = [(asset, Decimal("-0.5"), 1.25, 0.0, 0.5, 101.5, 3.0, "one-way")]
    eventually(lambda: stored_position(update["position_id"]) == expected, f"{stored_position(update['position_id'])} is {expected}")


def test_a_position_without_context_and_with_bad_context(channel, asset):
    bare = {"position_id": str(uuid.uuid4()), "asset": asset, "size": 2}
    bad = position(asset, unrealized_pnl="much", average_entry_price=-1, time_held_minutes="NaN", mode=5, timestamp="now", trace_id=1)
    publish(channel, POSITIONS, bare)
    publish(channel, POSITIONS, bad)
    eventually(lambda: [row[1] for row in stored_position(bare["position_id"])] == [2], "the bare one")
    eventually(lambda: [row[1] for row in stored_position(bad["position_id"])] == [Decimal("-0.5")], "the bad one")


def test_a_position_that_closes_has_size_0(channel, asset):
    update = position(asset)
    publish(channel, POSITIONS, update)
    publish(channel, POSITIONS, dict(update, size="0E-8", timestamp=now_text()))
    eventually(lambda: [row[1] for row in stored_position(update["position_id"])] == [0], "it is closed")
