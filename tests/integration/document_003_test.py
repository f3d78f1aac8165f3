"""Plays the neighbour application of the train/predict document (group D): it owns models, model_runs and model_run_metrics,
asks for trainings and predictions over HTTP, and reads how they went from the database."""
import json
import os
import random
import signal
import threading

import harness
import pytest
from openapi_check import Document

TREES = "boosted_trees_classification"
ROWS = [{"col1": "v", "col2": "v"}, {"col1": "w", "col2": "y"}]
LABELS = [{"feat": "v"}, {"feat": "x"}]


@pytest.fixture(scope="module")
def worker():
    channel = harness.amqp_channel()
    harness.declare_neighbour_queues(channel)
    with harness.db() as connection:
        harness.query(connection, "CREATE SCHEMA IF NOT EXISTS " + os.environ.get("POSTGRES_SCHEMA", "alphaloop"))
    with harness.Worker() as worker:
        worker.await_ready()
        harness.eventually(lambda: models(worker).get(TREES) == "available", "our kinds are registered")
        worker.document = Document(worker.get("/openapi.json").json())
        yield worker


def models(worker):
    return {row["name"]: row["state"] for row in worker.get("/api/models").json()["models"]}


def new_run(model, status="CREATED"):
    """A row as the neighbour makes it before it asks for a training."""
    with harness.db() as connection:
        return harness.query(connection, "INSERT INTO model_runs (model_id, run_date, run_status) SELECT id, now(), %s"
                             " FROM models WHERE name = %s RETURNING id", status, model)[0][0]


def status_of(run):
    with harness.db() as connection:
        return harness.query(connection, "SELECT run_status FROM model_runs WHERE id = %s", run)[0][0]


def metrics_of(run):
    with harness.db() as connection:
        return dict(harness.query(connection, "SELECT metric_name, metric_value FROM model_run_metrics"
                                  " WHERE model_run_id = %s", run))


def ask(worker, method, path, body, code, **params):
    """The answer's JSON, which is what the route's description promises."""
    query = "&".join(f"{name}={value}" for name, value in params.items())
    answer = worker.request(method, f"{path}?{query}" if query else path, body)
    assert answer.code == code, answer.body
    worker.document.check_answer(method, path, code, answer.json())
    return answer.json()


def train(worker, model, run, features, labels, code=200, **parameters):
    return ask(worker, "POST", "/api/train", {"parameters": parameters, "features": features, "labels": labels}, code,
               model_name=model, model_run_id=run)


def predict(worker, run, features, code=200):
    return ask(worker, "POST", "/api/predict", {"features": features}, code, model_run_id=run)


def await_end(run):
    return harness.eventually(lambda: status_of(run) in ("SUCCESS", "FAILED") and status_of(run), f"run {run} ends", 90)


def trained(worker, model, features, labels, **parameters):
    run = new_run(model)
    train(worker, model, run, features, labels, **parameters)
    assert await_end(run) == "SUCCESS", metrics_of(run)
    return run


def test_health(worker):
    assert ask(worker, "GET", "/api/health", None, 200)["status"] == "healthy"


def test_example_of_the_document(worker):
    run = new_run(TREES)
    answer = train(worker, TREES, run, ROWS, LABELS)
    assert (answer["status"], answer["model_run_id"], answer["model_name"]) == ("RUNNING", run, TREES)
    assert await_end(run) == "SUCCESS", metrics_of(run)
    answer = predict(worker, run, ROWS)
    assert answer["status"] == "success" and answer["model_run_id"] == run
    assert len(answer["predictions"]) == 2 and set(answer["predictions"]) <= {"v", "x"}
    assert answer["classes"] == ["v", "x"]
    metrics = metrics_of(run)
    assert metrics["heldout_rows"] == "0" and "none" in metrics["heldout_split"]
    assert float(metrics["training_seconds"]) > 0


def xor_rows(n, seed):
    """Two columns that say nothing alone, with strings of numbers and missing values between."""
    chance = random.Random(seed)
    features, labels = [], []
    for _ in range(n):
        left, side = chance.uniform(-1, 1), chance.choice(["long", "short"])
        features.append({"left": f"{left:.6f}", "side": side, "noise": None if chance.random() < 0.1 else chance.random()})
        labels.append({"won": (left > 0) == (side == "long")})
    return features, labels


def test_classes_keep_their_type_and_held_out_rows_are_told(worker):
    features, labels = xor_rows(400, 1)
    run = trained(worker, TREES, features, labels, rounds="50")
    fresh, truth = xor_rows(200, 2)
    answer = predict(worker, run, fresh)
    assert answer["classes"] == [False, True]
    hits = sum(said == label["won"] for said, label in zip(answer["predictions"], truth))
    assert hits > 180
    for said, row in zip(answer["predictions"], answer["probabilities"]):
        assert abs(sum(row) - 1) < 1e-9 and said == (row[1] > row[0])
    metrics = metrics_of(run)
    assert metrics["heldout_rows"] == "80" and metrics["task"] == "binary" and "order of rows" in metrics["heldout_split"]
    assert float(metrics["heldout_accuracy"]) > 0.9 > float(metrics["heldout_baseline_accuracy"])
    assert float(metrics["fitted_accuracy"]) >= float(metrics["heldout_accuracy"])


def test_more_than_two_classes(worker):
    features = [{"x": i % 3, "y": i % 7} for i in range(120)]
    labels = [{"k": i % 3 + 10} for i in range(120)]
    run = trained(worker, TREES, features, labels)
    answer = predict(worker, run, [{"y": 0, "x": "0"}, {"x": 1, "y": 1}, {"x": 2, "y": 2}])
    assert answer["predictions"] == [10, 11, 12] and answer["classes"] == [10, 11, 12]
    assert metrics_of(run)["task"] == "multi-class"


@pytest.mark.parametrize("model", ["linear_regression", "boosted_trees_regression", "random_forest_regression"])
def test_regression(worker, model):
    chance = random.Random(3)
    features = [{"a": chance.uniform(-1, 1), "b": str(chance.uniform(-1, 1))} for _ in range(500)]
    labels = [{"y": 5 + 2 * row["a"] - float(row["b"])} for row in features]
    run = trained(worker, model, features, labels)
    answer = predict(worker, run, [{"a": 0.5, "b": -0.25}])
    assert abs(answer["predictions"][0] - 6.25) < 0.5
    assert answer["classes"] is None and answer["probabilities"] is None
    assert float(metrics_of(run)["heldout_r2"]) > 0.7


def test_a_time_column_decides_which_rows_are_held_out(worker):
    """The newest rows follow another rule: held out, they show it, though they were sent first."""
    features = [{"time": f"2026-01-{30 - i // 4:02d}T00:00:00Z", "x": i % 2} for i in range(100)]
    labels = [{"y": i % 2 if i >= 20 else 1 - i % 2} for i in range(100)]
    run = trained(worker, "linear_regression", features, labels)
    metrics = metrics_of(run)
    assert "time in column time" in metrics["heldout_split"]
    assert float(metrics["heldout_r2"]) < -1


def test_every_kind_trains_and_predicts(worker):
    for row in worker.get("/api/models").json()["models"]:
        if row["state"] != "available":
            continue
        labels = [{"y": i % 2} for i in range(40)]
        run = trained(worker, row["name"], [{"x": i % 2, "c": "ab"[i % 2]} for i in range(40)], labels,
                      **{name: str(value) for name, value in row["parameters"].items()})
        answer = predict(worker, run, [{"x": None, "c": "never seen"}])
        assert len(answer["predictions"]) == 1 and answer["model_name"] == row["name"]


def test_a_run_without_a_row_is_made_and_numbering_goes_on_behind_it(worker):
    run = new_run(TREES) + 1000
    train(worker, "mean_regression", run, [{"x": 1}], [{"y": 2}])
    assert await_end(run) == "SUCCESS"
    assert predict(worker, run, [{"x": 5}])["predictions"] == [2]
    assert new_run(TREES) > run


def test_a_run_trained_again_predicts_anew(worker):
    run = trained(worker, "mean_regression", [{"x": 1}], [{"y": 2}])
    hits = worker.metric("alphaloop_tabular_model_lookups_total", result="hit")
    assert [predict(worker, run, [{"x": 5}])["predictions"] for _ in range(2)] == [[2], [2]]
    assert worker.metric("alphaloop_tabular_model_lookups_total", result="hit") > hits
    train(worker, "mean_regression", run, [{"z": 1}], [{"y": 4}])
    assert await_end(run) == "SUCCESS"
    assert predict(worker, run, [{"z": 5}])["predictions"] == [4]
    assert worker.metric("alphaloop_tabular_prediction_seconds_count", kind="mean_regression") >= 3


# ---- what is refused ----

def detail(answer):
    assert isinstance(answer["detail"], str)
    return answer["detail"]


def test_an_unknown_model_is_refused(worker):
    assert "no such model" in detail(train(worker, "nobody", 1, ROWS, LABELS, 400))


def test_bodies_that_are_wrong_are_refused_by_name(worker):
    run = new_run(TREES)
    for features, labels, parameters, part in [
            ([{"a": 1}, {"b": 1}], LABELS, {}, "'b' is not expected; column 'a' is missing"),
            (ROWS, LABELS[:1], {}, "2 rows of features and 1 of labels"),
            ([], [], {}, "features: must have 1 to"),
            ([{"a": 1}, {"a": "up"}], LABELS, {}, "column 'a' mixes numbers"),
            ([{"a": [1]}, {"a": 2}], LABELS, {}, "a cell is"),
            (ROWS, [{"feat": "v"}, {"feat": None}], {}, "labels[1]: null"),
            (ROWS, [{"p": 1, "q": 2}] * 2, {}, "there must be one column, there are 2 ('p', 'q'"),
            (ROWS, LABELS, {"param1": "value1"}, "has no 'param1'; it has: rounds"),
            (ROWS, LABELS, {"rounds": "many"}, "'rounds' is not a number"),
            (ROWS, LABELS, {"rounds": 0}, "allowed is a whole number from 1"),
    ]:
        assert part in detail(train(worker, TREES, run, features, labels, 400, **parameters))
    assert "is not a number" in detail(train(worker, "linear_regression", run, ROWS, LABELS, 400))
    assert status_of(run) == "CREATED"


def test_a_column_twice_and_what_is_not_json(worker):
    run = new_run(TREES)
    path, headers = f"/api/train?model_name={TREES}&model_run_id={run}", {"Content-Type": "application/json"}
    answer = worker.post(path, b'{"features": [{"a": 1, "a": 2}], "labels": [{"y": 1}]}', headers=headers)
    assert answer.code == 400 and "'a' is there twice" in answer.json()["detail"]
    answer = worker.post(path, b'{"features": [', headers=headers)
    assert answer.code == 400


def test_parameters_of_the_query_and_members_that_are_missing_are_named(worker):
    problems = ask(worker, "POST", "/api/train", {"labels": LABELS}, 422, model_name=TREES)["detail"]
    assert sorted(problem["loc"] for problem in problems) == [["body", "features"], ["query", "model_run_id"]]
    problems = ask(worker, "POST", "/api/predict", {"features": "rows"}, 422, model_run_id="x")["detail"]
    assert sorted(problem["loc"] for problem in problems) == [["body", "features"], ["query", "model_run_id"]]


def test_a_run_of_another_model_is_refused(worker):
    assert "of another model" in detail(train(worker, "mean_regression", new_run(TREES), ROWS, [{"y": 1}] * 2, 400))


def test_prediction_needs_a_run_that_succeeded_and_its_columns(worker):
    assert "no model run" in detail(predict(worker, 2000000000, ROWS, 404))
    assert "CREATED" in detail(predict(worker, new_run(TREES), ROWS, 409))
    run = trained(worker, TREES, ROWS, LABELS)
    assert "column 'col2' is missing; column 'col3' is not expected" in \
        detail(predict(worker, run, [{"col1": "v", "col3": "v"}], 400))
    assert "must be an array of rows" not in detail(predict(worker, run, [], 400))
    numbers = trained(worker, "mean_regression", [{"x": 1}], [{"y": 2}])
    assert "features[1]: column 'x': 'much' is not a number" in \
        detail(predict(worker, numbers, [{"x": 1}, {"x": "much"}], 400))


def test_a_result_that_is_not_ours_is_refused(worker):
    run = new_run(TREES, "SUCCESS")
    assert "no result" in detail(predict(worker, run, ROWS, 409))
    with harness.db() as connection:
        harness.query(connection, "UPDATE model_runs SET run_result = %s WHERE id = %s", b"\x80\x04pickle" * 20, run)
    assert "not a model of the train/predict routes" in detail(predict(worker, run, ROWS, 409))


def test_a_training_that_fails_says_why(worker):
    run = new_run(TREES)
    train(worker, TREES, run, ROWS, [{"feat": "v"}] * 2)
    assert await_end(run) == "FAILED"
    assert "all outcomes are the same" in metrics_of(run)["error"]
    assert "FAILED" in detail(predict(worker, run, ROWS, 409))
    assert worker.metric("alphaloop_tabular_runs_total", kind=TREES, outcome="failed") >= 1
    train(worker, TREES, run, ROWS, LABELS)
    assert await_end(run) == "SUCCESS" and "error" not in metrics_of(run)


def slow_rows(n=3000):
    chance = random.Random(5)
    return [{f"c{k}": chance.random() for k in range(20)} for _ in range(n)], [{"y": chance.random()} for _ in range(n)]


SLOW = {"rounds": 1000, "max_depth": 8}


def test_a_run_under_way_is_not_started_again_and_the_queue_is_bounded(worker):
    features, labels = slow_rows()
    run = new_run("boosted_trees_regression")
    train(worker, "boosted_trees_regression", run, features, labels, **SLOW)
    assert status_of(run) == "RUNNING"
    assert "RUNNING already" in detail(train(worker, "boosted_trees_regression", run, features, labels, 409))
    waiting = []
    while True:
        other = new_run("mean_regression")
        answer = worker.post(f"/api/train?model_name=mean_regression&model_run_id={other}",
                             {"features": [{"x": 1}], "labels": [{"y": 2}]})
        if answer.code == 429:
            break
        assert answer.code == 200 and len(waiting) < 20
        waiting.append(other)
    assert len(waiting) == 7 and status_of(other) == "CREATED" and answer.headers["Retry-After"]
    assert all(await_end(each) == "SUCCESS" for each in [run, *waiting])


# ---- starts and stops ----

def test_the_tables_are_reconciled_at_start_and_lost_runs_are_failed():
    with harness.Worker() as worker:
        worker.await_ready()
        harness.eventually(lambda: models(worker).get(TREES) == "available", "our kinds are registered")
        features, labels = slow_rows()
        run = new_run("boosted_trees_regression")
        train_raw = worker.post(f"/api/train?model_name=boosted_trees_regression&model_run_id={run}",
                                {"parameters": SLOW, "features": features, "labels": labels})
        assert train_raw.code == 200, train_raw.body
        assert status_of(run) == "RUNNING"
        worker.kill()
        with harness.db() as connection:
            harness.query(connection, "INSERT INTO models (name, type, class_name, features_ok, pipeline_ok)"
                          " VALUES ('theirs', 'svm', 'statistical.Theirs', true, true) ON CONFLICT DO NOTHING")
            harness.query(connection, "UPDATE models SET pipeline_ok = false WHERE name = %s", TREES)
            theirs = new_run("theirs", "RUNNING")
            harness.query(connection, "DELETE FROM model_run_metrics WHERE model_run_id IN (SELECT r.id FROM model_runs r"
                          " JOIN models m ON m.id = r.model_id WHERE m.name = 'mean_regression')")
            harness.query(connection, "DELETE FROM model_runs WHERE model_id = (SELECT id FROM models WHERE name = 'mean_regression')")
            harness.query(connection, "DELETE FROM models WHERE name = 'mean_regression'")
        worker.env["TABULAR_REGISTER_KINDS"] = "false"
        worker.start()
        worker.await_log(event="tabular_model_unregistered", model_name="mean_regression")
        worker.await_ready()
        assert await_end(run) == "FAILED" and "the program ended" in metrics_of(run)["error"]
        assert status_of(theirs) == "RUNNING"
        states = models(worker)
        assert (states["theirs"], states["mean_regression"], states[TREES]) == ("unavailable", "unregistered", "available")
        with harness.db() as connection:
            assert dict(harness.query(connection, "SELECT name, pipeline_ok FROM models WHERE name IN ('theirs', %s)", TREES)) \
                == {"theirs": False, TREES: True}
        answer = worker.post("/api/train?model_name=mean_regression&model_run_id=99",
                             {"features": [{"x": 1}], "labels": [{"y": 2}]})
        assert answer.code == 400 and "unregistered" in answer.json()["detail"]


def test_a_stop_and_a_deadline_fail_the_run():
    features, labels = slow_rows()
    body = {"parameters": SLOW, "features": features, "labels": labels}
    with harness.Worker(TABULAR_TRAINING_MAX_SECONDS=1) as worker:
        worker.await_ready()
        harness.eventually(lambda: models(worker).get("boosted_trees_regression") == "available", "registered")
        run = new_run("boosted_trees_regression")
        assert worker.post(f"/api/train?model_name=boosted_trees_regression&model_run_id={run}", body).code == 200
        assert await_end(run) == "FAILED" and "TABULAR_TRAINING_MAX_SECONDS" in metrics_of(run)["error"]
        worker.env["TABULAR_TRAINING_MAX_SECONDS"] = "300"
        assert worker.stop() == 0
        worker.start()
        worker.await_ready()
        runs = [new_run("boosted_trees_regression") for _ in range(2)]
        for each in runs:
            answer = harness.eventually(lambda: worker.post(
                f"/api/train?model_name=boosted_trees_regression&model_run_id={each}", body).code == 200, "it is accepted")
            assert answer
        assert worker.stop(signal.SIGTERM) == 0
        for each in runs:
            assert status_of(each) == "FAILED" and "stopped" in metrics_of(each)["error"]
        assert not [name for name in os.listdir(worker.env["MODEL_STORAGE_PATH"]) if "tabular" in name]


def test_predictions_at_once_are_the_same(worker):
    features, labels = xor_rows(200, 7)
    run = trained(worker, TREES, features, labels)
    fresh, _ = xor_rows(50, 8)
    wanted = json.dumps(predict(worker, run, fresh))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(json.dumps(predict(worker, run, fresh)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [wanted] * 8
