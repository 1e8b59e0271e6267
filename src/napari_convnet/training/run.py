"""The run directory: all that a training leaves behind, in files that stay readable without us.

::

    runs/lenet-001/
        document.yaml                the document, as trained
        environment.json             versions, device, seed, classes, sampling rate
        metrics.jsonl                events, one JSON object per line
        checkpoints/
            last.safetensors         the newest weights
            best.safetensors         those that did best on the validation images
            last.state               what a resumed training needs (torch, weights_only)
"""

from __future__ import annotations

import json
import os
import re
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_convnet.document import Pipeline, edit, parse, read_text, write_text
from napari_convnet.network import UserError

from .events import Epoch, Event, Failed, Finished, Started, Step, event_from

DOCUMENT = "document.yaml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
STATE = "last.state"

RECORDED = (Started, Step, Epoch, Finished, Failed)
"""Kinds of event that go into ``metrics.jsonl``."""

WRITE_AFTER = 0.5
"""Seconds after which steps must be readable by others."""


def new_run(folder: str | os.PathLike[str], title: str) -> Path:
    """Make the directory of a new run.

    Parameters
    ----------
    folder : path
        Where runs are kept, such as ``runs`` beside the document.
    title : str
        What is trained: ``LeNet, wider`` makes ``lenet-wider-001``.

    Returns
    -------
    Path
        An empty directory that no other run has.

    Raises
    ------
    UserError
        If it cannot be made.
    """
    folder, slug = Path(folder), _slug(title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = max((_number(path, slug) for path in folder.iterdir()), default=0)
        while True:
            number += 1
            path = folder / f"{slug}-{number:03d}"
            try:
                path.mkdir()
                return path
            except FileExistsError:  # another process was faster
                continue
    except OSError as error:
        fix = "save the document elsewhere, or choose the folder of the run"
        raise UserError(f"cannot make a run in {folder}: {error.strerror or error}", fix) from None


def _slug(title: str) -> str:
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", letters))[:40].strip("-") or "run"


def _number(path: Path, slug: str) -> int:
    match = re.fullmatch(re.escape(slug) + r"-(\d+)", path.name)
    return int(match[1]) if match else 0


@dataclass(frozen=True)
class Run:
    """A run, to look at.

    Parameters
    ----------
    path : str or Path
        Its directory.

    Raises
    ------
    UserError
        If that is no run.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if not self.path.exists():
            raise UserError(f"there is no run {self.path}", "check its name and folder")
        if not self.path.is_dir():
            raise UserError(f"{self.path} is a file, not a run", "give the run's folder")
        if not (self.path / DOCUMENT).is_file():
            raise UserError(f"{self.path} is not a run: it has no {DOCUMENT}", "train one first")

    @property
    def pipeline(self) -> Pipeline:
        """The document as trained; its file names start from where that document was.

        Raises
        ------
        DocumentError
            If the run's copy was damaged since.
        """
        home = self.path / str(self.environment.get("folder", ""))
        name = str(self.environment.get("file") or DOCUMENT)
        return parse(read_text(self.path / DOCUMENT), Path(os.path.normpath(home)) / name)

    @property
    def trained(self) -> Pipeline:
        """The document as trained, its ``weights:`` naming the best of this run.

        Raises
        ------
        UserError
            If the run has no weights yet.
        """
        pipeline, path = self.pipeline, self.weights().resolve()
        return pipeline.edited(edit.set_value(pipeline.text, "weights", str(path)))

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, device, seed and classes of the run; empty where its file is lost."""
        try:
            found = json.loads((self.path / ENVIRONMENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the network's outputs; may be empty."""
        return tuple(str(name) for name in self.environment.get("classes", ()))

    @property
    def rate(self) -> float:
        """Samples per second of the recordings it learned from; 0 where it is not known."""
        found = self.environment.get("rate", 0.0)
        return float(found) if isinstance(found, int | float) else 0.0

    def weights(self, which: str = "best") -> Path:
        """Find a file of weights.

        Parameters
        ----------
        which : {"best", "last"}
            Those that did best on the validation images (before the first epoch's end: the last),
            or the newest.

        Raises
        ------
        UserError
            If the run has none.
        """
        if which not in ("best", "last"):
            raise UserError(f'a run has no "{which}" weights', "ask for best or last")
        for name in dict.fromkeys((which, "last")):
            path = self.path / CHECKPOINTS / f"{name}.safetensors"
            if path.is_file():
                return path
        raise UserError(f"the run {self.path} has no weights yet", "train it first")

    def metrics(self) -> tuple[Event, ...]:
        """Read the events of the training, as far as it has come."""
        lines = read_lines(self.path / METRICS)
        events = (event_from({**line, "run": self.path}) for line in lines)
        return tuple(event for event in events if event is not None)

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return any(isinstance(each, Finished) and not each.stopped for each in self.metrics())

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines; a line that is still being written is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    found = []
    for line in lines:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict):
            found.append(values)
    return found


# ---------------------------------------------------------------- writing


def begin(path: Path, pipeline: Pipeline, environment: dict[str, Any]) -> None:
    """Write what a run starts with.

    Raises
    ------
    UserError
        If something else is there already, or the directory cannot be written.
    """
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "a run" if (path / DOCUMENT).exists() else "something else"
            raise UserError(f"{path} holds {what} already", "give a new folder, or resume the run")
        (path / CHECKPOINTS).mkdir(parents=True)
        home = {"folder": _relative(pipeline.folder, path), "file": _file(pipeline)}
        write_text(path / ENVIRONMENT, json.dumps({**environment, **home}, indent=2) + "\n")
        # Last: a directory with a document is a run.
        write_text(path / DOCUMENT, pipeline.text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def _relative(folder: Path, start: Path) -> str:
    """Say where the document is without naming the machine's folders, so that both can be moved."""
    try:
        return Path(os.path.relpath(folder, start)).as_posix()
    except ValueError:  # another drive
        return folder.resolve().as_posix()


def _file(pipeline: Pipeline) -> str:
    return pipeline.path.name if pipeline.path else ""


class Journal:
    """Writes events to ``metrics.jsonl``; use it as a context.

    Steps are written in lots, since each by itself would cost a short step some percent: what is
    seldom done between two large computations finds nothing of itself in the processor's caches.

    Parameters
    ----------
    path : Path
        The run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path / METRICS
        self._waiting: list[Event] = []
        self._written = time.monotonic()

    def __enter__(self) -> Journal:
        try:
            self._file = self._path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise UserError(f"cannot write {self._path}: {error.strerror or error}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._write()
        finally:
            self._file.close()

    def tell(self, event: Event) -> None:
        """Take an event; a step is written with the next other event, or soon."""
        self._waiting.append(event)
        if not isinstance(event, Step) or time.monotonic() - self._written > WRITE_AFTER:
            self._write()

    def _write(self) -> None:
        lines = [_line(event) for event in self._waiting if isinstance(event, RECORDED)]
        self._waiting.clear()
        self._file.write("".join(lines))
        self._file.flush()
        self._written = time.monotonic()


def _line(event: Event) -> str:
    values = event.as_dict()
    values.pop("run", None)  # the file lies in it, wherever that is moved
    return json.dumps(values) + "\n"


def rewind(path: Path, step: int, epoch: int) -> None:
    """Take back what ``metrics.jsonl`` says about the time after a checkpoint.

    Parameters
    ----------
    path : Path
        The run.
    step : int
        Steps done at the checkpoint.
    epoch : int
        The epoch that was going on then, from 1.
    """
    metrics = path / METRICS
    kept = [line for line in read_lines(metrics) if _before(line, step, epoch)]
    write_text(metrics, "".join(json.dumps(line) + "\n" for line in kept))


def _before(line: dict[str, Any], step: int, epoch: int) -> bool:
    kind = line.get("event")
    if kind == "epoch":
        return int(line.get("epoch", 0)) < epoch
    return kind in ("started", "step") and int(line.get("step", 0)) <= step
