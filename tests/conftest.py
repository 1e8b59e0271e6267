"""What every test stands on: strict Qt, no user settings, examples that need no clock."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# Leaked windows and threads fail the test that leaked them; must be set before napari is imported.
os.environ.setdefault("NAPARI_STRICT_QT", "1")
# The settings of the person who runs the tests neither change them nor are changed by them.
os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "settings.yaml"))

# Slow machines are no failure; CI tries the same examples every time.
hypothesis.settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what to do instead of letting Qt abort the interpreter where no display is."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    if any("qapp" in getattr(item, "fixturenames", ()) for item in items):
        raise pytest.UsageError("no display here: run `make test`, or `xvfb-run -a pytest ...`")


@pytest.fixture
def own_files(tmp_path: Path) -> Path:
    """The files that the README and the page on data name: small ones."""
    import numpy as np
    import soundfile
    from PIL import Image
    from tifffile import imwrite

    from napari_convnet.data import photograph, write_nifti

    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    scans = [*(f"scans/{n}_{{}}.nii.gz" for n in "abcd"), "head{}.nii.gz"]
    for name in scans:
        size = (40, 60, 40) if name.startswith("head") else (24, 20, 22)
        labels = rng.integers(0, 3, size).astype(np.uint8)
        image = labels * 60.0 + rng.normal(0, 9, size) - 50
        affine = np.diag([2.0, 1.0, 1.0, 1.0])
        written = [name.format("" if "head" in name else "ct"), name.format("seg")]
        written[1] = written[1].replace("headseg", "head_tissues")
        write_nifti(tmp_path / written[0], image.astype(np.float32), affine)
        write_nifti(tmp_path / written[1], labels, affine)
    cells = photograph("coins")[:96, :96]
    imwrite(tmp_path / "cells.tif", cells)
    painted = np.zeros(cells.shape, np.uint8)
    painted[5:90:7], painted[6:90:7] = 1, 2
    imwrite(tmp_path / "cells_painted.tif", painted)
    for pet in ("cats", "dogs"):
        (tmp_path / "pets" / pet).mkdir(parents=True)
        for n in range(10):
            Image.fromarray(cells[n : n + 30, :40]).save(tmp_path / "pets" / pet / f"{n}.png")
    np.save(tmp_path / "stack.npy", np.stack([cells[n : n + 16, :16] for n in range(20)]))
    np.save(tmp_path / "stack_labels.npy", np.arange(20) % 2)
    affine = np.diag([2.5, 1.0, 1.0, 1.0])
    scan = rng.normal(0, 60, (30, 34, 28)).astype(np.float32)
    write_nifti(tmp_path / "new_ct.nii.gz", scan, affine)
    tone = np.sin(np.arange(3 * 44100) / 30)[:, None] * [0.5, 0.2]
    soundfile.write(tmp_path / "concert.flac", tone, 44100)
    return tmp_path


@pytest.fixture
def shown() -> Iterator[list[tuple[str, str]]]:
    """What napari would show in its window: how grave it is, and the message."""
    from napari.utils.notifications import notification_manager

    told: list[tuple[str, str]] = []

    def listen(notification: Any) -> None:
        told.append((notification.severity.name.lower(), notification.message))

    notification_manager.notification_ready.connect(listen)
    yield told
    notification_manager.notification_ready.disconnect(listen)
