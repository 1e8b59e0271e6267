"""Damages real recordings and reads them; run by test_fuzz_sound.py in a process that may die.

``python fuzz_sound.py SEED COUNT FOLDER FILE...``: prints one line a case, and nothing else.
"""

import faulthandler
import random
import sys
from pathlib import Path

import numpy as np
import soundfile
from damage import damaged

from napari_convnet.data.contents import Contents
from napari_convnet.data.readers import read_contents, read_header
from napari_convnet.network.problems import UserError

SECONDS = 20
MEMORY = 6 << 30


def somewhere(length: int, rng: random.Random) -> int:
    """Mostly in the header, and at the end."""
    at = rng.randrange(min(length, rng.choice([48, 48, 128, length])))
    if rng.random() < 0.1:
        at = length - 1 - rng.randrange(min(length, 100))
    return at


def put_number(data: bytearray, at: int, rng: random.Random) -> None:
    number = rng.choice([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, rng.getrandbits(32)])
    data[at : at + 4] = number.to_bytes(4, rng.choice(["little", "big"]))


def wrong(path: Path, before: Contents) -> str:
    """Read a damaged copy of a file and say what is wrong with the result; empty where nothing is.

    Times and lengths other than the whole file's must be told.
    """
    whole = before.array
    try:
        found = read_contents(path, accept=())
    except UserError as error:
        text = str(error)
        return "" if 20 < len(text) < 900 and "Traceback" not in text else f"message {text!r}"
    news = {str(note) for note in found.notes} - {str(note) for note in before.notes}
    other = found.array.shape != whole.shape or found.affine[1, 1] != before.affine[1, 1]
    if other and not news:
        return f"silently {found.array.shape} at {1 / found.affine[1, 1]} Hz"
    values, rate = soundfile.read(path, dtype="float32", always_2d=True)
    if found.affine is None or found.affine[1, 1] != 1 / rate:
        return f"lies at {found.affine}, not at {rate} Hz"
    if read_header(path).shape != found.array.shape:
        return f"shape {found.array.shape}, not {read_header(path).shape} as the header says"
    if not np.array_equal(found.array, values.T, equal_nan=True):
        return "other values than libsndfile's"
    same = found.array.shape == whole.shape and np.array_equal(found.array, whole)
    checked = path.suffix == ".flac" and any(path.read_bytes()[26:42])
    # FLAC's checksum is of the values, whatever the header calls them.
    if checked and not same and found.array.size == whole.size:
        return "" if set(found.array.ravel()) == set(whole.ravel()) else "passed as whole"
    return ""


def main() -> None:
    seed, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    sources = [Path(name) for name in sys.argv[4:]]
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(seed)
    whole = {path: read_contents(path) for path in sources}
    for case in range(count):
        source = sources[case % len(sources)]
        print(case, source.name, end=" ", flush=True)
        path = folder / source.name
        path.write_bytes(damaged(source.read_bytes(), rng, somewhere, put_number))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        problem = wrong(path, whole[source])
        faulthandler.cancel_dump_traceback_later()
        print(problem.replace("\n", " ") or "ok")


if __name__ == "__main__":
    main()
