"""Scans with their targets, put together to what a segmentation or a regression is trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..network.problems import UserError, listed
from . import storing
from .contents import Contents, Note
from .dense import PARTS, Dense, Parts, Region, Scan
from .documents import PatchesLike, RegionsLike
from .given import Pair
from .label_checks import class_names
from .notes import joined
from .orientation import voxel_size
from .parts import parts_of
from .patches import Patch
from .rates import differing, rate_of
from .scans import Recipe, prepared
from .settings import Shape, text_of
from .spacing import kernel_note
from .storing import on_disk, size_of

LEAST_PATCHES = 8
"""Patches of a scan in an epoch, at least, where the document does not say how many."""

WHOLE_IMAGE = 2**20
"""Pixels up to which images of one size are trained on whole."""

FOREGROUND = 0.5
"""Share of the patches of a segmentation that are centred on a foreground voxel."""


@dataclass(frozen=True)
class Order:
    """What is to be made of scans.

    Parameters
    ----------
    recipe : Recipe
        How each is prepared.
    classes : tuple of str
        Names of the classes, where they are known.
    fractions : sequence of float
        Shares of training, validation and test.
    seed : int
        Decides which files go where.
    field : tuple of int
        What the network sees along each axis of a scan.
    regions, default : Regions, optional
        As of `parts_of`.
    patches : Patches, optional
        The document's.
    kernels : bool
        Whether the network's kernels suit uneven voxels already.
    """

    recipe: Recipe
    classes: tuple[str, ...]
    fractions: Sequence[float]
    seed: int
    field: tuple[int, ...]
    regions: RegionsLike | None = None
    default: RegionsLike | None = None
    patches: PatchesLike | None = None
    kernels: bool = True


def assembled(pairs: Iterable[Pair], order: Order) -> Dense:
    """Prepare scans, divide them, and say how patches are cut.

    Parameters
    ----------
    pairs : iterable of (Contents, Contents or None, str)
        Scans, their targets, and the volumes that they are slices of, read one at a time.
    order : Order
        What is to be made of them.

    Returns
    -------
    Dense

    Raises
    ------
    UserError
        As `prepared` and `parts_of`; also where nothing is labelled, or no scan has a foreground.
    """
    gathered = _Gathered()
    for image, target, volume in pairs:
        scan = prepared(image, target, order.recipe)
        gathered.add(replace(scan, volume=volume), target)
    if not gathered.scans:
        raise UserError("there are no scans to train on", "name one or more in images:")
    classes: tuple[str, ...] = ()
    notes = list(gathered.notes())
    scans = gathered.scans
    _check_rates(scans)
    if order.recipe.labels:
        shift = 1 if order.recipe.unlabelled == 0 else 0
        highest = max(int(scan.target.max()) for scan in scans)
        classes = class_names(order.classes, gathered.names, max(highest, 0), shift)
        scans, left_out = _labelled(scans, order)
        notes += left_out
    parts, rule = parts_of(
        scans, order.fractions, order.seed, order.field, order.regions, order.default
    )
    notes += rule
    if order.recipe.labels:
        parts, empty = _with_labels(scans, parts)
        notes += empty
    notes += _about_voxels(scans[0], order)
    patch, whole = _patch(scans, parts, order)
    dense = Dense(
        scans=tuple(scans),
        parts=parts,
        classes=classes,
        patch=patch,
        per_volume=_per_volume(scans, parts, patch, order, whole),
        foreground=_foreground(order, whole),
        every=order.recipe.unlabelled is not None,
        notes=joined(notes),
        unit="images" if whole else "patches",
    )
    return replace(dense, notes=(*dense.notes, *_missing_classes(dense)))


def _check_rates(scans: Sequence[Scan]) -> None:
    """Raise if recordings differ in their sampling rate."""
    first = rate_of(scans[0].affine, scans[0].units)
    for scan in scans:
        rate = rate_of(scan.affine, scan.units)
        if first and rate and round(rate) != round(first):
            raise differing((scans[0].name, first), (scan.name, rate))


@dataclass
class _Gathered:
    """Scans as they come in."""

    scans: list[Scan] = field(default_factory=list)
    names: Mapping[int, str] = field(default_factory=dict)

    bytes: int = 0

    def add(self, scan: Scan, target: Contents | None) -> None:
        self.bytes += size_of(scan)
        self.scans.append(scan if self.bytes <= storing.IN_MEMORY else on_disk(scan))
        if target is not None and target.names:
            self.names = target.names

    def notes(self) -> Iterable[Note]:
        return (note for scan in self.scans for note in scan.notes)


def _labelled(scans: list[Scan], order: Order) -> tuple[list[Scan], list[Note]]:
    """Leave out scans in which nothing is labelled, and see that there is a foreground."""
    kept = [scan for scan in scans if scan.target.max() >= 0]
    if not kept:
        value = order.recipe.unlabelled
        raise UserError(
            f"nothing is labelled: every voxel is {value}", "paint or label some of each class"
        )
    notes = [
        Note("left out: nothing in it is labelled", "warning", about=scan.name)
        for scan in scans
        if not any(scan is other for other in kept)
    ]
    if order.recipe.unlabelled is not None:
        return kept, notes
    empty = [scan.name or "a scan" for scan in kept if scan.target.max() == 0]
    if len(empty) == len(kept):
        what = "no voxel is labelled with a class other than the first"
        which = f" ({empty[0]})" if len(empty) == 1 else f" in any of {len(empty)} files"
        raise UserError(what + which, "choose labels with a foreground, numbered from 1")
    if empty:
        names = listed(empty[:6], "and") + (f" and {len(empty) - 6} more" if empty[6:] else "")
        notes.append(Note(f"no voxel of a class other than the first in {names}"))
    return kept, notes


def _with_labels(scans: list[Scan], parts: Parts) -> tuple[Parts, list[Note]]:
    """Leave out regions in which nothing is labelled."""
    notes: list[Note] = []
    kept: dict[str, tuple[Region, ...]] = {}
    for part in PARTS:
        regions: tuple[Region, ...] = getattr(parts, part)
        there = [bool((scans[r.scan].target_in(r.box) >= 0).any()) for r in regions]
        kept[part] = tuple(r for r, has in zip(regions, there, strict=True) if has)
        if regions and not kept[part]:
            if part == "train":
                what = "nothing is labelled in the part that is trained on"
                raise UserError(what, "label voxels there, or choose another regions: or split:")
            notes.append(Note(f"nothing is labelled in the {part} part: no measures", "warning"))
    return Parts(**kept), notes


def _missing_classes(dense: Dense) -> list[Note]:
    """Say which classes cannot be learned, and which cannot be measured."""
    if not dense.classes:
        return []
    notes = []
    for part, done in (("train", "trained on"), ("test", "tested")):
        if not dense.regions(part):  # type: ignore[arg-type]
            continue
        counts = dense.voxels(part)  # type: ignore[arg-type]
        missing = [name for name, n in zip(dense.classes, counts, strict=True) if not n]
        if missing:
            text = f"no voxel of {listed(missing, 'and')} is {done}"
            notes.append(Note(text, "warning" if part == "train" else "note"))
    return notes


def _about_voxels(scan: Scan, order: Order) -> list[Note]:
    if len(scan.size) != 3 or scan.units[-1] == "pixel" or order.recipe.slices or order.kernels:
        return []
    note = kernel_note(voxel_size(scan.affine), scan.units[-1])
    return [note] if note else []


def _patch(scans: Sequence[Scan], parts: Parts, order: Order) -> tuple[Patch, bool]:
    """Decide the size of a patch, and whether it is a whole image."""
    recipe = order.recipe
    channels = int(recipe.input[0] or 1)
    rank = len(recipe.input) - 1
    given = tuple(order.patches.size) if order.patches else ()
    if given:
        return Patch((channels, *_sizes(given, rank, recipe)), recipe.slices), False
    sizes = {scan.size for scan in scans}
    whole = all(region.box == scans[region.scan].whole for region in parts.train)
    if rank == 2 and not recipe.slices and len(sizes) == 1 and whole:
        size = sizes.pop()
        if math.prod(size) <= WHOLE_IMAGE and order.patches is None:
            return Patch((channels, *size)), True
    largest = np.max([scan.size[-rank:] for scan in scans], axis=0).tolist()
    nominal = zip(recipe.input[1:], largest, strict=True)
    size = tuple(most if n is None else n for n, most in nominal)
    return Patch((channels, *size), recipe.slices), False


def _sizes(given: Shape, rank: int, recipe: Recipe) -> Shape:
    if len(given) == 1:
        return given * rank
    if recipe.slices and len(given) == rank + 1:
        # The same text serves a volume and its slices.
        return given[1:]
    if len(given) != rank:
        what = f"patches: {text_of(given)} has {len(given)} sizes, and the input has {rank} axes"
        raise UserError(what, f"write one size, or {rank} joined by x")
    return given


def _per_volume(
    scans: Sequence[Scan], parts: Parts, patch: Patch, order: Order, whole: bool
) -> tuple[int, ...]:
    """Decide how many patches of each scan make an epoch: as many as cover what is trained on."""
    voxels = np.zeros(len(scans), np.int64)
    for region in parts.train:
        voxels[region.scan] += math.prod(hi - lo for lo, hi in region.box)
    given = order.patches.per_volume if order.patches else None
    if given is not None or whole:
        return tuple((given or 1) if n else 0 for n in voxels.tolist())
    one = math.prod(patch.size)
    return tuple(max(LEAST_PATCHES, -(-n // one)) if n else 0 for n in voxels.tolist())


def _foreground(order: Order, whole: bool) -> float:
    if not order.recipe.labels or whole:
        return 0.0
    given = order.patches.foreground if order.patches else None
    return FOREGROUND if given is None else float(given)


def kernels_suit(network: Any) -> bool:
    """Whether some kernel of a network is not the same along all axes: it was thought of."""
    for layer in getattr(network, "layers", ()):
        kernel = getattr(layer.kind, "kernel", None)
        if kernel and len(set(kernel)) > 1:
            return True
    return False
