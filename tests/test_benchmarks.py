"""The benchmarks measure what they say."""

import runpy
from pathlib import Path

import pytest

from napari_convnet.document import preset_text

ANALYSIS = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "analysis.py"))


@pytest.mark.parametrize("name", ["lenet5-1998", "resnet18", "googlenet-aux", "unet2d"])
def test_torchinfo_counts_the_parameters_that_we_count(name):
    """Both sides describe the same network: a shape per layer, and as many parameters."""
    ours = ANALYSIS["describe"](preset_text(name))
    theirs = ANALYSIS["by_torch"](preset_text(name))()
    assert theirs.total_params == sum(layer["parameters"] for layer in ours)
    ours_with_weights = [layer["output"] for layer in ours if layer["op"] in ("conv", "fc")]
    kinds = ("Conv2d", "Connected", "Linear")
    found = [one.output_size[1:] for one in theirs.summary_list if one.class_name in kinds]
    assert found == ours_with_weights


def test_edits_change_a_row():
    found = ANALYSIS["edits"](1)
    assert list(found)[::2] == ["first", "middle", "last"]
    assert all(spent > 0 for spent in found.values())
