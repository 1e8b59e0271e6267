"""The house stands: what importing costs, who imports whom, what is shipped and said."""

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from npe2 import PluginManifest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import napari_convnet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WINDOW = {"PyQt6", "PySide6", "magicgui", "napari", "pyqtgraph", "qtpy", "superqt", "vispy"}
HEAVY = {"torch", "numpy", "pydantic", "qtpy", "napari", "yaml"}


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(*modules: str, everything: bool = False) -> set[str]:
    """Top-level packages that are loaded once the modules (and all their modules) are imported."""
    return set(
        run(f"""
import importlib, pkgutil, sys
for name in {modules!r}:
    room = importlib.import_module(name)
    if {everything}:
        for module in pkgutil.walk_packages(room.__path__, name + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
print(*(name for name in sys.modules if "." not in name))
""").split()
    )


# -- what importing costs --


def test_import_loads_nothing_heavy():
    assert not loaded_by("napari_convnet") & HEAVY


def test_public_names_come_from_their_rooms():
    for name in napari_convnet.__all__:
        assert getattr(napari_convnet, name) is not None
        assert name in dir(napari_convnet)
    assert issubclass(napari_convnet.UserError, Exception)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'raed'"):
        _ = napari_convnet.raed


def test_version_is_the_installed_one():
    assert napari_convnet.__version__ == version("napari-convnet")


# -- who imports whom (the rest is import-linter's, in `make lint`) --


@pytest.mark.parametrize(
    "room", ["network", "document", "model", "data", "maps", "training", "engine"]
)
def test_rooms_1_to_7_load_no_window(room):
    assert not loaded_by(f"napari_convnet.{room}", everything=True) & WINDOW


def test_the_network_room_is_pure_python():
    assert not loaded_by("napari_convnet.network", everything=True) & HEAVY


def test_a_document_is_read_without_torch():
    assert "torch" not in loaded_by("napari_convnet.document", everything=True)


def test_the_window_loads_no_torch():
    rooms = [f"napari_convnet.{room}" for room in ("engine", "viewer", "widgets")]
    assert "torch" not in loaded_by(*rooms)


# -- the plugin and what is shipped --


def test_every_command_of_the_manifest_exists():
    manifest = PluginManifest.from_distribution("napari-convnet")
    manifest.validate_imports()
    commands = {command.id for command in manifest.contributions.commands}
    used = [*manifest.contributions.widgets, *manifest.contributions.sample_data]
    assert {each.command for each in used} <= commands


def test_the_wheel_holds_the_manifest_and_the_sample_data(tmp_path):
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        entry_points = configparser.ConfigParser()
        entry_points.read_string(archive.read(points).decode())
    samples = [path for path in (ROOT / "sample_data").rglob("*") if path.is_file()]
    assert ROOT / "sample_data/digits/digits.npz" in samples
    for path in samples:
        assert f"napari_convnet/{path.relative_to(ROOT).as_posix()}" in names
    assert {"napari_convnet/napari.yaml", "napari_convnet/py.typed"} <= names
    assert entry_points["napari.manifest"]["napari-convnet"] == "napari_convnet:napari.yaml"
    assert entry_points["console_scripts"]["napari-convnet"] == "napari_convnet.cli:main"


def test_every_sample_folder_has_its_notice():
    for folder in (ROOT / "sample_data").iterdir():
        if folder.is_dir():
            assert "licence" in (folder / "README.md").read_text(encoding="utf-8").lower()


# -- set-up --


def test_every_dependency_is_pinned_exactly():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert "+" not in specifier.version, "a local build is nobody else's"
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *(each for extra in extras.values() for each in extra),
    ]
    names = {canonicalize_name(Requirement(each).name) for each in wanted}
    names.discard("napari-convnet")  # which `all` names
    assert names <= {canonicalize_name(pin.name) for pin in pins}


def test_the_readme_names_targets_that_exist_and_the_set_up_that_make_does():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme, flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
    set_up = (ROOT / "tools/setup.sh").read_text(encoding="utf-8")
    assert "-e '.[all,dev]'" in set_up
    pip = re.findall(r"pip install .*-c constraints\.txt (.*)", readme)
    assert pip
    assert {line.replace('"', "'") for line in pip} == {"-e '.[all,dev]'"}


@pytest.mark.skipif(sys.platform == "win32", reason="make and its scripts are for Linux and macOS")
@pytest.mark.parametrize("python", ["no-such-python", "false"])
def test_set_up_says_which_python_it_needs(python):
    done = subprocess.run(
        ["bash", "tools/python.sh"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert done.stdout == ""
