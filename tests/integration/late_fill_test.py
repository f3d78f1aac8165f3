"""Fills that come after their decision was settled, through the real worker: the sample is made again and may teach only from
then on; where prices do not reach back any more, the sample stays and says so."""
import json
import threading

import harness
import pytest
from harness import ORDER_EVENTS, SIGNALS, db, eventually, order_event, publish, query, ticker

STRATEGY = {
    "assets": ["BTCUSDT"], "horizon_seconds": 2, "label": {"settlement_lag_seconds": 0}, "freshness_seconds": {"ticker": 5},
    "limits": {"cooldown_seconds": 3600}, "training": {"use_market_evidence": False},
}


class Market:
    """Tickers of one asset, ten a second, from a thread of its own."""

    def __enter__(self):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _run(self):
        channel = harness.amqp_channel()
        n = 0
        while not self.ended.wait(0.1):
            n += 1
            publish(channel, "ws-gateway.ticker", ticker(price=50000.0 + n % 7))
        channel.connection.close()


@pytest.fixture(name="config", scope="module")
def strategy_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strategies")
    (folder / "late.json").write_text(json.dumps(STRATEGY))
    return {"STRATEGY_CONFIG_DIR": str(folder), "TRADING_STRATEGIES": "late", "TRADING_ASSETS": "BTCUSDT",
            "WARMUP_RANDOMNESS_LEVEL": 1}


def sample(signal_id):
    with db() as connection:
        found = query(connection, """SELECT action, evidence, fill_fraction, net_return, available_at_ns, t1_ns, is_stale_fill
                                     FROM samples WHERE decision_id = %s""", signal_id)
    assert len(found) < 2
    names = ("action", "evidence", "fraction", "net", "available", "t1", "stale")
    return dict(zip(names, found[0])) if found else None


def outcome(signal_id):
    with db() as connection:
        return query(connection, "SELECT outcome FROM trading_signals WHERE signal_id = %s", signal_id)[0][0]


class Order:
    """The order that answers a signal, filled bit by bit."""

    def __init__(self, channel, signal):
        self.channel, self.signal, self.name = channel, signal, "order-" + signal["signal_id"]
        self.quantity = signal["amount"] / signal["market_data_snapshot"]["price"]

    def fill(self, fraction, price=50000):
        event = order_event(self.signal["signal_id"], "filled" if fraction == 1 else "partially_filled", self.name,
                            side=self.signal["signal_type"], quantity=f"{self.quantity:.8f}",
                            filled=f"{self.quantity * fraction:.8f}", price=str(price), fees="0")
        publish(self.channel, ORDER_EVENTS, event)


def test_a_late_fill_makes_the_sample_again_or_marks_it(config):
    harness.run("migrate")
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    harness.purge(channel)
    with Market():
        with harness.Worker(**config) as worker:
            worker.await_ready()
            signal = harness.await_message(channel, SIGNALS).json()
            order, key = Order(channel, signal), signal["signal_id"]
            order.fill(0.25)
            first = eventually(lambda: sample(key), "the sample of the part")
            assert first["evidence"] == 1 and abs(first["fraction"] - 0.25) < 0.01 and not first["stale"]
            order.fill(1, price=60000 if signal["signal_type"] == "buy" else 40000)
            # Sold at four fifths of the price, the whole is worth four fifths of the amount.
            again = eventually(lambda: (sample(key)["fraction"] > 0.75) and sample(key), "the sample of the whole")
            assert again["net"] < -0.05 < first["net"] and not again["stale"]
            # It is told as new from the moment the news came, after all that was known before.
            assert again["available"] > first["available"] and again["available"] > first["t1"]
            assert worker.metric("alphaloop_late_fills_total") == 1
            assert outcome(key) == "sampled"
            assert worker.stop() == 0


def test_where_prices_do_not_reach_back_the_sample_is_marked(config):
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    harness.purge(channel)
    with Market():
        with harness.Worker(**config) as worker:
            worker.await_ready()
            signal = harness.await_message(channel, SIGNALS).json()
            order, key = Order(channel, signal), signal["signal_id"]
            order.fill(0.25)
            first = eventually(lambda: sample(key), "the sample of the part")
            worker.kill()
        with harness.Worker(**config) as worker:
            worker.await_ready()
            order.fill(1, price=60000)
            stale = eventually(lambda: sample(key)["stale"] and sample(key), "the mark")
            assert {**stale, "stale": False} == first
            assert worker.metric("alphaloop_late_fills_total") == 1
            assert worker.stop() == 0
    channel.connection.close()
