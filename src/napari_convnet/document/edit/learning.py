"""What a network learns, and from what: edits of several keys that belong together."""

from __future__ import annotations

from collections.abc import Mapping

from ..nodes import Node, compose
from ..settings import parse_sum
from ..vocabulary import LOSSES
from .keys import set_value

_OF_FILES = ("images", "labels", "classes", "unlabelled", "align", "accept", "rate")
_SAMPLES_TASKS: Mapping[str, str] = {"head": "segment", "abdomen": "segment"}


def set_task(text: str, task: str) -> str:
    """Write ``train.task``; a loss that is for other tasks gives way to the usual one.

    Parameters
    ----------
    text : str
        The document.
    task : {"classify", "segment", "regress"}
        What the network is to learn.
    """
    text = set_value(text, "train.task", task)
    root = compose(text)
    if not _suits(root.at("train", "loss"), task):
        text = set_value(text, "train.loss", None)
    return text if task != "regress" else set_value(text, "train.balance", None)


def _suits(loss: Node | None, task: str) -> bool:
    if loss is None or loss.kind != "scalar":
        return True
    try:
        words = [setting.word for setting in parse_sum(loss.text)]
    except ValueError:
        return True
    return all(task in LOSSES.get(word, (task,)) for word in words)


def set_source(text: str, source: str) -> str:
    """Learn from a sample that comes along; what was said of other data goes.

    Parameters
    ----------
    text : str
        The document.
    source : str
        Such as ``digits`` or ``head``; the task becomes the one that it is for.
    """
    text = set_value(text, "data.source", source)
    for key in _OF_FILES:
        text = set_value(text, f"data.{key}", None)
    root = compose(text)
    task = root.at("train", "task")
    wanted = _SAMPLES_TASKS.get(source, "classify")
    if (task.text if task is not None else "classify") == wanted:
        return text
    return set_task(text, wanted)


def set_files(text: str, images: str, labels: str | None = None, **more: str | None) -> str:
    """Learn from files; what was said of other data goes.

    Parameters
    ----------
    text : str
        The document.
    images, labels : str
        Patterns, files or folders as a document names them; no labels for a folder per class.
    **more : str or None
        Further keys of ``data:``, such as ``classes="[bone, muscle]"`` or ``unlabelled="0"``.
    """
    text = set_value(text, "data.images", images)
    text = set_value(text, "data.source", None)
    values = {"labels": labels} | dict.fromkeys(_OF_FILES[2:]) | more
    for key, value in values.items():
        text = set_value(text, f"data.{key}", value)
    return text
