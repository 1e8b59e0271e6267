"""Damaged files by the hundred: no traceback, no hang, no death, nothing in a wrong place."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

CASES = 800
SINGLE = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_rle_2frame.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, packaged: Path, new_series, save_dicom) -> Path:
    """The files to be damaged, and where the series lies."""
    root = tmp_path_factory.mktemp("fuzz")
    (root / "single").mkdir()
    for name in SINGLE:
        (root / "single" / name).write_bytes((packaged / name).read_bytes())
    series = new_series(count=6, directions=(0.8, 0.6, 0.0, 0.0, 0.0, -1.0), step=(-1.2, 1.6, 0.0))
    series.write(root / "series")
    save_dicom(series.enhanced(), root / "single" / "enhanced.dcm")
    truth = {"affine": series.affine.tolist(), "shape": series.array.shape}
    (root / "truth.json").write_text(json.dumps(truth))
    return root


def run(folder: Path, first: int, last: int) -> tuple[dict[int, dict], str]:
    """Run cases in a process of their own: what came of each, and its last words."""
    script = Path(__file__).with_name("fuzzing.py")
    command = [sys.executable, str(script), str(folder), str(first), str(last)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    outcomes = {}
    begun = first
    for line in process.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "begin":
            begun = int(rest)
        elif word == "end":
            number, _, outcome = rest.partition(" ")
            outcomes[int(number)] = json.loads(outcome)
    if process.returncode:
        words = f"died with {process.returncode}: {process.stderr[-2000:]}"
        outcomes[begun] = {"file": "", "kind": "died", "wrong": words}
    return outcomes, process.stderr


def test_damaged_files(folder: Path) -> None:
    outcomes: dict[int, dict] = {}
    while len(outcomes) < CASES:
        found, _ = run(folder, max(outcomes, default=-1) + 1, CASES)
        outcomes.update(found)
    wrong = {case: outcome for case, outcome in outcomes.items() if outcome["wrong"]}
    assert not wrong, json.dumps(dict(list(wrong.items())[:5]), indent=1)
    kinds = Counter(outcome["kind"] for outcome in outcomes.values())
    # Both must happen often, or the test tests nothing.
    assert min(kinds["read"], kinds["refused"]) > CASES / 5, kinds
