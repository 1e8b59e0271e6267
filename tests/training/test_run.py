import getpass
import json
import platform
from pathlib import Path

import pytest

from napari_convnet.document import parse
from napari_convnet.network import UserError
from napari_convnet.training import (
    Epoch,
    Finished,
    Run,
    Snapshot,
    Started,
    Step,
    new_run,
    train,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, few):
    """A run that came to its end."""
    from .conftest import document

    folder = tmp_path_factory.mktemp("home")
    list(train(document(folder / "few.yaml"), data=few))
    return Run(folder / "runs/few-digits-001")


# -- names --


def test_new_runs_are_numbered(tmp_path):
    folder = tmp_path / "runs"
    names = [new_run(folder, "LeNet for handwritten digits").name for _ in range(2)]
    assert names == ["lenet-for-handwritten-digits-001", "lenet-for-handwritten-digits-002"]
    (folder / "lenet-for-handwritten-digits-041").mkdir()
    assert new_run(folder, "LeNet for handwritten digits").name[-3:] == "042"
    assert all(path.is_dir() for path in folder.iterdir())


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("", "run-001"),
        ("../../etc/passwd", "etc-passwd-001"),
        ("Überblick: Maße", "uberblick-mae-001"),
        ("数字", "run-001"),
        ("x" * 300, "x" * 40 + "-001"),
        ("CON", "con-001"),
    ],
)
def test_any_title_makes_a_name(tmp_path, title, name):
    assert new_run(tmp_path, title).name == name


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make a run in"):
        new_run(tmp_path / "file", "LeNet")


# -- what lies in it --


def test_the_files_of_a_run(run):
    found = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*")}
    assert found == {
        "document.yaml",
        "environment.json",
        "metrics.jsonl",
        "checkpoints",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "checkpoints/last.state",
    }


def test_the_document_is_kept_as_it_was_run(run, document):
    assert (run.path / "document.yaml").read_text() == document().text
    assert run.pipeline.text == document().text
    assert run.pipeline.folder == run.path.parent.parent
    assert run.pipeline.path.name == "few.yaml"


def test_files_named_in_the_document_are_found_from_the_run(document, few, tmp_path):
    import numpy as np

    np.save(tmp_path / "images.npy", few.images[:, 0])
    (tmp_path / "labels.txt").write_text("\n".join(map(str, few.targets)))
    text = document(epochs=1).text.replace(
        "source: digits", "images: images.npy\n  labels: labels.txt"
    )
    list(train(parse(text, tmp_path / "few.yaml"), run=tmp_path / "deep/er/run"))
    from napari_convnet.training import evaluate

    assert evaluate(tmp_path / "deep/er/run").n == 40


def test_a_run_gives_its_document_with_its_weights(run):
    assert run.trained.title == run.pipeline.title
    assert set(run.trained.build().origins.values()) == {"loaded"}


def test_the_environment_names_versions_and_nobody(run):
    import torch

    found = run.environment
    assert found["torch"] == torch.__version__
    assert found["device"]
    assert (found["seed"], found["classes"]) == (1, list("0123456789"))
    text = (run.path / "environment.json").read_text()
    assert str(run.path.parent) not in text
    assert platform.node() not in text
    assert getpass.getuser() not in text


def test_metrics_are_json_lines_of_steps_and_epochs(run):
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == (
        ["started", *["step"] * 4, "epoch", *["step"] * 4, "epoch", "finished"]
    )
    assert lines[1].keys() == {"event", "step", "epoch", "loss", "lr", "seconds"}


def test_metrics_come_back_as_events(run):
    events = run.metrics()
    assert [type(event) for event in events] == [
        Started, *[Step] * 4, Epoch, *[Step] * 4, Epoch, Finished
    ]  # fmt: skip
    assert events[0].run == run.path
    assert run.finished


def test_metrics_can_be_read_while_they_are_written(document, few, tmp_path):
    events = train(document(), run=tmp_path / "run", data=few)
    while not isinstance(next(events), Epoch):
        pass
    run = Run(tmp_path / "run")
    assert [event.step for event in run.metrics() if isinstance(event, Step)] == [1, 2, 3, 4]
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "step", "step": 5, "ep')
    assert run.metrics()[-1].step == 4
    assert not run.finished
    events.close()


def test_weights_are_found(run, document):
    assert run.weights().name == "best.safetensors"
    assert run.weights("last") == run.path / "checkpoints/last.safetensors"
    with pytest.raises(UserError, match='no "worst" weights; ask for best or last'):
        run.weights("worst")


def test_weights_of_a_training_that_began_just_now_are_the_last(document, few, tmp_path):
    events = train(document(), run=tmp_path / "run", data=few)
    while not isinstance(next(events), Snapshot):
        pass
    assert Run(tmp_path / "run").weights("best").name == "last.safetensors"
    events.close()


def test_weights_say_what_they_are(run):
    from napari_convnet.model import read_metadata

    found = read_metadata(run.weights("last"))
    assert found["step"] == "8"
    assert json.loads(found["classes"]) == list("0123456789")


def test_a_document_uses_the_weights_of_a_run(run, document):
    text = document().text + "weights: runs/few-digits-001\n"
    model = parse(text, run.path.parent.parent / "few.yaml").build()
    assert set(model.origins.values()) == {"loaded"}


# -- what is no run --


def test_what_is_no_run_is_told(tmp_path):
    with pytest.raises(UserError, match="there is no run"):
        Run(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a run; give the run's folder"):
        Run(tmp_path / "file")
    with pytest.raises(UserError, match=r"is not a run: it has no document\.yaml"):
        Run(tmp_path)


def test_what_is_broken_in_a_run_is_told_when_it_is_needed(tmp_path):
    (tmp_path / "document.yaml").write_text("input: 1x28x28\nnet:\n  - rellu\n")
    (tmp_path / "environment.json").write_text("{")
    run = Run(tmp_path)
    assert (run.environment, run.classes, run.metrics(), run.finished) == ({}, (), (), False)
    with pytest.raises(UserError, match="did you mean relu"):
        _ = run.pipeline
    with pytest.raises(UserError, match="has no weights yet; train it first"):
        run.weights()


def test_a_run_is_not_written_over(run, document, few):
    with pytest.raises(UserError, match="holds a run already; give a new folder, or resume"):
        next(iter(train(document(), run=run.path, data=few)))


def test_other_files_are_not_written_over(document, few, tmp_path):
    (tmp_path / "thesis.docx").write_text("all of it")
    with pytest.raises(UserError, match="holds something else already"):
        next(iter(train(document(), run=tmp_path, data=few)))
    with pytest.raises(UserError, match="holds something else already"):
        next(iter(train(document(), run=tmp_path / "thesis.docx", data=few)))


def test_a_folder_that_cannot_be_written_is_told(document, few, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        next(iter(train(document(), run=tmp_path / "file" / "run", data=few)))


def test_a_run_is_a_path(run):
    assert Path(run) == run.path
    assert str(run) == str(run.path)
