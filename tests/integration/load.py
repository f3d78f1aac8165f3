"""Load for the fault tests: order events whose end is known beforehand, a market from `alphaloop simulate`, and a tap that
sees every published signal. Everything survives the broker going away."""
import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import uuid
from decimal import Decimal

import pika
import pika.exceptions

import harness
from harness import ORDER_EVENTS, SIGNALS

sys.path.insert(0, os.path.join(harness.ROOT, "tests"))
import decode_signal  # noqa: E402

FORWARDED = "test.forwarded_signals"
BROKER_FAULTS = (pika.exceptions.AMQPError, OSError)

# Decides several times a second of wall time at the speeds used here, and often enough to fill an outbox.
STRATEGY = {
    "description": "Decides often.", "horizon_seconds": 60, "timeframe_seconds": 60, "features": ["standard"],
    "decision": {"trigger": "interval", "interval_seconds": 5},
    "limits": {"rate": 1000000, "burst": 1000, "cooldown_seconds": 0, "skip_on_open_order": False},
    "freshness_seconds": {"ticker": 600, "book": 600, "trades": 600, "candle": 600},
}


def strategy_folder(folder, **fields):
    """A STRATEGY_CONFIG_DIR with one strategy, `often`, changed by `fields`."""
    with open(os.path.join(harness.ROOT, "config", "strategies", "default.json"), encoding="utf-8") as default:
        (folder / "default.json").write_text(default.read())
    (folder / "often.json").write_text(json.dumps({**STRATEGY, **fields}))
    return folder


def market_settings(folder, speed=60, assets="BTCUSDT,ETHUSDT", **fields):
    """Settings of a worker that trades a market replayed at `speed`."""
    return {"CLOCK": "market", "CLOCK_SPEED": speed, "TRADING_ASSETS": assets, "TRADING_STRATEGIES": "often",
            "STRATEGY_CONFIG_DIR": strategy_folder(folder, **fields)}


class Repeating:
    """A thread that repeats step() until it is stopped, with a channel of its own that it opens again when the broker goes."""

    def __init__(self, pause):
        self.pause, self.ending, self.failure = pause, threading.Event(), None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ending.set()
        self.thread.join(harness.DEADLINE)
        if self.failure is not None:
            raise self.failure

    def _run(self):
        channel = None
        try:
            while not self.ending.is_set():
                try:
                    channel = channel or harness.amqp_channel()
                    self.step(channel)
                except BROKER_FAULTS:
                    channel = None
                self.ending.wait(self.pause)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error
        finally:
            with contextlib.suppress(*BROKER_FAULTS, AttributeError):
                channel.connection.close()

    def step(self, channel):
        raise NotImplementedError


class Orders(Repeating):
    """Publishes orders that fill in three parts: in any order, with repeats, some cancelled after a part.

    An event counts as sent when the broker confirmed it; until then it is sent again. Quantities are 0.25, 0.5 and 1 and
    prices multiples of 3, so that every average and every increment is a decimal of 8 places: sums are exact whatever
    order the events arrive in.
    """

    def __init__(self, seed, orders_per_step=10, pause=0.02):
        super().__init__(pause)
        self.random, self.per_step = random.Random(seed), orders_per_step
        self.final = {}  # order id: quantity, notional, fees
        self.events = {}  # event id: order id
        self.n_sent = 0
        self.waiting = []

    def _order(self):
        order, signal = str(uuid.UUID(int=self.random.getrandbits(128), version=4)), str(uuid.uuid4())
        parts = self.random.choice([1, 2, 3, 3])
        quantity = notional = fees = Decimal(0)
        events = [self._event(signal, order, "created", "1", "0", None, "0")]
        for total in (Decimal("0.25"), Decimal("0.5"), Decimal("1"))[:parts]:
            price = 3 * self.random.randint(16000, 17000)
            notional += (total - quantity) * price
            quantity, fees = total, fees + Decimal(self.random.randint(-100, 1000)) / 10000
            kind = "filled" if quantity == 1 else "partially_filled"
            events.append(self._event(signal, order, kind, "1", str(quantity), str(notional / quantity), str(fees)))
        if parts < 3:
            events.append(self._event(signal, order, "cancelled", "1", str(quantity), str(notional / quantity), str(fees)))
        self.final[order] = (quantity, notional, fees)
        events += self.random.sample(events, self.random.randint(0, 2))
        self.random.shuffle(events)
        return events

    def _event(self, signal, order, kind, quantity, filled, price, fees):
        event = harness.order_event(signal, kind, order, quantity=quantity, filled=filled, price=price, fees=fees)
        event["order"]["average_price"] = price
        self.events[event["event_id"]] = order
        return event

    def step(self, channel):
        if not self.waiting:
            self.waiting = [event for _ in range(self.per_step) for event in self._order()]
        while self.waiting:
            harness.publish(channel, ORDER_EVENTS, self.waiting[-1])
            self.waiting.pop()
            self.n_sent += 1

    def stop(self):
        super().stop()
        if self.waiting:
            self.step(harness.amqp_channel())

    # ---- what must be there at the end ----

    def stored(self):
        with harness.db() as db:
            return {row[0] for row in harness.query(db, "SELECT event_id::text FROM order_events")} & set(self.events)

    def await_stored(self, deadline=60):
        harness.eventually(lambda: len(self.stored()) == len(self.events), f"{len(self.events)} events are stored", deadline)

    def check(self):
        """Every event stored once, and every order executed to exactly what its last state says."""
        with harness.db() as db:
            sums = {row[0]: row[1:] for row in harness.query(
                db, "SELECT order_id, sum(execution_quantity), sum(execution_quantity * execution_price),"
                    " sum(execution_fees) FROM execution_events GROUP BY order_id")}
            rows = harness.query(db, "SELECT count(*), count(DISTINCT event_id) FROM order_events")
        assert rows[0][0] == rows[0][1]
        assert self.stored() == set(self.events)
        wrong = {order: (sums.get(order), final) for order, final in self.final.items() if sums.get(order) != final}
        assert not wrong, f"{len(wrong)} of {len(self.final)} orders: {list(wrong.items())[:3]}"


class Tap(Repeating):
    """Takes signals off the queue, decodes them, keeps their bytes by id and hands each on to the simulated market once."""

    seen = {}  # of all taps of this program, which share one database

    def __init__(self, pause=0.02):
        super().__init__(pause)
        self.bodies = {}  # signal id: body
        self.signals = []
        self.wrong = []
        self.n_taken = 0

    def step(self, channel):
        channel.queue_declare(SIGNALS, durable=True)
        channel.queue_declare(FORWARDED, durable=True)
        while True:
            method, properties, body = channel.basic_get(SIGNALS)
            if method is None:
                return
            self.see(harness.Message(method, properties, body))
            channel.basic_publish("", FORWARDED, body, properties)
            channel.basic_ack(method.delivery_tag)  # only now: a broker that dies hands it out again

    def see(self, message):
        self.n_taken += 1
        try:
            signal = decode_signal.decode_message(message.properties, message.body)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong.append(f"{error}: {message.body[:300]}")
            return
        self.bodies[signal["signal_id"]] = message.body
        known = self.seen.setdefault(signal["signal_id"], message.body)
        if known != message.body:
            self.wrong.append(f"signal {signal['signal_id']} has two bodies")
        else:
            self.signals.append(signal)

    def check(self):
        """Nothing wrong was published, and the ledger agrees: what left is published, and nothing waits."""
        assert not self.wrong, self.wrong[:3]
        with harness.db() as db:
            status = dict(harness.query(db, "SELECT signal_id::text, status FROM trading_signals"))
            bodies = dict(harness.query(db, "SELECT signal_id::text, body FROM trading_signals"))
        assert set(status.values()) <= {"published", "expired"}, [s for s in status.values() if s == "pending"]
        assert set(self.bodies) <= set(status), "a signal left that the ledger does not have"
        for signal_id, body in self.bodies.items():
            assert bodies[signal_id].encode() == body
        lost = [i for i, state in status.items() if state == "published" and i not in self.seen]
        assert not lost, f"{len(lost)} signals are marked published and never came"


@contextlib.contextmanager
def simulation(speed=60, assets="BTCUSDT,ETHUSDT", *options):
    """`alphaloop simulate`: market data in, signals (those the tap forwards) filled. Ends with the block; pause() holds it."""
    process = subprocess.Popen([harness.PROGRAM, "simulate", "--speed", str(speed), "--assets", assets, *options],
                               cwd=harness.ROOT, env=dict(os.environ, SIGNALS_QUEUE=FORWARDED),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(harness.DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prepare_broker():
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    channel.queue_declare(FORWARDED, durable=True)
    channel.connection.close()


def depth(name):
    channel = harness.amqp_channel()
    try:
        return harness.queue_depth(channel, name)
    finally:
        channel.connection.close()


def pending():
    """Signals that wait in the ledger: id to body."""
    with harness.db() as db:
        return dict(harness.query(db, "SELECT signal_id::text, body FROM trading_signals WHERE status = 'pending'"))


def broker_ctl(*args):
    harness.stack("ctl", "-q", *args)


def alarm_is_set():
    """Whether the broker, short of memory, asks publishers to stop."""
    said = subprocess.run([os.path.join(harness.ROOT, "tools", "stack"), "ctl", "-q", "eval", "rabbit_alarm:get_alarms()."],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    return "memory" in said


def rss_mb(worker):
    with open(f"/proc/{worker.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def is_missing(worker, part):
    """What /health/ready says of a part: None when it is there, else (state, detail)."""
    answer = worker.get("/health/ready", key=False)
    items = {item["part"]: (item["state"], item["detail"]) for item in answer.json()["missing"]}
    assert (answer.code == 200) == (not items)
    return items.get(part)


def seed_of(name):
    """A seed by test, the same in every run; FAULT_SEED gives another."""
    seed = os.environ.get("FAULT_SEED") or hashlib.sha256(name.encode()).hexdigest()[:8]
    print(f"{name}: FAULT_SEED={seed}")
    return seed
