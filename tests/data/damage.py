"""Damages files as broken discs, broken copies and broken programs do; for fuzz_*.py."""

import random
from collections.abc import Callable

WAYS = ("flip", "flip", "flip", "byte", "byte", "cut", "insert", "remove", "number")


def damaged(
    raw: bytes,
    rng: random.Random,
    somewhere: Callable[[int, random.Random], int],
    put_number: Callable[[bytearray, int, random.Random], None],
) -> bytes:
    """Flip, cut, insert, take out.

    Parameters
    ----------
    raw : bytes
        A file.
    rng : random.Random
        Decides what is done, and how often.
    somewhere : callable
        Chooses a place in a file of some length.
    put_number : callable
        Writes a number that a header of this format may hold at a place.
    """
    data = bytearray(raw)
    way = rng.choice(WAYS)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = somewhere(len(data), rng)
        if way == "flip":
            data[at] ^= 1 << rng.randrange(8)
        elif way == "byte":
            data[at] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        elif way == "cut":
            return bytes(data[:at])
        elif way == "insert":
            data[at:at] = rng.randbytes(rng.choice([1, 2, 4, 16]))
        elif way == "remove":
            del data[at : at + rng.choice([1, 2, 4, 16])]
            if not data:
                return b""
        else:
            put_number(data, at, rng)
    return bytes(data)
