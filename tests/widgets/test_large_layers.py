"""Layers that are large: what is read of them, on which thread, and at which moment."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_convnet import training
from napari_convnet.data import head, read_contents
from napari_convnet.document import read
from napari_convnet.engine.messages import Crashed
from napari_convnet.network import UserError
from napari_convnet.training.predicting import files
from napari_convnet.training.predicting.results import Segmentation
from napari_convnet.viewer import comparing, layer_data, reading, saving
from napari_convnet.viewer.status import PredictionStatus

VOLUMES = "input: 1x32x32x32\nnet:\n  - c1: conv 4 k3 relu\n  - out: conv 3 k1\n"


class Told:
    """An array that tells which threads read how many of its values at once."""

    def __init__(self, array):
        self.array, self.reads = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.size, self.nbytes = array.size, array.nbytes

    def __getitem__(self, key):
        found = self.array[key]
        self.reads.append((threading.current_thread(), found.size))
        return found

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)

    def most_read(self, window):
        """The most values read at once on the window's thread, or on any other."""
        sizes = (n for thread, n in self.reads if (thread is threading.main_thread()) == window)
        return max(sizes, default=0)


@pytest.fixture
def pair(session, viewer, tmp_path, monkeypatch):
    """A piece of the head and its tissues, numbered from 1, each in an array that tells."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reading, "PIECE", 4 * 30 * 28)
    image, tissues = (np.asarray(one.array[60:84, 80:110, 70:98]) for one in head())
    session.set_text(VOLUMES)
    scan = viewer.add_image(Told(image), name="scan", contrast_limits=(0, 500))
    labels = viewer.add_labels(Told(tissues.astype(np.uint8) + 1), name="right")
    for layer in (scan, labels):
        layer.data.reads.clear()
    return scan, labels


def jobs(session, name):
    workers = [worker for worker in (session._eye, session._trainer) if worker is not None]
    return [job for worker in workers for job in worker.jobs if job.name == name]


def test_the_window_reads_no_more_than_slices(session, pair, tmp_path, qtbot):
    scan, labels = pair
    session.learn_from_layers(pair)
    assert session.pipeline.data.classes == ("class 1", "class 2")
    # Further classes are counted meanwhile, and the document follows.
    most = int(labels.data.array.max())
    qtbot.waitUntil(lambda: len(session.pipeline.data.classes) == most)
    session.save(tmp_path / "net.yaml")
    qtbot.waitUntil(lambda: bool(jobs(session, "write_layers")))
    session._stamps.clear()
    session.preview_patches()
    session.train()
    assert session.training.state == "starting"
    qtbot.waitUntil(lambda: bool(jobs(session, "patches") and jobs(session, "train")))
    for job in (jobs(session, "train")[0], jobs(session, "write_layers")[0]):
        image, painted = job.arguments["files"]
        np.testing.assert_array_equal(image.array, scan.data.array)
        np.testing.assert_array_equal(painted.array, labels.data.array)
    for layer in pair:
        assert layer.data.most_read(window=True) <= 30 * 28
        assert layer.data.most_read(window=False) > 30 * 28


def test_a_saved_document_names_all_that_was_painted(session, pair, tmp_path, qtbot):
    scan, _ = pair
    painted = session.new_labels(scan)
    session.learn_from_layers((scan, painted))
    painted.data[3:5, 4:9, 4:9] = 4
    session.save(tmp_path / "net.yaml")
    qtbot.waitUntil(lambda: bool(jobs(session, "write_layers")))
    assert not session.modified
    assert "class 4" in (tmp_path / "net.yaml").read_text()


# -- closing before all is saved --


def on_disk(path):
    """The labels that a saved document names."""
    data = read(path).data
    return np.asarray(read_contents(path.parent / data.labels).array)


@pytest.mark.parametrize("asked", [False, True])
def test_what_was_saved_is_whole_when_the_window_has_gone(session, pair, tmp_path, qtbot, asked):
    scan, _ = pair
    painted = session.new_labels(scan)
    session.learn_from_layers((scan, painted))
    painted.data[3:5, 4:9, 4:9] = 4
    session.save(tmp_path / "net.yaml")
    if asked:  # The job waits for another one.
        qtbot.waitUntil(lambda: bool(jobs(session, "write_layers")))
    session.viewer.layers.clear()  # as napari does first
    session.close()
    np.testing.assert_array_equal(on_disk(tmp_path / "net.yaml"), painted.data)
    assert read(tmp_path / "net.yaml").data.classes[-1] == "class 4"
    names = sorted(path.name for path in (tmp_path / "net.layers").iterdir())
    assert names == ["scan_image.nii.gz", "scan_labels.nii.gz"]


@pytest.mark.parametrize("copied", [False, True])
def test_a_prediction_is_whole_when_the_window_has_gone(
    session, pair, predicted, tmp_path, monkeypatch, qtbot, copied
):
    """Whether it was being written already, or not even copied; once at most."""
    writes, go = [], threading.Event()
    write = files.save_prediction

    def noted(result, path, **options):
        writes.append(path)
        assert go.wait(30)
        return write(result, path, **options)

    monkeypatch.setattr(training, "save_prediction", noted)
    session._predicted_over = (session.source(), "scan")
    session._show_prediction(predicted, predicted.labels.copy())
    session.prediction_layer().data[3, 4, 5] = 2  # mended by hand
    session.save_prediction(tmp_path / "out.npy")
    if copied:
        qtbot.waitUntil(lambda: bool(writes))
    threading.Timer(0.1, go.set).start()
    session.close()
    assert writes == [tmp_path / "out.npy"]
    assert np.load(tmp_path / "out.npy")[3, 4, 5] == 2


def test_what_cannot_be_saved_at_the_end_is_told(session, pair, tmp_path, caplog):
    session.learn_from_layers(pair)
    session.save(tmp_path / "net.yaml")
    (tmp_path / "net.layers").write_text("no folder")
    session.close()
    assert "net.yaml with its layers is not saved: " in caplog.text


def test_a_disk_that_does_not_answer_keeps_nobody(caplog):
    answer = threading.Event()
    saving.finish([saving.Save("net.yaml", answer.wait)], 0.01)
    answer.set()
    assert "net.yaml is not saved: it was not done after 0.01 seconds" in caplog.text


def test_a_save_that_failed_is_made_again(session, pair, tmp_path, qtbot):
    session.learn_from_layers(pair)
    session.save(tmp_path / "net.yaml")
    qtbot.waitUntil(lambda: bool(jobs(session, "write_layers")))
    for file in jobs(session, "write_layers")[0].arguments["files"]:
        file.write()
    index = session._eye.jobs.index(jobs(session, "write_layers")[0])
    session._eye.options[index]["on_error"](Crashed("the disk is full"))
    # It is told on the window's thread, a moment later.
    qtbot.waitUntil(lambda: not session._saves)
    session.save()
    qtbot.waitUntil(lambda: len(jobs(session, "write_layers")) > 1)


# -- painting while it is read --


@pytest.fixture
def slow(session, viewer, tmp_path, monkeypatch):
    """Labels to paint, of which a thread has copied half when it is asked to go on."""
    monkeypatch.chdir(tmp_path)
    session.set_text(VOLUMES)
    scan = viewer.add_image(np.asarray(head()[0].array[60:84, 80:110, 70:98]), name="scan")
    labels = session.new_labels(scan)
    labels.paint((2, 3, 4), 1)
    session.learn_from_layers((scan, labels))
    found = SimpleNamespace(labels=labels, half=threading.Event(), go=threading.Event(), copies=0)
    copied = layer_data.copied

    def by_halves(values, token, room=None):
        found.copies += 1
        if found.copies > 1:
            return copied(values, token, room)
        room = copied(values, token)
        found.half.set()
        found.go.wait(30)
        token.check()
        room[12:] = values[12:]
        return room

    monkeypatch.setattr(layer_data, "copied", by_halves)
    yield found
    found.go.set()


def stroke(labels):
    """Paint from the first half of the volume into the second."""
    with labels.block_history():
        for z in range(8, 16):
            labels.paint((z, 9, 9), 2)


@pytest.mark.parametrize("change", [stroke, lambda labels: labels.undo()])
def test_what_is_painted_meanwhile_is_there_as_a_whole(session, slow, qtbot, change):
    if change is not stroke:
        stroke(slow.labels)
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    change(slow.labels)
    slow.go.set()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    assert slow.copies == 2
    (job,) = jobs(session, "train")
    np.testing.assert_array_equal(job.arguments["files"][1].array, slow.labels.data)
    assert (slow.labels.data == 2).any() == (change is stroke)
    assert ("class 2" in job.arguments["text"]) or change is not stroke


def test_a_stroke_under_way_is_waited_for(session, slow, qtbot, monkeypatch):
    slow.go.set()
    labels = slow.labels
    labels._begin_stroke()
    labels.paint((9, 9, 9), 2)
    session.train()
    qtbot.waitUntil(lambda: slow.copies > 1)
    assert not jobs(session, "train")
    labels._abort_stroke()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    assert not (jobs(session, "train")[0].arguments["files"][1].array == 2).any()


def test_looking_at_other_slices_is_no_change(session, viewer, slow, qtbot):
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    viewer.dims.set_current_step(0, 3)
    slow.labels.refresh()
    slow.go.set()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    assert slow.copies == 1


def test_a_training_may_be_stopped_before_its_layers_are_taken(session, slow, qtbot):
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    session.stop()
    slow.go.set()
    qtbot.waitUntil(lambda: session.training.state == "stopped")
    assert not jobs(session, "train")
    session.train()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))


def test_cutting_patches_may_be_given_up_before(session, slow, qtbot):
    session.preview_patches()
    qtbot.waitUntil(slow.half.is_set)
    assert session.previewing
    session.cancel_preview()
    slow.go.set()
    qtbot.waitUntil(lambda: not session.previewing)
    assert not jobs(session, "patches")


def test_a_document_that_learns_from_something_else_meanwhile(session, slow, qtbot):
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    session.set_source("head")
    slow.go.set()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    (job,) = jobs(session, "train")
    assert not job.arguments["files"]
    assert "source: head" in job.arguments["text"]


@pytest.mark.parametrize("side", [0, 1])
def test_a_layer_may_be_given_another_array_meanwhile(session, viewer, slow, qtbot, side):
    layer = (viewer.layers["scan"], slow.labels)[side]
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    layer.data = np.roll(layer.data, 1)
    slow.go.set()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    (job,) = jobs(session, "train")
    np.testing.assert_array_equal(job.arguments["files"][side].array, layer.data)


def test_what_was_saved_of_an_array_that_has_gone_is_written_anew(session, slow, tmp_path, qtbot):
    session.save(tmp_path / "net.yaml")
    qtbot.waitUntil(slow.half.is_set)
    slow.labels.data = np.roll(slow.labels.data, 1)
    slow.go.set()
    qtbot.waitUntil(lambda: bool(jobs(session, "write_layers")))
    for file in jobs(session, "write_layers")[0].arguments["files"]:
        file.write()
    session.train()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    (file,) = jobs(session, "train")[0].arguments["files"]
    np.testing.assert_array_equal(file.array, slow.labels.data)


def test_a_document_that_the_layers_do_not_suit_any_more(session, slow, qtbot):
    told = []
    session.message.connect(lambda message: told.append(message.text))
    session.preview_patches()
    qtbot.waitUntil(slow.half.is_set)
    session.set_text(session.text.replace("input: 1x32", "input: 3x32"))
    slow.go.set()
    qtbot.waitUntil(lambda: not session.previewing)
    assert any("wants 3 channels" in text for text in told)


def test_a_viewer_may_be_closed_meanwhile(session, slow, qtbot):
    session.train()
    qtbot.waitUntil(slow.half.is_set)
    (thread,) = [one for one in threading.enumerate() if one.name == "napari-convnet aside"]
    session.close()
    slow.go.set()
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert not jobs(session, "train")


def test_what_goes_wrong_is_said(session, slow, qtbot, monkeypatch):
    told = []
    session.message.connect(lambda message: told.append((message.level, message.text)))

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(layer_data, "copied", full)
    session.train()
    qtbot.waitUntil(lambda: session.training.state == "failed")
    assert ("error", "MemoryError") in told


# -- comparing --


@pytest.fixture
def predicted(session, pair):
    """A prediction that is right but for one voxel."""
    _, labels = pair
    array = labels.data.array.copy()
    array[0, 0, 0] = 3 - min(array[0, 0, 0], 2)
    classes = tuple(f"tissue {n}" for n in range(int(labels.data.array.max())))
    voxels = np.bincount(array.ravel(), minlength=len(classes) + 1)[1:]
    found = Segmentation(
        array, np.eye(4), ("pixel",) * 3, ("z", "y", "x"), classes, voxels, 1, name="scan"
    )
    session.prediction = found
    return found


def test_labels_are_compared_in_a_thread(session, pair, predicted, qtbot, monkeypatch):
    monkeypatch.setattr(comparing, "TOGETHER", 1000)
    _, labels = pair
    session.compare_prediction(labels)
    qtbot.waitUntil(lambda: session.prediction.confusion is not None)
    counts = session.prediction.confusion
    assert counts.sum() == labels.data.size
    assert counts.sum() - np.trace(counts) == 1
    assert labels.data.most_read(window=True) <= 30 * 28


def test_the_mean_that_is_told_is_that_of_the_table(session, pair, predicted, qtbot):
    told = []
    session.message.connect(lambda message: told.append(message.text))
    _, labels = pair
    # Of the first class nothing is right: painted from 1, it enters the mean.
    session.prediction = replace(
        predicted, labels=np.where(predicted.labels == 1, 2, predicted.labels)
    )
    session.compare_prediction(labels)
    qtbot.waitUntil(lambda: session.prediction.confusion is not None)
    assert session.prediction.mean_dice < 0.9
    assert told[-1] == f"compared with right: mean Dice {session.prediction.mean_dice:.3f}"


def test_labels_of_no_class_are_refused(session, pair, predicted, qtbot):
    told = []
    session.message.connect(lambda message: told.append(message.text))
    _, labels = pair
    labels.data.array[5, :2, :3] = 77
    labels.data.array[6, 0, 0] = 0  # not painted
    session.compare_prediction(labels)
    qtbot.waitUntil(lambda: "77 (6 voxels)" in told[-1])
    assert "the classes of the prediction are 1 tissue 0, 2 tissue 1" in told[-1]
    assert "right" in told[-1]
    assert session.prediction.confusion is None


def test_comparing_asks_for_a_segmentation_in_the_same_place(session, pair, predicted):
    _, labels = pair
    labels.translate = (0, 0, 5)
    with pytest.raises(UserError, match="same place"):
        session.compare_prediction(labels)
    session.prediction = None
    with pytest.raises(UserError, match="predict first"):
        session.compare_prediction(labels)


# -- predictions --


def test_a_prediction_gets_labels_of_its_own_in_a_thread(session, predicted, qtbot):
    said = Told(predicted.labels)
    session._predicted_over = (session.source(), "scan")
    session._predicted_voxels(replace(predicted, labels=said))
    qtbot.waitUntil(lambda: session.prediction_layer() is not None)
    layer = session.prediction_layer()
    np.testing.assert_array_equal(layer.data, said.array)
    layer.paint((3, 4, 5), 9)
    assert 9 not in said.array
    assert said.most_read(window=True) == 0


def test_a_prediction_may_be_given_up_until_it_is_shown(session, predicted, qtbot):
    session._predicted_over = (session.source(), "scan")
    session._set_predicting(PredictionStatus("running"))
    session._predicted_voxels(predicted)
    session.cancel_prediction()
    qtbot.waitUntil(lambda: session.predicting.state == "cancelled")
    assert session.prediction_layer() is None


def test_the_window_does_not_wait_for_a_process_to_end(session, slow, qtbot):
    slow.go.set()
    session.train()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    closed = []
    session._trainer.close = lambda timeout: closed.append(threading.current_thread())
    session._training_ended(None)
    assert session._trainer is None
    qtbot.waitUntil(lambda: bool(closed))
    assert closed[0] is not threading.main_thread()


# -- slices as channels --


def test_neighbouring_slices_that_are_there_are_channels(
    session, viewer, tmp_path, monkeypatch, qtbot
):
    monkeypatch.chdir(tmp_path)
    session.set_text("input: 5zx30x28\nnet:\n  - out: conv 2 k3\n")
    slab = np.asarray(head()[0].array[60:65, 80:110, 70:98])
    image = viewer.add_image(slab, name="slab")
    assert session.source().sample.array.shape == (5, 30, 28)
    labels = session.new_labels(image)
    assert labels.data.shape == (30, 28)
    labels.paint((9, 9), 1)
    session.learn_from_layers((image, labels))
    assert session.pipeline.data.images == "untitled.layers/slab_image.npy"
    session.train()
    qtbot.waitUntil(lambda: bool(jobs(session, "train")))
    files = jobs(session, "train")[0].arguments["files"]
    np.testing.assert_array_equal(files[0].array, slab)
    # One that names its slices is a volume, however many it has.
    image.axis_labels = ("z", "y", "x")
    session._data_changed()
    assert session.source().sample.array.shape == (1, 5, 30, 28)


def test_what_was_a_stack_is_sent_anew_as_channels(session, viewer, monkeypatch):
    sent = []
    monkeypatch.setattr(session._eye, "put", lambda key, array: sent.append(array.shape))
    session.set_text("input: 1x30x28\nnet:\n  - out: conv 2 k3\n")
    viewer.add_image(np.asarray(head()[0].array[60:65, 80:110, 70:98]), name="slab")
    viewer.dims.set_current_step(0, 2)
    assert sent[-1] == (1, 30, 28)
    # The channels lie over all slices, their middle where the one slice was.
    session.set_text("input: 5zx30x28\nnet:\n  - out: conv 2 k3\n")
    assert sent[-1] == (5, 30, 28)
