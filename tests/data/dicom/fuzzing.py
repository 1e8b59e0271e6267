"""Damages DICOM files at random and reads them; run as a program, which may die.

``python fuzzing.py FOLDER FIRST LAST``: each case says "begin N", then "end N {...}" with what came
of it. What is read must lie where an independent look at the damaged file says; a series with one
damaged slice must lie where the whole one did, or be refused. What one file says once (where its
only slice lies) can change unseen.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import random
import shutil
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np

SECONDS = 10
MEMORY = 6 << 30


def damage(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, blank, insert or repeat bytes; mostly in the header, where it matters."""
    data = bytearray(content)

    def somewhere() -> int:
        return rng.randrange(min(len(data), 1600) if rng.random() < 0.75 else len(data))

    way = rng.choice(("bits", "bits", "bytes", "digits", "digits", "cut", "blank", "in", "length"))
    if way == "bits":
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[somewhere()] ^= 1 << rng.randrange(8)
    elif way == "bytes":
        for _ in range(rng.choice((1, 2, 4, 16))):
            data[somewhere()] = rng.randrange(256)
    elif way == "digits":
        places = [i for i, byte in enumerate(data[:3000]) if byte in b"0123456789.-"]
        for place in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
            data[place] = rng.choice(b"0123456789.-e ")
    elif way == "cut":
        del data[somewhere() :]
    elif way == "blank":
        start = somewhere()
        data[start : start + rng.choice((2, 8, 64))] = b"\0" * rng.choice((2, 8, 64))
    elif way == "in":
        start = somewhere()
        data[start:start] = rng.randbytes(rng.choice((1, 2, 8)))
    else:
        start = somewhere()
        data[start : start + 4] = rng.choice(
            (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")
        )
    return bytes(data)


def expected_affine(path: Path) -> np.ndarray:
    """Where a file's slices lie, straight from its elements; one slice's step is of length 1."""
    import pydicom

    header = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    shared = list(header.get("SharedFunctionalGroupsSequence", []))[:1]
    frames = list(header.get("PerFrameFunctionalGroupsSequence", [{}]))
    frames = frames[: int(header.get("NumberOfFrames") or 1)]

    def find(frame, name: str, group: str) -> np.ndarray:
        for level in (frame, *shared):
            for item in (level.get(group) or [])[:1]:
                if name in item:
                    return np.array(item[name].value, float)
        return np.array(header[name].value, float)

    directions = find(frames[0], "ImageOrientationPatient", "PlaneOrientationSequence")
    row, column = directions[:3], directions[3:]
    across = np.cross(row, column)
    places = [find(frame, "ImagePositionPatient", "PlanePositionSequence") for frame in frames]
    places.sort(key=lambda place: place @ across)
    step = across
    if len(places) > 1:
        step = (places[-1] - places[0]) / (len(places) - 1)
        even = places[0] + np.arange(len(places))[:, None] * step
        assert np.abs(even - places).max() <= 0.02 * np.linalg.norm(step), "uneven"
    below, beside = find(frames[0], "PixelSpacing", "PixelMeasuresSequence")
    affine = np.eye(4)
    lps = np.stack([step, column * below, row * beside, places[0]], 1)
    affine[:3] = lps[::-1]
    return affine


def check_single(path: Path, found) -> str:
    """Compare a single file's place with its elements."""
    affine = np.asarray(found.affine, float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        return f"no place: {affine.tolist()}"
    if found.axes != ("z", "y", "x") or found.labels or path.name.startswith("rtdose"):
        return ""
    try:
        expected = expected_affine(path)
    except Exception as error:
        return f"placed, though its elements do not say where ({error!r})"
    if len(found.array) == 1:
        affine[:3, 0] /= np.linalg.norm(affine[:3, 0])
    if not np.allclose(affine, expected, rtol=2e-3, atol=2e-3):
        return f"{affine.tolist()}, not {expected.tolist()}"
    return ""


def check_series(truth: np.ndarray, shape: tuple[int, ...], found) -> str:
    """A series with one damaged slice is where it was, whole, or refused."""
    if found.array.shape != shape:
        return f"shape {found.array.shape}, not {shape}"
    corners = np.array(np.meshgrid(*[[0, n - 1] for n in shape], indexing="ij")).reshape(3, -1)
    corners = np.vstack([corners, np.ones(corners.shape[1])])
    off = np.abs((found.affine - truth) @ corners).max()
    return "" if off < 0.03 * np.linalg.norm(truth[:3, 0]) else f"{off} mm off"


def run(case: int, folder: Path) -> dict[str, str]:
    from napari_convnet.data.readers import read_contents
    from napari_convnet.network.problems import UserError

    rng = random.Random(f"dicom {case}")
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    series = case % 3 == 0
    if series:
        shutil.copytree(folder / "series", work)
        victim = rng.choice(sorted(work.iterdir()))
        path = work
    else:
        work.mkdir()
        # The files that a process of its own decodes take longer.
        slow, quick = [], []
        for file in sorted((folder / "single").iterdir()):
            (slow if "gdcm" in file.name else quick).append(file)
        source = rng.choice(slow if rng.random() < 0.03 else quick)
        path = victim = Path(shutil.copy(source, work / source.name))
    victim.write_bytes(damage(victim.read_bytes(), rng))
    outcome = {"file": victim.name, "kind": "read", "wrong": ""}
    try:
        found = read_contents(path)
        if series:
            truth = json.loads((folder / "truth.json").read_text())
            outcome["wrong"] = check_series(np.array(truth["affine"]), tuple(truth["shape"]), found)
        else:
            outcome["wrong"] = check_single(victim, found)
    except UserError as error:
        outcome["kind"] = "refused"
        message = str(error)
        if "\n" in message or "Traceback" in message or len(message) > 1500 or not message:
            outcome["wrong"] = f"message: {message}"
    except BaseException:
        outcome["wrong"] = traceback.format_exc()
    return outcome


def main(folder: Path, first: int, last: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except ImportError:  # Windows
        pass
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for case in range(first, last):
        print("begin", case, flush=True)
        # A case that hangs ends the program, and is told by the traceback.
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        outcome = run(case, folder)
        faulthandler.cancel_dump_traceback_later()
        print("end", case, json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
