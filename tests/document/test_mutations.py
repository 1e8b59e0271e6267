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

from napari_convnet.document import Pipeline, draft, edit
from napari_convnet.network import UserError
from napari_convnet.network.explain import why

from .documents import BIG, EDITS, SMALL, documents, mutations

FEW = settings(max_examples=400, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=1400, suppress_health_check=list(HealthCheck))
"""Six ways of edits, each of them so often on small documents, 200 times on presets."""
BIGGER = settings(max_examples=200, suppress_health_check=list(HealthCheck))


@settings(parent=FEW)
@given(documents())
def test_documents_made_by_the_rules_are_right(text):
    pipeline = draft(text)
    assert list(map(str, pipeline.problems)) == []
    check(text)


@pytest.mark.parametrize("how", EDITS)
def test_a_damaged_document_is_answered(how):
    @settings(parent=MANY)
    @given(mutations([how], st.sampled_from(SMALL)))
    def damaged(text):
        check(text)

    damaged()


@pytest.mark.parametrize("how", EDITS)
def test_a_damaged_preset_is_answered(how):
    @settings(parent=BIGGER)
    @given(mutations([how], st.sampled_from(BIG)))
    def damaged(text):
        check(text)

    damaged()


# ---------------------------------------------------------------- edits

ROWS = (
    *"relu|conv 8 k3|cat n1|n9: conv 4|two 4|- x|a: b: c|x2:|res:|[]|{|# no|'|\"|: |".split("|"),
    "conv 8 # why",
    "é" * 50,
    "a\nb",
)


@st.composite
def edits(draw):
    """A text, right or damaged, and one edit of one of its rows or keys, with its arguments."""
    text = draw(mutations([*EDITS], st.sampled_from(SMALL)) | st.sampled_from(SMALL))
    paths = [row.path for row in draft(text).rows] or [(0,)]
    path, other = draw(st.sampled_from(paths)), draw(st.sampled_from(paths))
    row, index = draw(st.sampled_from(ROWS)), draw(st.integers(0, 9))
    word = draw(st.sampled_from(["res", "add", "cat", "side", "x2", "group", "conv", ""]))
    acts = {
        "set_row": (path, row),
        "insert_row": (path, row),
        "delete_row": (path,),
        "move_row": (path, draw(st.sampled_from([index, other]))),
        "wrap_row": (path, word, index + 1),
        "unwrap_row": (path,),
        "add_branch": (path, row),
        "insert_structure": (path, word, [row, "relu"], "n8"),
        "add_block": ("new(a)", row),
        "set_value": (draw(st.sampled_from(VALUES)), row),
    }
    act = draw(st.sampled_from(list(acts)))
    return text, act, acts[act]


VALUES = ("title", "train.epochs", "data.split", "input", "augment", "net", "train", "a.b.c", "")


@settings(parent=FEW)
@given(edits())
def test_an_edit_is_done_or_refused(drawn):
    text, act, arguments = drawn
    try:
        edited = at_once(lambda: getattr(edit, act)(text, *arguments), seconds=2)
    except UserError:
        return
    check(edited)


# ---------------------------------------------------------------- what holds for every text


def check(text):
    """No traceback, no hang, no message without a place; what is analysed is sound."""
    pipeline = at_once(lambda: used(draft(text, "somewhere.yaml")))
    assert isinstance(pipeline, Pipeline)
    check_problems(pipeline)
    check_network(pipeline.network)


def at_once(act, seconds=1):
    """Give what `act` gives: within a second of the processor, and more for many layers only.

    A busy machine, or a collection of garbage, may make one time longer, but not three.
    """
    for _ in range(3):
        start = time.thread_time()
        with interrupted(30 * seconds):
            found = act()
        spent = time.thread_time() - start
        if spent < seconds + len(getattr(found, "network", ())) / 10_000:
            return found
    raise AssertionError(f"this takes {spent:.1f} seconds of the processor")


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
    for layer in network.layers[:: max(1, len(network) // 3)]:
        assert all(line.what and line.result for line in why(network, layer.name).lines)
    with contextlib.suppress(UserError):
        pipeline.place("train.epochs")
    return pipeline


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
