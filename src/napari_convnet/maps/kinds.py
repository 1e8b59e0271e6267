"""Numbers as numpy has them and as torch has them: maps are float32 or float64 in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def numpy_kind(dtype: torch.dtype) -> np.dtype[Any]:
    """Give the type of arrays for what is computed in a type of torch: float64, else float32."""
    import torch

    return np.dtype(np.float64 if dtype == torch.float64 else np.float32)


def torch_kind(dtype: np.dtype[Any]) -> torch.dtype:
    """Give torch's type for arrays of float64 or float32."""
    import torch

    return torch.float64 if dtype == np.float64 else torch.float32
