"""Samples with a known edge in the database, and a worker that can be asked to train on them."""
import math
import os
import random
import struct
import uuid

import harness
import load
from harness import db, eventually, query

SPEED = 300
FEATURES = ["return_1", "return_5", "return_10", "rsi_14", "spread_bps"]
NEUTRAL = [0, 0, 0, 50, 0]
SETTINGS = {"RETRAIN_NEW_SAMPLES": 0, "RETRAIN_ON_DEGRADATION": "false", "MODEL_TRAINING_MIN_DATASET_SIZE": 50, "RANDOM_SEED": 7}
START_NS = 1672531200 * 10**9  # 2023, before the simulated market begins
N_DECISIONS = 3000
STEP_NS, SPAN_NS, COST, MOVE = 20 * 10**9, 19 * 10**9, 0.001, 0.005
COLUMNS = ("decision_id, action, strategy_id, asset, evidence, t0_ns, t1_ns, available_at_ns, gross_return, cost_return, net_return,"
           " barrier, fill_fraction, propensity, policy_took, is_warmup, is_dry_run, schema_hash, features")


def settings(folder, **fields):
    """Of a worker that trades the simulated market with these features and keeps its models in `folder`."""
    return {**load.market_settings(folder, SPEED, features=FEATURES, training={"window_days": 3650}), **SETTINGS,
            "MODEL_STORAGE_PATH": folder / "models", **fields}


def schema_hash(config):
    """The hash that the worker freezes with its decisions."""
    found = "SELECT schema_hash FROM trading_signals LIMIT 1"
    with harness.Worker("--no-publish", **config) as worker, load.simulation(SPEED):
        worker.await_ready()
        with db() as connection:
            value = eventually(lambda: query(connection, found), "a decision", 60)[0][0]
        worker.stop()
    return bytes(value)


def rows(n_decisions, edge, seed, hash_bytes):
    """Two rows a decision: the price moves up with probability 1 / (1 + exp(-edge * return_1)); a coin took one side."""
    chance = random.Random(seed)
    for number in range(n_decisions):
        features = [neutral + chance.gauss(0, 1) for neutral in NEUTRAL]
        up = chance.random() < 1 / (1 + math.exp(-edge * features[0]))
        taken = chance.choice(["buy", "sell"])
        t0 = START_NS + number * STEP_NS
        decision = uuid.UUID(int=chance.getrandbits(128), version=4)
        for side, sign in (("buy", 1), ("sell", -1)):
            gross = sign * (MOVE if up else -MOVE)
            yield (str(decision), side, "often", "BTCUSDT", 1 if side == taken else 2, t0, t0 + SPAN_NS, t0 + SPAN_NS, gross,
                   COST, gross - COST, 1 if gross > 0 else 2, 1, 0.5, side == taken, True, False, hash_bytes,
                   struct.pack(f"<{len(features)}f", *features))


def outcomes(version, n_decisions, confidence, from_ns, hash_bytes):
    """Own decisions of a version, a minute apart, that were all lost; each said it would win with this confidence."""
    for number in range(n_decisions):
        t0 = from_ns + number * 60 * 10**9
        yield (str(uuid.uuid4()), "buy", "often", "BTCUSDT", 1, t0, t0 + SPAN_NS, t0 + SPAN_NS, -MOVE, COST, -MOVE - COST, 2, 1, 0.99,
               True, False, False, hash_bytes, struct.pack(f"<{len(NEUTRAL)}f", *NEUTRAL), version, confidence)


def insert(samples, columns=COLUMNS):
    with db() as connection, connection.cursor() as cursor:
        for values in batches(list(samples), 500):
            marks = ",".join(["(" + ",".join(["%s"] * len(values[0])) + ")"] * len(values))
            cursor.execute(f"INSERT INTO samples ({columns}) VALUES {marks}", [value for row in values for value in row])


def batches(items, size):
    return (items[i:i + size] for i in range(0, len(items), size))


def stored_hash():
    """The schema hash of the samples there are."""
    with db() as connection:
        return bytes(query(connection, "SELECT schema_hash FROM samples LIMIT 1")[0][0])


def prepare(folder, n_decisions=N_DECISIONS, edge=1.2):
    """Settings of a worker whose database holds samples worth a model."""
    load.prepare_broker()
    config = settings(folder)
    hash_bytes = schema_hash(config)
    with db() as connection:
        query(connection, "DELETE FROM samples")
    insert(rows(n_decisions, edge, 1, hash_bytes))
    return config


# ---- trainings ----

def status(worker):
    return worker.get("/api/v1/training/status").json()


def trigger(worker):
    assert worker.post("/api/v1/training/trigger", {"strategy_id": "often"}).json()["triggered"] is True


def await_end(worker, after=None, deadline=90):
    """The training that ended, once it is another one than `after`."""
    def ended():
        now = status(worker)
        last = now["last_training"]
        return None if now["is_training"] or last is None or last == after else last
    return eventually(ended, "the training ended", deadline)


def train(worker, deadline=90):
    before = status(worker)["last_training"]
    trigger(worker)
    return await_end(worker, before, deadline)


def child_of(worker):
    """The pid of the worker's child process, or None."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == worker.process.pid and state != "Z":
                return int(name)
    return None


def await_child(worker):
    return eventually(lambda: child_of(worker), "a training process")


def active_version(worker):
    items = worker.get("/api/v1/models?strategy_id=often&is_active=true").json()["items"]
    return items[0]["version"] if items else None
