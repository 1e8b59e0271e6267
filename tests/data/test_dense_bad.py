"""Scans and labels that cannot be trained on, each with its message; what is odd, with its note."""

import numpy as np
import pytest
from PIL import Image

from napari_convnet.data import data_problems, write_nifti

from .dense_documents import ORGANS, crop, document, examples, refused, told, write_scans

CT, SEG = "images: ct.nii.gz", "labels: seg.nii.gz"


@pytest.fixture
def folder(tmp_path):
    """A scan and its labels, to be spoilt."""
    image, labels, affine = crop()
    write_nifti(tmp_path / "ct.nii.gz", image, affine)
    write_nifti(tmp_path / "seg.nii.gz", labels, affine, labels=True)
    return tmp_path


def test_labels_outside_the_classes(folder):
    assert refused(CT, SEG, "classes: [air, bone, muscle]", folder=folder) == (
        "seg.nii.gz has values outside the 3 classes (0 to 2): 5 (3 voxels), 6 (15,119 voxels) and "
        "8 (2,396 voxels); name every class in classes:, from 0, "
        "or write unlabelled: with what does not count"
    )
    painted = refused(CT, SEG, "classes: [bone, muscle]", "unlabelled: 0", folder=folder)
    assert "has values outside the 2 classes (1 to 2): 5 (3 voxels)" in painted
    assert "name every class in classes:, from 1" in painted
    _, labels, affine = crop()
    many = labels.astype(np.int16)
    many[0, 0, :8] = np.arange(20, 28)
    write_nifti(folder / "seg.nii.gz", many, affine, labels=True)
    assert "24 (1 voxel) and 3 more;" in refused(CT, SEG, f"classes: {ORGANS}", folder=folder)
    many[0, 0, :8] = -3
    write_nifti(folder / "seg.nii.gz", many, affine)
    assert refused(CT, SEG, folder=folder) == (
        "seg.nii.gz has values that number no class: -3 (8 voxels); number them from 0"
    )


def test_labels_that_are_no_whole_numbers(folder):
    _, labels, affine = crop()
    write_nifti(folder / "seg.nii.gz", labels * np.float32(0.5), affine)
    message = refused(CT, SEG, folder=folder)
    assert message.startswith("seg.nii.gz holds ")
    assert message.endswith(
        "values that are no whole numbers, such as 0.5; "
        "save them as whole numbers from 0, one for each class"
    )
    spoilt = labels.astype(np.float32)
    spoilt[3, 4, 5] = np.nan
    write_nifti(folder / "seg.nii.gz", spoilt, affine)
    assert "holds 1 values that are no whole numbers, such as nan" in refused(
        CT, SEG, folder=folder
    )


def test_images_and_labels_that_lie_apart(folder):
    _, labels, affine = crop()
    affine[0, 3] += 9
    write_nifti(folder / "seg.nii.gz", labels, affine, labels=True)
    message = refused(CT, SEG, folder=folder)
    assert message.startswith(
        "ct.nii.gz and seg.nii.gz do not lie in the same place: voxels of the same index are up to "
        "9 mm apart. ct.nii.gz: 32x50x60 voxels of 3 x 3 x 3 mm (z, y, x), from "
    )
    assert message.endswith(
        "; add align: labels to data: to resample them, or choose those that belong to it"
    )
    write_nifti(folder / "seg.nii.gz", labels[1:], affine, labels=True)
    assert "32x50x60 voxels against 31x50x60" in refused(CT, SEG, folder=folder)
    far = affine.copy()
    far[0, 3] += 1000
    write_nifti(folder / "seg.nii.gz", labels, far, labels=True)
    message = refused(CT, SEG, "align: labels", folder=folder)
    assert message.startswith("seg.nii.gz and ct.nii.gz do not overlap: 32x50x60 voxels of 3 x 3")
    assert message.endswith("; choose those that belong together")
    np.save(folder / "seg.npy", labels[:, 1:])
    assert refused(CT, "labels: seg.npy", folder=folder) == (
        "seg.npy has 32x49x60 voxels, and ct.nii.gz has 32x50x60; "
        "give labels of the same size, one for each voxel"
    )


def test_masks_without_anything(folder):
    _, labels, affine = crop()
    write_nifti(folder / "seg.nii.gz", labels * 0, affine, labels=True)
    assert refused(CT, SEG, folder=folder) == (
        "no voxel is labelled with a class other than the first (ct.nii.gz); "
        "choose labels with a foreground, numbered from 1"
    )
    assert refused(CT, SEG, "unlabelled: 0", folder=folder) == (
        "nothing is labelled: every voxel is 0; paint or label some of each class"
    )
    write_scans(folder)
    write_nifti(folder / "b_seg.nii.gz", labels * 0, affine, labels=True)
    lines = ("images: ?_ct.nii.gz", "labels: ?_seg.nii.gz")
    found = examples(*lines, folder=folder)
    assert "no voxel of a class other than the first in b_ct.nii.gz" in told(found)
    assert len(found.scans) == 4
    painted = examples(*lines, "unlabelled: 0", folder=folder)
    assert "b_ct.nii.gz: left out: nothing in it is labelled" in told(painted)
    assert [scan.name[0] for scan in painted.scans] == ["a", "c", "d"]


def test_a_part_without_labels(folder):
    _, labels, affine = crop()
    only = np.zeros_like(labels)
    only[5:8] = labels[5:8] + 1
    write_nifti(folder / "seg.nii.gz", only, affine, labels=True)
    found = examples(CT, SEG, "unlabelled: 0", "regions: z gap 0", folder=folder)
    assert told(found)[0].startswith("ct.nii.gz is divided along z, bottom to top: training z 0 to")
    only[6:] = 0
    write_nifti(folder / "seg.nii.gz", only, affine, labels=True)
    assert refused(CT, SEG, "unlabelled: 0", "regions: z gap 0", folder=folder) == (
        "3 regions do not fit into the 1 voxels of the axis with labels; "
        "write another axis, label more, or split: 100/0 to train on all of it"
    )
    # Of themselves regions lie along the axis on which there are labels.
    alone = examples(CT, SEG, "unlabelled: 0", folder=folder)
    assert "ct.nii.gz is divided along y" in told(alone)[0]
    assert all(alone.counts)
    everything = examples(CT, SEG, "unlabelled: 0", "split: 100/0", folder=folder)
    assert everything.counts[1:] == (0, 0)


def test_images_with_nan_or_all_alike(folder):
    image, _, affine = crop()
    spoilt = image.astype(np.float32)
    spoilt[3, 4, 5:8] = np.nan
    write_nifti(folder / "ct.nii.gz", spoilt, affine)
    assert refused(CT, SEG, folder=folder) == (
        "ct.nii.gz has 3 NaN or infinite values of 96000 (the first at channel 0, z 3, y 4, x 5); "
        "replace them first, for example with numpy.nan_to_num(image)"
    )
    write_nifti(folder / "ct.nii.gz", image * 0 + 7, affine)
    found = examples(CT, SEG, "normalize: zscore", folder=folder)
    assert any("ct.nii.gz: all of its values are 7" in note for note in told(found))
    assert not found.scans[0].image.any()


def test_volumes_of_one_slice(folder):
    image, labels, affine = crop()
    write_nifti(folder / "ct.nii.gz", image[:1], affine)
    write_nifti(folder / "seg.nii.gz", labels[:1], affine, labels=True)
    assert refused(CT, SEG, folder=folder) == (
        "ct.nii.gz is a single slice (1x50x60), and the network's input 1x24x24x24 is for volumes; "
        "write input: 1x50x60 for images, or 5zx50x60 for slices"
    )
    assert examples(CT, SEG, input="1x24x24", folder=folder).scans[0].image.shape == (1, 50, 60)
    slices = examples(CT, SEG, input="5zx24x24", folder=folder)
    images, _ = next(slices.batches(1, 0, 0))
    np.testing.assert_array_equal(images[0, 0], images[0, 4])


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (
            ("source: abdomen", "regions: z gap 60"),
            {},
            "3 regions with gaps of 60 voxels do not fit into the 112 voxels of the axis with "
            "labels; write a smaller gap or another axis in regions:, label more, "
            "or split: 100/0 to train on all of it",
        ),
        (
            ("source: abdomen", "regions: t"),
            {},
            "regions: t is no axis of these scans; write z, y or x",
        ),
        (
            ("source: abdomen", "patches: 24x24"),
            {},
            "patches: 24x24 has 2 sizes, and the input has 3 axes; "
            "write one size, or 3 joined by x",
        ),
        (
            ("source: head", "classes: [a, b]"),
            {},
            "source: head has 3 classes, and classes: names 2; "
            "name them all, or leave classes: out",
        ),
        (
            ("source: digits",),
            {"input": "1x28x28"},
            "source: digits has one class for each of its images, not one for every pixel; "
            "write task: classify in train:",
        ),
        (
            ("source: head",),
            {"task": "classify", "net": ("gap", "fc 3")},
            "source: head has a class for every voxel, not one for the image; "
            "write task: segment in train:",
        ),
        (
            ("source: digits", "spacing: 1"),
            {"task": "classify", "input": "1x28x28", "net": ("gap", "fc 10")},
            "spacing: is for a target at every voxel; images here have one class each; "
            "leave spacing: out, or write task: segment in train:",
        ),
        (
            ("source: digits", "patches: 8"),
            {"task": "classify", "input": "1x28x28", "net": ("gap", "fc 10")},
            "patches: cuts scans and recordings; images with one class each are taken whole; "
            "leave patches: out",
        ),
        (
            (CT,),
            {},
            "images: ct.nii.gz has no labels; "
            "add labels: with a label for every voxel: a pattern, folder or file",
        ),
        (
            ("normalize: zscore",),
            {},
            "the document names no images to train on; "
            "add data: with source: head, or images: and labels: with files of both",
        ),
        (
            ("source: head", CT, SEG),
            {},
            "data: has both source: and images:; keep one of them",
        ),
        (
            ("source: abdomen",),
            {"input": "2x24x24x24"},
            "abdomen is gray (1 channel of 112x101x122); "
            "the network's input 2x24x24x24 wants 2 channels; "
            "change the document's input to 1x112x101x122",
        ),
    ],
)
def test_what_a_document_cannot_mean(folder, lines, options, message):
    assert refused(*lines, folder=folder, **options) == message


def test_a_network_of_slices_wants_volumes():
    image = np.zeros((30, 30))
    assert refused(given=(image, image.astype(int)), input="5zx16x16") == (
        "the image is one image (30x30), and the network takes slices; "
        "write input: 1x16x16, or give volumes"
    )


def test_label_images_in_colours(folder):
    for name, array in (("image", np.zeros((40, 40), np.uint8)), ("labels", np.zeros((40, 40, 3)))):
        Image.fromarray(array.astype(np.uint8)).save(folder / f"{name}.png")
    lines = ("images: image.png", "labels: labels.png")
    assert refused(*lines, input="1x32x32", folder=folder) == (
        "labels.png is a picture in colours; save them as a gray image whose values are the classes"
    )


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (
            ([np.zeros((9, 9))] * 2, [np.zeros((9, 9), int)]),
            {},
            "there are 2 images and 1 targets; give one target per image, in the same order",
        ),
        (
            3,
            {},
            "cannot train on int; "
            "give images and targets as two arrays, pairs of Contents, or a torch dataset",
        ),
        (
            (np.zeros((9, 9)), np.zeros((9, 8), int)),
            {},
            "the label image has 9x8 voxels, and the image has 9x9; "
            "give labels of the same size, one for each voxel",
        ),
        (
            np.zeros((9, 9)),
            {},
            "there are images without labels; give a label for every voxel",
        ),
        (
            [np.zeros((9, 9))],
            {},
            "item 0 of the dataset is not an image and its target; "
            "let its __getitem__ return two things",
        ),
        (
            (np.zeros((4, 9, 9)), np.zeros((3, 9, 9), int)),
            {},
            "the image holds 4 images, and the label image has 3x9x9 voxels; "
            "give a target of the same size for each image",
        ),
        ([], {}, "there are no scans to train on; name one or more in images:"),
        (
            [],
            {"task": "classify", "net": ("gap", "fc 2")},
            "the dataset is empty; give one or more images per class",
        ),
    ],
)
def test_what_a_script_cannot_give(given, options, message):
    assert refused(given=given, input="1x8x8", **options) == message


def test_a_check_tells_where_without_reading_an_image(folder):
    def keys(*lines, **options):
        found = document(*lines, folder=folder, **options)
        return [(key, str(error)) for key, error in data_problems(found)]

    assert keys(CT, SEG) == []
    assert [key for key, _ in keys(CT)] == ["data.images"]
    assert "did you mean seg.nii.gz?" in keys(CT, "labels: sg.nii.gz")[0][1]
    assert keys("source: digits", input="1x28x28")[0][0] == "data.source"
    assert keys("source: digits", "regions: y", task="classify", input="1x28x28")[0][0] == "data"
