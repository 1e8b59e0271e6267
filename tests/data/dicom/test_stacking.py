"""Ordering pictures in memory: further axes, whatever the order they come in, and gaps in them."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_convnet.data.dicom.grouping import Group, groups
from napari_convnet.data.dicom.pictures import File, Picture
from napari_convnet.data.dicom.stacking import stack
from napari_convnet.network.problems import UserError

PATH = Path("scan")
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def picture(number: int, height: float, series: str = "1", **further: float) -> Picture:
    file = File(
        path=PATH / str(number),
        uid=str(number),
        series=series,
        frame_of_reference="",
        number=1,
        description="",
        modality="MR",
        size=(4, 4),
        frames=1,
        samples=1,
        bits=16,
        photometric="MONOCHROME2",
    )
    return Picture(
        file,
        0,
        directions=AXIAL,
        position=(0.0, 0.0, height),
        spacing=(1.0, 1.0),
        further=MappingProxyType(further),
    )


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 6))


@given(size=sizes, shuffle=st.randoms(use_true_random=False))
def test_each_picture_has_its_place(size, shuffle) -> None:
    times, echoes, slices = size
    pictures = [
        picture(i, 2.5 * z, time=t, echo=10.0 * e)
        for i, (t, e, z) in enumerate(np.ndindex(times, echoes, slices))
    ]
    mixed = list(pictures)
    shuffle.shuffle(mixed)
    found = stack(PATH, Group(tuple(mixed)), frozenset())
    assert found.pictures == tuple(pictures)
    further = [(n, name) for n, name in ((times, "time"), (echoes, "echo")) if n > 1]
    assert found.shape == (*(n for n, _ in further), slices)
    assert found.axes == (*(name for _, name in further), "z", "y", "x")
    assert found.affine.shape == (len(found.axes) + 1,) * 2
    assert found.affine[len(further), len(further)] == 2.5


@given(size=sizes, which=st.integers(0, 53))
def test_a_hole_is_refused(size, which) -> None:
    """A picture less: a shorter scan where it was an outer slice, else never without a word."""
    times, echoes, slices = size
    places = list(np.ndindex(times, echoes, slices))
    hole = places.pop(which % len(places))
    pictures = [picture(i, z, time=t, echo=e) for i, (t, e, z) in enumerate(places)]
    # Two slices are even whatever lay between them.
    if times * echoes == 1 and (hole[2] in {0, slices - 1} or slices == 3):
        assert stack(PATH, Group(tuple(pictures)), frozenset()).shape == (slices - 1,)
        return
    with pytest.raises(UserError):
        stack(PATH, Group(tuple(pictures)), frozenset())


def test_what_is_missing_of_a_film_is_said() -> None:
    pictures = [picture(10 * z + t, z, time=t) for z in range(4) for t in range(3)]
    del pictures[7]
    with pytest.raises(UserError) as caught:
        stack(PATH, Group(tuple(pictures)), frozenset({"duplicates"}))
    said = "scan has 3 pictures (times, echoes) at each place, but slice 3 has 2; find the missing"
    assert said in str(caught.value)


def test_times_that_differ_from_slice_to_slice() -> None:
    """A heart scanned slice by slice: the order of the times counts."""
    pictures = [
        picture(10 * z + t, z, phase=100.0 * t + 3.0 * z) for z in range(3) for t in range(4)
    ]
    found = stack(PATH, Group(tuple(pictures[::-1])), frozenset())
    assert found.axes == ("phase", "z", "y", "x")
    assert [p.further["phase"] for p in found.pictures[:4]] == [0, 3, 6, 100]


def test_axes_that_make_no_grid_become_one() -> None:
    steps = [(0.0, 1.0), (1000.0, 1.0), (1000.0, 2.0)]
    pictures = [
        picture(10 * z + i, z, **{"b-value": b, "direction": d})
        for z in range(2)
        for i, (b, d) in enumerate(steps)
    ]
    found = stack(PATH, Group(tuple(pictures)), frozenset())
    assert found.shape == (3, 2)
    assert found.axes == ("b-value and direction", "z", "y", "x")


def test_series_are_apart() -> None:
    found = groups([picture(0, 0, "1"), picture(1, 0, "2"), picture(2, 1, "1")])
    assert [len(group.pictures) for group in found] == [2, 1]
