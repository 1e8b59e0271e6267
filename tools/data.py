"""Write the page on data and training, docs/data.md; ``make docs`` calls it.

The prose is tools/data.md; words in double braces stand for tables that are made of the program's
own: what the page says is what the program does.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_convnet.data import AUGMENTATIONS, FITS, NORMALISATIONS, SOURCES, Word
from napari_convnet.document import models, vocabulary

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "tools" / "data.md"
PAGE = ROOT / "docs" / "data.md"

LOSSES = {
    "cross-entropy": "surprise at the right class",
    "dice": "1 - the mean overlap of the classes",
    "focal": "cross-entropy that cares less for what is certain",
    "mse": "mean squared difference",
    "l1": "mean absolute difference",
    "half-squares": "half the sum of squared differences, as in LeNet's paper",
}


def page() -> str:
    """Write the page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)(?: (\w+))?\}\}", lambda found: _part(found[1], found[2]), text)


def examples() -> list[str]:
    """Every document on the page."""
    return re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)


def words() -> list[tuple[str, str]]:
    """Every example of a word: its key in a document, and the setting."""
    tables = {"data.normalize": NORMALISATIONS, "data.fit": FITS, "augment": AUGMENTATIONS}
    return [
        (key, setting.strip())
        for key, table in tables.items()
        for word in _words(table)
        for setting in word.example.split(", or ")
    ]


def _part(name: str, argument: str | None) -> str:
    if name == "keys":
        return keys(getattr(models, str(argument)))
    if name == "loss":
        return f"`{' + '.join(vocabulary.USUAL_LOSS[str(argument)])}`"
    return {
        "sources": sources,
        "normalize": lambda: word_table(NORMALISATIONS),
        "fit": lambda: word_table(FITS),
        "augment": lambda: word_table(AUGMENTATIONS),
        "losses": losses,
        "optimizers": optimizers,
    }[name]()


def sources() -> str:
    """Table of the samples."""
    rows = [(f"`{s.name}`", s.title, ", ".join(s.classes)) for s in SOURCES.values()]
    return _table(("`source:`", "what", "classes"), rows)


def word_table(table: Mapping[str, Any]) -> str:
    """Table of the words of one key."""
    rows = [(f"`{word.word}`", word.help, f"`{word.example}`") for word in _words(table)]
    return _table(("word", "what it does", "example"), rows)


def _words(table: Mapping[str, Any]) -> list[Word]:
    return [getattr(entry, "about", entry) for entry in table.values()]


def losses() -> str:
    """Table of the losses."""
    rows = [
        (f"`{word}`", LOSSES[word], ", ".join(f"`{task}`" for task in tasks))
        for word, tasks in vocabulary.LOSSES.items()
    ]
    return _table(("`loss:`", "what", "for"), rows)


def optimizers() -> str:
    """Optimisers with their defaults."""
    lines = [
        " ".join([name, *(f"{key} {value:g}" for key, value in known.items())])
        for name, known in vocabulary.OPTIMIZERS.items()
    ]
    return ", ".join(f"`{line}`" for line in lines)


def keys(section: type[Any]) -> str:
    """Table of the keys of a section: what its class says of them, and what they are if absent."""
    said = _parameters(inspect.getdoc(section) or "")
    rows = [
        (f"`{name}`", said[name], _default(field.get_default(call_default_factory=True)))
        for name, field in section.model_fields.items()
    ]
    return _table(("key", "what it says", "where absent"), rows)


def _parameters(text: str) -> dict[str, str]:
    """Read the numpydoc list of parameters: each name and what is said of it."""
    block = text.partition("Parameters\n----------\n")[2]
    found: dict[str, str] = {}
    for names, body in re.findall(r"^(\w[\w, ]*) : .*\n((?:    .*\n?|\n)+)", block, re.MULTILINE):
        said = " ".join(body.split()).replace("``", "`")
        found |= dict.fromkeys(names.split(", "), said)
    return found


def _default(value: Any) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return f"`{'/'.join(f'{100 * part:g}' for part in value)}`"
    return f"`{value}`"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is written\n")
