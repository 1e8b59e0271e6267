"""The settings of a document as fields of a form, and the edits that write them. No Qt.

What there is to set is read from the document's own models: their fields, words and descriptions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_convnet.document import (
    Optimizer,
    Pipeline,
    Setting,
    Train,
    draft,
    edit,
    models,
    parse_setting,
    vocabulary,
)
from napari_convnet.network import UserError

from .values import number_text

if TYPE_CHECKING:
    from napari_convnet.data import Word

Kind = Literal["choice", "count", "losses", "optimizer"]


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Parameters
    ----------
    key : str
        What it sets: ``train.epochs``.
    title : str
        Its name.
    kind : {"choice", "count", "losses", "optimizer"}
        What it is edited with.
    choices : tuple of str
        Words of a choice.
    least : int
        Least number of a count.
    help : str
        What it means.
    """

    key: str
    title: str
    kind: Kind
    choices: tuple[str, ...] = ()
    least: int = 1
    help: str = ""

    def text(self, pipeline: Pipeline) -> str:
        """What a document says here, or what stands in for it."""
        return setting_text(getattr(pipeline.train, self.key.partition(".")[2]))


CHOICES: Mapping[str, tuple[str, ...]] = {
    "task": vocabulary.TASKS,
    "balance": vocabulary.BALANCES,
    "schedule": vocabulary.SCHEDULES,
    "precision": vocabulary.PRECISIONS,
}
"""Words that a setting of the training may be."""


def train_fields() -> tuple[Field, ...]:
    """Fields of the training's settings, in the order of the document's model.

    Examples
    --------
    >>> [field.title for field in train_fields()][:2]
    ['Task', 'Loss']
    """
    helps = parameter_help(Train)
    return tuple(_field(name, helps.get(name, "")) for name in Train.model_fields)


def _field(name: str, help: str) -> Field:
    key, title = f"train.{name}", name.capitalize()
    if name in CHOICES:
        return Field(key, title, "choice", CHOICES[name], help=help)
    if name == "loss":
        return Field(key, title, "losses", tuple(vocabulary.LOSSES), help=help)
    if name == "optimizer":
        return Field(key, title, "optimizer", tuple(vocabulary.OPTIMIZERS), help=help)
    return Field(key, title, "count", least=0 if name == "seed" else 1, help=help)


def train_keys(pipeline: Pipeline) -> frozenset[str]:
    """Give the keys of the training's settings that matter for a document's task."""
    keys = {field.key for field in train_fields()}
    balanced = {"cross-entropy", "focal"} & set(pipeline.train.loss)
    return frozenset(keys if balanced else keys - {"train.balance"})


def data_fields(pipeline: Pipeline) -> frozenset[str]:
    """Give the fields of the data's settings that matter for a document's task and input.

    What the document says is always among them.

    Examples
    --------
    >>> "patches" in data_fields(draft("{input: 1x28x28, train: {task: segment}}"))
    True
    """
    data, given = pipeline.data or models.Data(), pipeline.network.input
    files = bool(data.images)
    dense = pipeline.train.task != "classify"
    volumes = len(given.sizes) == 3 or given.slices
    wanted = {
        "source": True,
        "classes": pipeline.train.task != "regress",
        "unlabelled": pipeline.train.task == "segment" and files,
        "align": dense and files and bool(data.labels),
        "accept": files,
        "spacing": dense and volumes,
        "rate": len(given.sizes) == 1 and not data.source,
        "normalize": True,
        "split": True,
        "regions": dense,
        "patches": dense or len(given.sizes) == 1,
        "fit": not dense,
        "augment": True,
    }
    nothing = (None, "", "none", ())
    said = {key for key in data.model_fields_set if getattr(data, key) not in nothing}
    return frozenset(key for key, want in wanted.items() if want or key in said)


def augmentation_words() -> dict[str, Word]:
    """Give what the words of ``augment:`` mean."""
    from napari_convnet.data import AUGMENTATIONS

    return {word: kind.about for word, kind in AUGMENTATIONS.items()}


@lru_cache(maxsize=8)
def fitting_augmentations(rank: int) -> frozenset[str]:
    """Give the words of ``augment:`` that suit images with so many axes."""
    from napari_convnet.data import augmentations

    found = set()
    for word, about in augmentation_words().items():
        try:
            augmentations([parse_setting(about.example.split(",")[0])], rank)
        except UserError:
            continue
        found.add(word)
    return frozenset(found)


def parameter_help(kind: type) -> dict[str, str]:
    """Read what each parameter means from a class's docstring.

    Examples
    --------
    >>> parameter_help(Optimizer)["momentum"]
    'Of sgd.'
    """
    helps: dict[str, str] = {}
    names: list[str] = []
    for line in cleandoc(kind.__doc__ or "").splitlines():
        match = re.match(r"([a-z_, ]+) : ", line)
        if match:
            names = [name.strip() for name in match.group(1).split(",")]
        elif line.startswith("    ") and names:
            for name in names:
                helps[name] = f"{helps.get(name, '')} {line.strip()}".strip()
    return helps


# ---------------------------------------------------------------- values as text


def setting_text(value: Any) -> str:
    """Write a value of the document's models as a document does.

    Examples
    --------
    >>> setting_text(("cross-entropy",)), setting_text(Optimizer(lr=4e-3))
    ('cross-entropy', 'adam lr 0.004')
    """
    if isinstance(value, tuple):
        return " + ".join(map(str, value))
    if isinstance(value, Optimizer):
        defaults = vocabulary.OPTIMIZERS[value.name]
        words = [
            f"{key} {number_text(getattr(value, key))}"
            for key, default in defaults.items()
            if key == "lr" or getattr(value, key) != default
        ]
        return " ".join([value.name, *words])
    return str(value)


def split_text(split: tuple[float, float, float]) -> str:
    """Write the parts for training, validation and test.

    Examples
    --------
    >>> split_text((0.8, 0.0, 0.2)), split_text((0.7, 0.15, 0.15))
    ('80/20', '70/15/15')
    """
    parts = [split[0], split[2]] if not split[1] else list(split)
    return "/".join(number_text(100 * part) for part in parts)


def settings_text(settings: Iterable[Setting]) -> str:
    """Write a list of settings."""
    return ", ".join(map(str, settings))


def scalar(text: str) -> str:
    """Write a text as a YAML scalar, in quotes where it would be read as something else.

    Examples
    --------
    >>> scalar("shift 2"), scalar("*.png"), scalar("a: b")
    ('shift 2', "'*.png'", "'a: b'")
    """
    plain = re.match(r"[\w./~][\w ./+,*?%@~-]*\Z", text) and not text.endswith(" ")
    return text if plain else "'" + text.replace("'", "''") + "'"


def names_value(text: str) -> str | None:
    """Write names parted by commas as a list; None where there are none.

    Examples
    --------
    >>> names_value("cat,  dog"), names_value(" ")
    ('[cat, dog]', None)
    """
    names = [scalar(name.strip()) for name in text.split(",") if name.strip()]
    return f"[{', '.join(names)}]" if names else None


# ---------------------------------------------------------------- edits


def checked_value(pipeline: Pipeline, key: str, value: str | None) -> str:
    """Write a setting, and see that it can be read.

    Returns
    -------
    str
        The new text.

    Raises
    ------
    UserError
        With what is wrong with the value, in which case nothing should be written.
    """
    text = edit.set_value(pipeline.text, key, value)
    known = {problem.what for problem in pipeline.problems}
    new = [p for p in draft(text, pipeline.path).problems if p.what not in known]
    if new:
        raise UserError(new)
    return text


def relative(path: Path, folder: Path) -> str:
    """Write a path as seen from a folder, where it lies in or near it."""
    try:
        found = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_posix()
    near = not found.startswith(os.path.join("..", ".."))
    return Path(found).as_posix() if near else path.as_posix()
