"""Recordings (.wav, .flac, .ogg), read by soundfile.

A recording becomes an array (ear, time), with seconds along time. libsndfile reads what is left of
a file that was cut short without a word, so the file's own marks of its end are looked at too.
"""

from .about import MOST_VALUES
from .ears import EAR_AXES, check_ears, ears_note
from .reading import DAMAGED, SOUNDS, look_at_sound, read_sound

__all__ = [
    "DAMAGED",
    "EAR_AXES",
    "MOST_VALUES",
    "SOUNDS",
    "check_ears",
    "ears_note",
    "look_at_sound",
    "read_sound",
]
