"""Segmentation and regression: the same training as by hand, exact measures, resumed or not."""

import itertools
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from napari_convnet.cli.training import _finished
from napari_convnet.data import Contents, Dense, Region, head, load_examples
from napari_convnet.document import edit, parse
from napari_convnet.network import UserError
from napari_convnet.training import Epoch, Finished, Run, Step, evaluate, load, predict, train
from napari_convnet.training.evaluation import is_optimistic
from napari_convnet.training.metrics import confusion, mean_dice
from napari_convnet.training.plan import prepare
from napari_convnet.training.tasks import class_weights, overlapping, spread
from napari_convnet.training.tasks.bounds import cost

TEXT = """\
title: Tissues
input: {input}
data:
  classes: other, grey, white
  normalize: zscore above 0
  regions: -y
  patches: {patches} per-volume 6 foreground .5
augment: {augment}
net:
  - c1: conv 4 k3 bn relu
  - drop .2
  - max 2
  - conv 6 k3 relu
  - up 2
  - cat c1
  - out: conv {out} k1
train:
  task: {task}
  optimizer: adam lr 1e-2
  schedule: one-cycle
  epochs: 2
  batch: 2
  seed: 1
"""

DEFAULTS = {
    "input": "1x16x16x16",
    "patches": 16,
    "augment": "flip y .5, noise .05",
    "out": 3,
    "task": "segment",
}


def document(path=None, **changes):
    return parse(TEXT.format(**{**DEFAULTS, **changes}), path)


@pytest.fixture(scope="module")
def scan():
    """A part of the head, 30 x 60 x 34 mm, and its tissues."""
    image, labels = head()
    part = (slice(80, 110), slice(60, 120), slice(40, 74))
    cut = [
        Contents(each.array[part], affine=each.affine, units=each.units, axes=each.axes, name=name)
        for each, name in ((image, "t1"), (labels, "tissue"))
    ]
    return [tuple(cut)]


def final(run, which="last"):
    return load_file(run / "checkpoints" / f"{which}.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


# -- a loop written by hand --


def test_a_loop_by_hand_ends_with_the_same_weights(scan, tmp_path):
    """Dice as MONAI has it, cross-entropy, patches of a real head, class weights."""
    from monai.losses.dice import DiceLoss

    from napari_convnet.training.randomness import step_seed

    pipeline = parse(edit.set_value(document().text, "train.balance", "classes"))
    events = list(train(pipeline, run=tmp_path / "run", data=scan))
    examples = load_examples(pipeline, scan)
    counts = np.zeros(3)
    for region in examples.parts.train:
        counts += np.bincount(examples.scans[0].target_in(region.box).ravel(), minlength=3)
    weights = torch.tensor(counts.mean() / counts, dtype=torch.float32)
    dice = DiceLoss(to_onehot_y=True, softmax=True, batch=True)
    model = pipeline.build().train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=6, cycle_momentum=False
    )
    losses = []
    for epoch in (1, 2):
        for images, targets in examples.batches(2, 1, epoch, pipeline.augment):
            torch.manual_seed(step_seed(1, len(losses)))  # for dropout
            outputs, right = model(torch.from_numpy(images)), torch.from_numpy(targets)
            loss = dice(outputs, right[:, None]) + F.cross_entropy(outputs, right, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    assert [event.loss for event in events if isinstance(event, Step)] == losses
    assert same(final(tmp_path / "run"), model.state_dict())


# -- measures --


def test_what_is_measured_is_the_network_on_the_whole_scan(scan, tmp_path):
    *_, finished = train(document(), run=tmp_path / "run", data=scan)
    examples = load_examples(document(), scan)
    model = load(tmp_path / "run").model.eval()
    with torch.no_grad():
        whole = model(torch.from_numpy(examples.scans[0].image)[None])[0].argmax(0).numpy()
    (region,) = examples.regions("test")
    box = tuple(slice(lo, hi) for lo, hi in region.box)
    counts = confusion(examples.scans[0].target[box], whole[box], 3)
    assert finished.score_name == "Dice"
    assert finished.test_score == pytest.approx(mean_dice(counts), abs=1e-4)
    found = evaluate(tmp_path / "run", scan, part="test")
    assert found.unit == "voxels"
    assert found.n == counts.sum()
    assert found.mean_dice == finished.test_score
    assert dict(zip(found.classes, found.dice, strict=True)) == finished.scores
    # A voxel has 1 mm3.
    assert found.volumes["labelled"] == pytest.approx(counts.sum(1) / 1000)
    everything = evaluate(tmp_path / "run", scan)
    assert (everything.part, everything.n) == ("all", 30 * 60 * 34)


def test_all_doors_count_every_class_that_was_painted(scan, tmp_path):
    """With ``unlabelled: 0`` class 0 is a class as any other."""
    pipeline = parse(edit.set_value(document().text, "data.unlabelled", "0"))
    image, labels = scan[0]
    painted = replace(labels, array=np.asarray(labels.array) + 1)
    painted.array[::2] = 0
    *_, epoch, finished = (
        event
        for event in train(pipeline, run=tmp_path / "run", data=[(image, painted)])
        if isinstance(event, Epoch | Finished)
    )
    mean = np.mean([value for value in finished.scores.values() if value is not None])
    assert finished.test_score == pytest.approx(mean)
    assert epoch.validation_score == pytest.approx(np.mean(list(epoch.scores.values())))
    found = evaluate(tmp_path / "run", [(image, painted)], part="test")
    assert found.mean_dice == finished.test_score
    told = predict(tmp_path / "run", image, labels=painted)
    assert (told.confusion.sum(1) > 0).all()
    assert told.mean_dice == pytest.approx(np.mean([row["dice"] for row in told.rows()]))
    assert f"mean Dice {told.mean_dice:.4f}" in str(told)


def test_every_epoch_tells_the_score_and_that_of_each_class(scan, tmp_path):
    events = list(train(document(), run=tmp_path / "run", data=scan))
    assert (events[0].task, events[0].score_name, events[0].unit) == ("segment", "Dice", "patches")
    assert (events[0].train, events[0].steps_per_epoch) == (6, 3)
    assert any("divided along y" in note for note in events[0].notes)
    epochs = [event for event in events if isinstance(event, Epoch)]
    for epoch in epochs:
        assert epoch.scores.keys() == {"other", "grey", "white"}
        assert 0 <= epoch.validation_score <= 1
        assert 0 <= epoch.train_score <= 1
        assert 0 <= epoch.train_accuracy <= 1
    assert Run(tmp_path / "run").metrics()[-1].scores == events[-1].scores


def test_the_best_weights_are_those_of_the_best_score(scan, tmp_path):
    pipeline = parse(edit.set_value(document().text, "train.epochs", "4"))
    ranks = [
        (event.validation_score, -event.validation_loss)
        for event in train(pipeline, run=tmp_path / "run", data=scan)
        if isinstance(event, Epoch)
    ]
    found = evaluate(tmp_path / "run", scan, part="validation")
    assert found.mean_dice == max(ranks)[0]


@pytest.mark.parametrize("input", ["1x16x16x16", "5zx16x16"])
def test_a_score_is_optimistic_where_outputs_rest_on_what_was_trained_on(scan, input):
    """Changed voxels of the training region change outputs of the test region, or they do not."""
    found = []
    for gap in range(8):
        text = edit.set_value(document(input=input).text, "data.regions", f"-z gap {gap}")
        pipeline = parse(edit.set_value(text, "data.split", "60/40"))
        plan = prepare(pipeline, scan, "cpu")
        (image,) = (each.image for each in plan.examples.scans)
        (learned,), (tested,) = (plan.examples.regions(part) for part in ("train", "test"))
        changed = image.copy()
        changed[(slice(None), *(slice(*ends) for ends in learned.box))] += 100
        before, after = (
            predict(plan.net.model, sample, probabilities=True).probabilities
            for sample in (image[0], changed[0])
        )
        box = (slice(None), *(slice(*ends) for ends in tested.box))
        found.append(bool((before[box] != after[box]).any()))
        assert overlapping(plan.net, plan.examples, "test") == found[-1], gap
        assert is_optimistic(plan.net, plan.examples, "test") == found[-1]
    assert (found[0], found[-1]) == (True, False)


def test_an_optimistic_score_is_said_to_be_so(scan, tmp_path):
    text = edit.set_value(document().text, "data.regions", "-y gap 0")
    *_, finished = train(parse(text), run=tmp_path / "run", data=scan)
    assert not finished.optimistic, "the validation part lies between"
    pipeline = parse(edit.set_value(text, "data.split", "70/30"))
    *_, finished = train(pipeline, run=tmp_path / "gapless", data=scan)
    assert finished.optimistic
    assert _finished(finished).endswith("the network sees voxels that it was trained on")
    found = evaluate(tmp_path / "gapless", scan, part="test")
    assert "optimistic: at its borders" in str(found).splitlines()[1]
    assert found.as_dict()["optimistic"]
    assert not evaluate(tmp_path / "gapless", scan).optimistic


def test_large_parts_are_validated_by_slabs_of_them():
    regions, sizes = [Region(0, ((0, 10), (0, 100), (0, 10)))], {0: (10, 100, 10)}
    point, wide = (1, 1, 1), (5, 31, 5)
    assert spread(regions, sizes, point, None) == tuple(regions)
    assert spread(regions, sizes, point, 10_000) == tuple(regions)
    slabs = spread(regions, sizes, point, 4_000)
    assert [slab.box[1] for slab in slabs] == [(7, 17), (32, 42), (57, 67), (82, 92)]
    (slab,) = spread(regions, sizes, wide, 5_000)
    assert slab.box == ((0, 10), (40, 60), (0, 10)), "30 of 50 layers are around"
    many = [Region(i, ((0, 10), (0, 10))) for i in range(100)]
    chosen = spread(many, dict.fromkeys(range(100), (10, 10)), (1, 1), 500)
    assert [region.scan for region in chosen] == [10, 30, 50, 70, 90]


@settings(max_examples=50, deadline=None)
@given(data=st.data(), share=st.floats(0.05, 1), count=st.integers(1, 3))
def test_no_more_is_computed_than_is_allowed(data, share, count):
    size = data.draw(st.tuples(*[st.integers(8, 60)] * 3))
    field = data.draw(st.tuples(*[st.integers(1, 12)] * 3))
    ends = [sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2))) for n in size]
    box = tuple((min(lo, n - 1), max(hi, lo + 1)) for (lo, hi), n in zip(ends, size, strict=True))
    box = tuple((lo, min(hi, n)) for (lo, hi), n in zip(box, size, strict=True))
    regions = [Region(i, box) for i in range(count)]
    sizes = dict.fromkeys(range(count), size)
    whole = count * cost(box, size, field)
    chosen = spread(regions, sizes, field, int(share * whole))
    assert {region.scan for region in chosen} == set(range(count))
    thin = any(hi - lo == 1 for region in chosen for lo, hi in region.box)
    assert thin or sum(cost(r.box, size, field) for r in chosen) <= share * whole
    for region in chosen:
        inside = zip(region.box, box, strict=True)
        assert all(lo <= a < b <= hi for (a, b), (lo, hi) in inside)
    for one, other in itertools.combinations([r.box for r in chosen if r.scan == 0], 2):
        assert any(a >= d or b <= c for (a, b), (c, d) in zip(one, other, strict=True))


def test_an_epoch_is_validated_in_half_the_time_that_it_learns(scan, monkeypatch):
    from napari_convnet.training import plan as module

    monkeypatch.setattr(module, "LEAST_VALIDATED", 64)
    pipeline = parse(document().text.replace("per-volume 6", "per-volume 1"))
    plan = prepare(pipeline, scan, "cpu")
    assert plan.most_validated == 1.5 * 16**3
    found = plan.net.measure(plan.examples, "validation", most=plan.most_validated)
    (region,) = plan.examples.regions("validation")
    have = int(np.prod([hi - lo for lo, hi in region.box]))
    assert 0 < found.found.sum() < have
    assert f"validated by {found.found.sum():,} of the {have:,} voxels" in " ".join(plan.notes)


def test_a_network_that_sees_everything_is_validated_by_patches(scan, tmp_path):
    text = document().text.replace("k3 bn relu", "k3 inorm relu").replace("  - drop .2\n", "")
    plan = prepare(parse(text), scan, "cpu")
    assert "patch by patch" in plan.notes[-1]
    bounded = plan.net.measure(plan.examples, "validation", most=10**9)
    exact = plan.net.measure(plan.examples, "validation")
    assert bounded.found.sum() == exact.found.sum()
    assert not np.array_equal(bounded.found, exact.found)


# -- what is not labelled --


def test_voxels_that_are_not_labelled_teach_nothing(scan, tmp_path):
    """Two scans that differ in what nobody labelled give the same losses."""
    image, labels = scan[0]
    painted = labels.array + 1
    painted[:, :, ::3] = 0
    text = edit.set_value(document(augment="flip y .5").text, "data.unlabelled", "0")
    losses = []
    for name in ("a", "b"):
        pair = Contents(painted, affine=labels.affine, units=labels.units, axes=labels.axes)
        events = train(parse(text), run=tmp_path / name, data=[(image, pair)])
        losses.append([event.loss for event in events if isinstance(event, Step)])
    examples = load_examples(parse(text), [(image, pair)])
    target = examples.scans[0].target
    assert (target[:, :, ::3] == -1).all()
    assert np.array_equal(target[:, :, 1], labels.array[:, :, 1])
    assert losses[0] == losses[1]
    assert examples.voxels("train").sum() < np.prod(
        [hi - lo for lo, hi in examples.parts.train[0].box]
    )


def test_class_weights_make_classes_count_alike(scan):
    examples = load_examples(document(), scan)
    counts, weights = examples.voxels("train"), class_weights(examples).numpy()
    assert np.ptp(counts * weights) < 1e-3 * counts.mean()


# -- resumed --


@pytest.mark.parametrize("task", ["segment", "regress"])
def test_a_run_that_is_abandoned_and_resumed_ends_the_same(scan, tmp_path, task):
    from .test_resume import go, without_time

    out = 3 if task == "segment" else 1
    pipeline = document(task=task, out=out)
    data = scan if task == "segment" else [pair[0] for pair in scan]
    list(train(pipeline, run=tmp_path / "whole", data=data))
    events = train(pipeline, run=tmp_path / "run", data=data, snapshot=1)
    go(events, 4)
    copy = tmp_path / "copy"  # as a killed process leaves it
    shutil.copytree(tmp_path / "run", copy)
    events.close()
    *_, last = train(pipeline, run=copy, data=data, resume=True)
    assert isinstance(last, Finished)
    assert same(final(copy), final(tmp_path / "whole"))
    assert same(final(copy, "best"), final(tmp_path / "whole", "best"))
    assert without_time(copy) == without_time(tmp_path / "whole")


# -- other dimensions, other numbers --


@pytest.mark.parametrize(
    ("input", "patches"), [("5zx16x16", "16"), ("1x16x16x16", "16"), ("1x8x16x12", "8x16x12")]
)
def test_neighbouring_slices_and_volumes_learn_by_the_same_text(scan, tmp_path, input, patches):
    pipeline = document(input=input, patches=patches)
    *_, finished = train(pipeline, run=tmp_path / "run", data=scan)
    assert 0 <= finished.test_score <= 1
    assert evaluate(tmp_path / "run", scan).n == 30 * 60 * 34


def test_pictures_learn_too(scan, tmp_path):
    image, labels = scan[0]
    text = document(input="1x16x16").text.replace("  regions: -y\n", "")
    data = (image.array[:12], labels.array[:12])
    events = list(train(parse(text), run=tmp_path / "run", data=data))
    assert events[0].test == 2
    assert 0 <= events[-1].test_score <= 1
    assert evaluate(tmp_path / "run", data).unit == "pixels"


@pytest.mark.parametrize("loss", ["dice", "focal", "cross-entropy", "dice + focal"])
def test_losses_learn(scan, tmp_path, loss):
    text = document(augment="flip y .5").text.replace("  - drop .2\n", "")
    text = edit.set_value(edit.set_value(text, "train.loss", loss), "train.epochs", "6")
    epochs = [e for e in train(parse(text), run=tmp_path / "run", data=scan) if e.kind == "epoch"]
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_bfloat16_learns(scan, tmp_path):
    text = edit.set_value(document().text, "train.precision", "bfloat16")
    events = list(train(parse(text), run=tmp_path / "run", data=scan))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert {tensor.dtype for tensor in final(tmp_path / "run").values()} <= {
        torch.float32, torch.int64
    }  # fmt: skip


def test_a_network_may_end_in_softmax(scan, tmp_path):
    list(train(document(), run=tmp_path / "logits", data=scan))
    soft = parse(document().text.replace("conv 3 k1\n", "conv 3 k1\n  - softmax\n"))
    list(train(soft, run=tmp_path / "soft", data=scan))
    assert same(final(tmp_path / "logits"), final(tmp_path / "soft"))
    one, other = (evaluate(tmp_path / name, scan).dice for name in ("logits", "soft"))
    assert np.array_equal(one, other)


def test_without_padding_targets_are_cut_to_where_maps_lie(scan, tmp_path):
    text = "input: 1x16x16x16\n" + document().text.partition("\n")[2].partition("\n")[2]
    net = "net:\n  - conv 4 k3 valid relu\n  - conv 4 k3 valid relu\n  - out: conv 3 k1\n"
    text = text[: text.index("net:")] + net + text[text.index("train:") :]
    plan = prepare(parse(text), scan, "cpu")
    outputs = torch.zeros(1, 3, 12, 12, 12)
    targets = torch.arange(16**3).view(1, 16, 16, 16)
    assert torch.equal(plan.net.aligned(outputs, targets), targets[:, 2:-2, 2:-2, 2:-2])
    *_, finished = train(parse(text), run=tmp_path / "run", data=scan)
    assert 0 <= finished.test_score <= 1
    assert evaluate(tmp_path / "run", scan).n == 26 * 56 * 30


# -- regression --


def test_noise_is_learned_to_be_taken_away(scan, tmp_path):
    """``task: regress`` without ``labels:`` gives the image back."""
    text = (
        "input: 1x16x16x16\ndata:\n  normalize: zscore\n  regions: -y\n"
        "  patches: 16 per-volume 8\naugment: flip x .5, noise .5\nnet:\n  - smooth: conv 1 k3\n"
        "train:\n  task: regress\n  optimizer: adam lr .02\n  epochs: 25\n  batch: 4\n"
    )
    images = [image for image, _ in scan]
    pipeline = parse(text)
    examples = load_examples(pipeline, images)
    noisy, clean = next(examples.batches(4, 0, 1, pipeline.augment))
    noise = float(((noisy - clean) ** 2).mean())
    assert noise == pytest.approx(0.25, rel=0.1)
    events = list(train(pipeline, run=tmp_path / "run", data=images))
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert events[-1].score_name == epochs[0].score_name == "mse"
    assert epochs[-1].train_score < 0.6 * noise
    assert epochs[0].train_accuracy is events[-1].test_accuracy is None
    found = evaluate(tmp_path / "run", images, part="test")
    assert found.mse == pytest.approx(events[-1].test_score)
    assert found.mae**2 <= found.mse
    assert found.psnr > 10


def test_values_of_another_image_are_learned(scan, tmp_path):
    """Twice the image and one: a line that a network of one layer finds."""
    image, _ = scan[0]
    values = (image.array - image.array.mean()) / image.array.std()
    small, wanted = (
        Contents(array, affine=image.affine, units=image.units, axes=image.axes)
        for array in (values, 2 * values + 1)
    )
    text = (
        "input: 1x12x12x12\ndata:\n  regions: -y\n  patches: 12 per-volume 8\nnet:\n  - conv 1 k1\n"
        "train:\n  task: regress\n  optimizer: adam lr .1\n  epochs: 40\n  batch: 4\n"
    )
    *_, finished = train(parse(text), run=tmp_path / "run", data=[(small, wanted)])
    weights = final(tmp_path / "run")
    assert float(weights["conv-1.weight"]) == pytest.approx(2, abs=0.1)
    assert float(weights["conv-1.bias"]) == pytest.approx(1, abs=0.1)
    assert finished.test_score < 0.01


# -- what goes wrong --


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "conv 3 k1",
            "conv 4 k1",
            "ends in 4 maps, and the data have 3 classes; end it with out: ",
        ),
        ("  - up 2\n  - cat c1\n", "", "each value stands for 2 pixels; bring the maps back"),
        ("conv 3 k1\n", "conv 3 k1\n  - gap\n", "ends in 3 values, not in maps"),
        ("conv 3 k1\n", "conv 3 k1\n  - flatten\n  - fc 3\n", "take flatten, fc or gap away"),
        ("conv 3 k1", "conv 3 k2 valid", "they lie half a pixel off; use kernels of odd size"),
        ("task: segment", "task: regress", "ends in 3 maps, and the targets have 1 channel"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(scan, tmp_path, old, new, words):
    pipeline = parse(document().text.replace(old, new), tmp_path / "tissues.yaml")
    data = scan if "segment" in pipeline.text else [pair[0] for pair in scan]
    with pytest.raises(UserError) as raised:
        next(iter(train(pipeline, data=data)))
    assert words in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_other_labels_are_refused_when_a_run_is_resumed(scan, tmp_path):
    from .test_resume import go

    events = train(document(), run=tmp_path / "run", data=scan, snapshot=1)
    go(events, 2)
    events.close()
    image, labels = scan[0]
    other = Contents(
        labels.array[::-1].copy(), affine=labels.affine, units=labels.units, axes=labels.axes
    )
    with pytest.raises(UserError, match="with other data than now"):
        next(iter(train(document(), run=tmp_path / "run", data=[(image, other)], resume=True)))


def test_examples_are_what_the_document_gives(scan):
    assert isinstance(load_examples(document(), scan), Dense)


def test_whole_images_are_measured_together_as_they_are_one_by_one(scan, monkeypatch):
    from napari_convnet.training.tasks import dense

    image, labels = scan[0]
    text = document(input="1x60x34").text.replace("  regions: -y\n", "")
    text = text.replace("  patches: 16 per-volume 6 foreground .5\n", "")
    plan = prepare(parse(text), (image.array, labels.array), "cpu")
    together = plan.net.measure(plan.examples, "train", batch=4)
    monkeypatch.setattr(dense, "_is_example", lambda *_: False)
    single = plan.net.measure(plan.examples, "train")
    assert together.found.sum() == single.found.sum() == 21 * 60 * 34
    assert together.loss == pytest.approx(single.loss, rel=1e-5)
    assert together.score == pytest.approx(single.score, abs=1e-3)


def test_recordings_are_segmented_sample_by_sample(tmp_path):
    t = np.linspace(0, 40, 256)
    waves = np.stack([np.sin(t * (1 + i / 10)) for i in range(12)]).astype(np.float32)
    text = (
        "input: 1x64\ndata:\n  classes: low, high\n  patches: 64 per-volume 4\nnet:\n"
        "  - conv 4 k5 relu\n  - out: conv 2 k1\ntrain:\n  task: segment\n  batch: 4\n  epochs: 4\n"
        "  optimizer: adam lr .02\n"
    )
    data = (waves, (waves > 0).astype(np.int64))
    *_, finished = train(parse(text), run=tmp_path / "run", data=data)
    assert finished.test_score > 0.9
    assert evaluate(tmp_path / "run", data).unit == "samples"
