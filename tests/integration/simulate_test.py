"""`alphaloop simulate` on a real broker: what it declares, publishes, answers, waits for, and how it ends."""
import contextlib
import gzip
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from datetime import datetime, timezone

import harness
import jsonschema
import pytest
from harness import MARKET_QUEUES, ORDER_EVENTS, POSITIONS, SIGNALS, eventually

START = "2024-03-01T00:00:00Z"
START_S = datetime(2024, 3, 1, tzinfo=timezone.utc).timestamp()


@pytest.fixture(name="bare_channel")
def channel_without_queues():
    channel = harness.amqp_channel()
    for name in (ORDER_EVENTS, SIGNALS, POSITIONS, *MARKET_QUEUES):
        channel.queue_delete(name)
    yield channel
    if channel.connection.is_open:
        channel.connection.close()


@pytest.fixture(name="channel")
def channel_with_queues(bare_channel):
    """Declared beforehand: looking into a queue that `simulate` has yet to declare would close the channel."""
    harness.declare_neighbour_queues(bare_channel)
    return bare_channel


class Simulation:
    def __init__(self, *args):
        self.process = subprocess.Popen([harness.PROGRAM, "simulate", *args], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, how=None):
        """Exit code and summary; with a signal, or of itself."""
        if how is not None:
            self.process.send_signal(how)
        output = self.process.communicate(timeout=harness.DEADLINE)[0] if how is None else self.process.stdout.read()
        return self.process.wait(harness.DEADLINE), output


def seconds_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def trading_signal(side="buy", asset="BTCUSDT", at=START):
    signal_id = str(uuid.uuid4())
    return {"signal_id": signal_id, "signal_type": side, "asset": asset, "amount": 500.0, "confidence": 0.6, "timestamp": at,
            "strategy_id": "momentum_v1", "model_version": None, "is_warmup": True,
            "market_data_snapshot": {"price": 50000.0, "spread": 1.0, "volume_24h": 1.0, "volatility": 0.001,
                                     "orderbook_depth": None, "technical_indicators": None},
            "metadata": {}, "trace_id": "trace-" + signal_id}


def run_to_end(*args):
    return harness.run("simulate", *args)


def test_simulate_declares_queues_as_the_neighbours_do(bare_channel):
    run_to_end("--speed", "0", "--duration", "1", "--start", START)
    harness.declare_neighbour_queues(bare_channel)  # refused by the broker unless the arguments are equal


def test_simulate_publishes_a_market_in_market_time(channel):
    done = run_to_end("--speed", "0", "--duration", "300", "--start", START, "--assets", "BTCUSDT,SOLUSDT", "--backlog", "0")
    assert done.returncode == 0, done.stderr
    kinds = {}
    for name in MARKET_QUEUES:
        last = 0.0
        while (message := harness.take_message(channel, name)) is not None:
            event = message.json()
            assert set(event) >= {"event_id", "event_type", "topic", "timestamp", "received_at", "payload", "trace_id"}
            at = seconds_of(event["timestamp"])
            assert START_S <= at <= START_S + 301 and at >= last
            last = at
            kinds.setdefault(name, set()).add(event["topic"].split(".")[-1])
    assert kinds == {name: {"BTCUSDT", "SOLUSDT"} for name in MARKET_QUEUES}


def test_simulate_by_default_is_a_market_of_now(channel):
    """Fresh enough for a worker that goes by the wall's time, whatever the second of the minute it was started in."""
    def is_fresh():
        message = harness.take_message(channel, "ws-gateway.ticker")
        return message is not None and abs(seconds_of(message.json()["timestamp"]) - time.time()) < 5

    with Simulation():
        eventually(is_fresh, "a tick of now")


def test_simulate_is_the_same_for_the_same_seed(channel):
    bodies = []
    for _ in range(2):
        assert run_to_end("--speed", "0", "--duration", "30", "--start", START, "--seed", "7").returncode == 0
        bodies.append([harness.take_message(channel, "ws-gateway.ticker").body for _ in range(60)])
        harness.purge(channel)
    assert bodies[0] == bodies[1]


def test_simulate_never_leaves_more_unread_than_it_may(channel):
    with Simulation("--speed", "0", "--start", START, "--backlog", "100") as simulation:
        eventually(lambda: any("connected" in line for line in simulation.lines), "connected")
        eventually(lambda: harness.queue_depth(channel, "ws-gateway.ticker") >= 99, "a full queue")
        read = 0
        while read < 1000:
            for name in MARKET_QUEUES:
                assert harness.queue_depth(channel, name) <= 100
            read += sum(harness.take_message(channel, name) is not None for name in MARKET_QUEUES)
        assert simulation.end(signal.SIGINT)[0] == 0


def follow_order(channel, signal_id):
    """Order events of one signal, until its order has ended."""
    events = []
    while not events or events[-1].json()["event_type"] not in ("filled", "cancelled", "rejected"):
        message = harness.await_message(channel, ORDER_EVENTS)
        if message.json()["order"]["signal_id"] == signal_id:
            events.append(message)
    return events


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_simulate_answers_signals_with_orders_and_positions(channel, options):
    with Simulation("--speed", "200", "--start", START, "--reject", "0", "--partial", "0", "--backlog", "0", *options) as simulation:
        eventually(lambda: any("simulate-out" in line for line in simulation.lines), "connected")
        harness.await_message(channel, "ws-gateway.ticker")
        sent = trading_signal()
        harness.publish(channel, SIGNALS, sent, {"trace_id": sent["trace_id"]})
        events = follow_order(channel, sent["signal_id"])
        assert [event.json()["event_type"] for event in events] == ["created", "filled"]
        order = events[-1].json()["order"]
        assert order["asset"] == "BTCUSDT" and order["side"] == "buy" and float(order["filled_quantity"]) > 0
        assert order["is_dry_run"] is bool(options)
        assert seconds_of(order["executed_at"]) >= seconds_of(order["created_at"]) >= START_S
        for event in events:
            assert event.properties.headers["trace_id"] == sent["trace_id"]
            assert event.properties.delivery_mode == 2 and event.properties.content_type == "application/json"
        position = harness.await_message(channel, POSITIONS).json()
        assert position["asset"] == "BTCUSDT" and float(position["size"]) > 0
        assert position["mode"] == ("dry-run" if options else "one-way")
        code, summary = simulation.end(signal.SIGTERM)
    assert code == 0
    assert "signals    1," in summary and "1 filled" in summary


def test_simulate_slows_down_for_late_signals_and_recovers(channel, tmp_path):
    status = tmp_path / "status.json"

    def speed():
        with contextlib.suppress(OSError, ValueError):
            return json.loads(status.read_text())["speed"]
        return None

    with Simulation("--speed", "500", "--start", START, "--backlog", "0", "--lag-max", "5", "--status-file",
                    str(status)) as simulation:
        eventually(lambda: speed() == 500, "full speed")
        late = eventually(lambda: harness.take_message(channel, "ws-gateway.kline"), "a candle")
        harness.publish(channel, SIGNALS, trading_signal())
        eventually(lambda: speed() < 500, "slower")
        eventually(lambda: speed() == 500, "full speed again")
        assert seconds_of(late.json()["timestamp"]) > START_S + 5
        assert simulation.end(signal.SIGTERM)[0] == 0


def validator(message):
    with open(os.path.join(harness.ROOT, "docs", "asyncapi.json"), encoding="utf-8") as source:
        document = json.load(source)
    schema = document["components"]["messages"][message]["payload"]
    return jsonschema.Draft7Validator(schema, resolver=jsonschema.RefResolver("", document))


def test_simulate_sends_what_the_documents_say(channel):
    with Simulation("--speed", "1000", "--start", START, "--backlog", "0", "--partial", "0.5", "--reject", "0.3", "--lag-max",
                    "0") as simulation:
        eventually(lambda: any("simulate-out" in line for line in simulation.lines), "connected")
        harness.await_message(channel, "ws-gateway.ticker")
        for i in range(20):
            harness.publish(channel, SIGNALS, trading_signal("buy" if i % 2 else "sell"))
        eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) >= 40, "order events")
        eventually(lambda: harness.queue_depth(channel, POSITIONS) >= 10, "positions")
        eventually(lambda: harness.queue_depth(channel, "ws-gateway.kline") >= 4, "candles")
        assert simulation.end(signal.SIGTERM)[0] == 0
    kinds = {ORDER_EVENTS: "orderEvent", POSITIONS: "positionUpdate",
             **{name: name.split(".")[1] for name in MARKET_QUEUES}}
    for name, message in kinds.items():
        check = validator(message)
        for _ in range(min(harness.queue_depth(channel, name), 200)):
            check.validate(harness.take_message(channel, name).json())


def test_simulate_takes_a_signal_once(channel):
    with Simulation("--speed", "200", "--start", START, "--reject", "0", "--partial", "0", "--backlog", "0") as simulation:
        eventually(lambda: any("simulate-out" in line for line in simulation.lines), "connected")
        harness.await_message(channel, "ws-gateway.ticker")
        sent = trading_signal()
        for _ in range(3):
            harness.publish(channel, SIGNALS, sent)
        harness.publish(channel, SIGNALS, {"not": "a signal"})
        follow_order(channel, sent["signal_id"])
        eventually(lambda: harness.queue_depth(channel, SIGNALS) == 0, "all signals taken")
        summary = simulation.end(signal.SIGTERM)[1]
    assert "signals    4, of these 2 duplicates and 1 bad" in summary


def test_simulate_survives_a_broker_restart(channel):
    channel.connection.close()
    with Simulation("--speed", "100", "--start", START, "--reject", "0", "--partial", "0", "--backlog", "0") as simulation:
        eventually(lambda: any("simulate-out" in line for line in simulation.lines), "connected")
        harness.stack("restart-broker")
        eventually(lambda: sum("recovered" in line for line in simulation.lines) >= 2, "recovered")
        after = harness.amqp_channel()
        harness.purge(after, "ws-gateway.ticker")
        harness.await_message(after, "ws-gateway.ticker")
        sent = trading_signal()
        harness.publish(after, SIGNALS, sent)
        follow_order(after, sent["signal_id"])
        assert simulation.end(signal.SIGTERM)[0] == 0


CANDLES = "ts_ms,open,high,low,close,volume\n" + "".join(
    f"{1700000000000 + 60000 * i},{100 + i},{101 + i},{99 + i},{100.5 + i},10\n" for i in range(120))


@pytest.mark.parametrize("packed", [False, True])
def test_simulate_replays_a_file(channel, tmp_path, packed):
    path = tmp_path / ("venue_ethusdt_1m.csv.gz" if packed else "venue_ethusdt_1m.csv")
    path.write_bytes(gzip.compress(CANDLES.encode()) if packed else CANDLES.encode())
    status = tmp_path / "status.json"
    done = run_to_end("--data", str(path), "--speed", "0", "--backlog", "0", "--status-file", str(status))
    assert done.returncode == 0, done.stderr
    assert harness.queue_depth(channel, "ws-gateway.kline") == 120
    assert harness.take_message(channel, "ws-gateway.kline").json()["topic"].endswith(".ETHUSDT")
    assert json.loads(status.read_text())["phase"] == "done"


@pytest.mark.parametrize("args, code, why", [
    (["--speed", "-1"], 2, "--speed=-1"), (["--assets", "B!"], 2, "--assets"), (["--start", "tomorrow"], 2, "--start"),
    (["--edge", "9"], 2, "--edge"), (["surplus"], 2, "surplus"), (["--data", "/nowhere/a_btcusdt_1h.csv"], 1, "/nowhere"),
    (["--data", "/nowhere/prices.csv"], 2, "--assets"), (["--env-file", "/nowhere/env"], 2, "/nowhere/env")])
def test_simulate_says_what_is_wrong(args, code, why):
    done = run_to_end(*args)
    assert done.returncode == code
    assert why in done.stderr


def test_simulate_names_a_file_that_is_no_market_data(channel, tmp_path):
    path = tmp_path / "venue_btcusdt_1h.csv"
    path.write_text("a,b\n1,2\n")
    done = run_to_end("--data", str(path), "--speed", "0")
    assert done.returncode == 1 and "venue_btcusdt_1h.csv" in done.stderr
    assert os.path.exists(path) and channel.is_open
