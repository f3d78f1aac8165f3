"""A crash between commit and publish: what is young enough leaves with the same id and bytes, what is older never does."""
import contextlib

import harness
import load
import pytest
from harness import SIGNALS, db, eventually, query

SPEED, ASSETS = 300, "BTCUSDT,ETHUSDT"
LONG_SECONDS = 86400  # a time to live that outlasts the crash, after which the market's clock begins at the wall's


@pytest.fixture(autouse=True)
def _broker():
    load.prepare_broker()
    yield
    load.broker_ctl("set_vm_memory_high_watermark", "0.4")


def settings(folder, ttl_seconds):
    return {**load.market_settings(folder, SPEED, ASSETS), "SIGNAL_TTL_SECONDS": ttl_seconds}


def market():
    """It begins two hours ago, so that what is decided in it is of today."""
    return load.simulation(SPEED, ASSETS, "--start", harness.now_text(-7200))


def states(ids):
    with db() as connection:
        return dict(query(connection, "SELECT signal_id::text, status FROM trading_signals WHERE signal_id::text IN %s", tuple(ids)))


def age(ids):
    """Let their time to live pass."""
    with db() as connection:
        query(connection, "UPDATE trading_signals SET expires_at_ns = decided_at_ns + 1 WHERE signal_id::text IN %s", tuple(ids))


@contextlib.contextmanager
def one_tick():
    """A market of one message: with the wall's clock the worker goes on deciding on it, whoever may publish."""
    channel = harness.amqp_channel()
    harness.publish(channel, "ws-gateway.ticker", harness.ticker())
    yield


def crash_with_pending(worker, block, prices=market):
    """The worker decides, cannot publish after block(), and is killed. Returns what it had committed since; what it sent just
    before may still reach the queue."""
    worker.await_ready()
    with prices():
        worker.await_metric("alphaloop_signal_publishes_total", 1, 60, result="confirmed")
        block()
        sent = set(load.pending())
        eventually(lambda: len(set(load.pending()) - sent) >= 8, "eight signals wait", 60)
        worker.kill()
    return {signal_id: body for signal_id, body in load.pending().items() if signal_id not in sent}


def check_after_restart(worker, waiting):
    """Half of them have become too old meanwhile."""
    old, young = sorted(waiting)[::2], sorted(waiting)[1::2]
    age(old)
    worker.env["CLOCK"] = "wall"  # the market is over, and without one nobody knows the time of it
    with load.Tap() as tap:
        worker.start()
        worker.await_ready()
        eventually(lambda: set(states(young).values()) == {"published"}, "the young ones are published")
        eventually(lambda: set(young) <= set(tap.bodies), "the young ones arrived")
        assert set(states(old).values()) == {"expired"}
        assert worker.stop() == 0
        tap.stop()
    tap.step(harness.amqp_channel())
    assert not tap.wrong
    assert {signal_id: tap.bodies[signal_id].decode() for signal_id in young} == {i: waiting[i] for i in young}
    assert not set(old) & set(tap.bodies), "an expired signal left"


def test_a_crash_while_the_queue_is_missing(tmp_path):
    def delete_queue():
        channel = harness.amqp_channel()
        channel.queue_delete(SIGNALS)
        channel.connection.close()

    with harness.Worker(**settings(tmp_path, LONG_SECONDS)) as worker:
        check_after_restart(worker, crash_with_pending(worker, delete_queue))


def test_a_crash_while_the_broker_blocks_publishing(tmp_path):
    wall = {"CLOCK": "wall", "CLOCK_SPEED": 1, "WARMUP_RANDOMNESS_LEVEL": 1, "WARMUP_SIGNAL_FREQUENCY": 300}
    with harness.Worker(**{**settings(tmp_path, LONG_SECONDS), **wall}) as worker:
        worker.await_ready()
        harness.amqp_channel().queue_purge(SIGNALS)

        def block():
            load.broker_ctl("set_vm_memory_high_watermark", "0.00001")
            worker.await_metric("alphaloop_amqp_connection_blocked", 1, connection="publish")
        waiting = crash_with_pending(worker, block, one_tick)
        load.broker_ctl("set_vm_memory_high_watermark", "0.4")
        check_after_restart(worker, waiting)


def test_a_signal_that_finds_no_queue_expires_while_the_worker_runs(tmp_path):
    with harness.Worker(**settings(tmp_path, 60)) as worker:
        worker.await_ready()
        channel = harness.amqp_channel()
        with market():
            worker.await_metric("alphaloop_signal_publishes_total", 1, 60, result="confirmed")
            channel.queue_delete(SIGNALS)
            worker.await_metric("alphaloop_signals_expired_total", 3)
            load.prepare_broker()
            confirmed = worker.metric("alphaloop_signal_publishes_total", result="confirmed")
            worker.await_metric("alphaloop_signal_publishes_total", confirmed + 1, result="confirmed")
        assert worker.stop() == 0
    assert not load.pending()
