"""The promise: a region equals that of the whole computation, from only the input it needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from napari_convnet.document import parse
from napari_convnet.maps import feature_maps
from napari_convnet.maps.regions import Box, covers, volume, whole
from napari_convnet.network import UserError

from .nets import MOST, SINGLE, Recording, boxes, cut, document, error, filled, nets, noise

relaxed = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def computed(net: torch.nn.Module, array: np.ndarray) -> dict[str, np.ndarray]:
    """All maps, by torch on the whole array."""
    with torch.inference_mode():
        outputs = net.eval().outputs(torch.from_numpy(array)[None])
    return {name: tensor[0].numpy() for name, tensor in outputs.items()}


@st.composite
def sizes_for(draw: st.DrawFn, shape: tuple[int, ...], ops: set[str]) -> tuple[int, ...]:
    """Sizes of an image: the nominal ones, or any where the network takes any."""
    if ops & {"flatten", "local"} or draw(st.booleans()):
        return shape
    most = MOST[len(shape) - 1]
    return (shape[0], *(draw(st.integers(1, most)) for _ in shape[1:]))


@pytest.mark.parametrize("word", SINGLE)
@given(data=st.data())
@relaxed
def test_a_region_equals_the_whole(word: str, data: st.DataObject) -> None:
    pipeline = data.draw(nets(word))
    assume(pipeline is not None)
    net = filled(pipeline)
    shape = data.draw(sizes_for(pipeline.input, {v.op for v in pipeline.network}))
    try:
        right = computed(net, noise(*shape))
    except UserError:
        shape = pipeline.input
        right = computed(net, noise(*shape))
    assume(all(np.isfinite(array).all() for array in right.values()))
    array = Recording(noise(*shape))
    kept = feature_maps(net, array, dtype="float64")
    assert list(kept) == list(right)
    assert {name: m.shape for name, m in kept.items()} == {n: v.shape for n, v in right.items()}

    for _ in range(3):
        name = data.draw(st.sampled_from(list(right)), label="layer")
        box = data.draw(boxes(right[name].shape[1:]), label="box")
        scale = np.abs(right[name]).max()
        # With what was computed before, and from the input alone.
        assert error(kept[name].compute(box), cut(right[name], box), scale) < 1e-12
        fresh = feature_maps(net, array, dtype="float64", cache_bytes=0)
        planned = fresh._forward.plan({name: box}).input
        array.forget()
        assert error(fresh[name].compute(box), cut(right[name], box), scale) < 1e-12
        check_touched(planned, array)


def check_touched(planned: Box, array: Recording) -> None:
    """Nothing outside the planned box was read."""
    assert array.count <= array.shape[0] * volume(planned)
    inside = np.zeros(array.shape, bool)
    cut(inside, planned)[...] = True
    assert not (array.touched & ~inside).any()


LOCAL = ["conv 2 k3", "conv 2 k3 s2", "conv 2 k4 p1 d2", "dw 3", "sep 2 k3", "avg 3 s2", "sum 2"]


@pytest.mark.parametrize("after", LOCAL)
@pytest.mark.parametrize("before", [*LOCAL, "tconv 2 k3 s2", "up 2 linear", "up 3", "crop 2"])
def test_no_more_is_read_than_has_influence(before: str, after: str) -> None:
    """The planned box is the hull of the pixels with a gradient, in the middle and at borders."""
    net = filled(document((1, 17, 14), [before, after]))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_().add_(0.1)
    array = noise(1, 17, 14)
    x = torch.from_numpy(array)[None].requires_grad_()
    y = net.eval()(x)[0]
    maps = feature_maps(net, array)
    last = list(maps)[-1]
    rows, columns = y.shape[1:]
    for i, j in [(0, 0), (rows - 1, columns - 1), (rows // 2, columns // 2)]:
        (gradient,) = torch.autograd.grad(y[:, i, j].sum(), x, retain_graph=True)
        seen = np.nonzero(gradient[0].sum(0).numpy())
        hull = tuple((int(v.min()), int(v.max()) + 1) for v in seen)
        planned = maps._forward.plan({last: ((i, i + 1), (j, j + 1))}).input
        assert covers(planned, hull)
        # Between the taps of a dilated kernel one place more may be read at a border.
        wider = 2 if "d2" in before + after else 0
        pairs = zip(planned, hull, strict=True)
        assert all(a - c <= wider and d - b <= wider for (c, d), (a, b) in pairs)


def test_a_slice_of_a_volume_reads_a_slab() -> None:
    net = filled(document((1, 40, 12, 12), ["conv 4 k3 relu", "conv 4 k3 relu", "max 2"]))
    array = Recording(noise(1, 40, 12, 12))
    maps = feature_maps(net, array)
    assert maps["max-1"][1, 10].shape == (6, 6)
    # Rows 20 and 21 of the pooled map's input, two more on either side.
    assert array.touched.all(axis=(0, 2, 3)).tolist() == [18 <= z < 24 for z in range(40)]
    array.forget()
    maps["max-1"][3, 10]
    maps["relu-2"][0, 20:22]
    assert array.count == 0  # kept from before


def test_float32_to_one_in_a_hundred_thousand() -> None:
    net = filled(document((3, 64, 64), ["conv 8 k5 relu x2", "max 2", "conv 8 k3 tanh"])).float()
    array = noise(3, 64, 64)
    right = feature_maps(net, array, dtype="float64").compute_all()
    maps = feature_maps(net, array)
    for name, m in maps.items():
        box = tuple((n // 3, n // 3 + 5) for n in m.shape[1:])
        part = m.compute(box)
        assert part.dtype == np.float32
        assert error(part, cut(right[name], box), np.abs(right[name]).max()) < 1e-5


def test_all_maps_in_one_pass_are_those_of_torch() -> None:
    net = filled(document((2, 12, 9), ["conv 4 k3 relu", "max 2", "inorm", "flatten", "fc 3"]))
    array = Recording(noise(2, 12, 9))
    maps = feature_maps(net, array)
    right = computed(net, array.array)
    found = maps.compute_all()
    assert array.reads == 1
    assert list(found) == list(right)
    assert all(np.array_equal(found[name], right[name]) for name in right)
    assert list(maps.compute_all(["fc-1", "max-1"])) == ["max-1", "fc-1"]


def test_norms_and_dense_layers_read_everything() -> None:
    for line in ["inorm", "gn 1", "ln", "gap", "flatten"]:
        array = Recording(noise(1, 8, 8))
        m = feature_maps(filled(document((1, 8, 8), ["conv 2 k3", line])), array)
        last = m[list(m)[-1]]
        last.compute(tuple((0, 1) for _ in last.shape[1:]))
        assert array.count == 64


def test_large_maps_are_computed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    net = filled(parse("input: 1x64x48\nnet:\n  - conv 8 k3 relu x3\n  - up 2\n"))
    array = Recording(noise(1, 64, 48))
    right = computed(net, array.array)
    monkeypatch.setattr("napari_convnet.maps.forward.STEP_BYTES", 100_000)
    maps = feature_maps(net, array, cache_bytes=0)
    box = whole(right["up-1"].shape)
    pieces = [part for part, _ in maps._forward.pieces("up-1", box)]
    assert len(pieces) > 4
    assert sum(map(volume, pieces)) == volume(box)
    assert all(covers(box, part) for part in pieces)
    found = np.asarray(maps["up-1"])
    assert error(found, right["up-1"], np.abs(right["up-1"]).max()) < 1e-12
    assert np.array_equal(maps["up-1"].compute(channels=[2, 5]), found[[2, 5]])


def test_cutting_stops_where_it_does_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    net = filled(document((1, 32, 32), ["conv 1 k31"]))
    monkeypatch.setattr("napari_convnet.maps.forward.STEP_BYTES", 1000)
    monkeypatch.setattr("napari_convnet.maps.chunks.CHUNK_BYTES", 1)
    array = Recording(noise(1, 32, 32))
    maps = feature_maps(net, array)
    maps["conv-1"][:, 4]
    assert array.reads == array.count / 32 == 20


NORMED = ["conv 4 k3", "inorm", "relu", "conv 4 k3 s2", "gn 2", "up 2", "ln", "conv 3 k3"]


@pytest.mark.parametrize("pool", ["gap", "gmp"])
def test_norms_of_large_maps_in_one_pass_each(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they need to know is gathered part by part, and kept: then a part needs a part."""
    net = filled(document((2, 48, 10), [*NORMED, pool, "fc 3"]))
    array = Recording(noise(2, 48, 10))
    right = computed(net, array.array)
    monkeypatch.setattr("napari_convnet.maps.forward.STEP_BYTES", 20_000)
    monkeypatch.setattr("napari_convnet.maps.chunks.CHUNK_BYTES", 1)
    monkeypatch.setattr("napari_convnet.maps.gathering.PIECE", 100)
    maps = feature_maps(net, array, dtype="float64", cache_bytes=0)
    last = maps["conv-3"]
    scale = np.abs(right["conv-3"]).max()
    box = ((20, 22), (3, 4))
    assert error(last.compute(box), cut(right["conv-3"], box), scale) < 1e-12
    array.forget()
    again = ((4, 6), (3, 4))
    assert error(last.compute(again), cut(right["conv-3"], again), scale) < 1e-12
    assert not array.touched[:, 14:].any()
    reads = array.reads
    assert error(maps["fc-1"][:], right["fc-1"], np.abs(right["fc-1"]).max()) < 1e-12
    assert array.reads >= reads + 2
    assert error(np.asarray(last), right["conv-3"], scale) < 1e-12
    # Other weights, or another image, have other statistics.
    with torch.no_grad():
        net.twins["conv-1"].weight.mul_(-1)
    assert error(last.compute(box), cut(computed(net, array.array)["conv-3"], box), scale) < 1e-12
    array.array[:] = array.array[:, ::-1].copy()
    maps.clear()
    assert error(last.compute(box), cut(computed(net, array.array)["conv-3"], box), scale) < 1e-12
