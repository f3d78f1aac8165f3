"""A poisoned broker: garbage among good messages in every queue. All that is good is applied, all that is bad is kept, nothing stops."""
import contextlib
import json
import random
import uuid

import harness
import load
from harness import MARKET_QUEUES, ORDER_EVENTS, POSITIONS, eventually, publish, query

N_BAD = 600
STRICT = ("order_id", "signal_id", "asset", "side", "filled_quantity", "average_price", "fees", "executed_at")
NEVER = ("", " ", "NaN", "Infinity", "0x10", "1_0", "1e13", "\u0000", "9" * 5000, True, [], {}, [[]], {"a": "b"})


class Poison:
    """Messages that no rule of contract 3.1 lets through, no two alike."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.bodies = []

    def _good(self):
        return harness.order_event(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))

    def _bad_field(self):
        event, name = self._good(), self.random.choice(STRICT)
        event["order"][name] = self.random.choice(NEVER)
        if name in ("order_id", "asset") and isinstance(event["order"][name], str):
            event["order"][name] = None  # such text may be an id or an asset
        return json.dumps(event).encode()

    def _cut(self):
        body = json.dumps(self._good()).encode()
        return body[:self.random.randrange(1, len(body))]

    def _noise(self):
        return self.random.randbytes(self.random.randrange(1, 3000)) + b"\xff" + self.random.randbytes(8)

    def _more(self):
        body, more = json.dumps(self._good()).encode(), self.random.choice([b"{}", b"x", b"\x00", b",", b"]", b"\xff"])
        return body + more if self.random.random() < 0.5 else more + body

    def _deep(self):
        levels = self.random.randrange(65, 50000)
        return b'{"id%d":' % self.random.getrandbits(60) + b"[" * levels + b"]" * levels + b"}"

    def _large(self):
        return b'{"id":%d,"x":"' % self.random.getrandbits(60) + b"y" * (1 << 20) + b'"}'

    def next(self):
        kinds, weights = (self._bad_field, self._cut, self._noise, self._more, self._deep, self._large), (40, 20, 20, 15, 4, 1)
        body = self.random.choices(kinds, weights)[0]()
        self.bodies.append(body)
        return body

    def headers(self):
        return self.random.choice([None, {"trace_id": "t"}, {"trace_id": 5}, {"x": "\x00\x01" * 500}, {f"h{i}": "\x02" * 1500 for i in range(60)},
                                   {"deep": {"a": {"b": [{"c": [1, None]}]}}}, {"raw": b"\xff\x00"}])


def test_all_good_is_applied_and_all_bad_is_kept(tmp_path):
    seed = load.seed_of("poison")
    load.prepare_broker()
    poison, channel = Poison(seed), harness.amqp_channel()
    with harness.Worker(**load.market_settings(tmp_path, 300)) as worker, load.Tap() as tap, \
            load.Orders(seed, orders_per_step=2, pause=0.001) as orders, contextlib.ExitStack() as market:
        worker.await_ready()
        market.enter_context(load.simulation(300))
        for _ in range(N_BAD):
            publish(channel, ORDER_EVENTS, poison.next(), poison.headers())
            publish(channel, poison.random.choice((*MARKET_QUEUES, POSITIONS)), poison.random.choice(poison.bodies[-20:])[:100000])
        orders.stop()
        orders.await_stored()
        with harness.db() as db:
            eventually(lambda: query(db, "SELECT count(*) FROM quarantine")[0][0] >= N_BAD, "all is quarantined")
            kept = [bytes(body) for body, in query(db, "SELECT body FROM quarantine WHERE queue = %s", ORDER_EVENTS)]
            assert sorted(kept) == sorted(poison.bodies)
            assert query(db, "SELECT count(*) FROM quarantine WHERE reason = 'database_refused'") == [(0,)]
        refused = sum(worker.metric("alphaloop_market_messages_total", source=source, outcome="refused")
                      for source in ("ticker", "orderbook", "kline", "trades", "position"))
        assert refused == N_BAD
        n_signals = tap.n_taken
        eventually(lambda: tap.n_taken > n_signals, "signals go out", 60)
        market.close()
        for connection in ("consume", "publish"):
            assert worker.metric("alphaloop_amqp_connects_total", connection=connection) == 1, "something cost a connection"
        eventually(lambda: load.depth(ORDER_EVENTS) == 0, "the queue is empty")
        assert worker.stop() == 0
    assert load.depth(ORDER_EVENTS) == 0, "something was not acknowledged"
    orders.check()
    tap.step(harness.amqp_channel())
    tap.check()
