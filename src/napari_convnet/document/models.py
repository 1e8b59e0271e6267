"""The sections of a pipeline: data and training, as checked models.

Messages of their validators read ``what; fix``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from napari_convnet.network import did_you_mean, listed, quoted

from .cutting import Patches, Regions, parse_patches, parse_regions, parse_spacing
from .settings import Setting, parse_list, parse_setting, parse_sum
from .vocabulary import (
    ACCEPTED,
    ALIGN,
    AUGMENTATIONS,
    BALANCES,
    EXAMPLES,
    FITS,
    LOSSES,
    NAMED,
    NORMALISATIONS,
    OPTIMIZERS,
    PRECISIONS,
    SCHEDULES,
    SOURCES,
    TASKS,
    USUAL_LOSS,
)


def _one_of(what: str, *words: str) -> Any:
    """A validator that knows its words and suggests the nearest."""

    def check(value: Any) -> Any:
        if _line(value) not in words:
            near = did_you_mean(value, words, f"write {listed(words)}")
            raise ValueError(f"unknown {what} {quoted(value)}; {near}")
        return value

    return BeforeValidator(check)


def _checked(what: str, setting: Setting, words: Mapping[str, tuple[int, ...]]) -> Setting:
    """Check a setting's word, and that it has one of the counts of numbers that the word takes."""
    if setting.word not in words:
        near = did_you_mean(setting.word, words, f"write {listed(words)}")
        raise ValueError(f"unknown {what} {quoted(setting.word)}; {near}")
    counts = words[setting.word]
    # Named numbers may stand in the place of bare ones: rotate 15, or rotate z 15 y 5.
    named = setting.word in NAMED and bool(setting.words) and not setting.numbers
    if len(setting.numbers) not in counts and not named:
        if not any(counts):
            raise ValueError(f"{setting.word} takes no number; write {setting.word} alone")
        plural = "number" if counts == (1,) else "numbers"
        raise ValueError(
            f"{setting.word} takes {listed(map(str, counts))} {plural}, not "
            f"{len(setting.numbers)}; for example {EXAMPLES[setting.word]}"
        )
    for name, _ in setting.words:
        if name not in NAMED.get(setting.word, ()):
            near = did_you_mean(name, NAMED.get(setting.word, ()), "delete it")
            raise ValueError(f"{setting.word} has no {quoted(name)}; {near}")
    return setting


def _line(value: Any) -> str:
    """Take one line of text only: no list, no mapping."""
    if not isinstance(value, str):
        raise ValueError("one line of text belongs here; write it behind the colon")
    return value


def _setting(what: str, words: Mapping[str, tuple[int, ...]]) -> Any:
    """A setting whose word is one of `words`, each with the counts of numbers that it takes."""

    def check(value: Any) -> Any:
        setting = value if isinstance(value, Setting) else parse_setting(_line(value))
        return _ascending(_checked(what, setting, words))

    return BeforeValidator(check)


def _ascending(setting: Setting) -> Setting:
    """Check that a range such as ``window -160 240`` runs upwards."""
    if setting.word in ("window", "percentile") and sorted(set(setting.numbers)) != list(
        setting.numbers
    ):
        raise ValueError(f"{setting} runs downwards; write the lower number first")
    if setting.word == "percentile" and not all(0 <= n <= 100 for n in setting.numbers):
        raise ValueError(f"{setting} does not fit; percentiles go from 0 to 100")
    return setting


def _names(value: Any) -> Any:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError("a list of names belongs here; write them in brackets: [first, second]")
    doubled = [name for name, count in Counter(value).items() if count > 1]
    if doubled:
        raise ValueError(f"{quoted(min(doubled))} stands here twice; keep one of them")
    return tuple(value)


def _accepted(value: Any) -> Any:
    words = _names(value)
    for word in words:
        if word not in ACCEPTED:
            near = did_you_mean(word, ACCEPTED, f"write {listed(ACCEPTED)}")
            raise ValueError(f"nothing is called {quoted(word)} that could be accepted; {near}")
    return words


def _split(value: Any) -> Any:
    if isinstance(value, tuple):
        return value
    line = _line(value)
    try:
        parts = [float(part) for part in line.split("/")]
    except ValueError:
        parts = []
    # Written so that "nan" fails too.
    whole = len(parts) in (2, 3) and abs(sum(parts) - 100) < 1e-6
    if not whole or min(parts) < 0 or parts[0] == 0:
        raise ValueError(
            f"cannot read the split {quoted(line)}; write train/validation/test in per cent, such "
            "as 70/15/15, or train/test, such as 80/20"
        )
    train, *others = (part / 100 for part in parts)
    return (train, 0.0, others[0]) if len(others) == 1 else (train, *others)


def _number(low: float, high: float, whole: bool = False) -> Any:
    def check(value: Any) -> Any:
        kind = "a whole number" if whole else "a number"
        fix = f"write {kind} from {low:,} to {high:,}"
        line = str(value) if isinstance(value, int | float) else _line(value)
        try:
            number = float(line)
        except ValueError:
            raise ValueError(f"{quoted(line)} is no number; {fix}") from None
        if not low <= number <= high or (whole and number != int(number)):
            raise ValueError(f"{quoted(line)} does not fit; {fix}")
        return int(number) if whole else number

    return BeforeValidator(check)


def _unlabelled(value: Any) -> Any:
    if value == "none":
        return None
    if isinstance(value, str) and value.strip().isalpha():
        raise ValueError(
            f"{quoted(value)} is no value of labels; write the one that means not labelled, or none"
        )
    return _number(-(2**31), 2**31, whole=True).func(value)


def _line_of(parse: Callable[[Any], Any]) -> Any:
    """A value that is one line of text in the document."""
    return BeforeValidator(parse, json_schema_input_type=str)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Data(_Section):
    """Where images and labels come from.

    Parameters
    ----------
    source : str
        Name of a built-in sample, such as ``digits``.
    images, labels : str
        A pattern (``scans/*_ct.nii.gz``), a folder or a file, relative to the document. The labels
        of a pattern's images are found by the text under its ``*``. To classify: a folder with one
        folder per class, or a file of images and one of labels.
    classes : tuple of str
        Names of the classes, from 0.
    unlabelled : int or None
        Label value that means "not labelled"; with 0, as in painted layers, class = label - 1.
    align : {"none", "labels"}
        labels: labels that do not lie over their image are resampled to its voxels.
    accept : tuple of str
        What readers may do that they refuse else: read slices that are ``uneven`` as if they were
        even, the first of ``duplicates``, what there is of ``damaged`` files, a scan that lies
        twice by its ``q-form``.
    spacing : tuple of float or None
        Millimetres to which scans are resampled, linearly (labels: the nearest).
    rate : int or None
        Samples per second to which recordings are resampled.
    normalize : Setting or None
        zscore, minmax, percentile LOW HIGH or window LOW HIGH; ``zscore above 0`` takes its
        statistics of the values above 0 only.
    fit : Setting or None
        How images of other sizes are made to fit: pad, crop or resize.
    split : tuple of float
        Parts for training, validation and test.
    regions : Regions or None
        How scans are divided into these parts, each with its share of what is labelled: an axis
        (``-y``: from its end), ``gap N``, ``slabs N``. Without it whole files are, where there are
        enough.
    patches : Patches or None
        How patches are cut: their size (else the input's), ``per-volume N`` in an epoch (else as
        many as cover what is trained on), ``foreground SHARE`` (else half of them).
    """

    source: Annotated[str, _one_of("source", *SOURCES)] = ""
    images: str = ""
    labels: str = ""
    classes: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    unlabelled: Annotated[int | None, BeforeValidator(_unlabelled)] = None
    align: Annotated[str, _one_of("alignment", *ALIGN)] = "none"
    accept: Annotated[tuple[str, ...], BeforeValidator(_accepted)] = ()
    spacing: Annotated[tuple[float, ...], _line_of(parse_spacing)] | None = None
    rate: Annotated[int, _number(1, 10**7, whole=True)] | None = None
    normalize: Annotated[Setting, _setting("normalisation", NORMALISATIONS)] | None = None
    fit: Annotated[Setting, _setting("fit", FITS)] | None = None
    split: Annotated[tuple[float, float, float], BeforeValidator(_split)] = (0.7, 0.15, 0.15)
    regions: Annotated[Regions, _line_of(parse_regions)] | None = None
    patches: Annotated[Patches, _line_of(parse_patches)] | None = None


class Optimizer(_Section):
    """How weights are changed.

    Parameters
    ----------
    name : {"sgd", "adam", "adamw"}
        The method.
    lr : float
        Learning rate; the highest one of a one-cycle schedule.
    momentum : float
        Of sgd.
    decay : float
        Weight decay.
    """

    name: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.0
    decay: float = 0.0

    def __str__(self) -> str:
        words = [f"{key} {getattr(self, key):g}" for key in OPTIMIZERS[self.name]]
        return " ".join([self.name, *words])


def _optimizer(value: Any) -> Any:
    if isinstance(value, Optimizer):
        return value
    setting = parse_setting(_line(value))
    if setting.word not in OPTIMIZERS:
        near = did_you_mean(setting.word, OPTIMIZERS, f"write {listed(OPTIMIZERS)}")
        raise ValueError(f"unknown optimizer {quoted(setting.word)}; {near}")
    known = OPTIMIZERS[setting.word]
    if setting.numbers:
        raise ValueError(
            f"say what {setting.numbers[0]:g} is; write {setting.word} lr "
            f"{setting.numbers[0]:g} if it is the learning rate"
        )
    for word, number in setting.words:
        if word not in known:
            near = did_you_mean(word, known, f"it has {listed(known, 'and')}")
            raise ValueError(f"{setting.word} has no {quoted(word)}; {near}")
        if number < 0 or (word == "lr" and number == 0) or (word == "momentum" and number >= 1):
            raise ValueError(f"{word} {number:g} does not fit; {_bounds(word)}")
    return Optimizer(name=setting.word, **{**known, **dict(setting.words)})


def _bounds(word: str) -> str:
    return {"lr": "it is above 0", "momentum": "it is from 0 to below 1"}.get(
        word, "it is 0 or more"
    )


def _loss(value: Any, info: ValidationInfo) -> Any:
    """Read the losses; those of the task where there are none."""
    task = info.data.get("task")  # None where it is wrong itself
    if not value:
        return USUAL_LOSS.get(str(task), ())
    if isinstance(value, tuple):
        return value
    settings = parse_sum(_line(value))
    for setting in settings:
        _checked("loss", setting, dict.fromkeys(LOSSES, (0,)))
    words = tuple(setting.word for setting in settings)
    unfit = next((word for word in words if task and task not in LOSSES[word]), "")
    if unfit:
        fitting = listed(word for word, tasks in LOSSES.items() if task in tasks)
        raise ValueError(f"the loss {unfit} does not fit the task {task}; write {fitting}")
    return words


class Train(_Section):
    """How the network is trained.

    Parameters
    ----------
    task : {"classify", "segment", "regress"}
        What it learns: a class per image, a class per voxel, or values per voxel (those of the
        images in ``labels:``; without them the image itself, so that ``augment: noise .1`` makes a
        network that takes noise away).
    loss : tuple of str
        Losses, added up; those usual for the task where none are given.
    balance : {"none", "classes"}
        Whether rare classes count as much as frequent ones in cross-entropy and focal.
    optimizer : Optimizer
        How weights are changed.
    schedule : {"constant", "one-cycle"}
        How the learning rate runs.
    epochs, batch : int
        Passes over the training images, and images per step.
    precision : str
        Number format of the computation; auto picks what the device does well.
    seed : int
        Seed of weights, order, augmentation and dropout.
    """

    task: Annotated[Literal["classify", "segment", "regress"], _one_of("task", *TASKS)] = "classify"
    loss: Annotated[tuple[str, ...], BeforeValidator(_loss)] = Field((), validate_default=True)
    balance: Annotated[str, _one_of("balance", *BALANCES)] = "none"
    optimizer: Annotated[Optimizer, BeforeValidator(_optimizer)] = Optimizer()
    schedule: Annotated[str, _one_of("schedule", *SCHEDULES)] = "constant"
    epochs: Annotated[int, _number(1, 10**6, whole=True)] = 10
    batch: Annotated[int, _number(1, 10**6, whole=True)] = 64
    precision: Annotated[str, _one_of("precision", *PRECISIONS)] = "auto"
    seed: Annotated[int, _number(0, 2**31 - 1, whole=True)] = 0


def _augment(value: Any) -> Any:
    given = list(value) if isinstance(value, list | tuple) else value
    if not isinstance(given, str) and not (
        isinstance(given, list) and all(isinstance(one, str) for one in given)
    ):
        raise ValueError("a list of settings belongs here; for example flip, shift 2")
    return tuple(_checked("augmentation", one, AUGMENTATIONS) for one in parse_list(given))


class Sections(_Section):
    """All of a document but its network, for the schema that editors use."""

    title: str = ""
    input: str = ""
    data: Data | None = None
    augment: Annotated[tuple[Setting, ...], BeforeValidator(_augment)] = ()
    weights: str = ""
    train: Train = Field(default_factory=Train)
    show: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()


KEYS = ("title", "input", "data", "augment", "blocks", "net", "weights", "train", "show")
"""Keys of a document, in their usual order."""
