"""Right documents at random, with blocks and branches, and ways to make documents wrong."""

import random
import re

from hypothesis import strategies as st

from napari_convnet.document import preset_text, presets
from napari_convnet.network.grammar import FLAGS
from napari_convnet.network.items import ROW_KEYS, STRUCTURES
from napari_convnet.network.ops import OPS

# ---------------------------------------------------------------- right ones

CALLS = (
    "conv 4 k3 relu",
    "conv 6 k1 nobias bn",
    "conv $in*2 k5 leaky .1",
    "conv 8 k3x5 reflect prelu",
    "conv 4 k3 d2 circular elu",
    "dw 3 relu 6",
    "sep 8 k3 silu",
    "local 2",
    "max 3 s1 p1",
    "avg 3 s1 p1",
    "max 2 up 2",
    "conv 4 s2 tconv 4",
    "inorm gelu",
    "gn 1 hardswish",
    "ln lrn 5",
    "drop .2 id",
    "conv 4 k4 same tanh",
)
"""Lines that keep the size of a map of 8 x 12, whatever its channels."""

SECTIONS = (
    "data:\n  images: a/*.png\n  classes: [cat, dog]\n  split: 70/15/15\n",
    "data: {source: digits, normalize: percentile .5 99.5}\naugment: flip y .5, rotate 15\n",
    "weights: runs/a@best\ntrain:\n  optimizer: sgd lr .1 momentum .9\n  seed: 3\n",
    "title: \"Nets: 'quoted'\"  # a remark\n",
    "",
)

BLOCKS = {
    "two(a, b=4)": ("conv $a k3 bn relu conv $b k3", ["two 4", "two 4 6", "two b=2 a=$in"]),
    "stem": (["s: conv 4", "relu", "add s"], ["stem"]),
    "wide(n)": ({"res": ["conv $in*$n/$n k1", "two $in $in"]}, ["wide 2"]),
    "skip(x)": (["conv 4", "cat $x"], []),
}
"""Blocks, their bodies, and calls of them."""


@st.composite
def documents(draw):
    """A right document: rows in rows, branches, blocks, references; all maps 8 x 12."""
    return made(lambda of: draw(st.sampled_from(of)))


def made(pick):
    """Make a document; `pick` chooses from lists."""
    writer = _Writer(pick)
    rows = [writer.row(depth=0) for _ in range(pick([1, 2, 3, 4]))]
    if pick([False, True]):
        rows.append("out: gap fc 3 softmax")
    lines = ["input: 2x8x12", "blocks:"]
    for key, (body, _) in BLOCKS.items():
        lines += writer.written(f"  {key}:", body, 4)
    lines.append("net:")
    for row in rows:
        lines += writer.item(row, 2)
    return "\n".join(lines) + "\n" + pick(SECTIONS)


class _Writer:
    """Draws rows, and writes them as YAML."""

    def __init__(self, pick):
        self.pick = pick
        self.names = 0
        self.seen = []
        self.calls = [*CALLS, *(call for _, calls in BLOCKS.values() for call in calls)]

    def name(self):
        self.names += 1
        return f"n{self.names}"

    # ------------------------------------------------------------ rows
    def row(self, depth):
        kinds = ["line", "line", "named", "named"]
        if depth < 3:
            kinds += ["group", "repeat", "res", "add", "cat", "side"]
        if self.seen and depth == 0:
            kinds += ["reference", "call"]
        return getattr(self, f"_{self.pick(kinds)}")(depth)

    def rows(self, depth):
        return [self.row(depth + 1) for _ in range(self.pick([1, 2, 3]))]

    def _line(self, depth):
        return self.pick(self.calls) + self.pick(["", "", " x2"])

    def _named(self, depth):
        name = self.name()
        row = {name: self.pick(CALLS)}
        if self.pick([False, True]):
            row = {name: "conv 4 k3 relu", **self.pick(EXTRAS)}
        if depth == 0:
            self.seen.append(name)
        return row

    def _group(self, depth):
        return {self.name(): self.rows(depth)}

    def _repeat(self, depth):
        # A name inside would be there twice.
        return {"x2": [self.pick(self.calls), {"res": self.pick(CALLS)}]}

    def _res(self, depth):
        return {"res": self.pick([self.pick(self.calls), self.rows(depth)])}

    def _side(self, depth):
        return {"side": [*self.rows(depth), "gap", "fc 2"]}

    def _cat(self, depth):
        return {self.name(): {"cat": [self._line(depth), self.rows(depth)]}}

    def _add(self, depth):
        return {"add": [["conv 4 k1"], [*self.rows(depth), "conv 4"], "conv 4"]}

    def _reference(self, depth):
        word = self.pick(["cat", "crop"])
        return f"relu {word} {self.pick(self.seen)}"

    def _call(self, depth):
        return f"skip {self.pick(self.seen)}"

    # ------------------------------------------------------------ text
    def item(self, row, indent):
        dash = " " * indent + "-"
        if isinstance(row, str):
            return [f"{dash} {row}"]
        if isinstance(row, list):
            return [f"{dash} {_flow(row)}"]
        lines = []
        for key, value in row.items():
            lines += self.written(" " * (indent + 2) + f"{key}:", value, indent + 4)
        return [dash + lines[0][indent + 1 :], *lines[1:]]

    def written(self, head, value, indent):
        if isinstance(value, str):
            return [f"{head} {value}"]
        if self.pick([False, False, True]):
            return [f"{head} {_flow(value)}"]
        if isinstance(value, dict):
            lines = [head]
            for key, inner in value.items():
                lines += self.written(" " * indent + f"{key}:", inner, indent + 2)
            return lines
        return [head, *(line for row in value for line in self.item(row, indent))]


def _flow(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}"


EXTRAS = (
    {"w": "gauss"},
    {"w": ["box", "gauss", "sobel_x", "line_v"], "b": "0"},
    {"freeze": "true", "note": "why: because"},
)
EXTRAS = tuple({k: f'"{v}"' if ":" in v else v for k, v in one.items()} for one in EXTRAS)

# ---------------------------------------------------------------- wrong ones

SMALL = [made(random.Random(seed).choice) for seed in range(300)]
"""Documents made once: drawing from these is faster than making them anew."""
BIG = [preset_text(one.name) for one in presets()]

WORDS = (
    *OPS,
    *FLAGS,
    *STRUCTURES,
    *ROW_KEYS,
    *"k3 k2 k99 s2 s0 p1 d2 g2 g3 m2 o1 x2 x0 x9999 3x3 5x5x5 $in $in*2 $in/3 $in/0 $a $b".split(),
    *"b=2 c=4 two stem wide skip input n1 n2 two-1 n1.conv all $x -1 0 1.5 1e9 ? [] {} ~".split(),
    *"[conv 4] {res: relu} - : # , & * ! | > % @ ` ' \"".split(" "),
)
KEYS = (
    *"title input data augment blocks net weights train show epochs loss split source".split(),
    *STRUCTURES,
    *ROW_KEYS,
    *"x2 x0 n1 n2 conv two two(a) two(a,b=1) two( wide(n) wide(n,n) stem() up(a=1,b) ? -".split(),
)
NUMBERS = (
    *"0 -1 1 2 3 4 7 16 99 400 200001 1e9 99999999999 1e400 .5 1.5 nan inf 0x10 1_000 ٣".split(),
    "9" * 400,
)
CHARACTERS = "0123456789$()[]{}:#-'\"\n \t,*&!|>%@`x?~=._aA½é\r\x00\x85\u2028\ufeff"


def _choice(draw, items):
    return items[draw(st.integers(0, len(items) - 1))]


def _characters(draw, text):
    at = draw(st.integers(0, len(text)))
    new = _choice(draw, ("", *CHARACTERS))
    return text[:at] + new + text[at + draw(st.integers(0, 2)) :]


def _tokens(draw, text):
    parts = re.split(r"(\s+)", text)
    at, other = (draw(st.integers(0, len(parts) - 1)) for _ in range(2))
    how = draw(st.integers(0, 4))
    if how < 2:
        parts[at] = _choice(draw, WORDS)
    elif how == 2:
        parts[at], parts[other] = parts[other], parts[at]
    elif how == 3:
        parts[at] += " " + parts[other]
    else:
        parts[at] = ""
    return "".join(parts)


def _lines(draw, text):
    lines = text.split("\n")
    at, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    how = draw(st.integers(0, 4))
    if how == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif how == 1:
        lines.insert(at, lines[other])
    elif how == 2:
        lines[at] += lines[other]
    elif how == 3:
        lines[at : other + 1] = []
    else:
        lines[at] = lines[at].strip()
    return "\n".join(lines)


def _indents(draw, text):
    lines = text.split("\n")
    first = draw(st.integers(0, len(lines) - 1))
    shift = _choice(draw, (-4, -2, -1, 1, 2, 3, 4, 50))
    for at in range(first, min(first + draw(st.integers(1, 5)), len(lines))):
        line = lines[at]
        lines[at] = " " * shift + line if shift > 0 else line[min(-shift, _indent(line)) :]
    return "\n".join(lines)


def _indent(line):
    return len(line) - len(line.lstrip(" "))


def _keys(draw, text):
    found = list(re.finditer(r"([^\s:\[{,]+)(:)([^\n]*)", text))
    if not found:
        return text
    match = _choice(draw, found)
    group = draw(st.integers(1, 3))
    new = _choice(draw, KEYS) if group == 1 else _choice(draw, ("", " ", ": ", " []", " x"))
    return text[: match.start(group)] + new + text[match.end(group) :]


def _numbers(draw, text):
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text
    match = _choice(draw, found)
    return text[: match.start()] + _choice(draw, NUMBERS) + text[match.end() :]


EDITS = {
    "characters": _characters,
    "tokens": _tokens,
    "lines": _lines,
    "indents": _indents,
    "keys": _keys,
    "numbers": _numbers,
}
"""Ways to make a text wrong."""


@st.composite
def mutations(draw, edits, texts):
    """A text of `texts`, changed one to three times in one of the ways of `edits`."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        text = EDITS[_choice(draw, edits)](draw, text)
    return text
