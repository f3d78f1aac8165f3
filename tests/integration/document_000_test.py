"""Plays the client of the multi-horizon registry's document: every request of its examples, with the documented fields, types and
codes, and every documented error. What our own store cannot hold, a .joblib file, is refused in the document's words."""
import json
import os
import pathlib
import shutil
from datetime import datetime

import forecasts
import harness
import pytest
from openapi_check import Document

BARS = forecasts.make_bars(1600)


@pytest.fixture(scope="module")
def worker():
    assert harness.run("migrate").returncode == 0
    forecasts.forget_everything()
    harness.declare_neighbour_queues(harness.amqp_channel())
    with harness.Worker(TRADING_STRATEGIES="momentum_v1", TRADING_ASSETS="BTCUSDT") as running:
        running.await_ready()
        yield running


@pytest.fixture(scope="module")
def document(worker):
    return Document(worker.get("/openapi.json").json())


def ask(worker, document, method, path, body=None, template=None):
    answer = worker.request(method, path, body)
    template = template or path.partition("?")[0]
    document.check_answer(method, template, answer.code, answer.json())
    return answer.code, answer.json()


def model(worker, name):
    return next((m for m in worker.get("/models").json() if m["model_name"] == name), None)


def await_state(worker, name, *states):
    return harness.eventually(lambda: (m := model(worker, name)) and m["state"] in states and m, f"{name} is {states}")


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_01_without_history_there_is_nothing_to_predict(worker, document):
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "baseline", "prediction_horizon": 3, "save_to_db": False})
    assert (code, body["detail"]) == (400, "No historical data available for prediction")


def test_02_the_baseline_is_there_once_there_is_history(worker):
    forecasts.store_bars(BARS)
    found = await_state(worker, "baseline", "serving")
    assert found["prediction_horizons"] == [1, 3, 24, 168] and found["asset"] == "BTCUSDT" and found["is_active"] == 1


@pytest.mark.parametrize("horizon, save", [(3, True), (3, False), (24, True), (1, False), (168, False)])
def test_03_predict_by_post(worker, document, horizon, save):
    code, body = ask(worker, document, "POST", "/predict",
                     {"model_name": "baseline", "prediction_horizon": horizon, "save_to_db": save})
    assert code == 200, body
    assert body["model_name"] == "baseline" and body["prediction_horizon"] == horizon
    assert body["current_price"] == pytest.approx(BARS[-1][4])
    assert time_of(body["base_timestamp"]) == BARS[-1][0] + 3600
    assert time_of(body["predicted_time"]) == BARS[-1][0] + 3600 + horizon * 3600
    assert body["lower"] < body["predicted_value"] < body["upper"]
    assert body["saved"] is save and (body["prediction_id"] is not None) is save
    assert body["served_by"] == "baseline" and body["fallback"] is None


def test_04_predict_by_get(worker, document):
    code, body = ask(worker, document, "GET", "/predict/baseline/3?save_to_db=true", template="/predict/{model}/{horizon}")
    assert code == 200 and body["saved"] is True
    assert body == ask(worker, document, "POST", "/predict", {"model_name": "baseline", "prediction_horizon": 3})[1] | {
        "saved": True, "prediction_id": body["prediction_id"]}


def test_05_register_trains_and_lists_and_predicts(worker, document):
    request = {"model_name": "random_forest_v1", "model_type": "RandomForest", "prediction_horizons": [1, 3, 24],
               "feature_config": {"features": ["lag_1h", "lag_2h", "lag_24h", "SMA_10h"]}}
    code, body = ask(worker, document, "POST", "/models/register", request)
    assert code == 200 and body["status"] == "training" and body["kind"] == "random_forest", body
    found = await_state(worker, "random_forest_v1", "serving")
    assert found["model_type"] == "random_forest" or found["model_type"] == "RandomForest"
    assert found["prediction_horizons"] == [1, 3, 24] and found["feature_config"] == request["feature_config"]
    assert found["version"] == 1 and found["file_path"] == "forecasts/random_forest_v1/1"
    assert set(found["measures"]) == {"1", "3", "24"} and found["measures"]["1"]["mase"] < found["measures"]["1"]["naive_mase"]
    code, listed = ask(worker, document, "GET", "/models")
    assert code == 200 and [m["model_name"] for m in listed] == ["baseline", "random_forest_v1"]
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "random_forest_v1", "prediction_horizon": 24, "save_to_db": True})
    assert code == 200 and body["served_by"] == "random_forest"


def test_06_linear_regression_as_in_the_document(worker, document):
    code, body = ask(worker, document, "POST", "/models/register",
                     {"model_name": "test_model", "model_type": "LinearRegression", "prediction_horizons": [3, 1]})
    assert code == 200 and body["prediction_horizons"] == [1, 3]
    await_state(worker, "test_model", "serving")
    assert ask(worker, document, "GET", "/predict/test_model/3", template="/predict/{model}/{horizon}")[0] == 200


def test_07_a_joblib_file_is_not_ours(worker, document):
    for path in ("/app/trained_models/rf_model.joblib", "/app/trained_models/baseline_model.joblib", "../../etc/passwd", "forecasts/x/1"):
        code, body = ask(worker, document, "POST", "/models/register",
                         {"model_name": "foreign", "model_type": "RandomForest", "prediction_horizons": [1, 3, 24, 168],
                          "file_path": path})
        assert code == 404 and body["detail"].startswith(f"Model file not found: {path}"), body
    assert model(worker, "foreign") is None


def test_08_a_version_of_ours_can_be_registered_by_its_path(worker, document):
    code, body = ask(worker, document, "POST", "/models/register",
                     {"model_name": "copy_v1", "model_type": "whatever", "prediction_horizons": [1],
                      "file_path": "forecasts/test_model/1"})
    assert code == 200 and body["status"] == "serving" and body["prediction_horizons"] == [1, 3] and body["kind"] == "linear"
    one = ask(worker, document, "POST", "/predict", {"model_name": "copy_v1", "prediction_horizon": 3})[1]
    two = ask(worker, document, "POST", "/predict", {"model_name": "test_model", "prediction_horizon": 3})[1]
    assert one["predicted_value"] == two["predicted_value"]


def test_09_errors_in_the_documents_words(worker, document):
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "nobody", "prediction_horizon": 3})
    assert (code, body["detail"]) == (400, "Model 'nobody' not found or inactive")
    code, body = ask(worker, document, "GET", "/predict/random_forest_v1/5", template="/predict/{model}/{horizon}")
    assert (code, body["detail"]) == (400, "Horizon 5h not supported by model 'random_forest_v1'. Supported horizons: [1, 3, 24]")
    with harness.db() as connection:
        harness.query(connection, "UPDATE ml_models SET is_active = 0 WHERE model_name = 'copy_v1'")
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "copy_v1", "prediction_horizon": 3})
    assert (code, body["detail"]) == (400, "Model 'copy_v1' not found or inactive")
    code, body = ask(worker, document, "POST", "/models/register",
                     {"model_name": "svr", "model_type": "SVR", "prediction_horizons": [1]})
    assert code == 400 and "model_type 'SVR'" in body["detail"]


@pytest.mark.parametrize("body, field", [
    ({}, "model_name"), ({"model_name": "baseline"}, "prediction_horizon"), ({"prediction_horizon": 3}, "model_name"),
    ({"model_name": "baseline", "prediction_horizon": "3"}, "prediction_horizon"),
    ({"model_name": "baseline", "prediction_horizon": 0}, "prediction_horizon"),
    ({"model_name": "no blanks", "prediction_horizon": 3}, "model_name")])
def test_10_a_bad_field_is_422(worker, document, body, field):
    code, answer = ask(worker, document, "POST", "/predict", body)
    assert code == 422 and ["body", field] in [p["loc"] for p in answer["detail"]], answer


@pytest.mark.parametrize("horizons", [[], [0], ["1"], [1.5], [8761], list(range(1, 18))])
def test_11_bad_horizons_are_422(worker, document, horizons):
    code, _ = ask(worker, document, "POST", "/models/register",
                  {"model_name": "bad", "model_type": "RandomForest", "prediction_horizons": horizons})
    assert code == 422


def test_12_latest_predictions_with_filters(worker, document):
    def latest(query):
        code, body = ask(worker, document, "GET", "/predictions/latest" + query)
        assert code == 200
        return body
    everything = latest("?limit=100")
    assert len(everything) == 4 and [p["id"] for p in everything] == sorted((p["id"] for p in everything), reverse=True)
    assert {p["model_name"] for p in latest("?model_name=baseline")} == {"baseline"}
    assert {p["prediction_horizon"] for p in latest("?horizon=24")} == {24}
    both = latest("?model_name=baseline&horizon=3&limit=5")
    assert len(both) == 2 and len(latest("?limit=1")) == 1
    assert both[0]["settlement"] == "waiting" and both[0]["actual"] is None


def test_13_predictions_meet_their_prices(worker, document):
    """The price three hours on comes, the one of a day on falls into a gap. What is realised is served beside the random walk."""
    later = forecasts.make_bars(1640)[1600:]
    forecasts.store_bars(later[:23] + later[24:])
    # Bars so far in the past are long over, so everything is due at once.
    def settled():
        rows = worker.get("/predictions/latest?model_name=baseline&limit=100").json()
        return all(p["settlement"] != "waiting" for p in rows) and rows
    rows = harness.eventually(settled, "predictions are settled")
    for p in rows:
        if p["prediction_horizon"] == 24:
            assert p["settlement"] == "gap" and p["actual"] is None and p["within_interval"] is None
        else:
            assert p["settlement"] == "settled" and p["actual"] == pytest.approx(later[2][4])
            assert p["error"] == pytest.approx(p["predicted_value"] - p["actual"], abs=1e-6)
            assert p["within_interval"] == (p["lower"] <= p["actual"] <= p["upper"])
    code, body = ask(worker, document, "GET", "/predictions/evaluation?model_name=baseline")
    three = next(e for e in body if e["prediction_horizon"] == 3)
    day = next(e for e in body if e["prediction_horizon"] == 24)
    assert code == 200 and three["n_settled"] == 2 and three["mae"] == pytest.approx(abs(rows[-1]["error"]))
    assert three["naive_mae"] == pytest.approx(abs(later[2][4] - BARS[-1][4]))
    measured = next(m for m in worker.get("/models").json() if m["model_name"] == "baseline")["measures"]["3"]
    assert three["mase"] == pytest.approx(three["mae"] / (measured["mase_scale"] * BARS[-1][4]), rel=1e-4)
    assert three["coverage"] in (0.0, 1.0) and three["nominal_coverage"] == pytest.approx(0.9)
    assert (day["n_settled"], day["n_gap"], day["mae"]) == (0, 1, None)
    forecasts.store_bars(later[23:24])  # the bar comes after all
    harness.eventually(lambda: worker.get("/predictions/evaluation?horizon=24").json()[0]["n_gap"] == 0, "the gap is filled")


def test_14_a_new_bar_is_a_new_prediction(worker, document):
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "baseline", "prediction_horizon": 1})
    assert code == 200 and time_of(body["base_timestamp"]) > BARS[-1][0] + 3600


def test_15_the_first_use_loads_and_later_ones_hit_memory(worker, document):
    request = {"model_name": "random_forest_v1", "prediction_horizon": 1}
    assert ask(worker, document, "POST", "/predict", request)[0] == 200
    before = worker.metric("alphaloop_forecasts_total", outcome="cached")
    folder = pathlib.Path(worker.env["MODEL_STORAGE_PATH"], "forecasts/random_forest_v1/1")
    kept = folder.parent / "away"
    os.rename(folder, kept)
    try:
        assert ask(worker, document, "POST", "/predict", request)[0] == 200  # from memory alone
        assert worker.metric("alphaloop_forecasts_total", outcome="cached") == before + 1
    finally:
        os.rename(kept, folder)


def test_16_after_a_restart_versions_are_loaded_not_trained(worker, document):
    assert worker.stop() == 0
    worker.start()
    worker.await_ready()
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "random_forest_v1", "prediction_horizon": 1})
    assert code == 200 and body["version"] == 1


def test_17_a_folder_that_is_gone_or_was_changed_is_refused(worker, document):
    assert worker.stop() == 0
    folder = pathlib.Path(worker.env["MODEL_STORAGE_PATH"], "forecasts")
    shutil.rmtree(folder / "random_forest_v1")
    (folder / "test_model/1/h1.model").write_bytes(b"ALFB")
    worker.start()
    worker.await_ready()
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "random_forest_v1", "prediction_horizon": 1})
    assert (code, body["detail"]) == (404, "Model file not found: forecasts/random_forest_v1/1")
    code, body = ask(worker, document, "POST", "/predict", {"model_name": "test_model", "prediction_horizon": 1})
    assert code == 503 and "h1.model is not what the manifest says" in body["detail"]
    assert json.loads((folder / "baseline/1/manifest.json").read_text())["name"] == "baseline"
