"""The document's history: its texts, in order, and which of them is on disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """A text of the document and the edit that made it."""

    text: str
    label: str = ""


class History:
    """Undo and redo over whole texts; a text of a pipeline is small.

    Parameters
    ----------
    text : str
        The first text.

    Examples
    --------
    >>> history = History("a")
    >>> history.push("b", "edit a")
    >>> history.undo(), history.redo_label
    ('a', 'edit a')
    """

    def __init__(self, text: str) -> None:
        self.reset(text)

    def reset(self, text: str, *, saved: bool = True) -> None:
        """Begin anew with a text that is on disk, or that nobody would miss."""
        self._versions = [Version(text)]
        self._at = 0
        self._saved: str | None = text if saved else None

    @property
    def text(self) -> str:
        """The text now."""
        return self._versions[self._at].text

    @property
    def modified(self) -> bool:
        """Whether the text differs from the one on disk."""
        return self.text != self._saved

    def push(self, text: str, label: str) -> None:
        """Add an edited text; what had been undone is forgotten."""
        del self._versions[self._at + 1 :]
        self._versions.append(Version(text, label))
        self._at += 1

    def mark_saved(self) -> None:
        """Note that the text now is on disk."""
        self._saved = self.text

    @property
    def undo_label(self) -> str:
        """The edit that `undo` would take back; empty where there is none."""
        return self._versions[self._at].label if self._at else ""

    @property
    def redo_label(self) -> str:
        """The edit that `redo` would make again; empty where there is none."""
        return "" if self._at + 1 == len(self._versions) else self._versions[self._at + 1].label

    def undo(self) -> str:
        """Go back one text, if there is one, and return it."""
        self._at = max(0, self._at - 1)
        return self.text

    def redo(self) -> str:
        """Go forward one text, if there is one, and return it."""
        self._at = min(len(self._versions) - 1, self._at + 1)
        return self.text
