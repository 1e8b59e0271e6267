"""Room 8, results as napari layers.

Adds and updates layers, each in its true place over the input, and offers to scripts what the
docks offer to the hand: ``attach(viewer)``.
"""
