"""An edited text is analysed from the first row that changed, and as if it were new."""

import time
from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.document import draft
from napari_convnet.network import binding, walk

BLOCKS = [
    "pair(n, m=$n*2): conv $n relu conv $m",
    "skip(s): [conv 4, cat $s]",
    "deep(n): {res: [pair $n 8, conv 8]}",
]
ROWS = [
    "conv 4",
    "c: conv 8 bn relu",
    "d: {cat: [conv 4, [max k3 s1 p1, conv 2]]}",
    "res: conv 8",
    "g: [conv 3, {res: conv 4}]",
    "g: {x2: [conv 3, relu]}",
    "x2: [conv 4, bn]",
    "[conv 2, e: conv 3]",
    "pair 2",
    "e: pair 4 8 relu x2",
    "deep 5",
    "skip c",
    "cat c",
    "conv 2 cat c d",
    "side: [gap, fc 3]",
    "aux: {side: [conv 2]}",
    "max 2",
    "up 2",
    "cat: [conv 4 k4 same, id]",
    "conv 2 crop d",
    "w1: conv 1 k3",
    "rellu",
    "conv 4 k99 valid",
    "cat nowhere",
    "",
]

documents = st.builds(
    lambda size, blocks, rows, after: (
        "\n".join(
            [
                f"input: {size}",
                *(["blocks:", *(f"  {block}" for block in blocks)] if blocks and not after else []),
                "net:",
                *(f"  - {row}" for row in rows),
                *(["blocks:", *(f"  {block}" for block in blocks)] if blocks and after else []),
            ]
        )
        + "\n"
    ),
    st.sampled_from(["1x16x16", "3x16", "2x8x?", "1x13x10"]),
    st.lists(st.sampled_from(BLOCKS), unique=True, max_size=3),
    st.lists(st.sampled_from(ROWS), max_size=8),
    st.booleans(),
)


def same(edited, fresh):
    """Compare all that a pipeline says."""
    assert edited == fresh
    assert edited.network.layers == fresh.network.layers
    assert edited.network.ends == fresh.network.ends
    assert edited.network.aliases == fresh.network.aliases
    assert edited.warnings == fresh.warnings
    assert edited.problems == fresh.problems
    assert edited.rows == fresh.rows
    assert edited.block_rows == fresh.block_rows


@settings(max_examples=150, deadline=None)
@given(documents, st.data())
def test_an_edited_text_reads_like_a_new_one(text, data):
    pipeline = draft(text)
    for _ in range(3):
        lines = pipeline.text.split("\n")
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["row", "delete", "double", "letter", "swap"]))
        if how == "row":
            lines[at] = f"  - {data.draw(st.sampled_from(ROWS))}"
        elif how == "delete":
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "letter":
            column = data.draw(st.integers(0, len(lines[at])))
            letter = data.draw(st.sampled_from("a1 x:-k"))
            lines[at] = lines[at][:column] + letter + lines[at][column:]
        else:
            lines[at - 1], lines[at] = lines[at], lines[at - 1]
        pipeline = pipeline.edited("\n".join(lines))
        same(pipeline, draft(pipeline.text))


def hulls(network):
    """Receptive fields as the definition has them, in fractions."""
    rank = len(network.input.sizes)
    found = {"input": [(F(0), F(0), F(1))] * rank}
    for layer in network:
        axes = []
        for axis in range(rank if layer.fields else 0):
            pairs = zip(layer.inputs, layer.kind.steps(axis), strict=True)
            paths = [(found[name][axis], step) for name, step in pairs if step is not None]
            moved = [
                (
                    low + jump * (step.offset - step.reach / 2),
                    high + jump * (step.offset + step.reach / 2),
                    jump * step.ratio,
                )
                for (low, high, jump), step in paths
            ]
            assert len({jump for *_, jump in moved}) == 1
            axes.append((min(p[0] for p in moved), max(p[1] for p in moved), moved[0][2]))
        found[layer.name] = axes
    return {name: axes for name, axes in found.items() if axes and name != "input"}


@settings(max_examples=150, deadline=None)
@given(documents)
def test_a_network_is_a_graph(text):
    network = draft(text).network
    made = {"input": network.input.shape}
    for layer in network:
        assert layer.name.lower() not in made
        assert all(name in made for name in layer.inputs)
        assert network[layer.name] is layer
        incoming = [made[name] for name in layer.inputs]
        if not network.padding:
            assert layer.kind.output(*incoming) == layer.output
        made[layer.name] = layer.output
    assert network.end in made
    taken = {name for layer in network for name in layer.inputs}
    if network.layers:
        assert network.outputs[-1] == network.end
        assert set(network.outputs) == set(made) - taken - {"input"} | {network.end}
    fields = {v.name: [(f.low, f.high, f.jump) for f in v.fields] for v in network if v.fields}
    assert fields == hulls(network)
    for alias in network.aliases:
        assert network[alias].name in made
    for path, name in network.ends.items():
        assert name in made, path


LONG = "input: 1x32x32\nnet:\n" + "".join(f"  - c{i}: conv 4 bn relu\n" for i in range(300))


@pytest.mark.parametrize("row", [0, 1, 150, 299])
def test_only_what_follows_the_first_changed_row_is_analysed(row):
    pipeline = draft(LONG)
    edited = pipeline.edited(LONG.replace(f"c{row}: conv 4", f"c{row}: conv 5"))
    assert edited.analysis.reused == 3 * row
    old, new = pipeline.network.layers, edited.network.layers
    assert [a is b for a, b in zip(old, new, strict=True)] == [i < 3 * row for i in range(900)]


def test_what_stands_elsewhere_does_not_matter():
    pipeline = draft(LONG + "show: [c1]\n")
    assert pipeline.edited(LONG + "show: [c2]\ntrain:\n  epochs: 3\n").analysis.reused == 900
    assert pipeline.edited(LONG.replace("1x32", "2x32")).analysis.reused == 0
    assert pipeline.edited("blocks:\n  b: relu\n" + LONG).analysis.reused == 0


def test_a_text_that_cannot_be_read_forgets_nothing():
    pipeline = draft(LONG)
    broken = pipeline.edited(LONG + "  - [\n")
    assert not broken.network.layers
    assert broken.edited(LONG).analysis.reused == 900
    missing = pipeline.edited(LONG.replace("input", "imput"))
    assert missing.edited(LONG).analysis.reused == 900


def test_rows_behind_a_mistake_are_analysed_when_it_is_mended():
    pipeline = draft(LONG.replace("c100: conv", "c100: konv"))
    assert len(pipeline.network.layers) == 300
    mended = pipeline.edited(LONG)
    assert mended.analysis.reused == 300
    same(mended, draft(LONG))


def test_of_very_many_rows_not_all_are_marked(monkeypatch):
    monkeypatch.setattr(walk, "MOST_MARKS", 40)
    text = "input: 1x8\nnet:\n" + "  - conv 2\n" * 90
    edited = draft(text).edited(text.replace("  - conv 2\n", "  - conv 3\n", 1))
    assert edited.analysis.reused == 0
    again = edited.edited(edited.text[: -len("2\n")] + "4\n")
    assert again.analysis.reused == 87
    assert again == draft(again.text)
    assert again.edited(again.text + "title: same rows\n").analysis.reused == 90


def test_what_was_bound_is_forgotten_in_time(monkeypatch):
    binder = draft(LONG).analysis._binder
    assert binder.kept() is binder
    monkeypatch.setattr(binding, "MOST_BOUND", 2)
    assert binder.kept() is not binder
    same(draft(LONG).edited(LONG.replace("1x32", "2x32")), draft(LONG.replace("1x32", "2x32")))


def seconds(text):
    best = 9.0
    for _ in range(3):
        start = time.process_time()
        pipeline = draft(text)
        best = min(best, time.process_time() - start)
    assert not pipeline.problems
    return best


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "input: 1x32\nnet:\n" + "  - conv 2 relu\n" * n,
        lambda n: "input: 1x32\nnet:\n" + "".join(f"  - c{i}: conv 2 relu\n" for i in range(n)),
        lambda n: f"input: 1x32\nnet:\n  - x{n}: [conv 2, relu]\n",
        lambda n: f"input: 1x32\nnet:\n  - g: {{x{n}: [conv 2, res: relu]}}\n",
        lambda n: f"input: 1x32\nblocks:\n  cr: [conv 2, relu]\nnet:\n  - cr x{n}\n",
        lambda n: "input: 1x32\nnet:\n  - a: conv 2\n  - conv 2\n" + "  - conv 2 cat a\n" * n,
    ],
    ids=["rows", "named rows", "a group", "a named group", "blocks", "joins"],
)
def test_time_grows_with_the_network_and_no_faster(make):
    """Ten times the rows take ten times as long; were it quadratic, a hundred times."""
    assert seconds(make(2000)) < 40 * seconds(make(200))
