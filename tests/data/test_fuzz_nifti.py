"""Damaged NIfTI files: a message or what nibabel reads; no traceback, no hang, no other place."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.tests import data as packaged

from napari_convnet.data import sample_path
from napari_convnet.data.write import write_nifti

PACKAGED = Path(packaged.__path__[0])
CASES = 600


def sources(folder: Path) -> list[Path]:
    """Small real files: two kinds of NIfTI, packed and plain, one and two files, 3 and 4 axes."""
    crop = nibabel.load(PACKAGED / "anatomical.nii").slicer[4:16, 4:18, 6:16]
    nibabel.save(nibabel.Nifti1Pair(np.asarray(crop.dataobj), crop.affine), folder / "pair.hdr")
    small = np.asarray(nibabel.load(PACKAGED / "example_nifti2.nii.gz").dataobj)[..., 0].T
    affine = np.array([[2.2, 0.3, 0, -7], [0.4, -2, 0, 36], [0, 0, 2, -118], [0, 0, 0, 1]])
    write_nifti(folder / "own.nii.gz", small, affine)
    scan = nibabel.load(sample_path("ct/abdomen_ct.nii.gz")).slicer[40:52, 30:44, 50:60]
    nibabel.save(scan, folder / "ct.nii")
    names = ["standard.nii.gz", "anatomical.nii", "example_nifti2.nii.gz", "functional.nii"]
    return [
        *(PACKAGED / name for name in names),
        folder / "pair.hdr",
        folder / "own.nii.gz",
        folder / "ct.nii",
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files_never_mislead(tmp_path: Path, seed: int, never_mislead) -> None:
    script = Path(__file__).with_name("fuzz_nifti.py")
    never_mislead(script, seed, CASES, sources(tmp_path))
