"""An order event that order-manager could not publish is lost (U3): its table public.orders tells what became of the order."""
import time
import uuid
from decimal import Decimal

import harness
import load
import pytest
from harness import MARKET_QUEUES, ORDER_EVENTS, db, eventually, order_event, publish, query

ORDERS = """CREATE TABLE public.orders (id uuid PRIMARY KEY, order_id varchar(80), signal_id uuid, asset varchar(20), side varchar(10),
    order_type varchar(20), quantity numeric(20,8), price numeric(20,8), status varchar(30), filled_quantity numeric(20,8),
    average_price numeric(20,8), fees numeric(20,8), created_at timestamp, updated_at timestamp, executed_at timestamp,
    trace_id varchar(255), is_dry_run boolean)"""


@pytest.fixture(name="connection")
def database_with_orders():
    harness.run("migrate")
    with db() as connection:
        query(connection, "DROP TABLE IF EXISTS public.orders")
        yield connection
        query(connection, "DROP TABLE IF EXISTS public.orders")


@pytest.fixture(name="settings")
def settings_of_a_busy_worker(tmp_path):
    load.prepare_broker()
    settings = load.market_settings(tmp_path, assets="BTCUSDT", decision={"trigger": "tick"}, horizon_seconds=3600)
    return {**settings, "CLOCK": "wall", "WARMUP_RANDOMNESS_LEVEL": 1}


def some_signals(channel, connection, n):
    """Open signals of ours."""
    first = int(time.time()) // 60 * 60 - 1200
    for number in range(19):
        publish(channel, MARKET_QUEUES[2], harness.candle(start_ms=(first + 60 * number) * 1000, price=50000 + number % 3))

    def enough():
        publish(channel, MARKET_QUEUES[0], harness.ticker())
        found = query(connection, "SELECT signal_id::text, side, strategy_id FROM trading_signals WHERE status = 'published' LIMIT %s", n)
        return found if len(found) == n else None

    return eventually(enough, f"{n} signals")


def insert(connection, signal_id, side, status, filled, price, fees, age="1 minute", trace="of-the-table"):
    order_id = str(uuid.uuid4())
    query(connection, "INSERT INTO public.orders VALUES (%s, %s, %s, 'BTCUSDT', %s, 'market', 1, NULL, %s, %s, %s, %s, timezone('UTC', now()),"
                      " timezone('UTC', now()) - %s::interval, NULL, %s, false)",
          str(uuid.uuid4()), order_id, signal_id, side.capitalize(), status, filled, price, fees, age, trace)
    return order_id


def executed(connection, order_id):
    return query(connection, "SELECT execution_quantity, execution_price, execution_fees, strategy_id FROM execution_events"
                             " WHERE order_id = %s ORDER BY id", order_id)


def test_what_no_event_told_is_found_in_the_table(connection, settings):
    channel = harness.amqp_channel()
    with harness.Worker(**settings) as worker:
        worker.await_ready()
        (whole, side, strategy), (rest, rest_side, _), (rejected, rejected_side, _), (young, young_side, _) = some_signals(channel, connection, 4)
        query(connection, ORDERS)
        lost = insert(connection, whole, side, "filled", "0.5", "50000.25", "1.5")
        half = insert(connection, rest, rest_side, "cancelled", "0.75", "110", "0.4")
        publish(channel, ORDER_EVENTS, order_event(rest, "partially_filled", half, side=rest_side, filled="0.25", price="100", fees="0.1"))
        never = insert(connection, rejected, rejected_side, "rejected", "0", None, None)
        on_its_way = insert(connection, young, young_side, "filled", "1", "100", "0", age="0 seconds")
        stranger = insert(connection, str(uuid.uuid4()), "buy", "filled", "1", "100", "0")
        broken = insert(connection, whole, side, "filled", "1", None, "0")
        eventually(lambda: executed(connection, lost) == [(Decimal("0.5"), Decimal("50000.25"), Decimal("1.5"), strategy)], "the lost fill")
        eventually(lambda: [row[:3] for row in executed(connection, half)] ==
                   [(Decimal("0.25"), Decimal(100), Decimal("0.1")), (Decimal("0.5"), Decimal(115), Decimal("0.3"))], "the rest of the order")
        eventually(lambda: query(connection, "SELECT ended FROM orders_seen WHERE order_id = %s", never) == [(True,)], "the rejected one")
        for order_id in (on_its_way, stranger, broken):
            assert executed(connection, order_id) == []
        assert query(connection, "SELECT count(*) FROM quarantine") == [(0,)]
        assert query(connection, "SELECT trace_id, raw::json ->> 'source' FROM order_events WHERE order_id = %s", lost) == [
            ("of-the-table", "public.orders")]
        assert worker.metric("alphaloop_orders_reconciled_total") >= 3
        late = order_event(whole, order_id=lost, side=side, filled="0.5", price="50000.25", fees="1.5")
        publish(channel, ORDER_EVENTS, late)
        eventually(lambda: query(connection, "SELECT 1 FROM order_events WHERE event_id = %s", late["event_id"]), "the event after all")
        assert len(executed(connection, lost)) == 1, "it was applied twice"
        eventually(lambda: harness.queue_depth(channel, ORDER_EVENTS) == 0, "the queue is empty")
        assert worker.stop() == 0
    assert harness.queue_depth(channel, ORDER_EVENTS) == 0, "something was not acknowledged"


@pytest.mark.parametrize("table", [None, "CREATE TABLE public.orders (order_id text, status text)",
                                   ORDERS.replace("signal_id uuid", "signal_id text"), ORDERS.replace("fees numeric(20,8),", "")])
def test_a_table_that_does_not_fit_is_left_alone(connection, settings, table):
    if table is not None:
        query(connection, table)
    channel = harness.amqp_channel()
    with harness.Worker(**settings) as worker:
        worker.await_ready()
        event = order_event(str(uuid.uuid4()))
        publish(channel, ORDER_EVENTS, event)
        eventually(lambda: query(connection, "SELECT 1 FROM order_events WHERE event_id = %s", event["event_id"]), "events are taken")
        worker.await_metric("alphaloop_pg_jobs_total", 4, client="admin")  # it has asked
        assert worker.metric("alphaloop_pg_jobs_total", client="admin", result="failed") == 0
        assert worker.stop() == 0
