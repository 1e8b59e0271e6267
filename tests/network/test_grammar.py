"""Layer lines: what they may look like, and what is said of those that look otherwise."""

import pytest

from napari_convnet.document import draft
from napari_convnet.network import OPS, Place, WordError, parse_input, parse_line
from napari_convnet.network.grammar import repeats

OPS_HERE = (*OPS, "cat", "add")


def texts(line):
    parsed = parse_line(line, OPS_HERE)
    return [" ".join([call.op, *(word.text for word in call.rest)]) for call in parsed.calls]


def wrong(row, size="1x28x28"):
    """The one problem of a row, and the words of it that it points at."""
    (problem,) = draft(f"input: {size}\nnet:\n  - {row}\n").problems
    place = problem.place
    assert (place.line, place.end_line) == (3, 3)
    return row[place.column - 5 : place.end_column - 5], problem.what, problem.fix


@pytest.mark.parametrize(
    ("line", "calls", "repeat"),
    [
        ("conv 6 k5 relu", ["conv 6 k5", "relu"], 1),
        ("  conv   6  ", ["conv 6"], 1),
        ("conv 8 bn relu x3", ["conv 8", "bn", "relu"], 3),
        ("max", ["max"], 1),
        ("conv 8 3x5 s2 same reflect nobias", ["conv 8 3x5 s2 same reflect nobias"], 1),
        ("drop .5 fc 10", ["drop .5", "fc 10"], 1),
        ("conv $in*2", ["conv $in*2"], 1),
    ],
)
def test_a_line_is_a_chain_of_calls(line, calls, repeat):
    assert texts(line) == calls
    assert parse_line(line, OPS_HERE).repeat == repeat


def test_words_keep_their_places():
    line = parse_line("conv 6  k5 relu", OPS_HERE)
    assert [(w.text, w.start, w.stop) for w in line.words] == [
        ("conv", 0, 4),
        ("6", 5, 6),
        ("k5", 8, 10),
        ("relu", 11, 15),
    ]
    assert line.calls[0].stop == 10


def test_repeats_that_nobody_means_are_cut():
    assert repeats("x3") == 3
    assert repeats("x007") == 7
    assert repeats("x" + "9" * 5000) == 10**15


@pytest.mark.parametrize(
    ("row", "at", "what", "fix"),
    [
        ("rellu", "rellu", 'unknown op "rellu"', "did you mean relu?"),
        ("conv 8 rellu", "rellu", 'unknown op "rellu"', "did you mean relu?"),
        ("Conv 8", "Conv", 'unknown op "Conv"', "did you mean conv?"),
        ("8 conv", "8", 'unknown op "8"', "a row begins with an op, such as conv, relu or max"),
        ("c1:conv 8", "c1:conv", '"c1:conv" lacks a blank', "write c1: conv"),
        ("conv 8 refect", "refect", 'unknown argument "refect"', "did you mean reflect?"),
        ("conv 8 k 3", "k", '"k" lacks its number', "write k3, without a blank"),
        ("conv 8, relu", "8,", '"8," ends with a mark', "write 8: words are parted by blanks only"),
        (
            "conv 8 - relu",
            "-",
            "a dash stands inside a row",
            "begin every row on a line of its own, at one column",
        ),
        (
            "conv 8 kernel=3",
            "kernel=3",
            'cannot read "kernel=3"',
            "write k3",
        ),
        (
            "conv 8 ½",
            "½",
            'cannot read "½" as a number or a size',
            "write 3, .5 or 3x3, without blanks",
        ),
        (
            "conv ８",
            "８",
            'cannot read "８" as a number or a size',
            "write 3, .5 or 3x3, without blanks",
        ),
        (
            "conv 8 x2 relu",
            "x2",
            "x2 must be the last word of its row",
            "move it to the end, or give the layers before it a row of their own",
        ),
        ("x0", "x0", "x0 repeats nothing", "write the layers before it"),
        ("x2", "x2", "x2 repeats nothing", "write the layers before it"),
        (
            "conv 8 x0",
            "x0",
            "a row cannot be repeated zero times",
            "delete the row, or write x1",
        ),
        (
            "conv 8 x99999999",
            "x99999999",
            "the network would have 99,999,999 layers, and 100,000 are the most",
            "repeat less",
        ),
        (
            "conv 8 x" + "9" * 400,
            "x" + "9" * 400,
            "the network would have far too many layers, and 100,000 are the most",
            "repeat less",
        ),
        # arithmetic
        (
            "conv $in/2",
            "$in/2",
            "the number of outputs must be a whole number from 1, not 0.5",
            "compute it from numbers that make it 1 or more, without a fraction",
        ),
        ("conv $in/0", "$in/0", '"$in/0" divides by zero', "divide by another number"),
        (
            "conv $in**2",
            "$in**2",
            'cannot read "$in**2"',
            "write for example $in*2 or ($in+2)/2",
        ),
        ("conv ($in", "($in", 'cannot read "($in"', "write for example $in*2 or ($in+2)/2"),
        (
            "conv $g",
            "$g",
            "unknown parameter $g",
            "outside a block only $in, the incoming channels, is known",
        ),
        ("conv $inn", "$inn", "unknown parameter $inn", "did you mean $in?"),
        (
            "conv " + "(" * 5000 + "$in",
            "(" * 5000 + "$in",
            '"' + "(" * 40 + '..." is too long',
            "arithmetic has at most 60 characters",
        ),
        (
            "conv $in.__class__",
            "$in.__class__",
            'cannot read "$in.__class__"',
            "write arithmetic without blanks, such as $in*2",
        ),
        # numbers
        ("conv", "conv", "conv needs its number of outputs", "for example conv 6 k5"),
        (
            "conv 0",
            "0",
            "the number of outputs must be a whole number from 1, not 0",
            "write 1 or more",
        ),
        (
            "conv -8",
            "-8",
            "the number of outputs must be a whole number from 1, not -8",
            "write 1 or more",
        ),
        (
            "conv 8.5",
            "8.5",
            "the number of outputs must be a whole number from 1, not 8.5",
            "write 8 or 9",
        ),
        (
            "conv 1e400",
            "1e400",
            'the number of outputs, "1e400", is too large',
            "the most is 1,000,000,000",
        ),
        (
            "up 99999999999",
            "99999999999",
            'the factor, "99999999999", is too large',
            "the most is 1,000,000,000",
        ),
        (
            "up 100000000",
            "up 100000000",
            "a size of 2,800,000,000 is too large",
            "the most is 1,000,000,000",
        ),
        ("up 0", "0", "the factor must be a whole number from 1, not 0", "write 1 or more"),
        ("max 2.5", "2.5", "the kernel must be a whole number from 1, not 2.5", "write 2 or 3"),
        ("conv 8 s0", "s0", "the stride must be a whole number from 1, not 0", "write s1 or more"),
        (
            "conv 8 d0",
            "d0",
            "the dilation must be a whole number from 1, not 0",
            "write d1 or more",
        ),
        ("lrn 0", "0", "the window must be a whole number from 1, not 0", "write 1 or more"),
        (
            "gn 0",
            "0",
            "the number of groups must be a whole number from 1, not 0",
            "write 1 or more",
        ),
        (
            "drop 2",
            "2",
            "the probability of drop must be from 0 to 1, not 2",
            "write a number from 0 to 1",
        ),
        (
            "conv 8 16",
            "16",
            "a second number for conv, which takes one (outputs)",
            "write k16 if you mean the kernel",
        ),
        (
            "max 2 3",
            "3",
            "a second number for max, which takes one (kernel)",
            "write 2x3 if the axes differ, or s3 for the stride",
        ),
        (
            "up 2 3",
            "3",
            "a second number for up, which takes one (factor)",
            "write 2x3 if the axes differ",
        ),
        (
            "drop .5 .5",
            ".5",
            "a second number for drop, which takes one (probability)",
            "delete .5",
        ),
        ("max k2 3", "3", '"k2" and "3" are both kernels', "keep one of them"),
        ("conv 8 3x3 k5", "k5", '"3x3" and "k5" are both kernels', "keep one of them"),
        ("conv 8 p1 p2", "p2", '"p2" repeats "p1"', "keep one of them"),
        ("conv 8 same same", "same", '"same" repeats "same"', "keep one of them"),
        ("conv 8 g1x2", "g1x2", "the number of groups is the same on all axes", "write g1"),
        # what an op takes
        ("gelu 3", "3", "gelu takes no number", "delete 3"),
        ("gelu k3", "k3", "gelu has no kernel k3", "delete k3"),
        ("inorm same", "same", 'inorm does not take "same"', "delete same"),
        (
            "max full",
            "full",
            'max does not take "full"',
            "it takes a number (kernel), k (kernel), s (stride), p (padding on both sides), d "
            "(dilation), valid, same and ceil",
        ),
        ("fc 8 3x3", "3x3", "fc has no kernel", "it takes a number (outputs), bias and nobias"),
        (
            "sep 8 g2",
            "g2",
            "sep has no groups g2",
            "it takes a number (outputs), k (kernel), s (stride), p (padding on both sides), d "
            "(dilation), valid, same, full, bias, nobias, reflect, replicate and circular",
        ),
        # padding
        (
            "conv 8 k4",
            "k4",
            "an even kernel (4x4) has no middle to pad around",
            "add p and a number, valid, same or full, or use an odd kernel",
        ),
        ("conv 8 valid p1", "p1", '"valid" and "p1" both set the padding', "keep one of them"),
        ("conv 8 reflect circular", "circular", '"reflect" and "circular" contradict', "keep one"),
        ("conv 8 bias nobias", "nobias", '"bias" and "nobias" contradict', "keep one of them"),
        ("up 2 nearest linear", "linear", '"nearest" and "linear" contradict', "keep one"),
        ("max 2 p2", "p2", "padding 2 is more than half the kernel of 2", "use at most p1"),
        (
            "conv 8 reflect p28",
            "conv 8 reflect p28",
            "reflect padding of 28 does not fit a map of 28",
            "use zero padding (leave the word out) or a smaller kernel",
        ),
        # what comes in
        (
            "conv 8 k29 valid",
            "conv 8 k29 valid",
            "a kernel of 29 does not fit into 28",
            "use a kernel of at most 28, padding, or less pooling before",
        ),
        (
            "conv 8 3x3x3",
            "3x3x3",
            "3x3x3 has 3 axes, but the map has 2",
            "write 3x3",
        ),
        (
            "conv 8 g2",
            "g2",
            "2 groups do not divide 1 incoming and 8 outgoing channels",
            "use a number that divides both",
        ),
        (
            "gn 3",
            "3",
            "3 groups do not divide 1 channels",
            "use a number of groups that divides them, for example gn 1",
        ),
        (
            "fc 10",
            "fc 10",
            "fc needs a vector, but a map comes in",
            "put flatten or gap before it",
        ),
        (
            "gap max",
            "max",
            "max needs a map, but a vector of 1 comes in",
            "put max before flatten, gap and fc",
        ),
        (
            "tconv 8 p15 k1 s1",
            "tconv 8 p15 k1 s1",
            "padding 15 leaves nothing of a map of 28",
            "use less padding",
        ),
        (
            "tconv 8 o2",
            "o2",
            "an output padding of 2 needs a stride or dilation above it",
            "use at most o1",
        ),
        ("crop 14", "crop 14", "cutting 14 from both ends leaves nothing of 28", "cut less"),
        (
            "crop",
            "crop",
            "crop needs the number of pixels to cut from each side",
            "for example crop 2",
        ),
        # names of layers
        ("cat c1", "c1", 'no layer is called "c1"', "there is no layer above"),
        ("add", "add", "add needs the name of a layer", "for example add e1"),
        ("cat 3", "3", '"3" is no name of a layer', "for example cat e1"),
        ("crop c1", "c1", 'no layer is called "c1"', "there is no layer above"),
    ],
)
def test_wrong_rows(row, at, what, fix):
    found = wrong(row)
    assert found[1:] == (what, fix)
    # Errors of a size point at the whole call, or at its op.
    assert found[0] in (at, at.split()[0])


@pytest.mark.parametrize(
    ("row", "what", "fix"),
    [
        ("conv 8 5x5", "5x5 has 2 axes, but the map has 3", "write 5x5x5 or 1x5x5"),
        ("conv 8 k5x5", "5x5 has 2 axes, but the map has 3", "write k5x5x5 or k1x5x5"),
        ("max 2x2", "2x2 has 2 axes, but the map has 3", "write 2x2x2 or 1x2x2"),
        ("conv 8 k3 s2x2", "2x2 has 2 axes, but the map has 3", "write s2x2x2 or s1x2x2"),
    ],
)
def test_two_axes_on_a_volume(row, what, fix):
    assert wrong(row, "1x8x8x8")[1:] == (what, fix)


def test_an_empty_line():
    with pytest.raises(WordError, match="this row is empty; write a layer, for example conv 8"):
        parse_line("   ", OPS_HERE)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("1x28x28", (1, 28, 28)),
        (" 3x?x224 ", (3, None, 224)),
        ("2x100", (2, 100)),
        ("1X8x8x8", (1, 8, 8, 8)),
        ("5zx64x64", (5, 64, 64)),
    ],
)
def test_inputs(text, shape):
    assert parse_input(text).shape == shape


def test_an_input_is_written_as_it_is_read():
    assert str(parse_input("5zx64x?")) == "5zx64x?"
    assert str(parse_input("1x28x28")) == "1x28x28"


HOW = "write channels x sizes, for example 1x28x28 or 3x224x224"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'28'", f'the input "28" has no spatial size; {HOW}'),
        ("28 x 28", f'cannot read the input "28 x 28"; {HOW}'),
        ("1,28,28", 'cannot read the input "1,28,28"; write 1x28x28'),
        ("1x-3x4", f'cannot read the input "1x-3x4"; {HOW}'),
        ("1x2.5x4", f'cannot read the input "1x2.5x4"; {HOW}'),
        (
            "?x28x28",
            'the input "?x28x28" does not say how many channels there are; write their number '
            "before the first x, for example 3x?x?",
        ),
        ("1x28x", f'cannot read the input "1x28x"; {HOW}'),
        ("１x28x28", f'cannot read the input "１x28x28"; {HOW}'),
        ("1x0x28", f'the input "1x0x28" has a size of zero; {HOW}'),
        ("0x28x28", f'the input "0x28x28" has a size of zero; {HOW}'),
        ("1x2x3x4x5", 'the input "1x2x3x4x5" has 4 spatial axes; the most is three'),
        ("1x99999999x4", 'the input "1x99999999x4" is too large; sizes go up to ten million'),
        (
            "1x" + "9" * 5000,
            'the input "1x' + "9" * 38 + '..." is too large; sizes go up to ten million',
        ),
        ("5zx28", 'the input "5zx28" needs two sizes beside its slices; for example 5zx512x512'),
        ("", f"the input is empty; {HOW}"),
        ("[1, 28]", "the input is one word; for example input: 1x28"),
    ],
)
def test_wrong_inputs(text, message):
    (problem,) = draft(f"input: {text}\nnet:\n  - conv 8\n").problems
    assert str(problem).split(": ", 1)[1] == message
    assert problem.place.line == 1


def test_places():
    place = Place(3, 5, 3, 20)
    assert place.part(2, 6) == Place(3, 7, 3, 11)
    assert place.holds(Place(3, 20, 3, 21))
    assert not place.holds(Place(3, 21, 3, 22))
    assert not place.holds(Place(4, 6, 4, 7))
