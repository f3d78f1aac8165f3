"""`alphaloop migrate` and `alphaloop quarantine` as an operator uses them."""
import json
import os
import subprocess

import harness
import psycopg2
import pytest

QUEUE = "order-manager.order_events"
BODY = b"\x00\xff{not json"


def run(*args, **env):
    return subprocess.run([harness.PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          env=dict(os.environ, POSTGRES_SCHEMA="quarantine_test", **env), timeout=harness.DEADLINE + 60)


@pytest.fixture(name="db")
def fresh_database():
    db = psycopg2.connect(host=os.environ["POSTGRES_HOST"], port=os.environ["POSTGRES_PORT"],
                          dbname=os.environ["POSTGRES_DB"], user=os.environ["POSTGRES_USER"],
                          password=os.environ["POSTGRES_PASSWORD"])
    db.autocommit = True
    with db.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS quarantine_test CASCADE")
    assert run("migrate").returncode == 0
    yield db
    db.close()


@pytest.fixture(name="channel")
def fresh_channel():
    channel = harness.amqp_channel()
    channel.queue_delete(QUEUE)
    channel.queue_declare(QUEUE, durable=True)
    yield channel
    channel.connection.close()


def insert(db, queue=QUEUE, headers="{}", body=BODY):
    with db.cursor() as cursor:
        cursor.execute("INSERT INTO quarantine_test.quarantine (received_at, queue, reason, field, detail, body, headers)"
                       " VALUES (now(), %s, 'field_invalid', 'order.fees', 'not a number', %s, %s) RETURNING id",
                       (queue, body, headers))
        return cursor.fetchone()[0]


def statuses(db):
    with db.cursor() as cursor:
        cursor.execute("SELECT status FROM quarantine_test.quarantine ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def test_migrating_twice_and_checking(db):
    again = run("migrate")
    assert again.returncode == 0 and " 0 now" in again.stdout
    assert run("migrate", "--check").returncode == 0
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM quarantine_test.schema_migrations WHERE number > 10")
    older = run("migrate", "--check")
    assert older.returncode == 1 and "older than this program" in older.stderr


def test_migrating_without_a_database_fails_and_names_it_but_not_the_password():
    result = run("migrate", POSTGRES_PORT="1", POSTGRES_PASSWORD="secret-of-mine")
    assert result.returncode == 1
    assert "port 1" in result.stderr and "secret-of-mine" not in result.stderr + result.stdout


def test_list_and_show(db):
    first, second = insert(db), insert(db, headers='{"trace_id": "t-1"}')
    listed = run("quarantine", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [str(second), str(first)]
    assert "order.fees: not a number" in listed[0] and "waiting" in listed[0]
    assert len(run("quarantine", "list", "--limit", "1").stdout.splitlines()) == 1
    shown = run("quarantine", "show", str(second))
    assert '"trace_id": "t-1"' in shown.stdout and "{not json" in shown.stdout and "11 bytes" in shown.stdout
    missing = run("quarantine", "show", str(second + 1))
    assert missing.returncode == 1 and "there is no message" in missing.stderr


def test_retry_sends_the_exact_bytes_and_marks_the_row(db, channel):
    insert(db)
    wanted = insert(db, headers='{"n": 5, "traceparent": "00-1", "trace_id": "t-1"}', body=BODY + b"2")
    result = run("quarantine", "retry", str(wanted))
    assert result.returncode == 0, result.stderr
    method, properties, body = channel.basic_get(QUEUE, auto_ack=True)
    assert method is not None and body == BODY + b"2"
    assert properties.headers == {"trace_id": "t-1", "traceparent": "00-1"} and properties.delivery_mode == 2
    assert channel.basic_get(QUEUE)[0] is None
    assert statuses(db) == ["waiting", "retried"]


def test_retry_all_sends_everything_that_waits_once(db, channel):
    for i in range(40):
        insert(db, body=b"%d" % i)
    assert "40 sent again" in run("quarantine", "retry", "--all").stdout
    bodies = [channel.basic_get(QUEUE, auto_ack=True)[2] for _ in range(40)]
    assert bodies == [b"%d" % i for i in range(40)]
    assert statuses(db) == ["retried"] * 40
    assert "0 sent again" in run("quarantine", "retry", "--all").stdout


def test_headers_too_long_to_send_again_are_left_out(db, channel):
    insert(db, headers=json.dumps({"trace_id": "t" * 140000, "kept": "yes", "long": "x" * 140000}))
    insert(db)
    assert run("quarantine", "retry", "--all").returncode == 0
    assert statuses(db) == ["retried", "retried"]
    _, properties, body = channel.basic_get(QUEUE, auto_ack=True)
    assert body == BODY
    assert properties.headers["kept"] == "yes"
    assert not {"trace_id", "long"} & set(properties.headers)


def test_a_message_without_a_queue_keeps_waiting(db, channel):
    insert(db)
    insert(db, queue="gone.away")
    insert(db)
    result = run("quarantine", "retry", "--all")
    assert result.returncode == 1 and "returned" in result.stderr
    assert statuses(db) == ["retried", "waiting", "waiting"]
    assert channel.queue_declare(QUEUE, passive=True).method.message_count == 1


@pytest.mark.parametrize("args", [[], ["drop"], ["show"], ["show", "x"], ["list", "1"], ["list", "--all"],
                                  ["retry"], ["retry", "1", "--all"], ["retry", "1", "2"], ["list", "--limit", "0"]])
def test_bad_usage(args):
    assert run("quarantine", *args).returncode == 2
