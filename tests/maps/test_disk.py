"""Maps as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_convnet.maps import feature_maps, maps_to_disk
from napari_convnet.maps.disk import file_name
from napari_convnet.network import UserError

from .nets import Recording, document, noise


def test_files_hold_the_maps_and_their_place(tmp_path: Path) -> None:
    net = document((1, 8, 6), ["c1: conv 2 k3 relu", "max 2", "flatten", "fc 3"])
    array = Recording(noise(8, 6))
    maps = feature_maps(net, array, scale=(2, 0.5), translate=(1, 1), units="mm")
    index = maps_to_disk(maps, tmp_path / "new" / "maps")
    assert array.reads == 1
    assert index == tmp_path / "new" / "maps" / "maps.json"
    described = json.loads(index.read_text())
    assert described["input"]["shape"] == [1, 8, 6]
    layers = {layer["name"]: layer for layer in described["layers"]}
    assert list(layers) == list(maps)
    for name, layer in layers.items():
        saved = np.load(index.parent / layer["file"])
        assert np.array_equal(saved, maps[name][:])
        assert layer["shape"] == list(saved.shape)
        assert layer["dtype"] == "float32"
    assert layers["max-1"] == {
        "name": "max-1",
        "op": "max",
        "file": "max-1.npy",
        "shape": [2, 4, 3],
        "dtype": "float32",
        "scale": [4.0, 1.0],
        "translate": [2.0, 1.25],
        "affine": [[4.0, 0.0, 2.0], [0.0, 1.0, 1.25], [0.0, 0.0, 1.0]],
        "axes": ["y", "x"],
        "units": ["mm", "mm"],
        "receptive_field": [4, 4],
    }
    fc = layers["fc-1"]
    assert [fc[k] for k in ("scale", "affine", "axes", "receptive_field")] == [None] * 4


def test_only_some_layers(tmp_path: Path) -> None:
    maps = feature_maps(document((1, 8, 6), ["conv 2 k3", "relu"]), noise(8, 6), rotate=30)
    index = maps_to_disk(maps, tmp_path, ["relu-1"])
    (layer,) = json.loads(index.read_text())["layers"]
    assert layer["name"] == "relu-1"
    assert layer["scale"] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["maps.json", "relu-1.npy"]
    with pytest.raises(UserError, match="there are no maps of a layer"):
        maps_to_disk(maps, tmp_path, ["relu-9"])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    maps = feature_maps(document((1, 8, 6), ["relu"]), noise(8, 6))
    with pytest.raises(UserError, match="cannot write maps to"):
        maps_to_disk(maps, tmp_path / "taken")


def test_names_that_windows_keeps_for_itself() -> None:
    assert file_name("c1.conv") == "c1.conv.npy"
    assert file_name("con") == "con_.npy"
    assert file_name("Aux.relu") == "Aux_.relu.npy"
