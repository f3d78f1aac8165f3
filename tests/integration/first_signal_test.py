"""From outside, with every setting at its default: what must come in on the gateway's queues for a signal to go out, what the
signal and its row look like, and what never yields one. docs/operations.md says the same in words.
"""
import os
import signal
import sys

import harness
import pytest
from harness import POSITIONS, SIGNALS, eventually, now_text, publish, query, ticker

sys.path.insert(0, os.path.join(harness.ROOT, "tests"))
import decode_signal  # noqa: E402

TICKER = "ws-gateway.ticker"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
CERTAIN = {"WARMUP_RANDOMNESS_LEVEL": 1}  # chance alone decides, so a decision is a signal


@pytest.fixture(name="channel")
def fixture_channel():
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    harness.purge(channel)
    return channel


@pytest.fixture(name="db")
def fixture_db():
    harness.run("migrate")
    with harness.db() as db:
        for table in ("trading_signals", "abstentions", "position_states"):
            query(db, f"DELETE FROM {table}")
        yield db


def take_signal(channel):
    """The next one, decoded, with its properties."""
    message = harness.take_message(channel, SIGNALS)
    return message and (decode_signal.decode_message(message.properties, message.body), message.properties)


def await_signal(channel, what="a signal"):
    return eventually(lambda: take_signal(channel), what)


def await_reason(db, reason, kind="entry"):
    eventually(lambda: query(db, "SELECT 1 FROM abstentions WHERE reason = %s AND kind = %s", reason, kind), reason)


def test_a_ticker_alone_is_enough(channel, db):
    """One tick of one asset, told again only when chance abstained until the tick was stale."""
    with harness.Worker() as worker:
        worker.await_ready()
        taken = None
        while taken is None:
            publish(channel, TICKER, ticker("ETHUSDT", 3000.0))
            publish(channel, TICKER, ticker("DOGEUSDT", 0.1))  # nobody trades it
            eventually(lambda: taken or query(db, "SELECT 1 FROM abstentions WHERE reason = 'market_data_stale'") or
                       query(db, "SELECT 1 FROM trading_signals WHERE status = 'published'"), "a signal, or a stale tick")
            taken = take_signal(channel)
            query(db, "DELETE FROM abstentions")
        signal, properties = taken
    assert (signal["asset"], signal["strategy_id"], signal["is_warmup"], signal["model_version"]) == (
        "ETHUSDT", "momentum_v1", True, None)
    assert 100 <= signal["amount"] <= 1000
    snapshot = signal["market_data_snapshot"]
    assert (snapshot["price"], snapshot["spread"], snapshot["volume_24h"]) == (3000, 1, 1000)
    assert snapshot["orderbook_depth"] is None
    assert properties.app_id == "model-service"


def test_the_row_is_what_was_published(channel, db):
    with harness.Worker(TRADING_ASSETS="BTCUSDT", **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, "ws-gateway.orderbook", harness.order_book())
        publish(channel, TICKER, ticker())
        signal, _ = await_signal(channel)
        row = eventually(lambda: query(
            db, """SELECT side, asset, strategy_id, price, confidence, is_warmup, model_version, trace_id, propensity,
                          market_data_snapshot, metadata, amount, published_at IS NOT NULL, length(features), length(schema_hash),
                          extract(epoch FROM "timestamp")::float8
                   FROM trading_signals WHERE signal_id = %s AND status = 'published'""", signal["signal_id"]), "its row")[0]
    assert row[:4] == (signal["signal_type"], "BTCUSDT", "momentum_v1", signal["market_data_snapshot"]["price"])
    assert row[4:9] == (float(signal["confidence"]), True, None, signal["trace_id"], float(signal["metadata"]["propensity"]))
    assert row[9]["price"] == float(signal["market_data_snapshot"]["price"])
    assert row[10]["decision_id"] == signal["signal_id"]
    assert row[11] == signal["amount"] and row[12]
    assert row[13] > 25 * 4 and row[14] == 32
    assert abs(row[15] - decode_signal.timestamp(signal["timestamp"], "timestamp").timestamp()) < 1


def test_a_trace_goes_through(channel, db):
    """The trace id of the message that caused the signal, and its W3C header as it came."""
    assert db
    with harness.Worker(TRADING_ASSETS="BTCUSDT,ETHUSDT,SOLUSDT", **CERTAIN) as worker:
        worker.await_ready()
        for asset, body_trace, headers in (("BTCUSDT", "from-the-body", {"trace_id": "not-this", "traceparent": PARENT}),
                                           ("ETHUSDT", None, {"trace_id": "from-the-header"}),
                                           ("SOLUSDT", None, {"traceparent": PARENT})):
            message = dict(ticker(asset), trace_id=body_trace)
            publish(channel, TICKER, message, headers)
        seen = {}
        while len(seen) < 3:
            signal, properties = await_signal(channel)
            seen.setdefault(signal["asset"], (signal["trace_id"], properties.headers.get("traceparent")))
    assert seen == {"BTCUSDT": ("from-the-body", PARENT), "ETHUSDT": ("from-the-header", None), "SOLUSDT": (TRACE, PARENT)}


def test_a_trace_is_in_the_log_from_the_signal_to_its_fill(channel, db):
    with harness.Worker(TRADING_ASSETS="BTCUSDT", **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, dict(ticker(), trace_id="one-journey"))
        signal, _ = await_signal(channel)
        published = worker.await_log(event="signal_published", signal_id=signal["signal_id"])
        publish(channel, harness.ORDER_EVENTS, harness.order_event(signal["signal_id"], trace_id=signal["trace_id"],
                                                                   side=signal["signal_type"]))
        fill = worker.await_log(event="execution", signal_id=signal["signal_id"])
    assert published["trace_id"] == fill["trace_id"] == "one-journey"
    assert fill["quantity"] == "0.01000000" and fill["price"] == "50000.00000000"
    for table in ("trading_signals", "order_events"):
        assert query(db, f"SELECT count(*) FROM {table} WHERE trace_id = 'one-journey'") == [(1,)]


@pytest.mark.parametrize("reason, message", [
    ("market_data_stale", lambda: dict(ticker(), timestamp=now_text(-60))),
    ("market_data_crossed", lambda: ticker(spread=-1.0)),
    ("market_data_incomplete", lambda: harness.gateway_message("ticker", "BTCUSDT", {"symbol": "BTCUSDT", "lastPrice": "50000"})),
])
def test_a_market_that_cannot_be_acted_on_is_an_abstention(channel, db, reason, message):
    with harness.Worker(TRADING_ASSETS="BTCUSDT", **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, message())
        await_reason(db, reason)
        assert query(db, "SELECT count(*) FROM trading_signals") == [(0,)]
    assert harness.queue_depth(channel, SIGNALS) == 0


def test_silence_goes_stale_by_itself(channel, db):
    with harness.Worker(TRADING_ASSETS="BTCUSDT", MARKET_TICKER_MAX_AGE_SECONDS=1, **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        await_signal(channel)
        await_reason(db, "market_data_stale")
        worker.await_metric("alphaloop_refusals_total", 2, step="snapshot", reason="market_data_stale")


def test_no_warmup_no_signal(channel, db):
    with harness.Worker(TRADING_ASSETS="BTCUSDT", WARMUP_MODE_ENABLED="false", **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        await_reason(db, "warmup_disabled")
    assert query(db, "SELECT count(*) FROM trading_signals") == [(0,)]
    assert harness.queue_depth(channel, SIGNALS) == 0


def test_without_publishing_everything_is_stored(channel, db):
    with harness.Worker("--no-publish", TRADING_ASSETS="BTCUSDT", SIGNAL_TTL_SECONDS=2, **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        eventually(lambda: query(db, "SELECT 1 FROM trading_signals WHERE status = 'pending'"), "a signal in the ledger")
        eventually(lambda: query(db, "SELECT 1 FROM trading_signals WHERE status = 'expired'"), "its end")
        assert query(db, "SELECT count(*) FROM trading_signals WHERE status = 'published'") == [(0,)]
    assert harness.queue_depth(channel, SIGNALS) == 0


def test_the_budget_of_signals_ends(channel, db):
    """Burst, then the rate; each strategy has its own budget, and amounts stay in their bounds."""
    with harness.Worker(TRADING_ASSETS="BTCUSDT", TRADING_STRATEGIES="momentum_v1,other", SIGNAL_GENERATION_RATE_LIMIT=1,
                        SIGNAL_GENERATION_BURST_ALLOWANCE=3, WARMUP_SIGNAL_FREQUENCY=600, WARMUP_MIN_AMOUNT=20,
                        WARMUP_MAX_AMOUNT=30, **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        eventually(lambda: query(db, "SELECT 1 FROM abstentions WHERE reason = 'rate_limited' HAVING count(*) >= 4 AND "
                                     "count(DISTINCT strategy_id) = 2"), "both budgets used up")
        count = dict(query(db, "SELECT strategy_id, count(*) FROM trading_signals GROUP BY 1"))
    assert set(count) == {"momentum_v1", "other"}
    assert all(3 <= n <= 4 for n in count.values())  # a token comes back in 60 s
    while (taken := take_signal(channel)) is not None:
        assert 20 <= taken[0]["amount"] <= 30


def test_a_reload_changes_limits_and_amounts(channel, db, tmp_path):
    """Strategies fall back to the settings, so SIGHUP reads them again too."""
    env_file = tmp_path / "env"
    env_file.write_text("SIGNAL_GENERATION_RATE_LIMIT=1\nSIGNAL_GENERATION_BURST_ALLOWANCE=1\nWARMUP_MAX_AMOUNT=200\n")
    with harness.Worker("--env-file", str(env_file), TRADING_ASSETS="BTCUSDT", **CERTAIN) as worker:
        worker.await_ready()
        publish(channel, TICKER, ticker())
        assert await_signal(channel)[0]["amount"] <= 200
        await_reason(db, "rate_limited")
        env_file.write_text("SIGNAL_GENERATION_RATE_LIMIT=1000\nSIGNAL_GENERATION_BURST_ALLOWANCE=1000\n"
                            "WARMUP_MIN_AMOUNT=300\nWARMUP_MAX_AMOUNT=400\n")
        worker.process.send_signal(signal.SIGHUP)
        worker.await_log(event="settings_reloaded")
        publish(channel, TICKER, ticker())
        assert 300 <= await_signal(channel)[0]["amount"] <= 400


def position(position_id, size, pnl_pct, **fields):
    return dict({"event_type": "position_updated", "position_id": position_id, "asset": "BTCUSDT", "size": size, "mode": "one-way",
                 "unrealized_pnl": "-1", "realized_pnl": "0", "unrealized_pnl_pct": pnl_pct, "average_entry_price": "50000",
                 "time_held_minutes": 5, "trace_id": "of-the-position", "timestamp": now_text()}, **fields)


@pytest.mark.parametrize("size, pnl_pct, held, side, reason", [
    ("0.01", "-2.0", 5, "sell", "stop_loss"),
    ("-0.01", "-2.5", 5, "buy", "stop_loss"),
    ("0.01", "3.0", 5, "sell", "take_profit"),
    ("-0.01", "0.1", 1440, "buy", "time_exit"),
])
def test_a_position_is_closed(channel, db, size, pnl_pct, held, side, reason):
    """Position and price may come in any order, and one exit is enough for a minute."""
    with harness.Worker(TRADING_ASSETS="BTCUSDT", WARMUP_MODE_ENABLED="false") as worker:
        worker.await_ready()
        publish(channel, POSITIONS, position("p-1", size, pnl_pct, time_held_minutes=held), {"traceparent": PARENT})
        await_reason(db, "no_market_data", "exit")
        publish(channel, TICKER, ticker())
        signal, properties = await_signal(channel, "an exit")
        publish(channel, POSITIONS, position("p-1", size, pnl_pct, time_held_minutes=held))
        publish(channel, POSITIONS, position("p-2", "0", "0"))
        eventually(lambda: query(db, "SELECT 1 FROM position_states WHERE position_id = 'p-2'"), "the last update")
        assert query(db, "SELECT count(*) FROM trading_signals WHERE kind = 'exit'") == [(1,)]
    assert (signal["signal_type"], signal["metadata"]["exit_reason"]) == (side, reason)
    assert (signal["trace_id"], properties.headers["traceparent"]) == ("of-the-position", PARENT)
    assert float(signal["amount"]) == pytest.approx(0.01 * 50000, abs=0.01)
    assert signal["metadata"]["exit_fraction"] == 1 and signal["confidence"] == 1
