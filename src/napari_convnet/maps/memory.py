"""How much memory a computation may take, asked of the device it runs on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LEAST = 128 * 2**20
"""With less than this the surroundings of a part would cost more than the part."""

MOST = {"cpu": 2**29, "cuda": 8 * 2**30, "mps": 2 * 2**30}
"""More than this makes a computation no faster, per kind of device."""


def budget(device: torch.device) -> int:
    """Bytes that a computation on a device may take: half of what is free, within reason.

    Parameters
    ----------
    device : torch.device
        Where it runs.
    """
    free = free_bytes(device)
    return max(LEAST, min(free // 2, MOST.get(device.type, 2**30)))


def free_bytes(device: torch.device) -> int:
    """Bytes that are free on a device, as far as it tells.

    Systems differ in what they call free: what holds copies of files may be had, too. So at least
    an eighth of what there is counts as free.
    """
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds in reserve is ours.
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + reserved)
    if device.type == "mps":
        import torch

        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    free, there = _windows() if sys.platform == "win32" else _posix()
    return max(free, there // 8)


def _posix() -> tuple[int, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    there = page * os.sysconf("SC_PHYS_PAGES")
    # macOS does not tell how much of it is free.
    known = "SC_AVPHYS_PAGES" in os.sysconf_names
    return (page * os.sysconf("SC_AVPHYS_PAGES") if known else there // 4), there


def _windows() -> tuple[int, int]:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("there", "free", "a", "b", "c", "d", "e")),
        ]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return int(status.free), int(status.there)
