"""The networks that come along, each a ``.yaml`` file that reads like a page of a textbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_convnet.network import UserError, did_you_mean

from .pipeline import Pipeline, parse

FOLDER = Path(__file__).parent / "presets"


@dataclass(frozen=True, order=True)
class Preset:
    """A network that comes along.

    Parameters
    ----------
    name : str
        What it is asked for by: ``lenet5``.
    title : str
        What it is.
    path : Path
        Its file.
    """

    name: str
    title: str
    path: Path


def presets() -> list[Preset]:
    """List the presets by name, without reading more than their titles."""
    return sorted(Preset(p.stem, _title(p), p) for p in FOLDER.glob("*.yaml"))


def _title(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("title:"):
            return line.removeprefix("title:").strip()
    return path.stem


def preset_text(name: str) -> str:
    """Text of a preset.

    Raises
    ------
    UserError
        Where there is none of that name.
    """
    path = FOLDER / f"{name}.yaml"
    names = [one.name for one in presets()]
    if name not in names:
        fix = did_you_mean(name, names, f"there are {', '.join(names)}")
        raise UserError(f'there is no preset "{name}"', fix)
    return path.read_text(encoding="utf-8")


def preset(name: str) -> Pipeline:
    """Read a preset; the pipeline has no file, so that saving it asks for one."""
    return parse(preset_text(name))
