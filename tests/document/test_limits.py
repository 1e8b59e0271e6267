"""Documents made to hurt: huge numbers, deep nests, blocks that explode; all answered at once."""

import pytest

from napari_convnet.document import draft
from napari_convnet.network.analysis import MOST_LAYERS

from .test_mutations import at_once, check_problems, used

HEAD = "input: 1x32x32\n"
NET = HEAD + "net:\n"
MOST_CALLS = 60
"""As many times a block calls two of the next one: 2 to the 60th layers, were they made."""


def doubling(levels, body="{0} {0}"):
    """Blocks that call the next one twice."""
    lines = [f"  level{n}: {body.format(f'level{n + 1}')}\n" for n in range(levels)]
    return HEAD + "blocks:\n" + "".join(lines) + f"  level{levels}: relu\nnet:\n  - level0\n"


def nested(levels, head, tail):
    """Rows in rows, in brackets."""
    return f"{NET}  - {head * levels}relu{tail * levels}\n"


def rows(count, row):
    return NET + "".join(f"  - {row.format(n=n, before=n - 1)}\n" for n in range(count))


HURTING = {
    "blocks that double 30 times": doubling(30),
    "blocks that double 60 times": doubling(MOST_CALLS),
    "blocks that double in branches": doubling(30, "{{add: [{0}, {0}]}}"),
    "blocks that double in res": doubling(30, "{{res: [{0}, {0}]}}"),
    "blocks that double behind a default": doubling(30, "[{0}, {0} x3]"),
    "blocks that repeat each other": doubling(20, "{0} x99999"),
    "blocks that repeat groups": doubling(20, "{{x999: [{0}]}}"),
    "a ring of blocks": HEAD
    + "blocks:\n"
    + "".join(f"  ring{n}: ring{(n + 1) % 500}\n" for n in range(500))
    + "net:\n  - ring0\n",
    "every block calls every other": HEAD
    + "blocks:\n"
    + "".join(f"  b{n}x: {' '.join(f'b{m}x' for m in range(60))}\n" for n in range(60))
    + "net:\n  - b0x\n",
    "a thousand blocks": HEAD
    + "blocks:\n"
    + "".join(f"  block{n}(a=1): conv $a\n" for n in range(1000))
    + "net:\n  - rellu\n",
    "a thousand parameters": HEAD
    + f"blocks:\n  wide({', '.join(f'p{n}' for n in range(1000))}): conv $p0\nnet:\n  - wide 1\n",
    "numbers that grow from block to block": HEAD
    + "blocks:\n"
    + "".join(f"  g{n}row(a): g{n + 1}row $a*999999*999999\n" for n in range(30))
    + "  g30row(a): conv $a\nnet:\n  - g0row 999999999\n",
    "fractions that grow from block to block": HEAD
    + "blocks:\n"
    + "".join(f"  g{n}row(a): g{n + 1}row $a/999983/999979\n" for n in range(30))
    + "  g30row(a): drop $a\nnet:\n  - g0row .3\n",
    "deep res": nested(30, "{res: [", "]}"),
    "too deep res": nested(500, "{res: [", "]}"),
    "deep groups": nested(38, "[", "]"),
    "too deep groups that repeat": nested(18, "{x2: [", "]}"),
    "deep branches that double": nested(15, "{add: [relu, ", "]}"),
    "repeats of repeats": NET + "  - x9999: [x9999: [x9999: [x9999: [relu x9999]]]]\n",
    "a repeat of many digits": NET + f"  - relu x{'9' * 5000}\n",
    "more layers than may be": NET + f"  - relu x{MOST_LAYERS + 1}\n",
    "channels that grow": NET + "  - conv $in*1000 x100\n",
    "concatenations that double": NET + "  - cat: [relu, relu]\n" * 60,
    "sizes that grow": NET + "  - up 1000 x100\n",
    "a pad of a billion": NET + "  - conv 1 k1 p999999999 x9\n",
    "a kernel of a billion": NET + "  - conv 8 k999999999 full\n    \n",
    "a dilation of a billion": NET + "  - conv 8 k3 d999999999 full x9\n",
    "a named kernel of a million": NET + "  - c1: conv 8 k999999 full\n    w: gauss\n",
    "a named kernel on many maps": NET + "  - c1: conv 99999999\n    w: [gauss, box]\n",
    "a list of many kernels": NET + f"  - c1: conv 8\n    w: [{'gauss, ' * 9000}box]\n",
    "a kernel of many numbers": NET + f"  - c1: conv 8\n    w: [{'1 2 3 4 5, ' * 9000}1]\n",
    "many biases": NET + f"  - c1: conv 8\n    b: {'1 ' * 90000}\n",
    "a table of many connections": NET + f"  - c1: conv 8\n    connect: [{'[0, 1], ' * 5000}[0]]\n",
    "a connection far away": NET + "  - c1: conv 1\n    connect: [[999999999]]\n",
    "many names to join": NET + f"  - e1: relu\n  - relu\n  - cat {'e1 ' * 50000}\n",
    "many mistyped names": NET + "  - e1: relu\n  - relu\n" + "  - cat e11\n" * 3000,
    "many rows alike": rows(2000, "n{n}: relu"),
    "many rows named twice": NET + "  - n1: relu\n" * 3000,
    "many mistyped rows": NET + "  - rellu\n" * 9000,
    "many references to what is not there": rows(3000, "n{n}: cat m{n}"),
    "a name of many letters": NET + f"  - {'n' * 200_000}: relu\n",
    "a line of many wrong words": NET + f"  - {'rellu ' * 60000}\n",
    "arithmetic of many brackets": NET + f"  - conv {'(' * 25}$in{')' * 25}\n",
    "arithmetic of huge numbers": NET + f"  - conv $in*{'9' * 50}\n",
    "arithmetic far below zero": NET + "  - conv $in-99999999999999999999\n",
    "a huge exponent": NET + "  - drop 1e-999999999\n  - leaky 1e999999999\n",
    "an input of many digits": f"input: 1x{'9' * 5000}\nnet:\n  - relu\n",
    "an input of the most": "input: 10000000x10000000x10000000\nnet:\n  - conv 10000000 flatten\n",
    "many slices": "input: 9999999zx9x9\nnet:\n  - conv 8\n",
    "many names to show": NET + f"  - relu\nshow: [{', '.join(f's{n}' for n in range(9000))}]\n",
    "many classes": NET + f"  - relu\ndata:\n  classes: [{', '.join(map(str, range(9000)))}]\n",
    "many keys": NET + "  - relu\n" + "".join(f"k{n}: 1\n" for n in range(9000)),
    "many quotes": NET + "  - relu\ntitle: " + '"' * 300_001 + "\n",
    "many brackets": NET + "  - " + "[" * 100_000 + "\n",
    "many remarks": NET + "  - relu\n" + "# x\n" * 200_000,
    "too large": NET + "  - relu\n" + "# remark\n" * 200_000,
    "no text": "\x00" * 1000,
}


LARGE = {
    "groups in groups": nested(15, "{x2: [", "]}"),
    "a line of many words": NET + f"  - {'relu ' * 60000}\n",
    "blocks": HEAD + "blocks:\n  two(a): conv $a relu\nnet:\n  - two 8 x50000\n",
    "branches": NET + "  - x999: [{cat: [[conv 8, relu], [res: relu], max 3 s1 p1]}, conv 8]\n",
}
"""Networks of tens of thousands of layers, which are no mistake."""


@pytest.mark.parametrize("name", LARGE)
def test_a_large_network_takes_its_time_but_no_more(name):
    pipeline = at_once(lambda: draft(LARGE[name]), seconds=10)
    assert list(map(str, pipeline.problems)) == []
    assert len(pipeline.network) > 5000
    assert 0 < len(draft(pipeline.text.replace("relu", "rellu")).problems) < 3


@pytest.mark.parametrize("name", HURTING)
def test_what_is_made_to_hurt_is_answered_at_once(name):
    draft(NET + "  - conv 8\n    w: gauss\n")  # What is made once only is not measured.
    pipeline = at_once(lambda: draft(HURTING[name]))
    used(pipeline)
    assert len(pipeline.network) <= MOST_LAYERS
    check_problems(pipeline)
