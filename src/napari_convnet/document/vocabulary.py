"""The vocabulary of a document: the words that its settings may be, and what each takes."""

from __future__ import annotations

NORMALISATIONS = {"zscore": (0,), "minmax": (0,), "percentile": (0, 2), "window": (2,)}
"""Words of ``normalize:`` and the counts of numbers that each takes."""
FITS = {"pad": (0, 1, 2, 3), "crop": (0, 1, 2, 3), "resize": (0, 1, 2, 3)}
AUGMENTATIONS = {
    "shift": (1,),
    "flip": (0, 1),
    "noise": (1,),
    "rotate": (1,),
    "scale": (1,),
    "intensity": (1,),
    "gamma": (1,),
    "smooth": (1,),
    "delay": (1,),
    "gain": (1,),
    "swap": (0, 1),
}
EXAMPLES = {
    "window": "window -160 240",
    "percentile": "percentile .5 99.5",
    "pad": "pad 64x64",
    "crop": "crop 64x64",
    "resize": "resize 64x64",
    "shift": "shift 2",
    "flip": "flip x .5",
    "noise": "noise .05",
    "rotate": "rotate 15",
    "scale": "scale .1",
    "intensity": "intensity .1",
    "gamma": "gamma .3",
    "smooth": "smooth 1",
    "delay": "delay 200",
    "gain": "gain 6",
    "swap": "swap .5",
}
"""How each word that takes numbers is written."""
NAMED = {
    "flip": ("x", "y", "z"),
    "rotate": ("x", "y", "z"),
    "intensity": ("contrast", "brightness"),
    "zscore": ("above",),
    "percentile": ("above",),
}
"""Named numbers that words of the tables above take."""
SOURCES = ("digits", "faces", "head", "abdomen", "direction", "recordings")
"""Built-in samples; `napari_convnet.data.SOURCES` says what they are."""
ALIGN = ("none", "labels")
ACCEPTED = ("uneven", "duplicates", "damaged", "q-form")
"""What readers do only if they are told to, by the words of their messages."""
TASKS = ("classify", "segment", "regress")
SCHEDULES = ("constant", "one-cycle")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
OPTIMIZERS: dict[str, dict[str, float]] = {
    "sgd": {"lr": 0.01, "momentum": 0.9, "decay": 0.0},
    "adam": {"lr": 1e-3, "decay": 0.0},
    "adamw": {"lr": 1e-3, "decay": 0.01},
}
"""Optimisers, their settings and the defaults of these."""
LOSSES = {
    "cross-entropy": ("classify", "segment"),
    "dice": ("segment",),
    "focal": ("classify", "segment"),
    "mse": ("regress",),
    "l1": ("regress",),
    "half-squares": ("classify", "regress"),
}
"""Words of ``loss:`` and the tasks that each is for."""
USUAL_LOSS = {
    "classify": ("cross-entropy",),
    "segment": ("dice", "cross-entropy"),
    "regress": ("mse",),
}
"""What each task makes small where the document does not say."""
BALANCES = ("none", "classes")
