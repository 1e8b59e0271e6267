"""Evaluate and predict."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from napari_convnet.data import sample_from_array
from napari_convnet.document import parse
from napari_convnet.network import UserError
from napari_convnet.training import Run, evaluate, load, predict, train
from napari_convnet.training.results import Evaluation


@pytest.fixture(scope="module")
def home(tmp_path_factory, few):
    """A folder with a document, and a run of it on few digits."""
    from .conftest import document

    folder = tmp_path_factory.mktemp("home")
    list(train(document(folder / "few.yaml", epochs=20), run=folder / "runs/a", data=few))
    return folder


def test_the_run_and_evaluate_agree(home, few):
    finished = Run(home / "runs/a").metrics()[-1]
    found = evaluate(home / "runs/a", few, part="test")
    assert found.accuracy == finished.test_accuracy
    assert found.loss == pytest.approx(finished.test_loss)
    assert (found.n, found.part, found.trained, found.message) == (40, "test", True, "")


@pytest.mark.parametrize("what", ["folder", "text", "run", "document"])
def test_all_doors_lead_to_the_same_network(home, few, what):
    text = (home / "runs/a/document.yaml").read_text() + "weights: runs/a@best\n"
    source = {
        "folder": home / "runs/a",
        "text": str(home / "runs/a"),
        "run": Run(home / "runs/a"),
        "document": parse(text, home / "few.yaml"),
    }[what]
    expected = evaluate(home / "runs/a", few).confusion
    assert np.array_equal(evaluate(source, few).confusion, expected)


def test_a_documents_file_is_a_source(home, few):
    path = home / "with-weights.yaml"
    path.write_text((home / "runs/a/document.yaml").read_text() + "weights: runs/a\n")
    assert evaluate(path, few).trained


def test_confusion_counts_every_image_once(home, few):
    found = evaluate(home / "runs/a", few)
    assert found.confusion.shape == (10, 10)
    assert found.counts.tolist() == [20] * 10
    assert found.accuracy == found.confusion.trace() / 200
    assert found.part == "all"


def test_a_documents_own_data_are_evaluated_where_they_were_held_out(home):
    found = evaluate(home / "runs/a")
    assert (found.part, found.n) == ("test", 1000)
    assert found.accuracy > 0.6


def test_precision_and_recall():
    found = Evaluation(0.5, 1.0, np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]]), ("a", "b", "c"))
    assert found.precision[:2].tolist() == found.recall[:2].tolist() == [0.5, 0.5]
    assert np.isnan([found.precision[2], found.recall[2]]).all()
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["recall"] == [0.5, 0.5, None]
    assert "accuracy 50.00%, loss 1.0000, 4 images" in str(found)


def test_random_weights_are_said_to_be_random(document, few):
    found = evaluate(document(), few)
    assert not found.trained
    assert found.message == "these weights are random: train the network first"
    prediction = predict(document(), few.sample(0))
    assert not prediction.trained
    assert "train the network first" in str(prediction)


def test_what_evaluate_cannot_do_is_told(home, few, document):
    with pytest.raises(UserError, match='no part "exam"; ask for'):
        evaluate(home / "runs/a", few, part="exam")
    with pytest.raises(UserError, match="there is no run"):
        evaluate(home / "runs/b", few)
    with pytest.raises(UserError, match="the validation part has no images"):
        evaluate(document(split="80/20"), few, part="validation")
    with pytest.raises(UserError, match="and the data have 2 classes"):
        evaluate(home / "runs/a", (few.images[:2, 0], ["cat", "dog"]))


def test_predict_knows_its_digits(home, few):
    loaded = load(home / "runs/a")
    images = np.asarray(few.images)[:, 0]
    found = [predict(loaded, image).best for image in images[::10]]
    assert np.mean([int(name) for name in found] == few.targets[::10]) > 0.6


def test_a_prediction_is_that_of_the_module_by_hand(home, few):
    run = Run(home / "runs/a")
    found = predict(run, sample_from_array(few.images[3, 0], (1, 28, 28), name="a zero"))
    model = load(run).model.eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(few.take([3]))).softmax(1)[0].double().numpy()
    assert found.name == "a zero"
    assert np.array_equal(found.probabilities, expected)
    assert found.ranked()[0] == (found.best, found.probability)
    assert sum(p for _, p in found.ranked()) == pytest.approx(1)
    assert json.loads(json.dumps(found.as_dict()))["best"] == found.best


def test_a_module_in_training_keeps_its_mode_and_random_numbers(document, few):
    model = document().build()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = predict(model, few.take([0])[0]), predict(model, few.take([0])[0])
    assert model.training
    assert np.array_equal(first.probabilities, second.probabilities), "dropout is off"
    assert torch.equal(torch.rand(1), expected)


def test_any_module_predicts(few):
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 3), nn.Softmax(1))
    found = predict(module, few.take([0])[0])
    assert found.classes == ("0", "1", "2")
    with torch.no_grad():
        own = module(torch.from_numpy(few.take([0])))[0]
    assert found.probabilities == pytest.approx(own.numpy())


def test_classes_have_their_names_everywhere(few, tmp_path):
    text = "input: 1x28x28\nnet:\n  - conv 2 k5 s4\n  - flatten\n  - fc 2\ntrain:\n  epochs: 1\n"
    labels = ["round" if target in (0, 6, 8, 9) else "straight" for target in few.targets]
    list(train(parse(text), run=tmp_path / "run", data=(few.images[:, 0], labels)))
    assert predict(tmp_path / "run", few.images[0, 0]).classes == ("round", "straight")
    weighted = parse(text + "weights: run@last\n", tmp_path / "doc.yaml")
    assert predict(weighted, few.images[0, 0]).classes == ("round", "straight")


def test_what_predict_cannot_do_is_told(home, document, few):
    with pytest.raises(UserError, match="28x28"):
        predict(home / "runs/a", np.zeros((30, 31)))
    with pytest.raises(UserError, match="NaN"):
        predict(home / "runs/a", np.full((28, 28), np.nan))
    with pytest.raises(UserError, match="ends in maps of 3x28x28"):
        predict(nn.Conv2d(1, 3, 3, padding=1), few.take([0])[0])
    with pytest.raises(UserError, match="labels is for networks that end in maps"):
        predict(document().build(), few.images[0, 0], labels=1)
    with pytest.raises(UserError, match="labels is for networks that end in maps"):
        predict(home / "runs/a", few.images[0, 0], labels=1)


def test_weights_of_another_network_are_told(home, document, few):
    import shutil

    broken = home / "runs/broken"
    shutil.copytree(home / "runs/a", broken)
    text = (broken / "document.yaml").read_text()
    (broken / "document.yaml").write_text(text.replace("conv 4", "conv 8"))
    with pytest.raises(UserError, match=r"best\.safetensors does not fit the run's document"):
        evaluate(broken, few)
    (broken / "checkpoints/best.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UserError, match="no weights file"):
        evaluate(broken, few)
