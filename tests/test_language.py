"""The language reference says what the program does, and all that it shows runs."""

import re
import runpy
from pathlib import Path

import pytest
import torch

import napari_convnet as nc
from napari_convnet.network import OPS

ROOT = Path(__file__).parents[1]
tool = runpy.run_path(str(ROOT / "tools" / "reference.py"))
page = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")


def test_the_page_is_the_one_that_the_ops_make():
    assert tool["page"]() == page, "run `make docs`"


def test_every_op_has_a_section():
    sections = re.findall(r"^#### (\w+)$", page, re.MULTILINE)
    assert sorted(sections) == sorted(OPS)


def test_links_lead_somewhere():
    heads = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {head.lower().replace(" ", "-") for head in heads}
    links = set(re.findall(r"\]\(#([\w-]+)\)", page))
    assert links <= anchors
    assert set(OPS) <= links
    assert "docs/language.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", tool["examples"]())
def test_every_example_runs(text):
    pipeline = nc.parse(text)
    assert not pipeline.warnings
    net = pipeline.build(seed=1).eval()
    with torch.no_grad():
        outputs = net.outputs(torch.rand(1, *pipeline.input))
    for layer in pipeline.network:
        assert tuple(outputs[layer.name].shape[1:]) == layer.output
        assert outputs[layer.name].isfinite().all()


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("word", OPS)
def test_the_example_of_an_op_runs_on_recordings_and_volumes(word, rank):
    size = "x".join(["8", *["12"] * rank])
    text = tool["document"](OPS[word].example, tool["BEFORE"].get(word, ()))
    if word in ("fc", "rbf"):
        text = text.replace(f"  - {word}", f"  - gap {word}")
    test_every_example_runs(text.replace(tool["INPUT"], size))
