"""Room 4, images, recordings, scans and their labels.

Readers, the ``Sample`` (array, axes, place in the world, target), datasets with their splits,
normalisation, augmentation, and the data that ship with the package.
"""
