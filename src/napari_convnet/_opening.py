"""What a path holds as layers, and what can be had of it if the user agrees.

A file that is read only if the user accepts something, and a folder of many series, become a
question in napari's window; where there is no window, an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._layers import LayerData, layer, words

if TYPE_CHECKING:
    from ._question import Question
    from .data.contents import Contents, Part, Refusal
    from .network import UserError

# More series than these are offered instead of opened one and all.
_MOST_SERIES = 8

_MOST_LISTED = 12


def opened(path: str | Path, accept: Iterable[str] = ()) -> Opened:
    """Read what can be read of a path, and list what can be read if the user agrees.

    Raises
    ------
    UserError
        If nothing can be read, and nothing would be if the user agreed.
    """
    from .data.contents import Refusal
    from .data.readers import parts_of
    from .network import UserError

    path, accepted = Path(path), frozenset(accept)
    try:
        parts = parts_of(path, accept=accepted)
    except Refusal as refused:
        return Opened([], [Offer.of(refused, path, accepted)])
    if len(parts) > _MOST_SERIES:
        return Opened([], [Offer.one_of(parts, each, path, accepted) for each in parts])
    found: list[Contents] = []
    offers: list[Offer] = []
    refused_all: list[tuple[Part, UserError]] = []
    for part in parts:
        try:
            found.append(_named(part.read(), part, path, len(parts)))
        except Refusal as refused:
            offers.append(Offer.of(refused, _path_of(path, part), accepted))
        except UserError as error:
            refused_all.append((part, error))
    if refused_all and not (found or offers):
        raise refused_all[0][1]
    return Opened(_layers(found, path, refused_all), offers)


def ask(offers: Sequence[Offer]) -> Question | None:
    """Ask in napari's window what of the offers is to be opened; nothing waits for the answer.

    Returns
    -------
    Question or None
        None where there is nothing to ask, or nobody.
    """
    if not offers or not can_ask():
        return None
    from napari import current_viewer

    from ._question import Question, window_of

    window = window_of(current_viewer())
    if window is None:
        return None
    first, options = offers[0], [offer.then for offer in offers]
    if len(offers) == 1:
        text = f"{first.found}.\n\n{first.then}"
    elif all(offer.found == first.found for offer in offers):
        text = f"{first.found}. Which are to be opened?"
    else:
        text = "These are opened only if you agree. Which?"
        options = [f"{Path(offer.path).name}: {offer.found}. {offer.then}" for offer in offers]
    question = Question(window, text, options, "Open it" if len(offers) == 1 else "Open them")
    question.answered.connect(
        lambda chosen: _add([(offers[i].path, offers[i].accept) for i in chosen])
    )
    question.show()
    return question


def can_ask() -> bool:
    """Whether there is a window to ask in."""
    from napari import current_viewer

    # A viewer without a window comes without Qt, perhaps.
    return hasattr(current_viewer(), "window")


def _add(wanted: Sequence[tuple[str, frozenset[str]]]) -> None:
    """Add to napari's viewer what the user agreed to, and ask what else there is to ask."""
    from napari import current_viewer
    from napari.layers import Layer

    from .network import UserError

    viewer = current_viewer()
    if viewer is None:
        return
    for path, accept in wanted:
        try:
            found = opened(path, accept)
        except UserError as error:
            show("error", str(error))
            continue
        for each in found.layers:
            viewer.add_layer(Layer.create(*each))
        tell(found.layers)
        ask(found.offers)
    show_upright()


@dataclass(frozen=True)
class Offer:
    """What can be opened if the user agrees.

    Parameters
    ----------
    found : str
        What speaks against it, or between what there is to choose.
    then : str
        What would be done.
    path : str
        What to open.
    accept : frozenset of str
        The words that it needs.
    error : UserError
        What is told where nobody can be asked.
    """

    found: str
    then: str
    path: str
    accept: frozenset[str]
    error: UserError

    @classmethod
    def of(cls, refused: Refusal, path: Path, accept: frozenset[str]) -> Offer:
        """Make an offer of a refusal."""
        then = f"If you agree, {refused.then}."
        return cls(refused.what, then, str(path), accept | {refused.accept}, refused)

    @classmethod
    def one_of(cls, parts: Sequence[Part], part: Part, path: Path, accept: frozenset[str]) -> Offer:
        """Make an offer of one of many series."""
        from .network import UserError, listed

        shown = [f"#{each.series} {each.title}" for each in parts[:_MOST_LISTED]]
        what = f"{path} holds {len(parts)} series"
        error = UserError(
            f"{what}, such as {listed(shown, 'and')}", f"name one of them, such as {path}#1"
        )
        return cls(what, part.title, _path_of(path, part).as_posix(), accept, error)


@dataclass(frozen=True)
class Opened:
    """What was read of a path, and what can be if the user agrees."""

    layers: list[LayerData]
    offers: list[Offer]

    def without_questions(self) -> Opened:
        """Tell of the offers in a warning, where nobody can be asked.

        Raises
        ------
        UserError
            If there is nothing but offers.
        """
        if not self.offers:
            return self
        if not self.layers:
            raise self.offers[0].error
        about = self.layers[0][1]["metadata"]
        for offer in self.offers:
            _, _, number = offer.path.rpartition("#")
            text = f"series #{number}: {offer.error}"
            about |= {key: (*about[key], text) for key in ("notes", "warnings")}
        return Opened(self.layers, [])


def _path_of(path: Path, part: Part) -> Path:
    return path.with_name(f"{path.name}#{part.series}") if part.series else path


def _named(contents: Contents, part: Part, path: Path, count: int) -> Contents:
    """Tell several series apart by their numbers."""
    from .data.contents import Note

    if not part.series:
        return contents
    told = Note(f"series #{part.series} of the {count} in {path}: each became a layer")
    name = f"{contents.name} #{part.series}"
    return replace(contents, name=name, notes=(told, *contents.notes))


def _layers(
    found: list[Contents], path: Path, refused: list[tuple[Part, UserError]]
) -> list[LayerData]:
    from .data.contents import Note

    if refused and found:
        told = [Note(f"series #{part.series}: {error}", "warning") for part, error in refused]
        found[0] = replace(found[0], notes=(*found[0].notes, *told))
    return [each for contents in found for each in (*_words(contents), layer(contents, path))]


def _words(contents: Contents) -> tuple[LayerData, ...]:
    """Write the class of each image of a stack above it."""
    if not contents.targets:
        return ()
    height, width = contents.array.shape[1:3]
    classes = tuple(contents.names.values())
    return (words(contents.name, "image", (height, width), contents.targets, classes),)


def tell(found: Iterable[LayerData]) -> None:
    """Show the notes of layers as napari's notifications."""
    for _, options, _ in found:
        about = options.get("metadata")
        if about is None:
            continue
        warned = about["warnings"]
        noted = [note for note in about["notes"] if note not in warned]
        ways = [_way(about["path"], *way) for way in about.get("otherwise", ()) if "path" in about]
        for kind, texts, actions in (("info", noted, ()), ("warning", warned, ways)):
            if texts:
                show(kind, f"{options['name']}: " + "\n".join(texts), actions)


def _way(path: str, word: str, otherwise: str) -> tuple[str, Callable[[Any], None]]:
    """Make a button that opens a file in another way."""
    return f"Open it {otherwise}", lambda _: _add([(path, frozenset({word}))])


def show_upright() -> None:
    """Let napari's window, where there is one, show scans with the top of the head on top."""
    from napari import current_viewer

    from ._upright import keep_upright

    viewer = current_viewer()
    if viewer is not None:
        keep_upright(viewer)


# -- napari's notifications --


def is_window() -> bool:
    """Whether somebody would see a notification."""
    from napari.utils.notifications import notification_manager

    return bool(notification_manager.notification_ready.callbacks)


def show(kind: str, text: str, actions: Sequence[tuple[str, Callable[[Any], None]]] = ()) -> None:
    """Show a notification: "info", "warning" or "error"; `actions` are its buttons."""
    from napari.utils.notifications import Notification, notification_manager

    notification_manager.dispatch(Notification(text, kind, tuple(actions)))
