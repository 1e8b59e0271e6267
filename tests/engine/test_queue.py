from napari_convnet.engine.queue import LatestQueue


def test_first_come_first_served():
    waiting = LatestQueue()
    for item in "abc":
        assert waiting.add(None, item) is None
    assert [waiting.take() for _ in range(3)] == ["a", "b", "c"]
    assert len(waiting) == 0


def test_the_latest_replaces_the_one_with_its_key_in_place():
    waiting = LatestQueue()
    waiting.add("x", "x1")
    waiting.add("y", "y1")
    assert waiting.add("x", "x2") == "x1"
    assert list(waiting) == ["x2", "y1"]


def test_an_item_put_back_goes_first_unless_a_later_one_has_its_key():
    waiting = LatestQueue()
    waiting.add("x", "x2")
    assert waiting.put_back("y", "y1")
    assert not waiting.put_back("x", "x1")
    assert waiting.put_back(None, "n")
    assert list(waiting) == ["n", "y1", "x2"]


def test_remove_and_clear():
    waiting = LatestQueue()
    waiting.add("x", "x1")
    waiting.add("y", "y1")
    assert waiting.remove("x1")
    assert not waiting.remove("x1")
    assert waiting.clear() == ["y1"]
    assert waiting.clear() == []
