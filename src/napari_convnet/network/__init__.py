"""Room 1, the graph: what a network *is*.

The grammar of layer lines, one class per kind of layer, and the geometry that follows from them:
shapes, parameters, multiply-adds, memory, receptive fields and the regions an output depends on.
Pure Python: it imports no array library.
"""

from .analysis import Analysis, analyse, name_problem
from .geometry import Field, compose, map_matrix
from .grammar import NAME, parse_line
from .graph import INPUT, Layer, Network, Totals
from .items import Block, Extras, Input, Item, Param, RowPath, parse_input
from .ops import JOINS, OPS, Op, Shape
from .problems import Place, Problem, UserError, WordError, did_you_mean, listed, quoted
from .spacing import Spacing, seen

__all__ = [
    "INPUT",
    "JOINS",
    "NAME",
    "OPS",
    "Analysis",
    "Block",
    "Extras",
    "Field",
    "Input",
    "Item",
    "Layer",
    "Network",
    "Op",
    "Param",
    "Place",
    "Problem",
    "RowPath",
    "Shape",
    "Spacing",
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
    "seen",
]
