import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from napari_convnet.data import Dataset
from napari_convnet.document import parse
from napari_convnet.network import UserError
from napari_convnet.training import (
    Control,
    Epoch,
    Finished,
    Run,
    Snapshot,
    Started,
    Step,
    train,
)
from napari_convnet.training.checkpoint import Pace, read_state


def go(events, step):
    """Ask for events up to that step's snapshot, then leave the training as it is."""
    for event in events:
        if isinstance(event, Snapshot) and event.step == step:
            next(events)  # the state is written after the snapshot is told
            return


def without_time(run):
    """What metrics say, but for the time it took."""
    return [
        {k: v for k, v in event.as_dict().items() if k not in ("run", "seconds", "seconds_left")}
        for event in Run(run).metrics()
        if not isinstance(event, Started)
    ]


@pytest.mark.parametrize("optimizer", ["adam lr 1e-2", "sgd lr .05 momentum .9"])
@pytest.mark.parametrize("step", [1, 4, 6])
def test_a_run_that_is_abandoned_and_resumed_ends_the_same(
    document, few, tmp_path, digest, optimizer, step
):
    """Steps 1 and 6 are amid an epoch, 4 is the last one of the first; dropout, one-cycle, bn."""
    pipeline = document(optimizer=optimizer)
    list(train(pipeline, run=tmp_path / "whole", data=few))
    events = train(pipeline, run=tmp_path / "run", data=few, snapshot=1)
    go(events, step)
    copy = tmp_path / "copy"  # as a killed process leaves it: nothing is closed
    shutil.copytree(tmp_path / "run", copy)
    first, *_, last = train(pipeline, run=copy, data=few, resume=True)
    assert first.step in (step, step + 1)
    assert isinstance(last, Finished)
    for which in ("last", "best"):
        assert digest(Run(copy).weights(which)) == digest(Run(tmp_path / "whole").weights(which))
    assert without_time(copy) == without_time(tmp_path / "whole")
    events.close()


def test_a_run_that_was_killed_is_resumed(few, tmp_path, digest):
    """A process that is killed, for once; everything else about it is tested faster above."""
    from .conftest import document

    text = document(split="80/0/20", epochs=6).text
    (tmp_path / "few.yaml").write_text(text)
    code = f"""
import sys, torch, napari_convnet as nc
torch.set_num_threads(1)
pipeline = nc.read({str(tmp_path / "few.yaml")!r})
for event in nc.train(pipeline, run=sys.argv[1], snapshot=3, device="cpu"):
    print(event.kind, flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    with child:
        seen = 0
        for line in child.stdout:
            seen += line == "step\n"
            if seen == 10:
                child.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
                break
    pipeline = parse(text, tmp_path / "few.yaml")
    control = Control()
    for event in train(pipeline, run=tmp_path / "run", resume=True, control=control):
        if isinstance(event, Started):
            assert event.step >= 9
        if isinstance(event, Step) and event.step == 20:
            control.stop()
    control = Control()
    for event in train(pipeline, run=tmp_path / "whole", control=control):
        if isinstance(event, Step) and event.step == 20:
            control.stop()
    assert digest(Run(tmp_path / "run").weights()) == digest(Run(tmp_path / "whole").weights())


def test_a_stopped_run_is_resumed_to_its_end(document, few, tmp_path, digest):
    list(train(document(), run=tmp_path / "whole", data=few))
    for at in (0, 2, 4, 7, 8):
        control, run = Control(), tmp_path / f"stopped-{at}"
        if at == 0:
            control.stop()
        for event in train(document(), run=run, data=few, control=control):
            if isinstance(event, Step) and event.step == at:
                control.stop()
        assert not Run(run).finished
        *_, last = train(document(), run=run, data=few, resume=True)
        assert Run(run).finished
        assert digest(Run(run).weights()) == digest(Run(tmp_path / "whole").weights())
        assert without_time(run) == without_time(tmp_path / "whole")
        assert not last.stopped


def test_a_run_without_a_state_begins_anew(document, few, tmp_path, digest):
    list(train(document(), run=tmp_path / "whole", data=few))
    events = train(document(), run=tmp_path / "run", data=few)
    while not isinstance(next(events), Epoch):
        pass
    events.close()
    assert not (tmp_path / "run/checkpoints/last.state").exists()
    list(train(document(), run=tmp_path / "run", data=few, resume=True))
    assert digest(Run(tmp_path / "run").weights()) == digest(Run(tmp_path / "whole").weights())
    assert without_time(tmp_path / "run") == without_time(tmp_path / "whole")


def test_the_time_of_training_goes_on(document, few, tmp_path):
    events = train(document(), run=tmp_path / "run", data=few, snapshot=1)
    go(events, 4)
    events.close()
    before = read_state(tmp_path / "run/checkpoints/last.state")["progress"]["seconds"]
    first = next(e for e in train(document(), run=tmp_path / "run", data=few, resume=True)
                 if isinstance(e, Step))  # fmt: skip
    assert first.seconds > before > 0


def test_titles_notes_and_what_is_shown_may_change(document, few, tmp_path):
    events = train(document(), run=tmp_path / "run", data=few, snapshot=1)
    go(events, 2)
    events.close()
    text = document().text.replace("Few digits", "Some digits") + "show: [c1]\n# a remark\n"
    *_, last = train(parse(text), run=tmp_path / "run", data=few, resume=True)
    assert isinstance(last, Finished)


# -- the state's file --


def test_the_state_is_read_without_unpickling_code(document, few, tmp_path):
    list(train(document(), run=tmp_path / "run", data=few))
    state = torch.load(tmp_path / "run/checkpoints/last.state", weights_only=True)
    assert state.keys() == {"version", "signature", "progress", "model", "optimizer", "scaler"}
    assert state["progress"]["step"] == 8


def test_a_state_of_the_first_version_is_resumed(document, few, tmp_path, digest):
    """It counted the images told right, and knew no other tally."""
    list(train(document(), run=tmp_path / "whole", data=few))
    events = train(document(), run=tmp_path / "run", data=few, snapshot=1)
    go(events, 6)
    events.close()
    path = tmp_path / "run/checkpoints/last.state"
    state = torch.load(path, weights_only=True)
    state["progress"]["correct"] = int(state["progress"].pop("tally")[0])
    torch.save(state, path)
    list(train(document(), run=tmp_path / "run", data=few, resume=True))
    assert digest(Run(tmp_path / "run").weights()) == digest(Run(tmp_path / "whole").weights())
    assert without_time(tmp_path / "run") == without_time(tmp_path / "whole")


def test_the_state_is_not_written_too_often():
    pace = Pace()
    assert not pace.state_due(1)
    pace._state_at -= 11
    assert pace.state_due(1)
    pace.wrote(1.0, state=False)
    pace.wrote(1.0, state=True)
    pace._state_at -= 11
    assert not pace.state_due(2), "writing takes a second: not every ten seconds"
    assert not pace.snapshot_due(65)
    pace._weights_at -= 101
    assert pace.snapshot_due(65)


def test_pace_follows_the_clock_then():
    pace = Pace()
    due = [step for step in range(64) if pace.snapshot_due(step) and not pace.wrote(0, state=False)]
    assert due == [0, 1, 2, 4, 8, 16]
    assert not pace.snapshot_due(128)
    time.sleep(0.55)
    assert pace.snapshot_due(129)


# -- what goes wrong --


def half_way(document, few, run):
    events = train(document(), run=run, data=few, snapshot=1)
    go(events, 2)
    events.close()


def test_a_damaged_state_is_told(document, few, tmp_path):
    half_way(document, few, tmp_path / "run")
    state = tmp_path / "run/checkpoints/last.state"
    for damaged in (b"", b"rubbish", state.read_bytes()[:-100]):
        state.write_bytes(damaged)
        with pytest.raises(UserError, match=r"last\.state is damaged .*; train a new run"):
            next(iter(train(document(), run=tmp_path / "run", data=few, resume=True)))


def test_a_state_that_runs_code_is_refused(document, few, tmp_path):
    half_way(document, few, tmp_path / "run")
    torch.save({"version": 1, "evil": subprocess.Popen}, tmp_path / "run/checkpoints/last.state")
    with pytest.raises(UserError, match="is damaged"):
        next(iter(train(document(), run=tmp_path / "run", data=few, resume=True)))


def test_a_state_of_another_version_is_told(document, few, tmp_path):
    half_way(document, few, tmp_path / "run")
    torch.save({"version": 99}, tmp_path / "run/checkpoints/last.state")
    with pytest.raises(UserError, match="another version of napari-convnet"):
        next(iter(train(document(), run=tmp_path / "run", data=few, resume=True)))


def test_another_document_is_refused(document, few, tmp_path):
    half_way(document, few, tmp_path / "run")
    for other in (document(epochs=3), document(seed=2), parse(
        document().text.replace("conv 4", "conv 5"))):  # fmt: skip
        with pytest.raises(UserError, match="the document differs from the one"):
            next(iter(train(other, run=tmp_path / "run", data=few, resume=True)))


def test_other_data_are_refused(document, few, tmp_path):
    half_way(document, few, tmp_path / "run")
    other = Dataset(few.images, few.targets[::-1].copy(), few.classes, (), few.normalize)
    with pytest.raises(UserError, match="with other data than now; resume it with the data"):
        next(iter(train(document(), run=tmp_path / "run", data=other, resume=True)))


def test_a_finished_run_is_not_resumed(document, few, tmp_path):
    list(train(document(epochs=1), run=tmp_path / "run", data=few))
    with pytest.raises(UserError, match="is finished; train a new run"):
        next(iter(train(document(epochs=1), run=tmp_path / "run", data=few, resume=True)))


def test_what_is_to_be_resumed_must_be_there(document, few, tmp_path):
    with pytest.raises(UserError, match="there is no run"):
        next(iter(train(document(), run=tmp_path / "nowhere", data=few, resume=True)))
    with pytest.raises(UserError, match="which run is to be resumed"):
        next(iter(train(document(), data=few, resume=True)))
