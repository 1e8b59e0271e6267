"""Sizes that joins need: by how much an input grows, and what is cut off again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.document import draft, parse
from napari_convnet.network import Network
from napari_convnet.network.sizes import fitting, shown


def network(size: str, *rows: str) -> Network:
    lines = "".join(f"  - {row}\n" for row in rows)
    return parse(f"input: {size}\nnet:\n{lines}").network


def unet(depth: int, size: str) -> Network:
    down = [row for i in range(depth) for row in (f"e{i}: conv {i + 2} k3 relu", "max 2")]
    up = [row for i in reversed(range(depth)) for row in (f"tconv {i + 2}", f"cat e{i}")]
    return network(size, *down, "conv 4 k3", *up, "out: conv 2 k1")


@pytest.mark.parametrize(
    ("depth", "n", "larger"), [(1, 7, 8), (2, 13, 16), (4, 1, 16), (4, 48, 48)]
)
def test_a_unet_needs_multiples(depth: int, n: int, larger: int) -> None:
    assert fitting(unet(depth, "1x64x32").layers, (n, 32)) == (larger, 32)


@given(n=st.integers(1, 300), factors=st.lists(st.sampled_from([2, 3, 4]), min_size=1, max_size=3))
def test_the_least_multiple(n: int, factors: list[int]) -> None:
    product = 1
    for factor in factors:
        product *= factor
    down = [row for i, f in enumerate(factors) for row in (f"e{i}: relu", f"max {f}")]
    pairs = reversed(list(enumerate(factors)))
    up = [row for i, f in pairs for row in (f"up {f}", f"add e{i}")]
    layers = network(f"1x{4 * product}", *down, *up).layers
    assert fitting(layers, (n,)) == (-(-n // product) * product,)


def test_without_joins_any_size_stays() -> None:
    layers = network("1x32x32", "conv 2 k3", "max 2", "max 2", "up 4").layers
    assert fitting(layers, (13, 7)) == (13, 7)


def test_sizes_that_are_not_fixed() -> None:
    layers = unet(2, "1x?x32").layers
    assert fitting(layers, (None, 30)) == (None, 32)


def test_what_is_too_small_for_other_reasons_does_not_grow() -> None:
    layers = network("1x32", "res: conv 1 k3", "conv 2 k9 valid", "res: conv 2 k3").layers
    assert fitting(layers, (5,)) == (5,)


def test_a_crop_fits_every_size() -> None:
    layers = network("1x40", "a: conv 2 k3 valid", "max 2", "up 2", "conv 2 k9 full", "crop a")
    assert fitting(layers.layers, (33,)) == (33,)


def test_strides_of_both_paths_agree_on_every_size() -> None:
    layers = network("1x32", "res: conv 2 k3 s2 relu conv 2 k3").layers
    assert [fitting(layers, (n,)) for n in range(1, 9)] == [(n,) for n in range(1, 9)]


def test_paths_that_no_padding_brings_together() -> None:
    layers = network("1x32", "conv 2 k3", "a: relu", "conv 2 k3").layers
    assert fitting(layers, (32,), meet=("a", "conv-1")) == (32,)
    valid = network("1x32", "a: relu", "c: conv 2 k3 valid").layers
    assert fitting(valid, (32,), meet=("a", "c")) == (32,)


def test_paths_of_different_strides_meet_by_chance_only() -> None:
    layers = network("1x8", "max 2", "a: relu", "crop 1", "up 2", "add a").layers
    assert fitting(layers, (8,)) == (8,)
    assert fitting(layers, (7,)) == (7,)


def test_a_join_still_to_be_made() -> None:
    layers = network("1x31", "a: relu", "max 2", "c: up 2").layers
    assert fitting(layers, (31,), meet=("a", "c")) == (32,)


def test_what_the_padding_added_is_cut_off() -> None:
    net = unet(2, "1x64x64")
    # 61 pixels padded to 64: of the map of 16, three pixels are less than one of its own.
    assert shown(net["e0"].fields, (2, 64, 64), (3, 0)) == (2, 61, 64)
    assert shown(net["e1"].fields, (3, 32, 32), (3, 0)) == (3, 31, 32)
    assert shown(net["conv-1"].fields, (4, 16, 16), (3, 0)) == (4, 16, 16)
    assert shown(net["out"].fields, (2, 64, 64), (3, 1)) == (2, 61, 63)
    assert shown(None, (10,), (3, 1)) == (10,)


# ---------------------------------------------------------------- the nominal input

ODD = ["a: conv 2 k3", "max 2", "max 2", "conv 3 k3", "up 4", "cat a", "gap", "fc 3"]


def text(size: str, rows: list[str]) -> str:
    return f"input: {size}\nnet:\n" + "".join(f"  - {row}\n" for row in rows)


def test_a_nominal_input_that_joins_do_not_fit() -> None:
    pipeline = parse(text("1x30x16", ODD))
    net = pipeline.network
    assert net.padding == (2, 0)
    assert pipeline.input == (1, 30, 16)
    outputs = {layer.name: layer.output for layer in net}
    assert outputs["a"] == (2, 30, 16)
    assert outputs["max-2"] == (2, 8, 4)
    assert outputs["cat-1"] == (5, 30, 16)
    assert net["cat-1"].kind.incomings == ((2, 32, 16), (3, 32, 16))
    (warning,) = net.warnings
    assert str(warning) == (
        "line 8, column 5, layer cat-1: the paths into cat-1 do not meet on 1x30x16: the input is "
        "continued to 1x32x16 by its edge, and what that adds is cut off again; write input: "
        "1x32x16 where images may have that size"
    )


def test_several_joins_find_one_size_together() -> None:
    rows = [
        "a: relu",
        "max 2",
        "c: relu",
        "max 3",
        "up 3",
        "add c",
        "up 2",
        "add a",
        "res: max 5 up 5",
    ]
    net = parse(text("1x31", rows)).network
    assert net.padding == (29,)
    assert net["res-1"].output == (1, 31)
    assert fitting(net.layers, (31,)) == (60,)


def test_a_crop_finds_a_size_as_other_joins_do() -> None:
    """Else a document would refuse as its input what it takes as an image."""
    net = parse(text("1x31", ["a: conv 2 k3", "max 2", "up 2", "crop a", "cat a"])).network
    assert net.padding == (1,)
    assert net["crop-1"].output == (2, 31)
    assert fitting(net.layers, (31,)) == (32,)


def test_a_shortcut_of_another_size() -> None:
    net = parse(text("1x15", ["res: max 2 conv 1 k3", "conv 2 k3"])).network
    assert net.padding == (1,)
    assert [layer.name for layer in net][-4:] == [
        "res-1.proj.conv",
        "res-1.proj",
        "res-1",
        "conv-1",
    ]


def test_edits_to_and_from_such_an_input() -> None:
    plain = parse(text("1x30x16", ODD[:4]))
    assert plain.network.padding == ()
    for shorter, longer in (
        (plain.text, text("1x30x16", ODD)),
        (text("1x30x16", ODD[:7]), plain.text),
    ):
        edited = parse(shorter).edited(longer)
        new = parse(longer)
        assert edited.network.padding == new.network.padding
        assert edited.network.layers == new.network.layers
        assert edited.network.warnings == new.network.warnings


def test_what_does_not_meet_on_any_size_is_told_as_before() -> None:
    for rows in (["a: relu", "max 2", "cat a"], ["a: relu", "conv 1 k3 valid", "add a"]):
        problems = draft(text("1x31", rows)).problems
        assert len(problems) == 1
        assert "1x31" in problems[0].what
