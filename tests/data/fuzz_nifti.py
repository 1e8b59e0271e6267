"""Damages real NIfTI files and reads them; run by test_fuzz_nifti.py in a process that may die.

``python fuzz_nifti.py SEED COUNT FOLDER FILE...``: prints one line a case, and nothing else.
"""

import faulthandler
import gzip
import logging
import random
import sys
import warnings
from pathlib import Path

import nibabel
import numpy as np
from damage import damaged

from napari_convnet.data.contents import Contents
from napari_convnet.data.orientation import nibabel_to_napari
from napari_convnet.data.readers import read_contents
from napari_convnet.network.problems import UserError

SECONDS = 30
MEMORY = 6 << 30
IN_MM = {"meter": 1000.0, "micron": 0.001}


def somewhere(length: int, rng: random.Random) -> int:
    """Mostly in the header, where all of the geometry is."""
    return rng.randrange(min(length, rng.choice([352, 352, 600, length])))


def put_number(data: bytearray, at: int, rng: random.Random) -> None:
    number = rng.choice([np.nan, np.inf, -np.inf, 0, -1, 1e30, 1e-30, 3.5])
    at -= at % 4
    data[at : at + 4] = np.array([number], "<f4").tobytes()


def spoil(source: Path, folder: Path, rng: random.Random) -> Path:
    """Write a damaged copy of a file; the voxels beside a header stay whole."""

    def worse(content: bytes) -> bytes:
        return damaged(content, rng, somewhere, put_number)

    path = folder / source.name
    raw = source.read_bytes()
    if source.name.endswith(".gz"):
        if rng.random() < 0.4:
            path.write_bytes(worse(raw))
        else:
            path.write_bytes(gzip.compress(worse(gzip.decompress(raw)), 1))
        return path
    path.write_bytes(worse(raw))
    if source.suffix == ".hdr":
        path.with_suffix(".img").write_bytes(source.with_suffix(".img").read_bytes())
    return path


def truth(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and place as nibabel has them, in this package's order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with np.errstate(all="ignore"):
            image = nibabel.load(path, mmap=False)
            values = np.asanyarray(image.dataobj)
    try:
        unit = image.header.get_xyzt_units()[0]
    except (AttributeError, KeyError):
        unit = "unknown"
    scale = IN_MM.get(unit, 1.0)
    return values, np.diag([scale, scale, scale, 1.0]) @ nibabel_to_napari(image.affine)


def wrong(path: Path, whole: Contents) -> str:
    """Read a damaged copy of a file and say what is wrong with the result; empty where nothing is.

    The voxels must lie where nibabel puts them. And another shape, voxel size or direction than the
    whole file's must be told: a damaged header says so itself. What only one number of it says
    (where the first voxel lies, in a file with one form; a value's slope) can change unseen.
    """
    try:
        found = read_contents(path)
    except UserError as error:
        text = str(error)
        return "" if 20 < len(text) < 900 and "Traceback" not in text else f"message {text!r}"
    if _turned(found, whole) and not _news(found, whole):
        return f"silently {found.array.shape} at {found.affine}"
    values, affine = truth(path)
    if found.affine is None or not np.array_equal(found.affine[-4:, -4:], affine[-4:, -4:]):
        return f"lies at {found.affine}, not at {affine}"
    if values.dtype.names:
        values = np.stack([values[name] for name in values.dtype.names], axis=-1)
        values = np.moveaxis(values.T, 0, -1)
    else:
        values = values.T
    if values.size != found.array.size:
        return f"shape {found.array.shape}, not {values.shape}"
    with np.errstate(all="ignore"):
        read = found.array.reshape(values.shape)
        # Slope and intercept may all but cancel: the largest value tells what rounding is.
        most = np.abs(values[np.isfinite(values)], dtype=np.float64).max(initial=0)
        near = np.isclose(read, values, rtol=1e-4, atol=1e-6 * most, equal_nan=True)
        near |= read == values
        # A slope beyond 32-bit numbers is told as infinite values.
        near |= ~np.isfinite(read) & (np.abs(values) > 1e38)
    return "" if near.mean() == 1 else f"other values at {1 - near.mean():.2%} of the voxels"


def _turned(found: Contents, whole: Contents) -> bool:
    """Whether the shape, the voxel size or the direction is another."""
    if found.array.shape != whole.array.shape:
        return True
    now, before = found.affine[-4:-1, -4:-1], whole.affine[-4:-1, -4:-1]
    return not np.allclose(now, before, rtol=0, atol=2e-3 * np.abs(before).max())


def _news(found: Contents, whole: Contents) -> bool:
    return bool({str(note) for note in found.notes} - {str(note) for note in whole.notes})


def main() -> None:
    seed, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    sources = [Path(name) for name in sys.argv[4:]]
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # nibabel's word on what it mends, in `truth`.
    nibabel.imageglobals.logger.handlers = [logging.NullHandler()]
    rng = random.Random(seed)
    whole = {source: read_contents(source) for source in sources}
    for case in range(count):
        source = sources[case % len(sources)]
        print(case, source.name, end=" ", flush=True)
        path = spoil(source, folder, rng)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        problem = wrong(path, whole[source])
        faulthandler.cancel_dump_traceback_later()
        print(problem.replace("\n", " ") or "ok")


if __name__ == "__main__":
    main()
