"""Device of learned models: choice of device and dtype, free memory, out-of-memory errors."""

from __future__ import annotations

import os
from typing import Any

from stylize.errors import DeviceError, UsageError

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")
"""Parts of the messages with which torch reports a lack of memory on CPUs and Apple GPUs."""


def choose_device(wanted: str, instead: str = "--renderer patch") -> str:
    """Return the device to compute on: ``cuda``, ``mps`` or ``cpu``.

    Parameters
    ----------
    wanted
        One of these, or ``auto`` for the first that is available.
    instead
        The option that needs no model, for the error message.

    Raises
    ------
    UsageError
        If `wanted` is unknown.
    DeviceError
        If it is not available.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, found in available.items() if found)
    if wanted not in available:
        raise UsageError(f"unknown device {wanted!r}; choose auto, {', '.join(available)}")
    if not available[wanted]:
        raise DeviceError(f"device {wanted} is not available; use --device cpu, or {instead}")
    return wanted


def choose_dtype(wanted: str, device: str, family: str) -> Any:
    """Return the torch dtype: float16 on GPUs, bfloat16 for SDXL where the GPU supports it, float32 on CPUs.

    SDXL's decoder overflows in float16; bfloat16 has the range of float32.
    """
    import torch

    if wanted != "auto":
        return getattr(torch, wanted)
    if device == "cpu":
        return torch.float32
    if device == "cuda" and family == "sdxl" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float16


def free_bytes(device: str) -> float:
    """Return the free memory of the device in bytes; infinity where it is unknown."""
    import torch

    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    if device == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # not reported on this system
        return float("inf")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out; CUDA raises a class of its own, CPUs and Apple GPUs only have a message."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _MESSAGES)
