"""Damaged, cut, lying and missing files: each with its own message."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from napari_convnet.data.dicom import files
from napari_convnet.data.readers import is_readable, read_contents
from napari_convnet.network.problems import UserError


def refusal(path: Path, **choice) -> str:
    with pytest.raises(UserError) as caught:
        read_contents(path, **choice)
    message = str(caught.value)
    assert "Traceback" not in message
    assert "\n" not in message
    return message


@pytest.fixture
def written(new_series, save_dicom, tmp_path: Path):
    """Write one slice with some elements changed."""

    def write(**elements) -> Path:
        return save_dicom(new_series().dataset(0, **elements), tmp_path / "slice.dcm")

    return write


def test_truncated(written) -> None:
    path = written()
    whole = path.read_bytes()
    for end in (10, 140, 300, len(whole) - 20):
        path.write_bytes(whole[:end])
        message = refusal(path)
        assert str(path) in message
        assert "cut short" in message
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(path)


def test_wrong_extension(tmp_path: Path) -> None:
    path = tmp_path / "picture.dcm"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    assert "is damaged, cut short, or not DICOM" in refusal(path)
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    assert "is damaged, cut short, or not DICOM" in refusal(path)


def test_a_scan_under_another_name(tmp_path: Path, written) -> None:
    """The mark in the file counts, where its name says nothing."""
    path = tmp_path / "1.2.840.113"
    written().rename(path)
    assert is_readable(path)
    assert read_contents(path).array.shape == (1, 4, 6)


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"ImagePositionPatient": ["nan", "0", "0"]}, "its position is"),
        ({"ImagePositionPatient": ["inf", "0", "0"]}, "its position is"),
        ({"ImagePositionPatient": ["1e30", "0", "0"]}, "its position is"),
        ({"ImagePositionPatient": ["1", "0"]}, "its position is"),
        ({"PixelSpacing": ["0", "1"]}, "its pixel spacing is"),
        ({"PixelSpacing": ["-1", "1"]}, "its pixel spacing is"),
        ({"PixelSpacing": ["nan", "1"]}, "its pixel spacing is"),
        ({"PixelSpacing": ["1"]}, "its pixel spacing is"),
        ({"ImageOrientationPatient": ["0"] * 6}, "two directions at right angles"),
        ({"ImageOrientationPatient": ["1", "0", "0"]}, "six numbers"),
        ({"ImageOrientationPatient": ["nan"] * 6}, "six numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_places_that_cannot_be(written, elements, said: str) -> None:
    message = refusal(written(**elements))
    assert "cannot be placed" in message
    assert said in message


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"Rows": 0}, "it says 1 frames of 0x6 pixels"),
        ({"NumberOfFrames": 0}, "it says 0 frames"),
        ({"NumberOfFrames": -3}, "it says -3 frames"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "rescaled by 0"),
        ({"BitsAllocated": 13}, "cannot be read"),
        ({"PhotometricInterpretation": "MONOCHROME3"}, "cannot be read"),
        ({"PixelData": None}, "it has no pixels"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_headers_that_cannot_be(written, elements, said: str) -> None:
    assert said in refusal(written(**elements))


def test_huge_claims_of_tiny_files(written) -> None:
    """Refused from the header, before memory is set aside."""
    claims = {"Rows": 65535, "Columns": 65535, "NumberOfFrames": 9000}
    assert "is cut short" in refusal(written(**claims))


def test_huge_claims_of_compressed_files(new_series, save_dicom, tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    dataset = new_series().dataset(0, Rows=65535, Columns=65535, NumberOfFrames=100)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"\0" * 60])
    dataset["PixelData"].VR = "OB"
    message = refusal(save_dicom(dataset, tmp_path / "bomb.dcm"))
    assert "says that it holds 100x65535x65535 pixels, in " in message


def test_a_deflated_file_that_unfolds_without_end(packaged: Path, monkeypatch) -> None:
    path = packaged / "image_dfl.dcm"
    assert read_contents(path).array.size == 512 * 512
    monkeypatch.setattr(files, "_UNFOLDED", 100_000)
    assert "needs more memory than there is, or its header is damaged" in refusal(path)


def test_a_damaged_file_in_a_folder(new_series, tmp_path: Path) -> None:
    series = new_series()
    series.write(tmp_path)
    bad = series.dataset(series.count, ImageOrientationPatient=["0"] * 6)
    bad.save_as(tmp_path / "bad.dcm", enforce_file_format=True)
    message = refusal(tmp_path)
    assert message.startswith("1 of the 6 DICOM files of ")
    assert "bad.dcm cannot be placed" in message
    assert 'accept "damaged"' in message
    found = read_contents(tmp_path, accept={"damaged"})
    np.testing.assert_array_equal(found.array, series.array)
    assert str(found.notes[0]) == "1 file is damaged and left out: bad.dcm"
    assert found.notes[0].kind == "warning"


def test_a_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    assert not is_readable(tmp_path)
    assert "is a directory" in refusal(tmp_path)


def test_a_folder_of_reports(packaged: Path, tmp_path: Path) -> None:
    (tmp_path / "report.dcm").write_bytes((packaged / "reportsi.dcm").read_bytes())
    assert "DICOM of another kind (Basic Text SR Storage)" in refusal(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.dcm")


def test_paths_out_of_a_disc(tmp_path: Path, packaged: Path) -> None:
    """A DICOMDIR cannot name files above its folder."""
    index = (packaged / "dicomdirtests" / "DICOMDIR").read_bytes()
    (tmp_path / "disc").mkdir()
    (tmp_path / "secret").write_bytes((packaged / "CT_small.dcm").read_bytes())
    crafted = index.replace(b"77654033\\CR1\\6154", b"..\\secret        ")
    assert len(crafted) == len(index)
    assert crafted != index
    (tmp_path / "disc" / "DICOMDIR").write_bytes(crafted)
    assert "holds no picture" in refusal(tmp_path / "disc" / "DICOMDIR")


def test_a_decoder_that_dies_takes_nothing_along(packaged: Path, tmp_path: Path) -> None:
    """gdcm ends its program at this damaged picture of a lossless JPEG."""
    content = bytearray((packaged / "SC_rgb_jpeg_gdcm.dcm").read_bytes())
    start = content.index(b"\xff\xc3")
    content[start + 5 : start + 9] = b"\x7f\xff\x7f\xff"
    path = tmp_path / "damaged.dcm"
    path.write_bytes(content)
    assert str(path) in refusal(path)
    assert read_contents(packaged / "SC_rgb_jpeg_gdcm.dcm").array.shape == (100, 100, 3)
