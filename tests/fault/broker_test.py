"""The broker restarts, is killed, closes connections, loses queues, runs out of memory: everything heals and nothing is lost."""
import os
import signal

import harness
import load
import pytest
from harness import MARKET_QUEUES, ORDER_EVENTS, eventually

SPEED = 300


@pytest.fixture(autouse=True)
def _broker():
    load.prepare_broker()
    yield
    harness.stack("start-broker")
    load.broker_ctl("set_vm_memory_high_watermark", "0.4")


def check_all(worker, orders, tap):
    orders.await_stored()
    assert worker.stop() == 0
    tap.stop()
    tap.step(harness.amqp_channel())
    assert load.depth(ORDER_EVENTS) == 0
    orders.check()
    tap.check()


def test_restarts_and_kills_of_the_broker_under_load(tmp_path):
    with harness.Worker(**load.market_settings(tmp_path, SPEED)) as worker, load.Tap() as tap, \
            load.Orders(load.seed_of("broker")) as orders:
        worker.await_ready()
        with load.simulation(SPEED):
            for disturb in (["restart-broker"], ["kill-broker", "start-broker"]):
                n_signals, n_stored = tap.n_taken, len(orders.stored())
                eventually(lambda: tap.n_taken > n_signals + 5, "signals", 60)  # pylint: disable=cell-var-from-loop
                eventually(lambda: len(orders.stored()) > n_stored, "events")  # pylint: disable=cell-var-from-loop
                for command in disturb:
                    harness.stack(command)
                eventually(lambda: worker.get("/health/ready", key=False).code == 200, "ready again", 60)
                n_stored = len(orders.stored())
                eventually(lambda: len(orders.stored()) > n_stored, "events again")  # pylint: disable=cell-var-from-loop
        orders.stop()
        check_all(worker, orders, tap)


def test_connections_closed_by_the_broker():
    with harness.Worker() as worker, load.Tap() as tap, load.Orders(load.seed_of("closed")) as orders:
        worker.await_ready()
        for number in range(1, 4):
            eventually(lambda: len(orders.stored()) > 50, "events")
            load.broker_ctl("close_all_connections", "--vhost", os.environ["RABBITMQ_VHOST"], "closed by a test")
            worker.await_metric("alphaloop_amqp_connects_total", number + 1, connection="consume")
            worker.await_metric("alphaloop_amqp_connects_total", number + 1, connection="publish")
            eventually(lambda: worker.get("/health/ready", key=False).code == 200, "ready again")
        orders.stop()
        check_all(worker, orders, tap)


def consumer(worker, queue):
    details = worker.get("/health", key=False).json()["details"]
    return next(item for item in details["consumers"] if item["queue"] == queue)


def test_deleted_queues_disturb_no_other_and_come_back():
    with harness.Worker() as worker:
        worker.await_ready()
        channel = harness.amqp_channel()
        for queue in MARKET_QUEUES:
            channel.queue_delete(queue)
        for queue in MARKET_QUEUES:
            eventually(lambda: worker.metric("alphaloop_amqp_consumer_up", queue=queue) == 0, f"{queue} is missed")  # pylint: disable=cell-var-from-loop
        event = harness.order_event(str(load.uuid.uuid4()))
        harness.publish(channel, ORDER_EVENTS, event)
        with harness.db() as db:
            eventually(lambda: harness.query(db, "SELECT 1 FROM order_events WHERE event_id = %s", event["event_id"]), "stored")
        problems = worker.get("/health", key=False).json()["details"]["problems"]
        assert all(any(queue in problem for problem in problems) for queue in MARKET_QUEUES), problems
        harness.declare_neighbour_queues(channel)
        for queue in MARKET_QUEUES:
            eventually(lambda: worker.metric("alphaloop_amqp_consumer_up", queue=queue) == 1, f"{queue} is read again")  # pylint: disable=cell-var-from-loop
        harness.publish(channel, MARKET_QUEUES[0], harness.ticker())
        worker.await_metric("alphaloop_market_messages_total", 1, source="ticker")
        channel.queue_delete(ORDER_EVENTS)
        event = harness.order_event(str(load.uuid.uuid4()))
        eventually(lambda: worker.metric("alphaloop_amqp_consumer_up", queue=ORDER_EVENTS) == 1
                   and worker.get("/health/ready", key=False).code == 200, "the order queue is made again")
        harness.declare_neighbour_queues(channel)
        harness.publish(channel, ORDER_EVENTS, event)
        with harness.db() as db:
            eventually(lambda: harness.query(db, "SELECT 1 FROM order_events WHERE event_id = %s", event["event_id"]), "stored")
        assert worker.stop() == 0


def test_a_broker_short_of_memory_is_still_read(tmp_path):
    """While it runs no neighbour can publish either, so what the worker is to read waits in the broker before."""
    orders = load.Orders(load.seed_of("memory"), orders_per_step=300)
    patient = {kind: 86400 for kind in ("ticker", "book", "trades", "candle")}  # the market's clock runs on meanwhile
    with harness.Worker(**load.market_settings(tmp_path, SPEED, freshness_seconds=patient), SIGNAL_TTL_SECONDS=86400,
                        WARMUP_SIGNAL_FREQUENCY=6000) as worker:
        worker.await_ready()
        with load.Tap() as tap, load.simulation(SPEED):
            eventually(lambda: tap.n_taken > 5, "signals", 60)
            os.kill(worker.process.pid, signal.SIGSTOP)  # what is published meanwhile waits in the broker
            orders.step(harness.amqp_channel())
            eventually(lambda: load.depth(MARKET_QUEUES[0]) > 100, "market data waits")
        load.broker_ctl("set_vm_memory_high_watermark", "0.00001")
        eventually(load.alarm_is_set, "the broker's alarm")
        os.kill(worker.process.pid, signal.SIGCONT)
        orders.await_stored()
        missing = eventually(lambda: load.is_missing(worker, "publish_connection"), "/health/ready says blocked")
        assert missing[0] == "blocked"
        assert load.is_missing(worker, "consume_connection") is None
        assert worker.get("/health", key=False).json()["details"]["message_queue"] == "blocked"
        assert worker.metric("alphaloop_amqp_connection_blocked", connection="publish") == 1
        eventually(lambda: load.depth(ORDER_EVENTS) == 0 and load.depth(MARKET_QUEUES[0]) == 0, "everything is read")
        eventually(lambda: len(load.pending()) > 1, "signals wait in the ledger")
        waiting = set(load.pending())
        # That all of this was answered shows that the loop does not wait for the broker: the alarm lasts until now.
        assert load.alarm_is_set()
        load.broker_ctl("set_vm_memory_high_watermark", "0.4")
        eventually(lambda: worker.get("/health/ready", key=False).code == 200, "it heals")
        with load.Tap() as tap:
            eventually(lambda: waiting <= set(tap.bodies), "what waited is published")
            eventually(lambda: not load.pending(), "and nothing waits")
            with load.simulation(SPEED):
                n_taken = tap.n_taken
                eventually(lambda: tap.n_taken > n_taken + 5, "signals again", 60)
        assert worker.stop() == 0
    orders.check()
