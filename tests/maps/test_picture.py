"""Montages, limits, colours and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_convnet.maps import (
    colours,
    common_limits,
    dead,
    feature_maps,
    limits,
    limits_per_map,
    montage,
    montage_png,
    paint,
    save_png,
    thumbnail,
)
from napari_convnet.maps.paint import NOTHING, scaled

from .nets import document, noise


# ---------------------------------------------------------------- montage
def test_every_map_is_in_the_montage_once() -> None:
    maps = np.arange(6 * 4 * 5, dtype=np.float32).reshape(6, 4, 5)
    found = montage(maps)
    assert found.shape == (3 * 4 + 2, 2 * 5 + 1)
    assert found.dtype == np.float32
    assert np.array_equal(found[:4, :5], maps[0])
    assert np.array_equal(found[10:, 6:], maps[5])
    assert np.isnan(found[[4, 9]]).all()
    assert np.isnan(found[:, 5]).all()
    assert np.isfinite(found).sum() == maps.size


@pytest.mark.parametrize(
    ("count", "shape", "grid"),
    [(1, (8, 8), (1, 1)), (16, (8, 8), (4, 4)), (6, (8, 8), (2, 3)), (64, (1, 1), (8, 8)),
     (4, (8, 32), (4, 1)), (4, (32, 8), (1, 4)), (7, (8, 8), (3, 3)), (0, (8, 8), (0, 1))],
)  # fmt: skip
def test_montages_are_about_square(count: int, shape: tuple, grid: tuple) -> None:
    found = montage(np.zeros((count, *shape)), gap=0)
    assert found.shape == (grid[0] * shape[0], grid[1] * shape[1])


def test_columns_gaps_and_empty_places() -> None:
    found = montage(np.ones((3, 2, 2)), columns=2, gap=2)
    assert found.shape == (6, 6)
    assert np.isfinite(found).sum() == 12
    assert np.isnan(found[4:, 4:]).all()


def test_volumes_recordings_and_vectors() -> None:
    volume = np.arange(2 * 5 * 3 * 3.0).reshape(2, 5, 3, 3)
    assert np.array_equal(montage(volume), montage(volume[:, 2]), equal_nan=True)
    assert np.array_equal(montage(volume, index=4), montage(volume[:, 4]), equal_nan=True)
    assert np.array_equal(montage(volume[:, 0, 0]), volume[:, 0, 0])
    assert montage(np.zeros(10)).shape == (1, 10)


# ---------------------------------------------------------------- limits
def test_limits_leave_extremes_out() -> None:
    values = np.abs(noise(100, 100))
    values[0, 0] = 1000
    low, high = limits(values)
    assert 0 < low < 0.1
    assert 2 < high < 4
    assert limits(values, (0, 100))[1] == 1000


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ([-1, 0, 4], (-4, 4)),
        ([-5, 0, 4], (-5, 5)),
        ([1, 2, 3], (1, 3)),
        ([-3, -2], (-3, -2)),
        ([0, 0], (0, 1)),
        ([5, 5], (0, 5)),
        ([-5, -5], (-5, 0)),
        ([0, np.nan, 2, np.inf], (0, 2)),
        ([np.nan], (0, 1)),
        ([], (0, 1)),
    ],
)
def test_limits_by_sign(values: list[float], right: tuple[float, float]) -> None:
    assert limits(values, (0, 100)) == right
    assert colours(*right) == ("diverging" if right[0] < 0 < right[1] else "sequential")


def test_a_few_bright_pixels_are_not_extremes_where_all_else_is_one_value() -> None:
    values = np.zeros((100, 100))
    values[3, 4] = 7
    assert limits(values) == (0, 7)


def test_limits_per_map_layer_and_net() -> None:
    maps = np.stack([noise(50, 50), 10 * np.abs(noise(50, 50))])
    each = limits_per_map(maps)
    assert each.shape == (2, 2)
    assert each[0, 0] == -each[0, 1]
    assert each[1, 0] >= 0
    assert each[0].tolist() == list(limits(maps[0]))
    assert common_limits([(0, 3), (-1, 1)]) == (-3, 3)
    assert common_limits([(0, 3), (1, 4)]) == (0, 4)


def test_large_maps_are_sampled() -> None:
    values = noise(1500, 2000)
    high = limits(values)[1]
    exact = np.percentile(values, (0.5, 99.5))
    assert high == pytest.approx(np.abs(exact).max(), rel=0.02)


# ---------------------------------------------------------------- dead maps
def test_dead_maps() -> None:
    maps = noise(6, 4, 4)
    maps[1] = 0
    maps[2] = np.nan
    maps[3, 0, 0] = np.inf
    maps[4] = 3
    maps[4, 1, 1] = np.nan
    maps[5] = -np.inf
    assert dead(maps).tolist() == [False, True, True, False, True, True]
    assert dead([0.0, 1.0, np.nan]).tolist() == [False, False, True]
    assert dead(np.zeros((2, 1, 1))).tolist() == [False, False]
    assert dead(np.zeros((0, 3))).tolist() == []


# ---------------------------------------------------------------- colours
def test_colours_of_signed_and_rectified_values() -> None:
    signed = paint([-2.0, 0.0, 2.0, np.nan])
    assert signed.dtype == np.uint8
    assert signed[0, 2] > signed[0, 0]  # blue
    assert signed[1].min() > 240  # white
    assert signed[2, 0] > signed[2, 2]  # red
    assert tuple(signed[3]) == NOTHING
    rectified = paint([0.0, 1.0, 2.0]).astype(int).sum(1)
    assert rectified[0] < rectified[1] < rectified[2]
    beyond = paint([-9.0, 9.0, np.inf, -np.inf], (0, 1))
    assert np.array_equal(beyond, paint([0.0, 1.0, 1.0, 0.0], (0, 1)))


def test_thumbnails_keep_proportions() -> None:
    assert thumbnail(noise(100, 50), 48).shape == (48, 24, 3)
    assert thumbnail(noise(3, 5), 48).shape == (29, 48, 3)
    assert thumbnail(noise(1, 1000), 48).shape == (1, 48, 3)
    crossed = thumbnail(np.full((8, 8), 3.0), 48)
    assert tuple(crossed[2, 24]) == NOTHING
    assert len(np.unique(crossed)) == 2
    assert thumbnail([[5.0]], 48).shape == (48, 48, 3)


def test_scaling_repeats_and_averages() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(scaled(array, (6, 4)), array.repeat(2, 0))
    assert np.allclose(scaled(array, (1, 2)), [array[:, :2].mean(), array[:, 2:].mean()])
    assert scaled(noise(128, 128), (96, 96)).mean() == pytest.approx(
        noise(128, 128).mean(), abs=0.05
    )


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_png_files(tmp_path: Path) -> None:
    rgb = paint(noise(9, 7))
    save_png(tmp_path / "a.png", rgb)
    assert np.array_equal(opened(tmp_path / "a.png"), rgb)


@pytest.mark.parametrize("sizes", [(40,), (12, 400), (6, 9, 12)])
def test_a_sheet_of_every_layer(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    net = document((1, *sizes), ["conv 5 k3", "relu", "max 2", "gap", "fc 4"])
    maps = feature_maps(net, noise(*sizes))
    montage_png(maps, tmp_path / "sheet.png")
    picture = opened(tmp_path / "sheet.png")
    assert picture.shape[2] == 3
    assert 400 < picture.shape[1] < 1200
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    montage_png(maps, tmp_path / "one.png", layers=["conv-1"])
    assert opened(tmp_path / "one.png").shape[1] < picture.shape[1]
