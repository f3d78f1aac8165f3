"""Events for other systems, as a stranger bound to the exchange sees them: types, properties, bodies, and that each matches
docs/asyncapi.json.
"""
import json
import os
import signal

import harness
import jsonschema
import learnable
import load
import pytest
from harness import eventually

with open(os.path.join(harness.ROOT, "docs", "asyncapi.json"), encoding="utf-8") as source:
    DOCUMENT = json.load(source)
MESSAGES = DOCUMENT["components"]["messages"]


class Listener:
    """Everything on alphaloop.events from now on, each event checked as it comes."""

    def __init__(self):
        self.channel = harness.amqp_channel()
        self.channel.exchange_declare("alphaloop.events", "topic", durable=True)
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "alphaloop.events", "#")
        self.events = []

    def poll(self):
        while (message := harness.take_message(self.channel, self.queue)) is not None:
            self.events.append(self.check(message))
        return self.events

    @staticmethod
    def check(message):
        event, properties = message.json(), message.properties
        kind = event["event_type"]
        assert message.method.routing_key == properties.type == kind
        assert (properties.content_type, properties.delivery_mode, properties.app_id) == ("application/json", 2, "model-service")
        assert properties.message_id == event["event_id"] and properties.timestamp > 0
        resolver = jsonschema.RefResolver("", DOCUMENT)
        jsonschema.Draft7Validator(MESSAGES[kind.replace(".", "_")]["payload"], resolver=resolver).validate(event)
        assert event["strategy_id"] == "often"
        return event

    def until(self, kind, deadline=90):
        """Events up to and with the next one of this type; they are forgotten."""
        eventually(lambda: any(event["event_type"] == kind for event in self.poll()), kind, deadline)
        place = next(i for i, event in enumerate(self.events) if event["event_type"] == kind)
        seen, self.events = self.events[:place + 1], self.events[place + 1:]
        return seen

    def the(self, kind, deadline=90):
        return self.until(kind, deadline)[-1]


@pytest.fixture(name="config", scope="module")
def prepared(tmp_path_factory):
    return learnable.prepare(tmp_path_factory.mktemp("events"))


def test_the_life_of_a_model_is_told(config):
    with harness.Worker(**config) as worker, load.simulation(learnable.SPEED):
        worker.await_ready()
        listener = Listener()
        learnable.trigger(worker)
        started = listener.the("training.started")
        assert started["trigger"] == "manual"
        version = started["version"]
        seen = {event["event_type"]: event for event in listener.until("training.finished")}
        assert seen["model.activated"]["version"] == seen["mode.changed"]["version"] == version
        assert seen["mode.changed"]["mode"] == "model"
        finished = seen["training.finished"]
        assert (finished["version"], finished["outcome"]) == (version, "activated")
        assert finished["n_samples"] > 1000 and "Brier skill" in finished["detail"]

        learnable.trigger(worker)
        second = listener.the("training.finished")["version"]
        listener.poll().clear()
        assert worker.post(f"/api/v1/models/{second}/activate", {"strategy_id": "often"}).code == 200
        by_hand = listener.the("model.activated")
        assert (by_hand["version"], by_hand["why"]) == (second, "manual")
        assert worker.post("/api/v1/strategies/often/rollback").code == 200
        assert listener.the("model.rolled_back")["version"] == version
        changed = listener.the("mode.changed")
        assert (changed["mode"], changed["version"]) == ("model", version)

        learnable.trigger(worker)
        listener.the("training.started")
        os.kill(learnable.await_child(worker), signal.SIGKILL)
        failed = listener.the("training.failed")
        assert failed["outcome"] == "failed" and "signal 9" in failed["detail"]


def test_a_refused_challenger_is_told(config):
    with harness.db() as db:
        query = harness.query
        hash_bytes = bytes(query(db, "SELECT schema_hash FROM samples LIMIT 1")[0][0])
        query(db, "DELETE FROM samples")
    learnable.insert(learnable.rows(1500, 0.0, 3, hash_bytes))  # no edge at all
    with harness.Worker(**config) as worker, load.simulation(learnable.SPEED):
        worker.await_ready()
        listener = Listener()
        learnable.trigger(worker)
        version = listener.the("training.started")["version"]
        rejected = listener.the("model.rejected")
        assert rejected["version"] == version and rejected["reason"].startswith("refused: ")
        assert listener.the("training.finished")["outcome"] == "rejected"
