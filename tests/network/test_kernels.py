"""The named kernels: published values, shapes, and what cannot be had."""

from __future__ import annotations

import math
from typing import Any

import pytest

from napari_convnet.network import UserError
from napari_convnet.network.kernels import named, names


def rows(text: str) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row.split())) for row in text.split(","))


def flat(value: Any) -> list[float]:
    return [value] if isinstance(value, float) else [v for part in value for v in flat(part)]


def shape(value: Any) -> tuple[int, ...]:
    return () if isinstance(value, float) else (len(value), *shape(value[0]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sobel_x", "-1 0 1, -2 0 2, -1 0 1"),
        ("sobel_y", "-1 -2 -1, 0 0 0, 1 2 1"),
        ("scharr_x", "-3 0 3, -10 0 10, -3 0 3"),
        ("scharr_y", "-3 -10 -3, 0 0 0, 3 10 3"),
        ("prewitt_x", "-1 0 1, -1 0 1, -1 0 1"),
        ("prewitt_y", "-1 -1 -1, 0 0 0, 1 1 1"),
        ("laplace", "0 1 0, 1 -4 1, 0 1 0"),
        ("sharpen", "0 -1 0, -1 5 -1, 0 -1 0"),
        ("emboss", "-2 -1 0, -1 1 1, 0 1 2"),
        ("identity", "0 0 0, 0 1 0, 0 0 0"),
        ("line_v", "0 1 0, 0 1 0, 0 1 0"),
        ("line_h", "0 0 0, 1 1 1, 0 0 0"),
    ],
)
def test_published_values_in_2d(name: str, values: str) -> None:
    assert named(name, (3, 3)) == rows(values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sobel_x", "-1 0 1"),
        ("laplace", "1 -2 1"),
        ("sharpen", "-1 3 -1"),
        ("emboss", "-1 1 1"),
        ("identity", "0 1 0"),
        ("gauss", ".25 .5 .25"),
    ],
)
def test_values_in_1d(name: str, values: str) -> None:
    assert named(name, (3,)) == rows(values)[0]


def test_values_in_3d() -> None:
    smooth, zero = rows("1 2 1, 2 4 2, 1 2 1"), rows("0 0 0, 0 0 0, 0 0 0")
    below = tuple(tuple(-v for v in row) for row in smooth)
    assert named("sobel_z", (3, 3, 3)) == (below, zero, smooth)
    laplace: Any = named("laplace", (3, 3, 3))
    assert laplace[1] == rows("0 1 0, 1 -6 1, 0 1 0")
    assert laplace[0] == laplace[2] == rows("0 0 0, 0 1 0, 0 0 0")
    line: Any = named("line_v", (3, 3, 3))
    assert line == (zero, rows("0 1 0, 0 1 0, 0 1 0"), zero)


def test_gauss_is_binomial() -> None:
    gauss: Any = named("gauss", (3, 3))
    assert [v * 16 for v in flat(gauss)] == [1, 2, 1, 2, 4, 2, 1, 2, 1]
    assert [v * 16 for v in flat(named("gauss", (5,)))] == [1, 4, 6, 4, 1]


@pytest.mark.parametrize("size", [(1,), (2,), (5,), (3, 3), (2, 4), (7, 1), (3, 5, 3), (101,)])
@pytest.mark.parametrize("name", ["gauss", "box"])
def test_gauss_and_box_sum_to_one(name: str, size: tuple[int, ...]) -> None:
    kernel = named(name, size)
    assert shape(kernel) == size
    assert math.isclose(math.fsum(flat(kernel)), 1, rel_tol=1e-12)


@pytest.mark.parametrize("name", ["sobel_x", "scharr_x", "prewitt_x", "laplace"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_derivatives_sum_to_zero(name: str, rank: int) -> None:
    assert sum(flat(named(name, (3,) * rank))) == 0


LEAST_RANK = {"sobel_y": 2, "scharr_y": 2, "prewitt_y": 2, "line_h": 2, "line_v": 2} | {
    "sobel_z": 3, "scharr_z": 3, "prewitt_z": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_kernel_has_the_shape_asked_for_or_says_why_not(name: str, rank: int) -> None:
    size, least = (3,) * rank, LEAST_RANK.get(name, 1)
    if rank >= least:
        assert shape(named(name, size)) == size
        return
    with pytest.raises(UserError, match=f"{name} needs {least} spatial axes, .*; use"):
        named(name, size)


def test_gabor_is_even_and_wavy_along_x() -> None:
    gabor: Any = named("gabor", (9, 9))
    assert gabor[4][4] == max(flat(gabor)) == 1
    assert [list(reversed(row)) for row in gabor] == [list(row) for row in gabor]
    # Wavelength 5: half a wave away from the middle it is negative; along y it only fades.
    assert gabor[4][2] < -0.4
    assert all(row[4] > 0 for row in gabor)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("sobel_x", (5, 5), "sobel_x is 3 wide, not 5x5; write k3"),
        ("laplace", (1, 3), "laplace is 3 wide, not 1x3; write k3"),
        ("sobel_z", (3, 3), "sobel_z needs 3 spatial axes, but here it would be a 2D kernel"),
        ("line_v", (3,), "line_v needs 2 spatial axes, but here it would be a 1D kernel"),
        (
            "identity",
            (4, 3),
            "identity has a middle, which a kernel of 4x3 lacks; use an odd size, for example k5x3",
        ),
        ("line_v", (3, 2), "line_v has a middle, which a kernel of 3x2 lacks"),
        ("gabor", (1,), "gabor needs a width of at least 3, not 1"),
        ("sobelx", (3, 3), 'unknown kernel "sobelx"; did you mean sobel_x?'),
        ("zzz", (3, 3), 'unknown kernel "zzz"; there are sobel_x, sobel_y'),
        ("gauss", (), "gauss needs 1 spatial axes, but here it would be one without spatial axes"),
    ],
)
def test_what_cannot_be_had_is_told(name: str, size: tuple[int, ...], words: str) -> None:
    with pytest.raises(UserError) as caught:
        named(name, size)
    assert words in str(caught.value)


def test_a_line_may_be_even_along_itself() -> None:
    assert named("line_v", (2, 3)) == rows("0 1 0, 0 1 0")
