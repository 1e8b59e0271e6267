"""Recordings cut into windows: where they lie, what is averaged, what is refused."""

import numpy as np
import pytest

from napari_convnet.data import (
    batches,
    load_dataset,
    load_examples,
    read_contents,
    recordings,
    sample_path,
    split,
)
from napari_convnet.data import sounds as sounds_module
from napari_convnet.data.recorded import KINDS
from napari_convnet.data.sounds import Recording
from napari_convnet.data.windows import Windows, cut_windows
from napari_convnet.document import parse
from napari_convnet.network.problems import UserError

soundfile = pytest.importorskip("soundfile")

RATE = 22050

FILES = ("bass/a.wav", "bass/b.wav", "beat/c.flac")

TEXT = """\
input: 2x2000
data:
  images: sounds
  normalize: zscore
  patches: 2000 per-recording 3
net:
  - conv 4 k9
  - gap
  - fc 2
"""


@pytest.fixture
def sounds(tmp_path):
    """A folder with a folder of recordings per class; give it more, then load it."""

    def make(text: str = TEXT, **more):
        kept = {"bass/a.wav": (5000, 2), "bass/b.wav": (1500, 2), "beat/c.flac": (9000, 2), **more}
        rng = np.random.default_rng(0)
        for name, (frames, channels, *rest) in kept.items():
            path = tmp_path / "sounds" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = rest[1] if len(rest) > 1 else rng.normal(0, 0.1, (frames, channels))
            kind = "PCM_16" if np.isfinite(data).all() else "FLOAT"
            soundfile.write(path, data, rest[0] if rest else RATE, subtype=kind)
        return load_dataset(parse(text, tmp_path / "document.yaml"))

    return make


def test_windows_lie_evenly_over_their_recording(sounds) -> None:
    found = sounds()
    assert isinstance(found, Windows)
    assert found.describe() == (
        "3 recordings in 2 classes: bass (2), beat (1); 3 windows of 2x2000 from each"
    )
    assert found.targets.tolist() == [0] * 6 + [1] * 3
    assert found.names[1] == "bass/a.wav#0.06803-0.1587"
    first = read_contents(found_file(found, 0)).array
    np.testing.assert_array_equal(found.images[1], first[:, 1500:3500])
    np.testing.assert_array_equal(found.images[2], first[:, 3000:])
    whole = (first - first.mean()) / first.std()
    np.testing.assert_allclose(found.take([1])[0], whole[:, 1500:3500], atol=1e-5)
    # What is shorter than a window is followed by silence.
    assert (found.images[3][:, 1500:] == 0).all()
    assert found.images[3][:, :1500].any()


def found_file(found: Windows, number: int):
    """The file of a recording, as its window's name tells it."""
    return found.recordings[number].path


@pytest.fixture(autouse=True)
def read_again(monkeypatch) -> None:
    """Keep files, not arrays: what a large set does."""
    monkeypatch.setattr(sounds_module, "IN_MEMORY", 0)


def test_what_is_kept_is_what_is_read_again(sounds, monkeypatch) -> None:
    read = sounds()
    monkeypatch.setattr(sounds_module, "IN_MEMORY", 1 << 30)
    kept = sounds()
    assert kept.recordings[0].array is not None
    assert read.recordings[0].array is None
    np.testing.assert_array_equal(kept.take(np.arange(9)), read.take(np.arange(9)))
    ours, theirs = (each.draw([0, 4, 8], np.random.default_rng(1)) for each in (kept, read))
    np.testing.assert_array_equal(ours, theirs)


def test_training_hears_a_recording_anywhere(sounds) -> None:
    found = sounds()
    drawn = found.draw(np.repeat([0, 3, 6], 200), np.random.default_rng(0))
    assert drawn.shape == (600, 2, 2000)
    again = found.draw(np.repeat([0, 3, 6], 200), np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, again)
    whole = read_contents(found_file(found, 0)).array
    prepared = found.recordings[0].prepared(whole)
    starts = {int(np.argmin(np.abs(prepared[0, :3001] - each[0, 0]))) for each in drawn[:200]}
    assert min(starts) < 100
    assert max(starts) > 2900
    # The short one begins anywhere within its window.
    begins = [int(np.argmax(each[0] != each[0, 0])) for each in drawn[200:400]]
    assert max(begins) > 400


def test_no_window_of_a_recording_is_in_two_parts() -> None:
    found = load_examples(parse(KIND_TEXT))
    assert found.unit == "windows"
    assert found.counts == (136, 0, 96)
    owners = found.dataset.groups
    heard, tested = (set(owners[part]) for part in (found.parts.train, found.parts.test))
    assert not heard & tested
    kinds = {tuple(found.dataset.targets[owners == owner]) for owner in tested}
    assert {kind[0] for kind in kinds} == {0, 1, 2}
    images, targets = next(found.batches(8, 0, 0))
    assert (images.shape, targets.shape) == ((8, 2, 4096), (8,))


KIND_TEXT = """\
input: 2x4096
data: {source: recordings, normalize: zscore, split: 60/0/40, patches: 4096 per-recording 8}
net: [conv 4 k9, gap, fc 3]
"""


def test_the_recordings_that_come_along_are_told_by_kind() -> None:
    found = load_dataset(parse(KIND_TEXT))
    assert found.classes == KINDS == ("ambient", "bass", "beat")
    assert found.describe().startswith("29 recordings in 3 classes: ambient (10), bass (7)")
    name = found.names[-1].partition("#")[0]
    np.testing.assert_array_equal(
        found.images[-1], read_contents(sample_path(f"audio/{name}")).array[:, -4096:]
    )


def test_a_recording_counts_once_by_the_mean_of_its_windows() -> None:
    sound = recordings("bass")[0].array
    each = [Recording(name, sound.shape, array=sound) for name in "abc"]
    found = cut_windows(each, [0, 1, 1], ("quiet", "loud"), 1000, 2)
    told = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4]], np.float32)
    means, targets = found.pooled(told, np.array([0, 1, 4, 5]))
    np.testing.assert_allclose(means, [[0.55, 0.45], [0.6, 0.4]], rtol=1e-6)
    assert targets.tolist() == [0, 1]


def test_windows_are_the_same_in_every_run(sounds) -> None:
    found = sounds(TEXT, **{"beat/d.wav": (4000, 2)})
    parts = split(found, (0.5, 0, 0.5), 1)
    one, other = (list(batches(found, parts.train, 4, 1, 2)) for _ in range(2))
    for (a, x), (b, y) in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(x, y)
    late = next(batches(found, parts.train, 4, 1, 2, start=1))
    np.testing.assert_array_equal(late[0], one[1][0])


def test_recordings_of_one_length_need_no_windows(sounds) -> None:
    text = TEXT.replace("  patches: 2000 per-recording 3\n", "")
    with pytest.raises(UserError) as caught:
        sounds(text)
    assert str(caught.value) == (
        "recordings differ in length: bass/a.wav has 0.227 s, bass/b.wav 0.068 s; "
        "add patches: 2000 per-recording 8 to data:, which cuts windows"
    )
    found = sounds(text, **dict.fromkeys(FILES, (3000, 2)))
    assert found.shape == (2, 3000)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"beat/d.wav": (4000, 2, 44100)},
            "the recordings differ in their sampling rate: bass/a.wav has 22,050 Hz, beat/d.wav "
            "has 44,100 Hz; add rate: 22050 to data:, which resamples them",
        ),
        ({"beat/d.wav": (4000, 1)}, "beat/d.wav has 1 channel (mono)"),
        (
            {"beat/d.wav": (4000, 6)},
            "beat/d.wav has 6 channels",
        ),
    ],
)
def test_recordings_that_do_not_fit(sounds, more, words) -> None:
    with pytest.raises(UserError) as caught:
        sounds(TEXT, **more)
    assert words in str(caught.value)


def test_odd_recordings_are_told(sounds) -> None:
    flat = np.full((4000, 2), 0.25)
    found = sounds(TEXT, **{"beat/d.wav": (4000, 2, RATE, np.zeros((4000, 2)))})
    assert [str(note) for note in found.notes] == [
        "beat/d.wav: the recording is silent: all of its values are 0"
    ]
    assert np.isfinite(found.take(np.arange(len(found)))).all()
    found = sounds(TEXT, **{"beat/d.wav": (4000, 2, RATE, flat)})
    assert any("all of its values are 0.25" in str(note) for note in found.notes)
    assert (found.take([9]) == 0).all()


def test_a_network_with_one_ear_hears_the_left_one(sounds) -> None:
    found = sounds(TEXT.replace("input: 2x2000", "input: 1x2000"))
    assert found.shape == (1, 2000)
    whole = read_contents(found_file(found, 0)).array
    np.testing.assert_array_equal(found.images[0], whole[:1, :2000])
    assert "it hears only the left of 2 ears" in str(found.notes[0])


def test_windows_of_ears_as_an_axis(sounds) -> None:
    found = sounds(TEXT.replace("2x2000", "1x2x2000").replace("k9", "k1x9"))
    assert found.shape == (1, 2, 2000)
