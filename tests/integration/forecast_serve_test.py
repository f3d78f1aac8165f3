"""Forecasts of a running worker: trained again on schedule, gone on with after a kill, and what a database that is away does."""
import forecasts
import harness
import pytest


@pytest.fixture()
def worker():
    assert harness.run("migrate").returncode == 0
    forecasts.forget_everything()
    harness.declare_neighbour_queues(harness.amqp_channel())
    with harness.Worker(TRADING_STRATEGIES="momentum_v1", TRADING_ASSETS="BTCUSDT", FORECAST_RETRAINING_SCHEDULE="hourly") as running:
        yield running.await_ready()


def model(worker, name):
    return next(m for m in worker.get("/models").json() if m["model_name"] == name)


def register(worker, name="line", **fields):
    return worker.post("/models/register", {"model_name": name, "model_type": "LinearRegression", "prediction_horizons": [1], **fields})


def test_a_schedule_that_has_passed_trains_again(worker):
    bars = forecasts.make_bars(1700)
    forecasts.store_bars(bars[:1600])
    assert register(worker).code == 200
    harness.eventually(lambda: model(worker, "line")["version"] == 1, "it serves")
    first = worker.post("/predict", {"model_name": "line", "prediction_horizon": 1}).json()
    forecasts.store_bars(bars[1600:])
    with harness.db() as connection:
        harness.query(connection, "UPDATE ml_models SET trained_at = trained_at - interval '2 hours', tried_at = tried_at -"
                                  " interval '2 hours' WHERE model_name = 'line'")
    found = harness.eventually(lambda: (m := model(worker, "line"))["version"] == 2 and m, "it was trained again")
    assert found["detail"].startswith("promoted: against version 1"), found["detail"]
    second = worker.post("/predict", {"model_name": "line", "prediction_horizon": 1}).json()
    assert (first["version"], second["version"]) == (1, 2) and second["base_timestamp"] > first["base_timestamp"]


def test_the_baseline_takes_any_asset_that_has_hours(worker):
    forecasts.store_bars(forecasts.make_bars(50), asset="AAAUSDT", interval=60)
    forecasts.store_bars(forecasts.make_bars(1600), asset="XRPUSDT")
    harness.eventually(lambda: model(worker, "baseline")["state"] == "serving", "the baseline serves")
    assert model(worker, "baseline")["asset"] == "XRPUSDT"


def test_a_training_that_was_killed_with_the_worker_is_gone_on_with(worker):
    forecasts.store_bars(forecasts.make_bars(1600))
    slow = {"rounds": 4000, "patience": 4000, "eta": 0.001}
    assert register(worker, "slow", model_type="XGBoost", parameters=slow).code == 200
    harness.eventually(lambda: model(worker, "slow")["state"] == "training", "it trains")
    assert worker.post("/predict", {"model_name": "slow", "prediction_horizon": 1}).code == 503
    worker.kill()
    with harness.db() as connection:  # what the next program trains is quick
        harness.query(connection, "UPDATE ml_models SET parameters = '{\"rounds\": 5}' WHERE model_name = 'slow'")
    worker.start()
    worker.await_ready()
    harness.eventually(lambda: model(worker, "slow")["state"] == "serving", "it serves after all")
    assert worker.post("/predict", {"model_name": "slow", "prediction_horizon": 1}).code == 200


def test_a_database_that_is_away_is_503_and_comes_back(worker):
    forecasts.store_bars(forecasts.make_bars(1600))
    harness.eventually(lambda: model(worker, "baseline")["state"] == "serving", "the baseline serves")
    ask = {"model_name": "baseline", "prediction_horizon": 24, "save_to_db": True}
    assert worker.post("/predict", ask).code == 200
    harness.stack("stop-db")
    try:
        harness.eventually(lambda: worker.post("/predict", ask).code == 503, "503")
        assert register(worker).code == 503
    finally:
        harness.stack("start-db")
    harness.eventually(lambda: worker.post("/predict", ask).code == 200, "200 again")
