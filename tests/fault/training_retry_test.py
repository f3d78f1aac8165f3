"""A training that fails is tried again by itself, each time later; a person need not wait."""
import os
import signal

import harness
import learnable
from harness import eventually


def kill_the_next(worker):
    """How long the worker says it waits after the training whose process is killed."""
    os.kill(learnable.await_child(worker), signal.SIGKILL)
    return worker.await_log(deadline=90, event="training_ended", outcome="failed")["wait_s"]


def test_failed_trainings_are_tried_again_ever_later(tmp_path):
    config = learnable.prepare(tmp_path)
    with harness.Worker(**{**config, "RETRAIN_NEW_SAMPLES": 50, "RETRAIN_MIN_INTERVAL_SECONDS": 0}) as worker:
        worker.await_ready()
        assert [kill_the_next(worker) for _ in range(3)] == [5, 10, 20]
        learnable.trigger(worker)
        eventually(lambda: learnable.active_version(worker), "the one asked for by hand makes a model", 90)
        assert worker.stop() == 0
