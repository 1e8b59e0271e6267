"""What every test stands on: strict Qt, no user settings, examples that need no clock."""

import os
import sys
import tempfile

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
