"""Control maps as clips of their own."""

from __future__ import annotations

from dataclasses import asdict

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

MAP = Flag("", "--map", str, "canny, lineart, scribble, softedge, tile, color, depth, aux:….", metavar="M")
MODEL = Flag("", "--model", str, "Of depth: a preset, org/name or a path.", metavar="NAME")
DETAIL = Flag("", "--detail", float, "Of lines: 0 few, 1 every one.", metavar="D")


@command(
    "maps", "clip", MAP, "output", MODEL, DETAIL, "range", "json", "yes", "reading", "shots", "models",
    "download", "write", needs="map output",
)  # fmt: skip
def maps(ask: Ask) -> Answer:
    """Write a control map of every frame as a clip: depth for transitions, lines to paint over."""
    from stylize.api.maps import render_maps

    given = {"model": ask.model, "detail": ask.detail}
    made = render_maps(
        ask.clip,
        ask.map,
        ask.output,
        start=ask.start,
        end=ask.end,
        scenes=ask.scenes,
        settings=ask.settings,
        overwrite=ask.overwrite,
        on_progress=ask.on_progress,
        **{name: value for name, value in given.items() if value is not None},
    )
    return Answer(asdict(made), [f"{made.output}  ({made.map}, {made.frames} frames, {made.bits} bits)"])
