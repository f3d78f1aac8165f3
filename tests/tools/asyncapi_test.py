"""docs/asyncapi.json: its examples validate, its parts are all there, and it agrees with the tables of the program."""
import copy
import json
import os
import re
import sys

import jsonschema
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import decode_signal  # noqa: E402

with open(os.path.join(ROOT, "docs", "asyncapi.json"), encoding="utf-8") as source:
    DOCUMENT = json.load(source)
MESSAGES = DOCUMENT["components"]["messages"]
SCHEMAS = DOCUMENT["components"]["schemas"]
EXAMPLES = [(name, example["name"]) for name, message in MESSAGES.items() for example in message["examples"]]


def table(name):
    with open(os.path.join(ROOT, "include", "alphaloop", "tbl", name), encoding="utf-8") as rows:
        return rows.read()


def validator(schema):
    resolver = jsonschema.RefResolver("", DOCUMENT)
    return jsonschema.Draft7Validator(schema, resolver=resolver, format_checker=jsonschema.FormatChecker())


def example_of(message, name):
    return next(example for example in MESSAGES[message]["examples"] if example["name"] == name)


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def operations(channel):
    return [channel[word] for word in ("publish", "subscribe") if word in channel]


def test_document_is_asyncapi_2_6():
    assert DOCUMENT["asyncapi"] == "2.6.0"
    assert set(DOCUMENT) >= {"id", "info", "servers", "channels", "components", "defaultContentType"}
    assert set(DOCUMENT["info"]) >= {"title", "version"}


def test_every_reference_leads_somewhere():
    for reference in references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_every_message_and_schema_is_used():
    used = set(references(DOCUMENT))
    assert {f"#/components/messages/{name}" for name in MESSAGES} <= used
    assert {f"#/components/schemas/{name}" for name in SCHEMAS} <= used


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_schema_is_one(name):
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", sorted(DOCUMENT["channels"]))
def test_every_channel_has_one_operation_with_a_message_and_a_binding(name):
    channel = DOCUMENT["channels"][name]
    assert channel["description"] and len(operations(channel)) == 1
    assert operations(channel)[0]["operationId"] and "$ref" in operations(channel)[0]["message"]
    amqp = channel["bindings"]["amqp"]
    if amqp["is"] == "queue":
        assert amqp["queue"]["name"] == name and amqp["queue"]["durable"] is True
    else:
        assert amqp["is"] == "routingKey" and f"{amqp['exchange']['name']}/{channel['x-routing-key']}" == name


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for channel in DOCUMENT["channels"].values() for operation in operations(channel)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("message, name", EXAMPLES)
def test_every_example_validates(message, name):
    example = example_of(message, name)
    validator(MESSAGES[message]["payload"]).validate(example["payload"])
    if "headers" in example:
        validator(MESSAGES[message]["headers"]).validate(example["headers"])


def without_each_required_member():
    for message in ("tradingSignal", "orderEvent", "positionUpdate"):
        example = MESSAGES[message]["examples"][0]["payload"]
        schema = {"tradingSignal": "tradingSignal", "orderEvent": "orderEventNested", "positionUpdate": "positionUpdate"}[message]
        for member in SCHEMAS[schema]["required"]:
            yield message, example, member


@pytest.mark.parametrize("message, example, member", without_each_required_member())
def test_an_example_without_a_required_member_does_not_validate(message, example, member):
    broken = copy.deepcopy(example)
    del broken[member]
    assert not validator(MESSAGES[message]["payload"]).is_valid(broken)


@pytest.mark.parametrize("path, value", [("amount", 9), ("signal_type", "hold"), ("timestamp", "2026-01-31T09:30:00"),
                                         ("confidence", 2), ("asset", "BTC"), ("surprise", 1), ("trace_id", "")])
def test_a_bad_signal_does_not_validate(path, value):
    broken = dict(MESSAGES["tradingSignal"]["examples"][0]["payload"], **{path: value})
    assert not validator(MESSAGES["tradingSignal"]["payload"]).is_valid(broken)


@pytest.mark.parametrize("example", MESSAGES["tradingSignal"]["examples"], ids=lambda example: example["name"])
def test_the_decoder_takes_every_example_of_a_signal(example):
    decode_signal.decode(json.dumps(example["payload"]).encode())


def test_every_queue_of_the_settings_is_a_channel():
    queues = re.findall(r'"([A-Z_]+_QUEUE)",\s+"([^"]+)"', table("settings.def"))
    assert len(queues) == 7
    for setting, name in queues:
        assert setting in DOCUMENT["channels"][name]["description"]
    exchange = re.search(r'"EVENTS_EXCHANGE",\s+"([^"]+)"', table("settings.def")).group(1)
    assert {name.split("/")[0] for name in DOCUMENT["channels"] if "/" in name} == {exchange}


def test_event_types_are_those_of_the_table():
    rows = re.findall(r"^ORDER_EVENT\((\w+)", table("order_events.def"), re.M)
    for schema in ("orderEventNested", "orderEventFlat"):
        assert SCHEMAS[schema]["properties"]["event_type"]["enum"] == rows


def test_gateway_queues_carry_the_gateways_arguments():
    for name, channel in DOCUMENT["channels"].items():
        arguments = {"x-message-ttl": 86400000, "x-max-length": 100000, "x-overflow": "drop-head"}
        assert channel.get("x-queue-arguments") == (arguments if name.startswith("ws-gateway.") else None)
