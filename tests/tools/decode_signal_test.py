"""The decoder of signals takes good ones and names what is wrong with each kind of bad one."""
import copy
import json
import os
import subprocess
import sys
import types

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import decode_signal  # noqa: E402

ID = "0190a0b0-0000-7000-8000-00000000000a"
GOOD = {
    "signal_id": ID, "signal_type": "buy", "asset": "BTCUSDT", "amount": 123.40, "confidence": 0.6,
    "timestamp": "2026-01-31T09:30:00.123456Z", "strategy_id": "momentum_v1", "model_version": "v12", "is_warmup": False,
    "market_data_snapshot": {
        "price": 42000.5, "spread": 0.1, "volume_24h": 1000, "volatility": 0.0005,
        "orderbook_depth": {"bid_depth": 3.5, "ask_depth": 2}, "technical_indicators": {"rsi_14": 55.5}},
    "metadata": {"reasoning": "buy: the model says so", "risk_score": 0.25, "decision_id": ID, "propensity": 0.75,
                 "reasons": ["momentum"], "kind": "entry"},
    "trace_id": "trace-1",
}

SOME = {"contributions": [{"feature": "rsi_14", "value": 55.5, "oriented": True, "contribution": -0.5},
                          {"feature": "gap", "value": None, "oriented": False, "contribution": 0.25}],
        "contribution_rest": 0.125, "contribution_bias": -0.25}


def explained(**changes):
    """The metadata of a signal whose features are named."""
    reasons = ["value_above_cost", "rsi_14 speaks against it", "gap speaks for it"]
    return {**GOOD["metadata"], "reasons": reasons, **SOME, **changes}


def item(**changes):
    return [{**SOME["contributions"][0], **changes}]


def changed(path, value):
    signal = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    node = signal
    for name in parents:
        node = node[name]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(signal).encode()


def properties(**changes):
    values = dict(content_type="application/json", delivery_mode=2, message_id=ID, type="trading_signal",
                  app_id="model-service", timestamp=1769851800, headers={"trace_id": "trace-1"})
    return types.SimpleNamespace(**{**values, **changes})


GOOD_CHANGES = [
    ("amount", 10), ("amount", 100000), ("amount", 10.01), ("confidence", 0), ("confidence", 1), ("asset", "ABCD"),
    ("asset", "A" * 20), ("timestamp", "2026-01-31T09:30:00Z"), ("strategy_id", "x" * 100), ("model_version", "v2.1"),
    ("signal_type", "sell"), ("market_data_snapshot.spread", 0), ("market_data_snapshot.orderbook_depth", None),
    ("market_data_snapshot.technical_indicators", None), ("market_data_snapshot.technical_indicators", {}),
    ("metadata.reasons", []), ("metadata.anything", {"else": [1]}), ("metadata.propensity", 1),
    ("metadata", explained()), ("metadata", explained(contributions=[])), ("metadata", explained(contributions=item(value=None))),
]


@pytest.mark.parametrize("path, value", GOOD_CHANGES)
def test_takes_a_good_signal(path, value):
    assert decode_signal.decode(changed(path, value))["trace_id"] == "trace-1"


BAD_CHANGES = [
    ("signal_id", "no-uuid"), ("signal_id", 7), ("signal_id", ...), ("signal_type", "hold"), ("signal_type", "BUY"),
    ("signal_type", ["buy"]), ("asset", "BTC"), ("asset", "btcusdt"), ("asset", "A" * 21), ("asset", "BTC/USDT"),
    ("amount", 9.99), ("amount", 100000.01), ("amount", 10.001), ("amount", "100"), ("amount", True), ("amount", None),
    ("confidence", -0.01), ("confidence", 1.01), ("confidence", "0.5"), ("timestamp", "2026-01-31T09:30:00"),
    ("timestamp", "2026-01-31T09:30:00+00:00"), ("timestamp", "2026-02-30T09:30:00Z"), ("timestamp", "2026-01-31 09:30:00Z"),
    ("timestamp", 1769851800), ("strategy_id", ""), ("strategy_id", "x" * 101), ("model_version", None),
    ("model_version", "12"), ("model_version", ""), ("model_version", "v1.2.3"), ("is_warmup", None), ("is_warmup", "false"),
    ("is_warmup", True), ("market_data_snapshot", None), ("market_data_snapshot.price", 0),
    ("market_data_snapshot.price", -1), ("market_data_snapshot.price", ...), ("market_data_snapshot.spread", -0.1),
    ("market_data_snapshot.volume_24h", -1), ("market_data_snapshot.volatility", None),
    ("market_data_snapshot.orderbook_depth", {"bid_depth": 1}), ("market_data_snapshot.orderbook_depth", [1, 2]),
    ("market_data_snapshot.orderbook_depth.ask_depth", -1), ("market_data_snapshot.technical_indicators.rsi_14", None),
    ("market_data_snapshot.technical_indicators.rsi_14", "55"), ("market_data_snapshot.surprise", 1), ("metadata", None),
    ("metadata.reasoning", ...), ("metadata.reasoning", ""), ("metadata.risk_score", 1.5), ("metadata.decision_id", "x"),
    ("metadata.decision_id", "0190a0b0-0000-7000-8000-00000000000b"), ("metadata.propensity", 0),
    ("metadata.propensity", 1.1), ("metadata.reasons", "momentum"), ("metadata.reasons", [1]), ("trace_id", ""),
    ("trace_id", None), ("trace_id", ...), ("surprise", 1),
    ("metadata", explained(contributions=None)), ("metadata", explained(contributions=item() * 6)),
    ("metadata", explained(contributions=item(feature=""))), ("metadata", explained(contributions=item(value="55"))),
    ("metadata", explained(contributions=item(oriented=None))), ("metadata", explained(contributions=item(contribution=None))),
    ("metadata", explained(contributions=item(surprise=1))), ("metadata", explained(contributions=item(feature="other"))),
    ("metadata", explained(contributions=item(contribution=0.5))), ("metadata", explained(contribution_rest="0")),
    ("metadata", explained(contributions=SOME["contributions"][::-1])),
    ("metadata", {**explained(), "reasons": ["value_above_cost", "gap speaks for it"]}),
    ("metadata", {name: value for name, value in explained().items() if name != "contribution_bias"}),
]


@pytest.mark.parametrize("path, value", BAD_CHANGES)
def test_names_the_field_of_a_bad_signal(path, value):
    with pytest.raises(decode_signal.BadSignal) as bad:
        decode_signal.decode(changed(path, value))
    assert bad.value.field.startswith("model_version" if value is True and path == "is_warmup" else path)


GOOD_BODY = json.dumps(GOOD)
BAD_BODIES = [
    b"", b"null", b"[]", b"{", GOOD_BODY.encode() + b"x", (GOOD_BODY + GOOD_BODY).encode(), b"\xff" + GOOD_BODY.encode(),
    GOOD_BODY.replace("0.6", "NaN").encode(), GOOD_BODY.replace("0.6", "Infinity").encode(),
    GOOD_BODY.replace("0.6", "1e999").encode(), GOOD_BODY.replace('"asset"', '"trace_id": "x", "asset"').encode(),
    GOOD_BODY.encode("utf-16"), b"[" * 100000, GOOD_BODY.encode() + b" " * (1 << 20),
]


@pytest.mark.parametrize("number", range(len(BAD_BODIES)))
def test_refuses_a_body_that_is_no_signal(number):
    with pytest.raises(decode_signal.BadSignal):
        decode_signal.decode(BAD_BODIES[number])


def test_takes_null_version_in_warmup_alone():
    warmup = dict(GOOD, model_version=None, is_warmup=True)
    assert decode_signal.decode(json.dumps(warmup).encode())["is_warmup"]
    exit_by_rule = dict(GOOD, model_version=None, metadata=dict(GOOD["metadata"], kind="exit"))
    with pytest.raises(decode_signal.BadSignal):
        decode_signal.decode(json.dumps(exit_by_rule).encode())


def test_keeps_amounts_exact():
    body = GOOD_BODY.replace("123.4", "123.45").encode()
    assert str(decode_signal.decode(body)["amount"]) == "123.45"


def test_takes_good_properties():
    decode_signal.decode_message(properties(), GOOD_BODY.encode())
    parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    headers = {"trace_id": "trace-1", "traceparent": parent}
    decode_signal.decode_message(properties(headers=headers), GOOD_BODY.encode())


@pytest.mark.parametrize("change", [
    {"content_type": None}, {"content_type": "text/plain"}, {"delivery_mode": 1}, {"delivery_mode": None}, {"message_id": None},
    {"message_id": "other"}, {"type": None}, {"type": "signal"}, {"app_id": None}, {"timestamp": None}, {"timestamp": 1769851801}, {"headers": None},
    {"headers": {"trace_id": "other"}}, {"headers": {"trace_id": "trace-1", "traceparent": "x"}}])
def test_refuses_bad_properties(change):
    with pytest.raises(decode_signal.BadSignal):
        decode_signal.decode_message(properties(**change), GOOD_BODY.encode())


def test_program_decodes_files(tmp_path):
    path = tmp_path / "signals"
    path.write_text(GOOD_BODY + "\n" + GOOD_BODY.replace("buy", "hold", 1) + "\n")
    script = os.path.join(ROOT, "tests", "decode_signal.py")
    done = subprocess.run([sys.executable, script, str(path)], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"ok  {ID}") and lines[1].startswith("BAD signal_type")
