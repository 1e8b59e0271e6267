"""DICOM: files, folders of one or several series, DICOMDIR, multi-frame files, segmentations.

``files`` finds files and reads them without trust, ``headers`` takes the pictures and their places
out of them (``pictures`` is what that gives, ``levels`` and ``values`` where from), ``grouping``
sorts them into series, ``stacking`` orders them by ``geometry`` (pure functions), ``pixels``
decodes them, what may die of it ``apart``, ``segments`` puts labels together, and ``reading`` does
it all. pydicom is imported when a file is read.
"""

from .files import SUFFIXES, is_dicom
from .reading import dicom_parts, look_at_dicom, read_dicom

__all__ = ["SUFFIXES", "dicom_parts", "is_dicom", "look_at_dicom", "read_dicom"]
