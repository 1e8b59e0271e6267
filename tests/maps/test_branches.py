"""Maps of networks with branches: on sizes that joins do not fit, in what they cost and hold."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from napari_convnet.document import Pipeline, parse
from napari_convnet.maps import PreviewCache, feature_maps, preview
from napari_convnet.maps.forward import Forward
from napari_convnet.model import ConvNet
from napari_convnet.training import predict

from .graphs import whole_maps
from .nets import cut, document, error, filled, noise

UNET = [
    "e1: conv 4 k3 inorm relu",
    "max 2",
    "e2: conv 6 k3 relu",
    "max 2",
    "conv 8 k3 relu",
    "tconv 6",
    "cat e2",
    "side: [gap, fc 3]",
    "conv 6 k3 relu",
    "up 2 linear",
    "cat e1",
    "out: conv 2 k1",
]

BLOCKS = """input: 3x64x64
blocks:
  basic(c, s=1):
    - res: conv $c k3 s$s bn relu conv $c k3 bn
    - relu
net:
  - conv 8 k7 s2 bn relu
  - max 3 s2 p1
  - basic 8
  - basic 8
  - basic 16 2
  - basic 16
  - basic 32 2
  - basic 32
  - gap
  - fc 10
"""


# ------------------------------------------------------------ sizes that joins need
SIZES = [(16, 20), (13, 20), (17, 6), (1, 1), (30, 29)]


@pytest.mark.parametrize("sizes", SIZES)
def test_maps_equal_the_module_on_sizes_that_joins_do_not_fit(sizes: tuple[int, int]) -> None:
    net = filled(document((1, 16, 20), UNET))
    array = noise(1, *sizes)
    right = whole_maps(net, array)
    maps = feature_maps(net, array)
    assert list(maps) == list(right)
    for name, values in right.items():
        assert maps[name].shape == values.shape
        assert np.array_equal(maps[name][:], values)
        if values.ndim > 1:
            box = tuple((n - 1, n) for n in values.shape[1:])
            fresh = feature_maps(net, array, cache_bytes=0)
            assert error(fresh[name].compute(box), cut(values, box), np.abs(values).max()) < 1e-12
    assert right["out"].shape == (2, *sizes)
    assert right["e2"].shape == (6, *(-(-n // 2) for n in sizes))
    assert right["side-1.fc"].shape == (3,)


def test_what_is_added_continues_the_edge_and_nothing_moves() -> None:
    net = filled(document((1, 16, 20), UNET))
    array = noise(1, 13, 20)
    wide = np.pad(array, [(0, 0), (0, 3), (0, 0)], mode="edge")
    right, found = whole_maps(net, wide), whole_maps(net, array)
    assert np.array_equal(found["out"], right["out"][:, :13])
    assert np.array_equal(found["e2"], right["e2"][:, :7])
    assert np.array_equal(found["conv-1"], right["conv-1"])
    assert np.array_equal(found["side-1.fc"], right["side-1.fc"])
    of, fits = (feature_maps(net, a, scale=(2.0, 3.0)) for a in (array, wide))
    for name in ("out", "e2", "conv-1"):
        assert np.array_equal(of[name].affine, fits[name].affine)


def test_the_image_itself_is_read_once_and_no_further() -> None:
    class Watched:
        def __init__(self, array: np.ndarray) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype
            self.ndim = array.ndim
            self.asked: list[Any] = []

        def __getitem__(self, key: Any) -> np.ndarray:
            self.asked.append(key)
            return self.array[key]

    rows = ["a: conv 2 k3", "max 2", "max 2", "conv 2 k3", "up 4", "cat a"]
    array = Watched(noise(1, 13, 20))
    feature_maps(filled(document((1, 16, 20), rows)), array)["max-2"][:, -1, -1]
    (asked,) = array.asked
    assert all(part.stop <= n for part, n in zip(asked, array.shape, strict=True))


def test_gradients_pass_the_edge() -> None:
    net = filled(document((1, 16, 20), UNET)).train()
    x = torch.randn(2, 1, 13, 19, dtype=torch.float64, requires_grad=True)
    net(x).square().sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()


def test_previews_of_sizes_that_joins_do_not_fit() -> None:
    net = filled(document((1, 16, 20), UNET)).float()
    shown = list(preview(net, noise(1, 13, 19).astype(np.float32), cache=PreviewCache()))
    assert [p.layer for p in shown] == [layer.name for layer in net.network]
    assert not any(p.error or p.late for p in shown)
    assert all(p.thumbnail is not None for p in shown)


def test_predictions_of_sizes_that_joins_do_not_fit() -> None:
    rows = ["a: conv 2 k3", "max 2", "up 2", "cat a", "gap", "fc 3"]
    net = filled(document((1, 8, 8), rows)).float()
    array = noise(1, 7, 5).astype(np.float32)
    found = predict(net, array)
    with torch.no_grad():
        wide = torch.from_numpy(np.pad(array, [(0, 0), (0, 1), (0, 1)], mode="edge"))[None]
        right = net.eval()(wide).softmax(1)[0].numpy()
    assert np.allclose(found.probabilities, right)


@pytest.mark.parametrize("n", [40, 41, 42, 43])
def test_a_map_cropped_to_another_lies_where_it_was_cut(n: int) -> None:
    """How much is cut on either side depends on the size, by the rounding of poolings too."""
    rows = ["a: avg 4 s2", "avg 3 s2", "tconv 1 k9 s2", "crop a", "conv 1 k3", "cat a"]
    net = filled(document((1, 40), rows)).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_().add_(0.1)
    maps = feature_maps(net, noise(1, n))
    x = torch.from_numpy(noise(1, 1, n)).requires_grad_()
    for name, y in net.outputs(x).items():
        index = y.shape[2] // 2
        (gradient,) = torch.autograd.grad(y[0, :, index].sum(), x, retain_graph=True)
        seen = np.flatnonzero(gradient[0, 0].numpy())
        m = maps[name]
        centre = m.affine[0, 0] * index + m.affine[0, 1]
        assert abs(centre - (seen[0] + seen[-1]) / 2) <= 1, name
        half = (m.layer.receptive_field[0] - 1) / 2
        assert centre - half - 1 <= seen[0] <= seen[-1] <= centre + half + 1


# ------------------------------------------------------------ what it costs
@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each layer was computed."""
    counts: Counter[str] = Counter()
    computed = Forward._computed

    def counting(self: Forward, twin: Any, layer: Any, *rest: Any) -> Any:
        counts[layer.name] += 1
        return computed(self, twin, layer, *rest)

    monkeypatch.setattr(Forward, "_computed", counting)
    return counts


def test_shared_branches_are_computed_once(counted: Counter[str]) -> None:
    pipeline = parse(BLOCKS)
    maps = feature_maps(pipeline, noise(3, 64, 64))
    maps["fc-1"][:]
    assert counted == dict.fromkeys([layer.name for layer in pipeline.network], 1)
    # All of it is kept: another look computes nothing.
    counted.clear()
    maps["basic-3.relu"][:, 3:5]
    maps.compute_all()
    assert not counted
    # Without a memory too, each layer is computed once for one look.
    fresh = feature_maps(pipeline, noise(3, 64, 64), cache_bytes=0)
    fresh["basic-6.relu"][:, 0, 0]
    assert max(counted.values()) == 1


def test_only_what_is_looked_at_is_computed(counted: Counter[str]) -> None:
    maps = feature_maps(document((1, 16, 20), UNET), noise(1, 16, 20))
    maps["e2"][0, 3, 3]
    assert set(counted) == {"e1.conv", "e1.inorm", "e1", "max-1", "e2.conv", "e2"}
    counted.clear()
    maps["out"][:]
    assert not {"side-1.gap", "side-1.fc"} & set(counted)


def test_outputs_are_freed_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """At no time is more held than the skips that are still needed."""
    alive, most = 0, 0

    def gone(size: int) -> None:
        nonlocal alive
        alive -= size

    computed = Forward._computed

    def counting(self: Forward, twin: Any, layer: Any, *rest: Any) -> Any:
        nonlocal alive, most
        patch = computed(self, twin, layer, *rest)
        alive += patch.data.numel()
        most = max(most, alive)
        weakref.finalize(patch.data, gone, patch.data.numel())
        return patch

    monkeypatch.setattr(Forward, "_computed", counting)
    rows = ["conv 4 k3", *("res: conv 4 k3 relu conv 4 k3" for _ in range(6))]
    maps = feature_maps(document((1, 32, 32), rows), noise(1, 32, 32), cache_bytes=0)
    maps["res-6"][:]
    # x, and two steps of f(x).
    assert most == 3 * 4 * 32 * 32
    plan = maps._forward.plan({"res-6": ((0, 32), (0, 32))})
    assert plan.positions(maps._forward.shapes) == most


LARGE = """
import resource, sys
import numpy as np, torch
import napari_convnet as nc
from napari_convnet.maps import forward

torch.set_num_threads(1)
net = nc.parse('''
input: 1x96x128x128
net:
  - conv 16 k3
  - inorm
  - relu
  - skip: max 2
  - conv 16 k3
  - gn 4
  - add skip
  - gap
''').build()
forward.STEP_BYTES = 2**24
array = np.random.default_rng(0).normal(size=(96, 128, 128)).astype(np.float32)
nc.feature_maps(net, array[:2, :9, :9], cache_bytes=0)["gap-1"][:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
maps = nc.feature_maps(net, array, cache_bytes=0)
part = maps["add-1"][:, 20]
pooled = maps["gap-1"][:]
rise = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
print(rise)
with torch.inference_mode():
    right = net.eval().outputs(torch.from_numpy(array)[None, None])
assert abs(part - right["add-1"][0, :, 20].numpy()).max() < 1e-5 * abs(part).max()
assert abs(pooled - right["gap-1"][0].numpy()).max() < 1e-5 * abs(pooled).max()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is not there")
def test_norms_hold_no_whole_map_of_a_large_volume() -> None:
    """A map of 100 MB is normalised, and looked at behind the norm, in less than that."""
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=False, timeout=170
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 85


# ------------------------------------------------------------ outputs on the side
def test_a_side_output_has_maps_and_is_no_part_of_forward() -> None:
    net: ConvNet = filled(document((1, 16, 20), [*UNET, "side: [gap, fc 5]"]))
    assert net.final == ("side-1.fc", "side-2.fc", "out")
    x = torch.from_numpy(noise(2, 1, 16, 20))
    calls: list[str] = []
    net.twins["side-1.fc"].register_forward_hook(lambda *_: calls.append("side"))
    assert net.eval()(x).shape == (2, 2, 16, 20)
    assert not calls
    assert net.outputs(x, ["side-2.fc"])["side-2.fc"].shape == (2, 5)
    assert list(net.outputs(x, net.final)) == ["side-1.fc", "out", "side-2.fc"]
    assert feature_maps(net, noise(1, 16, 20))["side-1.fc"].shape == (3,)


def test_a_side_that_fits_one_size_only_binds_nothing_else() -> None:
    rows = ["a: conv 2 k3", "side: [flatten, fc 3]", "conv 2 k3"]
    net = filled(document((1, 8, 8), rows))
    x = torch.from_numpy(noise(1, 1, 9, 9))
    assert net.eval()(x).shape == (1, 2, 9, 9)
    with pytest.raises(Exception, match=r"layer side-1\.fc"):
        net.outputs(x)
    maps = feature_maps(net, noise(1, 9, 9))
    assert list(maps) == ["a", "side-1.flatten", "conv-1"]
    assert list(maps.problems) == ["side-1.fc"]


def test_pipelines_with_blocks_build_by_name() -> None:
    pipeline: Pipeline = parse(BLOCKS)
    names = list(dict(pipeline.build().named_parameters()))
    assert "basic-3.res.proj.conv.weight" in names
