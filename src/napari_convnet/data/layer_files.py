"""Arrays without a file, such as painted labels, that become files which a document can name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..network.problems import UserError
from .write import whole_file, write_nifti, write_tiff


@dataclass(frozen=True, eq=False)
class LayerFile:
    """An array that is to become a file.

    Parameters
    ----------
    path : str
        The file; its ending tells the format: ``.nii.gz``, ``.tif`` or ``.npy``.
    array : array
        The values, its channels first where it has any.
    affine : ndarray, optional
        Index to world of the last axes; ``.npy`` cannot hold it.
    unit : str
        Of the world.
    labels : bool
        Whether the values are names of things.
    """

    path: str
    array: Any
    affine: NDArray[np.float64] | None = None
    unit: str = "pixel"
    labels: bool = False

    def write(self) -> None:
        """Write the file, and the folder it stands in.

        Raises
        ------
        UserError
            If it cannot be written.
        """
        path, array = Path(self.path), np.asarray(self.array)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fix = "save the document in another folder"
            raise UserError(f"cannot write {path}: {error.strerror or error}", fix) from None
        if path.suffix == ".npy":
            with whole_file(path) as temporary:
                np.save(temporary, array, allow_pickle=False)
        elif path.suffix == ".tif":
            write_tiff(path, array, self.affine, unit=self.unit)
        else:
            affine = np.eye(4) if self.affine is None else self.affine
            write_nifti(path, array, affine, unit=self.unit, labels=self.labels)


def write_layer_files(
    files: Sequence[LayerFile], cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Write files one after the other; what has been written stays when it is cancelled."""
    for file in files:
        if cancelled():
            return
        file.write()
