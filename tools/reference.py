"""Write the language reference, docs/language.md; ``make docs`` calls it.

The prose is tools/language.md; words in double braces stand for lists, and under a block marked
``yaml table`` goes the table of its layers. Everything about ops is read from their classes, and
all sizes, counts and messages are reckoned: what the page says is what the program does.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

from napari_convnet.document import draft, parse
from napari_convnet.network import OPS, Layer, Network, Op
from napari_convnet.network.grammar import FLAGS
from napari_convnet.network.items import ROW_KEYS, STRUCTURES
from napari_convnet.network.kernels import names
from napari_convnet.network.ops import FLAG_HELP, LETTER_HELP, CropTo, Main
from napari_convnet.network.ops.signature import MODES

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "tools" / "language.md"
PAGE = ROOT / "docs" / "language.md"

WIDTH = 110

INPUT = "8x32x32"
BEFORE = {
    "cat": ("e1: conv 4", "conv 16"),
    "add": ("e1: conv 16", "conv 16"),
    "crop": ("e1: conv 4 valid", "conv 8 full"),
}
"""Rows that stand before the example of an op."""

ROWS = {
    "conv": [
        "conv 6 k5",
        "conv 8 3x5",
        "conv 8 k1",
        "conv 8 k3 s2",
        "conv 8 s2x1 p0x1",
        "conv 8 d2 reflect",
        "conv 16 g2 nobias",
        "conv 8 k4 same",
        "conv 8 full",
        "conv 8 3x1 conv 8 1x3",
        "conv $in*2 bn relu x2",
    ],
    "tconv": ["tconv 64", "tconv 8 k3 s2 p1 o1", "tconv 8 k4 s2 p1 g2", "tconv 8 k1x2"],
    "dw": ["dw 3", "dw 5 s2 m2", "dw 3x1 replicate", "dw 3 bn relu 6 conv 16 k1 bn relu 6"],
    "sep": ["sep 72 k3", "sep 16 k5 s2", "sep 16 valid nobias"],
    "local": ["local 4 k3", "local 4 k3 s2 valid"],
    "fc": ["gap fc 10", "flatten fc 10", "flatten fc 84 nobias"],
    "rbf": ["gap rbf 10"],
    "max": ["max 2", "max 3 s2", "max 3 s2 ceil", "max 3 s1 p1", "max 2x1", "max 2 s1 d2"],
    "avg": ["avg 2", "avg 3 s2 p1", "avg 3 s2 ceil"],
    "sum": ["sum 2", "sum 3 s1 same", "sum 2 scale scaledtanh"],
    "up": ["up 2", "up 2 linear", "up 2x1"],
    "bn": ["bn", "conv 8 bn relu"],
    "gn": ["gn 2", "gn 8"],
    "scale": ["scale", "scale nobias"],
    "drop": ["drop", "drop .2"],
    "cat": ["cat e1"],
    "add": ["add e1", "relu add e1"],
    "crop": ["crop 2", "crop 1x2", "crop e1"],
    "relu": ["relu", "relu 6"],
    "leaky": ["leaky", "leaky .1"],
    "elu": ["elu", "elu .5"],
}
"""Examples beside that of the op's class, on `INPUT`."""

WRONG = {
    "conv": ["conv", "conv 8 k4", "conv 6 5", "conv 8 3x3x3", "conv 8 k33 valid", "conv 6 g4"],
    "tconv": ["tconv 8 same", "tconv 8 o2"],
    "dw": ["dw 3 k5", "dw 3 g2"],
    "sep": ["sep k3"],
    "local": ["flatten local 4"],
    "fc": ["fc 10"],
    "rbf": ["rbf 10"],
    "max": ["max 2 2", "max 2 p2", "max 40"],
    "avg": ["avg 2 d2"],
    "sum": ["sum 2 full"],
    "gap": ["flatten gap"],
    "up": ["up 2 nearest linear"],
    "gn": ["gn 3"],
    "drop": ["drop 2"],
    "cat": ["cat", "max 2 cat e1", "cat e2"],
    "add": ["conv 3 add e1"],
    "crop": ["crop", "crop 16", "max 2 crop e1"],
    "relu": ["relu 0", "relu same"],
}
"""Rows that are refused."""


def page() -> str:
    """Write the page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    text = re.sub(r"```yaml table\n(.*?)```\n", _with_table, text, flags=re.DOTALL)
    for word, value in _lists().items():
        text = text.replace("{{" + word + "}}", value)
    return text


def _with_table(found: re.Match[str]) -> str:
    return f"```yaml\n{found[1]}```\n\n{layers(parse(found[1]).network)}\n"


def _lists() -> dict[str, str]:
    kernelled = [word for word, op in OPS.items() if op.counts_macs]
    words = dict.fromkeys((*OPS, *STRUCTURES, *FLAGS, *ROW_KEYS))
    return {
        "index": _filled(" ".join(f"[{word}](#{word})" for word in OPS), "  "),
        "words": _code(words),
        "letters": "\n".join(f"| `{key}` | {text} |" for key, text in LETTER_HELP.items()),
        "flags": "\n".join(f"| `{key}` | {text} |" for key, text in FLAG_HELP.items()),
        "kernels": _code(names()),
        "counted": _code(kernelled),
        "ops": "\n\n".join(_families()),
    }


def _code(words: Iterable[str]) -> str:
    return _filled(", ".join(f"`{word}`" for word in words))


def _filled(text: str, indent: str = "") -> str:
    return fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


# ---------------------------------------------------------------- tables


def layers(network: Network) -> str:
    """Table of a network's layers."""
    rows = [(v.name, v.text, *_numbers(v, v.parameters, v.macs)) for v in network]
    totals = network.totals
    rows.append(("", "", "", _count(totals.parameters), _count(totals.macs), ""))
    return _table(("layer", "op", *NUMBERS), rows)


NUMBERS = ("output", "parameters", "multiply-adds", "sees")


def _numbers(layer: Layer, parameters: int, macs: int | None) -> tuple[str, str, str, str]:
    seen = layer.receptive_field or ()
    sees = seen[:1] if len(set(seen)) == 1 else seen
    return (_sizes(layer.output), _count(parameters), _count(macs), _sizes(sees))


def _sizes(shape: Iterable[int | None]) -> str:
    return "x".join("?" if n is None else str(n) for n in shape)


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}" if number else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; columns without anything in them are left out."""
    kept = [column for column in range(len(heads)) if any(row[column] for row in rows)]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line[column] for column in kept) + " |" for line in lines)


# ---------------------------------------------------------------- ops


def _families() -> list[str]:
    families = dict.fromkeys(op.family for op in OPS.values())
    sections = []
    for family in families:
        own = [op for op in OPS.values() if op.family == family]
        sections.append(f"### {family.capitalize()}\n\n" + "\n\n".join(map(_section, own)))
    return sections


def _section(op: type[Op]) -> str:
    parts = [
        f"#### {op.word}",
        _filled(f"**{op.title}.** {op.help}"),
        f"```\n{_call(op)}\n```",
        "\n".join(f"- {line}" for line in (*_formulae(op), *_defaults(op))),
        _notes(op),
        _examples(op),
        _mistakes(op),
    ]
    return "\n\n".join(filter(None, parts))


def _call(op: type[Op]) -> str:
    signature = op.signature
    words = [op.word]
    if op.joins:
        words.append("NAME ...")
    if signature.main is not None:
        word = signature.main.name.upper().replace(" ", "-")
        words.append(word if _needed(op, signature.main) else f"[{word}]")
    words += [f"[{letter}N]" for letter in signature.letters]
    words += [f"[{'|'.join(group)}]" for group in _groups(signature.flags)]
    line = " ".join(words)
    return f"{line}\ncrop NAME" if op.word == "crop" else line


def _needed(op: type[Op], main: Main) -> bool:
    return (main.default is None and not main.optional) or op.word == "crop"


def _groups(flags: tuple[str, ...]) -> list[list[str]]:
    """Flags of which a call takes one at most stand together."""
    together = ["valid same full", " ".join(MODES), "bias nobias", "nearest linear", "ceil"]
    groups = [[flag for flag in group.split() if flag in flags] for group in together]
    return [group for group in groups if group]


def _formulae(op: type[Op]) -> list[str]:
    lines = [f"computes `{op.formula}`"]
    if op.word == "crop":
        lines.append(f"with a name `{CropTo.formula}`")
    if op.size_formula != "n":
        lines.append(f"size `{op.size_formula}`")
    if "ceil" in op.signature.flags:
        lines.append("with `ceil` rounded up, unless the last window would begin behind the map")
    if op.parameters_formula != "0":
        biased = " (+ biases)" if "nobias" in op.signature.flags else ""
        lines.append(f"parameters: {op.parameters_formula}{biased}")
    if op.counts_macs:
        lines.append(f"multiply-adds: {op.macs_formula}")
    if op.field_formula != "RF":
        lines.append(f"sees {op.field_formula}")
    return lines


def _defaults(op: type[Op]) -> list[str]:
    signature, given = op.signature, []
    if signature.main is not None and not _needed(op, signature.main):
        default = signature.main.default
        number = "none" if default is None else f"{default:g}".replace("e-0", "e-")
        given.append(f"{signature.main.name} {number}")
    given += [f"{letter} = {signature.defaults[letter]}" for letter in signature.letters]
    if "k" in signature.letters and signature.main is not None and signature.main.kind == "sizes":
        given = given[1:]
    return [f"where absent: {'; '.join(given)}"] if given else []


def _notes(op: type[Op]) -> str:
    """Say what the class says beside its first line, and where it comes from."""
    _, _, text = (inspect.getdoc(op) or "").partition("\n\n")
    text, _, references = text.replace("``", "`").partition("References\n----------\n")
    text = text.partition("Parameters\n----------\n")[0]
    after = f"After {' '.join(references.split())}" if references else ""
    return "\n\n".join(_filled(" ".join(one.split())) for one in (text, after) if one.strip())


def _examples(op: type[Op]) -> str:
    before = BEFORE.get(op.word, ())
    rows = [_example(row, before) for row in ROWS.get(op.word, [op.example])]
    after = " and ".join(f"`- {row}`" for row in before)
    on = f"On `{INPUT}`" + (f", after {after}:" if before else ":")
    return f"{on}\n\n{_table(('row', *NUMBERS), rows)}"


def document(row: str, before: Iterable[str] = ()) -> str:
    """Make a document of a row and those before it."""
    return f"input: {INPUT}\nnet:\n" + "".join(f"  - {one}\n" for one in (*before, row))


def _example(row: str, before: tuple[str, ...]) -> tuple[str, ...]:
    network = parse(document(row, before)).network
    own = [layer for layer in network if layer.row == (len(before),)]
    parameters, macs = sum(v.parameters for v in own), sum(v.macs or 0 for v in own)
    return (f"`{row}`", *_numbers(network[network.end], parameters, macs))


def _mistakes(op: type[Op]) -> str:
    rows = []
    for row in WRONG.get(op.word, ()):
        (problem,) = draft(document(row, BEFORE.get(op.word, ()))).problems
        rows.append((f"`{row}`", str(problem).partition(": ")[2]))
    return _table(("refused", "because"), rows) if rows else ""


def examples() -> list[str]:
    """Every document that the page shows, or of which it shows a row."""
    shown = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
    rows = [
        document(row, BEFORE.get(word, ()))
        for word, op in OPS.items()
        for row in ROWS.get(word, [op.example])
    ]
    return [*shown, *rows]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
