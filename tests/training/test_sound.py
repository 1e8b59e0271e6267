"""Learning from recordings: where a sound comes from, and what counts where windows are cut."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from napari_convnet.cli import main
from napari_convnet.data import heard_from, recording
from napari_convnet.data.rates import resample_sound
from napari_convnet.document import edit, parse, preset_text
from napari_convnet.network import UserError
from napari_convnet.training import Finished, Run, evaluate, load, predict, train

soundfile = pytest.importorskip("soundfile")


def learned(name: str, folder, **settings: str) -> Finished:
    """Train a preset, changed a little, to its end."""
    text = preset_text(name)
    for key, value in settings.items():
        text = edit.set_value(text, key.replace("_", "."), value)
    *_, last = train(parse(text), run=folder, device="cpu")
    assert isinstance(last, Finished)
    return last


def test_directions_of_strokes_that_were_not_heard_in_training(tmp_path, capsys) -> None:
    last = learned("direction", tmp_path / "run", train_epochs="3")
    assert last.test_accuracy >= 0.95
    for degrees, side in ((-50, "left"), (0, "centre"), (50, "right")):
        found = predict(tmp_path / "run", heard_from(degrees, "drum_cowbell"))
        assert found.best == side
    # In a recording at another rate everything would sound higher.
    soundfile.write(tmp_path / "fast.wav", heard_from(50).array.T, 44100)
    with pytest.raises(UserError) as caught:
        predict(tmp_path / "run", tmp_path / "fast.wav")
    assert str(caught.value) == (
        "fast.wav has 44,100 samples per second; the network learned from recordings with 22,050; "
        "add rate: 22050 to data: in the network's document, which resamples it"
    )
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "fast.wav")]) == 2
    assert capsys.readouterr().err == f"{caught.value}\n"
    assert load(Run(tmp_path / "run").trained).rate == 22050
    own = load(tmp_path / "run").pipeline.text
    (tmp_path / "run" / "document.yaml").write_text(
        edit.set_value(own, "data.rate", "22050"), encoding="utf-8"
    )
    slow = heard_from(50)
    fast = resample_sound(slow.array, Fraction(2))
    soundfile.write(tmp_path / "fast.wav", fast.T, 44100)
    found = predict(tmp_path / "run", tmp_path / "fast.wav")
    wanted = predict(tmp_path / "run", slow).probabilities
    np.testing.assert_allclose(found.probabilities, wanted, atol=0.02)


def test_recordings_count_once_however_many_windows_they_have(tmp_path) -> None:
    learned("recordings", tmp_path / "run", train_epochs="1", data_patches="8192 per-recording 2")
    found = evaluate(tmp_path / "run")
    assert (found.unit, found.n, found.part) == ("recordings", 12, "test")
    assert np.asarray(found.confusion).sum(1).tolist() == [4, 3, 5]
    # A file is heard in the same way, and nothing of it is left out.
    loaded = load(tmp_path / "run")
    sound = recording("beat/loop_amen").array[:, :20000]
    prepared = torch.from_numpy((sound - sound.mean()) / sound.std())
    windows = torch.stack([prepared[:, start : start + 8192] for start in (0, 5904, 11808)])
    with torch.no_grad():
        wanted = loaded.net.model.eval()(windows).softmax(1).mean(0)
    np.testing.assert_allclose(predict(loaded, sound).probabilities, wanted, atol=1e-5)
