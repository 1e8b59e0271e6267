"""Make the pictures of the README: `make pictures`.

Every one is a photograph of the real window, in which the real thing has just been done.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtWidgets import QApplication
from skimage import data

from napari_convnet.demo import add_docks
from napari_convnet.viewer import Session, attach

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SMALL = (1366, 768)
"""A common small laptop screen."""

TEXTURE = """title: Edges and textures of a photograph
input: 1x512x512
net:
  - edges: conv 4 k3 reflect
    w: [sobel_x, sobel_y, laplace, emboss]
  - relu
  - pooled: max 4
  - mix: conv 8 k5 s2 bn relu
  - deep: conv 8 k3 d2 rellu
"""


def main() -> None:
    """Make all pictures, or those named."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    makers = {
        "demo": demo,
        "builder": builder,
        "branches": branches,
        "scan": scan,
        "segment": segment,
        "kernels": kernels,
    }
    for name in sys.argv[1:] or makers:
        print("making", name, flush=True)
        makers[name]()


def demo() -> None:
    """Before, during and after training, by the demo itself."""
    from napari_convnet.demo import run

    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), headless=True)
        for name in ("before", "during", "after"):
            shutil.copy(Path(folder) / f"{name}.png", IMAGES)


def builder() -> None:
    """The Builder while a row is being edited, on a small screen."""

    def prepare(viewer: Any, session: Session) -> None:
        viewer.add_image(data.camera(), name="camera")
        session.set_text(TEXTURE)
        add_docks(viewer)
        session.show(["edges", "pooled"], montage=True)

    picture("builder", prepare)


BRANCHES = """title: A small inception network
input: 3x300x451
blocks:
  inception(n, r):          # four views of the same maps, side by side
    cat:
      - conv $n k1 relu
      - conv $r k1 relu conv $n relu
      - conv $r k1 relu conv $n k5 relu
      - max 3 s1 p1 conv $n k1 relu
net:
  - stem: conv 16 k5 s2 relu
  - max 3 s2 p1
  - i1: inception 8 12
  - side: gap fc 10
  - r1:
      res: conv 32 bn relu conv 32 bn
  - relu
  - up 2
  - cat stem
  - out: conv 4 k1
"""


def branches() -> None:
    """Blocks and branches as folding rows, and the maps of an inception module."""

    def prepare(viewer: Any, session: Session) -> None:
        viewer.add_image(data.chelsea(), name="cat")
        session.set_text(BRANCHES)
        add_docks(viewer)
        session.show(["i1", "r1"], montage=True)

    picture("branches", prepare)


SCAN = """title: A first look at a CT
input: 1x112x101x122
data:
  normalize: window -160 240
net:
  - edges: conv 3 k3 replicate
    w: [sobel_x, sobel_y, sobel_z]
  - e1: conv 8 k3 bn relu
  - max 2
  - e2: conv 16 k3 bn relu
"""


def scan() -> None:
    """A CT with its organs, and maps of its slices lying over it."""

    def prepare(viewer: Any, session: Session) -> None:
        viewer.open_sample("napari-convnet", "abdomen")
        session.set_text(SCAN)
        add_docks(viewer)
        session.show(["edges", "e2"], montage=True)

    picture("scan", prepare)


TISSUES = """title: Tissues of a head, from some strokes
input: 1x32x32x32
data:
  normalize: zscore above 0
  patches: 32 per-volume 32
augment: flip x .5, noise .05
net:
  - c1: conv 8 k3 bn relu
  - c2: conv 16 k3 bn relu
  - c3: conv 16 k3 d2 bn relu
  - out: conv 3 k1
train:
  task: segment
  optimizer: adamw lr 4e-3
  schedule: one-cycle
  epochs: 6
  batch: 4
"""


def segment() -> None:
    """A network that has learned from a few painted places, and what it predicts."""
    with tempfile.TemporaryDirectory() as folder:
        viewer = napari.Viewer()
        viewer.window.resize(*SMALL)
        session = attach(viewer)
        viewer.open_sample("napari-convnet", "head")
        head, tissues = viewer.layers["head"], viewer.layers["head: tissues"]
        tissues.visible = False
        session.set_text(TISSUES)
        session.save(Path(folder) / "head.yaml")
        painted = session.new_labels(head)
        paint(painted, tissues)
        session.learn_from_layers((head, painted))
        session.set_value("data.classes", "[other, grey matter, white matter]")
        docks = add_docks(viewer)
        wait(lambda: not session.busy)
        docks["Train"].raise_()
        session.train()
        wait(lambda: session.training.state == "finished", seconds=300)
        viewer.layers.selection = {head}
        session.predict()
        wait(lambda: session.prediction is not None and not session.busy, seconds=200)
        session.compare_prediction(tissues)
        docks["Builder"].raise_()
        viewer.layers.selection = {painted}
        painted.mode = "pan_zoom"
        viewer.dims.set_current_step(0, 92)
        wait(lambda: not session.busy)
        viewer.screenshot(str(IMAGES / "segment.png"), canvas_only=False, flash=False)
        session.close()
        viewer.close()


def paint(painted: Any, right: Any) -> None:
    """Paint small squares of a few slices with what is right there."""
    for z in range(20, 176, 12):
        for y, x in ((60, 60), (110, 70), (150, 120), (190, 90), (80, 130)):
            box = (slice(z, z + 1), slice(y - 8, y + 8), slice(x - 8, x + 8))
            painted.data[box] = right.data[box] + 1
    # A stroke that changes nothing tells whoever listens of all these.
    painted.paint((0, 0, 0), 0)
    painted.refresh()


def kernels() -> None:
    """Eight hand-made kernels side by side."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from handmade_kernels import DOCUMENT

    def prepare(viewer: Any, session: Session) -> None:
        viewer.add_image(data.camera(), name="camera")
        session.set_text(DOCUMENT.lstrip())
        add_docks(viewer)
        session.set_spans("map")
        session.show(montage=True)

    picture("kernels", prepare)


def picture(name: str, prepare: Callable[[Any, Session], None]) -> None:
    """Open a window, let it do something, and photograph it when it is quiet."""
    viewer = napari.Viewer()
    viewer.window.resize(*SMALL)
    session = attach(viewer)
    prepare(viewer, session)
    wait(lambda: len(viewer.layers) > len(session.shown) > 0 and not session.busy)
    viewer.reset_view()
    wait(lambda: not session.busy)
    viewer.screenshot(str(IMAGES / f"{name}.png"), canvas_only=False, flash=False)
    session.close()
    viewer.close()


def wait(condition: Callable[[], bool], seconds: float = 90, quiet: float = 1.0) -> None:
    """Run the window until a condition has held for a while."""
    end, since = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() - since < quiet:
        if not condition():
            since = time.monotonic()
        if time.monotonic() > end:
            raise TimeoutError("the window was never quiet")
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
