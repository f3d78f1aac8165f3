"""alphaloop train --forecast: a version on disk and in the registry, or none and why."""
import json
import os
import signal
import subprocess

import forecasts
import harness
import pytest


@pytest.fixture()
def store(tmp_path):
    assert harness.run("migrate").returncode == 0
    forecasts.forget_everything()
    forecasts.store_bars(forecasts.make_bars(1600))
    return tmp_path / "models"


def train(store, *args, **settings):
    return harness.run("train", "--forecast", *args, MODEL_STORAGE_PATH=store, **settings)


def row(name):
    with harness.db() as connection:
        rows = harness.query(connection, "SELECT state, version, last_version, file_path, kind, asset, prediction_horizons,"
                                         " measures, detail FROM ml_models WHERE model_name = %s", name)
    keys = ("state", "version", "last_version", "file_path", "kind", "asset", "horizons", "measures", "detail")
    return dict(zip(keys, rows[0])) if rows else None


def test_a_version_is_whole_and_registered(store):
    done = train(store, "line_v1", "--asset", "BTCUSDT", "--horizons", "1,24", "--kind", "LinearRegression")
    assert done.returncode == 0, done.stderr
    found = row("line_v1")
    assert (found["state"], found["version"], found["file_path"]) == ("serving", 1, "forecasts/line_v1/1")
    assert found["horizons"] == [1, 24] and found["kind"] == "linear" and found["asset"] == "BTCUSDT"
    hour = found["measures"]["1"]
    assert 0.05 < hour["r2_out_of_sample"] < 0.3 and hour["mase"] < hour["naive_mase"]
    assert hour["directional_low"] > 0.5  # the edge is real, and 0.63 strong
    folder = store / "forecasts/line_v1/1"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["gate"]["rule"] == "first" and manifest["data"]["n_bars"] == 1600
    assert sorted(f.name for f in folder.iterdir()) == ["h1.model", "h24.model", "manifest.json", "oof.bin"]


def test_the_gate_keeps_what_is_better(store):
    assert train(store, "m", "--asset", "BTCUSDT", "--horizons", "1", "--kind", "linear").returncode == 0
    refused = train(store, "m", "--asset", "BTCUSDT", "--horizons", "1", "--kind", "baseline")
    assert refused.returncode == 0 and refused.stdout.splitlines()[-2].startswith("refused: against version 1"), refused.stdout
    found = row("m")
    assert (found["state"], found["version"], found["last_version"], found["kind"]) == ("serving", 1, 2, "linear")
    assert found["detail"].startswith("refused")
    # Newer bars, the same kind: no worse is enough.
    forecasts.store_bars(forecasts.make_bars(1700)[1600:])
    assert train(store, "m", "--asset", "BTCUSDT", "--horizons", "1", "--kind", "linear").returncode == 0
    assert row("m")["version"] == 3, row("m")


def test_a_network_is_trained_within_the_limits_of_the_child(store):
    small = '{"n_steps": 8, "hidden": 8, "epochs": 6, "learning_rate": 0.01, "attention": 1}'
    done = train(store, "net", "--asset", "BTCUSDT", "--horizons", "1", "--kind", "lstm", "--parameters", small)
    assert done.returncode == 0, done.stderr
    found = row("net")
    assert (found["state"], found["version"], found["kind"]) == ("serving", 1, "lstm"), found
    assert found["measures"]["1"]["r2_out_of_sample"] > 0.02  # of 0.16 that a line can find
    assert (store / "forecasts/net/1/h1.model").read_bytes()[:4] == b"ALLS"


def test_too_few_bars_are_no_fault(store):
    done = train(store, "other", "--asset", "ETHUSDT")
    assert done.returncode == 0 and "there are no bars of ETHUSDT" in done.stdout
    assert row("other")["state"] == "failed" and row("other")["version"] is None


def test_a_training_that_is_stopped_leaves_nothing(store):
    child = subprocess.Popen(
        [harness.PROGRAM, "train", "--forecast", "slow", "--asset", "BTCUSDT", "--kind", "xgboost", "--parameters",
         '{"rounds": 4000, "patience": 4000, "eta": 0.001}'], cwd=harness.ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=dict(os.environ, MODEL_STORAGE_PATH=str(store)))
    harness.eventually(lambda: (row("slow") or {}).get("state") == "training", "it trains")
    harness.eventually(lambda: list(store.glob("forecasts/.tmp-job-*")), "the job is written")
    child.send_signal(signal.SIGTERM)
    assert child.wait(harness.DEADLINE) == 1
    assert row("slow")["state"] == "failed" and row("slow")["version"] is None
    assert list(store.glob("forecasts/slow/*")) == [] and list(store.glob("forecasts/.tmp*")) == []


@pytest.mark.parametrize("args, says", [
    (("bad name", "--asset", "BTCUSDT"), "a name is"),
    (("m",), "--asset is needed"),
    (("m", "--asset", "BTCUSDT", "--horizons", "3,1"), "horizons are"),
    (("m", "--asset", "BTCUSDT", "--interval", "7x"), "--interval 7x"),
    (("m", "--asset", "BTCUSDT", "--kind", "SVR"), "no such kind"),
    (("m", "--asset", "BTCUSDT", "--kind", "xgboost", "--parameters", '{"dept": 3}'), "dept"),
    (("m", "--asset", "BTCUSDT", "--interval", "1d", "--horizons", "1"), "no multiple"),
])
def test_what_cannot_be_asked_for_is_said(store, args, says):
    done = train(store, *args)
    assert done.returncode == 2 and says in done.stderr, done.stderr
