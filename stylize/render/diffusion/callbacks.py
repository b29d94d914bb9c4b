"""What happens between two steps: finished keys stay what they are, known surface is held, somebody listens.

Holding follows differential diffusion (Levin & Fried 2023): each pixel is kept on the noised known picture
until its own share of the steps, and is painted freely from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Steering:
    """The callback of a sampling.

    Attributes
    ----------
    pinned
        Latents (R, 4, h, w) of finished keys: the first R rows of the batch, which come out as exactly these.
    held
        Latents (N, 4, h, w) that the last N rows are held on; None for free painting.
    until
        (N, 1, h, w), 0 to 1: the share of the steps until which each place is held; 1 is held to the end.
    noise
        (1, 4, h, w), what held and pinned latents are noised with: the noise that the rows began with.
    report
        Told the finished share of the steps; what it raises ends the sampling.
    """

    pinned: Any
    held: Any
    until: Any
    noise: Any
    report: Callable[[float], None]

    def __call__(self, pipe: Any, step: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Set latents right after `step`; diffusers' ``callback_on_step_end``."""
        times = pipe.scheduler.timesteps[-pipe.num_timesteps :]
        latents = tensors["latents"]
        if self.pinned is not None:
            count = len(self.pinned)
            latents = latents.clone()
            latents[:count] = self._noised(pipe, self.pinned, times, step)
        if self.held is not None:
            keep = self.until >= (step + 1) / len(times)
            known = self._noised(pipe, self.held, times, step)
            latents = latents.clone()
            latents[-len(known) :] = known.where(keep, latents[-len(known) :])
        self.report((step + 1) / len(times))
        return {**tensors, "latents": latents}

    def _noised(self, pipe: Any, clean: Any, times: Any, step: int) -> Any:
        """`clean` at the level of noise that the latents have after `step`."""
        if step + 1 >= len(times):
            return clean
        noise = self.noise.expand_as(clean)
        return pipe.scheduler.add_noise(clean, noise, times[step + 1].repeat(len(clean)))
