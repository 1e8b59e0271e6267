"""Weights that other programs wrote: a state dict in torchvision's names, matched by structure.

There is no table of names: compared are the order in which the layers of a network run and the
shapes of their tensors. Names are read as the tree of modules that they are (`layer1.0.conv1` lies
in `layer1.0`, which lies in `layer1`), and two things are taken for granted:

- the layers of a module run one after the other, none of another module's in between;
- modules alike in all shapes run in the order of their numbers (`conv1` before `conv2`), or, where
  they have none, in the order of a file that keeps the order in which they were made.

In which order the parts of a module run is found out: the one order in which every tensor has the
shape of the layer that runs then. Where several fit, the graph decides. First by layers that are
numbered in a row (`conv1`, `conv2`, `conv3`): they feed each other (a ResNet's projection has the
shape of its main path's last convolution). Then by modules, which are parts with few ways in and
out (a residual block is not cut in its middle). Where that does not decide either, nothing is
loaded and the error says so.
"""

from .matching import match
from .naming import is_outside, own_shapes, renamed
from .tree import COUNTER

__all__ = ["COUNTER", "is_outside", "match", "own_shapes", "renamed"]
