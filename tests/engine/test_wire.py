import threading
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest

from napari_convnet.engine import Stored, messages, wire


@dataclass(frozen=True)
class Holder:
    name: str
    array: Any


def travel(message: Any, store: Any = None) -> Any:
    """Send a message through a pipe and return what arrives."""
    ours, theirs = Pipe()
    with ours, theirs:
        parcel = wire.encode(message)
        sender = threading.Thread(target=wire.send, args=(ours, parcel))
        sender.start()
        received = wire.receive(theirs, store)
        sender.join()
    return received


DTYPES = [
    "?", "i1", "u2", "i4", "<i8", ">i4", "f2", "f4", ">f8", "c8", "c16", "M8[ns]", "m8[s]",
    "S5", "U3", "V6", [("a", "i4"), ("b", "f8", (2,))],
]  # fmt: skip
SHAPES = [(), (0,), (1,), (3, 0, 2), (7,), (40, 50), (2, 3, 4, 5, 60)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_of_every_kind(dtype, shape):
    dtype = np.dtype(dtype)
    raw = np.random.default_rng(0).integers(0, 2, int(np.prod(shape)) * dtype.itemsize, np.uint8)
    array = raw.view(dtype).reshape(shape) if raw.size else np.zeros(shape, dtype)
    received = travel(array)
    assert received.dtype == array.dtype
    assert received.shape == array.shape
    assert received.tobytes() == array.tobytes()
    assert received.flags.writeable
    assert received.flags.aligned


@pytest.mark.parametrize(
    "array",
    [
        np.arange(60_000.0).reshape(200, 300)[::2, 5:],
        np.arange(60_000.0).reshape(200, 300)[::-1, ::-3],
        np.asfortranarray(np.arange(60_000.0).reshape(200, 300)),
        np.arange(60_000.0).reshape(10, 20, 300).transpose(1, 2, 0),
        np.broadcast_to(np.arange(300.0), (200, 300)),
    ],
    ids=["strided", "backwards", "fortran", "transposed", "broadcast"],
)
def test_arrays_of_every_layout(array):
    np.testing.assert_array_equal(travel(array), array)
    parcel = wire.encode(array)
    assert [len(block) for block in parcel.blocks] == [array.nbytes], "it travels as a block"


def test_a_contiguous_array_is_not_copied_before_it_is_sent():
    array = np.zeros(1_000_000)
    (block,) = wire.encode({"a": [array]}).blocks
    array[0] = 1
    assert np.frombuffer(block)[0] == 1


def test_arrays_at_any_depth():
    array = np.arange(10_000.0)
    message = {"maps": [(Holder("c1", array), {"again": [array, array[:3]]})], "n": 3}
    received = travel(message)
    holder, rest = received["maps"][0]
    np.testing.assert_array_equal(holder.array, array)
    assert rest["again"][0] is holder.array, "one array, sent once"
    assert holder.name == "c1"
    assert received["n"] == 3
    assert len(wire.encode(message).blocks) == 1


def test_many_arrays_and_a_long_pickle():
    message = [[np.full(2000, n, np.int32) for n in range(300)], "x" * (3 * wire.CHUNK)]
    arrays, text = travel(message)
    assert [int(array[-1]) for array in arrays] == list(range(300))
    assert text == message[1]


def test_a_read_only_array_arrives_read_only():
    array = np.zeros(5000)
    array.flags.writeable = False
    assert not travel(array).flags.writeable


def test_a_memory_map_arrives_as_an_array(tmp_path):
    array = np.memmap(tmp_path / "a.bin", np.float32, "w+", shape=(100, 100))
    array[3, 4] = 5
    received = travel(array)
    assert type(received) is np.ndarray
    np.testing.assert_array_equal(received, array)


def test_arrays_of_objects_and_masked_arrays_travel_in_the_pickle():
    objects = np.array([None, "a", {1: 2}], dtype=object)
    assert travel(objects[::-1]).tolist() == [{1: 2}, "a", None]
    masked = travel(np.ma.masked_equal(np.arange(3), 1))
    assert masked.tolist() == [0, None, 2]


@pytest.mark.parametrize(
    "holder", [lambda x: x, lambda x: {"a": [x]}, type], ids=["bare", "deep", "class"]
)
def test_nothing_of_torch_travels(holder):
    tensor = type("Tensor", (), {"__module__": "torch"})()
    with pytest.raises(TypeError, match="send a numpy array"):
        wire.encode(holder(tensor))


@pytest.mark.parametrize(("plain", "value"), [(tuple, (1, 2, 3)), (str, "2.13")])
def test_shapes_and_versions_of_torch_travel_as_what_they_are(plain, value):
    kind = type("OfTorch", (plain,), {"__module__": "torch"})
    (received,) = travel([kind(value)])
    assert type(received) is plain
    assert received == value


def test_stored_values_are_named_not_sent():
    array = np.zeros(100_000)
    run = messages.Run(7, messages.Job("m:f", {"layers": [{"data": Stored(("layer", 1))}]}))
    parcel = wire.encode(run)
    assert parcel.ticket == 7
    assert parcel.keys == {("layer", 1)}
    assert parcel.nbytes < 1000
    received = travel(run, {("layer", 1): array})
    assert received.job.arguments["layers"][0]["data"] is array


def test_a_message_that_cannot_be_read_leaves_the_connection_in_step():
    ours, theirs = Pipe()
    with ours, theirs:
        wire.send(ours, wire.encode(messages.Progress(5, [Stored("x"), np.zeros(5000)])))
        wire.send(ours, wire.encode(messages.Progress(6, 1)))
        unreadable = wire.receive(theirs)
        assert isinstance(unreadable, messages.Unreadable)
        assert unreadable.ticket == 5
        assert "nothing is stored under the key 'x'" in unreadable.error
        assert wire.receive(theirs) == messages.Progress(6, 1)


def test_the_end_of_the_other_side_is_an_error():
    ours, theirs = Pipe()
    ours.close()
    with theirs, pytest.raises((EOFError, OSError)):
        wire.receive(theirs)
