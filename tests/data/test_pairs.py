"""Which files belong together, and what is told of those that do not."""

from pathlib import Path

import pytest

from napari_convnet.data.pairs import find_pairs
from napari_convnet.network import UserError


@pytest.fixture
def folder(tmp_path):
    """Two patients, each with a scan, labels and a further file."""
    for name in ("anna", "bert"):
        (tmp_path / name).mkdir()
        for file in (
            f"{name}_ct.nii.gz",
            f"{name}_seg.nii.gz",
            f"{name}/ct.nii",
            f"{name}/seg.nii",
        ):
            (tmp_path / file).write_bytes(b"x")
    (tmp_path / ".anna_ct.nii.gz").write_bytes(b"x")
    return tmp_path


def names(found):
    return [(pair.image.name, pair.target and pair.target.name) for pair in found.pairs]


def refusal(*args):
    with pytest.raises(UserError) as caught:
        find_pairs(*args)
    return str(caught.value)


def test_patterns_start_from_the_folder_that_one_is_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = find_pairs(Path(), "*_ct.nii.gz", "*_seg.nii.gz")
    assert [pair.image for pair in found.pairs] == [
        Path("anna_ct.nii.gz"),
        Path("bert_ct.nii.gz"),
    ]
    assert names(find_pairs(Path(), str(folder / "a*_ct.nii.gz"))) == [("anna_ct.nii.gz", None)]


def test_files_are_paired_by_the_text_under_the_star(folder):
    found = find_pairs(folder, "*_ct.nii.gz", "*_seg.nii.gz")
    assert names(found) == [
        ("anna_ct.nii.gz", "anna_seg.nii.gz"),
        ("bert_ct.nii.gz", "bert_seg.nii.gz"),
    ]
    assert names(find_pairs(folder, "an?a_ct.nii.gz", "an?a_seg.nii.gz")) == names(found)[:1]
    below = find_pairs(folder, "*/ct.nii", "*/seg.nii")
    assert [pair.target for pair in below.pairs] == [
        folder / name / "seg.nii" for name in ("anna", "bert")
    ]
    assert find_pairs(folder, str(folder / "*_ct.nii.gz"), str(folder / "*_seg.nii.gz")) == found
    assert names(find_pairs(folder, "*_ct.nii.gz")) == [
        ("anna_ct.nii.gz", None),
        ("bert_ct.nii.gz", None),
    ]


def test_an_image_without_labels_is_named_with_what_it_would_pair_with(folder):
    (folder / "bert_seg.nii.gz").unlink()
    assert refusal(folder, "*_ct.nii.gz", "*_seg.nii.gz") == (
        "1 of 2 images lacks labels: bert_ct.nii.gz (its labels would be bert_seg.nii.gz); "
        "add the labels, or move these images away"
    )
    for i in range(5):
        (folder / f"c{i}_ct.nii.gz").write_bytes(b"x")
    assert refusal(folder, "*_ct.nii.gz", "*_seg.nii.gz").startswith(
        "6 of 7 images lack labels: bert_ct.nii.gz (its labels would be bert_seg.nii.gz), "
        "c0_ct.nii.gz (its labels would be c0_seg.nii.gz), "
        "c1_ct.nii.gz (its labels would be c1_seg.nii.gz) and 3 more;"
    )


def test_labels_without_an_image_are_left_over(folder):
    (folder / "anna_ct.nii.gz").unlink()
    found = find_pairs(folder, "*_ct.nii.gz", "*_seg.nii.gz")
    assert found.spare == ("anna_seg.nii.gz",)
    assert len(found.pairs) == 1


def test_folders_pair_files_of_the_same_name(folder):
    for kind, suffix in (("images", ".tif"), ("labels", ".png")):
        (folder / kind).mkdir()
        for name in ("1", "2.5", "10"):
            (folder / kind / (name + suffix)).write_bytes(b"x")
    (folder / "labels" / "spare.png").write_bytes(b"x")
    found = find_pairs(folder, "images", "labels")
    assert sorted(names(found)) == [
        ("1.tif", "1.png"),
        ("10.tif", "10.png"),
        ("2.5.tif", "2.5.png"),
    ]
    assert found.spare == ("spare.png",)
    (folder / "labels" / "10.png").unlink()
    assert refusal(folder, "images", "labels") == (
        "1 of 3 images lacks labels: 10.tif (its labels would be labels/10); "
        "add the labels, or move these images away"
    )


def test_one_file_of_each(folder):
    found = find_pairs(folder, "anna_ct.nii.gz", "bert_seg.nii.gz")
    assert names(found) == [("anna_ct.nii.gz", "bert_seg.nii.gz")]
    assert refusal(folder, "ana_ct.nii.gz", "bert_seg.nii.gz") == (
        f"images: {folder}/ana_ct.nii.gz does not exist; did you mean anna_ct.nii.gz?"
    )
    assert "labels: " in refusal(folder, "anna_ct.nii.gz", "ber_seg.nii.gz")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            "*_ct.nii.gz",
            "anna_seg.nii.gz",
            "images: is a pattern, labels: a file: they cannot be paired; "
            "write two patterns, two folders or two files",
        ),
        (
            "anna",
            "*_seg.nii.gz",
            "images: is a folder, labels: a pattern: they cannot be paired; "
            "write two patterns, two folders or two files",
        ),
        (
            "*_c*.nii.gz",
            "*_seg.nii.gz",
            "images: *_c*.nii.gz has 2 * (or ?), labels: *_seg.nii.gz has 1; "
            "write as many in both: files are paired by the texts under them",
        ),
        ("*_mr.nii.gz", "*_seg.nii.gz", "images: no file fits *_mr.nii.gz; "),
        ("**/ct.nii", "**/seg.nii", "/**/ct.nii has **; write * for the name of each folder"),
        ("scan/*.nii", "*.nii", "/scan does not exist; "),
    ],
)
def test_what_cannot_be_paired(folder, images, labels, message):
    assert message in refusal(folder, images, labels)
