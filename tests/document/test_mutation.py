"""Right documents made wrong at random: always an answer, always in words, always at once."""

import json
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_convnet.document import Pipeline, draft, preset_text, presets
from napari_convnet.document.nodes import MOST_BYTES

TEXTS = [preset_text(one.name) for one in presets()] + [
    "title: T\ninput: 2x?x40\ndata:\n  images: a/*.png\n  classes: [cat, dog]\n  split: 70/15/15\n"
    "  normalize: percentile .5 99.5\n  fit: crop 20x20\naugment: flip y .5, rotate 15\nnet:\n"
    "  - c1: conv $in*4 k3x5 p1x2 bn leaky .1\n    w: [gauss, gauss]\n    b: 0\n    note: why\n"
    "  - x2:\n      - sep 8 s2\n      - g:\n        - dw 3\n        - gn 4\n  - up 2 linear\n"
    "  - tconv 4 o1\n  - gap\n  - out: fc 2 softmax\nweights: runs/a@best\ntrain:\n"
    "  optimizer: sgd lr .1 momentum .9\n  loss: cross-entropy\n  seed: 3\nshow: [c1, all]\n"
]

pieces = st.one_of(
    st.text(max_size=3),
    st.sampled_from("0123456789$()[]{}:#-'\"\n \t,*&!|>%@`x?~"),
    st.sampled_from(
        ["x2", "x0", "1e9", "9999", "k7", "s2", "\n  - ", ": ", "relu", "conv", "flatten", "net:"]
    ),
    st.sampled_from(["- conv 8\n", "  ", "\r\n", "\ufeff", "\x00", "input: 1x8x8\n", "é", "½"]),
)


@st.composite
def mutations(draw):
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["delete", "double", "insert", "replace"]))
        piece = text[at : at + length]
        new = {"delete": "", "double": piece * 2, "insert": draw(pieces) + piece}
        text = text[:at] + new.get(kind, draw(pieces)) + text[at + length :]
    return text


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(mutations())
def test_a_damaged_document_is_answered(text):
    start = time.process_time()
    pipeline = draft(text, "somewhere.yaml")
    rows = pipeline.rows
    assert time.process_time() - start < 1
    assert isinstance(pipeline, Pipeline)
    assert len(text) < MOST_BYTES
    check_problems(pipeline, text)
    check_network(pipeline)
    assert [row.text.count("\n") for row in rows] == [0] * len(rows)


def check_problems(pipeline, text):
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + 2
    for problem in pipeline.problems:
        assert problem.what.strip()
        assert problem.what[:1] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" or "Error" not in problem.what
        assert "\n" not in problem.what
        assert "<class" not in str(problem)
        assert "Traceback" not in str(problem)
        place = problem.place
        assert place is None or (1 <= place.line <= lines and place.column >= 1)
    told = [problem.place.line for problem in pipeline.problems if problem.place]
    assert told == sorted(told)


def check_network(pipeline):
    network = pipeline.network
    names = [layer.name.lower() for layer in network]
    assert len(set(names)) == len(names)
    known = {"input"}
    for layer in network:
        assert set(layer.inputs) <= known
        known.add(layer.name)
        assert layer.output[0] >= 1
        assert all(n is None or n >= 1 for n in layer.output)
        json.dumps(layer.as_dict(), allow_nan=False)
    assert network.totals.parameters >= 0
