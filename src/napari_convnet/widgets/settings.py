"""The settings of a document as fields of a form, and the edits that write them. No Qt.

What there is to set is read from the document's own models: their fields, words and descriptions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal

from napari_convnet.document import Optimizer, Pipeline, Setting, Train, draft, edit, models
from napari_convnet.network import UserError

from .values import number_text

Kind = Literal["choice", "count", "optimizer"]


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Parameters
    ----------
    key : str
        What it sets: ``train.epochs``.
    title : str
        Its name.
    kind : {"choice", "count", "optimizer"}
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
    "task": models.TASKS,
    "loss": tuple(models.LOSSES),
    "balance": models.BALANCES,
    "schedule": models.SCHEDULES,
    "precision": models.PRECISIONS,
}
"""Words that a setting of the training may be."""


def train_fields() -> tuple[Field, ...]:
    """Fields of the training's settings, in the order of the document's model.

    Examples
    --------
    >>> [field.title for field in train_fields()][:3]
    ['Task', 'Loss', 'Optimizer']
    """
    helps = parameter_help(Train)
    return tuple(_field(name, helps.get(name, "")) for name in Train.model_fields)


def _field(name: str, help: str) -> Field:
    key, title = f"train.{name}", name.capitalize()
    if name in CHOICES:
        return Field(key, title, "choice", CHOICES[name], help=help)
    if name == "optimizer":
        return Field(key, title, "optimizer", tuple(models.OPTIMIZERS), help=help)
    return Field(key, title, "count", least=0 if name == "seed" else 1, help=help)


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
        defaults = models.OPTIMIZERS[value.name]
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


def with_source(pipeline: Pipeline, name: str) -> str:
    """Let a document learn from a sample that comes along; give the new text.

    What the document said of other images goes.
    """
    text = edit.set_value(pipeline.text, "data.source", name)
    return _without(text, "data.images", "data.labels", "data.classes")


def with_images(pipeline: Pipeline, images: Path) -> str:
    """Let a document learn from a folder of images; give the new text."""
    value = scalar(relative(images, pipeline.folder))
    text = edit.set_value(pipeline.text, "data.images", value)
    return _without(text, "data.source", "data.labels", "data.classes")


def _without(text: str, *keys: str) -> str:
    for key in keys:
        text = edit.set_value(text, key, None)
    return text


def relative(path: Path, folder: Path) -> str:
    """Write a path as seen from a folder, where it lies in or near it."""
    try:
        found = os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path.as_posix()
    near = not found.startswith(os.path.join("..", ".."))
    return Path(found).as_posix() if near else path.as_posix()
