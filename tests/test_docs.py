"""The README and the examples do what they say."""

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

import napari_convnet as nc
from napari_convnet.cli import main
from napari_convnet.document import edit

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_documents_of_the_readme_are_right():
    digits, organs = map(nc.parse, blocks("yaml"))
    assert digits.network.totals.parameters == 61_706
    assert organs.train.loss == ("dice", "cross-entropy")


def test_training_on_own_scans_is_as_the_readme_says(own_files, monkeypatch, capsys):
    monkeypatch.chdir(own_files)
    small = blocks("yaml")[1].replace("64x64x64", "16x16x16").replace("patches: 64", "patches: 16")
    Path("organs.yaml").write_text(small.replace("epochs: 30", "epochs: 1"), encoding="utf-8")
    own = [words for words in commands() if "organs" in " ".join(words) and words[0] != "open"]
    assert [words[0] for words in own] == ["check", "train", "evaluate", "predict"]
    for words in own:
        assert main(words) == 0, words
    assert Path("new_seg.nii.gz").is_file()
    assert Path("new.csv").read_text(encoding="utf-8").startswith("label,class,voxels,ml")
    capsys.readouterr()
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert "(30, 34, 28) {'other': " in capsys.readouterr().out


def test_sound_is_as_the_readme_says(own_files, monkeypatch):
    monkeypatch.chdir(own_files)
    heard = [words for words in commands() if "direction" in words and words[0] != "train"]
    assert [words[0] for words in heard] == ["describe", "maps"]
    for words in heard:
        assert main(words) == 0, words
    assert Path("maps/maps.json").is_file()


def test_the_error_in_the_readme_is_the_one_that_is_told():
    wrong = blocks("yaml")[0].replace("c1: conv 6 k5 relu ", "c1: conv 6 k5 rellu")
    message = str(nc.draft(wrong).problems[0])
    assert message.partition(": ")[2] in README
    assert message in README


def test_the_script_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = edit.set_value(nc.preset("lenet").text, "train.epochs", "1")
    real = nc.preset
    monkeypatch.setattr(
        nc, "preset", lambda name: nc.parse(short) if name == "lenet" else real(name)
    )
    _, first, *others = blocks("python")
    exec(compile(first, "README.md", "exec"), {})
    assert "138357544" in capsys.readouterr().out
    [module] = others
    exec(compile(module, "README.md", "exec"), {})
    assert "MaxPool2d (8, 127, 127) [4. 4.] [3. 3.]" in capsys.readouterr().out


def plain_blocks():
    """What is fenced without a language: command lines, and what they print."""
    found = re.findall(r"^```(.*?)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for language, text in found if not language]


def commands():
    """The README's command lines, without what is said of them."""
    lines = [
        shlex.split(line, comments=True) for text in plain_blocks() for line in text.splitlines()
    ]
    return [words[1:] for words in lines if words[:1] == ["napari-convnet"]]


def test_the_commands_of_the_readme_that_need_no_file_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    known = {preset.name for preset in nc.presets()}
    made = {"net.py", "net.pt", "lenet5.safetensors"}
    readable = [words for words in commands() if words[0] in ("presets", "describe", "export")]
    run = [words for words in readable if words[0] == "presets" or words[1] in known | made]
    assert len(run) > 6
    for words in run:
        assert main(words) == 0, words
    assert {path.name for path in tmp_path.iterdir()} == {*made, "net.safetensors"}
    out = capsys.readouterr().out
    (why,) = (text for text in plain_blocks() if text.startswith("c1.conv: "))
    assert why in out


def test_the_commands_of_the_readme_are_known():
    known = main(["--help"])
    assert known == 0
    for words in commands():
        assert main([words[0], "--help"]) == 0, words


def test_the_pictures_of_the_readme_exist():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / path).is_file(), path


@pytest.fixture
def example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda name: runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"]


def test_the_worked_examples_print_the_textbook_numbers(example, capsys):
    example("worked_examples")()
    out = capsys.readouterr().out
    assert "[0 0 1 1 0 0]" in out
    assert "six rows of [0 0 3 3 0 0]" in out
    assert "19 + 37 = 56" in out


def test_the_kernels_example_writes_its_picture(example, tmp_path):
    from skimage.io import imread

    picture = imread(example("handmade_kernels")(str(tmp_path / "kernels.png")))
    assert picture.ndim == 3
    assert picture.std() > 20


def test_the_digits_example_learns(example, capsys):
    assert example("digits")("1") > 0.85
    assert "is taken for" in capsys.readouterr().out


def test_the_scores_in_the_readme_are_those_that_were_measured():
    scores = runpy.run_path(str(ROOT / "tools" / "scores.py"))
    assert scores["written"](README) == README
    measured = {one["preset"]: one for one in json.loads(scores["RESULTS"].read_text())["results"]}
    assert {"lenet", "faces", "head", "head-2.5d", "organs", "direction", "recordings"} <= {
        *measured
    }
    assert all(one["seconds"] < 600 for one in measured.values())
    assert min(measured["head"]["score"], measured["head-2.5d"]["score"]) >= 0.94
    assert measured["direction"]["score"] >= 0.95
