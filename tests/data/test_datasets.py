"""Datasets from samples, arrays, folders and files, and what is said where they are wrong."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from napari_convnet.data import (
    SOURCES,
    Source,
    batches,
    dataset_from_arrays,
    digits,
    faces,
    load_dataset,
    loading,
    photograph,
    split,
)
from napari_convnet.document import parse
from napari_convnet.document.settings import parse_setting
from napari_convnet.network.problems import UserError


def document(input=(1, 28, 28), folder=None, ops=(), **data) -> SimpleNamespace:
    """Stand in for a document with these lines under ``data:``."""
    known = dict.fromkeys(("source", "images", "labels"), "")
    known |= dict.fromkeys(("normalize", "fit", "unlabelled", "patches", "rate"))
    known |= {"classes": (), "accept": ()}
    for key in ("normalize", "fit"):
        if key in data:
            data[key] = parse_setting(data[key])
    names = ["input", *(f"{op}-1" for op in ops)]
    layers = tuple(
        SimpleNamespace(name=name, op=op, inputs=(before,))
        for name, op, before in zip(names[1:], ops, names, strict=False)
    )
    return SimpleNamespace(
        input=input,
        folder=folder,
        data=SimpleNamespace(**(known | data)),
        network=SimpleNamespace(layers=layers, end=names[-1]),
    )


def refusal(function, *args, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two classes: tiles of two photographs."""
    for name in ("brick", "grass"):
        (tmp_path / name).mkdir()
        tiles = photograph(name).reshape(8, 64, 8, 64).swapaxes(1, 2).reshape(64, 64, 64)
        for i, tile in enumerate(tiles[:6]):
            Image.fromarray(tile).save(tmp_path / name / f"{i}.png")
    return tmp_path


# Sources


def test_digits() -> None:
    dataset = load_dataset(document(source="digits", normalize="minmax"))
    images, labels = digits()
    assert dataset.images.shape == (5000, 1, 28, 28)
    assert dataset.classes == tuple("0123456789")
    np.testing.assert_array_equal(dataset.counts, [500] * 10)
    np.testing.assert_array_equal(dataset.targets, labels)
    assert dataset.targets.dtype == np.int64
    inputs = dataset.take([0, 4999])
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs[1, 0], images[4999] / float(images[4999].max()), atol=1e-6)


def test_faces() -> None:
    dataset = load_dataset(document((1, 25, 25), source="faces"))
    np.testing.assert_array_equal(dataset.counts, [100, 100])
    assert dataset.classes[dataset.targets[0]] == "face"
    np.testing.assert_allclose(dataset.take([3])[0, 0], faces()[0][3], rtol=1e-6)


def test_every_source_loads_what_its_entry_says() -> None:
    for name, source in SOURCES.items():
        assert source.name == name
        if not isinstance(source, Source):
            continue
        images, labels = source.load()
        assert len(images) == len(labels)
        assert set(labels.tolist()) == set(range(len(source.classes)))
        assert f"{images.shape[1]}x{images.shape[2]}" in source.title


def test_digits_are_padded_when_the_document_says_so() -> None:
    dataset = load_dataset(document((1, 32, 32), source="digits", fit="pad 32", ops=["flatten"]))
    assert dataset.images.shape == (5000, 1, 32, 32)
    assert dataset.images.dtype == np.uint8
    np.testing.assert_array_equal(dataset.images[7, 0, 2:30, 2:30], digits()[0][7])


def test_a_network_of_one_size_refuses_another() -> None:
    assert refusal(
        load_dataset, document((1, 32, 32), source="digits", ops=["conv", "flatten"])
    ) == (
        "the images are 28x28, and layer flatten-1 needs the input's 32x32; "
        "add fit: pad 32 to data:, or change the document's input to 1x28x28"
    )
    # Without flatten any size runs.
    assert len(load_dataset(document((1, 32, 32), source="digits", ops=["conv", "gap"]))) == 5000
    assert len(load_dataset(document((1, None, 28), source="digits", ops=["flatten"]))) == 5000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "digit"}, 'unknown word "digit" in source; did you mean digits?'),
        ({"source": "cifar"}, "write digits, faces, head"),
        ({}, "the document names no images to train on"),
        ({"source": "digits", "images": "x"}, "both source: and images:"),
        ({"source": "digits", "classes": ("a", "b")}, "has 10 classes, and classes: names 2"),
        ({"source": "digits", "normalize": "zcore"}, "did you mean zscore?"),
        ({"source": "digits", "input": (3, 28, 28)}, "wants 3 channels"),
        ({"source": "digits", "fit": "pad 20"}, "larger than fit: pad 20x20"),
    ],
)
def test_wrong_documents(changes: dict, words: str) -> None:
    assert words in refusal(load_dataset, document(**changes))


def test_a_document_without_data() -> None:
    empty = SimpleNamespace(input=(1, 8, 8), data=None, folder=None)
    assert "add data: with source: digits" in refusal(load_dataset, empty)


# Arrays


def test_a_list_and_a_stack_of_images_give_the_same() -> None:
    images, labels = digits()
    stack = dataset_from_arrays(images[::500], labels[::500])
    single = dataset_from_arrays(list(images[::500]), list(labels[::500]))
    np.testing.assert_array_equal(stack.images, single.images)
    np.testing.assert_array_equal(stack.targets, single.targets)
    assert stack.classes == tuple("0123456789")


def test_colours_and_channels() -> None:
    cat = photograph("cat")[:40, :50]
    assert dataset_from_arrays(np.stack([cat] * 4), [0, 1, 0, 1]).shape == (3, 40, 50)
    assert dataset_from_arrays(np.zeros((4, 2, 9, 9)), [0, 1, 0, 1]).shape == (2, 9, 9)
    volumes = dataset_from_arrays(np.zeros((4, 5, 6, 7)), [0, 1, 0, 1], input=(1, 5, 6, 7))
    assert volumes.shape == (1, 5, 6, 7)
    sounds = dataset_from_arrays(np.zeros((4, 100)), [0, 1, 0, 1])
    assert sounds.shape == (1, 100)


def test_labels_may_be_names() -> None:
    dataset = dataset_from_arrays(np.zeros((3, 8, 8)), ["dog", "cat", "dog"])
    assert dataset.classes == ("cat", "dog")
    np.testing.assert_array_equal(dataset.targets, [1, 0, 1])
    ordered = dataset_from_arrays(np.zeros((3, 8, 8)), ["dog", "cat", "dog"], ["dog", "cat"])
    np.testing.assert_array_equal(ordered.targets, [0, 1, 0])


def test_unlabelled_images_are_left_out() -> None:
    images = np.arange(4.0)[:, None, None] * np.ones((4, 2, 2))
    painted = dataset_from_arrays(images, [0, 1, 2, 1], unlabelled=0)
    np.testing.assert_array_equal(painted.targets, [0, 1, 0])
    np.testing.assert_array_equal(painted.images[:, 0, 0, 0], [1, 2, 3])
    other = dataset_from_arrays(list(images), [0, 255, 1, 0], unlabelled=255, names=list("abcd"))
    np.testing.assert_array_equal(other.targets, [0, 1, 0])
    assert other.names == ("a", "c", "d")


@pytest.mark.parametrize(
    ("images", "labels", "options", "words"),
    [
        (np.zeros((3, 4, 4)), [0, 1], {}, "there are 3 images and 2 labels; give one label per"),
        (
            np.zeros((2, 4, 4)),
            [0, 3],
            {"classes": ["a", "b"]},
            "label 3 of image 1 is outside the 2",
        ),
        (np.zeros((2, 4, 4)), [0, -1], {}, "label -1 of image 1 is outside the 1 class (0 to 0)"),
        (np.zeros((2, 4, 4)), ["a", "bb"], {"classes": ["a", "b"]}, 'label "bb" is not among'),
        (np.zeros((2, 4, 4)), [0, 0.5], {}, "labels are neither whole numbers nor names"),
        (np.zeros((2, 4, 4)), [[0, 1], [1, 0]], {}, "labels have the shape 2x2"),
        (np.zeros((0, 4, 4)), [], {}, "there are no images"),
        (np.zeros((2, 4, 0)), [0, 1], {}, "the stack of images is empty (2x4x0)"),
        (np.full((2, 4, 4), np.nan), [0, 1], {}, "the first at image 0, y 0, x 0"),
        (np.zeros((2, 9, 4, 4)), [0, 1], {"input": (1, 4, 4)}, "holds several images (9x4x4)"),
        (np.zeros((2, 4, 4)), [0, 0], {"unlabelled": 0}, "every image is unlabelled"),
        ([[[1, 2], [3]], [[1, 2], [3, 4]]], [0, 1], {}, "image 0 is not an array of numbers"),
    ],
)
def test_arrays_that_are_no_dataset(images, labels, options: dict, words: str) -> None:
    assert words in refusal(dataset_from_arrays, images, labels, **options)


def test_mixed_sizes_say_how_to_fit_them() -> None:
    images = [np.zeros((8, 8)), np.zeros((8, 9))]
    assert refusal(dataset_from_arrays, images, [0, 1], names=["a.png", "b.png"]) == (
        "images differ in size: a.png has 8x8, b.png has 8x9; add fit: resize 8 to data:"
    )
    fitted = dataset_from_arrays(images, [0, 1], fit=parse_setting("pad 10"))
    assert fitted.images.shape == (2, 1, 10, 10)


def test_a_sample_of_a_dataset_is_the_image_as_it_came() -> None:
    dataset = load_dataset(document(source="digits", normalize="zscore"))
    sample = dataset.sample(2600)
    np.testing.assert_array_equal(sample.array[0], digits()[0][2600])
    assert (sample.target, sample.name, sample.axes) == (5, "image 2600", ("y", "x"))


# Folders and files


def test_folder_per_class(pictures: Path) -> None:
    dataset = load_dataset(document((1, 64, 64), pictures.parent, images=pictures.name))
    assert dataset.classes == ("brick", "grass")
    np.testing.assert_array_equal(dataset.targets, [0] * 6 + [1] * 6)
    assert dataset.names[7] == "grass/1.png"
    np.testing.assert_array_equal(dataset.images[0, 0], photograph("brick")[:64, :64])
    assert dataset.describe() == "12 images of 1x64x64 in 2 classes: brick (6), grass (6)"


def test_a_large_folder_is_read_when_asked_for(pictures: Path, monkeypatch) -> None:
    whole = load_dataset(document((1, 64, 64), images=str(pictures), normalize="zscore"))
    monkeypatch.setattr(loading, "IN_MEMORY", 1000)
    lazy = load_dataset(document((1, 64, 64), images=str(pictures), normalize="zscore"))
    assert isinstance(whole.images, np.ndarray)
    assert not isinstance(lazy.images, np.ndarray)
    assert lazy.inputs.shape == (12, 1, 64, 64)
    np.testing.assert_array_equal(lazy.take([3, 11, 0]), whole.take([3, 11, 0]))
    np.testing.assert_array_equal(lazy.inputs[-1], whole.inputs[-1])
    np.testing.assert_array_equal(lazy.sample(4).array, whole.sample(4).array)


def test_classes_of_the_document_decide_the_order(pictures: Path) -> None:
    dataset = load_dataset(
        document((1, 64, 64), images=str(pictures), classes=("grass", "brick"), fit="crop 32")
    )
    assert dataset.names[0] == "grass/0.png"
    assert dataset.shape == (1, 32, 32)


def test_folders_named_by_numbers_are_in_their_order(pictures: Path) -> None:
    (pictures / "brick").rename(pictures / "10")
    (pictures / "grass").rename(pictures / "9")
    (pictures / ".cache").mkdir()
    (pictures / "notes.txt").write_text("not an image")
    (pictures / "9" / "Thumbs.db").write_bytes(b"x")
    dataset = load_dataset(document((1, 64, 64), images=str(pictures)))
    assert dataset.classes == ("9", "10")
    assert len(dataset) == 12


def test_folders_that_are_no_dataset(pictures: Path, tmp_path_factory) -> None:
    def told(**changes) -> str:
        return refusal(
            load_dataset, document(**{"images": str(pictures), "input": (1, 64, 64)} | changes)
        )

    assert "does not exist; did you mean brick?" in told(images=str(pictures / "brik"))
    assert told(images=str(pictures / "brick")).endswith(
        "brick holds no folders; make one folder of images per class"
    )
    assert "labels: is given" in told(labels="labels.txt")
    assert "no file fits" in told(images=str(pictures / "*.png"))
    assert "class bricks has no folder" in told(classes=("bricks", "grass"))
    assert "did you mean brick?" in told(classes=("bricks", "grass"))
    assert "grass is not among classes:" in told(classes=("brick",))
    assert "brick/0.png is gray" in told(input=(3, 64, 64))
    Image.fromarray(photograph("camera")).save(pictures / "grass" / "big.png")
    assert told() == (
        "images differ in size: brick/0.png has 64x64, grass/big.png has 512x512; "
        "add fit: resize 64 to data:"
    )
    (pictures / "grass" / "big.png").write_bytes(b"garbage")
    assert "cannot be read" in told()
    (pictures / "empty").mkdir()
    assert "empty holds no images; put PNG" in told()
    lonely = tmp_path_factory.mktemp("lonely")
    (lonely / "cat").mkdir()
    assert "holds one class only, cat" in told(images=str(lonely))


@pytest.mark.parametrize("labels", ["labels.npy", "labels.txt", None])
def test_files_of_arrays(tmp_path: Path, labels: str | None) -> None:
    images, numbers = (array[::100] for array in digits())
    if labels is None:
        np.savez(tmp_path / "d.npz", images=images, labels=numbers)
        dataset = load_dataset(document(folder=tmp_path, images="d.npz"))
    else:
        np.save(tmp_path / "d.npy", images)
        np.save(tmp_path / "labels.npy", numbers)
        (tmp_path / "labels.txt").write_text("\n".join(map(str, numbers)) + "\n")
        dataset = load_dataset(document(folder=tmp_path, images="d.npy", labels=labels))
    np.testing.assert_array_equal(dataset.images[:, 0], images)
    np.testing.assert_array_equal(dataset.targets, numbers)


def test_labels_by_name_in_a_text_file(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.zeros((3, 8, 8)))
    (tmp_path / "labels.csv").write_text("cat\ndog\ncat\n")
    dataset = load_dataset(document((1, 8, 8), tmp_path, images="d.npy", labels="labels.csv"))
    assert dataset.classes == ("cat", "dog")


def test_files_that_are_no_dataset(tmp_path: Path) -> None:
    def told(**changes) -> str:
        return refusal(load_dataset, document((1, 8, 8), tmp_path, **changes))

    np.save(tmp_path / "d.npy", np.zeros((3, 8, 8)))
    assert "images: d.npy has no labels; add labels:" in told(images="d.npy")
    assert "cannot be opened" in told(images="d.npy", labels="nothing.txt")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00\x81")
    assert "is not a text file" in told(images="d.npy", labels="bad.txt")
    (tmp_path / "two.txt").write_text("0\n1\n")
    assert "there are 3 images and 2 labels" in told(images="d.npy", labels="two.txt")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert "holds no array named images" in told(images="other.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 nonsense")
    assert "damaged, or not .npz" in told(images="bad.npz")


# The whole way from a document


def test_from_a_document_to_a_batch() -> None:
    pipeline = parse(
        "input: 1x32x32\n"
        "data:\n"
        "  source: digits\n"
        "  normalize: minmax\n"
        "  fit: pad 32\n"
        "  split: 80/20\n"
        "augment: shift 2, noise .05\n"
        "net:\n"
        "  - conv 6 k5 relu\n"
        "  - flatten\n"
        "  - fc 10\n"
    )
    assert pipeline.data is not None
    dataset = load_dataset(pipeline)
    parts = split(dataset, pipeline.data.split, pipeline.train.seed)
    images, targets = next(batches(dataset, parts.train, 64, 1, 0, pipeline.augment))
    assert (images.shape, targets.shape) == ((64, 1, 32, 32), (64,))
    unfitted = parse(pipeline.text.replace("  fit: pad 32\n", ""))
    assert "add fit: pad 32 to data:" in refusal(load_dataset, unfitted)


def test_a_pattern_of_images_with_a_file_of_labels(pictures: Path) -> None:
    (pictures / "classes.txt").write_text("brick\n" * 6 + "grass\n" * 6)
    told = {"images": "*/*.png", "labels": "classes.txt", "folder": pictures}
    dataset = load_dataset(document((1, 64, 64), **told))
    assert dataset.classes == ("brick", "grass")
    assert dataset.names[0] == "brick/0.png"
    np.testing.assert_array_equal(dataset.counts, [6, 6])
    (pictures / "classes.txt").write_text("brick\n" * 6)
    assert refusal(load_dataset, document((1, 64, 64), **told)) == (
        "there are 12 images and 6 labels; "
        "give one label per image, in the order of the files' names"
    )
    assert refusal(load_dataset, document((1, 64, 64), **told | {"labels": ""})) == (
        "images: */*.png has no labels; "
        "add labels: and a .npy or text file with one label per image"
    )
