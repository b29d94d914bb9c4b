"""Backend of synthesis: CPU or CUDA."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from propagate._match_field import Field


def choose_field(backend: str) -> type[Field]:
    """Return what does the work for "auto", "cpu" or "cuda"; "auto" takes CUDA only if a device is there.

    Raises
    ------
    ValueError
        If "cuda" is asked for and there is no usable device.
    """
    problem = None if backend == "cpu" else _cuda_problem()
    if backend == "cuda" and problem is not None:
        raise ValueError(f"backend is 'cuda', but {problem}; use 'cpu' or 'auto'")
    if backend == "cpu" or problem is not None:
        from propagate._match_field import Field

        return Field
    from propagate._search_cuda import CudaField

    return CudaField


def _cuda_problem() -> str | None:
    """Return why CUDA cannot be used, None if it can."""
    if importlib.util.find_spec("numba_cuda") is None and not getattr(numba.config, "ENABLE_CUDASIM", 0):
        return "the numba-cuda package is not installed (extra 'cuda')"
    cuda: Any = importlib.import_module("numba.cuda")
    return None if cuda.is_available() else "no CUDA device answers"
