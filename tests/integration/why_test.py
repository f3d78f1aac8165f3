"""`alphaloop why`: a model's signal and an abstention with everything that is known of them, and what it says when it cannot.

What each feature added is held against the library itself, which is asked here about the same frozen features.
"""
import ctypes
import json
import os
import shutil
import struct
import uuid

import harness
import learnable
import load
import pytest
from harness import db, eventually, query

MODEL_SIGNAL = """SELECT t.signal_id::text FROM trading_signals t JOIN execution_events e ON e.signal_id = t.signal_id
                  JOIN samples s ON s.decision_id = t.signal_id WHERE t.model_version = 'v1' AND t.side = '{}' AND t.status = 'published'
                  GROUP BY 1 HAVING count(DISTINCT s.action) = 2 LIMIT 1"""
ABSTENTION = "SELECT decision_id::text FROM abstentions WHERE model_version = 'v1' AND outcome = 'sampled' LIMIT 1"
WARMUP = "SELECT signal_id::text FROM trading_signals WHERE is_warmup AND features <> ''::bytea LIMIT 1"


def one(sql):
    with db() as connection:
        rows = query(connection, sql)
    return rows[0][0] if rows else None


@pytest.fixture(name="world", scope="module")
def traded(tmp_path_factory):
    """A worker that was taught, activated v1, traded with it until decisions of every kind were settled, and ended."""
    folder = tmp_path_factory.mktemp("why")
    config = learnable.prepare(folder)
    load.strategy_folder(folder, features=learnable.FEATURES, training={"window_days": 3650}, epsilon=0.5)
    with harness.Worker(**config) as worker:
        worker.await_ready()
        ended = learnable.train(worker)
        assert ended["outcome"] == "activated", ended
        worker.stop()
    with harness.Worker(**config) as worker, load.simulation(learnable.SPEED), load.Tap() as tap:
        worker.await_ready()
        found = {name: eventually(lambda sql=sql: one(sql), name, 120)
                 for name, sql in (("buy", MODEL_SIGNAL.format("buy")), ("sell", MODEL_SIGNAL.format("sell")),
                                   ("abstention", ABSTENTION), ("warmup", WARMUP))}
        importance = worker.get("/api/v1/models/v1/importance")
        missing = worker.get("/api/v1/models/v99/importance")
        worker.stop()
    tap.check()
    return {"config": config, "signals": {signal["signal_id"]: signal for signal in tap.signals}, "importance": importance, "missing": missing, **found}


def why(world, decision, *options):
    answer = harness.run("why", *options, decision, **world["config"])
    return answer.returncode, answer.stdout, answer.stderr


def explained(world, decision):
    code, out, err = why(world, decision, "--json")
    assert code == 0, err
    return json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def folder(world):
    return os.path.join(world["config"]["MODEL_STORAGE_PATH"], "v1")


# ---- the library, asked past everything of ours ----

def frozen(table, key, decision):
    with db() as connection:
        value = bytes(query(connection, f"SELECT features FROM {table} WHERE {key} = %s", decision)[0][0])
    return list(struct.unpack(f"<{len(value) // 4}f", value))


def from_the_side(features, side):
    """Moves and an index of strength change their sign for a sell, around 0 and around 50; a spread does not."""
    if side == "buy":
        return features
    return [-features[0], -features[1], -features[2], 100 - features[3], features[4]]


class Library:
    """XGBoosterPredict of the C library with option_mask 1 (margin) and 4 (contributions)."""

    def __init__(self, path):
        self.xgb = ctypes.CDLL("libxgboost.so.0")
        self.booster = ctypes.c_void_p()
        self.ask(self.xgb.XGBoosterCreate(None, ctypes.c_uint64(0), ctypes.byref(self.booster)))
        self.ask(self.xgb.XGBoosterLoadModel(self.booster, path.encode()))

    def ask(self, code):
        self.xgb.XGBGetLastError.restype = ctypes.c_char_p
        assert code == 0, self.xgb.XGBGetLastError()

    def predict(self, row, option_mask):
        matrix, length, out = ctypes.c_void_p(), ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()
        values = (ctypes.c_float * len(row))(*row)
        self.ask(self.xgb.XGDMatrixCreateFromMat(values, ctypes.c_uint64(1), ctypes.c_uint64(len(row)),
                                                 ctypes.c_float(float("nan")), ctypes.byref(matrix)))
        self.ask(self.xgb.XGBoosterPredict(self.booster, matrix, option_mask, 0, 0, ctypes.byref(length), ctypes.byref(out)))
        result = [out[i] for i in range(length.value)]
        self.ask(self.xgb.XGDMatrixFree(matrix))
        return result


def check_actions(world, body, features):
    library = Library(os.path.join(folder(world), "model.ubj"))
    assert [action["action"] for action in body["actions"]] == ["buy", "sell"]
    for action in body["actions"]:
        row = from_the_side(features, action["action"])
        *expected, mean = library.predict(row, 4)
        added = {item["feature"]: item["contribution"] for item in action["contributions"]}
        assert added == pytest.approx(dict(zip(learnable.FEATURES, expected)), abs=5e-6)
        assert action["bias"] == pytest.approx(mean, abs=5e-6)
        assert action["log_odds"] == pytest.approx(library.predict(row, 1)[0], abs=1e-6)
        assert sum(added.values()) + action["bias"] == pytest.approx(action["log_odds"], abs=1e-5)
        sizes = [abs(item["contribution"]) for item in action["contributions"]]
        assert sizes == sorted(sizes, reverse=True)


# ---- tests ----

@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_signal_of_a_model_is_explained_and_checked(world, side):
    body, signal = explained(world, world[side]), world["signals"][world[side]]
    assert (body["kind"], body["action"], body["model_version"], body["status"]) == ("entry", side, "v1", "published")
    assert (body["explained"], body["check"]) == (True, "agrees"), body["check_text"]
    assert body["model"]["state"] == "active" and body["model"]["verdict"]["promote"] is True
    features = frozen("trading_signals", "signal_id", world[side])
    assert [item["feature"] for item in body["features"]] == learnable.FEATURES
    assert [item["value"] for item in body["features"]] == features
    assert [item["oriented"] for item in body["features"]] == [True, True, True, True, False]
    check_actions(world, body, features)
    chosen = next(action for action in body["actions"] if action["chosen"])
    assert chosen["action"] == side and chosen["q"] == pytest.approx(float(signal["confidence"]), abs=1e-12)
    for name in ("interval_lower", "interval_upper", "interval_coverage"):
        told = signal["metadata"].get(name)
        assert body[name] == (None if told is None else pytest.approx(float(told)))
    assert body["leaning"] == side
    assert body["snapshot"]["mid"] == pytest.approx(float(signal["market_data_snapshot"]["price"]))
    assert body["propensity"] == pytest.approx(float(signal["metadata"]["propensity"]))
    assert body["executions"] and body["outcome"] == "sampled"
    assert {item["action"]: item["policy_took"] for item in body["outcomes"]} == {"buy": side == "buy", "sell": side == "sell"}
    assert body["message"]["signal_id"] == world[side]


def test_every_published_signal_of_a_model_names_its_features(world):
    signals = [signal for signal in world["signals"].values()
               if signal["model_version"] == "v1" and signal["metadata"]["kind"] == "entry"]
    assert len(signals) >= 2
    for signal in signals:
        metadata = signal["metadata"]
        names = [item["feature"] for item in metadata["contributions"]]
        assert names and set(names) <= set(learnable.FEATURES)
        for item in metadata["contributions"]:
            value = signal["market_data_snapshot"]["technical_indicators"].get(item["feature"])
            assert item["value"] == value
    assert not any("contributions" in s["metadata"] for s in world["signals"].values() if s["model_version"] is None)


def test_an_abstention_shows_both_actions(world):
    body = explained(world, world["abstention"])
    assert (body["kind"], body["action"], body["status"], body["message"]) == ("abstention", None, "not sent", None)
    assert body["reason"] is not None and body["outcome"] == "sampled" and body["check"] == "nothing"
    check_actions(world, body, frozen("abstentions", "decision_id", world["abstention"]))


def test_a_signal_of_the_warmup_has_no_model(world):
    body = explained(world, world["warmup"])
    assert (body["is_warmup"], body["model"], body["explained"], body["actions"]) == (True, None, False, [])
    assert [item["feature"] for item in body["features"]] == learnable.FEATURES


def test_text_says_the_same(world):
    code, out, err = why(world, world["buy"])
    assert (code, err) == (0, "")
    metadata = world["signals"][world["buy"]]["metadata"]
    for word in ("model v1", "state now    active", "buy, chosen", "log-odds before calibration", "features", "executions",
                 "outcome: sampled", "check: what was published is what the folder gives", *metadata["reasons"]):
        assert word in out, word
    code, out, err = why(world, world["abstention"])
    assert code == 0 and "not sent" in out and "reason" in out


def test_an_unknown_id_is_said(world):
    unknown = str(uuid.uuid4())
    code, out, err = why(world, unknown)
    assert (code, out) == (1, "") and f"no signal and no decision {unknown}" in err
    assert why(world, "12")[0] == 2
    assert harness.run("why", **world["config"]).returncode == 2


def test_what_was_published_otherwise_is_found(world):
    with db() as connection:
        kept = query(connection, "SELECT body FROM trading_signals WHERE signal_id = %s", world["buy"])[0][0]
        body = json.loads(kept)
        body["metadata"]["contributions"][0]["contribution"] += 0.001
        query(connection, "UPDATE trading_signals SET body = %s WHERE signal_id = %s", json.dumps(body), world["buy"])
        code, out, err = why(world, world["buy"], "--json")
        assert code == 1 and json.loads(out)["check"] == "differs"
        assert body["metadata"]["contributions"][0]["feature"] in err
        query(connection, "UPDATE trading_signals SET body = %s WHERE signal_id = %s", kept, world["buy"])
    assert explained(world, world["buy"])["check"] == "agrees"


def test_a_folder_that_is_gone_or_damaged_is_said(world):
    path = folder(world)
    shutil.move(path, path + ".kept")
    code, out, err = why(world, world["buy"], "--json")
    body = json.loads(out)
    assert (code, body["explained"], body["actions"]) == (1, False, []) and "not explained" in err and "v1" in err
    assert [item["feature"] for item in body["features"]] == learnable.FEATURES
    shutil.copytree(path + ".kept", path)
    with open(os.path.join(path, "trees.bin"), "r+b") as trees:
        trees.seek(100)
        trees.write(b"\xff")
    code, _, err = why(world, world["buy"])
    assert code == 1 and "trees.bin" in err
    shutil.rmtree(path)
    shutil.move(path + ".kept", path)


def test_the_importance_of_a_version_is_served(world):
    body = world["importance"].json()
    assert world["importance"].code == 200
    assert (body["version"], body["strategy_id"], body["model_type"]) == ("v1", "often", "xgboost")
    assert sorted(item["feature"] for item in body["features"]) == sorted(learnable.FEATURES)
    assert body["features"][0]["feature"] == "return_1" and body["rows"] > 100
    assert world["missing"].code == 404 and "no such version" in world["missing"].json()["detail"]
