"""Room 3, the graph as torch.

The torch twin of each kind of layer, the builder of modules with readable parameter names,
hand-made kernels, and weights in and out of files.
"""
