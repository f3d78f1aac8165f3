"""The private broker and database that tools/stack gives to a test are really there, and empty."""
import harness


def test_broker_takes_and_gives_a_message():
    channel = harness.amqp_channel()
    channel.queue_declare("stack-test", durable=True)
    channel.basic_publish("", "stack-test", b"hello")
    assert harness.await_message(channel, "stack-test").body == b"hello"


def test_database_of_this_test_is_empty():
    with harness.db() as db:
        rows = harness.query(db, "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
        assert rows == [(0,)]
