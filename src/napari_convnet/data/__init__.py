"""Room 4, images, recordings, scans and their labels.

Readers, the ``Sample`` (array, axes, place in the world, target), datasets with their splits,
normalisation, augmentation, and the data that ship with the package. Importing the room costs numpy
and no more: scikit-image, scipy, Pillow and tifffile are loaded by the functions that need them.
"""

from .augmentation import AUGMENTATIONS, IGNORED, Augmentation, augment, augmentations
from .batching import batches, epoch_order, number_of_batches, prefetch
from .checking import data_problems
from .classified import Classified
from .contents import Choice, Contents, Header, Note, Reader, Refusal
from .dataset import Dataset, Images, dataset_from_arrays
from .dense import PARTS, Dense, Part, Parts, Region, Scan
from .directions import DIRECTIONS, direction, heard_from, placed
from .examples import Batch, Box, Examples
from .fitting import FITS, fit
from .gathering import load_examples
from .loading import check_size, load_dataset
from .normalisation import NORMALISATIONS, Normalisation, normalisation, normalise
from .orientation import closest_canonical, describe
from .placement import check_same_place, resample_like, same_place
from .preparation import prepare, resampled
from .rates import to_rate
from .readers import READERS, parts_of, read_contents, read_header, read_sample
from .sample import Sample, sample_as_it_came, sample_from_array
from .samples import (
    FACE_CLASSES,
    ORGANS,
    PHOTOGRAPHS,
    RECORDINGS,
    TISSUES,
    abdomen,
    bump,
    digits,
    faces,
    head,
    line,
    photograph,
    recording,
    recordings,
    sample_path,
)
from .settings import SettingLike, Word
from .sounds import Recording
from .sources import SOURCES, ScanSource, SoundSource, Source
from .spacing import to_spacing
from .splitting import Split, split
from .windows import Windows, cut_windows
from .write import write_nifti, write_tiff

__all__ = [
    "AUGMENTATIONS",
    "DIRECTIONS",
    "FACE_CLASSES",
    "FITS",
    "IGNORED",
    "NORMALISATIONS",
    "ORGANS",
    "PARTS",
    "PHOTOGRAPHS",
    "READERS",
    "RECORDINGS",
    "SOURCES",
    "TISSUES",
    "Augmentation",
    "Batch",
    "Box",
    "Choice",
    "Classified",
    "Contents",
    "Dataset",
    "Dense",
    "Examples",
    "Header",
    "Images",
    "Normalisation",
    "Note",
    "Part",
    "Parts",
    "Reader",
    "Recording",
    "Refusal",
    "Region",
    "Sample",
    "Scan",
    "ScanSource",
    "SettingLike",
    "SoundSource",
    "Source",
    "Split",
    "Windows",
    "Word",
    "abdomen",
    "augment",
    "augmentations",
    "batches",
    "bump",
    "check_same_place",
    "check_size",
    "closest_canonical",
    "cut_windows",
    "data_problems",
    "dataset_from_arrays",
    "describe",
    "digits",
    "direction",
    "epoch_order",
    "faces",
    "fit",
    "head",
    "heard_from",
    "line",
    "load_dataset",
    "load_examples",
    "normalisation",
    "normalise",
    "number_of_batches",
    "parts_of",
    "photograph",
    "placed",
    "prefetch",
    "prepare",
    "read_contents",
    "read_header",
    "read_sample",
    "recording",
    "recordings",
    "resample_like",
    "resampled",
    "same_place",
    "sample_as_it_came",
    "sample_from_array",
    "sample_path",
    "split",
    "to_rate",
    "to_spacing",
    "write_nifti",
    "write_tiff",
]
