"""Room 6, fit, evaluate and predict.

The training loop as a generator of events, the losses and metrics, and the run directory that a
training leaves behind.
"""
