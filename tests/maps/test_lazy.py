"""Feature maps as a mapping of arrays: what goes in, what comes out, what is kept."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_convnet.data import Sample, normalise, sample_from_array
from napari_convnet.document import draft, parse
from napari_convnet.maps import NoSuchLayer, PatchCache, feature_maps
from napari_convnet.model import Patch, build
from napari_convnet.network import UserError

from .nets import Recording, document, filled, noise

LENET = ["c1: conv 6 k5 relu", "max 2", "c3: conv 16 k5 valid relu", "max 2", "flatten", "fc 10"]


# ---------------------------------------------------------------- the mapping
def test_layers_come_in_execution_order() -> None:
    maps = feature_maps(document((1, 28, 28), LENET), np.zeros((28, 28)))
    names = ["c1.conv", "c1", "max-1", "c3.conv", "c3", "max-2", "flatten-1", "fc-1"]
    assert list(maps) == names
    shapes = [(6, 28, 28)] * 2 + [(6, 14, 14)] + [(16, 10, 10)] * 2 + [(16, 5, 5), (400,), (10,)]
    assert [m.shape for m in maps.values()] == shapes
    assert "c1" in maps
    assert maps["C1"] is maps["c1"]
    assert maps.get("c9") is None
    m = maps["c1"]
    assert (m.name, m.op, m.ndim, m.size, m.nbytes, len(m)) == ("c1", "relu", 3, 4704, 18816, 6)
    assert m.dtype == np.float32
    assert repr(m) == "<FeatureMap c1: relu, (6, 28, 28), float32>"


def test_only_the_layers_of_interest() -> None:
    pipeline = document((1, 28, 28), LENET)
    assert list(feature_maps(pipeline, np.zeros((28, 28)), layers=["max-1", "C1"])) == [
        "c1",
        "max-1",
    ]
    with pytest.raises(UserError, match=r'no layer is called "c33"; did you mean c3\?'):
        feature_maps(pipeline, np.zeros((28, 28)), layers=["c33"])
    maps = feature_maps(pipeline, np.zeros((28, 28)), layers=["c1"])
    with pytest.raises(KeyError):
        maps["c3"]


def test_other_sizes_up_to_the_layer_that_needs_the_nominal_one() -> None:
    pipeline = document((1, 28, 28), LENET)
    maps = feature_maps(pipeline, np.zeros((50, 40)))
    assert list(maps)[-1] == "flatten-1"
    assert maps["max-2"].shape == (16, 10, 8)
    assert list(maps.problems) == ["fc-1"]
    with pytest.raises(NoSuchLayer, match="layer fc-1: fc was made for 400 values, but 1280 come"):
        maps["fc-1"]
    with pytest.raises(UserError, match="fc was made for 400 values"):
        feature_maps(pipeline, np.zeros((50, 40)), layers=["fc-1"])


def test_a_draft_shows_the_layers_above_its_mistake() -> None:
    pipeline = draft("input: 1x8x8\nnet:\n  - conv 2 k3\n  - conv 3 rellu\n  - max 2\n")
    assert next(iter(feature_maps(pipeline, np.zeros((8, 8))))) == "conv-1"
    with pytest.raises(UserError, match="the network has no layers"):
        feature_maps(draft("input: 1x8x8\nnet:\n  - rellu\n"), np.zeros((8, 8)))


# ---------------------------------------------------------------- the array
@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        ((9, 7), 1),
        ((1, 9, 7), 1),
        ((3, 9, 7), 3),
        ((9, 7, 3), 3),
        ((1, 9, 3), 1),
        ((1, 1, 9, 7), 1),
    ],
)
def test_axes(shape: tuple[int, ...], channels: int) -> None:
    net = document((channels, 9, shape[-1] if shape != (9, 7, 3) else 7), ["id"])
    array = noise(*shape).astype(np.float32)
    right = np.moveaxis(array, -1, 0) if shape == (9, 7, 3) else array
    found = np.asarray(feature_maps(net, array)["id-1"])
    assert np.array_equal(found, right.reshape(found.shape))


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int16, np.float16, np.float64, ">f4"])
def test_any_kind_of_number(kind: object) -> None:
    array = (noise(6, 5) * 40).astype(kind)
    found = np.asarray(feature_maps(document((1, 6, 5), ["id"]), array)["id-1"])
    assert found.dtype == np.float32
    assert np.array_equal(found[0], array.astype(np.float32))


def test_a_file_is_read_where_it_is_needed(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", noise(30, 16, 16).astype(np.float32))
    array = np.load(tmp_path / "scan.npy", mmap_mode="r")
    maps = feature_maps(document((1, 30, 16, 16), ["conv 2 k3"]), array)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert maps["conv-1"][0, 3].shape == (16, 16)
    assert np.array_equal(maps["conv-1"][:], feature_maps(maps.network, array)["conv-1"][:])


def test_a_sample_brings_its_place() -> None:
    sample = sample_from_array(noise(6, 5), (1, 6, 5), scale=(2, 3), units="mm", name="leaf")
    maps = feature_maps(document((1, 6, 5), ["max 2"]), sample)
    assert maps["max-1"].scale.tolist() == [4, 6]
    assert maps["max-1"].units == ("mm", "mm")
    other = Sample(np.zeros((3, 6, 5), np.float32), np.eye(3), ("px",) * 2, ("y", "x"), "leaf")
    with pytest.raises(UserError, match="leaf is 3x6x5, but the network's input is 1x6x5"):
        feature_maps(document((1, 6, 5), ["max 2"]), other)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(8), r"has 1 axis \(8\); the network's input 1x8x8 wants 2"),
        (np.zeros((5, 8, 8)), "an axis too many: 5x8x8 .* array\\[0\\]"),
        (np.zeros((8, 8, 3)), "is an RGB image"),
        (np.zeros((0, 8)), "is empty"),
        (np.zeros((8, 8), complex), "complex"),
        (np.array([["a"]]), "text"),
        (np.zeros((1, 1)), "a kernel of 3 does not fit into 1"),
    ],
)
def test_wrong_arrays_are_said(array: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=words):
        feature_maps(document((1, 8, 8), ["conv 2 k3 valid"]), array)


def test_nan_is_said_where_it_is_looked_at() -> None:
    array = noise(40, 20)
    array[30, 5] = np.nan
    m = feature_maps(document((1, 40, 20), ["conv 2 k3"]), array, name="leaf")["conv-1"]
    assert np.isfinite(m[:, :29]).all()
    words = r"leaf has 1 NaN or infinite value \(the first at channel 0, y 30, x 5\); replace"
    with pytest.raises(UserError, match=words):
        m[:, 29]
    with pytest.raises(UserError, match="beyond 32-bit numbers"):
        feature_maps(document((1, 2, 2), ["id"]), np.full((2, 2), 1e300))["id-1"][:]


# ---------------------------------------------------------------- the document's input path
@pytest.mark.parametrize("setting", ["zscore", "minmax", "percentile 1 99", "window -1 2"])
def test_normalisation_is_that_of_the_whole_image(setting: str) -> None:
    array = Recording(noise(30, 20))
    pipeline = document((1, 30, 20), ["id"], f"data:\n  normalize: {setting}\n")
    m = feature_maps(pipeline, array, dtype="float64")["id-1"]
    right = normalise(array.array[None], pipeline.data.normalize)
    assert array.count == 0
    assert np.allclose(m[:, 3:5, 2], right[:, 3:5, 2], rtol=1e-14)
    assert (array.count == 2) == setting.startswith("window")
    reads = array.reads
    assert np.allclose(m[:], right, rtol=1e-14)
    assert array.reads == reads + 1  # the statistics are kept


def test_fit_moves_the_place_along() -> None:
    pipeline = document((1, 8, 8), ["id"], "data:\n  fit: crop\n")
    array = noise(12, 10).astype(np.float32)
    m = feature_maps(pipeline, array, scale=(2, 2))["id-1"]
    assert np.array_equal(m[0], array[2:10, 1:9])
    assert m.translate.tolist() == [4, 2]


def test_modules_are_not_normalised() -> None:
    pipeline = document((1, 8, 8), ["id"], "data:\n  normalize: minmax\n")
    array = noise(8, 8).astype(np.float32)
    assert np.array_equal(feature_maps(pipeline.build(), array)["id-1"][0], array)


# ---------------------------------------------------------------- the module
def test_the_module_is_left_as_it_was() -> None:
    net = filled(document((1, 8, 8), ["conv 2 k3", "bn", "drop .5", "relu"]))
    net.train()
    net.twins["bn-1"].eval()
    modes = [module.training for module in net.modules()]
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random = torch.random.get_rng_state()
    maps = feature_maps(net, noise(8, 8))
    first = maps.compute_all()["relu-1"]
    maps.clear()
    assert np.array_equal(maps["relu-1"][:], first)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert not torch.is_inference_mode_enabled()
    assert net(torch.zeros(2, 1, 8, 8, dtype=torch.float64)).requires_grad


def test_maps_are_of_the_weights_as_they_are_now() -> None:
    net = filled(document((1, 8, 8), ["conv 2 k3", "bn"])).float()
    array = noise(8, 8)
    narrow, wide = feature_maps(net, array), feature_maps(net, array, dtype="float64")
    before = narrow["bn-1"][:]
    assert wide["bn-1"].dtype == np.float64
    assert np.allclose(wide["bn-1"][:], before, atol=1e-5)
    optimizer = torch.optim.SGD(net.parameters(), 0.5)
    net.train()(torch.ones(4, 1, 8, 8)).square().sum().backward()
    optimizer.step()
    after = narrow["bn-1"][:]
    assert not np.allclose(after, before)
    assert np.allclose(wide["bn-1"][:], after, atol=1e-5)
    assert net.twins["conv-1"].weight.dtype == torch.float32
    state = build(document((1, 8, 8), ["conv 2 k3", "bn"]), seed=7).state_dict()
    net.load_state_dict(state)
    assert not np.allclose(narrow["bn-1"][:], after)


def test_half_precision_modules() -> None:
    net = build(document((1, 8, 8), ["conv 2 k3"])).bfloat16()
    m = feature_maps(net, noise(8, 8))["conv-1"]
    assert m[:].dtype == np.float32
    with pytest.raises(UserError, match="float32 or float64, not float16"):
        feature_maps(net, noise(8, 8), dtype="float16")


def test_what_is_no_network() -> None:
    with pytest.raises(UserError, match=r"a list is no network; give a pipeline"):
        feature_maps([1, 2], noise(8, 8))  # type: ignore[arg-type]


def test_devices() -> None:
    pipeline = document((1, 8, 8), ["conv 2 k3"])
    assert feature_maps(pipeline, noise(8, 8)).device == torch.device("cpu")
    with pytest.raises(UserError, match='unknown device "gpu"'):
        feature_maps(pipeline, noise(8, 8), device="gpu")


# ---------------------------------------------------------------- arrays
def test_whole_arrays() -> None:
    m = feature_maps(document((1, 6, 5), ["conv 2 k3"]), noise(6, 5))["conv-1"]
    whole = np.asarray(m)
    assert whole.shape == m.shape
    assert np.array(m, dtype=np.float64).dtype == np.float64
    assert np.array_equal(np.max(m, axis=0), whole.max(0))
    assert np.array_equal(m.compute(((2, 4), (0, 5)), [1]), whole[[1], 2:4])
    with pytest.raises(ValueError, match="no array to share"):
        np.asarray(m, copy=False)
    for box in [((0, 7), (0, 5)), ((2, 2), (0, 5)), ((-1, 3), (0, 5)), ((0, 6),)]:
        with pytest.raises(IndexError):
            m.compute(box)


def test_what_is_given_may_be_written_to() -> None:
    array = noise(6, 5).astype(np.float32)
    before = array.copy()
    maps = feature_maps(document((1, 6, 5), ["id", "drop .5"]), array)
    for key in [..., 0, (slice(None), slice(1, 4))]:
        maps["drop-1"][key][...] = 9
        maps["id-1"][key][...] = 9
    assert np.array_equal(array, before)
    assert np.array_equal(maps["drop-1"][0], before)


def test_limits_and_dead_maps() -> None:
    text = "input: 1x6x5\nnet:\n  - c: conv 3 k1\n    w: [[[1]], [[0]], [[-2]]]\n  - relu\n"
    maps = feature_maps(parse(text), np.abs(noise(6, 5)) + 1)
    assert maps["c"].dead.tolist() == [False, True, False]
    low, high = maps["c"].limits
    assert low == -high
    assert maps["relu-1"].dead.tolist() == [False, True, True]
    assert maps["relu-1"].limits[0] == 0


def test_limits_of_large_maps_are_those_of_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_convnet.maps.lazy.LOOK_BYTES", 20_000)
    array = Recording(noise(200, 200).astype(np.float32))
    maps = feature_maps(document((1, 200, 200), ["id"]), array)
    low, high = maps["id-1"].limits
    assert -4 < low < -2
    assert 2 < high < 4
    assert 0 < array.count <= 5000
    assert array.touched[100, 100]


# ---------------------------------------------------------------- the cache
def test_layers_share_what_they_have_in_common() -> None:
    net = filled(document((1, 20, 20), ["c1: conv 2 k3 relu", "max 2", "conv 2 k3"]))
    array = Recording(noise(20, 20))
    maps = feature_maps(net, array)
    maps["conv-1"][:]
    assert array.reads == 1
    for name in ("c1.conv", "c1", "max-1"):
        maps[name][0, 2:5]
    assert array.reads == 1
    maps.clear()
    maps["c1"][0]
    assert array.reads == 2


def test_the_least_recently_used_goes_first() -> None:
    cache = PatchCache(most_bytes=100)

    def patch(start: int, length: int) -> Patch:
        return Patch(torch.zeros(1, 1, length), (start,), (100,))

    cache.put("a", patch(0, 10))
    cache.put("b", patch(0, 10))
    assert cache.bytes == 80
    assert cache.find("a", ((2, 5),)) is not None
    assert cache.find("a", ((2, 11),)) is None
    cache.put("c", patch(0, 10))
    assert list(cache) == [("a", ((0, 10),)), ("c", ((0, 10),))]
    cache.put("c", patch(0, 11))  # covers the other one
    assert list(cache) == [("a", ((0, 10),)), ("c", ((0, 11),))]
    cache.put("c", patch(3, 4))  # is covered
    cache.put("d", patch(0, 1000))  # too large
    assert len(cache) == 2
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_the_cache_stays_within_its_bytes() -> None:
    net = filled(document((1, 64, 64), ["conv 4 k3 relu x4"])).float()
    maps = feature_maps(net, noise(64, 64), cache_bytes=200_000)
    for name in maps:
        for row in range(0, 64, 8):
            maps[name][:, row : row + 8]
            assert maps.cache.bytes <= 200_000
    assert len(maps.cache) > 1


def test_several_threads_may_look() -> None:
    net = filled(document((1, 40, 40), ["conv 4 k3 relu", "bn", "drop .5", "max 2", "conv 4 k3"]))
    net.train()
    right = feature_maps(net, noise(40, 40)).compute_all()
    maps = feature_maps(net, noise(40, 40), cache_bytes=100_000)
    wrong = []

    def look(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(15):
            name = random.choice(list(maps))
            row = int(random.integers(maps[name].shape[1]))
            if not np.allclose(maps[name][:, row], right[name][:, row], atol=1e-12):
                wrong.append((name, row))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(module.training for module in net.modules())
