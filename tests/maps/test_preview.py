"""Previews: first layers first, only what changed, in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_convnet.data import Sample
from napari_convnet.document import draft, parse
from napari_convnet.maps import LayerPreview, PreviewCache, feature_maps, preview
from napari_convnet.maps.forward import Forward
from napari_convnet.maps.preview import window_box
from napari_convnet.model import ConvNet, builder, save_weights
from napari_convnet.network import Layer, UserError

from .nets import Recording, document, noise

LINES = ["c1: conv 4 k5 relu", "max 2", "c2: conv 8 k3 relu"]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the layers that were computed."""
    names: list[str] = []
    whole = Forward._computed

    def noted(self: Forward, twins: Any, layer: Layer, *rest: Any) -> Any:
        names.append(layer.name)
        return whole(self, twins, layer, *rest)

    monkeypatch.setattr(Forward, "_computed", noted)
    return names


def previews(*args: Any, **options: Any) -> dict[str, LayerPreview]:
    return {found.layer: found for found in preview(*args, budget=None, **options)}


def test_every_layer_gets_a_picture() -> None:
    found = previews(document((1, 28, 28), [*LINES, "flatten", "fc 10"]), noise(28, 28))
    assert list(found) == ["c1.conv", "c1", "max-1", "c2.conv", "c2", "flatten-1", "fc-1"]
    for name, one in found.items():
        assert one.thumbnail is not None
        assert one.thumbnail.dtype == np.uint8
        assert max(one.thumbnail.shape) == 96
        assert not one.error
        assert one.limits[0] < one.limits[1], name
    assert found["c1.conv"].limits[0] < 0
    assert found["c1"].limits[0] == 0
    assert list(previews(document((1, 28, 28), LINES), noise(28, 28), ["C1", "c2"])) == ["c1", "c2"]


def test_only_what_changed_is_computed(computed: list[str]) -> None:
    cache, image = PreviewCache(), noise(28, 28)
    first = previews(document((1, 28, 28), LINES), image, cache=cache)
    assert computed == ["c1.conv", "c1", "max-1", "c2.conv", "c2"]
    computed.clear()
    again = previews(document((1, 28, 28), LINES), image, cache=cache)
    assert computed == []
    assert all(again[name].thumbnail is first[name].thumbnail for name in first)
    changed = [*LINES[:2], "c2: conv 8 k3 tanh", "max 2"]
    previews(document((1, 28, 28), changed), image, cache=cache)
    assert computed == ["c2", "max-2"]
    computed.clear()
    previews(document((1, 28, 28), LINES), image, cache=cache)  # undone
    assert computed == []
    previews(document((1, 28, 28), LINES), noise(28, 28, seed=3), cache=cache)
    assert len(computed) == 5


def test_a_large_window_does_not_keep_others_out(
    computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = PreviewCache(70_000)
    with monkeypatch.context() as small:
        small.setattr("napari_convnet.maps.forward.STEP_BYTES", 10_000)
        for seed in range(40):
            previews(
                document((1, 16, 16, 16), ["conv 1 k3"]), noise(16, 16, 16) + seed, cache=cache
            )
    for outputs in (4, 5):
        computed.clear()
        previews(document((1, 28, 28), [*LINES, f"conv {outputs} k1"]), noise(28, 28), cache=cache)
    assert computed == ["conv-1"]


def test_only_what_is_computed_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []
    real = ConvNet.__init__

    def noted(self: ConvNet, network: Any) -> None:
        real(self, network)
        built.append([layer.name for layer in network.layers])

    cache, image = PreviewCache(), noise(28, 28)
    previews(document((1, 28, 28), LINES), image, cache=cache)
    monkeypatch.setattr(ConvNet, "__init__", noted)
    previews(document((1, 28, 28), [*LINES, "max 2", "conv 3 k3"]), image, cache=cache)
    assert built[1:] == [["max-2"], ["conv-1"]]  # the first is a skeleton without weights


def test_previews_are_of_the_document_s_weights() -> None:
    pipeline = document((1, 28, 28), LINES, "train:\n  seed: 3\n")
    image, cache = noise(28, 28).astype(np.float32), PreviewCache()
    list(preview(pipeline, image, cache=cache))
    right = feature_maps(pipeline, image).compute_all()
    kept = {box: cache.patches.find(name, box) for name, box in cache.patches}
    assert any(np.array_equal(p.data[0].numpy(), right["c2"]) for p in kept.values())
    other = parse(pipeline.text.replace("seed: 3", "seed: 4"))
    a = previews(pipeline, image, cache=cache)["c1"]
    b = previews(other, image, cache=cache)["c1"]
    assert not np.array_equal(a.thumbnail, b.thumbnail)


def test_weights_from_a_file_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = document((1, 28, 28), LINES)
    net = pipeline.build(seed=9)
    save_weights(net, tmp_path / "w.safetensors")
    read = []
    real = builder.load_weights
    monkeypatch.setattr(
        builder, "load_weights", lambda net, path: read.append(path) or real(net, path)
    )
    trained = parse(pipeline.text + "weights: w.safetensors\n", tmp_path / "net.yaml")
    image, cache = noise(28, 28), PreviewCache()
    found = previews(trained, image, cache=cache)
    assert len(read) == 1
    assert np.array_equal(found["c2"].thumbnail, previews(net, image)["c2"].thumbnail)
    save_weights(pipeline.build(seed=10), tmp_path / "w.safetensors")
    again = previews(trained, image, cache=cache)
    assert not np.array_equal(found["c2"].thumbnail, again["c2"].thumbnail)


def test_handmade_kernels_count(tmp_path: Path, computed: list[str]) -> None:
    np.save(tmp_path / "k.npy", np.ones((3, 3)))
    text = "input: 1x9x9\nnet:\n  - c: conv 1 k3\n    w: {}\n"
    image, cache = noise(9, 9), PreviewCache()
    for kernel, count in [("sobel_x", 1), ("sobel_y", 1), ("sobel_x", 0), ("k.npy", 1)]:
        computed.clear()
        previews(parse(text.format(kernel), tmp_path / "net.yaml"), image, cache=cache)
        assert len(computed) == count, kernel
    np.save(tmp_path / "k.npy", np.full((3, 3), 20))
    previews(parse(text.format("k.npy"), tmp_path / "net.yaml"), image, cache=cache)
    assert len(computed) == 2


def test_rows_above_a_mistake_keep_their_pictures(computed: list[str]) -> None:
    text = "input: 1x9x9\nnet:\n  - conv 2 k3\n  - {}\n  - tanh\n"
    image, cache = noise(9, 9), PreviewCache()
    previews(draft(text.format("relu")), image, cache=cache)
    computed.clear()
    found = previews(draft(text.format("rellu")), image, cache=cache)
    assert list(found) == ["conv-1"]
    assert not computed
    assert previews(draft("input: 1x9x9\nnet:\n  - rellu\n"), image) == {}


def test_a_window_of_a_large_image() -> None:
    array = Recording(noise(600, 500))
    found = previews(document((1, 28, 28), [*LINES, "flatten", "fc 10"]), array)
    assert array.count == 128 * 128
    assert array.touched[300, 250]
    assert found["c2"].thumbnail is not None
    # What works on no image of this size says so of the image, not of the window.
    assert "fc was made for 1568 values, but 600000 come in" in found["fc-1"].error
    assert window_box((1, 600, 500), (0, 499)) == ((0, 128), (372, 500))
    assert window_box((1, 40, 300, 90)) == ((12, 28), (86, 214), (0, 90))


def test_a_network_for_one_size_sees_all_of_its_image() -> None:
    found = previews(document((1, 140, 140), ["max 2", "flatten", "fc 3"]), noise(140, 140))
    assert found["fc-1"].thumbnail is not None
    large = previews(document((1, 600, 600), ["max 2", "flatten", "fc 3"]), noise(600, 600))
    assert large["max-1"].thumbnail is not None
    assert large["fc-1"].late
    assert large["fc-1"].error == ""


@pytest.mark.parametrize("sizes", [(50,), (6000,), (20, 30, 30)])
def test_recordings_and_volumes(sizes: tuple[int, ...]) -> None:
    found = previews(document((1, *sizes), ["conv 4 k3", "max 2", "gap", "fc 2"]), noise(*sizes))
    assert all(one.thumbnail is not None for one in found.values())


def test_dead_maps_are_counted_and_left_out() -> None:
    text = "input: 1x9x9\nnet:\n  - c: conv 3 k1\n    w: [[[0]], [[1]], [[0]]]\n"
    text += "  - d: conv 1 k1\n    w: [[0]]\n"
    found = previews(parse(text), noise(9, 9))
    assert found["c"].dead == 2
    assert found["d"].dead == 1
    assert len(np.unique(found["d"].thumbnail)) == 2  # crossed out
    assert len(np.unique(found["c"].thumbnail)) > 20


def test_late_layers_and_cancelling(computed: list[str]) -> None:
    pipeline = document((1, 28, 28), LINES)
    found = list(preview(pipeline, noise(28, 28), budget=-1))
    assert all(one.late and one.thumbnail is None and not one.error for one in found)
    assert not computed
    asked: Iterator[bool] = iter([False, False, True])
    found = list(preview(pipeline, noise(28, 28), budget=None, cancelled=lambda: next(asked)))
    assert [one.layer for one in found] == ["c1.conv", "c1"]
    assert computed == ["c1.conv", "c1"]


def test_late_layers_come_when_asked_for_again(computed: list[str]) -> None:
    pipeline, image, cache = document((1, 28, 28), LINES), noise(28, 28), PreviewCache()
    first = preview(pipeline, image, budget=None, cache=cache)
    assert [next(first).layer for _ in range(3)] == ["c1.conv", "c1", "max-1"]
    first.close()
    computed.clear()
    assert previews(pipeline, image, cache=cache)["c2"].thumbnail is not None
    assert computed == ["c2.conv", "c2"]


def test_a_module_in_training(computed: list[str]) -> None:
    net, image, cache = document((1, 28, 28), LINES).build(), noise(28, 28), PreviewCache()
    assert len(previews(net, image, cache=cache)) == 5
    previews(net, image, cache=cache)
    assert len(computed) == 5
    with torch.no_grad():
        net.twins["c1.conv"].weight.mul_(2)
    previews(net, image, cache=cache)
    assert len(computed) == 10
    assert net.training


def test_statistics_are_taken_once_per_image() -> None:
    pipeline = document((1, 28, 28), LINES, "data:\n  normalize: zscore\n")
    array, cache = Recording(noise(300, 300)), PreviewCache()
    previews(pipeline, array, cache=cache)
    previews(pipeline, array, cache=cache)
    assert array.reads == 3  # the window twice, the whole once
    cache.clear()
    previews(pipeline, array, cache=cache)
    assert array.reads == 5


def test_a_sample_of_the_same_array_is_the_same_image() -> None:
    pipeline = document((1, 28, 28), LINES, "data:\n  normalize: zscore\n")
    image, cache = noise(1, 300, 300).astype(np.float32), PreviewCache()
    sources = []
    for _ in range(2):
        sample = Sample(image, np.eye(3), ("pixel",) * 2, ("y", "x"))
        previews(pipeline, sample, cache=cache)
        sources.append(cache._source[2])
    assert sources[0] is sources[1]


def test_wrong_images_are_said() -> None:
    with pytest.raises(UserError, match="wants 1 channel"):
        list(preview(document((1, 28, 28), LINES), noise(28, 28, 3)))


def test_weights_of_another_program_are_matched_by_the_whole_network(tmp_path: Path) -> None:
    """Only the last layer is missing, but where its weights are the others tell."""
    text = "input: 1x12x12\nweights: w.pt\nnet:\n  - c1: conv 2 k3\n  - c2: conv 2 k3\n"
    pipeline = parse(text + "  - c3: conv 2 k3\n", tmp_path / "net.yaml")
    net = parse(pipeline.text.replace("weights: w.pt\n", "")).build(seed=9)
    names = {"c1": "stem.0", "c2": "body.0.conv1", "c3": "body.1.conv1"}
    found = {
        f"{names[key.partition('.')[0]]}.{key.partition('.')[2]}": tensor
        for key, tensor in net.state_dict().items()
    }
    torch.save(found, tmp_path / "w.pt")
    image, cache = noise(12, 12), PreviewCache()
    previews(pipeline, image, cache=cache, layers=["c2"])
    last = previews(pipeline, image, cache=cache)["c3"]
    assert np.array_equal(last.thumbnail, previews(net, image)["c3"].thumbnail)
