"""The training process is killed, hangs, runs out of memory: the serving state stays, the status says why, the next one works."""
import contextlib
import os
import resource
import signal

import harness
import learnable
import pytest
from harness import db, query


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
    serving = harness.eventually(lambda: learnable.active_version(worker), "a model serves", 90)
    learnable.await_end(worker)
    with db() as connection:
        states = query(connection, "SELECT state FROM training_runs WHERE version = %s", (serving,))
    assert states == [("succeeded",)]


def test_a_killed_training_changes_nothing(worker, config):
    serving = learnable.active_version(worker)
    learnable.trigger(worker)
    os.kill(learnable.await_child(worker), signal.SIGKILL)
    check_failed(worker, config, learnable.await_end(worker), serving, "signal 9")
    check_next_works(worker)


def is_fitting(child):
    """Its libraries are loaded: short of memory before that, the dynamic linker or a library ends the process."""
    with open(f"/proc/{child}/maps", encoding="ascii") as maps:
        return "libxgboost" in maps.read()


def exhaust_memory(child, expected_mb):
    """Check the cap that the worker set, then lower it to what the process has."""
    assert resource.prlimit(child, resource.RLIMIT_AS)[0] == expected_mb << 20
    with open(f"/proc/{child}/statm", encoding="ascii") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.prlimit(child, resource.RLIMIT_AS, (now, now))


def test_a_training_out_of_memory_changes_nothing(config):
    with harness.Worker(**config, TRAINING_MEMORY_MAX_MB=300) as worker:
        worker.await_ready()
        serving = learnable.active_version(worker)
        learnable.trigger(worker)
        child = learnable.await_child(worker)
        harness.eventually(lambda: is_fitting(child), "the training process fits")
        os.kill(child, signal.SIGSTOP)
        exhaust_memory(child, 300)
        os.kill(child, signal.SIGCONT)
        check_failed(worker, config, learnable.await_end(worker), serving, "memory")
        check_next_works(worker)
        assert worker.stop() == 0


def test_a_hung_training_is_ended_by_its_deadline(config):
    with harness.Worker(**config, MODEL_TRAINING_MAX_DURATION_SECONDS=5) as worker:
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
        harness.eventually(lambda: not os.path.exists(f"/proc/{child}") or "Z" in open(f"/proc/{child}/stat").read(),
                           "the training process ended")
        worker.start()
        worker.await_ready()
        assert learnable.status(worker)["is_training"] is False
        assert not leftovers(config)
        check_next_works(worker)
        assert worker.stop() == 0
