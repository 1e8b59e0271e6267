"""Decoding in a process of its own: gdcm ends the whole program at some damaged files.

This file is run as a program. It reads requests, one JSON object a line, and answers each with a
line of JSON for every frame, followed by the frame's bytes.
"""

from __future__ import annotations

import faulthandler
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..values import AnyArray

_SECONDS = 60  # no frame takes longer to decode


class Apart:
    """A process that decodes; it starts at the first file, and again where it has died.

    Examples
    --------
    >>> with Apart() as apart:
    ...     list(apart.frames(Path("slice.dcm"), [], "gdcm"))
    []
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def frames(self, path: Path, frames: Sequence[int], plugin: str) -> Iterator[AnyArray]:
        """Decode frames of a file, in the order asked for.

        Raises
        ------
        ValueError
            If the file cannot be decoded; also where the process died of it.
        """
        if not frames:
            return
        request = {"path": str(path.resolve()), "frames": list(frames), "plugin": plugin}
        into, out = self._pipes()
        try:
            into.write(json.dumps(request).encode() + b"\n")
            into.flush()
            for _ in frames:
                yield _received(out)
        except (EOFError, OSError):
            self._end()
            raise ValueError(f"the decoder {plugin} gave up") from None

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                # By its path: importing the whole package would take longer than decoding.
                [sys.executable, "-P", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        return into, out

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                # What was left to write has no reader any more.
                with suppress(OSError):
                    pipe.close()
        process.wait()


def _received(out: IO[bytes]) -> AnyArray:
    line = out.readline()
    if not line:
        raise EOFError
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    shape, dtype = tuple(answer["shape"]), np.dtype(answer["dtype"])
    content = out.read(math.prod(shape) * dtype.itemsize)
    if len(content) < math.prod(shape) * dtype.itemsize:
        raise EOFError
    return np.frombuffer(bytearray(content), dtype).reshape(shape)


def main() -> None:
    """Answer requests until there are no more."""
    # gdcm prints what it thinks of a file: the answers go where it cannot write.
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        faulthandler.dump_traceback_later(_SECONDS, exit=True)
        try:
            _answer(request, answers)
        except Exception as error:  # any decoder's complaint becomes the file's message
            _send(answers, {"error": str(error) or type(error).__name__})
        faulthandler.cancel_dump_traceback_later()


def _answer(request: dict[str, Any], answers: IO[bytes]) -> None:
    from pydicom.pixels.utils import iter_pixels

    frames = iter_pixels(
        request["path"], indices=request["frames"], decoding_plugin=request["plugin"]
    )
    for frame in frames:
        array = np.ascontiguousarray(frame)
        _send(answers, {"shape": array.shape, "dtype": array.dtype.str}, array.tobytes())


def _send(answers: IO[bytes], head: dict[str, Any], content: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + content)
    answers.flush()


if __name__ == "__main__":
    main()
