"""Recordings: what is read is what was written; what is odd or damaged is told."""

import sys

import numpy as np
import pytest

from napari_convnet.data import read_contents, read_header, read_sample
from napari_convnet.network.problems import UserError

soundfile = pytest.importorskip("soundfile")

RATE = 22050


def noise(channels: int = 2, frames: int = 5000, seed: int = 0) -> np.ndarray:
    """Values that 16 bits hold exactly, (time, channel)."""
    whole = np.random.default_rng(seed).integers(-20000, 20000, (frames, channels))
    return (whole / 32768).astype(np.float32)


def written(path, data=None, rate: int = RATE, **options):
    soundfile.write(path, noise() if data is None else data, rate, **options)
    return path


def texts(path, **options) -> str:
    return "\n".join(map(str, read_contents(path, **options).notes))


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_what_was_written_is_read(tmp_path, ending, subtype) -> None:
    found = read_contents(written(tmp_path / f"x.{ending}", subtype=subtype))
    np.testing.assert_array_equal(found.array, noise().T)
    assert (found.array.dtype, found.array.flags.c_contiguous) == (np.float32, True)
    assert (found.axes, found.units, found.rgb) == (("ear", "t"), ("pixel", "s"), False)
    np.testing.assert_allclose(found.affine @ [1, RATE, 1], [1, 1, 1])
    most = np.abs(noise()).max()
    assert found.limits == (-most, most)
    assert (found.notes, found.labels, found.name) == ((), False, f"x.{ending}")


def test_ogg_is_near(tmp_path) -> None:
    time = np.arange(RATE) / RATE
    tone = np.stack([0.5 * np.sin(440 * 2 * np.pi * time), 0.2 * np.cos(660 * time)], axis=1)
    found = read_contents(written(tmp_path / "x.ogg", tone))
    assert found.array.shape == (2, RATE)
    np.testing.assert_allclose(found.array, tone.T, atol=0.05)
    assert found.notes == ()


def test_the_header_is_read_without_the_sound(tmp_path, monkeypatch) -> None:
    path = written(tmp_path / "x.flac", noise(3))
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    assert read_header(path).shape == (3, 5000)
    assert read_header(path).rgb is False


@pytest.mark.parametrize(
    ("input", "shape", "axes", "units"),
    [
        ((2, 4096), (2, 5000), ("t",), ("s",)),
        ((1, 2, 4096), (1, 2, 5000), ("ear", "t"), ("pixel", "s")),
    ],
)
def test_ears_are_channels_or_an_axis(tmp_path, input, shape, axes, units) -> None:
    sample = read_sample(written(tmp_path / "x.wav"), input)
    assert (sample.shape, sample.axes, sample.units) == (shape, axes, units)
    assert sample.affine[-2, -2] == 1 / RATE


@pytest.mark.parametrize("input", [(2, 4096), (1, 2, 4096)])
@pytest.mark.parametrize(("channels", "has"), [(1, r"1 channel \(mono\)"), (6, "6 channels")])
def test_other_ears_than_wanted_are_refused(tmp_path, input, channels, has) -> None:
    path = written(tmp_path / "x.wav", noise(channels))
    with pytest.raises(UserError, match=has) as caught:
        read_sample(path, input)
    fixed = "x".join(str(channels if i == len(input) - 2 else n) for i, n in enumerate(input))
    assert f"wants 2; take a recording with 2 channels, or change the document's input to {fixed}" \
        in str(caught.value)  # fmt: skip


def test_one_ear_of_two_is_told(tmp_path) -> None:
    sample = read_sample(written(tmp_path / "x.wav"), (1, 4096))
    np.testing.assert_array_equal(sample.array[0], noise()[:, 0])
    assert "only the left of 2 ears" in str(sample.notes[-1])
    assert read_sample(written(tmp_path / "x.wav", noise(1)), (1, 4096)).shape == (1, 5000)


# -- what is odd --


def test_mono_and_many_channels(tmp_path) -> None:
    assert "mono" in texts(written(tmp_path / "x.wav", noise(1)))
    assert "6 channels" in texts(written(tmp_path / "x.wav", noise(6)))
    assert "the same" in texts(written(tmp_path / "x.wav", noise(1).repeat(2, axis=1)))


def test_silence(tmp_path) -> None:
    path = written(tmp_path / "x.wav", np.zeros((50, 2)))
    assert texts(path) == "the recording is silent: all of its values are 0"
    assert read_contents(path).limits == (-1, 1)
    assert texts(written(path, noise() * [1, 0])) == "the right channel is silent"


def test_clipping(tmp_path) -> None:
    assert "is clipped" in texts(written(tmp_path / "x.wav", np.clip(noise() * 4, -1, 1)))
    peak = noise()
    peak[100] = 1
    assert texts(written(tmp_path / "x.wav", peak)) == ""


def test_values_beyond_full_scale_are_kept(tmp_path) -> None:
    path = written(tmp_path / "x.wav", noise() * 8, subtype="FLOAT")
    np.testing.assert_array_equal(read_contents(path).array, noise().T * 8)
    assert "beyond full scale" in texts(path)


def test_nan(tmp_path) -> None:
    data = noise()
    data[7, 1] = np.nan
    path = written(tmp_path / "x.wav", data, subtype="FLOAT")
    assert "1 of its 10,000 values are NaN" in texts(path)
    assert np.isfinite(read_contents(path).limits).all()
    with pytest.raises(UserError, match="NaN"):
        read_sample(path, (2, 4096))


def test_odd_rates(tmp_path) -> None:
    path = written(tmp_path / "x.wav", rate=12345)
    assert "12,345 Hz" in texts(path)
    assert read_contents(path).affine[1, 1] == 1 / 12345


# -- what is long --


def test_a_part_in_seconds(tmp_path) -> None:
    path = written(tmp_path / "x.flac", noise(frames=3 * RATE))
    part = read_contents(f"{path}#1-2.5")
    np.testing.assert_array_equal(part.array, noise(frames=3 * RATE)[RATE : RATE * 5 // 2].T)
    np.testing.assert_allclose(part.affine @ [0, 0, 1], [0, 1, 1])
    assert read_header(f"{path}#2-9").shape == (2, RATE)
    assert part.notes == ()


@pytest.mark.parametrize("part", ["2", "2-1", "7-8", "a-b"])
def test_parts_that_are_none(tmp_path, part) -> None:
    path = written(tmp_path / "x.flac", noise(frames=3 * RATE))
    with pytest.raises(UserError, match=r"name a part in seconds, such as x.flac#0-60"):
        read_contents(path, series=part)


def test_what_is_too_long_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    path = written(tmp_path / "x.wav", noise(frames=60 * 8000), rate=8000)
    monkeypatch.setattr("napari_convnet.data.sound.about.MOST_VALUES", 500_000)
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    with pytest.raises(UserError, match=r"1 minutes of sound, 0.0 GiB.*x.wav#0-60"):
        read_contents(path)


def test_without_memory_it_is_said_how_to_read_a_part(tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    path = written(tmp_path / "x.wav")
    monkeypatch.setattr(soundfile.SoundFile, "read", full)
    with pytest.raises(UserError, match=r"name a part in seconds, such as x.wav#0-60"):
        read_contents(path)


def test_an_hour_is_looked_at_and_read_in_part(tmp_path) -> None:
    path = tmp_path / "hour.flac"
    second = noise(frames=8000)
    with soundfile.SoundFile(path, "w", 8000, 2) as file:
        for _ in range(60):
            file.write(np.tile(second, (60, 1)))
    assert read_header(path).shape == (2, 3600 * 8000)
    part = read_contents(f"{path}#3000-3001")
    np.testing.assert_array_equal(part.array, second.T)


# -- what is damaged --


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_cut_short(tmp_path, ending) -> None:
    path = written(tmp_path / f"x.{ending}", noise(frames=40000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UserError) as caught:
        read_contents(path)
    assert "Traceback" not in str(caught.value)
    assert "damaged" in str(caught.value)
    if ending != "flac":
        found = read_contents(path, accept=["damaged"])
        assert 10000 < found.array.shape[1] < 40000
        assert found.notes[0].kind == "warning"
        assert "cut short" in str(found.notes[0])


def test_a_flac_file_that_is_not_what_was_written(tmp_path) -> None:
    path = written(tmp_path / "x.flac")
    raw = bytearray(path.read_bytes())
    raw[30] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UserError, match="does not fit its checksum"):
        read_contents(path)
    assert read_contents(path, accept=["damaged"]).array.shape == (2, 5000)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_wrong_endings(tmp_path, ending) -> None:
    for other in {"wav", "flac", "ogg"} - {ending}:
        path = tmp_path / f"x.{ending}"
        written(path, format=other.upper())
        with pytest.raises(UserError, match=f"is an? {other.upper()} file; rename it to x.{other}"):
            read_contents(path)
    path.write_text("no sound")
    with pytest.raises(UserError, match=f"damaged, or not an? {ending.upper()} file"):
        read_contents(path)
    path.write_bytes(b"ID3" + bytes(100))
    with pytest.raises(UserError, match="is an MP3 file; convert it"):
        read_contents(path)


def test_no_samples(tmp_path) -> None:
    with pytest.raises(UserError, match="holds no sound"):
        read_contents(written(tmp_path / "x.wav", np.zeros((0, 2))))


def test_without_soundfile(tmp_path, monkeypatch) -> None:
    path = written(tmp_path / "x.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match=r"pip install 'napari-convnet\[audio\]'"):
        read_contents(path)
