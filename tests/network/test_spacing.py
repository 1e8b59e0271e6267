"""Receptive fields in mm and ms."""

import json

import pytest

from napari_convnet.cli import main
from napari_convnet.document import parse
from napari_convnet.network import Spacing, seen
from napari_convnet.network.explain import why

NET = "net:\n  - conv 4 k3 relu\n  - max 2\n  - out: conv 2 k3\n"


@pytest.mark.parametrize(
    ("steps", "units", "sizes", "text"),
    [
        ((3, 1, 1), ("millimeter",) * 3, (8, 8, 8), "24 × 8 × 8 mm"),
        ((1, 1), ("mm", "mm"), (8, 8), "8 mm"),
        ((0.0025, 0.0025), ("mm", "mm"), (8, 8), "20 µm"),
        ((650, 650), ("nm", "nm"), (8, 8), "5.2 µm"),
        ((1 / 22050,), ("second",), (22050,), "1 s"),
        ((1 / 22050,), ("second",), (129,), "5.85 ms"),
        ((1, 1 / 1000), ("pixel", "s"), (2, 8), "2 px × 8 ms"),
        ((1.0,), ("pixel",), (8,), "8 px"),
    ],
)
def test_lengths_as_one_says_them(steps, units, sizes, text):
    assert Spacing(steps, units).text(sizes) == text


def test_a_network_of_slices_sees_its_slices_too():
    network = parse("input: 5zx96x96\n" + NET).network
    assert seen(network, network["out"]) == (5, 8, 8)
    volumes = parse("input: 1x96x96x96\n" + NET).network
    assert seen(volumes, volumes["out"]) == (8, 8, 8)


def test_the_explanation_gives_both():
    network = parse("input: 1x96x96x96\n" + NET).network
    lines = why(network, "out", Spacing((3.0, 1.0, 1.0), ("mm",) * 3)).lines
    (line,) = [line for line in lines if "world" in line.what]
    assert (line.numbers, line.result) == ("8 × 3, 8 × 1, 8 × 1", "24 × 8 × 8 mm")
    assert not any("world" in line.what for line in why(network, "out").lines)


def test_the_command_line_gives_lengths(capsys):
    def said(*words):
        status = main(["describe", "ct-3d", *words])
        return status, *capsys.readouterr()

    assert "42x14x14 mm" in said("--spacing", "3x1x1")[1]
    layers = json.loads(said("--spacing", "2", "--json")[1])["layers"]
    assert layers[0]["receptive_field_mm"] == [6, 6, 6]
    status, _, error = said("--spacing", "1x2")
    assert (status, "3 axes" in error) == (2, True)
