"""One step of a large array, read where it is looked at, also in another process."""

import pickle

import numpy as np
import pytest

from napari_convnet.data import sample_as_it_came, sample_from_array

SHAPE = (3, 2, 5, 6, 7)


def of_zarr(array, folder):
    import zarr

    store = zarr.create_array(str(folder / "x.zarr"), shape=SHAPE, dtype=array.dtype)
    store[:] = array
    return store


def of_dask(array, folder):
    import dask.array

    return dask.array.from_zarr(of_zarr(array, folder))


@pytest.mark.parametrize("kind", [of_zarr, of_dask, lambda array, folder: array])
@pytest.mark.parametrize(
    ("wanted", "step"), [((2, 5, 6, 7), (1, 0, 0, 0, 0)), ((1, 5, 6, 7), (1, 1, 0, 0, 0))]
)
def test_parts_are_those_of_the_array_in_memory(kind, wanted, step, tmp_path):
    array = np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)
    right = sample_from_array(array, wanted, step=step)
    found = sample_as_it_came(kind(array, tmp_path), wanted, step=step)
    values = pickle.loads(pickle.dumps(found.array))
    assert (values.shape, values.dtype, values.ndim) == (right.shape, array.dtype, 4)
    np.testing.assert_array_equal(np.asarray(values), right.array)
    part = (slice(0, 1), slice(1, 3), slice(None), slice(2, 4))
    np.testing.assert_array_equal(values[part], right.array[part])
    np.testing.assert_array_equal(values[0, 2], right.array[0, 2])
    np.testing.assert_array_equal(found.affine, right.affine)
