"""The database goes away or refuses: nothing is acknowledged early, nothing grows, one bad event costs no other."""
import json
import os
import signal
import threading

import harness
import load
import pytest
from harness import ORDER_EVENTS, db, eventually, order_event, query

SPEED, AWAY_SECONDS, MEMORY_MARGIN_MB = 60, 20, 40


@pytest.fixture(autouse=True)
def _broker():
    load.prepare_broker()
    yield
    harness.stack("start-db")


def test_twenty_seconds_without_a_database_under_load(tmp_path):
    seed = load.seed_of("database")
    with harness.Worker(**load.market_settings(tmp_path, SPEED)) as worker, load.Tap() as tap, \
            load.simulation(SPEED) as market, load.Orders(seed) as orders:
        worker.await_ready()
        eventually(lambda: len(orders.stored()) >= 500, "500 events are stored")
        before_mb = load.rss_mb(worker)
        harness.stack("stop-db")
        eventually(lambda: load.is_missing(worker, "database"), "/health/ready misses the database")
        n_stored = worker.metric("alphaloop_order_events_total")
        n_market = worker.metric("alphaloop_market_messages_total", source="ticker")
        threading.Event().wait(AWAY_SECONDS)  # the outage itself: the one real wait of these tests
        assert worker.metric("alphaloop_order_events_total") == n_stored, "something was acknowledged without a database"
        assert worker.metric("alphaloop_market_messages_total", source="ticker") > n_market, "market data is not read"
        assert worker.get("/health", key=False).code == 503
        assert worker.get("/health/live", key=False).code == 200
        assert load.rss_mb(worker) < before_mb + MEMORY_MARGIN_MB, "memory grew"
        harness.stack("start-db")
        eventually(lambda: load.is_missing(worker, "database") is None, "the database is back")
        n_signals = tap.n_taken
        orders.stop()
        orders.await_stored()
        eventually(lambda: tap.n_taken > n_signals, "signals again", 60)
        market.terminate()
        market.wait()
        assert worker.stop() == 0
    tap.step(harness.amqp_channel())
    assert load.depth(ORDER_EVENTS) == 0
    orders.check()
    tap.check()


def test_the_database_killed_in_the_middle_of_transactions():
    with harness.Worker() as worker, load.Orders(load.seed_of("database killed"), pause=0.005) as orders:
        worker.await_ready()
        for _ in range(3):
            seen = len(orders.stored())
            eventually(lambda: len(orders.stored()) > seen + 200, "events are stored")  # pylint: disable=cell-var-from-loop
            harness.stack("kill-db")
            eventually(lambda: load.is_missing(worker, "database"), "/health/ready misses the database")
            harness.stack("start-db")
        orders.stop()
        orders.await_stored()
        assert worker.stop() == 0
    assert load.depth(ORDER_EVENTS) == 0
    orders.check()


def test_an_event_that_the_database_refuses_is_quarantined_alone():
    with harness.Worker() as worker, db() as connection:
        worker.await_ready()
        query(connection, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                          " $$ BEGIN IF NEW.order_id LIKE 'refused%' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$")
        query(connection, "CREATE TRIGGER refuse BEFORE INSERT ON orders_seen FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            good = [order_event(str(load.uuid.uuid4())) for _ in range(40)]
            bad = [order_event(str(load.uuid.uuid4()), order_id=f"refused-{n}") for n in range(2)]
            channel = harness.amqp_channel()
            for event in good[:20] + bad[:1] + good[20:39] + bad[1:] + good[39:]:
                harness.publish(channel, ORDER_EVENTS, event)
            eventually(lambda: query(connection, "SELECT count(*) FROM quarantine") == [(2,)], "two are quarantined")
            ids = tuple(event["event_id"] for event in good)
            eventually(lambda: query(connection, "SELECT count(*) FROM execution_events WHERE event_id::text IN %s", ids)
                       == [(40,)], "forty are executed")
        finally:
            query(connection, "DROP TRIGGER refuse ON orders_seen")
            query(connection, "DROP FUNCTION refuse()")
        rows = query(connection, "SELECT reason, detail, body FROM quarantine ORDER BY id")
        assert [row[:2] for row in rows] == [("database_refused", "not this one")] * 2
        assert [json.loads(bytes(body)) for _, _, body in rows] == bad
        assert query(connection, "SELECT count(*) FROM order_events WHERE order_id LIKE 'refused%%'") == [(0,)]
        assert harness.run("quarantine", "retry", "1").returncode == 0
        eventually(lambda: query(connection, "SELECT 1 FROM execution_events WHERE order_id = 'refused-0'"), "it is taken now")
        assert worker.stop() == 0
    assert load.depth(ORDER_EVENTS) == 0


def backend(name):
    """Process id of the server's side of the worker's connection `name`."""
    with db() as connection:
        return query(connection, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s",
                     name)[0][0]


def test_a_database_that_hangs_is_missed_although_it_is_connected():
    with harness.Worker() as worker:
        worker.await_ready()
        pid = backend("writer")
        os.kill(pid, signal.SIGSTOP)
        try:
            part = eventually(lambda: load.is_missing(worker, "database"), "/health/ready misses the database")
            assert part[0] == "silent" and "no answer" in part[1]
            assert worker.get("/api/v1/monitoring/health").json()["database_connected"] is False
        finally:
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: load.is_missing(worker, "database") is None, "the database is back")
        assert backend("writer") == pid, "the connection was given up although it came back"
        assert worker.stop() == 0


def refusal(worker, part):
    found = load.is_missing(worker, part)
    return found if found and found[0] == "refused" else None


def test_a_refused_account_is_called_refused():
    with harness.Worker(POSTGRES_PASSWORD="wrong", RABBITMQ_PASSWORD="wrong") as worker:
        worker.await_log(event="listening")
        for part, words in (("database", "password authentication failed"), ("consume_connection", "ACCESS_REFUSED")):
            state, detail = eventually(lambda: refusal(worker, part), f"{part} refuses")  # pylint: disable=cell-var-from-loop
            assert words in detail, (state, detail)
        assert worker.get("/health", key=False).code == 503
        assert worker.get("/health/live", key=False).code == 200


def consumer_state(worker):
    details = worker.get("/health", key=False).json()["details"]
    return next(item["state"] for item in details["consumers"] if item["queue"] == ORDER_EVENTS)


def test_a_queue_deleted_again_and_again_while_the_database_hangs():
    """Each new subscription is given its prefetch again, on top of what already waits."""
    channel = harness.amqp_channel()
    with harness.Worker(PREFETCH=10, ORDER_EVENTS_BATCH=2) as worker, db() as connection:
        worker.await_ready()
        connection.autocommit = False
        query(connection, "LOCK TABLE order_events IN ACCESS EXCLUSIVE MODE")
        events = []
        for number in range(1, 6):
            for _ in range(10):
                events.append(order_event(str(load.uuid.uuid4())))
                harness.publish(channel, ORDER_EVENTS, events[-1])
            eventually(lambda: consumer_state(worker) == "paused"
                       or worker.metric("alphaloop_amqp_deliveries_total", queue=ORDER_EVENTS) == 10 * number,  # pylint: disable=cell-var-from-loop
                       "all are taken, or it is full")
            if consumer_state(worker) == "paused":
                break
            channel.queue_delete(ORDER_EVENTS)
            channel.queue_declare(ORDER_EVENTS, durable=True)  # before the worker looks again: its channel stays
        eventually(lambda: consumer_state(worker) == "paused", "it is full")
        assert number < 5
        assert worker.metric("alphaloop_amqp_deliveries_total", queue=ORDER_EVENTS) <= 60, "it goes in circles"
        connection.rollback()
        last = tuple(event["event_id"] for event in events[-10:])
        eventually(lambda: query(connection, "SELECT count(*) FROM order_events WHERE event_id::text IN %s", last) == [(10,)],
                   "what is in the queue is stored")
        connection.rollback()
        assert worker.stop() == 0
    assert load.depth(ORDER_EVENTS) == 0
