"""From a recording's file to what it holds, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...network.problems import UserError
from ..contents import Choice, Contents, Header, Note, Refusal, needs
from .about import MOST_VALUES, UNKNOWN, About, too_long
from .ears import EAR_AXES
from .oddities import limits, odd
from .whole import Md5, damage_of, is_flac

DAMAGED = "damaged"
"""Accepting it reads what is left of a recording that is cut short or damaged."""

SOUNDS = (".wav", ".flac", ".ogg")
"""Endings of the files of recordings."""

_BLOCK = 1 << 20

_MAGIC = {".wav": (b"RIFF", b"RIFX", b"RF64"), ".flac": (b"fLaC",), ".ogg": (b"OggS",)}
_OTHERS = {b"ID3": "an MP3 file", b"FORM": "an AIFF file", b".snd": "an AU file"}


@np.errstate(all="ignore")  # damaged files have numbers beyond all bounds
def read_sound(path: Path, choice: Choice) -> Contents:
    """Read a recording, or the part of it that `choice` names in seconds."""
    with _opened(path) as file:
        about = About(path, file.samplerate, file.channels, file.frames, file.subtype)
        first, last = about.part(choice)
        about.check_size(last - first)
        if first:
            file.seek(first)
        whole = first == 0 and last == about.frames
        blocks = _blocks(file, about, last - first)
        digest = Md5.of(path, about) if whole else None
        try:
            array = _joined(blocks, digest)
        except MemoryError:
            long = f"{(last - first) / about.rate / 60:,.0f} minutes"
            raise too_long(path, long, (last - first) * about.channels) from None
    told = damage_of(path, about, array.shape[1], last - first, digest)
    if told and DAMAGED not in choice.accept:
        raise Refusal(
            told,
            "copy it again",
            DAMAGED,
            "read what there is of it",
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
        notes=(*damage, *odd(array, about)),
        limits=limits(array),
        name=path.name,
    )


def look_at_sound(path: Path, choice: Choice) -> Header:
    """Read the shape of a recording; nothing is decoded."""
    with _opened(path) as file:
        about = About(path, file.samplerate, file.channels, file.frames, file.subtype)
        first, last = about.part(choice)
    if last - first >= UNKNOWN:
        raise UserError(f"{path} does not say how long it is", "save it again with its length")
    return Header((about.channels, last - first), rgb=False)


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


def _blocks(file: Any, about: About, frames: int) -> Iterator[NDArray[Any]]:
    """Read (time, ear) block by block, as whole numbers where FLAC's checksum needs them."""
    left = frames
    values = 0
    dtype = "int32" if is_flac(about.path) else "float32"
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


def _joined(blocks: Iterator[NDArray[Any]], digest: Md5 | None) -> NDArray[np.float32]:
    parts = []
    for block in blocks:
        if digest is not None:
            digest.update(block)
        if block.dtype.kind == "i":
            block = block.astype(np.float32) * np.float32(2.0**-31)
        parts.append(np.ascontiguousarray(block.T))
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)
