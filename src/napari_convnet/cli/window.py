"""The commands that open napari."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_convnet._opening import tell
from napari_convnet._reader import is_ours, layers
from napari_convnet.network import UserError

from . import named
from .app import Accept, app


@app.command("open")
def open_(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DOC|RUN|FILE]...", help="A pipeline, a run, images, scans, folders of DICOM."
        ),
    ] = None,
    accept: Accept = None,
) -> None:
    """Open napari with the docks."""
    words = named.known(accept)
    documents, images = _sorted_out(files or [])
    need_window()
    # Before the window: what cannot be read is an error of this command.
    scans = {file: layers(file, words) for file in images if is_ours(file)}
    import napari
    from napari.layers import Layer

    from napari_convnet._upright import keep_upright
    from napari_convnet.demo import add_docks
    from napari_convnet.viewer import attach

    viewer = napari.Viewer()
    session = attach(viewer)
    add_docks(viewer)
    for document in documents:
        session.open(document)
    for file in images:
        if file not in scans:
            viewer.open(file)
            continue
        for each in scans[file]:
            viewer.add_layer(Layer.create(*each))
        tell(scans[file])
    if scans:
        keep_upright(viewer)
    napari.run()


def _sorted_out(files: list[str]) -> tuple[list[Path], list[str]]:
    """Part documents (those of runs included) from images, before a window opens."""
    from napari_convnet.training import Run

    documents, images = [], []
    for file in files:
        path = Path(file)
        if not path.exists() and not is_ours(path):
            raise UserError(f"there is no file {file}", "check its name and folder")
        if named.is_document(path):
            documents.append(path)
        elif path.is_dir() and (path / "document.yaml").is_file():
            Run(path)
            documents.append(path / "document.yaml")
        else:
            images.append(file)
    return documents, images


@app.command()
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="End when the training has ended.")
    ] = False,
    output: Annotated[str, typer.Option(help="Folder for pictures and the run.")] = "demo-output",
) -> None:
    """Train a network on handwritten digits in napari, and watch its feature maps."""
    need_window()
    from napari_convnet.demo import run

    summary = run(Path(output), headless)
    if summary:
        print(f"test accuracy {summary['test_accuracy']:.1%} in {summary['seconds']} s; {output}")


def need_window() -> None:
    """Say what is missing before Qt ends the process without a word."""
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM")
    ):
        raise UserError("there is no display", "run it under a virtual one: xvfb-run -a ...")
    try:
        import qtpy  # noqa: F401
        from qtpy import QtWidgets  # noqa: F401
    except Exception as error:
        raise UserError(
            f"there is no Qt ({error})", "install it: pip install 'napari-convnet[gui]'"
        ) from None
