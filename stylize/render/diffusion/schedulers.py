"""Ways of taking the noise away, by the names that people know them by."""

from __future__ import annotations

import difflib
import re
from typing import Any

NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddim-trailing": ("DDIMScheduler", {"timestep_spacing": "trailing"}),
    "ddpm": ("DDPMScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++-karras": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "use_karras_sigmas": True},
    ),
    "dpm++-sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-a": ("EulerAncestralDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
"""Name → class in diffusers and what it is told. All call the net once a step: each can be steered."""


def check_scheduler(name: str) -> None:
    """Raise ValueError, with the nearest name, unless `name` is one of `NAMES`."""
    if name not in NAMES:
        plain = re.sub(r"[\s_]+", "-", name.lower().strip()).replace("dpmpp", "dpm++")
        plain = plain.replace("-2m", "").replace("ancestral", "a")  # as other programs call them
        close = [plain] if plain in NAMES else difflib.get_close_matches(plain, NAMES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(NAMES)}"
        raise ValueError(f"scheduler {name!r} is unknown; {hint}")


def make_scheduler(name: str, config: Any) -> Any:
    """Build the scheduler called `name` on `config`, that of the scheduler which the model came with."""
    import diffusers

    kind, told = NAMES[name]
    return getattr(diffusers, kind).from_config(config, **told)
