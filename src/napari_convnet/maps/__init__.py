"""Room 5, what a layer sees.

Feature maps as lazy arrays whose regions are computed exactly and on demand, each with its place
in the world of the input; montages, and the limits and colours to show them with.
"""
