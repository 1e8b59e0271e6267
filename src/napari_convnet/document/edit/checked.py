"""What a text means, and that an edited one means what was asked for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from napari_convnet.network import UserError, quoted

from ..nodes import Node, compose

P = ParamSpec("P")
Edit = Callable[Concatenate[str, P], str]


def keeps_line_ends(edit: Edit[P]) -> Edit[P]:
    """Let an edit see plain line ends, and give back those that the text had."""

    @wraps(edit)
    def kept(text: str, /, *args: P.args, **kwargs: P.kwargs) -> str:
        if "\r\n" not in text:
            return edit(text, *args, **kwargs)
        return edit(text.replace("\r\n", "\n"), *args, **kwargs).replace("\n", "\r\n")

    return kept


def meaning_of(root: Node) -> Any:
    """Give a document as plain values, to change and compare."""
    return copy.deepcopy(root.plain())


def first(tries: Iterable[tuple[Any, str]], what: str) -> str:
    """Give the first text that means what is meant by it.

    Raises
    ------
    UserError
        Where none of them does.
    """
    for meaning, text in tries:
        try:
            if _pruned(compose(text).plain()) == _pruned(meaning):
                return text
        except UserError:
            continue
    raise UserError(f"cannot write {quoted(what)} here", "edit it in the text")


def _pruned(value: Any) -> Any:
    """Plain values without those that say nothing."""
    if isinstance(value, Node):
        return _pruned(value.plain())
    if isinstance(value, list):
        return [_pruned(item) for item in value] or None
    if isinstance(value, dict):
        kept = {key: _pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    return None if value in ("", "~", "null") else value


def one_line(text: str) -> str:
    """Give a text with single blanks; several lines are refused."""
    if "\n" in text.strip():
        raise UserError("this is more than one line", "write further layers in rows of their own")
    return " ".join(text.split())


def in_quotes(text: str) -> str:
    """Put a text in single quotes, as YAML has them."""
    return "'" + text.replace("'", "''") + "'"
