"""Synthetic series: DICOM files with known places, written with pydicom."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid  # noqa: E402


@dataclass
class Series:
    """A scan as it is in the world, and how its files are written."""

    count: int = 5
    size: tuple[int, int] = (4, 6)
    spacing: tuple[float, float] = (0.5, 0.75)
    step: tuple[float, float, float] = (0.0, 0.0, 2.0)
    origin: tuple[float, float, float] = (-10.0, -20.0, 30.0)
    directions: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    uid: str = field(default_factory=lambda: generate_uid(entropy_srcs=["series"]))
    elements: dict[str, Any] = field(default_factory=dict)

    def position(self, index: int) -> list[float]:
        return [o + index * s for o, s in zip(self.origin, self.step, strict=True)]

    def pixels(self, index: int) -> np.ndarray:
        """Values that tell each pixel of each slice apart."""
        rows, columns = self.size
        return (np.arange(rows * columns).reshape(rows, columns) + 100 * index).astype(np.uint16)

    @property
    def array(self) -> np.ndarray:
        return np.stack([self.pixels(i) for i in range(self.count)])

    @property
    def affine(self) -> np.ndarray:
        """Index (z, y, x) to world (S, P, L)."""
        row, column = np.array(self.directions[:3]), np.array(self.directions[3:])
        columns = [self.step, column * self.spacing[0], row * self.spacing[1], self.origin]
        affine = np.eye(4)
        affine[:3] = np.stack(columns, 1)[::-1]
        return affine

    def dataset(self, index: int, **elements: Any) -> FileDataset:
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[self.uid, str(index)])
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = "1.2.3"
        dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.SeriesInstanceUID = self.uid
        dataset.Modality = "CT"
        dataset.SeriesDescription = "synthetic"
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = [f"{value:.9f}" for value in self.position(index)]
        dataset.ImageOrientationPatient = [f"{value:.12f}" for value in self.directions]
        dataset.PixelSpacing = [f"{value:.9f}" for value in self.spacing]
        dataset.SliceThickness = "3"
        dataset.Rows, dataset.Columns = self.size
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.PixelRepresentation = 0
        dataset.PixelData = self.pixels(index).tobytes()
        for name, value in {**self.elements, **elements}.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
        return dataset

    def enhanced(self) -> FileDataset:
        """One file with all slices, placed by functional groups, last slice first."""
        dataset = self.dataset(0)
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            delattr(dataset, name)
        shared, orientation, measures = Dataset(), Dataset(), Dataset()
        orientation.ImageOrientationPatient = list(self.directions)
        measures.PixelSpacing = list(self.spacing)
        measures.SliceThickness = 3
        shared.PlaneOrientationSequence = Sequence([orientation])
        shared.PixelMeasuresSequence = Sequence([measures])
        dataset.SharedFunctionalGroupsSequence = Sequence([shared])
        frames = []
        indices = list(range(self.count))[::-1]
        for index in indices:
            frame, position = Dataset(), Dataset()
            position.ImagePositionPatient = self.position(index)
            frame.PlanePositionSequence = Sequence([position])
            value = Dataset()
            value.RescaleSlope, value.RescaleIntercept = 2, index
            frame.PixelValueTransformationSequence = Sequence([value])
            frames.append(frame)
        dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
        dataset.NumberOfFrames = self.count
        dataset.PixelData = self.array[::-1].tobytes()
        return dataset

    def write(self, folder: Path, name: str = "{}.dcm", **elements: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(self.count):
            save(self.dataset(index, **elements), folder / name.format(index))
        return folder


def save(dataset: FileDataset, path: Path) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="session")
def new_series() -> Callable[..., Series]:
    return Series


@pytest.fixture(scope="session")
def save_dicom() -> Callable[[FileDataset, Path], Path]:
    return save


@pytest.fixture(scope="session")
def packaged() -> Path:
    """The test files that come with pydicom."""
    return Path(pydicom.__file__).parent / "data" / "test_files"
