"""Damaged recordings: a message or what libsndfile reads; no traceback, no hang."""

from pathlib import Path

import pytest

from napari_convnet.data import sample_path

soundfile = pytest.importorskip("soundfile")

CASES = 700


def sources(folder: Path) -> list[Path]:
    """Half a second of a real recording in all formats, with 8 to 32 bits, one and two ears."""
    values, rate = soundfile.read(sample_path("audio/beat/loop_amen.flac"), frames=8000)
    kinds = [
        ("a.wav", values, "PCM_16"),
        ("b.wav", values, "FLOAT"),
        ("c.wav", values[:, :1], "PCM_U8"),
        ("d.flac", values, "PCM_16"),
        ("e.flac", values[:, :1], "PCM_24"),
        ("f.ogg", values, "VORBIS"),
        ("g.wav", values, "MS_ADPCM"),
    ]
    for name, part, subtype in kinds:
        soundfile.write(folder / name, part, rate, subtype=subtype)
    return [folder / name for name, _, _ in kinds]


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_recordings_never_mislead(tmp_path: Path, seed: int, never_mislead) -> None:
    script = Path(__file__).with_name("fuzz_sound.py")
    never_mislead(script, seed, CASES, sources(tmp_path))
