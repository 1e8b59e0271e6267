"""Documents and files that tests of dense examples share."""

from pathlib import Path

import numpy as np

from napari_convnet.data import abdomen, load_examples, write_nifti
from napari_convnet.document import parse
from napari_convnet.network import UserError

ORGANS = "[air, bone, muscle, liver, spleen, kidneys, bowel, bladder, vessels]"


def document(*data, input="1x24x24x24", task="segment", folder=None, net=("conv 8", "conv 9 k1")):
    """A document with these lines under ``data:``."""
    lines = [
        f"input: {input}",
        "data:",
        *(f"  {_quoted(line)}" for line in data or ("split: 70/15/15",)),
    ]
    lines += ["net:", *(f"  - {line}" for line in net), "train:", f"  task: {task}"]
    return parse("\n".join(lines) + "\n", Path(folder or ".") / "document.yaml")


def _quoted(line):
    """A pattern that begins with a star needs quotes."""
    key, _, value = line.partition(": ")
    return f'{key}: "{value}"' if value.startswith("*") else line


def examples(*data, given=None, **options):
    """Load the examples of such a document."""
    return load_examples(document(*data, **options), given)


def refused(*data, given=None, **options):
    """Say what is told about such a document."""
    try:
        found = examples(*data, given=given, **options)
    except UserError as error:
        return str(error)
    raise AssertionError(f"not refused: {found.describe()}")


def told(found):
    """The notes of examples, as text."""
    return [str(note) for note in found.notes]


def crop(box=((40, 72), (20, 70), (20, 80))):
    """Take a part of the abdomen: image, labels and affine."""
    image, labels = abdomen()
    index = tuple(slice(lo, hi) for lo, hi in box)
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [lo for lo, _ in box]
    return np.asarray(image.array)[index], np.asarray(labels.array)[index], affine


def write_scans(folder, count=4):
    """Write parts of the abdomen as scans with labels: ``a_ct.nii.gz``, ``a_seg.nii.gz``, ..."""
    image, labels, affine = crop()
    for i in range(count):
        name = "abcdefgh"[i]
        write_nifti(folder / f"{name}_ct.nii.gz", np.roll(image, 3 * i, 2), affine)
        write_nifti(folder / f"{name}_seg.nii.gz", np.roll(labels, 3 * i, 2), affine, labels=True)
