"""Files: what is read, and the message for every file that is none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tifffile import imwrite

from napari_convnet.data import photograph, read_sample
from napari_convnet.data.readers import read_contents, read_header
from napari_convnet.network.problems import UserError

GRAY = (1, 64, 64)
RGB = (3, 64, 64)


def refusal(path: Path, input=GRAY) -> str:
    with pytest.raises(UserError) as caught:
        read_sample(path, input)
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "TIFF", "npy"])
def test_gray_files_keep_every_value(tmp_path: Path, suffix: str) -> None:
    camera = photograph("camera")
    path = tmp_path / f"camera.{suffix}"
    if suffix == "npy":
        np.save(path, camera)
    else:
        Image.fromarray(camera).save(path)
    sample = read_sample(path, GRAY)
    np.testing.assert_array_equal(sample.array[0], camera)
    assert sample.name == path.name


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "npy"])
def test_colour_files(tmp_path: Path, suffix: str) -> None:
    cat = photograph("cat")
    path = tmp_path / f"cat.{suffix}"
    if suffix == "npy":
        np.save(path, cat)
    else:
        Image.fromarray(cat).save(path)
    np.testing.assert_array_equal(read_sample(path, RGB).array, np.moveaxis(cat, -1, 0))


def test_jpeg(tmp_path: Path) -> None:
    Image.fromarray(photograph("cat")).save(tmp_path / "cat.jpg", quality=95)
    sample = read_sample(tmp_path / "cat.jpg", RGB)
    assert sample.array.shape == (3, 300, 451)
    assert abs(sample.array.mean() - photograph("cat").mean()) < 1


def test_sixteen_bits_and_floats(tmp_path: Path) -> None:
    deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_sample(tmp_path / "deep.png", GRAY).array[0], deep)
    imwrite(tmp_path / "float.tif", deep.astype(np.float32) / 7)
    np.testing.assert_array_equal(
        read_sample(tmp_path / "float.tif", GRAY).array[0], deep.astype(np.float32) / 7
    )


def test_palette_alpha_and_bilevel_pictures(tmp_path: Path) -> None:
    picture = Image.fromarray(photograph("cat"))
    picture.quantize(16).save(tmp_path / "palette.png")
    assert read_sample(tmp_path / "palette.png", RGB).array.shape == (3, 300, 451)
    gray = picture.convert("L")
    gray.convert("LA").save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(
        read_sample(tmp_path / "alpha.png", GRAY).array[0], np.asarray(gray)
    )
    gray.convert("1").save(tmp_path / "bilevel.png")
    assert set(np.unique(read_sample(tmp_path / "bilevel.png", GRAY).array)) == {0, 1}


def test_pages_of_a_tiff_are_steps(tmp_path: Path) -> None:
    pages = np.arange(5 * 20 * 30, dtype=np.uint16).reshape(5, 20, 30)
    imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    sample = read_sample(tmp_path / "pages.tif", (1, 20, 30), step=(3,))
    np.testing.assert_array_equal(sample.array[0], pages[3])
    volume = read_sample(tmp_path / "pages.tif", (1, 5, 20, 30))
    np.testing.assert_array_equal(volume.array[0], pages)


def test_planar_colours_of_a_tiff(tmp_path: Path) -> None:
    cat = np.moveaxis(photograph("cat"), -1, 0)
    imwrite(tmp_path / "planar.tif", cat, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_sample(tmp_path / "planar.tif", RGB).array, cat)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
@pytest.mark.parametrize("name", ["camera", "cat"])
def test_compressed_tiff(tmp_path: Path, compression: str, name: str) -> None:
    picture, path = photograph(name), tmp_path / "compressed.tif"
    Image.fromarray(picture).save(path, compression=compression)
    sample = read_sample(path, (np.atleast_3d(picture).shape[2], 8, 8))
    np.testing.assert_array_equal(sample.array, np.moveaxis(np.atleast_3d(picture), -1, 0))


def test_pages_of_a_compressed_tiff(tmp_path: Path) -> None:
    pages = [Image.fromarray(photograph("camera")[i : i + 50]) for i in range(3)]
    path = tmp_path / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    sample = read_sample(path, GRAY, step=(2,))
    np.testing.assert_array_equal(sample.array[0], photograph("camera")[2:52])


@pytest.mark.parametrize("name", ["g.png", "c.png", "a.png", "p.png", "g.tif", "c.tif", "g.npy"])
def test_the_head_of_a_file_tells_the_shape_of_its_array(tmp_path: Path, name: str) -> None:
    mode = {"g": "L", "c": "RGB", "a": "RGBA", "p": "P"}[name[0]]
    picture = Image.fromarray(photograph("cat")).convert(mode)
    if name.endswith("npy"):
        np.save(tmp_path / name, np.asarray(picture))
    else:
        picture.save(tmp_path / name)
    head, found = read_header(tmp_path / name), read_contents(tmp_path / name)
    assert (head.shape, head.rgb) == (found.array.shape, found.rgb)


# Files that are none


def test_missing_file_suggests_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "camera.png").write_bytes(b"x")
    message = refusal(tmp_path / "camra.png")
    assert message.endswith("camra.png does not exist; did you mean camera.png?")
    assert "no directory" in refusal(tmp_path / "nowhere" / "camera.png")


def test_directory_and_empty_file(tmp_path: Path) -> None:
    assert refusal(tmp_path).endswith("is a directory; name a file in it")
    (tmp_path / "empty.png").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.png")


def test_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_bytes(b"PK")
    message = refusal(tmp_path / "notes.docx")
    assert "not of a kind that can be read; convert it to PNG, JPEG or BMP, TIFF, .npy" in message


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "npy"])
def test_garbage(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"garbage.{suffix}"
    path.write_bytes(np.random.default_rng(1).bytes(3000))
    message = refusal(path)
    assert "cannot be read: it is damaged, cut short, or not" in message
    assert "Traceback" not in message
    assert "\n" not in message


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "npy"])
def test_files_cut_short(tmp_path: Path, suffix: str, share: float) -> None:
    whole, path = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    if suffix == "npy":
        np.save(whole, photograph("camera"))
    elif suffix == "tif":
        imwrite(whole, photograph("camera"), compression=None)
    else:
        Image.fromarray(photograph("camera")).save(whole)
    content = whole.read_bytes()
    path.write_bytes(content[: max(4, int(share * len(content)))])
    assert "cannot be read: it is damaged, cut short" in refusal(path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, []], object), allow_pickle=True)
    assert "cannot be read" in refusal(tmp_path / "objects.npy")


def test_archive_under_the_name_of_an_array(tmp_path: Path) -> None:
    with (tmp_path / "several.npy").open("wb") as file:
        np.savez(file, a=np.zeros(3))
    assert "holds several arrays" in refusal(tmp_path / "several.npy")


def test_sixteen_bit_colours_are_refused_rather_than_halved(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(photograph("cat")).save(path)
    content = bytearray(path.read_bytes())
    content[24] = 16
    path.write_bytes(content)
    assert "PNG file with 16-bit colours; save it as a TIFF file" in refusal(path, RGB)


def test_the_network_gets_a_say(tmp_path: Path) -> None:
    Image.fromarray(photograph("cat")).save(tmp_path / "cat.png")
    assert refusal(tmp_path / "cat.png").startswith(
        "cat.png is an RGB image (3 channels of 300x451)"
    )
