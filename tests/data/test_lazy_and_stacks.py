"""OME-Zarr, opened lazily, and the distances in TIFF stacks."""

import json
from pathlib import Path

import numpy as np
import pytest
from tifffile import imwrite

from napari_convnet.data import read_sample
from napari_convnet.data.orientation import closest_canonical
from napari_convnet.data.readers import parts_of, read_contents, read_header
from napari_convnet.network.problems import UserError

zarr = pytest.importorskip("zarr")

VALUES = np.arange(240, dtype=np.uint16).reshape(2, 6, 5, 4)
AXES = [
    {"name": "c", "type": "channel"},
    *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"),
]
SCALES = [
    {"type": "scale", "scale": [1, 2, 0.5, 0.25]},
    {"type": "translation", "translation": [0, 10, 20, 30]},
]


def store(path: Path, version: int = 2, levels: int = 1, **more) -> Path:
    """Write an OME-Zarr directory of NGFF 0.4 (zarr 2) or 0.5 (zarr 3)."""
    group = zarr.open_group(path, mode="w", zarr_format=version)
    datasets = []
    for level in range(levels):
        values = VALUES[..., :: 2**level, :: 2**level]
        array = group.create_array(
            str(level), shape=values.shape, dtype=values.dtype, chunks=(1, 2, 5, 4)
        )
        array[:] = values
        datasets.append({"path": str(level), "coordinateTransformations": SCALES})
    image = {"version": "0.4", "axes": AXES, "datasets": datasets, **more}
    attributes = {"multiscales": [image]}
    group.attrs.update(attributes if version == 2 else {"ome": attributes})
    return path


def refusal(path: Path, **more) -> str:
    with pytest.raises(UserError) as caught:
        read_contents(path, **more)
    return str(caught.value)


def test_the_labels_beside_an_image_are_parts_of_it(tmp_path: Path) -> None:
    path = store(tmp_path / "a.ome.zarr")
    store(path / "labels" / "cells", **{"image-label": {}})
    zarr.open_group(path / "labels", zarr_format=2).attrs["labels"] = ["cells", "gone"]
    image, cells = (part.read() for part in parts_of(path))
    assert (image.labels, cells.labels, cells.name) == (False, True, "a cells")
    np.testing.assert_array_equal(cells.affine, image.affine)


def test_the_images_of_bio_formats_are_parts(tmp_path: Path) -> None:
    root = tmp_path / "a.zarr"
    zarr.open_group(root, mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    for number in "01":
        store(root / number)
    parts = parts_of(root)
    assert [part.series for part in parts] == ["1", "2"]
    assert parts[1].read().array.shape == VALUES.shape


@pytest.mark.parametrize("version", [2, 3])
def test_an_image_is_opened_and_not_read(tmp_path: Path, version: int) -> None:
    path = store(tmp_path / "a.ome.zarr", version)
    found = read_contents(path)
    assert not isinstance(found.array, np.ndarray)
    np.testing.assert_array_equal(found.array[1, 2], VALUES[1, 2])
    assert found.axes == ("channel", "z", "y", "x")
    assert found.units == ("pixel", "um", "um", "um")
    np.testing.assert_array_equal(np.diag(found.affine), [1, 2, 0.5, 0.25, 1])
    np.testing.assert_array_equal(found.affine[:, 4], [0, 10, 20, 30, 1])
    assert read_header(path).shape == VALUES.shape
    sample = read_sample(path, (2, 6, 5, 4))
    np.testing.assert_array_equal(sample.array, VALUES)
    np.testing.assert_array_equal(sample.affine[:3, 3], [10, 20, 30])


def test_the_largest_of_several_levels(tmp_path: Path) -> None:
    found = read_contents(store(tmp_path / "a.zarr", levels=2))
    assert found.array.shape == VALUES.shape
    assert "of 2 levels the largest is shown" in found.notes[0].text


def test_transformations_of_the_whole_image_come_last(tmp_path: Path) -> None:
    whole = [{"type": "scale", "scale": [1, 10, 10, 10]}]
    found = read_contents(store(tmp_path / "a.zarr", coordinateTransformations=whole))
    np.testing.assert_array_equal(found.affine[:4, 4], [0, 100, 200, 300])


def test_stated_orientations_turn_the_axes(tmp_path: Path) -> None:
    words = ["superior-to-inferior", "anterior-to-posterior", "left-to-right"]
    axes = [AXES[0]]
    for axis, word in zip(AXES[1:], words, strict=True):
        axes.append({**axis, "orientation": {"type": "anatomical", "value": word}})
    found = read_contents(store(tmp_path / "a.zarr", axes=axes))
    np.testing.assert_array_equal(np.diag(found.affine)[1:4], [-2, 0.5, -0.25])
    array, affine = closest_canonical(found.array, found.affine)
    assert not isinstance(array, np.ndarray)
    np.testing.assert_array_equal(np.asarray(array), VALUES[:, ::-1, :, ::-1])
    assert (np.diag(affine)[:4] > 0).all()


def test_a_plain_array_has_no_place(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", VALUES)
    found = read_contents(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.array[:], VALUES)
    assert found.affine is None
    assert "placed in pixels" in found.notes[0].text


def test_several_images_and_plates(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    store(tmp_path / "a.zarr/0")
    assert read_contents(tmp_path / "a.zarr").array.shape == VALUES.shape
    store(tmp_path / "a.zarr/1", levels=2)
    assert "holds 2 images; name one of them" in refusal(tmp_path / "a.zarr")
    assert read_contents(tmp_path / "a.zarr#2").notes
    assert read_contents(tmp_path / "a.zarr", series=1).notes == ()
    assert "holds 2 images" in refusal(tmp_path / "a.zarr#3")
    plate = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    plate.attrs["plate"] = {}
    assert "is a plate of many images" in refusal(tmp_path / "b.zarr")


def test_labels_say_that_they_are(tmp_path: Path) -> None:
    path = store(tmp_path / "a.zarr")
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({**attributes, "image-label": {}}))
    assert read_contents(path).labels


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("not json {", "is damaged: it is no JSON text"),
        ("[1]", "is damaged: it is no JSON text"),
        ('{"multiscales": []}', "its multiscales entry lacks a part"),
        ('{"multiscales": [{"datasets": [{"path": "9"}], "axes": []}]}', "the level 9 is missing"),
        (
            '{"multiscales": [{"datasets": [{"path": "0"}], "axes": []}]}',
            "0 axes for an array of 4",
        ),
        ("{}", "is a zarr group, not an image: it holds 0; name an image in it"),
    ],
)
def test_damaged_attributes(tmp_path: Path, damage: str, words: str) -> None:
    path = store(tmp_path / "a.zarr")
    (path / ".zattrs").write_text(damage)
    # zarr keeps a second copy of the attributes nowhere that this reader looks at.
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"type": "scale", "scale": [1, 0, 1, 1]}, "has no usable place: it has a scale of 0"),
        ({"type": "scale", "scale": [1, 1]}, "its scale has 2 numbers for 4 axes"),
        ({"type": "affine", "affine": []}, 'given by "affine", which is not known'),
    ],
)
def test_damaged_places(tmp_path: Path, transform, words: str) -> None:
    path = store(tmp_path / "a.zarr", coordinateTransformations=[transform])
    assert words in refusal(path)


@pytest.mark.parametrize("version", [2, 3])
def test_a_damaged_chunk_is_told_when_it_is_looked_at(tmp_path: Path, version: int) -> None:
    path = store(tmp_path / "a.zarr", version)
    chunk = path / ("0/1.0.0.0" if version == 2 else "0/c/1/0/0/0")
    chunk.write_bytes(chunk.read_bytes()[:10])
    found = read_contents(path)
    np.testing.assert_array_equal(found.array[0], VALUES[0])
    for look in (lambda: found.array[1], lambda: read_sample(path, (2, 6, 5, 4))):
        with pytest.raises(UserError) as caught:
            look()
        assert str(caught.value).startswith(
            f"{path} cannot be read: it is damaged, cut short, or not OME-Zarr ("
        )
    with pytest.raises(IndexError):
        found.array[9]


def test_a_directory_that_is_nothing(tmp_path: Path) -> None:
    assert "is a directory; name a file in it" in refusal(tmp_path)


# -- TIFF --


def test_imagej_stacks_have_distances(tmp_path: Path) -> None:
    metadata = {"axes": "TZYX", "spacing": 3.0, "unit": "um", "finterval": 0.5}
    imwrite(tmp_path / "a.tif", VALUES, imagej=True, resolution=(4, 2), metadata=metadata)
    found = read_contents(tmp_path / "a.tif")
    np.testing.assert_allclose(np.diag(found.affine), [0.5, 3, 0.5, 0.25, 1])
    assert found.axes == ("t", "z", "y", "x")
    assert found.units == ("s", "um", "um", "um")
    assert found.notes == ()


def test_ome_stacks_have_distances(tmp_path: Path) -> None:
    metadata = {"axes": "CZYX", "PhysicalSizeX": 0.25, "PhysicalSizeZ": 2.0}
    imwrite(tmp_path / "a.ome.tif", VALUES, photometric="minisblack", metadata=metadata)
    found = read_contents(tmp_path / "a.ome.tif")
    np.testing.assert_allclose(np.diag(found.affine), [1, 2, 1, 0.25, 1])
    assert found.axes == ("channel", "z", "y", "x")
    assert found.units == ("pixel", "um", "pixel", "um")


def test_distances_that_are_none_are_told(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "spacing": 0.0, "unit": "mm"}
    imwrite(tmp_path / "a.tif", VALUES[0], imagej=True, resolution=(4, 2), metadata=metadata)
    found = read_contents(tmp_path / "a.tif")
    assert "gives a distance of 0 along z: 1 was taken" in found.notes[0].text
    np.testing.assert_allclose(np.diag(found.affine), [1, 0.5, 0.25, 1])


def test_a_plain_stack_has_no_place(tmp_path: Path) -> None:
    imwrite(tmp_path / "a.tif", VALUES[0], photometric="minisblack", metadata=None)
    assert read_contents(tmp_path / "a.tif").affine is None
