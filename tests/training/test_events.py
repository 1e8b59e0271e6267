import json
import pickle
import time
from pathlib import Path
from threading import Thread

import pytest

from napari_convnet.training import (
    Control,
    Epoch,
    Failed,
    Finished,
    Paused,
    Resumed,
    Snapshot,
    Started,
    Step,
)
from napari_convnet.training.events import EVENTS, event_from

ALL = [
    Started(Path("runs/a"), "CPU (1 thread)", 2, 4, 120, 40, 40, 1234),
    Step(1, 1, 2.3, 1e-3, 0.1),
    Epoch(1, 4, 2.0, 0.3, None, None, 1e-3, 3.5),
    Paused(3),
    Resumed(3),
    Snapshot(4, Path("runs/a/checkpoints/last.safetensors")),
    Finished(Path("runs/a"), 8, 0.98, 0.06, 1.5, False),
    Failed("the loss is not a number any more", 7),
]
DENSE = [
    Started(
        Path("runs/a"), "CPU", 2, 4, 24, 1, 1, 99, 0, "segment", "Dice", "patches", ("so",)
    ),
    Epoch(1, 4, 2.0, 0.9, 1.5, 0.8, 1e-3, 3.5, "Dice", 0.7, 0.6, {"grey": 0.6, "white": None}),
    Finished(
        Path("runs/a"), 8, 0.98, 0.06, 1.5, False, "Dice", 0.6, {"grey": 0.6},
        {"grey": {"Dice": 0.6, "ml": None}},
    ),
]  # fmt: skip


def test_every_kind_is_here():
    assert {type(event) for event in ALL} == set(EVENTS.values())


@pytest.mark.parametrize("event", [*ALL, *DENSE], ids=lambda event: event.kind)
def test_events_survive_json_and_pickle(event):
    assert event_from(json.loads(json.dumps(event.as_dict()))) == event
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.kind)
def test_events_cannot_be_changed(event):
    with pytest.raises(AttributeError):
        event.step = 1


def test_numbers_that_json_lacks_become_null():
    values = Step(1, 1, float("nan"), 1e-3, 0.1).as_dict()
    assert json.dumps(values, allow_nan=False)
    assert values["loss"] is None


def test_events_of_another_version_are_read_as_far_as_known():
    assert event_from({"event": "meteor", "step": 1}) is None
    assert event_from({"event": "step", "step": 1}) is None
    assert event_from({"event": "paused", "step": 1, "why": "new field"}) == Paused(1)


def test_control_waits_until_resumed():
    control = Control()
    control.pause()
    waiting = Thread(target=control.wait, daemon=True)
    waiting.start()
    time.sleep(0.02)
    assert waiting.is_alive()
    control.resume()
    waiting.join(5)
    assert not waiting.is_alive()
    assert not control.paused


def test_stop_ends_a_pause_and_cannot_be_paused():
    control = Control()
    control.pause()
    control.stop()
    control.pause()
    control.wait()
    assert control.stopping
    assert not control.paused


def test_runs_from_when_all_tasks_were_judged_by_accuracy_are_read():
    old = {
        "event": "epoch", "epoch": 1, "step": 4, "train_loss": 2.0, "train_accuracy": 0.25,
        "validation_loss": 1.5, "validation_accuracy": 0.5, "lr": 1e-3, "seconds_left": 3.5,
    }  # fmt: skip
    found = event_from(old)
    assert (found.score_name, found.train_score, found.validation_score) == ("accuracy", 0.25, 0.5)
    old = {
        "event": "finished", "run": "runs/a", "step": 8, "test_accuracy": 0.75, "test_loss": 0.5,
        "seconds": 1.5, "stopped": False,
    }  # fmt: skip
    assert (event_from(old).score_name, event_from(old).test_score) == ("accuracy", 0.75)
