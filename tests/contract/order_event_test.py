"""Order events, read a second time by code written from contract section 3.1 alone: both must say the same."""
import datetime
import json
import os
import re
import struct
import subprocess
import uuid
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HELPER = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests/helper/order_event_lines")
MANY = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
RECEIVED = 1769853600 * 10**9
FUTURE = RECEIVED + 300 * 10**9
TYPES = ["filled", "partially_filled", "cancelled", "rejected", "created", "modified", "pending"]
UNIT = Decimal("1e-8")


@pytest.fixture(scope="module")
def reader():
    process = subprocess.Popen([HELPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(data):
        process.stdin.write(struct.pack(">I", len(data)) + data)
        process.stdin.flush()
        return process.stdout.readline().decode()

    yield ask
    process.stdin.close()
    assert process.wait(10) == 0


class Refused(Exception):
    pass


class Number(str):
    """Source text of a JSON number."""


def refuse(reason, field="-"):
    raise Refused(f"refused {reason} {field}")


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def decimal_of(value):
    """A decimal with 8 places, or None when it is none, or OverflowError."""
    if not isinstance(value, str) or not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", value, re.ASCII):
        return None
    mantissa, _, exponent = value.lower().partition("e")
    if exponent and abs(int(exponent)) > 2000:
        if not re.search("[1-9]", mantissa) or int(exponent) < 0:
            return Decimal(0)
        raise OverflowError
    with localcontext() as context:
        context.prec = 5000
        number = Decimal(value).quantize(UNIT, rounding=ROUND_HALF_EVEN)
        if abs(number) >= 10**12:
            raise OverflowError
        return number


def time_of(value):
    if not is_text(value):
        return None
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", value, re.ASCII)
    if not match or not 1970 <= int(match[1]) <= 2261:
        return None
    try:
        moment = datetime.datetime(*(int(match[i]) for i in range(1, 7)), tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    zone = match[8] or "Z"
    offset = 0
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * 60 * (1 if zone[0] == "+" else -1)
    ns = (int(moment.timestamp()) - offset) * 10**9 + int((match[7] or ".0")[1:].ljust(9, "0"))
    return ns if ns >= 0 else None


def uuid_of(value):
    if is_text(value) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return str(uuid.UUID(value))
    return None


def required(holder, name, prefix, read):
    value = holder.get(name)
    if value is None:
        refuse("field_missing", prefix + name)
    result = read(value)
    if result is None:
        refuse("field_invalid", prefix + name)
    return result


def number(value):
    try:
        return decimal_of(value)
    except OverflowError:
        return None


def asset_of(value):
    return value.upper() if is_text(value) and re.fullmatch(r"[A-Za-z0-9]{3,20}", value) else None


def side_of(value):
    return value.lower() if is_text(value) and value.isascii() and value.lower() in ("buy", "sell") else None


def order_id_of(value):
    good = is_text(value) and 1 <= len(value.encode()) <= 128 and all(ord(c) >= 32 and ord(c) != 127 for c in value)
    return value if good else None


def type_of(document, flat):
    value = document.get("event_type")
    if value is None and flat:
        return "filled"
    if value is None:
        refuse("field_missing", "event_type")
    if not is_text(value):
        refuse("field_invalid", "event_type")
    if not value.isascii() or value.lower() not in TYPES:
        refuse("unknown_event_type", "event_type")
    return value.lower()


def executed_at_of(document, order, prefix):
    if order.get("executed_at") is not None:
        moment = required(order, "executed_at", prefix, time_of)
        if moment > FUTURE:
            refuse("time_in_future", prefix + "executed_at")
        return moment, "executed_at"
    for holder, name in ((order, "updated_at"), (document, "timestamp")):
        moment = time_of(holder.get(name))
        if moment is not None and moment <= FUTURE:
            return moment, name
    return RECEIVED, "receipt"


def read_order_event(document):
    """The strict part of contract 3.1, in its order."""
    flat = document.get("order") is None and (
        document.get("event_type") is None or document.get("order_id") is not None or document.get("execution_quantity") is not None)
    prefix = "" if flat else "order."
    names = ("execution_quantity", "execution_price", "execution_fees") if flat else ("filled_quantity", "average_price", "fees")
    out = {"flat": int(flat)}
    if document.get("event_id") is not None or not flat:
        out["event_id"] = required(document, "event_id", "", uuid_of)
    out["type"] = type_of(document, flat)
    order = document if flat else required(document, "order", "", lambda value: value if isinstance(value, dict) else None)
    out["order_id"] = required(order, "order_id", prefix, order_id_of)
    out["signal_id"] = required(order, "signal_id", prefix, uuid_of)
    out["asset"] = required(order, "asset", prefix, asset_of)
    out["side"] = required(order, "side", prefix, side_of)
    quantity = required(order, names[0], prefix, number)
    if quantity < 0:
        refuse("field_invalid", prefix + names[0])
    if quantity == 0 and out["type"] in ("filled", "partially_filled"):
        refuse("fill_without_quantity", prefix + names[0])
    price = Decimal(0)
    if quantity > 0:
        if order.get(names[1]) is None:
            refuse("fill_without_price", prefix + names[1])
        price = required(order, names[1], prefix, number)
        if price < 0:
            refuse("field_invalid", prefix + names[1])
        if price == 0:
            refuse("fill_without_price", prefix + names[1])
    fees = Decimal(0) if order.get(names[2]) is None else required(order, names[2], prefix, number)
    out["executed_at"], out["source"] = executed_at_of(document, order, prefix)
    for key, value in (("quantity", quantity), ("price", price), ("fees", fees)):
        out[key] = f"{abs(value) if value == 0 else value:.8f}"
    return out


def escaped(text):
    return "".join(chr(b) if 0x20 < b < 0x7f and b != 0x25 else f"%{b:02x}" for b in text.encode())


def agree(reader, document):
    data = dump(document).encode()
    line = reader(data).rstrip("\n")
    parsed = json.loads(data, parse_int=Number, parse_float=Number)
    try:
        expected = read_order_event(parsed)
    except Refused as refused:
        assert line.strip() == str(refused), data
        return
    assert line.startswith("ok "), (data, line)
    words = dict(word.split("=", 1) for word in line.split()[1:])
    for key, value in expected.items():
        assert words[key] == (escaped(value) if key == "order_id" else str(value)), (key, data, line)


def dump(value):
    """JSON in which Number is written as it is."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k) + ":" + dump(v) for k, v in value.items()) + "}"
    return json.dumps(value)


ABSENT = object()
ANY = st.none() | st.booleans() | st.text(max_size=4) | st.just({}) | st.just([]) | st.integers(-5, 5).map(lambda i: Number(i))
NUMBER_TEXT = st.from_regex(r"\A-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?\Z")
NUMBERS = st.one_of(
    st.decimals(0, 10**6, places=8).map(str), NUMBER_TEXT, NUMBER_TEXT.map(Number), st.decimals(-10, 10**12, places=9).map(str),
    st.from_regex(r"\A[+-]?[0-9]{0,3}\.?[0-9]{0,3}([eE][+-]?[0-9]{0,4})?\Z"),
    st.sampled_from(["NaN", "Infinity", "-Infinity", " 1", "1 ", "1_0", "0x1", "١", "0E-8", "1.0E-7", "1e", "0.000000005", "0.000000015"]))
TIMES = st.one_of(
    st.datetimes(datetime.datetime(2025, 1, 1), datetime.datetime(2026, 2, 2)).map(str),
    st.datetimes(datetime.datetime(2025, 1, 1), datetime.datetime(2026, 2, 2)).map(lambda t: t.isoformat() + "Z"),
    st.from_regex(r"\A20[0-9]{2}-[01][0-9]-[0-3][0-9][T t][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:[0-9]{2})?\Z"),
    st.sampled_from(["2026-01-31T10:05:00Z", "2026-01-31T10:05:00.000000001Z", "2026-01-31", "", "1969-12-31T23:59:59Z",
                     "2024-02-29T00:00:00", "2025-02-29T00:00:00", "2262-01-01T00:00:00Z"]))
UUIDS = st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()) | st.uuids().map(lambda u: u.hex)


def mostly(good, bad=ANY):
    """Good ones in nine of ten cases, else something else or nothing at all."""
    return st.integers(0, 19).flatmap(lambda i: bad if i == 0 else st.just(ABSENT) if i == 1 else good)


def record(fields):
    return st.fixed_dictionaries(fields).map(lambda d: {k: v for k, v in d.items() if v is not ABSENT})


def any_case(words):
    return st.sampled_from(words).flatmap(lambda w: st.sampled_from([w, w.upper(), w.title()])) | st.sampled_from(["x", words[0] + " "])


TYPE = any_case(TYPES)
COMMON = {"signal_id": mostly(UUIDS), "asset": mostly(st.sampled_from(["BTCUSDT", "ethusdt", "BT", "A" * 21, "BTC-USD", "BTCUſDT"])),
          "side": mostly(any_case(["buy", "sell"])), "executed_at": mostly(TIMES | st.none())}
ORDER_ID = mostly(st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=70) | st.sampled_from(["a" * 128, "a" * 129]))
ORDER = record({"order_id": ORDER_ID, **COMMON, "filled_quantity": mostly(NUMBERS), "average_price": mostly(NUMBERS), "fees": mostly(NUMBERS),
                "updated_at": mostly(TIMES)})
NESTED = record({"event_id": mostly(UUIDS), "event_type": mostly(TYPE), "timestamp": mostly(TIMES), "order": mostly(ORDER),
                 "market_conditions": ANY, "signal": ANY, "trace_id": ANY})
FLAT = record({"order_id": ORDER_ID, **COMMON, "event_id": st.just(ABSENT) | mostly(UUIDS), "event_type": st.just(ABSENT) | TYPE,
               "execution_quantity": mostly(NUMBERS), "execution_price": mostly(NUMBERS), "execution_fees": mostly(NUMBERS),
               "strategy_id": ANY, "performance": ANY})


@MANY
@given(NESTED)
def test_nested_events_are_read_the_same(reader, document):
    agree(reader, document)


@MANY
@given(FLAT)
def test_flat_events_are_read_the_same(reader, document):
    agree(reader, document)


GOOD = {"event_id": "0b8f0d5e-6c5f-4f5e-9a3e-2f6b0f7f1a11", "event_type": "filled",
        "order": {"order_id": "o", "signal_id": "5d2c0a3e-7f44-4c57-8f52-0d8a5a0b7c22", "asset": "BTCUSDT", "side": "buy",
                  "filled_quantity": "1", "average_price": "2", "fees": "0.1", "executed_at": "2026-01-31T09:00:00Z"}}


def changed(**order):
    return {**GOOD, "order": {**GOOD["order"], **order}}


@MANY
@given(st.sampled_from(["filled_quantity", "average_price", "fees"]), NUMBERS)
def test_decimals_are_read_the_same(reader, name, value):
    agree(reader, changed(**{name: value}))


@MANY
@given(st.sampled_from(["executed_at", "updated_at"]), TIMES)
def test_times_are_read_the_same(reader, name, value):
    order = {"executed_at": None, "updated_at": None, name: value}
    agree(reader, changed(**order))


def test_the_second_opinion_accepts_a_good_event(reader):
    assert read_order_event(GOOD)["quantity"] == "1.00000000"
    assert reader(json.dumps(GOOD).encode()).startswith("ok ")
