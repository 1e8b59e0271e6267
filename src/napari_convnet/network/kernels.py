"""Hand-made kernels by name, with the values the literature gives.

Kernels are applied as cross-correlation, so that what is printed here is what is laid over the map:
``sobel_x`` answers positively where values grow along x. The axes x, y and z are the last, the
second last and the third last one. Only ``gauss`` and ``box`` are divided by their sum; the others
keep their published whole numbers. A kernel known in 2D only is carried over to 1D and 3D by the
rule that makes the published one, which the function's docstring states.

Examples
--------
>>> named("sobel_x", (3, 3))
((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
>>> named("gauss", (3,))
(0.25, 0.5, 0.25)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from .problems import UserError, did_you_mean, listed, quoted

Nested: TypeAlias = float | tuple["Nested", ...]
"""Numbers in as many levels of tuples as there are axes."""

MOST_WIDE, MOST_VALUES = 999, 100_000
"""Largest size along an axis, and number of values, of a named kernel."""

_Size = tuple[int, ...]
_At = Callable[[_Size], float]
_AXES = ("x", "y", "z")
_DERIVATIVE = (-1.0, 0.0, 1.0)


def named(name: str, shape: tuple[int, ...]) -> Nested:
    """Give the values of a named kernel.

    Parameters
    ----------
    name : str
        One of `names`.
    shape : tuple of int
        Its size per spatial axis, in array order (z, y, x).

    Returns
    -------
    nested tuple of float
        One level per axis.

    Raises
    ------
    UserError
        Where there is no such kernel, or none of that size or number of axes.
    """
    if math.prod(shape) > MOST_VALUES or max(shape, default=1) > MOST_WIDE:
        sizes = "x".join(map(str, shape))
        fix = f"named kernels are at most {MOST_WIDE} wide, with {MOST_VALUES:,} values in all"
        raise UserError(f"{quoted(name)} of {sizes} is too large", fix)
    if name not in _KERNELS:
        fix = did_you_mean(name, _KERNELS, f"there are {listed(_KERNELS, 'and')}")
        raise UserError(f"unknown kernel {quoted(name)}", fix)
    return _KERNELS[name](name, shape)


def names() -> tuple[str, ...]:
    """List the names of the kernels, in the order of the language reference."""
    return tuple(_KERNELS)


# ---------------------------------------------------------------- building and checking


def _filled(shape: _Size, at: _At, index: _Size = ()) -> Nested:
    """Nest the values that `at` gives for each index."""
    if len(index) == len(shape):
        return float(at(index))
    return tuple(_filled(shape, at, (*index, i)) for i in range(shape[len(index)]))


def _separable(factors: Sequence[Sequence[float]]) -> Nested:
    """Multiply one factor per axis."""
    shape = tuple(map(len, factors))
    columns = tuple(factors)
    return _filled(
        shape, lambda index: math.prod(f[i] for f, i in zip(columns, index, strict=True))
    )


def _spelled(shape: Sequence[int]) -> str:
    return "k" + (str(shape[0]) if len(set(shape)) == 1 else "x".join(map(str, shape)))


def _need_three(name: str, shape: _Size) -> None:
    if any(n != 3 for n in shape):
        raise UserError(f"{name} is 3 wide, not {'x'.join(map(str, shape))}", "write k3")


def _need_middle(name: str, shape: _Size, axes: Sequence[int]) -> None:
    """Refuse even sizes on the axes that need a middle."""
    if any(shape[axis] % 2 == 0 for axis in axes):
        odd = [n + 1 - n % 2 if axis in axes else n for axis, n in enumerate(shape)]
        raise UserError(
            f"{name} has a middle, which a kernel of {'x'.join(map(str, shape))} lacks",
            f"use an odd size, for example {_spelled(odd)}",
        )


def _need_rank(name: str, shape: _Size, rank: int) -> None:
    if len(shape) < rank:
        kind = {1: "a 1D kernel", 2: "a 2D kernel"}.get(len(shape), "one without spatial axes")
        raise UserError(
            f"{name} needs {rank} spatial axes, but here it would be {kind}",
            f"use a kernel that {len(shape)} axes can hold, for example identity",
        )


def _centre(shape: _Size) -> _Size:
    return tuple(n // 2 for n in shape)


# ---------------------------------------------------------------- derivatives


def _derivative(name: str, shape: _Size, smooth: tuple[float, float, float]) -> Nested:
    """(-1, 0, 1) along the axis that the name ends with, `smooth` along the others."""
    along = _AXES.index(name[-1]) + 1
    _need_rank(name, shape, along)
    _need_three(name, shape)
    factors = [smooth] * len(shape)
    factors[-along] = _DERIVATIVE
    return _separable(factors)


def _sobel(name: str, shape: _Size) -> Nested:
    """Sobel-Feldman operator: derivative (-1, 0, 1), smoothing (1, 2, 1) across it.

    References
    ----------
    Sobel and Feldman, A 3x3 isotropic gradient operator for image processing, Stanford Artificial
    Intelligence Project (1968); in print in Pingle, Visual perception by a computer (1969), and in
    Duda and Hart, Pattern classification and scene analysis (1973), p. 271.
    """
    return _derivative(name, shape, (1.0, 2.0, 1.0))


def _scharr(name: str, shape: _Size) -> Nested:
    """Scharr operator: derivative (-1, 0, 1), smoothing (3, 10, 3) across it.

    References
    ----------
    Scharr, Optimale Operatoren in der digitalen Bildverarbeitung, dissertation, Heidelberg (2000);
    the whole-number form as in Jaehne, Scharr and Koerkel, Principles of filter design, in Handbook
    of computer vision and applications 2 (1999).
    """
    return _derivative(name, shape, (3.0, 10.0, 3.0))


def _prewitt(name: str, shape: _Size) -> Nested:
    """Prewitt operator: derivative (-1, 0, 1), smoothing (1, 1, 1) across it.

    References
    ----------
    Prewitt, Object enhancement and extraction, in Picture processing and psychopictorics (1970).
    """
    return _derivative(name, shape, (1.0, 1.0, 1.0))


def _laplace(name: str, shape: _Size) -> Nested:
    """Discrete Laplacian: 1 at the direct neighbours, minus their number in the middle.

    References
    ----------
    The five-point formula: Abramowitz and Stegun, Handbook of mathematical functions (1964),
    25.3.30; (1, -2, 1) in 1D and the seven-point formula in 3D by the same rule.
    """
    _need_rank(name, shape, 1)
    _need_three(name, shape)

    def at(index: _Size) -> float:
        away = sum(abs(i - 1) for i in index)
        return -2.0 * len(shape) if away == 0 else float(away == 1)

    return _filled(shape, at)


# ---------------------------------------------------------------- smoothing


def _gauss(name: str, shape: _Size) -> Nested:
    """Binomial approximation of a Gaussian, of variance (k - 1) / 4: (1, 2, 1) / 4 and so on.

    In 2D, k3 is the well-known (1 2 1, 2 4 2, 1 2 1) / 16.

    References
    ----------
    Burt and Adelson, The Laplacian pyramid as a compact image code, IEEE Trans. Communications 31
    (1983), weights (1, 4, 6, 4, 1) / 16 for a = 0.375; binomial filters in Jaehne, Digital image
    processing (2005), section 11.4.
    """
    _need_rank(name, shape, 1)
    return _separable([[math.comb(n - 1, i) / 2 ** (n - 1) for i in range(n)] for n in shape])


def _box(name: str, shape: _Size) -> Nested:
    """Mean of the window.

    References
    ----------
    Gonzalez and Woods, Digital image processing, 4th edition (2018), section 3.5.
    """
    _need_rank(name, shape, 1)
    return _filled(shape, lambda index: 1 / math.prod(shape))


# ---------------------------------------------------------------- effects


def _sharpen(name: str, shape: _Size) -> Nested:
    """Identity minus the Laplacian: 5 in the middle, -1 at the direct neighbours, in 2D.

    References
    ----------
    Gonzalez and Woods, Digital image processing, 4th edition (2018), section 3.6.
    """
    _need_rank(name, shape, 1)
    _need_three(name, shape)

    def at(index: _Size) -> float:
        away = sum(abs(i - 1) for i in index)
        return 1.0 + 2.0 * len(shape) if away == 0 else -float(away == 1)

    return _filled(shape, at)


def _emboss(name: str, shape: _Size) -> Nested:
    """Emboss (-2 -1 0, -1 1 1, 0 1 2): the sum of a place's offsets, and 1 in the middle.

    References
    ----------
    Powell, Image kernels explained visually, setosa.io/ev/image-kernels (2014), the form that image
    editors use; 1D and 3D by the same rule.
    """
    _need_rank(name, shape, 1)
    _need_three(name, shape)
    return _filled(shape, lambda at: 1.0 if at == _centre(shape) else float(sum(i - 1 for i in at)))


def _identity(name: str, shape: _Size) -> Nested:
    """One in the middle, zero elsewhere: gives the map back.

    References
    ----------
    The unit impulse of Gonzalez and Woods, Digital image processing, 4th edition (2018),
    section 3.4.
    """
    _need_middle(name, shape, range(len(shape)))
    return _filled(shape, lambda index: float(index == _centre(shape)))


def _line(name: str, shape: _Size) -> Nested:
    """Ones on the line through the middle along x (``line_h``) or y (``line_v``), else zero.

    References
    ----------
    The template of a line, matched by correlation: Duda and Hart, Pattern classification and scene
    analysis (1973), section 7.4.
    """
    _need_rank(name, shape, 2)
    along = len(shape) - (1 if name == "line_h" else 2)
    across = [axis for axis in range(len(shape)) if axis != along]
    _need_middle(name, shape, across)
    centre = _centre(shape)
    return _filled(shape, lambda index: float(all(index[a] == centre[a] for a in across)))


def _gabor(name: str, shape: _Size) -> Nested:
    """Even Gabor filter: a cosine along x under a Gaussian twice as long across x.

    The wavelength is (k + 1) / 2 for a kernel k wide; deviation 0.56 wavelengths along x (a
    bandwidth of one octave), aspect ratio 0.5.

    References
    ----------
    Daugman, Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters, J. Opt. Soc. Am. A 2 (1985); the ratios
    from Petkov and Kruizinga, Computational models of visual neurons specialised in the detection
    of periodic and aperiodic oriented visual stimuli, Biol. Cybernetics 76 (1997).
    """
    _need_rank(name, shape, 1)
    if shape[-1] < 3:
        raise UserError(f"gabor needs a width of at least 3, not {shape[-1]}", "write k3 or more")
    wavelength = (shape[-1] + 1) / 2
    deviation = 0.56 * wavelength

    def at(index: _Size) -> float:
        *across, x = (i - (n - 1) / 2 for i, n in zip(index, shape, strict=True))
        distance = x**2 + 0.25 * sum(y**2 for y in across)
        return math.exp(-distance / (2 * deviation**2)) * math.cos(2 * math.pi * x / wavelength)

    return _filled(shape, at)


_KERNELS: Mapping[str, Callable[[str, _Size], Nested]] = {
    **{f"sobel_{axis}": _sobel for axis in _AXES},
    **{f"scharr_{axis}": _scharr for axis in _AXES},
    **{f"prewitt_{axis}": _prewitt for axis in _AXES},
    "laplace": _laplace,
    "gauss": _gauss,
    "sharpen": _sharpen,
    "emboss": _emboss,
    "box": _box,
    "identity": _identity,
    "line_h": _line,
    "line_v": _line,
    "gabor": _gabor,
}

__all__ = ["Nested", "named", "names"]
