"""Room 1, the graph: what a network *is*.

The grammar of layer lines, one class per kind of layer, and the geometry that follows from them:
shapes, parameters, multiply-adds, memory, receptive fields and the regions an output depends on.
Pure Python: it imports no array library.
"""
