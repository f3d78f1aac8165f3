"""Every signal the worker publishes, decoded by tests/decode_signal.py, which shares nothing with the worker.

The simulated neighbours play the market; signals pass through this test on their way to them.
"""
import contextlib
import json
import os
import subprocess
import sys

import harness
import pytest
from harness import SIGNALS, eventually

sys.path.insert(0, os.path.join(harness.ROOT, "tests"))
import decode_signal  # noqa: E402

SPEED, ASSETS, FORWARDED = 300, "BTCUSDT,ETHUSDT,SOLUSDT", "test.forwarded_signals"
STRATEGY = {
    "description": "Decides often.", "horizon_seconds": 60, "timeframe_seconds": 60, "features": ["standard"],
    "decision": {"trigger": "interval", "interval_seconds": 5},
    "limits": {"rate": 100000, "burst": 100, "cooldown_seconds": 0, "skip_on_open_order": False},
    "freshness_seconds": {"ticker": 30, "book": 30, "trades": 30, "candle": 30},
}


@pytest.fixture(name="strategies")
def strategy_folder(tmp_path):
    with open(os.path.join(harness.ROOT, "config", "strategies", "default.json"), encoding="utf-8") as default:
        (tmp_path / "default.json").write_text(default.read())
    (tmp_path / "often.json").write_text(json.dumps(STRATEGY))
    return tmp_path


@contextlib.contextmanager
def simulation():
    process = subprocess.Popen([harness.PROGRAM, "simulate", "--speed", str(SPEED), "--assets", ASSETS], cwd=harness.ROOT,
                               env=dict(os.environ, SIGNALS_QUEUE=FORWARDED), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(harness.DEADLINE)


class Tap:
    """Decodes what the worker published and hands it on."""

    def __init__(self):
        self.channel = harness.amqp_channel()
        self.channel.queue_declare(SIGNALS, durable=True)
        self.channel.queue_declare(FORWARDED, durable=True)
        self.signals = []

    def take(self, at_most=100):
        """A few at a time: the worker may publish as fast as this takes, and an empty queue never come."""
        while at_most > 0 and (message := harness.take_message(self.channel, SIGNALS)) is not None:
            at_most -= 1
            self.signals.append(decode_signal.decode_message(message.properties, message.body))
            self.channel.basic_publish("", FORWARDED, message.body, message.properties)
        return len(self.signals)


def test_every_published_signal_decodes_and_is_in_the_ledger(strategies):
    tap = Tap()
    with harness.Worker(CLOCK="market", CLOCK_SPEED=SPEED, TRADING_ASSETS=ASSETS, TRADING_STRATEGIES="often",
                        STRATEGY_CONFIG_DIR=strategies) as worker, harness.db() as db:
        with simulation():
            eventually(lambda: tap.take() >= 200, "200 signals", 120)
            eventually(lambda: harness.query(db, "SELECT count(*) FROM execution_events")[0][0] >= 100, "executions")
        worker.stop()
        tap.take(10 ** 6)
        rows = dict(harness.query(db, "SELECT signal_id::text, status FROM trading_signals WHERE status = 'published'"))
    ids = [signal["signal_id"] for signal in tap.signals]
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(rows)
    assert {signal["asset"] for signal in tap.signals} == set(ASSETS.split(","))
    assert {signal["signal_type"] for signal in tap.signals} == {"buy", "sell"}
    assert all(signal["is_warmup"] and signal["strategy_id"] == "often" for signal in tap.signals)
