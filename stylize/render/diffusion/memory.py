"""Memory-saving fallbacks of diffusion, applied one by one when memory runs out."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from stylize.errors import DeviceError
from stylize.models.device import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")
log = logging.getLogger(__name__)

STEPS = {
    "batch": "painting one key at a time",
    "references": "looking at one finished key at a time",
    "no references": "finished keys are held but not looked at",
    "tiling": "decoding the picture in tiles, which may show faint seams",
    "offload": "keeping parts of the model in main memory until they are needed (slower)",
    "layer offload": "keeping every layer in main memory until it is needed (very slow)",
}
"""What is given up, in this order, and how that is said."""


@dataclass
class MemoryFallback:
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

    def together(self, wanted: int) -> int:
        """How many keys are painted at once when `wanted` could be."""
        return 1 if "batch" in self.given_up else wanted

    def references(self, wanted: int) -> int:
        """How many finished keys are looked at when `wanted` are there."""
        if "no references" in self.given_up:
            return 0
        return min(wanted, 1) if "references" in self.given_up else wanted

    @property
    def offloading(self) -> str:
        """The way in which weights are kept in main memory; empty while they are on the device."""
        return next((step for step in reversed(self.given_up) if "offload" in step), "")

    def run(
        self,
        attempt: Callable[[], T],
        apply: Callable[[str], None],
        references: int,
        keys: int = 1,
        *,
        passing: Collection[str] = (),
        spare: Callable[[], bool] = lambda: False,
    ) -> T:
        """Return what `attempt` makes, giving up one thing after the other while memory is short.

        Parameters
        ----------
        attempt
            Is called again after each step.
        apply
            Told the name of the step, to act on it.
        references
            Finished keys that would be looked at: steps that change nothing are passed over.
        keys
            That would be painted together; likewise.
        passing
            More steps that are passed over.
        spare
            Lets go of what is not needed now; returns whether there was anything. It comes before all steps.

        Raises
        ------
        DeviceError
            If nothing is left to give up.
        """
        step: str | None = None
        while True:
            shortage = ""
            try:
                if step is not None:
                    apply(step)  # which moves weights, and so may run short itself
                return attempt()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                shortage = str(error).partition("\n")[0]
            # outside of the handler: the traceback held on to everything that was allocated
            if spare():
                log.warning("out of memory on %s; now without the models of other keys", self.device)
                release(self.device)
                step = None
                continue
            step = self._next(references, keys, passing)
            if step is None:
                raise DeviceError(
                    f"{self.device}: out of memory with everything given up ({shortage}); paint smaller with "
                    "--megapixels, close other programs, or use --device cpu"
                )
            log.warning("out of memory on %s; now %s", self.device, STEPS[step])
            self.given_up.append(step)
            release(self.device)

    def _next(self, references: int, keys: int = 1, passing: Collection[str] = ()) -> str | None:
        for step in STEPS:
            useless = (
                step in passing
                or (step == "batch" and keys < 2)
                or (step == "references" and references < 2)
                or (step == "no references" and references < 1)
                or ("offload" in step and self.device != "cuda")
            )
            if step not in self.given_up and not useless:
                return step
        return None


def offload(pipe: Any, step: str, device: str) -> None:
    """Keep the weights of a pipeline in main memory, as a step of the ladder says."""
    import torch

    pipe.remove_all_hooks()
    if step == "offload":
        pipe.enable_model_cpu_offload(device=device)
    else:  # accelerate's sequential way cannot be tried without a GPU, and is slower
        pipe.to("cpu")
        pipe.enable_group_offload(torch.device(device), offload_type="leaf_level")


def release(device: str) -> None:
    """Give memory that nobody holds any more back to the device."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()
