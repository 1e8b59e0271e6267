"""Right documents made wrong at random: always an answer, in words, with a place, at once."""

import contextlib
import json
import re
import signal
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_convnet.document import Pipeline, draft
from napari_convnet.network.explain import why

from .documents import BIG, EDITS, SMALL, documents, mutations

FEW = settings(max_examples=400, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=1500, suppress_health_check=list(HealthCheck))
"""Six ways of edits, each of them so often on small documents, 200 times on presets."""
BIGGER = settings(max_examples=200, suppress_health_check=list(HealthCheck))


@settings(parent=FEW)
@given(documents())
def test_documents_made_by_the_rules_are_right(text):
    pipeline = draft(text)
    assert list(map(str, pipeline.problems)) == []
    check(text)


@pytest.mark.parametrize("edit", EDITS)
def test_a_damaged_document_is_answered(edit):
    @settings(parent=MANY)
    @given(mutations([edit], st.sampled_from(SMALL)))
    def damaged(text):
        check(text)

    damaged()


@pytest.mark.parametrize("edit", EDITS)
def test_a_damaged_preset_is_answered(edit):
    @settings(parent=BIGGER)
    @given(mutations([edit], st.sampled_from(BIG)))
    def damaged(text):
        check(text)

    damaged()


# ---------------------------------------------------------------- what holds for every text


def check(text):
    """No traceback, no hang, no message without a place; what is analysed is sound."""
    with at_once():
        pipeline = draft(text, "somewhere.yaml")
        used(pipeline)
    assert isinstance(pipeline, Pipeline)
    check_problems(pipeline)
    check_network(pipeline.network)


@contextlib.contextmanager
def at_once(seconds=1, often=20):
    """A second of the processor at most, and an end to what would never end."""
    start = time.thread_time()
    with interrupted(seconds * often):
        yield
    assert time.thread_time() - start < seconds


@contextlib.contextmanager
def interrupted(seconds):
    """Raise in what takes so many seconds of the processor, where the system can."""
    timer = getattr(signal, "ITIMER_VIRTUAL", None)
    if timer is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_):
        raise AssertionError(f"this takes over {seconds} seconds of the processor")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(signal.SIGVTALRM, before)


def used(pipeline):
    """Ask a pipeline everything that `check`, `describe` and the Builder ask of it."""
    network = pipeline.network
    assert pipeline.title
    assert [row.text.count("\n") for row in pipeline.rows] == [0] * len(pipeline.rows)
    assert network.totals.parameters >= 0
    json.dumps([layer.as_dict() for layer in network.layers[:100]], allow_nan=False)
    for layer in {layer.op: layer for layer in network.layers}.values():
        assert all(line.what and line.result for line in why(network, layer.name).lines)
    for key in ("input", "net", "train.epochs"):
        with contextlib.suppress(Exception):
            pipeline.place(key)


LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")


def check_problems(pipeline):
    lines = LINE_END.split(pipeline.text)
    for problem in (*pipeline.problems, *pipeline.warnings):
        assert problem.what.strip()
        assert "\n" not in str(problem)
        assert not re.search(r"Traceback|Error\b|<class|object at 0x|None\b", str(problem))
        assert len(str(problem)) < 500
        check_place(problem.place, lines)
    told = [(one.place.line, one.place.column) for one in pipeline.problems]
    assert told == sorted(told)


def check_place(place, lines):
    assert place is not None
    assert 1 <= place.line <= place.end_line <= len(lines)
    assert 1 <= place.column <= len(lines[place.line - 1]) + 2
    assert 1 <= place.end_column <= len(lines[place.end_line - 1]) + 2
    assert (place.line, place.column) <= (place.end_line, place.end_column)


def check_network(network):
    names = [layer.name.lower() for layer in network]
    assert len(set(names)) == len(names)
    known = {"input"}
    for layer in network:
        assert set(layer.inputs) <= known
        known.add(layer.name)
        assert layer.output[0] >= 1
        assert all(n is None or n >= 1 for n in layer.output)
