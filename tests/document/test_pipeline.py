"""Right documents: what they say, the settings' lines, the presets."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_convnet.document import (
    Data,
    Optimizer,
    Sections,
    Setting,
    Train,
    draft,
    parse,
    parse_list,
    parse_setting,
)
from napari_convnet.document.settings import parse_sum

NET = "input: 1x28x28\nnet:\n  - c1: conv 8\n"


def test_a_full_document():
    pipeline = parse(
        "title: Cats  # and dogs\n"
        "input: 3x64x?\n"
        "data:\n"
        "  images: animals/\n"
        "  labels: animals.csv\n"
        "  classes: [cat, dog]\n"
        "  normalize: percentile .5 99.5\n"
        "  split: 60/20/20\n"
        "  fit: crop 64x64\n"
        "  unlabelled: -1\n"
        "augment: flip x .5, rotate 15, noise .05\n"
        "net:\n"
        "  - c1: conv 4 nobias\n"
        "    w: [sobel_x, sobel_y, gauss, gauss]\n"
        "    freeze: true\n"
        "    note: edges\n"
        "  - c2: conv 2 k1\n"
        "    b: 1 -1\n"
        "weights: runs/cats@best\n"
        "train:\n"
        "  task: classify\n"
        "  loss: cross-entropy\n"
        "  optimizer: sgd lr .1 momentum .5\n"
        "  schedule: one-cycle\n"
        "  epochs: 60\n"
        "  batch: 32\n"
        "  precision: bfloat16\n"
        "  seed: 7\n"
        "show: c1, C2\n"
    )
    assert pipeline.title == "Cats"
    assert pipeline.input == (3, 64, None)
    assert pipeline.data == Data(
        images="animals/",
        labels="animals.csv",
        classes=("cat", "dog"),
        normalize=Setting("percentile", (0.5, 99.5)),
        split=(0.6, 0.2, 0.2),
        fit=Setting("crop", (64.0, 64.0)),
        unlabelled=-1,
    )
    assert pipeline.augment == (
        Setting("flip", (), (("x", 0.5),)),
        Setting("rotate", (15.0,)),
        Setting("noise", (0.05,)),
    )
    assert pipeline.train == Train(
        task="classify",
        loss=("cross-entropy",),
        optimizer=Optimizer(name="sgd", lr=0.1, momentum=0.5, decay=0.0),
        schedule="one-cycle",
        epochs=60,
        batch=32,
        precision="bfloat16",
        seed=7,
    )
    assert (pipeline.weights, pipeline.show) == ("runs/cats@best", ("c1", "C2"))
    extras = pipeline.network["c1"].extras
    assert extras.w == ("sobel_x", "sobel_y", "gauss", "gauss")
    assert (extras.freeze, extras.note) == (True, "edges")
    assert pipeline.network["c2"].extras.b == (1.0, -1.0)


def test_what_is_left_out_has_a_default():
    pipeline = parse(NET)
    assert (pipeline.title, pipeline.path, pipeline.data) == ("untitled", None, None)
    assert (pipeline.augment, pipeline.weights, pipeline.show) == ((), "", ())
    assert pipeline.folder == Path.cwd()
    train = pipeline.train
    assert (train.task, train.loss, train.schedule) == ("classify", ("cross-entropy",), "constant")
    assert (train.epochs, train.batch, train.precision, train.seed) == (10, 64, "auto", 0)
    assert str(train.optimizer) == "adam lr 0.001 decay 0"


@pytest.mark.parametrize("empty", ["", "~", "null", "  # nothing"])
def test_a_key_without_a_value_is_as_if_it_were_not_there(empty):
    text = NET + f"title: {empty}\ndata:\n  split: {empty}\n  source: digits\ntrain: {empty}\n"
    pipeline = parse(text + f"show: {empty}\naugment: {empty}\n")
    assert (pipeline.title, pipeline.show, pipeline.augment) == ("untitled", (), ())
    assert pipeline.data == Data(source="digits")
    assert pipeline.train == Train()


@pytest.mark.parametrize(
    ("split", "parts"),
    [("80/20", (0.8, 0.0, 0.2)), ("70/15/15", (0.7, 0.15, 0.15)), ("100/0", (1.0, 0.0, 0.0))],
)
def test_splits(split, parts):
    assert parse(NET + f"data:\n  split: {split}\n").data.split == parts


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("[a, b]", ("a", "b")),
        ("a, b", ("a", "b")),
        ("a", ("a",)),
        ("\n    - a\n    - b", ("a", "b")),
    ],
)
def test_lists_of_names(value, names):
    assert parse(NET + f"data:\n  classes: {value}\n").data.classes == names


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("flip", Setting("flip")),
        ("rotate 15", Setting("rotate", (15.0,))),
        ("adamw lr 3e-4", Setting("adamw", (), (("lr", 0.0003),))),
        ("window -160 240", Setting("window", (-160.0, 240.0))),
        ("crop 32x24", Setting("crop", (32.0, 24.0))),
        (
            "patches 96 per-volume 4 foreground .5",
            Setting("patches", (96.0,), (("per-volume", 4.0), ("foreground", 0.5))),
        ),
    ],
)
def test_settings(text, setting):
    assert parse_setting(f" {text}  ") == setting
    assert parse_setting(str(setting)) == setting


def test_lists_and_sums_of_settings():
    assert [one.word for one in parse_list("flip, rotate 15,")] == ["flip", "rotate"]
    assert [one.word for one in parse_list(["flip", "rotate 15"])] == ["flip", "rotate"]
    assert parse_list("none") == ()
    assert [one.word for one in parse_sum("dice + cross-entropy")] == ["dice", "cross-entropy"]
    assert parse_setting("adam lr .5").get("lr", 1.0) == 0.5
    assert parse_setting("adam").get("lr", 1.0) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing stands here; write a word, or delete the key"),
        ("15", 'cannot read "15"; begin with a word, not with a number'),
        ("a b c", 'cannot read "c" in "a b c"; write a number'),
        ("a b", '"b" in "a b" lacks its number; write it behind'),
        ("a 1e999", '"1e999" is too large; write a smaller number'),
        ("a ½", 'cannot read "½" in "a ½"; write a number'),
    ],
)
def test_wrong_settings(text, message):
    with pytest.raises(ValueError) as caught:
        parse_setting(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sgd", "sgd lr 0.01 momentum 0.9 decay 0"),
        ("adam", "adam lr 0.001 decay 0"),
        ("adamw lr 3e-4", "adamw lr 0.0003 decay 0.01"),
    ],
)
def test_optimizers(text, told):
    assert str(parse(NET + f"train:\n  optimizer: {text}\n").train.optimizer) == told


def test_sections_are_values_that_do_not_change():
    train = Train()
    with pytest.raises(ValidationError):
        train.epochs = 3
    assert hash(parse(NET).network.layers[0].name)


def test_editors_get_a_schema():
    schema = Sections.model_json_schema()
    assert set(schema["properties"]) >= {"title", "input", "data", "train", "show"}


def test_layers_behind_a_draft_stay_readable():
    pipeline = draft(NET + "  - relux\n  - max 2\n")
    assert [row.text for row in pipeline.rows] == ["c1: conv 8", "relux", "max 2"]
    assert [len(row.problems) for row in pipeline.rows] == [0, 1, 0]
    assert [len(row.layers) for row in pipeline.rows] == [1, 0, 0]


def test_a_problem_belongs_to_its_row_alone():
    pipeline = draft("input: 1x8x8\nnet: [conv 8, rellu, 'max 2']\n")
    assert [len(row.problems) for row in pipeline.rows] == [0, 1, 0]
    nested = draft("input: 1x8x8\nnet:\n  - g:\n      - conv 8\n      - rellu\n  - G: max\n")
    assert [(row.text, len(row.problems)) for row in nested.rows] == [
        ("g:", 0),
        ("conv 8", 0),
        ("rellu", 1),
        ("G: max", 1),
    ]


def test_rows_that_cannot_be_read_keep_their_text():
    pipeline = draft("input: 1x8x8\nnet:\n  - cat: conv 8\n  - x3: relu\n  - c1:\n  - conv: 8\n")
    assert [row.text for row in pipeline.rows] == ["cat: conv 8", "x3: relu", "c1:", "conv: 8"]


def test_a_row_over_several_lines_is_pointed_at_as_a_whole():
    pipeline = draft("input: 1x8x8\nnet:\n  - conv 8\n    rellu\n  - |\n    conv 8\n    maxx\n")
    places = [(p.place.line, p.place.end_line) for p in pipeline.problems]
    assert [row.text for row in pipeline.rows] == ["conv 8 rellu", "conv 8 maxx"]
    assert places[0] == (3, 4)
    assert places[1][0] == 5
