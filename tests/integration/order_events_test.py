"""Order events through the real worker: every rule of contract 3.1 that needs a broker and a database to be seen."""
import json
import os
import random
import signal as os_signal
import uuid
from decimal import Decimal

import harness
import pytest
from harness import ORDER_EVENTS, db, eventually, order_event, query


@pytest.fixture(name="worker", scope="module")
def running_worker():
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    with harness.Worker(ORDER_EVENTS_BATCH_MS=5) as worker:
        worker.await_ready()
        yield worker


@pytest.fixture(name="channel", scope="module")
def publishing_channel(worker):
    del worker
    return harness.amqp_channel()



def rows(sql, *args):
    with db() as connection:
        return query(connection, sql, *args)


def await_event(event_id):
    eventually(lambda: rows("SELECT 1 FROM order_events WHERE event_id = %s", event_id), f"event {event_id} is stored")


def send(channel, event, headers=None):
    harness.publish(channel, ORDER_EVENTS, event, headers)
    await_event(event["event_id"])


def executed(order_id):
    return rows("SELECT execution_price, execution_quantity, execution_fees FROM execution_events WHERE order_id = %s"
                " ORDER BY executed_at, event_id", order_id)


def test_a_fill_is_stored_executed_and_acknowledged(worker, channel):
    event = order_event(str(uuid.uuid4()), filled="0.01500000", price="50000.12", fees="0.05")
    send(channel, event)
    assert executed(event["order"]["order_id"]) == [(Decimal("50000.12000000"), Decimal("0.01500000"), Decimal("0.05000000"))]
    eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) == 0, "the queue is empty")
    raw = rows("SELECT raw FROM order_events WHERE event_id = %s", event["event_id"])[0][0]
    assert json.loads(raw) == event


def test_cumulative_fills_become_increments(worker, channel):
    order = str(uuid.uuid4())
    signal = str(uuid.uuid4())
    first = order_event(signal, "partially_filled", order, filled="0.4", price="100", fees="0.4", quantity="1")
    second = order_event(signal, "filled", order, filled="1.0", price="103", fees="1.1", quantity="1")
    send(channel, first)
    send(channel, second)
    assert sorted(executed(order)) == [(Decimal("100"), Decimal("0.4"), Decimal("0.4")), (Decimal("105"), Decimal("0.6"), Decimal("0.7"))]


def test_parts_of_a_new_order_in_one_transaction_add_up(worker, channel):
    order, signal = str(uuid.uuid4()), str(uuid.uuid4())
    parts = [order_event(signal, "partially_filled", order, filled=filled, price="100", fees=filled)
             for filled in ("0.25", "1", "0.5")]
    os.kill(worker.process.pid, os_signal.SIGSTOP)  # what waits meanwhile is taken in one batch
    for part in parts:
        harness.publish(channel, ORDER_EVENTS, part)
    os.kill(worker.process.pid, os_signal.SIGCONT)
    for part in parts:
        await_event(part["event_id"])
    assert executed(order) == [(Decimal("100"), Decimal("0.25"), Decimal("0.25")), (Decimal("100"), Decimal("0.75"), Decimal("0.75"))]


def test_a_cancelled_order_keeps_what_was_filled(worker, channel):
    order = str(uuid.uuid4())
    send(channel, order_event(str(uuid.uuid4()), "cancelled", order, filled="0.25", price="200", fees="0.01"))
    assert executed(order) == [(Decimal("200"), Decimal("0.25"), Decimal("0.01"))]


def test_older_and_repeated_events_change_nothing(worker, channel):
    order, signal = str(uuid.uuid4()), str(uuid.uuid4())
    late = order_event(signal, "partially_filled", order, filled="0.1", price="90", fees="0.1")
    last = order_event(signal, "filled", order, filled="0.5", price="100", fees="0.5")
    duplicates = worker.metric("alphaloop_order_events_total", outcome="duplicate")
    send(channel, last)
    send(channel, late)
    harness.publish(channel, ORDER_EVENTS, last)
    worker.await_metric("alphaloop_order_events_total", duplicates + 1, outcome="duplicate")
    assert executed(order) == [(Decimal("100"), Decimal("0.5"), Decimal("0.5"))]


def test_an_event_sent_twice_at_once_is_taken_once(worker, channel):
    events = [order_event(str(uuid.uuid4())) for _ in range(20)]
    duplicates = worker.metric("alphaloop_order_events_total", outcome="duplicate")
    os.kill(worker.process.pid, os_signal.SIGSTOP)
    for event in events:
        harness.publish(channel, ORDER_EVENTS, event)
        harness.publish(channel, ORDER_EVENTS, event)
    os.kill(worker.process.pid, os_signal.SIGCONT)
    worker.await_metric("alphaloop_order_events_total", duplicates + 20, outcome="duplicate")
    assert rows("SELECT count(*) FROM execution_events WHERE event_id::text IN %s",
                tuple(event["event_id"] for event in events)) == [(20,)]


WAITS_FOR_A_LOCK = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_an_event_that_another_worker_takes_meanwhile_is_not_taken_again(worker, channel):
    event = order_event(str(uuid.uuid4()))
    duplicates = worker.metric("alphaloop_order_events_total", outcome="duplicate")
    with db() as other:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO order_events (event_id, event_type, order_id, signal_id, received_at_ns, raw)"
                           " VALUES (%s, 'filled', %s, %s, 1, '{}')",
                           (event["event_id"], event["order"]["order_id"], event["order"]["signal_id"]))
            harness.publish(channel, ORDER_EVENTS, event)
            eventually(lambda: rows(WAITS_FOR_A_LOCK), "the worker meets the row of the other")
            cursor.execute("COMMIT")
    worker.await_metric("alphaloop_order_events_total", duplicates + 1, outcome="duplicate")
    assert executed(event["order"]["order_id"]) == []


def test_the_flat_shape_without_an_id_is_deduplicated_by_content(worker, channel):
    order = str(uuid.uuid4())
    flat = {"order_id": order, "signal_id": str(uuid.uuid4()), "strategy_id": "momentum_v1", "asset": "ethusdt",
            "side": "SELL", "execution_price": "3000.5", "execution_quantity": 0.25, "execution_fees": None,
            "executed_at": "2026-01-02 03:04:05.678901", "signal_price": "3001", "signal_timestamp": "2026-01-02T03:04:00Z",
            "performance": {"slippage": "0.1"}}
    duplicates = worker.metric("alphaloop_order_events_total", outcome="duplicate")
    harness.publish(channel, ORDER_EVENTS, flat)
    harness.publish(channel, ORDER_EVENTS, flat)
    worker.await_metric("alphaloop_order_events_total", duplicates + 1, outcome="duplicate")
    found = rows("SELECT asset, side, execution_price, execution_quantity, execution_fees, performance->>'slippage'"
                 " FROM execution_events WHERE order_id = %s", order)
    assert found == [("ETHUSDT", "sell", Decimal("3000.5"), Decimal("0.25"), Decimal("0"), "0.1")]


def test_an_unknown_signal_is_executed_but_never_learned_from(worker, channel):
    unmatched = worker.metric("alphaloop_order_events_matched_total", match="unmatched")
    event = order_event(str(uuid.uuid4()), signal={"strategy_id": "somebody_else", "signal_type": "buy"})
    send(channel, event)
    worker.await_metric("alphaloop_order_events_matched_total", unmatched + 1, match="unmatched")
    order = event["order"]["order_id"]
    assert len(executed(order)) == 1
    assert rows("SELECT strategy_id FROM execution_events WHERE order_id = %s", order) == [(None,)]
    assert rows("SELECT count(*) FROM samples WHERE decision_id = %s", event["order"]["signal_id"]) == [(0,)]


def test_bad_context_never_costs_an_execution(worker, channel):
    event = order_event(str(uuid.uuid4()), market_conditions={"spread": "NaN", "volatility": [1], "volume_24h": True},
                        signal="not an object", modification=7, trace_id=12)
    send(channel, event)
    assert len(executed(event["order"]["order_id"])) == 1


def bad_messages():
    base = order_event(str(uuid.uuid4()))

    def changed(**fields):
        event = json.loads(json.dumps(base))
        event["event_id"] = str(uuid.uuid4())
        event["order"].update(fields)
        return json.dumps(event).encode()

    yield b"\xff\xfe{}", "not_utf8", ""
    yield b"[1,2]", "not_json", ""
    yield b"{} {}", "not_json", ""
    yield b'{"a":NaN}', "not_json", ""
    yield b'{"a":' * 70 + b"1" + b"}" * 70, "too_deep", ""
    yield b'{"x":"' + b"a" * (1 << 20) + b'"}', "too_large", ""
    yield changed(filled_quantity="0x10"), "field_invalid", "order.filled_quantity"
    yield changed(filled_quantity="1_000"), "field_invalid", "order.filled_quantity"
    yield changed(average_price=True), "field_invalid", "order.average_price"
    yield changed(average_price=None), "fill_without_price", "order.average_price"
    yield changed(filled_quantity="0E-8"), "fill_without_quantity", "order.filled_quantity"
    yield changed(side="long"), "field_invalid", "order.side"
    yield changed(asset="B"), "field_invalid", "order.asset"
    yield changed(signal_id="7"), "field_invalid", "order.signal_id"
    yield changed(executed_at=harness.now_text(3600)), "time_in_future", "order.executed_at"
    yield changed(fees="1234567890123"), "field_invalid", "order.fees"


def test_a_poisoned_queue_is_emptied_into_quarantine(worker, channel):
    bad = list(bad_messages())
    before = rows("SELECT coalesce(max(id), 0) FROM quarantine")[0][0]
    good = order_event(str(uuid.uuid4()))
    for body, _, _ in bad:
        channel.basic_publish("", ORDER_EVENTS, body, harness.pika.BasicProperties(headers={"trace_id": "poison"}))
    send(channel, good)
    found = eventually(lambda: (lambda r: r if len(r) >= len(bad) else None)(rows(
        "SELECT reason, field, body, headers->>'trace_id', queue FROM quarantine WHERE id > %s ORDER BY id", before)),
        "all are quarantined")
    expected = {bytes(body): (reason, field) for body, reason, field in bad}
    assert len(found) == len(bad)
    for reason, field, body, trace, queue in found:
        assert (reason, field or "") == expected[bytes(body)], body[:100]
        assert trace == "poison" and queue == ORDER_EVENTS
    eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) == 0, "the queue is empty")


def test_quarantine_can_be_listed_shown_and_retried(worker, channel):
    event = order_event(str(uuid.uuid4()))
    event["order"]["side"] = "sideways"
    before = rows("SELECT coalesce(max(id), 0) FROM quarantine")[0][0]
    harness.publish(channel, ORDER_EVENTS, event)
    number = eventually(lambda: rows("SELECT id FROM quarantine WHERE id > %s", before), "it is quarantined")[0][0]
    listed = harness.run("quarantine", "list")
    assert listed.returncode == 0 and str(number) in listed.stdout and "order.side" in listed.stdout
    shown = harness.run("quarantine", "show", str(number))
    assert shown.returncode == 0 and "sideways" in shown.stdout
    retried = harness.run("quarantine", "retry", str(number))
    assert retried.returncode == 0, retried.stderr
    eventually(lambda: rows("SELECT count(*) FROM quarantine WHERE id > %s", number)[0][0] == 1, "it came back as it was")


@pytest.mark.parametrize("table", ["order_events", "orders_seen", "execution_events"])
def test_a_backlog_in_any_order_adds_up_also_around_a_refused_event(worker, channel, table):
    """Several full batches: parts of an order, doubly sent events and poison lie in all of them and in both their halves."""
    dice, signal, fills = random.Random(table), str(uuid.uuid4()), ("0.1", "0.25", "0.5", "0.75", "1")
    orders = [str(uuid.uuid4()) for _ in range(260)]
    parts = [order_event(signal, "filled" if filled == "1" else "partially_filled", order, filled=filled, price="100", fees=filled)
             for order in orders for filled in fills]
    refused = order_event(signal)
    bad = [order_event(signal, filled="much") for _ in range(300)]
    messages = parts + dice.sample(parts, 150) + bad
    dice.shuffle(messages)
    messages.insert(900, refused)
    before = rows("SELECT coalesce(max(id), 0) FROM quarantine")[0][0]
    duplicates = worker.metric("alphaloop_order_events_total", outcome="duplicate")
    with db() as connection:
        connection.cursor().execute(f"ALTER TABLE {table} ADD CONSTRAINT refuse CHECK (order_id <> %s)", (refused["order"]["order_id"],))
    try:
        os.kill(worker.process.pid, os_signal.SIGSTOP)
        for message in messages:
            harness.publish(channel, ORDER_EVENTS, message)
        os.kill(worker.process.pid, os_signal.SIGCONT)
        worker.await_metric("alphaloop_order_events_total", duplicates + 150, outcome="duplicate")
        eventually(lambda: rows("SELECT count(*) FROM quarantine WHERE id > %s", before) == [(301,)], "what is bad is quarantined")
        eventually(lambda: rows("SELECT count(*) FROM order_events WHERE signal_id = %s", signal) == [(len(parts),)], "all are stored")
    finally:
        rows(f"ALTER TABLE {table} DROP CONSTRAINT refuse")
    assert rows("SELECT reason, count(*) FROM quarantine WHERE id > %s GROUP BY 1 ORDER BY 1", before) == [
        ("database_refused", 1), ("field_invalid", 300)]
    assert rows("SELECT count(*), min(sum), max(sum), min(fees), max(fees) FROM (SELECT sum(execution_quantity),"
                " sum(execution_fees) AS fees FROM execution_events WHERE order_id IN %s GROUP BY order_id) each",
                tuple(orders)) == [(260, 1, 1, 1, 1)]
    assert rows("SELECT count(*) FROM orders_seen WHERE order_id IN %s AND filled_quantity = 1 AND ended", tuple(orders)) == [(260,)]
    assert executed(refused["order"]["order_id"]) == []
    eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) == 0, "the queue is empty")
