"""Every file that comes with pydicom: values as pydicom gives them, or refused with the reason."""

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from napari_convnet.data.readers import read_contents, read_header
from napari_convnet.network.problems import UserError

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
NO_DICOM = {".txt", ".json", ".dump", ".icc", ".gz", ".py", ".pyc", ""}
FILES = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("*")
    if path.is_file() and path.suffix not in NO_DICOM
) + [f"dicomdirtests/{name}" for name in ("77654033/CR1/6154", "98892003/MR2/4950")]

# What is wrong with those that cannot be read, as the message says it.
REFUSED = {
    "ExplVR_BigEndNoMeta.dcm": "DICOM of another kind (RT Ion Plan Storage)",
    "ExplVR_LitEndNoMeta.dcm": "DICOM of another kind (RT Ion Plan Storage)",
    "JPEG-lossy.dcm": "is stored in a way that cannot be read",
    "JPEG2000-embedded-sequence-delimiter.dcm": "Error decoding the J2K data",
    "JPGExtended.dcm": "is stored in a way that cannot be read",
    "MR_truncated.dcm": "is cut short: it holds 8,130 bytes of its 8,192 bytes of pixels",
    "UN_sequence.dcm": "it holds neither a picture nor another object",
    "badVR.dcm": "its number of frames is 1A",
    "dicomdirtests/DICOMDIR-empty.dcm": "holds no picture",
    "empty_charset_LEI.dcm": "it holds neither a picture nor another object",
    "meta_missing_tsyntax.dcm": "it holds neither a picture nor another object",
    "nested_priv_SQ.dcm": "it holds neither a picture nor another object",
    "no_meta.dcm": "it holds neither a picture nor another object",
    "no_meta_group_length.dcm": "it holds neither a picture nor another object",
    "priv_SQ.dcm": "it holds neither a picture nor another object",
    "reportsi.dcm": "DICOM of another kind (Basic Text SR Storage)",
    "reportsi_with_empty_number_tags.dcm": "DICOM of another kind (Basic Text SR Storage)",
    "rtplan.dcm": "DICOM of another kind (RT Plan Storage)",
    "rtplan_truncated.dcm": "DICOM of another kind (RT Plan Storage)",
    "rtstruct.dcm": "DICOM of another kind (RT Structure Set Storage)",
    "test-SR.dcm": "DICOM of another kind (Comprehensive SR Storage)",
    "waveform_ecg.dcm": "DICOM of another kind (12-lead ECG Waveform Storage)",
}
# Two decoders of JPEG and JPEG 2000 may round differently.
LOSSY = ("JPEG Baseline", "JPEG Extended", "JPEG 2000 Image Compression")


def peer(path: Path) -> tuple[np.ndarray, bool]:
    """Values as pydicom gives them, and whether the file was compressed with loss."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        stored = pixel_array(dataset)
        name = dataset.file_meta.TransferSyntaxUID.name
        lossy = name.startswith(LOSSY) and "Lossless" not in name
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            return apply_color_lut(stored, dataset), lossy
        return apply_modality_lut(stored, dataset), lossy


def test_all_are_there() -> None:
    assert len(FILES) > 80
    assert set(REFUSED) <= set(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED])
def test_values_are_those_of_pydicom(name: str) -> None:
    found = read_contents(FOLDER / name)
    expected, lossy = peer(FOLDER / name)
    assert found.array.dtype.isnative
    assert read_header(FOLDER / name).shape == found.array.shape
    got = found.array.reshape(expected.shape).astype(np.float64)
    np.testing.assert_allclose(got, expected.astype(np.float64), rtol=1e-6, atol=2 if lossy else 0)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused(name: str) -> None:
    with pytest.raises(UserError) as caught:
        read_contents(FOLDER / name)
    assert REFUSED[name] in str(caught.value)


def test_places_of_packaged_files(packaged: Path) -> None:
    slice_ = read_contents(packaged / "CT_small.dcm")
    np.testing.assert_allclose(slice_.affine[:3, 3], [-75.699997, -179.035797, -158.135803])
    np.testing.assert_allclose(np.diag(slice_.affine), [5, 0.661468, 0.661468, 1])
    dose = read_contents(packaged / "rtdose.dcm")
    np.testing.assert_allclose(np.diag(dose.affine), [5, 10, 10, 1])
    np.testing.assert_allclose(dose.affine[:3, 3], [-761.87, 199.43125, 189.43125])


def test_colours_are_said_to_be_colours(packaged: Path) -> None:
    for name in ("examples_palette.dcm", "examples_rgb_color.dcm", "examples_ybr_color.dcm"):
        found = read_contents(packaged / name)
        assert found.rgb
        assert found.array.shape[-1] == 3


def test_segments_of_a_liver(packaged: Path) -> None:
    found = read_contents(packaged / "liver_1frame.dcm")
    assert found.labels
    assert dict(found.names) == {1: "Liver"}
    assert set(np.unique(found.array)) == {0, 1}
