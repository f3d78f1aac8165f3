"""Queues that are missing, that come later, that are of another kind: each consumer stands alone, and nothing is declared that
belongs to others. Contract 3, design 2."""
import subprocess
import time
import uuid

import harness
import load
import pytest
from harness import MARKET_QUEUES, ORDER_EVENTS, POSITIONS, SIGNALS, db, eventually, order_event, publish, query

OTHERS = (*MARKET_QUEUES, POSITIONS)


@pytest.fixture(name="channel")
def channel_of_an_empty_broker():
    channel = harness.amqp_channel()
    for name in (ORDER_EVENTS, SIGNALS, *OTHERS):
        channel.queue_delete(name)
    yield channel
    channel.connection.close()


def kinds():
    """Kind and arguments of every queue there is."""
    said = subprocess.run([f"{harness.ROOT}/tools/stack", "ctl", "-q", "--no-table-headers", "list_queues", "-p",
                           harness.os.environ["RABBITMQ_VHOST"], "name", "type", "durable", "arguments"],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    lines = [line.split("\t") for line in said.splitlines() if "\t" in line]
    return {name: (kind.removeprefix("rabbit_").removesuffix("_queue"), durable, arguments) for name, kind, durable, arguments in lines}


def consumers(worker):
    return {item["queue"]: item for item in worker.get("/health", key=False).json()["details"]["consumers"]}


def is_stored(event):
    with db() as connection:
        return query(connection, "SELECT 1 FROM order_events WHERE event_id = %s", event["event_id"])


def send_one(channel):
    event = order_event(str(uuid.uuid4()))
    publish(channel, ORDER_EVENTS, event)
    eventually(lambda: is_stored(event), "the event is stored")


def test_an_empty_broker_gets_our_queues_and_nobody_elses(channel):
    with harness.Worker() as worker:
        worker.await_ready()
        for name in OTHERS:
            eventually(lambda: consumers(worker)[name]["state"] == "missing", f"{name} is missed")  # pylint: disable=cell-var-from-loop
            assert worker.metric("alphaloop_amqp_consumer_up", queue=name) == 0
        health = worker.get("/health", key=False)
        assert health.code == 200, "a neighbour's missing queue is no reason to be restarted"
        assert all(any(name in problem for problem in health.json()["details"]["problems"]) for name in OTHERS)
        assert set(kinds()) == {ORDER_EVENTS, SIGNALS}
        for name in (ORDER_EVENTS, SIGNALS):
            channel.queue_declare(name, durable=True)  # as the neighbours declare them: refused if it were otherwise
        send_one(channel)
        harness.declare_neighbour_queues(channel)
        for name in OTHERS:
            eventually(lambda: worker.metric("alphaloop_amqp_consumer_up", queue=name) == 1, f"{name} is read")  # pylint: disable=cell-var-from-loop
        publish(channel, MARKET_QUEUES[0], harness.ticker())
        worker.await_metric("alphaloop_market_messages_total", 1, source="ticker", outcome="accepted")
        assert worker.stop() == 0


def test_the_order_queue_is_made_as_quorum_when_asked_for(channel):
    with harness.Worker(ORDER_EVENTS_QUEUE_TYPE="quorum") as worker:
        worker.await_ready()
        assert kinds()[ORDER_EVENTS][:2] == ("quorum", "true")
        assert kinds()[SIGNALS][0] == "classic"
        send_one(channel)
        assert worker.stop() == 0
    assert harness.queue_depth(channel, ORDER_EVENTS) == 0


@pytest.mark.parametrize("there, asked", [("quorum", "classic"), ("classic", "quorum")])
def test_a_queue_that_is_there_is_taken_as_it_is(channel, there, asked):
    arguments = {"x-queue-type": "quorum"} if there == "quorum" else {"x-message-ttl": 3600000}
    channel.queue_declare(ORDER_EVENTS, durable=True, arguments=arguments)
    with harness.Worker(ORDER_EVENTS_QUEUE_TYPE=asked) as worker:
        worker.await_ready()
        send_one(channel)
        assert kinds()[ORDER_EVENTS][0] == there
        assert worker.stop() == 0


def test_an_exclusive_neighbour_disturbs_one_consumer_only(channel):
    """A queue the broker refuses to share is like one that is missing."""
    other = harness.amqp_connection()
    other.channel().queue_declare(MARKET_QUEUES[0], exclusive=True)
    with harness.Worker() as worker:
        worker.await_ready()
        eventually(lambda: consumers(worker)[MARKET_QUEUES[0]]["state"] == "refused", "the ticker is refused")
        send_one(channel)
        other.close()
        harness.declare_neighbour_queues(channel)
        eventually(lambda: worker.metric("alphaloop_amqp_consumer_up", queue=MARKET_QUEUES[0]) == 1, "the ticker is read")
        assert worker.metric("alphaloop_amqp_connects_total", connection="consume") == 1, "the others were disturbed"
        assert worker.stop() == 0


def test_prefetch_bounds_what_is_taken(channel):
    """While nothing can be committed, no more than PREFETCH events leave the queue."""
    channel.queue_declare(ORDER_EVENTS, durable=True)
    with harness.Worker(PREFETCH=7, ORDER_EVENTS_BATCH=3) as worker, db() as connection:
        worker.await_ready()
        connection.autocommit = False
        query(connection, "LOCK TABLE order_events IN ACCESS EXCLUSIVE MODE")
        for _ in range(50):
            publish(channel, ORDER_EVENTS, order_event(str(uuid.uuid4())))
        eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) == 43, "seven are taken")
        worker.await_metric("alphaloop_amqp_deliveries_total", 7, queue=ORDER_EVENTS)
        assert worker.metric("alphaloop_amqp_deliveries_total", queue=ORDER_EVENTS) == 7
        connection.rollback()
        eventually(lambda: worker.metric("alphaloop_order_events_total", outcome="new") == 50, "all are applied")
        assert worker.stop() == 0


def test_an_event_may_come_before_the_publication_of_its_signal_was_recorded(channel, tmp_path):
    """The signal waits in the ledger, because its queue is missing; the answer to it is already here."""
    settings = load.market_settings(tmp_path, assets="BTCUSDT", decision={"trigger": "tick"})
    settings.update(CLOCK="wall", WARMUP_RANDOMNESS_LEVEL=1, SIGNAL_TTL_SECONDS=86400)
    harness.declare_neighbour_queues(channel)
    with harness.Worker(**settings) as worker, db() as connection:
        worker.await_ready()
        channel.queue_delete(SIGNALS)
        first = int(time.time()) // 60 * 60 - 1200
        for number in range(19):
            publish(channel, MARKET_QUEUES[2], harness.candle(start_ms=(first + 60 * number) * 1000, price=50000 + number % 3))

        def a_signal():
            publish(channel, MARKET_QUEUES[0], harness.ticker())
            return query(connection, "SELECT signal_id::text, strategy_id, price, decided_at_ns, side FROM trading_signals"
                                     " WHERE status = 'pending' ORDER BY decided_at_ns LIMIT 1")

        signal_id, strategy, price, decided_at_ns, side = eventually(a_signal, "a signal waits")[0]
        event = order_event(signal_id, side=side, signal={"strategy_id": "an_impostor", "price": "1", "timestamp": "2020-01-01T00:00:00"})
        publish(channel, ORDER_EVENTS, event)
        worker.await_metric("alphaloop_order_events_matched_total", 1, match="matched")
        assert query(connection, "SELECT strategy_id, signal_price, signal_timestamp_ns FROM execution_events WHERE signal_id = %s",
                     signal_id) == [(strategy, price, decided_at_ns)]
        assert query(connection, "SELECT status FROM trading_signals WHERE signal_id = %s", signal_id) == [("pending",)]
        channel.queue_declare(SIGNALS, durable=True)
        eventually(lambda: query(connection, "SELECT 1 FROM trading_signals WHERE signal_id = %s AND status = 'published'", signal_id),
                   "it is published")
        publish(channel, ORDER_EVENTS, event)
        worker.await_metric("alphaloop_order_events_total", 1, outcome="duplicate")
        assert query(connection, "SELECT count(*) FROM execution_events WHERE signal_id = %s", signal_id) == [(1,)]
        assert worker.stop() == 0
