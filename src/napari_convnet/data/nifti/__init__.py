"""NIfTI files (.nii, .nii.gz, .hdr with .img) and their forerunner, Analyze.

nibabel reads them. A NIfTI file may say twice, once or never where its voxels lie; what was found
and which was taken is always told. The voxels stay where nibabel puts them.
"""

from .place import Q_FORM
from .reading import look_at_nifti, read_nifti

__all__ = ["Q_FORM", "look_at_nifti", "read_nifti"]
