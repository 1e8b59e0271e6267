import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_convnet.data import Dataset, batches, split
from napari_convnet.document import edit, parse
from napari_convnet.network import UserError
from napari_convnet.training import (
    Control,
    Epoch,
    Failed,
    Finished,
    Paused,
    Resumed,
    Run,
    Snapshot,
    Started,
    Step,
    train,
)
from napari_convnet.training.randomness import step_seed
from napari_convnet.training.trainer import Trainer

STEPS_PER_EPOCH = 4  # 120 digits in batches of 32, the rest a batch of its own


def final(run, which="last"):
    return load_file(run / "checkpoints" / f"{which}.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def kinds(events, *, without=(Step, Snapshot)):
    return [type(event) for event in events if not isinstance(event, without)]


# -- a loop written by hand --


def by_hand(pipeline, dataset, make_optimizer, one_cycle):
    """The training as one would write it in a script; gives weights and losses."""
    model = pipeline.build(seed=1)
    model.train()
    parts = split(dataset, pipeline.data.split, 1)
    optimizer = make_optimizer(model.parameters())
    steps = 2 * STEPS_PER_EPOCH
    schedule = None
    if one_cycle:
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, optimizer.param_groups[0]["lr"], total_steps=steps, cycle_momentum=False
        )
    losses = []
    for epoch in (1, 2):
        for images, targets in batches(dataset, parts.train, 32, 1, epoch, pipeline.augment):
            torch.manual_seed(step_seed(1, len(losses)))  # for dropout
            outputs = model(torch.from_numpy(images))
            loss = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(targets))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
            losses.append(loss.item())
    return model.state_dict(), losses


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("sgd lr .05 momentum .9", lambda p: torch.optim.SGD(p, 0.05, 0.9)),
        ("adam lr 1e-2", lambda p: torch.optim.Adam(p, 1e-2)),
        ("adamw lr 1e-2 decay .1", lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1)),
    ],
)
@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_a_loop_by_hand_ends_with_the_same_weights(
    document, few, tmp_path, optimizer, make, schedule
):
    pipeline = document(optimizer=optimizer, schedule=schedule)
    events = list(train(pipeline, run=tmp_path / "run", data=few))
    weights, losses = by_hand(pipeline, few, make, schedule == "one-cycle")
    assert [event.loss for event in events if isinstance(event, Step)] == losses
    assert same(final(tmp_path / "run"), weights)


# -- randomness --


def test_the_caller_and_the_training_do_not_disturb_each_other(document, few, tmp_path):
    list(train(document(), run=tmp_path / "alone", data=few))

    def draws(events):
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002 - the global generator is what is tested
        return [(torch.rand(1).item(), np.random.rand()) for _ in events]  # noqa: NPY002

    count = len(list(train(document(), run=tmp_path / "count", data=few, snapshot=4)))
    between = draws(train(document(), run=tmp_path / "between", data=few, snapshot=4))
    assert between == draws(range(count))
    assert same(final(tmp_path / "alone"), final(tmp_path / "between"))


def test_modes_of_the_caller_do_not_matter(document, few, tmp_path):
    list(train(document(), run=tmp_path / "alone", data=few))
    with torch.no_grad():
        list(train(document(), run=tmp_path / "inside", data=few))
    assert same(final(tmp_path / "alone"), final(tmp_path / "inside"))


def test_the_seed_decides(document, few, tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        list(train(document(seed=seed, epochs=1), run=tmp_path / name, data=few))
    assert same(final(tmp_path / "a"), final(tmp_path / "b"))
    assert not same(final(tmp_path / "a"), final(tmp_path / "c"))


# -- events --


def test_events_tell_the_story_in_order(document, few, tmp_path):
    events = list(train(document(), run=tmp_path / "run", data=few, device="cpu"))
    assert kinds(events) == [Started, Epoch, Epoch, Finished]
    started, finished = events[0], events[-1]
    assert (started.train, started.validation, started.test) == (120, 40, 40)
    assert (started.epochs, started.steps_per_epoch, started.steps) == (2, 4, 8)
    assert started.device == "CPU (1 thread)"
    assert started.parameters == sum(v.numel() for v in final(tmp_path / "run").values()) - 2 * 4
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 9))
    assert [step.epoch for step in steps] == [1] * 4 + [2] * 4
    assert sorted(step.seconds for step in steps) == [step.seconds for step in steps]
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [(epoch.epoch, epoch.step) for epoch in epochs] == [(1, 4), (2, 8)]
    assert epochs[0].seconds_left > epochs[1].seconds_left == 0
    assert 0 <= epochs[1].validation_accuracy <= 1
    assert finished.step == 8
    assert not finished.stopped
    assert 0 <= finished.test_accuracy <= 1
    assert finished.seconds >= steps[-1].seconds


def test_an_epochs_means_are_over_its_images(document, few, tmp_path):
    events = list(train(document(epochs=1), run=tmp_path / "run", data=few))
    losses = [event.loss for event in events if isinstance(event, Step)]
    (epoch,) = (event for event in events if isinstance(event, Epoch))
    assert epoch.train_loss == pytest.approx(np.average(losses, weights=[32, 32, 32, 24]))


def test_without_validation_and_test_parts(document, few, tmp_path):
    events = list(train(document(split="100/0/0", epochs=1), run=tmp_path / "run", data=few))
    assert events[0].train == 200
    (epoch,) = (event for event in events if isinstance(event, Epoch))
    assert epoch.validation_accuracy is epoch.validation_loss is None
    assert events[-1].test_accuracy is events[-1].test_loss is None
    assert same(final(tmp_path / "run"), final(tmp_path / "run", "best"))


def test_snapshots_come_at_growing_intervals_and_can_be_read_at_once(document, few, tmp_path):
    steps = []
    for event in train(document(epochs=3), run=tmp_path / "run", data=few):
        if isinstance(event, Snapshot):
            assert event.path == tmp_path / "run/checkpoints/last.safetensors"
            assert load_file(event.path)["out.weight"].shape == (10, 196)
            steps.append(event.step)
    assert steps[:5] == [0, 1, 2, 4, 8]
    assert steps[-1] == 12


def test_the_first_snapshot_holds_the_weights_of_the_seed(document, few, tmp_path):
    events = train(document(), run=tmp_path / "run", data=few)
    while not isinstance(next(events), Snapshot):
        pass
    assert same(final(tmp_path / "run"), document().build().state_dict())
    events.close()


def test_the_best_weights_are_those_of_the_best_epoch(document, few, tmp_path):
    pipeline = document(optimizer="sgd lr .3", schedule="constant", epochs=6)
    best, kept = (-1.0, 0.0), None
    for event in train(pipeline, run=tmp_path / "run", data=few):
        if isinstance(event, Epoch):
            rank = (event.validation_accuracy, -event.validation_loss)
            if rank > best:
                best, kept = rank, event
    assert kept.epoch < 6, "a training that gets better all the time tests nothing here"
    shorter = document(optimizer="sgd lr .3", schedule="constant", epochs=kept.epoch)
    list(train(shorter, run=tmp_path / "shorter", data=few))
    assert same(final(tmp_path / "run", "best"), final(tmp_path / "shorter", "last"))


def test_learning_learns(document, few, tmp_path):
    *_, finished = train(document(epochs=12), run=tmp_path / "run", data=few)
    assert finished.test_accuracy > 0.6


def test_half_squares_learns(document, few, tmp_path):
    pipeline = document(loss="half-squares", optimizer="adam lr 3e-2", epochs=20)
    *_, finished = train(pipeline, run=tmp_path / "run", data=few)
    assert finished.test_accuracy > 0.5
    assert finished.test_loss < 0.5, "what outputs of 0 would give"


def test_a_network_may_end_in_softmax(document, few, tmp_path):
    text = document().text
    list(train(parse(text), run=tmp_path / "logits", data=few))
    soft = parse(text.replace("fc 10\n", "fc 10\n  - softmax\n"))
    list(train(soft, run=tmp_path / "soft", data=few))
    assert same(final(tmp_path / "logits"), final(tmp_path / "soft"))


def test_bfloat16_learns(document, few, tmp_path):
    text = edit.set_value(document(epochs=6).text, "train.precision", "bfloat16")
    events = list(train(parse(text), run=tmp_path / "run", data=few))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("1x40", (40,)),
        ("1x10x12", (10, 12)),
        ("3x10x12", (3, 10, 12)),
        ("1x?x?", (9, 11)),
        ("1x6x8x10", (6, 8, 10)),
    ],
)
def test_recordings_images_and_volumes_learn_alike(tmp_path, shape, size):
    text = (
        f"input: {shape}\nnet:\n  - conv 4 k3 relu\n  - max 2\n  - gap\n  - fc 2\n"
        "train:\n  epochs: 20\n  batch: 500\n  optimizer: adam lr .1\n"
    )
    labels = np.arange(40) % 2
    images = np.random.default_rng(0).normal(labels, size=(*size, 40))
    images = np.moveaxis(images, -1, 0)
    events = list(train(parse(text), run=tmp_path / "run", data=(images, labels)))
    assert events[0].steps_per_epoch == 1
    assert events[-1].test_accuracy == 1


# -- frozen layers, given weights --


def test_frozen_layers_stay(document, few, tmp_path):
    text = document().text
    text = text.replace(
        "  - c1: conv 4 k5 s2 bn relu", "  - c1: conv 4 k5 s2 relu\n    freeze: true"
    )
    pipeline = parse(text.replace("max 2", "max 2\n  - n2: bn\n    freeze: true"))
    events = list(train(pipeline, run=tmp_path / "run", data=few))
    before, after = pipeline.build().state_dict(), final(tmp_path / "run")
    assert events[0].parameters == 10 * 196 + 10
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"out.weight", "out.bias"}


def test_training_goes_on_from_the_documents_weights(document, few, tmp_path):
    list(train(document(), run=tmp_path / "first", data=few))
    text = document().text + "weights: first@last\n"
    events = train(parse(text, tmp_path / "more.yaml"), run=tmp_path / "second", data=few)
    while not isinstance(next(events), Snapshot):
        pass
    assert same(final(tmp_path / "first"), final(tmp_path / "second"))
    events.close()


# -- pause, resume, stop --


def test_pause_and_resume_change_nothing(document, few, tmp_path):
    list(train(document(), run=tmp_path / "plain", data=few))
    control, told = Control(), []
    for event in train(document(), run=tmp_path / "run", data=few, control=control):
        told.append(event)
        if isinstance(event, Step) and event.step == 2:
            control.pause()
        if isinstance(event, Paused):
            threading.Timer(0.3, control.resume).start()
            began = time.monotonic()
        if isinstance(event, Resumed):
            assert time.monotonic() - began > 0.25
    assert kinds(told) == [Started, Paused, Resumed, Epoch, Epoch, Finished]
    paused = next(event for event in told if isinstance(event, Paused))
    assert paused.step == 2
    third = next(event for event in told if isinstance(event, Step) and event.step == 3)
    assert third.seconds < 0.25, "a pause is no time of training"
    assert same(final(tmp_path / "plain"), final(tmp_path / "run"))


def test_stop_ends_within_a_step_and_keeps_the_weights(document, few, tmp_path):
    control, told = Control(), []
    for event in train(document(), run=tmp_path / "run", data=few, control=control):
        told.append(event)
        if isinstance(event, Step) and event.step == 5:
            control.stop()
    assert kinds(told) == [Started, Epoch, Finished]
    assert told[-1].stopped
    assert told[-1].step == 5
    assert told[-1].test_accuracy is None
    assert not Run(tmp_path / "run").finished
    assert (tmp_path / "run/checkpoints/last.state").exists()


def test_stop_ends_a_pause(document, few, tmp_path):
    control, told = Control(), []
    control.pause()
    for event in train(document(), run=tmp_path / "run", data=few, control=control):
        told.append(event)
        if isinstance(event, Paused):
            control.stop()
    assert kinds(told) == [Started, Paused, Finished]
    assert told[-1].step == 0


def test_stop_ends_a_validation(document, few, tmp_path):
    control, told = Control(), []
    for event in train(document(), run=tmp_path / "run", data=few, control=control):
        told.append(event)
        if isinstance(event, Step) and event.step == STEPS_PER_EPOCH:
            control.stop()
    assert kinds(told) == [Started, Finished]
    assert (told[-1].step, told[-1].stopped) == (STEPS_PER_EPOCH, True)


def test_leaving_the_loop_leaves_no_thread(document, few, tmp_path):
    before = threading.active_count()
    for event in train(document(), run=tmp_path / "run", data=few):
        if isinstance(event, Step):
            break
    del event
    assert threading.active_count() == before


# -- what goes wrong --


def test_a_loss_that_explodes_is_told_with_what_helps(document, few, tmp_path):
    pipeline = document(optimizer="sgd lr 1e38", schedule="constant", epochs=9)
    *_, last = train(pipeline, run=tmp_path / "run", data=few)
    assert isinstance(last, Failed)
    assert "the loss" in last.message
    assert f"at step {last.step}" in last.message
    assert "lower the learning rate, for example optimizer: sgd lr 1e+37" in last.message
    assert isinstance(Run(tmp_path / "run").metrics()[-1], Failed)


def test_normalising_is_proposed_where_nothing_is_normalised(document, few, tmp_path):
    plain = Dataset(few.images, few.targets, few.classes)
    pipeline = document(optimizer="sgd lr 1e38", schedule="constant", epochs=9)
    *_, last = train(pipeline, run=tmp_path / "run", data=plain)
    assert "normalize: zscore" in last.message


def test_memory_that_runs_out_is_told_with_what_helps(document, few, tmp_path, monkeypatch):
    def no_memory(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 EiB")

    monkeypatch.setattr(Trainer, "_step", no_memory)
    *_, last = train(document(), run=tmp_path / "run", data=few)
    assert last == Failed("CPU (1 thread) ran out of memory; lower train: batch (now 32)", 0)


def test_other_errors_are_not_hidden(document, few, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Trainer, "_step", broken)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        list(train(document(), run=tmp_path / "run", data=few))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("fc 10", "fc 9", "ends in 9 values, and the data have 10 classes; make its last layer"),
        ("  - flatten\n  - out: fc 10", "  - conv 10 k1", "ends in maps of 10x7x7"),
        ("source: digits", "images: nowhere", "nowhere"),
        ("1x28x28", "1x32x32", "28x28, and layer flatten-1 needs the input's 32x32"),
        ("1x28x28", "3x28x28", "3"),
        ("shift 1", "wobble 1", "wobble"),
        ("shift 1", "shift 30", "shift 30 would move"),
        ("  optimizer", "  task: segment\n  optimizer", "write task: classify in train:"),
        ("  optimizer", "  precision: float16\n  optimizer", "float16 needs a CUDA GPU"),
        ("fc 10", "fc 10 rellu", "did you mean relu?"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(document, tmp_path, old, new, words):
    from napari_convnet.document import draft

    pipeline = draft(document().text.replace(old, new), tmp_path / "few.yaml")
    with pytest.raises(UserError) as raised:
        next(iter(train(pipeline)))
    assert words in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_weights_is_refused(tmp_path):
    pipeline = parse("input: 1x28x28\nnet:\n  - max 2\n  - gap\n", tmp_path / "few.yaml")
    with pytest.raises(UserError, match="no weights to train; add a conv or fc layer"):
        next(iter(train(pipeline)))


def test_a_network_that_is_frozen_all_over_is_refused(tmp_path):
    text = "input: 1x28x28\nnet:\n  - c1: conv 10 k3\n    freeze: true\n  - gap\n"
    with pytest.raises(UserError, match="frozen: there is nothing to train; take freeze: away"):
        next(iter(train(parse(text))))


def test_missing_data_are_told(tmp_path):
    pipeline = parse("input: 1x28x28\nnet:\n  - conv 10 k3\n  - gap\n", tmp_path / "few.yaml")
    with pytest.raises(UserError, match="names no images to train on"):
        next(iter(train(pipeline)))


def test_labels_that_do_not_match_are_told(document, tmp_path):
    with pytest.raises(UserError, match="there are 3 images and 2 labels"):
        next(iter(train(document(), data=(np.zeros((3, 28, 28)), [0, 1]))))


def test_images_with_nan_are_told(document, few):
    images = few.images[:, 0].astype(np.float32)
    images[7, 3, 4] = np.nan
    with pytest.raises(UserError, match="1 NaN or infinite values"):
        next(iter(train(document(), data=(images, few.targets))))


def test_an_unknown_device_is_told(document, few):
    with pytest.raises(UserError, match="unknown device"):
        next(iter(train(document(), data=few, device="abacus")))


def test_no_steps_between_snapshots_are_told(document, few):
    with pytest.raises(UserError, match="give 1 or more"):
        next(iter(train(document(), data=few, snapshot=0)))


# -- data of the caller's --


def test_images_and_labels_are_treated_as_the_document_says(document, few, tmp_path):
    list(train(document(), run=tmp_path / "dataset", data=few))
    pair = (np.asarray(few.images)[:, 0], few.targets)
    list(train(document(), run=tmp_path / "pair", data=pair))
    assert same(final(tmp_path / "dataset"), final(tmp_path / "pair"))


# -- the room --


def test_the_room_is_imported_without_torch():
    code = "import sys, napari_convnet.training as room; dir(room); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
