"""Learning from open layers: what the document says, and the files that make it true."""

import numpy as np
import pytest

from napari_convnet._reader import layers
from napari_convnet.data import head, read_contents, write_nifti
from napari_convnet.document import draft
from napari_convnet.network import UserError

VOLUMES = "input: 1x32x32x32\nnet:\n  - c1: conv 4 k3 relu\n  - out: conv 3 k1\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scan():
    """A corner of the head, an oblique place for it, and its tissues there."""
    image, tissues = (one.array[60:84, 80:110, 70:98] for one in head())
    affine = np.array([[0, 2.0, 0, 5], [0.1, 0, 1.0, 6], [-3.0, 0, 0.03, 7], [0, 0, 0, 1]])
    return np.asarray(image), np.asarray(tissues), affine


def opened(viewer, path):
    ((data, options, kind),) = layers(path)
    return getattr(viewer, f"add_{kind}")(data, **options)


@pytest.fixture
def take(session, qtbot):
    """Take what has to be written of the layers; the error where that cannot be."""

    def take():
        found = []
        session._take(found.append, found.append, lambda: found.append(None))
        qtbot.waitUntil(lambda: bool(found))
        return found[0]

    return take


@pytest.fixture
def written(take):
    """Take and write it, and name the files."""

    def written():
        files = take()
        for file in files:
            file.write()
        return [file.path for file in files]

    return written


def test_painted_labels_lie_where_the_file_does_and_the_image_stays_the_file(
    session, viewer, folder, scan, take, written
):
    image, _, affine = scan
    write_nifti(folder / "head.nii.gz", image, affine)
    layer = opened(viewer, folder / "head.nii.gz")
    session.set_text(VOLUMES)
    labels = session.new_labels(layer)
    assert (labels.data.shape, labels.mode) == (layer.data.shape, "paint")
    session.learn_from_layers((layer, labels))
    data = session.pipeline.data
    assert (data.images, data.labels) == ("head.nii.gz", "untitled.layers/head_labels.nii.gz")
    assert (data.unlabelled, data.classes) == (0, ("class 1", "class 2"))
    assert session.pipeline.train.task == "segment"
    assert "nothing is painted" in str(take())
    labels.paint((3, 4, 5), 2)
    assert len(written()) == 1
    file, painted = read_contents(folder / "head.nii.gz"), read_contents(folder / data.labels)
    np.testing.assert_allclose(painted.affine, file.affine, atol=1e-5)
    # The same voxels: what the layer shows under the stroke is what the file has there.
    under = np.sort(np.asarray(layer.data)[np.asarray(labels.data) == 2])
    np.testing.assert_array_equal(np.sort(file.array[painted.array == 2]), under)
    assert written() == []
    labels.paint((9, 9, 9), 3)
    assert len(written()) == 1
    assert session.pipeline.data.classes == ("class 1", "class 2", "class 3")


def test_names_of_classes_that_were_typed_stay(session, viewer, folder, scan, take):
    session.set_text(VOLUMES)
    layer = viewer.add_image(scan[0], name="head")
    labels = session.new_labels()
    session.learn_from_layers((layer, labels))
    session.set_value("data.classes", "[air, brain]")
    labels.paint((3, 4, 5), 3)
    take()
    assert session.pipeline.data.classes == ("air", "brain", "class 3")


def test_labels_that_name_zero_count_everywhere(session, viewer, folder, scan, written):
    session.set_text(VOLUMES)
    image, tissues, _ = scan
    layer = viewer.add_image(image, name="a/b *", scale=(3, 1, 1))
    names = {0: "other", 1: "grey matter", 2: "white matter"}
    target = viewer.add_labels(tissues, scale=(3, 1, 1), metadata={"classes": names})
    session.learn_from_layers((layer, target))
    data = session.pipeline.data
    assert (data.classes, data.unlabelled) == (tuple(names.values()), None)
    assert data.images == "untitled.layers/a_b_image.nii.gz"
    written()
    np.testing.assert_array_equal(read_contents(folder / data.labels).array, tissues)
    assert not session.pipeline.problems


def test_several_pairs_become_a_pattern_and_move_with_the_document(
    session, viewer, folder, scan, written, qtbot
):
    session.set_text(VOLUMES)
    pairs = []
    for n in range(2):
        layer = viewer.add_image(scan[0] + n, name="scan")
        pairs.append((layer, viewer.add_labels(scan[1] + 1)))
    session.learn_from_layers(*pairs)
    assert session.pipeline.data.images == "untitled.layers/*_image.nii.gz"
    (folder / "far").mkdir()
    session.save(folder / "far" / "net.yaml")
    assert session.pipeline.data.labels == "net.layers/*_labels.nii.gz"
    assert draft((folder / "far" / "net.yaml").read_text()).data == session.pipeline.data
    qtbot.waitUntil(lambda: session._eye.jobs[-1].name == "write_layers")
    session._stamps.clear()
    names = sorted(path.rpartition("/")[2] for path in written())
    assert names[:2] == ["scan_1_image.nii.gz", "scan_1_labels.nii.gz"]
    assert len(names) == 4


def test_painted_steps_of_a_stack_are_examples(session, viewer, folder, written):
    session.set_text("input: 1x24x28\nnet:\n  - out: conv 2 k3\n")
    stack = np.random.default_rng(0).random((5, 24, 28)).astype(np.float32)
    layer = viewer.add_image(stack, name="cells", scale=(1, 0.5, 0.5))
    labels = session.new_labels(layer)
    labels.paint((2, 4, 5), 1)
    labels.paint((4, 4, 5), 2)
    session.learn_from_layers((layer, labels))
    assert session.pipeline.data.images == "untitled.layers/*_image.tif"
    names = [path.rpartition("/")[2] for path in written()]
    assert [n for n in names if "image" in n] == ["cells_0002_image.tif", "cells_0004_image.tif"]
    found = read_contents(folder / "untitled.layers" / "cells_0004_image.tif")
    np.testing.assert_array_equal(found.array, stack[4])


def test_colours_become_channels(session, viewer, folder, written):
    from skimage.data import astronaut

    session.set_text("input: 3x512x512\nnet:\n  - out: conv 2 k3\n")
    layer = viewer.add_image(astronaut(), name="astronaut")
    labels = session.new_labels(layer)
    assert labels.data.shape == (512, 512)
    labels.paint((9, 9), 1)
    session.learn_from_layers((layer, labels))
    written()
    found = read_contents(folder / session.pipeline.data.images).array
    np.testing.assert_array_equal(found, np.moveaxis(astronaut(), -1, 0))


def test_an_image_as_target_is_a_regression(session, viewer, folder, scan):
    session.set_text(VOLUMES + "train:\n  loss: dice\n  task: segment\n")
    noisy, clean = viewer.add_image(scan[0], name="n"), viewer.add_image(scan[0], name="c")
    session.learn_from_layers((noisy, clean))
    assert (session.pipeline.train.task, session.pipeline.train.loss) == ("regress", ("mse",))
    assert session.pipeline.data.unlabelled is None
    assert not session.pipeline.problems


def test_layers_that_lie_apart_are_refused(session, viewer, folder, scan):
    session.set_text(VOLUMES)
    layer = viewer.add_image(scan[0], name="scan")
    moved = viewer.add_labels(scan[1], name="moved", translate=(0, 0, 4))
    with pytest.raises(UserError, match="moved do not lie in the same place"):
        session.learn_from_layers((layer, moved))
    small = viewer.add_labels(scan[1][0], name="flat")
    with pytest.raises(UserError, match="New labels layer"):
        session.learn_from_layers((layer, small))


def test_a_document_that_says_something_else_forgets_the_layers(session, viewer, folder, scan):
    session.set_text(VOLUMES)
    layer, target = viewer.add_image(scan[0]), viewer.add_labels(scan[1])
    session.learn_from_layers((layer, target))
    assert len(session.layer_pairs) == 1
    session.set_value("data.images", "other.nii.gz")
    assert session.layer_pairs == ()
    session.undo()
    assert len(session.layer_pairs) == 1
    viewer.layers.remove(target)
    assert session.layer_pairs == ()
