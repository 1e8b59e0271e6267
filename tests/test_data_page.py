"""The page on data and training says what the program does, and all that it shows runs."""

import re
import runpy
from pathlib import Path

import pytest
import torch

import napari_convnet as nc
from napari_convnet.data import load_examples
from napari_convnet.document import models

ROOT = Path(__file__).parents[1]
tool = runpy.run_path(str(ROOT / "tools" / "data.py"))
page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


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
def test_every_example_runs(own_files, text) -> None:
    (own_files / "net.yaml").write_text(text, encoding="utf-8")
    pipeline = nc.read(own_files / "net.yaml")
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
