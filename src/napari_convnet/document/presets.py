"""The networks that come along, each a ``.yaml`` file that reads like a page of a textbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_convnet.network import UserError, did_you_mean

from .pipeline import Pipeline, parse

FOLDER = Path(__file__).parent / "presets"

FAMILIES = {
    "Digits": "lenet lenet5-1998 lenet5 harley",
    "Faces": "faces",
    "In sequence": (
        "tiny-vgg alexnet alexnet-ungrouped alexnet-torchvision zfnet "
        "vgg11 vgg13 vgg16 vgg19 vgg11-bn vgg13-bn vgg16-bn vgg19-bn"
    ),
    "Inception": (
        "inception googlenet googlenet-aux googlenet-torchvision googlenet-torchvision-aux"
    ),
    "Shortcuts": "resnet18 resnet34 resnet50 resnet50-original resnet101 densenet121",
    "Small and fast": "mobilenet-v1 mobilenet-v2 squeezenet",
    "Detection": "yolov1 yolov1-darknet",
    "Segmentation": "unet2d unet2d-2015 ct-2.5d",
    "Volumes and films": "unet3d ct-3d resnet18-3d",
    "Scans": "head head-2.5d organs",
    "Sound": "audio stereo-channels stereo-axis direction recordings",
}
"""What the presets are about, and their order: the simple before the elaborate."""

_OTHERS = "Others"
"""Family of a file that none of them names."""


@dataclass(frozen=True)
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
    family : str
        What it is about, for a menu: ``Digits``.
    """

    name: str
    title: str
    path: Path
    family: str


def presets() -> list[Preset]:
    """List the presets, family by family, without reading more than their titles."""
    return [_listed(name, family) for name, family in _families().items()]


def _families() -> dict[str, str]:
    """Name the family of each preset, in the order in which they are listed."""
    files = {path.stem for path in FOLDER.glob("*.yaml")}
    named = {name: family for family, names in FAMILIES.items() for name in names.split()}
    known = {name: family for name, family in named.items() if name in files}
    return known | dict.fromkeys(sorted(files - known.keys()), _OTHERS)


def _listed(name: str, family: str) -> Preset:
    path = FOLDER / f"{name}.yaml"
    return Preset(name, _title(path), path, family)


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
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
    names = list(_families())
    if name not in names:
        fix = did_you_mean(name, names, "napari-convnet presets lists them")
        raise UserError(f'there is no preset "{name}"', fix)
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def preset(name: str) -> Pipeline:
    """Read a preset; the pipeline has no file, so that saving it asks for one."""
    return parse(preset_text(name))
