"""What the options say at one frame: schedules become plain texts and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize.errors import UsageError
from stylize.render.schedule import PromptAt, parse_schedule

if TYPE_CHECKING:
    from stylize.render.diffusion.options import DiffusionOptions

__all__ = ["Moment", "moment_at"]

_FAST = {"off": (24, 6.0, "unipc"), "hyper": (8, 5.0, "ddim-trailing"), "lcm": (6, 1.5, "lcm")}
"""Steps, guidance and scheduler that suit each way of being fast."""
_BOUNDS = {"strength": (0, 1), "guidance": (0, 30), "control_scale": (0, 2), "style_scale": (0, 2)}


@dataclass(frozen=True)
class Moment:
    """The scheduled options at one frame, and those that depend on others; see `DiffusionOptions`."""

    prompt: tuple[tuple[str, float], ...]
    negative_prompt: tuple[tuple[str, float], ...]
    strength: float
    steps: int
    guidance: float
    control_scale: float
    style_scale: float
    scheduler: str


def moment_at(options: DiffusionOptions, frame: int, seconds: float) -> Moment:
    """Evaluate `options` at a frame of the clip.

    Parameters
    ----------
    frame
        Counted from the clip's first.
    seconds
        Its time.

    Raises
    ------
    UsageError
        If a schedule is misspelt or leaves its bounds there, or no step would be painted.
    """
    steps, guidance, scheduler = _FAST[options.fast]
    found = {
        "strength": options.strength,
        "guidance": guidance if options.guidance is None else options.guidance,
        "control_scale": options.control_scale,
        "style_scale": options.style_scale,
    }
    numbers = {name: _number(name, value, frame, seconds) for name, value in found.items()}
    steps = options.steps or steps
    if int(steps * numbers["strength"]) < 1:
        raise UsageError(
            f"strength {numbers['strength']:g} of {steps} steps paints none; raise --strength or --steps "
            f"until their product is 1 or more"
        )
    wanted, unwanted = (
        parse_schedule(text, "prompt", blend=options.blend_prompts).at(frame, seconds)
        if text
        else PromptAt((("", 1.0),))
        for text in (options.prompt, options.negative_prompt)
    )
    # what a scheduled prompt rules out itself stands beside what is ruled out throughout
    ruled_out = tuple(
        (", ".join(filter(None, (text, wanted.negative_text))), share) for text, share in unwanted.parts
    )
    return Moment(
        wanted.parts,
        ruled_out,
        steps=steps,
        scheduler=options.scheduler or scheduler,
        **numbers,
    )


def _number(name: str, value: float | str, frame: int, seconds: float) -> float:
    if isinstance(value, str):
        value = parse_schedule(value, "number").at(frame, seconds)
    low, high = _BOUNDS[name]
    if not low <= value <= high:
        raise UsageError(f"{name} is {value:g} at frame {frame}; expected {low} to {high}")
    return float(value)
