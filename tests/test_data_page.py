"""The page on data and training says what the program does, and all that it shows runs."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tifffile import imwrite

import napari_convnet as nc
from napari_convnet.data import load_examples, photograph, write_nifti
from napari_convnet.document import models

ROOT = Path(__file__).parents[1]
tool = runpy.run_path(str(ROOT / "tools" / "data.py"))
page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the page names: small ones."""
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    scans = [*(f"scans/{n}_{{}}.nii.gz" for n in "abcd"), "head{}.nii.gz"]
    for name in scans:
        size = (40, 60, 40) if name.startswith("head") else (24, 20, 22)
        labels = rng.integers(0, 3, size).astype(np.uint8)
        image = labels * 60.0 + rng.normal(0, 9, size) - 50
        affine = np.diag([2.0, 1.0, 1.0, 1.0])
        written = [name.format("" if "head" in name else "ct"), name.format("seg")]
        written[1] = written[1].replace("headseg", "head_tissues")
        write_nifti(tmp_path / written[0], image.astype(np.float32), affine)
        write_nifti(tmp_path / written[1], labels, affine)
    cells = photograph("coins")[:96, :96]
    imwrite(tmp_path / "cells.tif", cells)
    painted = np.zeros(cells.shape, np.uint8)
    painted[5:90:7], painted[6:90:7] = 1, 2
    imwrite(tmp_path / "cells_painted.tif", painted)
    for pet in ("cats", "dogs"):
        (tmp_path / "pets" / pet).mkdir(parents=True)
        for n in range(10):
            Image.fromarray(cells[n : n + 30, :40]).save(tmp_path / "pets" / pet / f"{n}.png")
    np.save(tmp_path / "stack.npy", np.stack([cells[n : n + 16, :16] for n in range(20)]))
    np.save(tmp_path / "stack_labels.npy", np.arange(20) % 2)
    return tmp_path


def test_the_page_is_the_one_that_the_tables_make() -> None:
    assert tool["page"]() == page, "run `make docs`"


def test_every_key_is_on_the_page() -> None:
    for section in (models.Data, models.Train):
        for key in section.model_fields:
            assert f"| `{key}` |" in page


def test_links_lead_somewhere() -> None:
    heads = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert set(re.findall(r"\]\(#([\w-]+)\)", page)) <= anchors
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/data.md" in readme
    assert "### Files that open" in readme


@pytest.mark.parametrize("text", tool["examples"](), ids=lambda text: text.split("\n")[0][7:])
def test_every_example_runs(folder, text) -> None:
    (folder / "net.yaml").write_text(text, encoding="utf-8")
    pipeline = nc.read(folder / "net.yaml")
    assert not pipeline.problems
    examples = load_examples(pipeline)
    assert min(examples.counts[0], examples.counts[2]) > 0
    images, targets = next(iter(examples.batches(2, 1, 0, pipeline.augment)))
    with torch.no_grad():
        outputs = pipeline.build(seed=1).eval()(torch.from_numpy(images))
    assert outputs.isfinite().all()
    if pipeline.train.task == "classify":
        assert outputs.shape == (2, len(examples.classes))
    else:
        assert outputs.shape[2:] == targets.shape[-len(examples.shape[1:]) :]


@pytest.mark.parametrize(("key", "setting"), tool["words"]())
def test_every_word_is_read_as_it_is_shown(key, setting) -> None:
    line = f"augment: {setting}" if key == "augment" else f"data:\n  {key[5:]}: {setting}"
    pipeline = nc.draft(f"input: 2x64x64\n{line}\nnet:\n  - gap\n")
    assert not pipeline.problems
