"""Whether what a network is tested by is seen together with what it was trained on."""

from __future__ import annotations

from napari_convnet.data import Box, Dense, Part, Region, Scan
from napari_convnet.maps import make_plan
from napari_convnet.maps.regions import Shapes, find_shapes
from napari_convnet.network import INPUT

from .dense import DenseLearner


def overlapping(net: DenseLearner, examples: Dense, part: Part) -> bool:
    """Say whether outputs in a part of the data rest on voxels of the part that is trained on.

    They do where one scan is divided and the gap between its regions is narrower than the network
    reaches. What norms take of a whole scan does not count.

    Parameters
    ----------
    net : DenseLearner
        The network.
    examples : Dense
        The data.
    part : {"train", "validation", "test"}
        Which part of them.
    """
    trained = {region.scan for region in examples.regions("train")}
    return any(
        _meet(_seen(net, examples.scans[region.scan], region.box), other.box)
        for region in examples.regions(part)
        if region.scan in trained
        for other in _of(examples, region.scan)
    )


def _of(examples: Dense, scan: int) -> list[Region]:
    return [region for region in examples.regions("train") if region.scan == scan]


def _seen(net: DenseLearner, scan: Scan, box: Box) -> Box:
    """Give the voxels of a scan that its outputs within a box rest on; none may be."""
    network = net.network
    slices = network.input.slices
    around = box[:1] if slices else ()
    shapes = find_shapes(network.layers, (network.input.channels, *scan.size[len(around) :]))
    within = _outputs(net, shapes, box[len(around) :])
    if not all(lo < hi for lo, hi in within):
        return ()
    norms = [layer.name for layer in network.layers if layer.kind.reach == "global"]
    plan = make_plan(network.layers, shapes.shapes, {net.output_layer: within}, local=norms)
    before = network.input.channels // 2
    return (*((lo - before, hi + before) for lo, hi in around), *plan.boxes[INPUT])


def _outputs(net: DenseLearner, shapes: Shapes, box: Box) -> Box:
    """Bring a box of a scan to the outputs that lie over it."""
    offset, sizes = net.offset[-len(box) :], shapes.shown[net.output_layer][1:]
    ends = zip(box, offset, sizes, strict=True)
    return tuple((max(lo - o, 0), min(hi - o, n)) for (lo, hi), o, n in ends)


def _meet(one: Box, other: Box) -> bool:
    return bool(one) and all(
        lo < stop and start < hi for (lo, hi), (start, stop) in zip(one, other, strict=True)
    )
