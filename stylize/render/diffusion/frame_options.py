"""What the options say at one frame: schedules become plain texts and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize.errors import UsageError
from stylize.schedules.schedule import PromptAt, parse_schedule

if TYPE_CHECKING:
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.protocol import FrameContext

_FAST = {"off": (24, 6.0, "unipc"), "hyper": (8, 5.0, "ddim-trailing"), "lcm": (6, 1.5, "lcm")}
"""Steps, guidance and scheduler that suit each way of being fast."""
_BOUNDS = {"strength": (0, 1), "guidance": (0, 30), "control_scale": (0, 2), "style_scale": (0, 2)}


@dataclass(frozen=True)
class FrameOptions:
    """The scheduled options at one frame, and those that depend on others; see `DiffusionOptions`."""

    prompt: tuple[tuple[str, float], ...]
    negative_prompt: tuple[tuple[str, float], ...]
    strength: float
    steps: int
    guidance: float
    control_scale: float
    style_scale: float
    scheduler: str


def check_schedules(options: DiffusionOptions) -> None:
    """Refuse a schedule that is misspelt, or whose plain numbers are out of bounds, before any work.

    Raises
    ------
    UsageError
        With the place in the text. What an expression of t comes to is known at its frame only.
    """
    for text in (options.prompt, options.negative_prompt):
        parse_schedule(text, "prompt")
    for name in _BOUNDS:
        value = getattr(options, name)
        if not isinstance(value, str):
            continue
        schedule = parse_schedule(value, "number")
        for key, expression in zip(schedule.keys, schedule.values, strict=True):
            if not expression.names:
                where = f"at {key.time:g}s" if key.in_seconds else f"at frame {key.time:g}"
                _bounded(name, expression.at(), where)


def moment_at(options: DiffusionOptions, spot: FrameContext) -> FrameOptions:
    """Evaluate `options` at a key.

    Parameters
    ----------
    spot
        Where in its clip the key stands.

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
    numbers = {name: _number(name, value, spot) for name, value in found.items()}
    steps = options.steps or steps
    if int(steps * numbers["strength"]) < 1:
        raise UsageError(
            f"strength {numbers['strength']:g} of {steps} steps paints none; raise --strength or --steps "
            f"until their product is 1 or more"
        )
    wanted, unwanted = (
        parse_schedule(text, "prompt", blend=options.blend_prompts).at(spot.frame, spot.seconds)
        if text
        else PromptAt((("", 1.0),))
        for text in (options.prompt, options.negative_prompt)
    )
    # what a scheduled prompt rules out itself stands beside what is ruled out throughout
    ruled_out = tuple((", ".join(filter(None, (text, wanted.negative_text))), share) for text, share in unwanted.parts)
    return FrameOptions(
        wanted.parts,
        ruled_out,
        steps=steps,
        scheduler=options.scheduler or scheduler,
        **numbers,
    )


def _number(name: str, value: float | str, spot: FrameContext) -> float:
    if isinstance(value, str):
        value = parse_schedule(value, "number").at(spot.frame, spot.seconds, spot.last)
    return _bounded(name, value, f"at frame {spot.frame}")


def _bounded(name: str, value: float, where: str) -> float:
    low, high = _BOUNDS[name]
    if not low <= value <= high:
        raise UsageError(f"{name} is {value:g} {where}; expected {low} to {high}")
    return float(value)
