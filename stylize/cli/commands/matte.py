"""Mattes: made from a few hints, refined, checked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag, flags_of

SHAPING = tuple(flag for flag in flags_of("matte") if flag.setting)
CUT = next(flag for flag in flags_of("shots") if flag.setting == "shots.cut")
ON = tuple(flag for flag in flags_of("diffusion") if flag.name in ("device", "dtype"))
EDGES = (
    Flag("", "--edges --refine", str, "Who finds edges: color, vitmatte, none.", "making.edges"),
    Flag("", "--matter", str, "The ViTMatte that is taken.", "making.matter", metavar="MODEL"),
    *ON,
    *flags_of("download"),
)
MAKER = (
    Flag("", "--maker", str, "color, or sam2, which needs weights.", "making.maker"),
    Flag("", "--segmenter", str, "The SAM 2 that is taken.", "making.segmenter", metavar="MODEL"),
    *EDGES,
)
POINT = Flag("", "--point", list[str], "On the subject, or beside it; for sam2.", metavar="FRAME:X,Y[,out]")
STEADY = next(flag for flag in SHAPING if flag.setting == "matte.stabilize")
FITTING = tuple(flag for flag in SHAPING if flag.setting in ("matte.fit", "matte.missing", "matte.match"))
MATTE = Flag("", "MATTE", str, "A video, images by frame, or FILE:CHANNEL.")
BOX = Flag("", "--box", list[str], "Around the subject; may repeat.", metavar="FRAME:X,Y,W,H")
PAINTED = Flag("", "--mattes", Path, "Painted mattes named by frame; gray is unknown.", metavar="DIR")
CHROMA = Flag("", "--chroma", str, "The screen: auto, green, blue, #RRGGBB.", metavar="COLOR")
COLORS = Flag("", "--foreground", Path, "Also write the subject's own colors.", metavar="DIR")
CLIP = Flag("", "--clip", Path, "What the matte belongs to.", metavar="CLIP")
REPORT = Flag("", "--report", Path, "Write a page of curves and worst frames.", metavar="HTML")
BAND = Flag("", "--band", float, "Pixels beside the edge that are found anew.", metavar="PIXELS")


@command(
    "matte make", "clip", "output", BOX, POINT, PAINTED, CHROMA, COLORS, *MAKER, "range", STEADY, CUT,
    "reading", "write", "json", "yes", needs="output",
)  # fmt: skip
def make(ask: Ask) -> Answer:
    """Make a matte from boxes, painted mattes or a screen's color; it is carried over every shot."""
    from stylize.api.mattes import make_matte

    made = make_matte(
        ask.clip, ask.output, boxes=ask.box or (), points=ask.point or (), mattes=ask.mattes,
        chroma=ask.chroma, colors=ask.foreground, start=ask.start, end=ask.end,
        settings=ask.settings,
        overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    return Answer(asdict(made), [f"{made.output}  ({made.frames} frames, {made.area:.0%} of the picture)"])


@command(
    "matte refine", MATTE, CLIP, "output", BAND, *EDGES, "range", *SHAPING, "reading", "write", "json",
    "yes", needs="clip output",
)  # fmt: skip
def refine(ask: Ask) -> Answer:
    """Find the edges of a rough matte anew in the picture, fur and hair too, and steady them."""
    from stylize.api.mattes import refine_matte

    made = refine_matte(
        ask.matte, ask.clip, ask.output, band=ask.band, start=ask.start, end=ask.end,
        settings=ask.settings, overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    return Answer(asdict(made), [f"{made.output}  ({made.frames} frames, {made.area:.0%} of the picture)"])


@command("matte check", MATTE, CLIP, "range", REPORT, *FITTING, "reading", "json")
def check(ask: Ask) -> Answer:
    """Say where a matte chatters, has holes or specks, or jumps; with --clip along the motion."""
    from stylize.api.check_matte import check_matte
    from stylize.mattes.metrics import issues

    found = check_matte(
        ask.matte, ask.clip, start=ask.start, end=ask.end, settings=ask.settings,
        report=ask.report, on_progress=ask.on_progress,
    )  # fmt: skip
    wrong = {one.frame: words for one in found.frames if (words := issues(one))}
    lines = [f"{frame:>6}  {', '.join(words)}" for frame, words in wrong.items()]
    lines.append(f"{len(found.frames)} frames, {len(wrong)} to look at; mean chatter {found.chatter:.3f}")
    frames = [{**asdict(one), "complaints": wrong.get(one.frame, [])} for one in found.frames]
    page = {} if found.report is None else {"report": str(found.report)}
    return Answer({"frames": frames, "chatter": found.chatter, **page}, [*lines, *page.values()])
