"""How a message travels over a connection: one pickle, then a frame for each chunk of each array.

Pickle's out-of-band buffers (PEP 574) find the arrays at any depth of dictionaries, lists, tuples
and dataclasses. They are sent as they lie in memory and received into memory of their own, in
chunks: that is about twice as fast as one frame each, and never holds the interpreter's lock for
longer than one chunk takes to copy, so that a window stays fluent while a volume arrives.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .messages import Progress, Stored, Unreadable

CHUNK = 1 << 19
# A frame of its own costs more than copying an array this small into the pickle.
SMALL = 1 << 12
# Ticket (0: none), whether it is progress, bytes of the pickle, number of arrays; their sizes
# follow, then the pickle itself if it is no longer than a chunk.
_HEAD = struct.Struct("<Q?QQ")


class Line(Protocol):
    """A connection of `multiprocessing.connection`, whose class is another one on Windows."""

    def send_bytes(self, buf: Any, /) -> None:
        """Send one frame."""

    def recv_bytes(self) -> bytes:
        """Wait for a frame."""

    def recv_bytes_into(self, buf: Any, /) -> int:
        """Wait for a frame, and write it into a buffer."""

    def fileno(self) -> int:
        """Return the number that the system knows it by."""

    def close(self) -> None:
        """Hang up."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to be sent.

    Parameters
    ----------
    ticket : int
        The job it concerns, or 0.
    progress : bool
        Whether it is a job's progress.
    pickled : bytes
        The message without its arrays.
    blocks : tuple of memoryview
        The arrays' memory.
    keys : frozenset
        The keys that the message names by `Stored`.
    """

    ticket: int
    progress: bool
    pickled: memoryview
    blocks: tuple[memoryview, ...]
    keys: frozenset[Hashable]

    @property
    def nbytes(self) -> int:
        """Bytes to be sent, without the head."""
        return len(self.pickled) + sum(map(len, self.blocks))


def _fetch(key: Hashable) -> Any:
    """Stand in the pickle for a `Stored` value; the reader puts its own lookup in this place."""
    raise LookupError(f"nothing is stored under the key {key!r}")


class _Pickler(pickle.Pickler):
    """Lifts arrays out, collects the keys of `Stored`, and keeps torch out of the window."""

    def __init__(self, file: io.BytesIO, take: Callable[[pickle.PickleBuffer], bool]) -> None:
        super().__init__(file, protocol=5, buffer_callback=take)
        self.keys: set[Hashable] = set()

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Stored:
            self.keys.add(obj.key)
            return _fetch, (obj.key,)
        if isinstance(obj, np.ndarray):
            return _reduce_array(obj)
        module = getattr(obj, "__module__", None)
        if isinstance(module, str) and module.partition(".")[0] == "torch":
            return _reduce_torch(obj)
        return NotImplemented


def _reduce_array(array: np.ndarray[Any, Any]) -> Any:
    if type(array) is np.memmap:
        array = np.asarray(array)
    elif type(array) is not np.ndarray or array.flags.forc:
        return NotImplemented
    if array.dtype.hasobject or array.flags.forc:
        return array.__reduce_ex__(5)
    # numpy would copy it twice, into the pickle.
    return np.ascontiguousarray(array).__reduce_ex__(5)


def _reduce_torch(obj: Any) -> Any:
    """Send what is no more than a text or a tuple (a version, a shape) as such; refuse the rest.

    The window would have to import torch to read it.
    """
    for plain in (str, tuple):
        if isinstance(obj, plain):
            return plain, (plain(obj),)
    raise TypeError(
        f"a {type(obj).__name__} of torch cannot travel between the processes; "
        "send a numpy array, as in tensor.detach().cpu().numpy()"
    )


class _Unpickler(pickle.Unpickler):
    """Looks up `Stored` values."""

    def __init__(self, data: memoryview, blocks: list[Any], store: Mapping[Hashable, Any]) -> None:
        super().__init__(io.BytesIO(data), buffers=blocks)
        self._store = store

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == _fetch.__name__:
            return self._look_up
        return super().find_class(module, name)

    def _look_up(self, key: Hashable) -> Any:
        return self._store[key] if key in self._store else _fetch(key)


def encode(message: Any) -> Parcel:
    """Pickle a message; its arrays stay where they are until they are sent.

    Raises
    ------
    TypeError, pickle.PicklingError and whatever else pickling raises
        If something in the message cannot travel.
    """
    blocks: list[memoryview] = []

    def take(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if len(raw) < SMALL:
            return True  # into the pickle
        blocks.append(raw)
        return False

    file = io.BytesIO()
    pickler = _Pickler(file, take)
    pickler.dump(message)
    ticket = getattr(message, "ticket", 0)
    progress = isinstance(message, Progress)
    return Parcel(ticket, progress, file.getbuffer(), tuple(blocks), frozenset(pickler.keys))


def send(connection: Line, parcel: Parcel) -> None:
    """Send a parcel; callers take turns."""
    sizes = [len(block) for block in parcel.blocks]
    head = _HEAD.pack(parcel.ticket, parcel.progress, len(parcel.pickled), len(sizes))
    head += struct.pack(f"<{len(sizes)}Q", *sizes)
    if len(parcel.pickled) <= CHUNK:
        connection.send_bytes(head + parcel.pickled)
    else:
        connection.send_bytes(head)
        _send_block(connection, parcel.pickled)
    for block in parcel.blocks:
        _send_block(connection, block)


def receive(connection: Line, store: Mapping[Hashable, Any] | None = None) -> Any:
    """Wait for the next message.

    Parameters
    ----------
    connection : Line
        Where it comes from.
    store : mapping, optional
        The values that `Stored` stands for.

    Returns
    -------
    message
        Or `Unreadable`, if it arrived whole but could not be unpickled here.

    Raises
    ------
    EOFError or OSError
        If the other side is gone.
    """
    frame = memoryview(connection.recv_bytes())
    ticket, progress, length, count = _HEAD.unpack_from(frame)
    sizes = struct.unpack_from(f"<{count}Q", frame, _HEAD.size)
    pickled = frame[_HEAD.size + 8 * count :]
    if length > CHUNK:
        pickled = _receive_block(connection, length).data
    blocks = [_receive_block(connection, size) for size in sizes]
    try:
        return _Unpickler(pickled, blocks, store or {}).load()
    except Exception as error:  # whatever the classes in it raise; the connection is in step
        return Unreadable(ticket, f"{type(error).__name__}: {error}", progress)


def _send_block(connection: Line, block: memoryview) -> None:
    for start in range(0, len(block), CHUNK):
        connection.send_bytes(block[start : start + CHUNK])


def _receive_block(connection: Line, size: int) -> np.ndarray[Any, Any]:
    block = np.empty(size, np.uint8)
    for start in range(0, size, CHUNK):
        connection.recv_bytes_into(block.data[start : start + CHUNK])
    return block
