"""Scans with a target for every voxel: loaded, divided, cut into patches, for ever the same."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from napari_convnet.data import (
    IGNORED,
    Classified,
    Contents,
    Dense,
    abdomen,
    digits,
    head,
    load_examples,
    photograph,
    storing,
    write_nifti,
)
from napari_convnet.document import parse_list

from .dense_documents import ORGANS, crop, document, examples, told, write_scans

TISSUES = ("conv 8", "conv 3 k1")


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Four scans with labels."""
    folder = tmp_path_factory.mktemp("scans")
    write_scans(folder)
    return folder


@pytest.fixture(scope="module")
def tissues():
    """The head, 3-D."""
    return examples("source: head", "normalize: zscore above 0", input="1x32x32x32", net=TISSUES)


def batch_of(found, count=2, epoch=1, augment=(), start=0):
    return next(found.batches(count, 7, epoch, augment, start))


# -- one scan, by region --


def test_the_head_is_divided_front_to_back(tissues):
    assert isinstance(tissues, Dense)
    assert tissues.describe() == (
        "1 scan of 189x233x197 (1 mm), 3 classes: other, grey matter, white matter"
    )
    assert told(tissues)[1:] == [
        "head is divided along y, front to back: training y 87 to 232, validation y 69 to 83, "
        "test y 0 to 65; between them 3 voxels are left out, what the network sees"
    ]
    (train,), (_,), (test,) = (tissues.regions(part) for part in ("train", "validation", "test"))
    assert train.box == ((0, 189), (87, 233), (0, 197))
    assert test.box == ((0, 189), (0, 66), (0, 197))
    brain = [tissues.voxels(part)[1:].sum() for part in ("train", "validation", "test")]
    assert brain[0] / sum(brain) == pytest.approx(0.7, abs=0.03)
    mask = head()[0].array > 0
    inside = tissues.scans[0].image[0][mask]
    assert inside.mean() == pytest.approx(0, abs=1e-4)
    assert inside.std() == pytest.approx(1, abs=1e-4)


def test_batches_are_patches_with_their_labels(tissues):
    images, targets = batch_of(tissues, 4)
    assert images.shape == (4, 1, 32, 32, 32)
    assert images.dtype == np.float32
    assert targets.shape == (4, 32, 32, 32)
    assert targets.dtype == np.int64
    assert set(np.unique(targets)) == {0, 1, 2}
    count, *_ = tissues.counts
    assert count == -(-189 * 146 * 197 // 32**3)
    assert tissues.steps(4) == -(-count // 4)


def test_a_patch_is_what_lies_there_in_the_scan(tissues):
    """Grey values of all patches are found, at one place, under the same labels."""
    scan = tissues.scans[0]
    for number in range(4):
        image, target = tissues.example(number, 7, 1)
        spots = np.argwhere(target == 2)
        assert len(spots)
        values = {float(image[(0, *spot)]) for spot in spots[:5]}
        assert values <= set(np.unique(scan.image[0][scan.target == 2]).tolist())


def test_an_epoch_is_a_pure_function_of_seed_and_number(tissues):
    flips = parse_list("flip, noise .05")
    first = list(tissues.batches(40, 7, 3, flips))
    for again, start in ((list(tissues.batches(40, 7, 3, flips, start=2)), 2),):
        for one, other in zip(first[start:], again, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    assert (batch_of(tissues, epoch=1)[0] != batch_of(tissues, epoch=2)[0]).any()
    assert (next(tissues.batches(2, 8, 1))[0] != batch_of(tissues)[0]).any()


def test_the_same_text_serves_slices():
    found = examples("source: head", input="5zx48x48", net=TISSUES)
    images, targets = batch_of(found, 3)
    assert images.shape == (3, 5, 48, 48)
    assert targets.shape == (3, 48, 48)
    (train,) = found.regions("train")
    assert train.box[1] == (87, 233)
    # Neighbours are alike, and the middle one bears the labels.
    near, far = (np.abs(images[:, 2] - images[:, i]).mean() for i in (1, 0))
    assert 0 < near < far
    assert found.counts[0] == -(-189 * 146 * 197 // 48**2)


def test_foreground_patches_are_as_many_as_asked_for(tissues):
    middles = [tissues.example(i, 1, 1)[1][16, 16, 16] for i in range(60)]
    assert np.mean([label > 0 for label in middles]) > 0.5
    rare = examples("source: abdomen", "patches: 16 per-volume 40 foreground 1", input="1x16x16x16")
    assert rare.counts[0] == 40
    seen = {int(rare.example(i, 1, 1)[1][8, 8, 8]) for i in range(40)}
    assert len(seen - {0}) >= 7, "every organ comes as often as the others"
    none = examples("source: abdomen", "patches: 16 per-volume 40 foreground 0")
    assert none.foreground == 0


@pytest.mark.parametrize("input", ["1x24x24x24", "5zx24x24"])
@pytest.mark.parametrize("regions", ["-y", "z gap 1 slabs 3", "z slabs 2"])
def test_no_training_patch_holds_a_voxel_from_outside_its_regions(input, regions):
    found = examples("source: abdomen", f"regions: {regions}", "split: 80/20", input=input)
    (scan,) = found.scans
    outside = np.ones(scan.size, bool)
    for region in found.parts.train:
        outside[tuple(slice(lo, hi) for lo, hi in region.box)] = False
    for region in found.parts.test:
        assert outside[tuple(slice(lo, hi) for lo, hi in region.box)].all()
    image = np.where(outside, np.inf, scan.image)
    target = np.where(outside, 100, scan.target)
    spoilt = replace(found, scans=(replace(scan, image=image, target=target),))
    flips = parse_list("flip")
    for images, targets in islice(spoilt.batches(16, 3, 1, flips), 12):
        assert np.isfinite(images).all()
        assert targets.max() < 100


# -- files --


def test_scans_are_divided_by_file_where_there_are_enough(scans):
    lines = ("images: *_ct.nii.gz", "labels: *_seg.nii.gz", f"classes: {ORGANS}")
    found = examples(*lines, "normalize: window -160 240", folder=scans)
    assert [len(found.regions(part)) for part in ("train", "validation", "test")] == [2, 1, 1]
    assert told(found)[0].startswith("divided by file: training ")
    assert {name for scan in found.scans for name in [scan.name]} == {
        f"{letter}_ct.nii.gz" for letter in "abcd"
    }
    whole = found.scans[0].whole
    assert all(region.box == whole for region in found.parts.train)
    assert sum(n > 0 for n in found.per_volume) == 2
    cut = {found._scan_of(i)[0] for i in range(found.counts[0])}
    assert cut == {region.scan for region in found.parts.train}
    for scan, n in zip(found.scans, "abcd", strict=True):
        assert scan.name[0] == n
        np.testing.assert_allclose(np.diag(scan.affine)[:3], [3, -3, -3])


def test_files_are_divided_by_region_where_the_document_says_so(scans):
    lines = ("images: *_ct.nii.gz", "labels: *_seg.nii.gz", "regions: -z gap 2", "split: 75/25")
    found = examples(*lines, folder=scans)
    assert len(found.parts.train) == len(found.parts.test) == 4
    assert not found.parts.validation
    (note,) = (note for note in told(found) if "divided" in note)
    assert note == (
        "4 scans are alike: each is divided along z, top to bottom: training z 8 to 31, "
        "test z 0 to 5; between them 2 voxels are left out, as regions: says"
    )


def test_labels_elsewhere_are_resampled_when_asked_for(tmp_path):
    image, labels, affine = crop()
    moved = affine.copy()
    moved[0, 3] += 2 * affine[0, 0]
    write_nifti(tmp_path / "ct.nii.gz", image, affine)
    write_nifti(tmp_path / "seg.nii.gz", labels, moved, labels=True)
    lines = ("images: ct.nii.gz", "labels: seg.nii.gz", "align: labels")
    found = examples(*lines, folder=tmp_path)
    np.testing.assert_array_equal(found.scans[0].target[2:], labels[:-2])
    assert (
        "seg.nii.gz: resampled to the voxels of another scan: each voxel took the nearest label; "
        "6.2% of them lie outside and are 0"
    ) in told(found)


def test_scans_and_labels_are_resampled_to_a_spacing(scans):
    lines = ("images: a_ct.nii.gz", "labels: a_seg.nii.gz", "spacing: 6x3x3")
    found = examples(*lines, folder=scans)
    (scan,) = found.scans
    assert scan.image.shape == (1, 16, 50, 60)
    assert scan.target.shape == (16, 50, 60)
    assert found.describe().startswith("1 scan of 16x50x60 (6 x 3 x 3 mm), 9 classes")
    _, labels, _ = crop()
    assert set(np.unique(scan.target)) <= set(np.unique(labels))


def test_kernels_are_proposed_for_uneven_voxels(scans):
    lines = ("images: a_ct.nii.gz", "labels: a_seg.nii.gz", "spacing: 9x3x3")
    note = (
        "voxels are 9 x 3 x 3 mm: along their long side neighbours have less in common. Kernels "
        "such as conv 16 k1x3x3 and max 1x2x2 in the first 2 levels keep to what is near, until "
        "voxels are even"
    )
    assert note in told(examples(*lines, folder=scans))
    suits = ("conv 8 k1x3x3", "conv 9 k1")
    assert note not in told(examples(*lines, folder=scans, net=suits))


def test_labels_painted_in_part_count_only_where_painted(tmp_path):
    image, labels, affine = crop()
    painted = np.zeros_like(labels)
    painted[::4] = labels[::4] + 1  # class + 1, as in a layer
    write_nifti(tmp_path / "ct.nii.gz", image, affine)
    write_nifti(tmp_path / "painted.nii.gz", painted, affine, labels=True)
    lines = ("images: ct.nii.gz", "labels: painted.nii.gz", f"classes: {ORGANS}", "unlabelled: 0")
    found = examples(*lines, folder=tmp_path)
    (scan,) = found.scans
    np.testing.assert_array_equal(scan.target[::4], labels[::4])
    assert (scan.target[1::4] == IGNORED).all()
    assert found.every
    _, targets = batch_of(found, 8)
    assert ((targets >= 0).sum(axis=(1, 2, 3)) > 0).all()


def test_photographs_with_label_images(tmp_path):
    """2-D, in colours, of one size: trained on whole; of several sizes: cut."""
    cat = photograph("cat")
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for i in range(4):
        tile = np.ascontiguousarray(cat[:, 60 * i : 60 * i + 64])
        Image.fromarray(tile).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray((tile[..., 0] > 120).astype(np.uint8)).save(
            tmp_path / "labels" / f"{i}.png"
        )
    lines = ("images: images", "labels: labels", "classes: [dark, bright]")
    options = {"input": "3x32x32", "net": ("conv 2 k1",), "folder": tmp_path}
    found = examples(*lines, **options)
    assert found.unit == "images"
    assert found.shape == (3, 300, 64)
    assert found.counts == (2, 1, 1)
    assert found.describe() == "4 images of 300x64, 2 classes: dark, bright"
    images, targets = batch_of(found)
    np.testing.assert_array_equal(targets, images[:, 0] > 120)
    Image.fromarray(cat[:200, :99]).save(tmp_path / "images" / "0.png")
    Image.fromarray((cat[:200, :99, 0] > 120).astype(np.uint8)).save(tmp_path / "labels" / "0.png")
    cut = examples(*lines, **options)
    assert cut.unit == "patches"
    images, targets = batch_of(cut)
    assert images.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(targets, images[:, 0] > 120)
    padded = examples(*lines, "fit: pad 320x128", **options)
    assert padded.shape == (3, 320, 128)
    scan = padded.scans[0]
    assert (scan.target[:60] == IGNORED).all()
    np.testing.assert_array_equal(scan.target[60:260, 14:113], cat[:200, :99, 0] > 120)
    resized = examples(*lines, "fit: resize 32", **options).scans[1]
    assert resized.image.shape == (3, 32, 32)
    agree = (resized.image[0] > 120) == resized.target
    assert agree.mean() > 0.8


def test_slices_of_one_volume_are_not_strewn_over_the_parts(scans):
    lines = ("images: a_ct.nii.gz", "labels: a_seg.nii.gz")
    found = examples(*lines, input="1x50x60", folder=scans)
    train, validation, test = (
        [region.scan for region in found.regions(part)] for part in ("train", "validation", "test")
    )
    assert train == list(range(len(train)))
    assert test == list(range(32 - len(test), 32))
    apart = validation[0] - train[-1]
    assert apart == test[0] - validation[-1]
    assert 2 <= apart <= 4
    assert told(found)[0].startswith("the slices of a_ct.nii.gz are divided in their order: ")


# -- regression --


def test_without_labels_a_regression_gives_the_image_back(scans):
    lines = ("images: *_ct.nii.gz", "normalize: zscore")
    found = examples(*lines, task="regress", net=("conv 1",), folder=scans)
    assert found.classes == ()
    assert found.describe() == "4 scans of 32x50x60 (3 mm), with values to give"
    images, targets = batch_of(found)
    np.testing.assert_array_equal(images, targets)
    images, targets = batch_of(found, augment=parse_list("noise .5, flip"))
    assert 0.4 < (images - targets).std() < 0.6
    digit = examples("source: digits", task="regress", input="1x28x28", net=("conv 1",))
    assert digit.counts == (3500, 750, 750)


def test_targets_of_a_regression_go_the_way_of_the_image(scans, tmp_path):
    image, _, affine = crop()
    write_nifti(tmp_path / "in.nii.gz", image, affine)
    write_nifti(tmp_path / "out.nii.gz", image * 2, affine)
    lines = ("images: in.nii.gz", "labels: out.nii.gz", "normalize: zscore", "spacing: 6")
    found = examples(*lines, task="regress", net=("conv 1",), folder=tmp_path)
    (scan,) = found.scans
    assert scan.target.shape == (1, 16, 25, 30)
    way = scan.normalised
    raw = scan.image / way.gain + way.centre
    np.testing.assert_allclose(scan.target / way.gain + way.centre, raw * 2, atol=0.5)
    _, targets = batch_of(found)
    assert np.isnan(targets).any(), "patches of 24 reach beyond 16 slices"
    lines = ("images: in.nii.gz", "labels: out.nii.gz", "normalize: percentile")
    (scan,) = examples(*lines, task="regress", net=("conv 1",), folder=tmp_path).scans
    assert scan.target.max() > 1.5, "values beyond the image's are not cut off"


# -- from scripts --


def test_arrays_contents_and_datasets_of_torch(scans):
    image, labels, _ = crop()
    options = {"net": ("conv 9 k1",)}
    one = examples(given=(image, labels), **options)
    assert len(one.scans) == 1
    assert one.classes == tuple("012345678")
    assert "divided along y" in told(one)[0]
    several = examples(given=([image] * 3, [labels] * 3), **options)
    assert [len(several.regions(p)) for p in ("train", "validation", "test")] == [1, 1, 1]
    flat = examples(given=(image, labels), input="1x50x60", **options)
    assert len(flat.scans) == 32
    contents = examples(given=[abdomen()], **options)
    assert contents.classes[3] == "liver"
    assert contents.scans[0].units == ("mm",) * 3

    class Torch:
        """As torch datasets are: a length, and items by their number."""

        def __len__(self):
            return 4

        def __getitem__(self, index):
            import torch

            return torch.from_numpy(image[None].astype(np.float32)), torch.from_numpy(labels)

    found = examples(given=Torch(), **options)
    assert len(found.scans) == 4
    np.testing.assert_array_equal(found.scans[3].target, labels)
    assert load_examples(document(), found) is found
    assert examples(given=Contents(image), task="regress").classes == ()


def test_images_with_one_class_each(scans):
    images, labels = digits()
    options = {"task": "classify", "input": "1x28x28", "net": ("gap", "fc 10")}
    found = examples("source: digits", "normalize: minmax", **options)
    assert isinstance(found, Classified)
    assert found.counts == (3500, 750, 750)
    assert found.unit == "images"
    assert found.shape == (1, 28, 28)
    pairs = list(zip(images[::50, None], labels[::50], strict=True))
    for given in ((images[::50], labels[::50]), pairs):
        other = examples(given=given, **options)
        assert len(other.dataset) == 100
        assert other.classes == tuple("0123456789")
    batch, targets = batch_of(found, 5, augment=parse_list("shift 2"))
    assert batch.shape == (5, 1, 28, 28)
    assert targets.shape == (5,)
    assert found.signature != other.signature


def test_recordings_with_a_class_for_every_moment():
    rng = np.random.default_rng(0)
    loud = np.repeat(rng.integers(0, 2, (6, 20)), 50, axis=1)
    sound = rng.standard_normal((6, 1000)) * (0.1 + loud)
    found = examples(given=(sound, loud), input="1x200", net=("conv 2 k9",))
    assert found.describe() == "6 recordings of 1000, 2 classes: 0, 1"
    images, targets = batch_of(found)
    assert images.shape == (2, 1, 200)
    assert targets.shape == (2, 200)
    alone = examples(given=(sound[0], loud[0]), input="1x200", net=("conv 2 k9",))
    assert "divided along x" in told(alone)[0]


def test_scans_beyond_memory_go_to_disk(scans, monkeypatch):
    lines = ("images: *_ct.nii.gz", "labels: *_seg.nii.gz")
    inside = examples(*lines, folder=scans)
    monkeypatch.setattr(storing, "IN_MEMORY", 10**6)
    outside = examples(*lines, folder=scans)
    kinds = [isinstance(scan.image, np.memmap) for scan in outside.scans]
    assert kinds == [False, False, True, True]
    assert outside.signature == inside.signature
    for one, other in zip(batch_of(inside, 8), batch_of(outside, 8), strict=True):
        np.testing.assert_array_equal(one, other)
