"""The presets as texts: listed, readable, right. Their numbers are tested in tests/network."""

import runpy
from pathlib import Path

import pytest

from napari_convnet.document import preset, preset_text, presets
from napari_convnet.document.presets import FAMILIES
from napari_convnet.network import UserError

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in presets()]


def test_presets_are_listed_by_family():
    listed = [(family, name) for family, names in FAMILIES.items() for name in names.split()]
    assert [(one.family, one.name) for one in presets()] == listed
    assert len(set(NAMES)) == len(NAMES)


def test_the_list_in_the_docs_is_the_one_that_the_presets_make():
    tool = runpy.run_path(str(ROOT / "tools" / "presets.py"))
    page = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")
    assert tool["page"]() == page, "run `make docs`"
    assert "docs/presets.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_presets_have_titles_of_their_own():
    titles = [one.title for one in presets()]
    assert len(set(titles)) == len(titles)
    for one in presets():
        assert 5 < len(one.title) <= 62
        assert "#" not in one.title
        assert preset(one.name).title == one.title


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_right(name):
    pipeline = preset(name)
    assert not pipeline.problems
    # No paths are misaligned at a join, and no parameter of a block is idle.
    assert not pipeline.warnings
    assert pipeline.path is None
    assert pipeline.network.totals.parameters > 0
    assert pipeline.network.totals.macs > 0
    assert {name.lower() for name in pipeline.show} <= {
        layer.name.lower() for layer in pipeline.network
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_fits_a_page(name):
    lines = preset_text(name).splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 80
    assert all(line.strip() for line in lines)


def test_vgg16_is_fifteen_lines():
    assert len(preset_text("vgg16").splitlines()) == 15


def test_the_ct_is_one_text_for_slices_and_for_volumes():
    flat, deep = (preset_text(name).splitlines() for name in ("ct-2.5d", "ct-3d"))
    assert [a for a, b in zip(flat, deep, strict=True) if a != b] == flat[:2]
    assert preset("ct-2.5d").network.input.slices
    assert preset("ct-3d").network.output == (9, 96, 96, 96)


def test_auxiliary_heads_are_further_outputs():
    for name in ("googlenet", "googlenet-torchvision"):
        plain, full = preset(name).network, preset(f"{name}-aux").network
        assert plain.outputs == (plain.end,)
        assert len(full.outputs) == 3
        assert full.outputs[-1] == full.end
        assert all(full[head].output == (1000,) for head in full.outputs)
        main = [layer for layer in full if not layer.name.startswith("side")]
        assert [layer.parameters for layer in main] == [layer.parameters for layer in plain]


def test_unknown_presets():
    with pytest.raises(UserError, match=r'there is no preset "vgg17"; did you mean vgg1\d\?'):
        preset("vgg17")
    with pytest.raises(UserError, match='no preset "quux"; napari-convnet presets lists them'):
        preset_text("quux")
    with pytest.raises(UserError, match="there is no preset"):
        preset("../pipeline")
