"""Recordings (.wav, .flac, .ogg), read by soundfile.

A recording becomes an array (ear, time), with seconds along time. libsndfile reads what is left of
a file that was cut short without a word, so the file's own marks of its end are looked at too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .contents import Choice, Contents, Header, Note, Refusal, needs
from .settings import Input, text_of
from .values import value_notes

DAMAGED = "damaged"
"""Accepting it reads what is left of a recording that is cut short or damaged."""

SOUNDS = (".wav", ".flac", ".ogg")
"""Endings of the files of recordings."""

EAR_AXES = ("ear", "t")
"""Axes of a recording's array."""

MOST_VALUES = 1 << 29
"""More than these (2 GiB; about 100 minutes of stereo on a CD) are not read at once."""

_BLOCK = 1 << 20

# libsndfile's word for "not known" is the largest number there is.
_UNKNOWN = 1 << 60

_MAGIC = {".wav": (b"RIFF", b"RIFX", b"RF64"), ".flac": (b"fLaC",), ".ogg": (b"OggS",)}
_OTHERS = {b"ID3": "an MP3 file", b"FORM": "an AIFF file", b".snd": "an AU file"}

# Programs that write as they record leave such numbers where the length will stand.
_OPEN = 0x7FFFF000

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}

_USUAL_RATES = {
    8000, 11025, 12000, 16000, 22050, 24000, 32000, 37800, 44056, 44100, 47250, 48000, 50000,
    64000, 88200, 96000, 176400, 192000, 352800, 384000,
}  # fmt: skip

# Of this many samples in a row at full scale, at least one was cut off.
_RUN = 3


@np.errstate(all="ignore")  # damaged files have numbers beyond all bounds
def read_sound(path: Path, choice: Choice) -> Contents:
    """Read a recording, or the part of it that `choice` names in seconds."""
    with _opened(path) as file:
        about = _About(path, file.samplerate, file.channels, file.frames, file.subtype)
        first, last = about.part(choice)
        about.check_size(last - first)
        if first:
            file.seek(first)
        whole = first == 0 and last == about.frames
        blocks = _blocks(file, about, last - first)
        digest = _Md5.of(path, about) if whole else None
        try:
            array = _joined(blocks, digest)
        except MemoryError:
            long = f"{(last - first) / about.rate / 60:,.0f} minutes"
            raise too_long(path, long, (last - first) * about.channels) from None
    told = _damage(path, about, array.shape[1], last - first, digest)
    if told and DAMAGED not in choice.accept:
        raise Refusal(
            told,
            f'copy it again, or accept "{DAMAGED}" to read what there is of it',
            DAMAGED,
            "what there is of it is read",
        )
    if array.shape[1] == 0:
        raise UserError(f"{path} holds no sound", "name a recording with samples in it")
    affine = np.diag([1.0, 1 / about.rate, 1.0])
    affine[1, 2] = first / about.rate
    damage = (Note(f"{told}: what there is of it was read", "warning"),) if told else ()
    return Contents(
        array=array,
        rgb=False,
        affine=affine,
        units=("pixel", "s"),
        axes=EAR_AXES,
        notes=(*damage, *_notes(array, about)),
        limits=_limits(array),
        name=path.name,
    )


def look_at_sound(path: Path, choice: Choice) -> Header:
    """Read the shape of a recording; nothing is decoded."""
    with _opened(path) as file:
        about = _About(path, file.samplerate, file.channels, file.frames, file.subtype)
        first, last = about.part(choice)
    if last - first >= _UNKNOWN:
        raise UserError(f"{path} does not say how long it is", "save it again with its length")
    return Header((about.channels, last - first), rgb=False)


def check_ears(found: Contents, input: Input, name: str) -> Contents:
    """Compare a recording's channels with the ears that a network wants.

    Parameters
    ----------
    found : Contents
        Anything; what is no recording is returned as it is.
    input : sequence of int or None
        The network's input: ``2x4096`` has the ears as channels, ``1x2x4096`` as an axis.
    name : str
        What to call the recording.

    Returns
    -------
    Contents
        With a note where not all ears will be heard.

    Raises
    ------
    UserError
        If the network wants two ears and there is one, or more than two.
    """
    if found.axes != EAR_AXES:
        return found
    note = ears_note(found.array.shape[0], input, name)
    return found if note is None else replace(found, notes=(*found.notes, note))


def ears_note(channels: int, input: Input, name: str) -> Note | None:
    """Tell what a network does not hear of a recording, or refuse one that it cannot hear.

    Parameters
    ----------
    channels : int
        Of the recording.
    input : sequence of int or None
        The network's input.
    name : str
        What to call the recording.

    Raises
    ------
    UserError
        As `check_ears`.
    """
    wanted = {2: input[0], 3: input[-2]}.get(len(input))
    if wanted is None or channels == wanted:
        return None
    if len(input) == 2 and wanted == 1:
        which = "left of 2 ears" if channels == 2 else f"first of {channels} channels"
        text = f"the network's input {text_of(input)} has one channel: it hears only the {which}"
        return Note(text, "warning")
    ears = "1 channel (mono)" if channels == 1 else f"{channels} channels"
    sizes = (channels, *input[1:]) if len(input) == 2 else (input[0], channels, input[2])
    raise UserError(
        f"{name} has {ears}; the network's input {text_of(input)} wants {wanted}",
        f"take a recording with {wanted} channels, or change the document's input to "
        f"{text_of(sizes)}",
    )


# -- the file --


@dataclass(frozen=True)
class _About:
    """What the header says."""

    path: Path
    rate: int
    channels: int
    frames: int
    subtype: str

    def part(self, choice: Choice) -> tuple[int, int]:
        """Return the half-open range of samples to read."""
        if choice.series is None:
            return 0, self.frames
        match = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", str(choice.series).strip())
        fix = f"name a part in seconds, such as {self.path.name}#0-60"
        if match is None:
            raise UserError(f"{self.path} is one recording, without a part {choice.series}", fix)
        first, last = (round(float(text) * self.rate) for text in match.groups())
        if first >= last or first >= self.frames:
            long = "" if self.frames >= _UNKNOWN else f"; it is {self.frames / self.rate:.1f} s"
            raise UserError(f"{self.path} has no part {choice.series}{long}", fix)
        return first, min(last, self.frames)

    def check_size(self, frames: int) -> None:
        if frames >= _UNKNOWN or frames * self.channels <= MOST_VALUES:
            return
        raise too_long(self.path, f"{frames / self.rate / 60:,.0f} minutes", frames * self.channels)


def too_long(path: Path, long: str, values: int) -> UserError:
    """Say that a recording does not fit into memory, and how to read a part of it."""
    needed = f"{long} of sound, {values * 4 / 2**30:,.1f} GiB of numbers"
    return UserError(
        f"{path} holds {needed}: more than is read at once",
        f"name a part in seconds, such as {path.name}#0-60",
    )


def _opened(path: Path) -> Any:
    soundfile = needs("soundfile", path, "a recording", "audio")
    with path.open("rb") as file:
        head = file.read(12)
    suffix = path.suffix.lower()
    if suffix in _MAGIC and not head.startswith(_MAGIC[suffix]):
        raise _misnamed(path, head)
    try:
        found = soundfile.SoundFile(str(path))
    except soundfile.LibsndfileError as error:
        raise ValueError(_reason(error)) from None
    if found.samplerate <= 0 or found.channels <= 0:
        found.close()
        raise ValueError("its header gives no sample rate")
    return found


def _reason(error: Any) -> str:
    text = str(getattr(error, "error_string", error))
    return text.removeprefix("Error : ").strip().rstrip(".")


def _misnamed(path: Path, head: bytes) -> UserError:
    for suffix, magics in _MAGIC.items():
        if head.startswith(magics):
            article = "an" if suffix == ".ogg" else "a"
            what = f"{path} is {article} {suffix[1:].upper()} file"
            return UserError(what, f"rename it to {path.with_suffix(suffix).name}")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            return UserError(f"{path} is {what}", "convert it to WAV, FLAC or OGG")
    kind = path.suffix[1:].upper()
    article = "an" if kind == "OGG" else "a"
    return UserError(
        f"{path} is damaged, or not {article} {kind} file: it does not begin as one",
        "copy it again",
    )


def _blocks(file: Any, about: _About, frames: int) -> Iterator[NDArray[Any]]:
    """Read (time, ear) block by block, as whole numbers where FLAC's checksum needs them."""
    left = frames
    values = 0
    dtype = "int32" if _is_flac(about.path) else "float32"
    while left > 0:
        try:
            block = file.read(min(_BLOCK, left), dtype=dtype, always_2d=True)
        except RuntimeError as error:  # soundfile's own
            raise ValueError(_reason(error)) from None
        if not len(block):
            return
        left -= len(block)
        values += block.size
        if values > MOST_VALUES:
            raise too_long(about.path, "a long time", values)
        yield block


def _joined(blocks: Iterator[NDArray[Any]], digest: _Md5 | None) -> NDArray[np.float32]:
    parts = []
    for block in blocks:
        if digest is not None:
            digest.update(block)
        if block.dtype.kind == "i":
            block = block.astype(np.float32) * np.float32(2.0**-31)
        parts.append(np.ascontiguousarray(block.T))
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)


def _is_flac(path: Path) -> bool:
    return path.suffix.lower() == ".flac"


class _Md5:
    """FLAC's checksum of all samples, in the header and of what was read."""

    def __init__(self, stated: bytes, width: int) -> None:
        self.stated = stated
        self._width = width
        self._found = hashlib.md5(usedforsecurity=False)

    @classmethod
    def of(cls, path: Path, about: _About) -> _Md5 | None:
        """Return None where the file has none."""
        if not _is_flac(path) or about.subtype not in _BITS:
            return None
        with path.open("rb") as file:
            head = file.read(42)
        # Mark, header of STREAMINFO (4 + 4 bytes), whose last 16 bytes of 34 these are.
        stated = head[26:42]
        return cls(stated, _BITS[about.subtype] // 8) if any(stated) else None

    def update(self, block: NDArray[Any]) -> None:
        """Add samples, which libsndfile moves to the top of 32 bits."""
        parts = np.ascontiguousarray(block, "<i4").view(np.uint8).reshape(-1, 4)
        self._found.update(np.ascontiguousarray(parts[:, 4 - self._width :]).tobytes())

    @property
    def fits(self) -> bool:
        """Whether what was read is what was written."""
        return self._found.digest() == self.stated


# -- what is wrong, what is odd --


def _damage(path: Path, about: _About, read: int, wanted: int, digest: _Md5 | None) -> str:
    """Say how a recording is cut short or damaged; empty where it is not."""
    suffix = path.suffix.lower()
    if wanted < _UNKNOWN and read < wanted:
        return f"{path} is cut short: {wanted:,} samples are promised, and {read:,} are there"
    if suffix == ".wav":
        missing = _wav_missing(path)
        if missing:
            return f"{path} is cut short: {missing:,} bytes of its sound are missing"
    if suffix == ".ogg" and not _ogg_ends(path):
        return f"{path} is cut short: its last page is missing"
    if digest is not None and not digest.fits:
        return f"{path} is damaged: its sound does not fit its checksum"
    return ""


def _wav_missing(path: Path) -> int:
    """How many bytes the chunk of samples promises beyond the file's end."""
    ends = [end for name, _, end in _wav_chunks(path) if name == b"data"]
    return max(0, ends[0] - path.stat().st_size) if ends else 0


def _wav_surplus(path: Path) -> int:
    """How many bytes behind the samples are no chunk of their own."""
    size, end = path.stat().st_size, 0
    for name, _, stop in _wav_chunks(path):
        if end and (stop > size + 1 or not name.isascii() or not name.decode().isprintable()):
            break
        if end or name == b"data":
            end = stop
    # A byte may fill up the last chunk.
    return max(0, size - end - 1) if end else 0


def _wav_notes(path: Path) -> Iterator[Note]:
    surplus = _wav_surplus(path)
    if surplus:
        text = f"the file goes on for {surplus:,} bytes behind its last sample"
        yield Note(f"{text}: the length in its header may be damaged", "warning")
    if any(name == b"data" and length >= _OPEN for name, length, _ in _wav_chunks(path)):
        yield Note("the file does not say how long it is: it was read to its end")


def _wav_chunks(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, its length by the header, and where it ends then."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order: Literal["big", "little"] = "big" if file.read(4) == b"RIFX" else "little"
        at = 12
        while at + 8 <= size:
            file.seek(at)
            name, stated = file.read(4), file.read(4)
            length = int.from_bytes(stated, order)
            at = size if length >= _OPEN else at + 8 + length
            yield name, length, at
            at += at % 2


def _ogg_ends(path: Path) -> bool:
    """Whether the last page says that it is the last, and is there as a whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        # A page has at most 65,307 bytes.
        file.seek(max(0, size - 65307))
        tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return False
    whole = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return bool(page[5] & 4) and len(page) >= whole


def _notes(array: NDArray[np.float32], about: _About) -> Iterator[Note]:
    """Tell what is odd about a recording."""
    channels = array.shape[0]
    if channels == 1:
        yield Note("the recording is mono: from one ear nobody can tell a direction")
    elif channels > 2:
        yield Note(
            f"the recording has {channels} channels: along the ear axis, in the file's order"
        )
    if about.path.suffix.lower() == ".wav":
        yield from _wav_notes(about.path)
    if about.rate not in _USUAL_RATES:
        text = f"the sample rate is {about.rate:,} Hz, an unusual one: times follow it"
        yield Note(text, "warning")
    silent = [not ear.any() for ear in array]
    if all(silent):
        yield Note("the recording is silent: all of its values are 0", "warning")
        return
    names = ("left", "right") if channels == 2 else tuple(map(str, range(channels)))
    for name in (name for name, each in zip(names, silent, strict=True) if each):
        yield Note(f"the {name} channel is silent", "warning")
    if channels == 2 and np.array_equal(array[0], array[1]):
        yield Note("both ears hear the same: it is a mono recording", "warning")
    yield from value_notes(array)
    yield from _loudness(array, about)


def _loudness(array: NDArray[np.float32], about: _About) -> Iterator[Note]:
    bits = _BITS.get(about.subtype)
    full = np.float32(1.0 - 2.0 ** (1 - bits)) if bits else np.float32(1)
    loud = np.abs(array) >= full
    beyond = array[np.isfinite(array) & (np.abs(array) > 1)]
    if beyond.size and bits is None:
        most = np.abs(beyond).max()
        yield Note(f"its values go up to {most:.3g}, beyond full scale (1): they are kept as read")
    run = loud[:, _RUN - 1 :].copy()
    for shift in range(_RUN - 1):
        run &= loud[:, shift : shift - _RUN + 1]
    if bits and run.any():
        share = loud.mean()
        yield Note(
            f"the recording is clipped: {loud.sum():,} samples ({share:.2%}) lie at full scale",
            "warning",
        )


def _limits(array: NDArray[np.float32]) -> tuple[float, float]:
    """Show silence in the middle between black and white."""
    finite = array[np.isfinite(array)] if not np.isfinite(array).all() else array
    most = float(np.abs(finite).max(initial=0))
    return (-most, most) if most > 0 else (-1.0, 1.0)
