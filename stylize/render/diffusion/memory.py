"""Where to compute, in which number format, and what to give up, step by step, when memory runs out."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from stylize.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ladder", "choose_device", "choose_dtype", "is_out_of_memory"]

T = TypeVar("T")
log = logging.getLogger(__name__)

STEPS = {
    "references": "looking at one finished key at a time",
    "no references": "finished keys are held but not looked at",
    "tiling": "decoding the picture in tiles, which may show faint seams",
    "offload": "keeping parts of the model in main memory until they are needed (slower)",
    "sequential offload": "keeping every layer in main memory until it is needed (very slow)",
}
"""What is given up, in this order, and how that is said."""
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")


def choose_device(wanted: str) -> str:
    """Return ``cuda``, ``mps`` or ``cpu``; DeviceError if the one asked for is not here."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, here in there.items() if here)
    if wanted not in there:
        raise UsageError(f"device {wanted!r} is unknown; choose auto, {', '.join(there)}")
    if not there[wanted]:
        raise DeviceError(f"device {wanted} is not on this machine; use --device cpu, or --renderer patch")
    return wanted


def choose_dtype(wanted: str, device: str, family: str) -> Any:
    """Return the number format: half on GPUs, bfloat16 for SDXL where the card has it, full on a processor.

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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA says so by class, a processor and Apple's GPUs in words."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


@dataclass
class Ladder:
    """What has been given up to fit into memory; it is kept for all keys that follow.

    Attributes
    ----------
    device
        Parts can be offloaded from a GPU only.
    given_up
        Names of `STEPS`.
    """

    device: str
    given_up: list[str] = field(default_factory=list)

    def references(self, wanted: int) -> int:
        """How many finished keys are looked at when `wanted` are there."""
        if "no references" in self.given_up:
            return 0
        return min(wanted, 1) if "references" in self.given_up else wanted

    def run(self, attempt: Callable[[], T], apply: Callable[[str], None], references: int) -> T:
        """Return what `attempt` makes, giving up one thing after the other while memory is short.

        Parameters
        ----------
        attempt
            Is called again after each step.
        apply
            Told the name of the step, to act on it.
        references
            Finished keys that would be looked at: steps that change nothing are passed over.

        Raises
        ------
        DeviceError
            If nothing is left to give up.
        """
        while True:
            shortage = ""
            try:
                return attempt()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                shortage = str(error).partition("\n")[0]
            # outside of the handler: the traceback held on to everything that was allocated
            step = self._next(references)
            if step is None:
                raise DeviceError(
                    f"{self.device}: out of memory with everything given up ({shortage}); paint smaller with "
                    "--megapixels, close other programs, or use --device cpu"
                )
            log.warning("out of memory on %s; now %s", self.device, STEPS[step])
            self.given_up.append(step)
            _release(self.device)
            apply(step)

    def _next(self, references: int) -> str | None:
        for step in STEPS:
            useless = (
                (step == "references" and references < 2)
                or (step == "no references" and references < 1)
                or ("offload" in step and self.device != "cuda")
            )
            if step not in self.given_up and not useless:
                return step
        return None


def _release(device: str) -> None:
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()
