#!/usr/bin/python3
"""Decode trading signals as a neighbour would, and refuse what contract section 4 does not allow.

Written from the contract alone; it shares no code, table or schema with the worker.

    decode(body)                  bytes of one message body -> dict, or BadSignal naming the field
    decode_message(properties, body)   the same, and the AMQP properties too

As a program: decode_signal.py [--queue NAME] [--count N] [--wait SECONDS] [--peek]
reads signals from the broker that RABBITMQ_HOST, _PORT, _USER, _PASSWORD and _VHOST name (needs pika), prints one line for
each and ends with 1 when any was bad. `decode_signal.py FILE...` decodes files with one body a line instead; `-` is
standard input.
"""
import argparse
import datetime
import json
import math
import os
import re
import sys
import uuid
from decimal import Decimal

QUEUE = "model-service.trading_signals"
MAX_BYTES = 1024 * 1024

ASSET = re.compile(r"[A-Z0-9]{4,20}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
VERSION = re.compile(r"v\d+(\.\d+)?")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

TOP = {"signal_id", "signal_type", "asset", "amount", "confidence", "timestamp", "strategy_id", "model_version", "is_warmup",
       "market_data_snapshot", "metadata", "trace_id"}
SNAPSHOT = {"price", "spread", "volume_24h", "volatility", "orderbook_depth", "technical_indicators"}
METADATA_NEEDED = {"reasoning", "risk_score", "decision_id", "propensity", "reasons"}

CONTRIBUTIONS = ("contributions", "contribution_rest", "contribution_bias")
CONTRIBUTION = {"feature", "value", "oriented", "contribution"}


class BadSignal(Exception):
    def __init__(self, field, reason):
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


def need(condition, field, reason):
    if not condition:
        raise BadSignal(field, reason)


# ---- JSON ----

def refuse_constant(word):
    raise BadSignal("body", f"{word} is not JSON")


def refuse_duplicates(pairs):
    keys = [key for key, _ in pairs]
    for key in keys:
        need(keys.count(key) == 1, "body", f"key {key!r} appears twice")
    return dict(pairs)


def parse(body):
    """One JSON object; numbers stay exact (int or Decimal)."""
    need(isinstance(body, bytes), "body", "not bytes")
    need(len(body) <= MAX_BYTES, "body", f"{len(body)} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSignal("body", f"not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=refuse_constant, object_pairs_hook=refuse_duplicates)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadSignal("body", f"not JSON: {error}") from None
    need(isinstance(value, dict), "body", "not one JSON object")
    return value


# ---- kinds of values ----

def number(value, field):
    need(isinstance(value, (int, Decimal)) and not isinstance(value, bool), field, f"{value!r} is not a number")
    need(math.isfinite(float(value)), field, f"{value!r} is not finite")
    return value


def number_in(value, field, low, high):
    number(value, field)
    need(low <= value <= high, field, f"{value} is not in {low}..{high}")
    return value


def text(value, field, low=1, high=None):
    need(isinstance(value, str), field, f"{value!r} is not text")
    need(len(value) >= low and (high is None or len(value) <= high), field, f"{len(value)} characters")
    return value


def matching(value, field, pattern):
    text(value, field)
    need(pattern.fullmatch(value), field, f"{value!r} is not of the form {pattern.pattern}")
    return value


def object_of(value, field):
    need(isinstance(value, dict), field, f"{value!r} is not an object")
    return value


def keys_of(value, field, allowed, needed):
    for key in value:
        need(key in allowed, f"{field}{key}", "not a field of a signal")
    for key in sorted(needed):
        need(key in value, f"{field}{key}", "missing")


def timestamp(value, field):
    matching(value, field, TIMESTAMP)
    try:
        return datetime.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise BadSignal(field, f"{value!r} is no date") from None


# ---- the parts of a signal ----

def check_amount(amount):
    number_in(amount, "amount", 10, 100000)
    need(Decimal(amount) == round(Decimal(amount), 2), "amount", f"{amount} has more than 2 decimals")


def check_snapshot(snapshot):
    object_of(snapshot, "market_data_snapshot")
    keys_of(snapshot, "market_data_snapshot.", SNAPSHOT, SNAPSHOT - {"orderbook_depth", "technical_indicators"})
    need(number(snapshot["price"], "market_data_snapshot.price") > 0, "market_data_snapshot.price", "not above 0")
    for name in ("spread", "volume_24h", "volatility"):
        field = f"market_data_snapshot.{name}"
        need(number(snapshot[name], field) >= 0, field, "below 0")
    depth = snapshot.get("orderbook_depth")
    if depth is not None:
        field, sides = "market_data_snapshot.orderbook_depth", {"bid_depth", "ask_depth"}
        keys_of(object_of(depth, field), f"{field}.", sides, sides)
        for name in sorted(sides):
            need(number(depth[name], f"{field}.{name}") >= 0, f"{field}.{name}", "below 0")
    indicators = snapshot.get("technical_indicators")
    if indicators is not None:
        field = "market_data_snapshot.technical_indicators"
        for name, value in object_of(indicators, field).items():
            number(value, f"{field}.{name}")


def check_metadata(metadata, signal_id):
    object_of(metadata, "metadata")
    keys_of(metadata, "metadata.", set(metadata), METADATA_NEEDED)
    text(metadata["reasoning"], "metadata.reasoning")
    number_in(metadata["risk_score"], "metadata.risk_score", 0, 1)
    matching(metadata["decision_id"], "metadata.decision_id", UUID)
    need(uuid.UUID(metadata["decision_id"]) == uuid.UUID(signal_id), "metadata.decision_id", "is not the signal_id")
    propensity = number_in(metadata["propensity"], "metadata.propensity", 0, 1)
    need(propensity > 0, "metadata.propensity", "0: what was done was possible")
    need(isinstance(metadata["reasons"], list), "metadata.reasons", "not a list")
    for reason in metadata["reasons"]:
        text(reason, "metadata.reasons")
    check_contributions(metadata)
    check_finite(metadata, "metadata")


def check_contributions(metadata):
    """All three members or none; the reasons say of each feature what its number says."""
    present = [name for name in CONTRIBUTIONS if name in metadata]
    if not present:
        return
    need(len(present) == 3, "metadata.contributions", f"only {present}")
    for name in CONTRIBUTIONS[1:]:
        number(metadata[name], f"metadata.{name}")
    items, field = metadata["contributions"], "metadata.contributions"
    need(isinstance(items, list) and len(items) <= 5, field, "not a list of at most 5")
    for item in items:
        keys_of(object_of(item, field), f"{field}.", CONTRIBUTION, CONTRIBUTION)
        name, added = text(item["feature"], f"{field}.feature"), number(item["contribution"], f"{field}.contribution")
        need(item["value"] is None or number(item["value"], f"{field}.value") is not None, f"{field}.value", "no number")
        need(isinstance(item["oriented"], bool), f"{field}.oriented", "not a boolean")
        reason = f"{name} speaks {'for' if added > 0 else 'against'} it"
        need(reason in metadata["reasons"], "metadata.reasons", f"{reason!r} is missing")
    sizes = [abs(item["contribution"]) for item in items]
    need(sizes == sorted(sizes, reverse=True), field, "not largest first")


def check_finite(value, field):
    if isinstance(value, dict):
        for key, part in value.items():
            check_finite(part, f"{field}.{key}")
    elif isinstance(value, list):
        for part in value:
            check_finite(part, field)
    elif isinstance(value, Decimal):
        number(value, field)


def check_version(signal):
    """A version once a model serves, null in warm-up; exits say the same as entries."""
    version, warmup = signal["model_version"], signal["is_warmup"]
    need(isinstance(warmup, bool), "is_warmup", f"{warmup!r} is not a boolean")
    if version is None:
        need(warmup, "model_version", "null outside warm-up")
    else:
        matching(version, "model_version", VERSION)
        need(not warmup, "model_version", "a version in warm-up")


def decode(body):
    signal = parse(body)
    keys_of(signal, "", TOP, TOP)
    matching(signal["signal_id"], "signal_id", UUID)
    need(signal["signal_type"] in ("buy", "sell"), "signal_type", f"{signal['signal_type']!r} is not buy or sell")
    matching(signal["asset"], "asset", ASSET)
    check_amount(signal["amount"])
    number_in(signal["confidence"], "confidence", 0, 1)
    timestamp(signal["timestamp"], "timestamp")
    text(signal["strategy_id"], "strategy_id", 1, 100)
    check_snapshot(signal["market_data_snapshot"])
    check_metadata(signal["metadata"], signal["signal_id"])
    check_version(signal)
    text(signal["trace_id"], "trace_id")
    return signal


def decode_message(properties, body):
    """`properties` has the names of pika.BasicProperties."""
    signal = decode(body)
    need(properties.content_type == "application/json", "content_type", repr(properties.content_type))
    need(properties.delivery_mode == 2, "delivery_mode", repr(properties.delivery_mode))
    need(properties.message_id == signal["signal_id"], "message_id", f"{properties.message_id!r} is not the signal_id")
    need(properties.type == "trading_signal", "type", repr(properties.type))
    need(bool(properties.app_id), "app_id", "missing")
    second = int(timestamp(signal["timestamp"], "timestamp").timestamp())
    need(properties.timestamp == second, "timestamp property", f"{properties.timestamp!r} is not the body's second, {second}")
    headers = properties.headers or {}
    need(headers.get("trace_id") == signal["trace_id"], "header trace_id", f"{headers.get('trace_id')!r} is not the body's")
    if "traceparent" in headers:
        matching(headers["traceparent"], "header traceparent", TRACEPARENT)
    return signal


# ---- the program ----

def tell(signal):
    by = signal["model_version"] or ("warm-up" if signal["is_warmup"] else "rule")
    print(f"ok  {signal['signal_id']} {signal['timestamp']} {signal['strategy_id']} {by} {signal['signal_type']} "
          f"{signal['amount']} of {signal['asset']} at {signal['market_data_snapshot']['price']}, "
          f"confidence {float(signal['confidence']):.3f}")


def decode_files(paths):
    n_bad = 0
    for path in paths:
        with (sys.stdin.buffer if path == "-" else open(path, "rb")) as lines:
            for line in lines:
                try:
                    tell(decode(line.rstrip(b"\n")))
                except BadSignal as bad:
                    n_bad += 1
                    print(f"BAD {bad}")
    return n_bad


def decode_queue(args):
    import pika
    credentials = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"])
    connection = pika.BlockingConnection(pika.ConnectionParameters(
        os.environ["RABBITMQ_HOST"], int(os.environ["RABBITMQ_PORT"]), os.environ.get("RABBITMQ_VHOST", "/"), credentials))
    channel, n_bad, n_seen = connection.channel(), 0, 0
    for method, properties, body in channel.consume(args.queue, inactivity_timeout=args.wait):
        if method is None:
            break
        n_seen += 1
        try:
            tell(decode_message(properties, body))
        except BadSignal as bad:
            n_bad += 1
            print(f"BAD {bad}")
        if not args.peek:
            channel.basic_ack(method.delivery_tag)
        if n_seen == args.count:
            break
    connection.close()
    print(f"{n_seen} signals, {n_bad} bad")
    return n_bad


def main():
    parser = argparse.ArgumentParser(description="Decode trading signals and refuse bad ones.")
    parser.add_argument("files", nargs="*", help="files with one body a line; without any, the broker's queue")
    parser.add_argument("--queue", default=os.environ.get("SIGNALS_QUEUE", QUEUE))
    parser.add_argument("--count", type=int, default=0, help="end after so many; default: when none comes any more")
    parser.add_argument("--wait", type=float, default=5, help="seconds without a signal after which it ends")
    parser.add_argument("--peek", action="store_true", help="leave the signals in the queue")
    args = parser.parse_args()
    return 1 if (decode_files(args.files) if args.files else decode_queue(args)) else 0


if __name__ == "__main__":
    sys.exit(main())
