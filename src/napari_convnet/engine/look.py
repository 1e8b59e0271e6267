"""What the eye looks at: a document, and the weights and the device to compute it with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..document import Pipeline, draft, edit


@dataclass(frozen=True)
class Look:
    """What the eye looks at, and with which weights: what its jobs have in common.

    Parameters
    ----------
    text : str
        The document; it may have mistakes, the layers before them are looked at.
    path : str or None
        Its file, which others in it are relative to.
    weights : str
        File of weights that take the place of the document's; empty for these.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    units : tuple of str
        Units of the image's axes; pixels if empty.
    """

    text: str
    path: str | None = None
    weights: str = ""
    device: str = "auto"
    units: tuple[str, ...] = ()

    def pipeline(self) -> Pipeline:
        """Read the document."""
        text = self.text
        if self.weights:
            text = edit.set_value(text, "weights", self.weights)
        return draft(text, self.path)

    def stamp(self) -> int:
        """Change when the file of weights does."""
        return Path(self.weights).stat().st_mtime_ns if self.weights else 0
