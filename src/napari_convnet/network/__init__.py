"""Room 1, the graph: what a network *is*.

The grammar of layer lines, one class per kind of layer, and the geometry that follows from them:
shapes, parameters, multiply-adds, memory, receptive fields and the regions an output depends on.
Pure Python: it imports no array library.
"""

from .analysis import analyse, name_problem
from .geometry import Field, compose, map_matrix
from .grammar import parse_line
from .graph import INPUT, Layer, Network, Totals
from .items import Extras, Input, Item, parse_input
from .ops import JOINS, OPS, Op, Shape
from .problems import Place, Problem, UserError, WordError, did_you_mean, listed, quoted

__all__ = [
    "INPUT",
    "JOINS",
    "OPS",
    "Extras",
    "Field",
    "Input",
    "Item",
    "Layer",
    "Network",
    "Op",
    "Place",
    "Problem",
    "Shape",
    "Totals",
    "UserError",
    "WordError",
    "analyse",
    "compose",
    "did_you_mean",
    "listed",
    "map_matrix",
    "name_problem",
    "parse_input",
    "parse_line",
    "quoted",
]
