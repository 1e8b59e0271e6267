"""Recordings brought to one sampling rate: tones stay tones, seconds seconds, parts their whole."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_convnet.data import Sample, data_problems, load_examples, read_sample, sounds, to_rate
from napari_convnet.data.rates import (
    needed,
    rate_of,
    ratio,
    resample_sound,
    resample_steps,
    resampled_length,
)
from napari_convnet.document import parse
from napari_convnet.maps import feature_maps
from napari_convnet.network.problems import UserError
from napari_convnet.training import load, predict, train

soundfile = pytest.importorskip("soundfile")


def tone(rate: float, seconds: float = 0.5, unit: str = "s", begin: float = 2.0) -> Sample:
    """Two ears, 440 and 660 Hz, fading in and out, from some second on."""
    step = {"s": 1.0, "ms": 1e3}[unit] / rate
    affine = np.array([[step, begin], [0, 1]])
    return Sample(heard(rate, seconds), affine, (unit,), ("t",), "tone.wav")


def heard(rate: float, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    fade = np.sin(np.pi * time / seconds) ** 2
    both = np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 660 * time)])
    return (both * fade * 0.5).astype(np.float32)


@pytest.mark.parametrize("rates", [(44100, 16000), (16000, 44100), (22050, 11025), (48000, 44100)])
def test_tones_are_those_of_the_other_rate(rates) -> None:
    own, wanted = rates
    found = to_rate(tone(own), wanted)
    assert found.array.dtype == np.float32
    right = heard(wanted)
    assert found.shape[1] - right.shape[1] in (0, 1)
    np.testing.assert_allclose(found.array[:, : right.shape[1]], right, atol=2e-3)
    np.testing.assert_allclose(found.affine, tone(wanted).affine, rtol=1e-12)
    assert (found.units, found.axes, found.name) == (("s",), ("t",), "tone.wav")


def test_what_is_at_the_rate_stays_as_it_is() -> None:
    sample = tone(16000)
    assert to_rate(sample, 16000) is sample
    assert to_rate(sample, None) is sample
    assert to_rate(tone(16000, unit="ms"), 16000).shape == sample.shape
    assert rate_of(np.diag([1, 1 / 44100, 1]), ("pixel", "second")) == 44100
    assert rate_of(np.diag([1, 1 / 44100, 1]), ("pixel", "pixel")) == 0
    assert rate_of(None, None) == 0


def test_seconds_stay_seconds_where_rates_are_no_whole_numbers() -> None:
    sample = tone(1000.3, 2)
    found = to_rate(sample, 700)
    ends = [float(each.affine[0, 0]) * each.shape[1] for each in (sample, found)]
    assert ends[1] == pytest.approx(ends[0], abs=2 / 700)
    assert 1 / found.affine[0, 0] == pytest.approx(700, rel=1e-6)


def test_tones_that_the_rate_cannot_hold_are_gone() -> None:
    time = np.arange(44100) / 44100
    high = np.sin(2 * np.pi * 15000 * time).astype(np.float32)[None]
    found = resample_sound(high, ratio(44100, 16000))
    assert np.abs(found[:, 100:-100]).max() < 0.01


def test_what_is_no_recording_has_no_rate() -> None:
    sample = Sample(np.ones((1, 4, 4), np.float32), np.eye(3), ("mm", "mm"), ("y", "x"), "a.tif")
    with pytest.raises(UserError) as caught:
        to_rate(sample, 16000)
    assert str(caught.value) == (
        "rate: 16000 is for recordings, and a.tif does not say how many samples it has per second "
        "(it is in mm); leave rate: out, or give a recording with its times in seconds"
    )


@settings(max_examples=40, deadline=None)
@given(
    found=st.sampled_from([Fraction(160, 441), Fraction(441, 160), Fraction(1, 2), Fraction(7, 5)]),
    ends=st.tuples(st.integers(0, 1400), st.integers(1, 300)),
)
def test_a_part_is_resampled_as_the_whole(found, ends) -> None:
    whole = np.random.default_rng(0).normal(0, 0.1, (2, 2000)).astype(np.float32)
    resampled = resample_sound(whole, found)
    assert resampled.shape[1] == resampled_length(2000, found)
    low = min(ends[0], resampled.shape[1] - 1)
    high = min(low + ends[1], resampled.shape[1])
    first, last = needed(low, high, found)
    part = resample_sound(whole[:, first:last], found)
    begin = low - int(first * found)
    np.testing.assert_allclose(
        part[:, begin : begin + high - low], resampled[:, low:high], atol=1e-6
    )


def test_classes_have_nothing_between_them() -> None:
    np.testing.assert_array_equal(resample_steps(np.arange(6), Fraction(1, 2)), [0, 2, 4])
    np.testing.assert_array_equal(resample_steps(np.array([3, 7]), Fraction(2)), [3, 3, 7, 7])


# -- through a document --

TEXT = """\
input: 2x1000
data:
  images: sounds
  normalize: zscore
  rate: 8000
  patches: 1000 per-recording 2
  split: 50/50
net:
  - c: conv 2 k9
  - gap
  - fc 2
train:
  epochs: 1
"""
RATES = {"low/a.wav": 8000, "low/b.flac": 16000, "high/c.wav": 44100, "high/d.wav": 11025}


@pytest.fixture
def folder(tmp_path):
    for name, rate in RATES.items():
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, heard(rate).T, rate)
    return tmp_path


def read(folder, text: str = TEXT):
    return parse(text, folder / "document.yaml")


def test_recordings_of_several_rates_are_learned_from_at_one(folder, monkeypatch) -> None:
    kept = load_examples(read(folder))
    assert kept.rate == 8000
    assert {each.shape for each in kept.dataset.recordings} == {(2, 4000)}
    for each in kept.dataset.recordings:
        np.testing.assert_allclose(each.array, heard(8000), atol=3e-3)
    monkeypatch.setattr(sounds, "IN_MEMORY", 0)
    again = load_examples(read(folder))
    assert again.dataset.recordings[2].array is None
    everything = np.arange(len(kept.dataset))
    np.testing.assert_allclose(
        again.dataset.take(everything), kept.dataset.take(everything), atol=1e-4
    )


def test_without_a_rate_they_are_refused(folder) -> None:
    with pytest.raises(UserError) as caught:
        load_examples(read(folder, TEXT.replace("  rate: 8000\n", "")))
    assert str(caught.value) == (
        "the recordings differ in their sampling rate: high/c.wav has 44,100 Hz, high/d.wav has "
        "11,025 Hz; add rate: 11025 to data:, which resamples them"
    )


def test_maps_see_what_training_does(folder) -> None:
    pipeline = read(folder)
    path = folder / "sounds/high/c.wav"
    maps = feature_maps(pipeline, read_sample(path, pipeline.input))
    recording = load_examples(pipeline).dataset.recordings[0]
    assert recording.name == "high/c.wav"
    np.testing.assert_allclose(maps.source.read(), recording.prepared(recording.array), atol=1e-5)
    np.testing.assert_allclose(maps["c"].affine, np.diag([1 / 8000, 1]))


def test_a_prediction_hears_what_training_did(folder) -> None:
    *_, _ = train(read(folder), run=folder / "run", device="cpu")
    loaded = load(folder / "run")
    assert loaded.rate == 8000
    low, high = (predict(loaded, folder / f"sounds/{name}") for name in ("low/a.wav", "high/c.wav"))
    np.testing.assert_allclose(low.probabilities, high.probabilities, atol=1e-3)


def test_noise_is_taken_away_at_one_rate(folder) -> None:
    text = """\
input: 2x500
data:
  images: sounds/high/*.wav
  split: 50/50
net:
  - out: conv 2 k9
train:
  task: regress
"""
    with pytest.raises(UserError, match=r"c.wav has 44,100 Hz, d.wav has 11,025 Hz; add rate: 110"):
        load_examples(read(folder, text))
    pipeline = read(folder, text.replace("split:", "rate: 8000\n  split:"))
    examples = load_examples(pipeline)
    assert (examples.rate, {scan.size for scan in examples.scans}) == (8000, {(4000,)})
    np.testing.assert_array_equal(examples.scans[0].target, examples.scans[0].image)
    path = folder / "sounds/high/c.wav"
    found = predict(pipeline, path)
    # In the recording's own samples.
    assert found.values.shape[-1] == 22050
    assert found.affine[-2, -2] == pytest.approx(1 / 44100)


def test_another_rate_than_that_learned_from_is_refused_voxel_by_voxel_too(folder) -> None:
    text = """\
input: 2x500
data:
  images: sounds/low/a.wav
  split: 100/0
  patches: 500 per-volume 1
net:
  - out: conv 2 k9
train:
  task: regress
  epochs: 1
"""
    *_, _ = train(read(folder, text), run=folder / "run", device="cpu")
    assert predict(folder / "run", folder / "sounds/low/a.wav").values.shape[-1] == 4000
    with pytest.raises(UserError) as caught:
        predict(folder / "run", folder / "sounds/high/d.wav")
    assert str(caught.value) == (
        "d.wav has 11,025 samples per second; the network learned from recordings with 8,000; "
        "add rate: 8000 to data: in the network's document, which resamples it"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("source: digits", "rate: 8000 is for recordings, and these are none; leave rate: out, "),
        ("images: pictures", "rate: 8000 is for recordings, and these are none; leave rate: out, "),
    ],
)
def test_pictures_have_no_rate(tmp_path, line, words) -> None:
    from PIL import Image

    for name in "ab":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("L", (28, 28)).save(tmp_path / "pictures" / name / "1.png")
    text = f"input: 1x28x28\ndata:\n  {line}\n  rate: 8000\nnet:\n  - gap\n  - fc 2\n"
    with pytest.raises(UserError) as caught:
        load_examples(read(tmp_path, text))
    assert str(caught.value).startswith(words)
    if "source" in line:
        assert [key for key, _ in data_problems(read(tmp_path, text))] == ["data.rate"]


@pytest.mark.parametrize(("name", "length"), [("recordings", 22050), ("direction", 2048)])
def test_recordings_that_come_along_are_resampled(name, length) -> None:
    patches = "  patches: 11025 per-recording 1\n" if name == "recordings" else ""
    text = (
        f"input: 2x2048\ndata:\n  source: {name}\n  rate: 11025\n{patches}net:\n  - gap\n  - fc 3\n"
    )
    found = load_examples(parse(text))
    assert found.rate == 11025
    assert found.shape == (2, 11025 if patches else length)


def test_so_are_those_that_are_to_be_given_themselves() -> None:
    text = "input: 2x2048\ndata:\n  source: direction\n  rate: 11025\nnet:\n  - conv 2 k9\n"
    found = load_examples(parse(f"{text}train:\n  task: regress\n"))
    assert (found.rate, {scan.size for scan in found.scans}) == (11025, {(2048,)})


def test_two_ears_that_would_be_heard_one_by_one(tmp_path) -> None:
    soundfile.write(tmp_path / "a.wav", heard(8000).T, 8000)
    np.save(tmp_path / "a.npy", np.arange(4000) // 2000)
    data = "data:\n  images: a.wav\n  labels: a.npy\n  split: 100/0\n"
    text = f"input: 1x500\n{data}net:\n  - conv 2 k9\ntrain:\n  task: segment\n"
    with pytest.raises(UserError) as caught:
        load_examples(read(tmp_path, text))
    assert str(caught.value) == (
        "a.wav is a recording with 2 channels, each of which a network with input 1x500 hears "
        "alone, and a.npy has 4000 samples; write input: 2x500, which hears them together, or give "
        "a target of 2x4000 samples"
    )
    assert load_examples(read(tmp_path, text.replace("1x500", "2x500"))).shape == (2, 500)
