"""Flags of the command line: those of one job as parameter types, and those of settings by the option behind them.

A flag of a setting is generated from the option: type, choices, bounds, default and help are those of its field.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from propagate.option_fields import OptionField

PANELS = {
    "reading": "Reading the clip",
    "shots": "Cuts",
    "keys": "Choosing keys",
    "painting": "Painting",
    "diffusion": "Stable Diffusion and image editors",
    "models": "Models",
    "matte": "Matte",
    "making": "Making mattes",
    "writing": "Writing",
    "synthesis": "Synthesis",
}
"""Group of flags → the heading above them in a command's help."""

Clip = Annotated[Path, typer.Argument(metavar="CLIP", help="A video, a folder of numbered images, or a project.")]
Styles = Annotated[
    list[Path] | None, typer.Option("--style", metavar="REF", help="Picture that gives the style; repeatable.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="OUT", help="Video to write, or a folder for images; default: in the project."
    ),
]
NeededOutput = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT", help="Video to write, or a folder for images.")
]
ProjectFolder = Annotated[
    Path | None, typer.Option("--project", metavar="DIR", help="Project folder; default: NAME.stylize beside the clip.")
]
RendererName = Annotated[
    str | None,
    typer.Option(
        "--renderer",
        metavar="NAME",
        help="Renderer for the keyframes: auto, patch, sd, edit, or one from another package.",
        autocompletion=lambda: ["auto", "patch", "sd", "edit"],
    ),
]
Keys = Annotated[
    Path | None, typer.Option("--keys", metavar="DIR", help="Folder of keys that you painted, named by frame.")
]
NeededKeys = Annotated[Path, typer.Option("--keys", metavar="DIR", help="Folder of painted keys, named by frame.")]
MatteSpec = Annotated[
    str | None, typer.Option("--matte", metavar="M", help="Where to style: white or alpha of a video or of images.")
]
Start = Annotated[
    str | None, typer.Option("--start", metavar="T", help="First frame: 10, seconds as 2.5s, or a timecode.")
]
End = Annotated[str | None, typer.Option("--end", metavar="T", help="Frame or time to stop before.")]
Scenes = Annotated[
    Path | None,
    typer.Option(
        "--scenes", metavar="CSV", rich_help_panel=PANELS["shots"], help="Shots from a scene list of PySceneDetect."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Replace an existing output without asking.")]


@dataclass(frozen=True)
class SettingFlag:
    """A flag that sets options.

    Attributes
    ----------
    group
        Key of `PANELS`.
    spelling
        As written: the long one first, then others for the same; EbSynth's have one dash.
    settings
        Full names of the options that take the value, separated by spaces; the first one describes the flag.
    metavar
        Placeholder of the value in the help; by default its choices or bounds.
    value
        The value that a flag without one sets.
    effect
        Help in place of the option's, for a flag that sets one value.
    """

    group: str
    spelling: str
    settings: str
    metavar: str = ""
    value: float | None = None
    effect: str = ""

    @property
    def name(self) -> str:
        """The flag as an identifier."""
        return self.spelling.split()[0].partition("/")[0].lstrip("-").replace("-", "_")


SETTING_FLAGS = (
    SettingFlag("reading", "--missing", "clip.missing"),
    SettingFlag("reading", "--rate", "clip.rate", "FPS"),
    SettingFlag("reading", "--allow-truncated", "clip.allow_truncated"),
    SettingFlag("reading", "--assume-matrix", "clip.assume_matrix"),
    SettingFlag("shots", "--cut", "shots.cut"),
    SettingFlag("keys", "--coverage", "select.coverage"),
    SettingFlag("keys", "--max-keys", "select.max_keys"),
    SettingFlag("keys", "--min-gap", "select.min_gap"),
    SettingFlag("keys", "--max-gap", "select.max_gap"),
    SettingFlag("keys", "--liveliness", "select.liveliness"),
    SettingFlag("keys", "--calm", "select.liveliness", value=0.0, effect="Few keys, steady paint: --liveliness 0."),
    SettingFlag("keys", "--lively", "select.liveliness", value=1.0, effect="Many keys: --liveliness 1."),
    SettingFlag("keys", "--roi", "select.roi", "X,Y,W,H"),
    SettingFlag("painting", "--style-strength", "patch.style_strength"),
    SettingFlag("painting", "--keep-colors", "patch.keep_colors"),
    SettingFlag("painting", "--stroke-scale", "patch.stroke_scale"),
    SettingFlag("painting", "--palette-reach", "patch.palette_reach"),
    SettingFlag("painting", "--agreement", "agreement.level"),
    SettingFlag("painting", "--anchors", "agreement.anchors"),
    SettingFlag("diffusion", "--model", "diffusion.model edit.model", "MODEL"),
    SettingFlag("diffusion", "--prompt", "diffusion.prompt edit.prompt"),
    SettingFlag("diffusion", "--negative-prompt", "diffusion.negative_prompt"),
    SettingFlag("diffusion", "--blend-prompts", "diffusion.blend_prompts"),
    SettingFlag("diffusion", "--strength", "diffusion.strength"),
    SettingFlag("diffusion", "--steps", "diffusion.steps edit.steps"),
    SettingFlag("diffusion", "--guidance --cfg", "diffusion.guidance"),
    SettingFlag("diffusion", "--control", "diffusion.controls", "MAP"),
    SettingFlag("diffusion", "--control-scale", "diffusion.control_scale"),
    SettingFlag("diffusion", "--style-adapter", "diffusion.style_adapter", "MODEL"),
    SettingFlag("diffusion", "--style-scale --ip-scale", "diffusion.style_scale"),
    SettingFlag("diffusion", "--style-blocks", "diffusion.style_blocks"),
    SettingFlag("diffusion", "--style-mask", "diffusion.style_masks", "MASK"),
    SettingFlag("diffusion", "--lora", "diffusion.loras", "PATH[:WEIGHT]"),
    SettingFlag("diffusion", "--embedding", "diffusion.embeddings", "PATH"),
    SettingFlag("diffusion", "--scheduler", "diffusion.scheduler", "NAME"),
    SettingFlag("diffusion", "--fast", "diffusion.fast"),
    SettingFlag("diffusion", "--clip-skip", "diffusion.clip_skip"),
    SettingFlag("diffusion", "--seed-per-key", "diffusion.seed_per_key"),
    SettingFlag("diffusion", "--megapixels", "diffusion.megapixels edit.megapixels"),
    SettingFlag("diffusion", "--device", "diffusion.device edit.device making.device"),
    SettingFlag("diffusion", "--dtype", "diffusion.dtype making.dtype"),
    SettingFlag("diffusion", "--safety-checker", "diffusion.safety_checker"),
    SettingFlag("models", "--download", "models.download"),
    SettingFlag("models", "--allow-pickle", "models.allow_pickle"),
    SettingFlag("synthesis", "--seed", "synthesis.seed propagate.seed", "N"),
    SettingFlag("synthesis", "--threads", "synthesis.threads propagate.threads"),
    SettingFlag("synthesis", "--backend -backend", "synthesis.backend"),
    SettingFlag("synthesis", "--patch-size -patchsize", "synthesis.patch_size"),
    SettingFlag("synthesis", "--uniformity -uniformity", "synthesis.uniformity"),
    SettingFlag("synthesis", "--pyramid-levels -pyramidlevels", "synthesis.pyramid_levels"),
    SettingFlag("synthesis", "--search-vote-iters -searchvoteiters", "synthesis.search_vote_iters"),
    SettingFlag("synthesis", "--patchmatch-iters -patchmatchiters", "synthesis.patchmatch_iters"),
    SettingFlag("synthesis", "--stop-threshold -stopthreshold", "synthesis.stop_threshold"),
    SettingFlag("synthesis", "--extra-pass-3x3 -extrapass3x3", "synthesis.extra_pass_3x3"),
    SettingFlag("matte", "--matte-invert", "matte.invert"),
    SettingFlag("matte", "--matte-choke", "matte.choke"),
    SettingFlag("matte", "--matte-feather", "matte.feather"),
    SettingFlag("matte", "--matte-levels", "matte.levels", "BLACK,WHITE"),
    SettingFlag("matte", "--matte-stabilize", "matte.stabilize"),
    SettingFlag("matte", "--matte-fit", "matte.fit"),
    SettingFlag("matte", "--matte-missing", "matte.missing"),
    SettingFlag("matte", "--matte-match", "matte.match"),
    SettingFlag("making", "--maker", "making.maker"),
    SettingFlag("making", "--segmenter", "making.segmenter", "MODEL"),
    SettingFlag("making", "--edges --refine", "making.edges"),
    SettingFlag("making", "--matter", "making.matter", "MODEL"),
    SettingFlag("writing", "--quality", "output.quality"),
    SettingFlag("writing", "--image-format", "output.image_format"),
    SettingFlag("writing", "--metadata/--no-metadata", "output.metadata"),
    SettingFlag("writing", "--light", "compose.light"),
)
"""Every flag of a setting; commands name them by group or one by one."""


def select_flags(names: str) -> tuple[SettingFlag, ...]:
    """Return flags by name or group, separated by spaces: ``keys matte seed``, without ``-light``."""
    wanted = names.split()
    return tuple(
        flag
        for name in wanted
        for flag in SETTING_FLAGS
        if name in (flag.group, flag.name) and f"-{flag.name}" not in wanted
    )


def setting_parameter(flag: SettingFlag) -> inspect.Parameter:
    """Return a flag as a parameter that typer reads, generated from its option."""
    from stylize.settings.schema import option_table

    option = option_table()[flag.settings.split()[0]]
    choices = list(option.choices)
    note = typer.Option(
        *flag.spelling.split(),
        help=flag_help(flag, option),
        metavar="" if option.kind is bool or flag.value is not None else flag.metavar or placeholder(option),
        rich_help_panel=PANELS[flag.group],
        show_default=False,
        autocompletion=(lambda: choices) if choices else None,
    )
    kind: Any = bool if flag.value is not None else list[str] if option.kind is tuple else option.kind
    kind = str if option.schedule or option.choices else kind
    return inspect.Parameter(
        flag.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, note]
    )


def placeholder(option: OptionField) -> str:
    """Return the placeholder of a value: its choices, its bounds, or its kind."""
    if option.choices:
        return "|".join(option.choices)
    low, high = (f"{bound:.15g}" for bound in (option.low, option.high))
    if option.kind in (int, float) and low != "-inf":
        unit = f" {option.unit}" if option.unit not in ("", "keys", "threads", "rounds", "sweeps", "levels") else ""
        return f"{'>' if option.above_low else ''}{low}..{high if high != 'inf' else ''}{unit}"
    return {int: "N", float: "X"}.get(option.kind, "TEXT")


def flag_help(flag: SettingFlag, option: OptionField) -> str:
    """Return the help of a flag: the effect of its option and its default."""
    if flag.effect:
        return flag.effect
    default, effect = option.default, option.effect.replace("[", "\\[")  # brackets are markup to typer
    if default is None or default is False or default in ("", ()):
        return effect
    words = "on" if default is True else f"{default:g}" if isinstance(default, float) else str(default)
    return f"{effect} Default: {' '.join(default) if isinstance(default, tuple) else words}."


def setting_values(flags: Iterable[SettingFlag], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that flags give to settings, by full name.

    Raises
    ------
    UsageError
        If two flags give different values to one setting.
    """
    found: dict[str, Any] = {}
    source: dict[str, str] = {}
    for flag in flags:
        value = given[flag.name]
        if value is None or (flag.value is not None and not value):
            continue
        value, spelled = value if flag.value is None else flag.value, flag.spelling.split()[0]
        for name in flag.settings.split():
            if name in found and found[name] != value:
                raise UsageError(f"{source[name]} and {spelled} contradict each other; leave one of them out")
            found[name], source[name] = value, spelled
    return found
