"""Room 6, fit, evaluate and predict.

The training loop as a generator of events, the losses and metrics, and the run directory that a
training leaves behind. Importing the room costs numpy: torch is loaded when `train`, `evaluate`,
`predict` or `load` is first asked for, so that a window may follow a run without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .control import Control
from .events import (
    Epoch,
    Event,
    Failed,
    Finished,
    Paused,
    Resumed,
    Snapshot,
    Started,
    Step,
)
from .predicting import Predicting, Regressed, Segmentation, save_prediction, write_table
from .results import Evaluation, Prediction, RegressionEvaluation
from .run import Run, new_run
from .schedule import learning_rate

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .loading import Loaded, load
    from .loop import train
    from .prediction import predict

__all__ = [
    "Control",
    "Epoch",
    "Evaluation",
    "Event",
    "Failed",
    "Finished",
    "Loaded",
    "Paused",
    "Predicting",
    "Prediction",
    "Regressed",
    "RegressionEvaluation",
    "Resumed",
    "Run",
    "Segmentation",
    "Snapshot",
    "Started",
    "Step",
    "evaluate",
    "learning_rate",
    "load",
    "new_run",
    "predict",
    "save_prediction",
    "train",
    "write_table",
]

# Names that need torch -> the module that they come from.
_LATER = {
    "Loaded": "loading",
    "evaluate": "evaluation",
    "load": "loading",
    "predict": "prediction",
    "train": "loop",
}


def __getattr__(name: str) -> object:
    """Load a name that needs torch at its first use (PEP 562)."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
