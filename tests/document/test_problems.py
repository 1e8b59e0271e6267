"""Wrong documents: each mistake in its words, at its place."""

import time

import pytest

from napari_convnet.document import DocumentError, draft, parse, read
from napari_convnet.network import UserError

RIGHT = "input: 1x28x28\nnet:\n  - c1: conv 8\n"
KEYS = "a pipeline has title, input, data, augment, blocks, net, weights, train, show"
HOW = "write channels x sizes, for example 1x28x28 or 3x224x224"

WRONG = {
    # nothing, or something else
    "": "line 1, column 1: the document is empty; begin with: input: 1x28x28",
    "# only a remark\n": "line 1, column 1: the document is empty; begin with: input: 1x28x28",
    "hello": "line 1, column 1: this is no pipeline; begin with: input: 1x28x28",
    "- conv 8\n": "line 1, column 1: this is no pipeline; begin with: input: 1x28x28",
    "\x00\x01\x02\x7f": "line 1, column 1: this is not a text; is this the right file?",
    "\ud800": "line 1, column 1: this is not a text; is this the right file?",
    "net:\n  - conv 8\n": (
        "line 1, column 1: the input is missing; add input: channels x sizes, for example "
        "input: 1x28x28"
    ),
    "input: 1x28x28\n": (
        "line 1, column 1: the network is missing; add net: and rows such as - conv 8 relu"
    ),
    "input: 1x28x28\nnet: conv 8\n": (
        "line 2, column 6: the network is a list of rows; begin each with a dash and a blank: "
        "- conv 8"
    ),
    "input: 1x28x28\nnet:\n  c1: conv 8\n": (
        "line 3, column 3: the network is a list of rows; begin each with a dash and a blank: "
        "- conv 8"
    ),
    # keys
    RIGHT + "foo: 1\n": f'line 4, column 1: unknown key "foo"; {KEYS}',
    RIGHT + "Net: 1\n": 'line 4, column 1: unknown key "Net"; did you mean net?',
    RIGHT + "title: a\ntitle: b\n": (
        'line 5, column 1: "title" stands here a second time (first in line 4); keep one of them'
    ),
    RIGHT + "blocks:\n  - two: conv 8\n": (
        "line 5, column 3: blocks is a section; write each as NAME(PARAMETERS): LAYERS, on lines "
        "of their own below"
    ),
    RIGHT + "? [a, b]\n: c\n": ("line 4, column 3: a key must be a word; check the colons here"),
    # what YAML knows and a pipeline does not
    RIGHT + "title: *a\n": "line 4, column 8: *a is an alias; write the value out, or in quotes",
    RIGHT + "title: &a b\n": "line 4, column 8: &a is an anchor; delete it",
    RIGHT + "title: !!str b\n": (
        "line 4, column 8: !!str is a tag; delete it: values have no types here"
    ),
    RIGHT + "title: !python/object/apply:os.system [ls]\n": (
        "line 4, column 8: !python/object/apply:os.system is a tag; delete it: values have no "
        "types here"
    ),
    RIGHT + "---\ninput: 1x2\n": (
        "line 4, column 1: a second document begins here; keep one document in a file"
    ),
    "[" * 50: "line 1, column 41: more than 40 levels; nest less",
    "- " * 5000: "line 1, column 81: more than 40 levels; nest less",
    # what is not YAML
    "input: 1x28x28\nnet:\n\t- conv 8\n": "line 3, column 1: a tab stands here; indent with blanks",
    RIGHT + "\ttitle: x\n": "line 4, column 1: a tab stands here; indent with blanks",
    RIGHT + "title: @home\n": ("line 4, column 8: a text cannot begin with @; put it in quotes"),
    RIGHT + "title: a: b\n": (
        "line 4, column 9: a second colon stands in this line; put the text behind the "
        "first in quotes"
    ),
    RIGHT + "title: 'a\nshow: c1\n": (
        "line 4, column 8: a quote begins here and does not end; close it"
    ),
    RIGHT + "show: [c1\naugment: flip\n": (
        "line 4, column 7: the list that begins here does not end; part its items with commas, and "
        "close it with ]"
    ),
    RIGHT + "train: {epochs: 3\nshow: c1\n": (
        "line 4, column 8: the bracket that begins here does not end; part its items with commas, "
        "and close it with }"
    ),
    RIGHT + "show: ]\n": (
        "line 4, column 7: a bracket is missing, or there is one too many; close every [ with ] "
        "and every { with }"
    ),
    RIGHT + "title\nshow: c1\n": (
        "line 4, column 1: a colon is missing behind this key, or a dash before this row;"
        " write KEY: VALUE, or - ROW"
    ),
    RIGHT + "  train:\n": (
        "line 4, column 3: this line stands among rows, but does not begin with a dash; begin it "
        "with a dash and a blank, or indent it as a section's key"
    ),
    RIGHT + "title: x\n- conv 8\n": (
        "line 5, column 1: a dash stands where no row can begin; begin rows on lines of "
        "their own, all in one column"
    ),
    RIGHT + "title: - x\n": (
        "line 4, column 8: a dash stands where no row can begin; begin rows on lines of their own, "
        "all in one column"
    ),
    RIGHT + 'title: "a\\q"\n': (
        "line 4, column 10: a backslash in double quotes means something else; use single quotes"
    ),
    # rows
    "input: 1x28x28\nnet:\n - conv 8\n  - relu\n": (
        "line 3, column 4: a dash stands inside a row; begin every row on a line of its own, at "
        "one column"
    ),
    RIGHT + "  - C1: relu\n": (
        'line 4, column 5, layer C1: the name "C1" is already taken in line 3; names are unique, '
        "whatever their case: choose another"
    ),
    RIGHT + "  - out: fc 10\n": (
        "line 4, column 10, layer out: fc needs a vector, but a map comes in; put flatten or gap "
        "before it"
    ),
    RIGHT + "  - c2: conv 8 k99 valid\n": (
        "line 4, column 9, layer c2: a kernel of 99 does not fit into 28; use a kernel of at most "
        "28, padding, or less pooling before"
    ),
    RIGHT + "    connect: 1 2\n": (
        "line 4, column 14: connect is a name, or a list of inputs for each output; for example "
        "connect: [[0, 1], [1, 2]], or connect: lenet5"
    ),
    RIGHT + "    freeze: yes\n": (
        'line 4, column 13: freeze is true or false, not "yes"; write freeze: true'
    ),
    RIGHT + "    w: sobelx\n": (
        'line 4, column 8, layer c1: unknown kernel "sobelx"; did you mean sobel_x?'
    ),
    RIGHT + "    w: [1, 2]\n": (
        "line 4, column 8, layer c1: w has the shape 2, which is no kernel of this layer; it takes "
        "3x3 (one for all), 8x3x3 (one per output) or 8x1x3x3 (outputs x inputs x kernel)"
    ),
    RIGHT + "    w: [[1, 2], [3]]\n": (
        "line 4, column 8, layer c1: the rows of w differ in length; give every row the same "
        "number of values"
    ),
    RIGHT + "    w: {a: b}\n": (
        "line 4, column 8: w is a name, numbers or a list; for example w: sobel_x"
    ),
    RIGHT + "    w: []\n": "line 4, column 8: w is an empty list; write numbers, or delete it",
    RIGHT + "    w: 1 gauss\n": (
        'line 4, column 8: cannot read "1 gauss" as a kernel; write numbers, or a list of names: '
        "[sobel_x, sobel_y]"
    ),
    RIGHT + "    b: few\n": 'line 4, column 8: cannot read b: "few"; write numbers',
    RIGHT + "    b: 1 2\n": (
        "line 4, column 8, layer c1: b has 2 numbers for 8 outputs; give one, or one per output"
    ),
    "input: 1x28x28\nnet:\n  - c1: conv 8 nobias conv 8\n    w: gauss\n": (
        "line 4, column 8, layer c1: w needs one layer with weights, but this row has 2 "
        "layers with weights; give the layer a row and a name of its own"
    ),
    "input: 1x28x28\nnet:\n  - r: relu\n    freeze: true\n": (
        "line 4, column 13, layer r: freeze needs one layer with weights, but this row "
        "has no layer with weights; delete freeze"
    ),
    "input: 1x28x28\nnet:\n  - p: prelu\n    w: gauss\n": (
        "line 4, column 8, layer p: w does not apply to prelu; it gives weights of conv, dw, tconv "
        "and fc"
    ),
    "input: 1x28x28\nnet:\n  - g: [conv 8]\n    w: gauss\n": (
        "line 4, column 5: w: belongs below a row with one line of layers; put it below "
        "the row of its layer, inside of g:"
    ),
    # show
    RIGHT + "show: [c1, c2]\n": 'line 4, column 12: no layer is called "c2"; its layers are c1',
    RIGHT + "show: pool\n": 'line 4, column 7: no layer is called "pool"; its layers are c1',
    "input: 1x28x28\nnet:\n  - pool1: max 2\nshow: pool\n": (
        'line 4, column 7: no layer is called "pool"; did you mean pool1?'
    ),
    RIGHT + "show: input\n": 'line 4, column 7: no layer is called "input"; its layers are c1',
    "input: 1x28x28\nnet:\nshow: c1\n": (
        'line 3, column 7: no layer is called "c1"; the network has no layers yet'
    ),
    RIGHT + "show: {a: b}\n": (
        "line 4, column 7: a list of names belongs here; write them in brackets: [first, second]"
    ),
    # sections
    RIGHT + "data: digits\n": (
        "line 4, column 7: data is a section; write its keys on lines of their own below,"
        " such as source: digits"
    ),
    RIGHT + "train:\n  - epochs 3\n": (
        "line 5, column 3: train is a section; write its keys on lines of their own "
        "below, such as epochs: 10"
    ),
    RIGHT + "train:\n  epoch: 1\n": (
        'line 5, column 3: unknown key "epoch" in train; did you mean epochs?'
    ),
    RIGHT + "data:\n  foo: 1\n": (
        'line 5, column 3: unknown key "foo" in data; data has source, images, labels, classes, '
        "unlabelled, align, accept, spacing, rate, normalize, fit, split, regions, patches"
    ),
    RIGHT + "data:\n  source: digts\n": (
        'line 5, column 11: unknown source "digts"; did you mean digits?'
    ),
    RIGHT + "data:\n  images: [a, b]\n": (
        "line 5, column 11: images is one line of text; write it behind the colon"
    ),
    RIGHT + "data:\n  normalize: zscor\n": (
        'line 5, column 14: unknown normalisation "zscor"; did you mean zscore?'
    ),
    RIGHT + "data:\n  normalize: window 3\n": (
        "line 5, column 14: window takes 2 numbers, not 1; for example window -160 240"
    ),
    RIGHT + "data:\n  normalize: window 240 -160\n": (
        "line 5, column 14: window 240 -160 runs downwards; write the lower number first"
    ),
    RIGHT + "data:\n  normalize: percentile -5 95\n": (
        "line 5, column 14: percentile -5 95 does not fit; percentiles go from 0 to 100"
    ),
    RIGHT + "data:\n  split: 80/30\n": (
        'line 5, column 10: cannot read the split "80/30"; write train/validation/test in per '
        "cent, such as 70/15/15, or train/test, such as 80/20"
    ),
    RIGHT + "data:\n  classes: [cat, cat]\n": (
        'line 5, column 12: "cat" stands here twice; keep one of them'
    ),
    RIGHT + "augment: rotat 15\n": (
        'line 4, column 10: unknown augmentation "rotat"; did you mean rotate?'
    ),
    RIGHT + "augment: shift\n": (
        "line 4, column 10: shift takes 1 number, not 0; for example shift 2"
    ),
    RIGHT + "augment: shift 2 fast 3\n": 'line 4, column 10: shift has no "fast"; delete it',
    RIGHT + "augment: 2 shift\n": (
        'line 4, column 10: cannot read "2 shift"; begin with a word, not with a number'
    ),
    RIGHT + "augment: {flip: 1}\n": (
        "line 4, column 10: a list of settings belongs here; for example flip, shift 2"
    ),
    RIGHT + "train:\n  epochs: many\n": (
        'line 5, column 11: "many" is no number; write a whole number from 1 to 1,000,000'
    ),
    RIGHT + "train:\n  epochs: 0\n": (
        'line 5, column 11: "0" does not fit; write a whole number from 1 to 1,000,000'
    ),
    RIGHT + "train:\n  batch: 1.5\n": (
        'line 5, column 10: "1.5" does not fit; write a whole number from 1 to 1,000,000'
    ),
    RIGHT + "train:\n  optimizer: adan\n": (
        'line 5, column 14: unknown optimizer "adan"; did you mean adam?'
    ),
    RIGHT + "train:\n  optimizer: adam 3\n": (
        "line 5, column 14: say what 3 is; write adam lr 3 if it is the learning rate"
    ),
    RIGHT + "train:\n  optimizer: adam lr\n": (
        'line 5, column 14: "lr" in "adam lr" lacks its number; write it behind'
    ),
    RIGHT + "train:\n  optimizer: adam lr 0\n": (
        "line 5, column 14: lr 0 does not fit; it is above 0"
    ),
    RIGHT + "train:\n  optimizer: adam momentum .5\n": (
        'line 5, column 14: adam has no "momentum"; it has lr and decay'
    ),
    RIGHT + "train:\n  optimizer: sgd lr 1e999\n": (
        'line 5, column 14: "1e999" is too large; write a smaller number'
    ),
    RIGHT + "train:\n  loss: dicee\n": (
        'line 5, column 9: unknown loss "dicee"; did you mean dice?'
    ),
    RIGHT + "train:\n  loss: dice\n": (
        "line 5, column 9: the loss dice does not fit the task classify; "
        "write cross-entropy, focal or half-squares"
    ),
    RIGHT + "train:\n  loss: cross-entropy + mse\n  task: segment\n": (
        "line 5, column 9: the loss mse does not fit the task segment; "
        "write cross-entropy, dice or focal"
    ),
    RIGHT + "train:\n  balance: images\n": (
        'line 5, column 12: unknown balance "images"; write none or classes'
    ),
    RIGHT + "train:\n  loss: cross-entropy +\n": (
        'line 5, column 9: a word is missing beside a + of "cross-entropy +"; write it, or no +'
    ),
    RIGHT + "train:\n  task: find\n": (
        'line 5, column 9: unknown task "find"; write classify, segment or regress'
    ),
    RIGHT + "train:\n  schedule: one cycle\n": (
        'line 5, column 13: unknown schedule "one cycle"; did you mean one-cycle?'
    ),
    RIGHT + "train:\n  precision: fp16\n": (
        'line 5, column 14: unknown precision "fp16"; write auto, float32, bfloat16 or float16'
    ),
    RIGHT
    + "title: [a]\n": "line 4, column 8: title is one line of text; write it behind the colon",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_document_is_told_in_one_message(text):
    pipeline = draft(text)
    assert [str(problem) for problem in pipeline.problems] == [WRONG[text]]
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert str(caught.value) == WRONG[text]
    assert caught.value.pipeline == pipeline


def test_every_message_names_a_fix_or_bounds():
    """A message says what is wrong; nearly all say what would be right too."""
    without = [message for message in WRONG.values() if ";" not in message]
    assert all("takes" in message for message in without)


def test_all_mistakes_are_told_in_the_order_of_the_text():
    text = (
        "inputs: 3\ninput: 1x28x28\nnet:\n  - conv 8\n  - rellu\n  - conv 8 kk3\n"
        "train:\n  epochs: x\n  seed: -1\nshow: c9\n"
    )
    problems = draft(text).problems
    assert [problem.place.line for problem in problems] == [1, 5, 6, 8, 9]
    assert [layer.name for layer in draft(text).network] == ["conv-1"]


def test_shapes_of_what_follows_a_mistake_are_not_told():
    """Behind a mistake only the form of rows is checked: their sizes are not known."""
    problems = draft("input: 1x28x28\nnet:\n  - conv 8 k99 valid\n  - fc 10\n  - relux\n").problems
    assert [problem.place.line for problem in problems] == [3, 5]


def test_a_mistake_in_a_section_leaves_the_others():
    pipeline = draft(RIGHT + "title: Mine\ntrain:\n  epochs: x\n  batch: 8\n  seed: 5\n")
    assert (pipeline.train.epochs, pipeline.train.batch, pipeline.train.seed) == (10, 8, 5)
    assert pipeline.title == "Mine"
    assert len(pipeline.network) == 1


def test_of_many_mistakes_the_first_hundred_are_told():
    rows = "".join(f"  - {'relly'} {n}\n" for n in range(3000))
    keys = "".join(f"k{n}: 1\n" for n in range(3000))
    for text in (f"input: 1x28x28\nnet:\n{rows}", RIGHT + keys):
        assert len(draft(text).problems) == 100


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 400_000,
        "a: " * 100_000,
        "a" * 1_000_001,
        '"' * 100_000,
        "input: 1x28x28\nnet:\n  - conv 8 x99999999999\n",
        "input: 1x28x28\nnet:\n  - x99999: [x99999: [conv 8]]\n",
        "input: 1x28x28\nnet:\n  - conv " + "$in*" * 9000 + "$in\n",
        "input: 1x28x28\nnet:\n  - conv " + "(" * 9000 + "\n",
        "input: 1x28x28\nnet:\n  - conv " + "9" * 9000 + "\n",
        "input: 1x28x28\nnet:\n  - " + "c" * 300_000 + "\n",
        "input: 1x28x28\nnet:\n  - a: conv 8 k99999\n    w: gauss\n",
        "input: 1x28x28\nnet:\n  - up 1000000\n  - up 1000000\n",
        "input: 1x28x28\nnet:\n  - conv 1e9\n  - conv 1e9\n",
    ],
    ids=lambda text: text[-40:-1] if len(text) < 200 else text[:20],
)
def test_texts_made_to_hurt_answer_at_once(text):
    start = time.process_time()
    pipeline = draft(text)
    assert time.process_time() - start < 1
    for problem in pipeline.problems:
        assert len(str(problem)) < 400
    assert len(pipeline.network) < 3


def test_a_large_network_is_no_mistake():
    pipeline = parse("input: 1x28x28\nnet:\n  - conv 8 relu x5000\n")
    assert len(pipeline.network) == 10_000
    assert pipeline.network.layers[-1].name == "relu-5000"


# ---------------------------------------------------------------- files


def test_files_that_are_none(tmp_path):
    (tmp_path / "lenet.yaml").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "noise.yaml").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "utf16.yaml").write_text(RIGHT, encoding="utf-16")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(100_000_000)
    told = {}
    for name in ("", "lenet5.yaml", "gone/lenet.yaml", "noise.yaml", "utf16.yaml", "huge.yaml"):
        start = time.process_time()
        with pytest.raises(UserError) as caught:
            read(tmp_path / name)
        assert time.process_time() - start < 1
        told[name] = str(caught.value).replace(str(tmp_path), "HERE")
    assert told == {
        "": "HERE is a folder; give the pipeline's .yaml file",
        "lenet5.yaml": "there is no file HERE/lenet5.yaml; did you mean lenet.yaml?",
        "gone/lenet.yaml": "there is no file HERE/gone/lenet.yaml; check its name and folder",
        "noise.yaml": "HERE/noise.yaml is not a text; give the pipeline's .yaml file",
        "utf16.yaml": "HERE/utf16.yaml is not a text; give the pipeline's .yaml file",
        "huge.yaml": (
            "HERE/huge.yaml has 100 MB; a pipeline has at most one million characters: is this the "
            "right file?"
        ),
    }


def test_a_file_knows_where_it_is(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("\ufeff" + RIGHT.replace("\n", "\r\n"), encoding="utf-8")
    pipeline = read(str(path))
    assert pipeline.path == path
    assert pipeline.folder == tmp_path
    assert pipeline.title == "net"
    assert pipeline.moved(tmp_path / "other.yaml").title == "other"
    assert pipeline.network["c1"].place.line == 3
    assert pipeline.edited(pipeline.text + "title: Mine\n").title == "Mine"
