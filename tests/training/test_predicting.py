"""Predicting per voxel: exact, in place, in little memory, on scans, arrays and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from napari_convnet.data import Contents, Sample, abdomen, head, read_contents
from napari_convnet.data.spacing import to_spacing
from napari_convnet.document import Pipeline, parse
from napari_convnet.network import UserError
from napari_convnet.training import Regressed, Segmentation, predict, save_prediction, write_table
from napari_convnet.training.loading import load
from napari_convnet.training.predicting import back, files, predicting

AFFINE = np.array([[2.0, 0.1, 0, 5], [0, 0.9, -0.4, 6], [0.2, 0.4, 0.9, 7], [0, 0, 0, 1]])


def document(
    input: str = "1x16x16x16", data: str = "", task: str = "segment", end: str = "conv 3 k1"
) -> Pipeline:
    lines = f"data:\n  images: a\n  labels: a\n{data}" if data else ""
    loss = "mse" if task == "regress" else "cross-entropy"
    return parse(
        f"input: {input}\n{lines}net:\n  - e: conv 4 k3 bn relu\n  - max 2\n  - conv 6 k3 relu\n"
        f"  - up 2\n  - cat e\n  - out: {end}\ntrain:\n  task: {task}\n  loss: {loss}\n"
    )


def volume(*shape: int, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 200, size=shape)
    return np.rint(values).astype(np.int16)


def sample(array: np.ndarray, affine: np.ndarray = AFFINE) -> Sample:
    return Sample(array[None].astype(np.float32), affine, ("mm",) * 3, ("z", "y", "x"), "scan")


def whole(pipeline: Pipeline, array: np.ndarray) -> torch.Tensor:
    """Outputs (C, z, y, x) of the whole, as torch computes them."""
    with torch.inference_mode():
        return pipeline.build().eval()(torch.from_numpy(array.astype(np.float32))[None, None])[0]


@pytest.mark.parametrize("most", [None, 100_000])
def test_labels_and_probabilities_are_those_of_the_whole(most: int | None) -> None:
    pipeline, array = document(), volume(24, 20, 22)
    right = whole(pipeline, array)
    found = predict(pipeline, sample(array), most_bytes=most, probabilities=True)
    assert isinstance(found, Segmentation)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, right.argmax(0))
    np.testing.assert_allclose(found.probabilities, right.softmax(0), atol=1e-3)
    np.testing.assert_allclose(found.affine, AFFINE)
    assert found.units == ("mm",) * 3
    np.testing.assert_array_equal(found.voxels, np.bincount(found.labels.ravel(), minlength=3))
    ml = found.voxels * abs(np.linalg.det(AFFINE)) / 1000
    assert [row["ml"] for row in found.rows()] == pytest.approx(list(ml))
    assert "random" in found.message
    some = predict(pipeline, sample(array), probabilities=["2", 0])
    np.testing.assert_array_equal(some.probabilities, found.probabilities[[2, 0]])


def test_it_tells_how_far_it_has_come_and_can_be_cancelled() -> None:
    loaded, array = load(document()), volume(24, 20, 22)
    *steps, result = predicting(loaded, array, most_bytes=100_000)
    assert isinstance(result, Segmentation)
    fractions = [step.fraction for step in steps]
    assert len(fractions) > 4
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert steps[1].seconds_left > 0
    asked = iter([False] * 30 + [True] * 1000)
    given_up = list(predicting(loaded, array, most_bytes=100_000, cancelled=lambda: next(asked)))
    assert 0 < len(given_up) < len(steps)
    assert not any(isinstance(each, Segmentation) for each in given_up)


def test_a_lazy_array_is_read_slab_by_slab() -> None:
    class Lazy:
        shape, dtype, ndim = (64, 32, 32), np.dtype(np.int16), 3

        def __init__(self) -> None:
            self.array, self.most, self.read = volume(64, 32, 32), 0, np.zeros(64, int)

        def __getitem__(self, key: Any) -> np.ndarray:
            part = self.array[key]
            self.most = max(self.most, part.size)
            self.read[key[0]] += 1
            return part

    lazy = Lazy()
    data = "  normalize: window -100 200\n"
    contents = Contents(lazy, affine=AFFINE, units=("mm",) * 3, axes=("z", "y", "x"))
    found = predict(document(data=data), contents, most_bytes=2_000_000)
    assert lazy.most < lazy.array.size / 3
    assert lazy.read.max() == 1  # what slabs share is kept
    np.testing.assert_array_equal(found.labels, predict(document(data=data), lazy.array).labels)


def test_a_module_gives_the_same_as_its_document() -> None:
    pipeline, array = document(), volume(12, 14, 16)
    module = pipeline.build()
    expected = predict(pipeline, sample(array), probabilities=True)
    found = predict(module, sample(array), probabilities=True, most_bytes=100_000)
    assert isinstance(found, Segmentation)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)
    np.testing.assert_allclose(found.affine, AFFINE)
    assert (found.classes, found.message) == (("0", "1", "2"), "")
    assert module.training
    slices = document("5zx16x16")
    np.testing.assert_array_equal(
        predict(slices.build(), sample(array)).labels, predict(slices, sample(array)).labels
    )


def test_one_map_tells_two_classes_apart() -> None:
    pipeline, array = document(end="conv 1 k1 sigmoid"), volume(8, 8, 8)
    found = predict(pipeline, array, probabilities=True)
    right = whole(pipeline, array)[0]
    np.testing.assert_array_equal(found.labels, right > 0.5)
    np.testing.assert_allclose(found.probabilities[1], right, atol=1e-3)


def test_painted_labels_begin_at_one() -> None:
    pipeline = document(data="  unlabelled: 0\n  classes: [a, b, c]\n")
    found = predict(pipeline, volume(8, 8, 8))
    plain = predict(document(), volume(8, 8, 8))
    np.testing.assert_array_equal(found.labels, plain.labels + 1)
    np.testing.assert_array_equal(found.voxels, plain.voxels)
    assert [row["label"] for row in found.rows()] == [1, 2, 3]


def test_values_come_in_the_range_of_the_image() -> None:
    pipeline, array = document(task="regress", end="conv 1 k1"), volume(12, 14, 16)
    found = predict(pipeline, sample(array), most_bytes=50_000)
    assert isinstance(found, Regressed)
    np.testing.assert_allclose(found.values, whole(pipeline, array)[0], rtol=1e-4, atol=1e-2)
    scaled = predict(document(task="regress", end="conv 1 k1", data="  normalize: zscore\n"), array)
    zscored = (array - array.mean()) / array.std()
    right = whole(pipeline, zscored)[0] * array.std() + array.mean()
    np.testing.assert_allclose(scaled.values, right, rtol=1e-4, atol=1e-2)
    with pytest.raises(UserError, match="values, not probabilities"):
        predict(pipeline, array, probabilities=True)


def test_a_resampled_scan_gets_labels_on_its_own_voxels() -> None:
    smooth = volume(20, 31, 33)
    affine = AFFINE @ np.diag([2.5, 1, 1, 1])
    pipeline = document(data="  spacing: 2\n")
    found = predict(pipeline, sample(smooth, affine), probabilities=True)
    assert found.labels.shape == smooth.shape
    np.testing.assert_allclose(found.affine, affine)
    # Every voxel has the label of the nearest one of the network's own grid, and probabilities
    # between those of the eight around it; beyond the outermost middles they go on as they are.
    spaced = to_spacing(sample(smooth, affine), (2.0,))
    assert spaced.shape[1:] != smooth.shape
    outputs = whole(document(), spaced.array[0])
    right, chances = outputs.argmax(0).numpy(), outputs.softmax(0).numpy()
    at = np.linalg.solve(spaced.affine, affine)
    indices = np.random.default_rng(0).integers(0, smooth.shape, size=(40, 3))
    for index in (*indices, (0, 0, 0), np.array(smooth.shape) - 1):
        place = (at[:3, :3] @ index + at[:3, 3]).clip(0, np.array(right.shape) - 1)
        assert found.labels[tuple(index)] == right[tuple(np.rint(place).astype(int))]
        wanted = [map_coordinates(each, place[:, None], order=1)[0] for each in chances]
        np.testing.assert_allclose(found.probabilities[(slice(None), *index)], wanted, atol=1e-3)
    np.testing.assert_allclose(found.probabilities.sum(0, dtype=np.float32), 1, atol=2e-3)


def test_a_resampled_scan_gets_values_on_its_own_voxels() -> None:
    # What is linear in the place is so again on the scan's own voxels, but for its border.
    pipeline = parse(
        "input: 1x16x16x16\ndata:\n  images: a\n  spacing: 3\nnet:\n"
        "  - {out: conv 1 k1, w: identity, b: 0}\ntrain:\n  task: regress\n  loss: mse\n"
    )
    z, y, x = np.indices((18, 21, 24))
    ramp = (3 * z - 2 * y + x).astype(np.float32)
    found = predict(pipeline, sample(ramp, np.diag([2.0, 1.5, 1, 1])))
    assert isinstance(found, Regressed)
    assert found.values.shape == ramp.shape
    inner = (slice(6, -6),) * 3
    np.testing.assert_allclose(found.values[inner], ramp[inner], atol=1e-3)
    assert np.isfinite(found.values).all()
    assert ramp.min() <= found.values.min() <= found.values.max() <= ramp.max()


@pytest.mark.parametrize("size", [1, 10**9])
def test_coming_back_is_the_same_in_slabs_and_at_once(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = document(data="  spacing: 2x1.3x1\n")
    expected = predict(pipeline, sample(volume(9, 10, 11)), probabilities=True)
    monkeypatch.setattr(back, "PIECE", size)
    found = predict(pipeline, sample(volume(9, 10, 11)), probabilities=True)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


@pytest.mark.parametrize("fit", ["pad 16", "resize 24x20x16", "crop 6"])
def test_a_fitted_scan_gets_labels_on_its_own_voxels_and_is_measured(fit: str) -> None:
    array = volume(10, 11, 12)
    right = np.random.default_rng(5).integers(0, 3, array.shape)
    found = predict(document(data=f"  fit: {fit}\n"), sample(array), labels=right)
    assert found.confusion.sum() == found.labels.size
    start, size = ((2, 2, 3), (6, 6, 6)) if fit == "crop 6" else ((0, 0, 0), array.shape)
    assert found.labels.shape == size
    np.testing.assert_allclose(found.affine @ (0, 0, 0, 1), AFFINE @ (*start, 1))
    part = right[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))]
    np.testing.assert_array_equal(found.confusion.trace(), (part == found.labels).sum())
    said = [str(note) for note in found.notes if "measured" in note.text]
    assert len(said) == (fit == "crop 6")
    if said:
        assert "6x6x6 of 10x11x12 voxels" in said[0]


def test_a_crop_of_a_resampled_scan_covers_no_more_than_it_is_of() -> None:
    pipeline = document(input="1x8x8x8", data="  spacing: 2\n  fit: crop 8\n")
    found = predict(pipeline, sample(volume(40, 30, 25), np.diag([1.0, 2, 2, 1])))
    assert found.labels.shape == (16, 8, 8)


def test_without_padding_what_there_is_is_measured() -> None:
    text = "input: 1x16x16x16\nnet: [conv 2 k5 valid]\ntrain:\n  task: segment\n"
    array = volume(12, 13, 14)
    right = np.random.default_rng(5).integers(0, 2, array.shape)
    found = predict(parse(text), sample(array), labels=right)
    np.testing.assert_array_equal(
        found.confusion.trace(), (right[2:-2, 2:-2, 2:-2] == found.labels).sum()
    )
    coarse = parse(text.replace("conv 2 k5 valid", "conv 2 k3 s2"))
    with pytest.raises(UserError, match=r"each label stands for 2x2x2 voxels.*up 2"):
        predict(coarse, sample(array), labels=right)


def test_without_padding_labels_lie_over_the_part_that_they_are_of() -> None:
    pipeline = parse("input: 1x16x16x16\nnet: [conv 2 k5 valid]\ntrain:\n  task: segment\n")
    array = volume(12, 13, 14)
    found = predict(pipeline, sample(array))
    assert found.labels.shape == (8, 9, 10)
    np.testing.assert_allclose(found.affine @ (0, 0, 0, 1), AFFINE @ (2, 2, 2, 1))


def test_the_same_network_sees_volumes_slice_by_slice() -> None:
    pipeline, array = document("5zx16x16"), volume(9, 18, 20)
    found = predict(pipeline, sample(array))
    assert found.labels.shape == array.shape
    np.testing.assert_allclose(found.affine, AFFINE)
    net = pipeline.build().eval()
    for z in (0, 4, 8):
        near = array[np.clip(np.arange(z - 2, z + 3), 0, 8)].astype(np.float32)
        with torch.inference_mode():
            right = net(torch.from_numpy(near)[None])[0].argmax(0)
        np.testing.assert_array_equal(found.labels[z], right)


def test_it_measures_by_right_labels() -> None:
    pipeline, array = document(), volume(10, 11, 12)
    right = np.random.default_rng(5).integers(0, 3, array.shape)
    found = predict(pipeline, sample(array), labels=right)
    assert found.confusion.sum() == array.size
    both = (right == 1) & (found.labels == 1)
    dice = 2 * both.sum() / ((right == 1).sum() + (found.labels == 1).sum())
    assert found.rows()[1]["dice"] == pytest.approx(dice)
    assert "mean Dice" in str(found)
    with pytest.raises(UserError, match="10x11x13"):
        predict(pipeline, sample(array), labels=np.zeros((10, 11, 13), int))
    elsewhere = Contents(right, affine=np.eye(4), units=("mm",) * 3, axes=("z", "y", "x"))
    with pytest.raises(UserError, match="place"):
        predict(pipeline, sample(array), labels=elsewhere)
    with pytest.raises(UserError, match="and the label image: 2x10x11x12; give"):
        predict(pipeline, sample(array), labels=np.zeros((2, 10, 11, 12), int))
    regression = document(task="regress", end="conv 1 k1")
    with pytest.raises(UserError, match="labels measure classes"):
        predict(regression, sample(array), labels=right)


def test_it_is_measured_by_labels_as_the_document_reads_them() -> None:
    array = volume(10, 11, 12)
    right = np.random.default_rng(5).integers(0, 3, array.shape)
    some = np.where(array > 0, right, 255)
    found = predict(document(data="  unlabelled: 255\n"), sample(array), labels=some)
    assert found.confusion.sum() == (array > 0).sum()
    half = np.diag([2.0, 2, 2, 1])
    half[:3, 3] = 0.5
    coarse = Contents(
        right[::2, ::2, ::2], affine=AFFINE @ half, units=("mm",) * 3, axes=("z", "y", "x")
    )
    with pytest.raises(UserError, match="5x6x6"):
        predict(document(), sample(array), labels=coarse)
    found = predict(document(data="  align: labels\n"), sample(array), labels=coarse)
    assert found.confusion.sum() == array.size
    assert any("resampled" in note.text for note in found.notes)
    with pytest.raises(UserError, match="outside the 3 classes"):
        next(predicting(load(document()), sample(array), labels=right + 1))


# -- files --


def scans() -> dict[str, Sample]:
    """The two scans that ship with the package, cropped; the second one turned at random."""
    found = {}
    for name, scan in (("head", head()[0]), ("abdomen", abdomen()[0])):
        part = np.asarray(scan.array)[40:60, 50:80, 30:70]
        moved = np.eye(4)
        moved[:3, 3] = (40, 50, 30)
        found[name] = sample(part, scan.affine @ moved)
    for seed in range(3):
        turn = np.eye(4)
        turn[:3, :3] = Rotation.random(random_state=seed).as_matrix()
        turn[:3, 3] = np.random.default_rng(seed).normal(size=3) * 50
        found[f"oblique {seed}"] = sample(found["abdomen"].array[0], turn @ found["abdomen"].affine)
    return found


def test_others_place_the_written_file_where_the_scan_is(tmp_path: Path) -> None:
    pipeline = document()
    for name, scan in scans().items():
        found = predict(pipeline, scan, probabilities=[1, 2])
        assert save_prediction(found, tmp_path / "labels.nii.gz") == ()
        save_prediction(found, tmp_path / "chances.nii.gz", probabilities=True)
        chances = SimpleITK.ReadImage(str(tmp_path / "chances.nii.gz"))
        again = read_contents(tmp_path / "labels.nii.gz")
        np.testing.assert_array_equal(again.array, found.labels)
        np.testing.assert_allclose(again.affine, scan.affine, atol=1e-4)
        image = nibabel.load(tmp_path / "labels.nii.gz")
        itk = SimpleITK.ReadImage(str(tmp_path / "labels.nii.gz"))
        for z, y, x in [(0, 0, 0), (3, 5, 7), (19, 29, 39)]:
            right = (scan.affine @ (z, y, x, 1))[2::-1]  # x, y, z towards left, back, head
            ras = (image.affine @ (x, y, z, 1))[:3]
            np.testing.assert_allclose(ras * (-1, -1, 1), right, atol=1e-3, err_msg=name)
            lps = itk.TransformIndexToPhysicalPoint((x, y, z))
            np.testing.assert_allclose(lps, right, atol=1e-3, err_msg=name)
            lps = chances.TransformIndexToPhysicalPoint((x, y, z, 1))
            np.testing.assert_allclose(lps[:3], right, atol=1e-3, err_msg=name)
            expected = float(found.probabilities[1, z, y, x])
            assert chances[x, y, z, 1] == pytest.approx(expected, abs=0.003)
            assert itk[x, y, z] == found.labels[z, y, x] == image.dataobj[x, y, z]


@pytest.mark.parametrize("ending", ["tif", "npy", "zarr", "nii"])
def test_files_of_all_kinds_come_back(ending: str, tmp_path: Path) -> None:
    place = np.diag([2.5, 0.5, 0.75, 1])
    place[:3, 3] = (10, -20, 30) if ending != "tif" else 0
    found = predict(document(), sample(volume(12, 14, 16), place), probabilities=[1, 2])
    path = tmp_path / f"labels.{ending}"
    save_prediction(found, path)
    save_prediction(found, path)  # once more, over the first
    again = read_contents(path)
    np.testing.assert_array_equal(np.asarray(again.array), found.labels)
    if ending != "npy":
        np.testing.assert_allclose(again.affine, place, atol=1e-6)
        assert again.units[-1] == "mm"
    chances = tmp_path / f"chances.{ending}"
    save_prediction(found, chances, probabilities=True)
    values = np.asarray(read_contents(chances).array, np.float32)
    assert values.shape == (2, 12, 14, 16)
    scale = 255 if ending == "tif" else 1
    np.testing.assert_allclose(values / scale, found.probabilities, atol=0.003)
    allowed = {path.name, chances.name, "labels.json", "chances.json"}
    assert {each.name for each in tmp_path.iterdir()} <= allowed  # nothing half-written is left


def test_probabilities_of_an_image_are_no_slices(tmp_path: Path) -> None:
    pipeline = parse("input: 1x16x16\nnet: [conv 3 k3]\ntrain:\n  task: segment\n")
    found = predict(pipeline, volume(12, 14), probabilities=True)
    save_prediction(found, tmp_path / "out.nii.gz", probabilities=True)
    assert read_contents(tmp_path / "out.nii.gz").array.shape == (3, 1, 12, 14)
    assert nibabel.load(tmp_path / "out.nii.gz").shape == (14, 12, 1, 3)


def test_recordings_are_not_written_as_pictures(tmp_path: Path) -> None:
    pipeline = parse("input: 1x64\nnet: [conv 2 k3]\ntrain:\n  task: segment\n")
    found = predict(pipeline, volume(80))
    for ending in ("tif", "nii.gz"):
        with pytest.raises(UserError, match="holds images and volumes, and this is a recording"):
            save_prediction(found, tmp_path / f"out.{ending}")
    save_prediction(found, tmp_path / "out.zarr")
    np.testing.assert_array_equal(read_contents(tmp_path / "out.zarr").array, found.labels)


def test_a_network_with_one_channel_hears_the_first_ear_and_says_so() -> None:
    pipeline = parse("input: 1x64\nnet: [conv 2 k3]\ntrain:\n  task: segment\n")
    sound = volume(2, 80).astype(np.float32)
    stereo = Contents(sound, affine=np.diag([1, 0.1, 1]), units=("", "s"), axes=("ear", "t"))
    found = predict(pipeline, stereo)
    np.testing.assert_array_equal(found.labels, predict(pipeline, sound[0]).labels)
    assert any("only the left of 2 ears" in note.text for note in found.notes)


def test_large_probabilities_go_through_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "IN_MEMORY", 1000)
    with files.scratch(tmp_path / "out.zarr") as space:
        found = predict(
            document(data="  spacing: 1\n"),
            sample(volume(8, 9, 10)),
            probabilities=True,
            space=space,
        )
        assert isinstance(found.probabilities, np.memmap)
        save_prediction(found, tmp_path / "out.zarr", probabilities=True)
        right = np.array(found.probabilities)
        del found
    np.testing.assert_array_equal(np.asarray(read_contents(tmp_path / "out.zarr").array), right)
    assert [each.name for each in tmp_path.iterdir()] == ["out.zarr"]


def test_the_table_of_volumes(tmp_path: Path) -> None:
    data = "  classes: [air, bone, rest]\n"
    found = predict(document(data=data), sample(volume(8, 9, 10)))
    write_table(found, tmp_path / "table.csv")
    first, second, *_ = (tmp_path / "table.csv").read_text().splitlines()
    assert first == "label,class,voxels,ml"
    assert second.startswith(f"0,air,{found.voxels[0]},")
    assert "bone" in str(found)


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    found = predict(document(), volume(8, 8, 8))
    with pytest.raises(UserError, match="no kind that a prediction"):
        save_prediction(found, tmp_path / "labels.png")
    with pytest.raises(UserError, match="no folder"):
        save_prediction(found, tmp_path / "none" / "labels.nii")
    with pytest.raises(UserError, match="no probabilities"):
        save_prediction(found, tmp_path / "labels.nii", probabilities=True)
    with pytest.raises(UserError, match='no class "bones"'):
        predict(document(), volume(8, 8, 8), probabilities=["bones"])
    array = volume(8, 8, 8).astype(float)
    array[3, 2, 1] = np.nan
    with pytest.raises(UserError, match="NaN or infinite"):
        predict(document(), array)
    with pytest.raises(UserError, match="2 axes"):
        predict(document(), volume(8, 8))
