"""What a word that cannot be read was most likely meant to be.

People come with the words of other libraries, with brackets, commas and capitals; they are told how
the same is written here.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .problems import did_you_mean, quoted

Told = tuple[str, str]
"""What is wrong, and what would be right."""

_OPS = {
    "fc": "dense linear fullyconnected affine mlp",
    "max": "maxpool maxpooling pool pooling",
    "avg": "avgpool averagepool averagepooling avgpooling average mean meanpool",
    "gap": "globalavgpool globalaveragepooling globalaveragepool adaptiveavgpool globalpool",
    "gmp": "globalmaxpool globalmaxpooling adaptivemaxpool",
    "bn": "batchnorm batchnormalization norm normalization",
    "inorm": "instancenorm instancenormalization",
    "gn": "groupnorm groupnormalization",
    "ln": "layernorm layernormalization",
    "drop": "dropout",
    "conv": "convolution convolutional filter",
    "tconv": "deconv convtranspose transposeconv transposedconv upconv deconvolution",
    "dw": "depthwise depthwiseconv dwconv",
    "sep": "separable separableconv sepconv",
    "local": "locallyconnected",
    "up": "upsample upsampling interpolate unpool",
    "cat": "concat concatenate concatenation",
    "add": "plus",
    "leaky": "leakyrelu lrelu",
    "silu": "swish",
    "id": "identity",
    "flatten": "view reshape flat ravel",
    "res:": "residual shortcut resblock",
}
"""Ops, and what others call them."""
_MEANT = {word: op for op, words in _OPS.items() for word in words.split()}

_LETTERS = {
    "k": "kernel kernelsize ksize",
    "s": "stride strides",
    "p": "padding pad",
    "d": "dilation dilationrate",
    "g": "groups group",
    "m": "multiplier depthmultiplier",
    "o": "outputpadding",
    "": "filters features outputs channels outchannels units neurons",
}
"""Letters of arguments, and what others call them; the bare number too."""
_LETTER_MEANT = {word: letter for letter, words in _LETTERS.items() for word in words.split()}

_BRACKETS = re.compile(r"([A-Za-z]\w*)[(\[{]", re.ASCII)
_SIZES = re.compile(r"([a-z]?)[=:]?[(\[]?(\d+)((?:[,;xX×*]\d+)*)[)\]]?\Z", re.ASCII)
_GLUED = re.compile(r"([a-z]+)(\d+)\Z", re.ASCII)
_NO_COUNT = re.compile(r"[kspdgmo]-?\d*\.?\d+\Z", re.ASCII)
_NAMED = re.compile(r"([A-Za-z_]+)(?:[=:]?([\d,x()]+|[=:]\w+))?\Z", re.ASCII)


def op_told(text: str, ops: Collection[str], known: Collection[str]) -> Told:
    """Say what is wrong with a word that begins a row.

    Parameters
    ----------
    text : str
        The word.
    ops : collection of str
        Words that begin a call.
    known : collection of str
        Names of layers, in small letters.
    """
    name, colon, op = text.partition(":")
    if colon and op in ops and name.isidentifier():
        return f"{quoted(text)} lacks a blank", f"write {name}: {op}"
    if text in ("res", "side"):
        return f'"{text}" lacks a colon', f"write - {text}: and its layers, as a row of its own"
    if text.lower() in known:
        fix = f"write cat {text} or add {text} to join it, or the layers themselves"
        return f'"{text}" is a layer, not an op', fix
    unknown = f"unknown op {quoted(text)}"
    otherwise = "a row begins with an op, such as conv, relu or max"
    return unknown, _op(text, ops) or did_you_mean(text, ops, otherwise)


def argument_told(text: str, op: str, ops: Collection[str], flags: Collection[str]) -> Told:
    """Say what is wrong with a word that follows an op.

    Parameters
    ----------
    text : str
        The word.
    op : str
        The op.
    ops, flags : collection of str
        Words that begin a call, and words that are arguments.
    """
    if text == "-":
        return "a dash stands inside a row", "begin every row on a line of its own, at one column"
    if text.endswith((",", ";")):
        fix = f"write {text.rstrip(',;')}: words are parted by blanks only"
        return f"{quoted(text)} ends with a mark", fix
    if text in _LETTERS:
        return f'"{text}" lacks its number', f"write {text}3, without a blank"
    if "$" in text or text[0] in "*/+":
        return f"cannot read {quoted(text)}", "write arithmetic without blanks, such as $in*2"
    fix = _argument(text, op, ops, flags)
    if fix:
        return f"cannot read {quoted(text)}", fix
    near = _op(text, ops) or did_you_mean(text, [*ops, *flags])
    if near and text[0].isalpha():
        wanted = near.removeprefix("did you mean ").removesuffix("?")
        return f"unknown {'argument' if wanted in flags else 'op'} {quoted(text)}", near
    if text[0].isalpha():
        return (
            f"{quoted(text)} is neither an op nor an argument of {op}",
            "arguments are numbers, sizes such as 3x3, letters such as k3 s2 p1, and flags "
            "such as same",
        )
    return f"cannot read {quoted(text)} as a number or a size", "write 3, .5 or 3x3, without blanks"


def _op(text: str, ops: Collection[str]) -> str:
    """How an op is written here that was written otherwise."""
    brackets = _BRACKETS.match(text)
    head = re.sub(r"\dd\Z", "", brackets.group(1).lower()) if brackets else ""
    if brackets and head in ops:
        inside = re.sub(r"[()\[\]{},]+", " ", text[brackets.end() : 40])
        return f"write {f'{head} {inside}'.strip()}, parted by blanks only"
    glued = _GLUED.match(text)
    if glued and glued.group(1) in ops:
        return f"write {glued.group(1)} {glued.group(2)}, with a blank"
    word = re.sub(r"(\dd)?(\(.*)?\Z", "", re.sub(r"[_-]", "", text[:40].lower()))
    meant = _MEANT.get(word, "")
    return f"did you mean {meant}?" if meant.removesuffix(":") in (*ops, "res") else ""


def _argument(text: str, op: str, ops: Collection[str], flags: Collection[str]) -> str:
    """How an argument is written here that was written otherwise."""
    if len(text) > 40:
        return ""
    sizes = _SIZES.match(text if text[0].islower() else text.lower())
    if sizes and sizes.group(1) in _LETTERS:
        letter, first, others = sizes.groups()
        return f"write {letter}{first}{re.sub('[,;xX×*]', 'x', others)}"
    if _NO_COUNT.match(text):
        return f"write {text[0]} and a whole number, such as {text[0]}3"
    value = text.partition("=")[2]
    if value and (value in flags or value in ops):
        return f"write {value}"
    if text in ("bias=false", "bias=False", "bias=0"):
        return "write nobias"
    named = _NAMED.match(text)
    letter = _LETTER_MEANT.get(re.sub("_", "", named.group(1).lower())) if named else None
    if named is None or letter is None:
        return ""
    value = (named.group(2) or "").strip("=:()").replace(",", "x")
    if value in flags:
        return f"write {value}"
    if not letter:
        return f"write {op} {value if value.isdecimal() else 16}: the bare number is that"
    if not value[:1].isdecimal():
        return f"write {letter} and its number as one word, such as {letter}3"
    return f"write {letter}{value}"
