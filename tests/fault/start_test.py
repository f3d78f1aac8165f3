"""The worker starts while its neighbours are away, in any order of their coming, and needs no second start."""
import uuid

import harness
import load
import pytest
from harness import ORDER_EVENTS, eventually, order_event, publish, query


@pytest.fixture(autouse=True)
def _everything_is_up_again():
    load.prepare_broker()
    yield
    harness.stack("start-broker")
    harness.stack("start-db")


def check_it_works(worker):
    worker.await_ready(60)
    event = order_event(str(uuid.uuid4()))
    publish(harness.amqp_channel(), ORDER_EVENTS, event)
    with harness.db() as connection:
        eventually(lambda: query(connection, "SELECT 1 FROM order_events WHERE event_id = %s", event["event_id"]), "an event is stored")
    assert worker.stop() == 0


def await_missing(worker, *parts):
    """Its port answers, and says what is away."""
    def is_said():
        try:
            return all(load.is_missing(worker, part) for part in parts)
        except ConnectionError:
            return False
    eventually(is_said, f"{parts} are missed")
    assert worker.get("/health/live", key=False).code == 200
    assert worker.process.poll() is None


@pytest.mark.parametrize("first, second", [("db", "broker"), ("broker", "db")])
def test_everything_is_away_at_the_start(first, second):
    harness.stack("kill-broker")
    harness.stack("stop-db")
    with harness.Worker() as worker:
        await_missing(worker, "database", "consume_connection", "publish_connection")
        harness.stack(f"start-{first}")
        eventually(lambda: load.is_missing(worker, "database" if first == "db" else "consume_connection") is None, f"the {first} is found", 60)
        harness.stack(f"start-{second}")
        check_it_works(worker)
