"""What starts a training, and what may happen to one: it is superseded, killed, hangs, runs out of memory. The serving state
stays, the status says why, the next one works."""
import contextlib
import json
import os
import resource
import signal
import time

import harness
import learnable
import load
import pytest
from harness import db, eventually, query


@pytest.fixture(name="config", scope="module")
def prepared(tmp_path_factory):
    return learnable.prepare(tmp_path_factory.mktemp("training"))


@pytest.fixture(name="worker")
def running_worker(config):
    with harness.Worker(**config) as worker:
        worker.await_ready()
        yield worker
        assert worker.stop() == 0


def last_run():
    with db() as connection:
        return query(connection, "SELECT state, detail, version FROM training_runs ORDER BY started_at DESC LIMIT 1")[0]


def runs(trigger):
    with db() as connection:
        return query(connection, "SELECT state, n_samples, version FROM training_runs WHERE trigger = %s ORDER BY started_at", trigger)


def leftovers(config):
    return [name for name in os.listdir(config["MODEL_STORAGE_PATH"]) if name.startswith(".")]


def check_failed(worker, config, ended, serving, why):
    assert ended["outcome"] == "failed" and why in ended["detail"], ended
    assert last_run()[0] == "failed" and why in last_run()[1]
    assert learnable.active_version(worker) == serving
    assert not leftovers(config)
    assert worker.get("/health/ready", key=False).code == 200


def check_next_works(worker):
    ended = learnable.train(worker)
    assert ended["outcome"] in ("activated", "rejected"), ended
    assert ended["version"]


def test_a_training_makes_a_model_that_serves(worker):
    # With samples enough and no model the worker starts one by itself; whoever is first makes the model.
    worker.post("/api/v1/training/trigger", {"strategy_id": "often"})
    serving = eventually(lambda: learnable.active_version(worker), "a model serves", 90)
    learnable.await_end(worker)
    with db() as connection:
        run = query(connection, "SELECT state, id FROM training_runs WHERE version = %s", (serving,))
    assert [row[0] for row in run] == ["succeeded"]
    trials = worker.get(f"/api/v1/training/runs/{run[0][1]}/trials").json()["items"]
    assert [(t["trial"], t["tries"], t["verdict"]) for t in trials[:1]] == [(0, "parameters", "chosen")]
    assert [(t["tries"], t["window_scale"]) for t in trials[1:]] == [("teachers", 1), ("teachers", 0.5)]
    assert trials[0]["seconds"] > 0 and len(trials[0]["folds"]) == 5 and trials[0]["folds"][0]["rounds"] > 0


@contextlib.contextmanager
def events(*keys):
    """A list that at the end holds the events of these types published within the block."""
    channel = harness.amqp_channel()
    channel.exchange_declare("alphaloop.events", "topic", durable=True)
    queue = channel.queue_declare("", exclusive=True).method.queue
    for key in keys:
        channel.queue_bind(queue, "alphaloop.events", key)
    seen = []
    yield seen
    seen.append(json.loads(harness.await_message(channel, queue).body))
    channel.connection.close()


def test_the_verdict_and_its_numbers_are_stored_and_published(worker):
    with events("model.rejected") as seen:
        ended = learnable.train(worker)  # on the same rows it cannot be better
        assert ended["outcome"] == "rejected", ended
    verdict = seen[0]["verdict"]
    assert seen[0]["version"] == ended["version"] and verdict["promote"] is False
    assert verdict["rule"] == "evidence" and verdict["level"] < 0.05 and verdict["mean_gain_low"] <= 0 < verdict["decisions"]
    with db() as connection:
        stored = query(connection, "SELECT verdict, state FROM model_versions WHERE version = %s", ended["version"])
    assert (json.loads(stored[0][0]), stored[0][1]) == (verdict, "refused")
    with events("model.activated") as seen:
        assert worker.post(f"/api/v1/models/{ended['version']}/activate", {"strategy_id": "often"}).code == 200
    assert verdict.pop("integrity")["walker_agrees"] is True  # of the moment it was registered
    assert seen[0]["verdict"] == verdict
    assert worker.post("/api/v1/strategies/often/rollback").code == 200


def test_metrics_are_kept_by_type(worker):
    version = learnable.active_version(worker)
    metrics = worker.get(f"/api/v1/models/{version}/metrics").json()
    by_type = {kind: {m["metric_name"]: m["metric_value"] for m in metrics if m["metric_type"] == kind}
               for kind in ("classification", "regression", "trading_performance")}
    assert {"accuracy", "precision", "recall", "f1_score", "roc_auc"} <= set(by_type["classification"])
    assert all(0 <= value <= 1 for value in by_type["classification"].values())
    assert {"brier_skill", "log_loss", "rank_ic"} <= set(by_type["regression"])
    assert {"net_utility", "win_rate", "win_base_rate"} <= set(by_type["trading_performance"])
    assert by_type["classification"]["roc_auc"] > 0.6 and all(m["evaluation_dataset_size"] > 0 for m in metrics)


def test_a_newer_trigger_cancels_and_restarts_with_newer_data(worker, config):
    before = len(runs("manual"))
    learnable.trigger(worker)
    child = learnable.await_child(worker)
    os.kill(child, signal.SIGSTOP)  # it cannot end by itself
    hash_bytes = learnable.stored_hash()
    learnable.insert(learnable.rows(100, 3.0, 99, hash_bytes))
    learnable.trigger(worker)
    learnable.await_end(worker)
    first, second = runs("manual")[before:]
    assert first[0] == "cancelled" and second[0] in ("succeeded", "refused")
    assert second[1] == 2 * (learnable.N_DECISIONS + 100)
    assert not leftovers(config)


def test_the_schedule_survives_restarts_and_a_missed_time_is_made_up_for(config):
    due = "SELECT next_training_ns, last_training_ns FROM training_schedule WHERE strategy_id = 'often'"
    settings = {**config, "CLOCK": "wall", "MODEL_RETRAINING_SCHEDULE": "weekly", "RETRAIN_MIN_INTERVAL_SECONDS": 0}
    with harness.Worker(**settings) as worker, db() as connection:
        worker.await_ready()
        shown = learnable.status(worker)["next_scheduled_training"]
        ended = learnable.train(worker)
        kept = eventually(lambda: query(connection, due), "the times are kept")
        eventually(lambda: query(connection, due)[0][0] is not None, "the next time is kept")
        kept = query(connection, due)
        assert shown is not None and kept[0][0] > time.time_ns() and not runs("schedule")
        assert worker.stop() == 0
        worker.start()
        worker.await_ready()
        assert learnable.status(worker)["next_scheduled_training"] == shown
        assert learnable.status(worker)["last_training"] == ended
        assert query(connection, due) == kept and not runs("schedule")
        worker.kill()
        query(connection, "UPDATE training_schedule SET next_training_ns = %s", time.time_ns() - 3600 * 10**9)
        worker.start()
        worker.await_ready()
        eventually(lambda: runs("schedule") and runs("schedule")[0][0] in ("succeeded", "refused"), "the missed training", 90)
        learnable.await_end(worker)
        assert len(runs("schedule")) == 1
        assert learnable.status(worker)["next_scheduled_training"] == shown
        assert query(connection, due)[0][1] > kept[0][1]
        assert worker.stop() == 0


def test_live_outcomes_that_break_the_promise_retrain_also_after_a_restart(config):
    settings = {**config, "CLOCK": "wall", "RETRAIN_ON_DEGRADATION": "true", "RETRAIN_DEGRADATION_WINDOW": 30, "RETRAIN_MIN_INTERVAL_SECONDS": 0}
    columns = learnable.COLUMNS + ", model_version, confidence"
    then = learnable.START_NS + 2 * learnable.N_DECISIONS * learnable.STEP_NS  # later than the samples, not by much: they age
    with harness.Worker(**settings) as worker, db() as connection:
        worker.await_ready()
        version = learnable.active_version(worker)
        assert worker.stop() == 0
        query(connection, "UPDATE training_schedule SET last_training_ns = %s", then)
        learnable.insert(learnable.outcomes(version, 40, 0.8, then + 10**9, learnable.stored_hash()), columns)
        with events("drift.detected") as seen:
            worker.start()
            worker.await_ready()
            eventually(lambda: runs("degradation") and runs("degradation")[0][0] in ("succeeded", "refused"), "a retraining", 90)
        assert seen[0]["version"] == version and "skill" in seen[0]["reason"]
        learnable.await_end(worker)
        assert worker.stop() == 0
        worker.start()  # answered: the same outcomes do not ring again
        worker.await_ready()
        check_next_works(worker)
        assert len(runs("degradation")) == 1
        assert worker.stop() == 0
        query(connection, "DELETE FROM samples WHERE model_version IS NOT NULL")


@pytest.mark.parametrize("kind,parameters", [("random_forest", {"num_parallel_tree": 60}), ("linear", {"eta": 0.3})])
def test_another_kind_is_trained_activated_and_serves(config, tmp_path, kind, parameters):
    folder = load.strategy_folder(tmp_path, features=learnable.FEATURES, training={"window_days": 3650},
                                  model={"kind": kind, "parameters": parameters})
    with harness.Worker(**{**config, "STRATEGY_CONFIG_DIR": folder}) as worker, load.Tap() as tap:
        worker.await_ready()
        before = learnable.active_version(worker)
        ended = learnable.train(worker)
        assert ended["outcome"] in ("activated", "rejected"), ended
        version = ended["version"]
        assert worker.get(f"/api/v1/models/{version}").json()["model_type"] == kind
        types = worker.get("/api/v1/monitoring/models/performance").json()["models_by_type"]
        assert types[kind] == 1 and types["xgboost"] >= 1
        if learnable.active_version(worker) != version:
            assert worker.post(f"/api/v1/models/{version}/activate", {"strategy_id": "often"}).code == 200
        with load.simulation(learnable.SPEED):
            eventually(lambda: [s for s in tap.signals if s["model_version"] == version], f"a signal of the {kind} model", 60)
        assert worker.post(f"/api/v1/models/{before}/activate", {"strategy_id": "often"}).code == 200
        assert worker.stop() == 0


def test_a_killed_training_changes_nothing(worker, config):
    serving = learnable.active_version(worker)
    learnable.trigger(worker)
    os.kill(learnable.await_child(worker), signal.SIGKILL)
    check_failed(worker, config, learnable.await_end(worker), serving, "signal 9")
    check_next_works(worker)


def is_fitting(worker):
    """Its libraries are loaded: short of memory before that, the dynamic linker or a library ends the process."""
    current = learnable.status(worker)["current_training"]
    return current is not None and current["stage"] == "fold"


def exhaust_memory(child, expected_mb):
    """Check the cap that the worker set, then lower it to what the process has."""
    assert resource.prlimit(child, resource.RLIMIT_AS)[0] == expected_mb << 20
    with open(f"/proc/{child}/statm", encoding="ascii") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.prlimit(child, resource.RLIMIT_AS, (now, now))


def train_short_of_memory(worker):
    """The end of a training that got no more memory from some moment of its fits on; late ones need no more."""
    before = learnable.status(worker)["last_training"]
    learnable.trigger(worker)
    child = learnable.await_child(worker)
    eventually(lambda: is_fitting(worker), "the training process fits")
    os.kill(child, signal.SIGSTOP)
    exhaust_memory(child, 300)
    os.kill(child, signal.SIGCONT)
    return learnable.await_end(worker, before)


def test_a_training_out_of_memory_changes_nothing(config):
    with harness.Worker(**config, TRAINING_MEMORY_MAX_MB=300) as worker:
        worker.await_ready()
        serving = learnable.active_version(worker)
        for _ in range(20):
            ended = train_short_of_memory(worker)
            if ended["outcome"] == "failed":
                break
        check_failed(worker, config, ended, serving, "memory")
        check_next_works(worker)
        assert worker.stop() == 0


def test_a_hung_training_is_ended_by_its_deadline(config):
    with harness.Worker(**config, MODEL_TRAINING_MAX_DURATION_SECONDS=15) as worker:
        worker.await_ready()
        serving = learnable.active_version(worker)
        learnable.trigger(worker)
        os.kill(learnable.await_child(worker), signal.SIGSTOP)
        assert learnable.status(worker)["is_training"] is True
        ended = learnable.await_end(worker)
        check_failed(worker, config, ended, serving, "MODEL_TRAINING_MAX_DURATION_SECONDS")
        check_next_works(worker)
        assert worker.stop() == 0


def test_stopping_the_worker_ends_a_hung_training(config):
    with harness.Worker(**config) as worker:
        worker.await_ready()
        learnable.trigger(worker)
        child = learnable.await_child(worker)
        os.kill(child, signal.SIGSTOP)
        assert worker.stop(deadline=12) == 0
        with pytest.raises(ProcessLookupError), contextlib.suppress(PermissionError):
            os.kill(child, 0)
        worker.start()
        worker.await_ready()
        assert last_run()[0] == "cancelled"
        assert worker.stop() == 0


def test_a_killed_worker_takes_its_training_along(config):
    with harness.Worker(**config) as worker:
        worker.await_ready()
        learnable.trigger(worker)
        child = learnable.await_child(worker)
        worker.kill()
        eventually(lambda: not os.path.exists(f"/proc/{child}") or "Z" in open(f"/proc/{child}/stat").read(),
                           "the training process ended")
        worker.start()
        worker.await_ready()
        assert learnable.status(worker)["is_training"] is False
        assert not leftovers(config)
        check_next_works(worker)
        assert worker.stop() == 0
