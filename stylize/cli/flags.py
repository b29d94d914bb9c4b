"""Every flag of the command line, said once: spelling, kind, help, and the setting behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADINGS = {
    "reading": "Reading the clip",
    "shots": "Cuts",
    "keys": "Choosing keys",
    "agree": "Painting",
    "paint": "Painting",
    "seed": "Painting",
    "diffusion": "Stable Diffusion and image editors",
    "models": "Models",
    "download": "Models",
    "matte": "Matte",
    "write": "Writing",
    "synth": "Synthesis",
}
"""Group of flags → the heading that they stand under in a command's help; others stand at its top."""


@dataclass(frozen=True)
class Flag:
    """A flag of the command line.

    Attributes
    ----------
    group
        Flags of a group come together on every command that takes it; empty for one that stands with its
        only command.
    spelling
        As written: the long one first, then others that do the same; EbSynth's have one dash. In capitals
        and without a dash: an argument that is given by its place.
    kind
        ``int``, ``float``, ``str``, ``bool``, ``Path``, or ``list`` of one of these.
    help
        One line.
    setting
        Full names of the options that take the value; empty for what belongs to one job only.
    metavar
        What stands for the value in the help.
    least
        The lowest number that is taken; None for any.
    stands_for
        Of a plain flag: the value that its setting gets.
    """

    group: str
    spelling: str
    kind: type
    help: str
    setting: str = ""
    metavar: str = ""
    least: int | None = None
    stands_for: float | None = None

    @property
    def name(self) -> str:
        """The flag as an identifier."""
        return self.spelling.split()[0].partition("/")[0].lstrip("-").replace("-", "_").lower()

    @property
    def positional(self) -> bool:
        """Whether it is given by its place and not by its name."""
        return not self.spelling.startswith("-")


def flags_of(*groups: str) -> list[Flag]:
    """Return the flags of these groups, in the order of the groups."""
    return [flag for group in groups for flag in FLAGS if flag.group == group]


def settings_of(values: Mapping[Flag, Any]) -> dict[str, Any]:
    """Return what flags say of settings, by full name; those that were not given are None or False.

    Raises
    ------
    UsageError
        If two flags want different values of one setting.
    """
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for flag, value in values.items():
        if not flag.setting or value is None or (flag.stands_for is not None and not value):
            continue
        wanted = value if flag.stands_for is None else flag.stands_for
        spelled = flag.spelling.split()[0]
        for name in flag.setting.split():
            if name in found and found[name] != wanted:
                raise UsageError(f"{said[name]} and {spelled} contradict each other; leave one of them out")
            found[name], said[name] = wanted, spelled
    return found


def help_of(flag: Flag, defaults: Mapping[str, Any]) -> str:
    """Return a flag's help with the default of its setting, if that is more than "off" or "as it comes".

    Parameters
    ----------
    flag
        Any flag.
    defaults
        Every option by full name, as `stylize.settings.schema.describe` gives them.
    """
    value = defaults[flag.setting.split()[0]].default if flag.setting and flag.stands_for is None else None
    if value is None or value is False or value in ("", ()):
        return flag.help
    words = "on" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
    return f"{flag.help} Default: {' '.join(value) if isinstance(value, tuple) else words}."


JOB = (
    Flag("clip", "CLIP", Path, "A video, a folder of images, or a project."),
    Flag("style", "--style", list[Path], "A picture to paint like; may repeat.", metavar="REF"),
    Flag("output", "--output -o", Path, "A video's name, or a folder's for images.", metavar="OUT"),
    Flag("project", "--project", Path, "Where the work is kept; beside the clip by default.", metavar="DIR"),
    Flag("renderer", "--renderer", str, "Who paints the keys: auto, patch, sd, edit or files.", metavar="NAME"),
    Flag("handmade", "--keys", Path, "Keys painted by you, named by frame.", metavar="DIR"),
    Flag("matte", "--matte", str, "Where to style: white or alpha of a video or images.", metavar="M"),
    Flag("range", "--start", str, "First frame: 10, seconds 2.5s or timecode.", metavar="T"),
    Flag("range", "--end", str, "Where to stop, before this frame or time.", metavar="T"),
    Flag("key", "--key", int, "Only the key of this frame.", metavar="N"),
    Flag("dry", "--dry-run", bool, "Say what would be done, and do nothing."),
    Flag("json", "--json", bool, "One JSON object on stdout."),
    Flag("yes", "--yes -y", bool, "Overwrite an existing output without asking."),
)
EBSYNTH = (
    Flag("ebsynth", "--style -style", Path, "The painting.", metavar="S"),
    Flag("ebsynth", "--guide -guide", list[Path], "What the style shows, and the target.", metavar="A B"),
    Flag("ebsynth", "--weight -weight", list[float], "Of the guide or style before it.", metavar="W"),
    Flag("ebsynth", "--style-weight -styleweight", float, "Of the style itself."),
    Flag("ebsynth", "--output -output -o", Path, "The image to write; output.png if not said.", metavar="OUT"),
    Flag("ebsynth", "--error", Path, "Also write how badly each pixel fits.", metavar="MAP"),
)
SETTINGS = (
    Flag("reading", "--missing", str, "For holes in a sequence: error, hold or black.", "clip.missing"),
    Flag("reading", "--rate", str, "Frames per second of a sequence: 25, 23.976; 24 if not said.", "clip.rate"),
    Flag("reading", "--allow-truncated", bool, "Use what a broken video has.", "clip.allow_truncated"),
    Flag("reading", "--assume-matrix", str, "Of untagged video: bt601, bt709, bt2020.", "clip.assume_matrix"),
    Flag("shots", "--scenes", Path, "PySceneDetect's list of scenes, in place of cuts.", metavar="CSV"),
    Flag("shots", "--cut", float, "Share of the picture that is new at a cut; 1 finds no cuts.", "shots.cut"),
    Flag("keys", "--coverage", float, "Share of every shot that keys must explain.", "select.coverage"),
    Flag("keys", "--max-keys", int, "At most so many keys.", "select.max_keys"),
    Flag("keys", "--min-gap", int, "Least distance between keys, in frames.", "select.min_gap"),
    Flag("keys", "--max-gap", int, "Greatest distance between keys, in frames.", "select.max_gap"),
    Flag("keys", "--liveliness", float, "0 calm, few keys, to 1 lively.", "select.liveliness"),
    Flag("keys", "--calm", bool, "Few keys: --liveliness 0.", "select.liveliness", stands_for=0.0),
    Flag("keys", "--lively", bool, "Many keys: --liveliness 1.", "select.liveliness", stands_for=1.0),
    Flag("keys", "--roi", str, "Only this must be explained; px or %.", "select.roi", metavar="X,Y,W,H"),
    Flag("paint", "--style-strength", float, "More: bolder strokes, less detail.", "patch.style_strength"),
    Flag("paint", "--keep-colors", float, "0 the style's colors, 1 the clip's.", "patch.keep_colors"),
    Flag("paint", "--stroke-scale", float, "2 strokes twice as large, 0.5 finer.", "patch.stroke_scale"),
    Flag("paint", "--palette-reach", float, "More: more of the style's colors.", "patch.palette_reach"),
    Flag("diffusion", "--model", str, "What paints: preset, folder or file.", "diffusion.model edit.model"),
    Flag("diffusion", "--prompt", str, "What is to be seen.", "diffusion.prompt edit.prompt"),
    Flag("diffusion", "--negative-prompt", str, "What is not to be seen.", "diffusion.negative_prompt"),
    Flag(
        "diffusion",
        "--blend-prompts",
        bool,
        "Scheduled prompts run into each other.",
        "diffusion.blend_prompts",
    ),
    Flag("diffusion", "--strength", str, "0 the frame as it is, to 1 free of it.", "diffusion.strength"),
    Flag("diffusion", "--steps", int, "More is finer and slower.", "diffusion.steps edit.steps"),
    Flag("diffusion", "--guidance --cfg", str, "More: obeys the prompt harder.", "diffusion.guidance"),
    Flag(
        "diffusion",
        "--control",
        list[str],
        "What of the frame is kept, how much, in which steps: depth:0.5:0-0.8; may repeat; none.",
        "diffusion.controls",
        metavar="MAP",
    ),
    Flag("diffusion", "--control-scale", str, "Times the weight of every control.", "diffusion.control_scale"),
    Flag(
        "diffusion",
        "--style-adapter",
        str,
        "What carries the style: an IP-Adapter, attention or none.",
        "diffusion.style_adapter",
    ),
    Flag("diffusion", "--style-scale --ip-scale", str, "More: more like the style.", "diffusion.style_scale"),
    Flag("diffusion", "--style-blocks", str, "style, layout or all.", "diffusion.style_blocks"),
    Flag(
        "diffusion",
        "--style-mask",
        list[str],
        "Where each style is painted, one picture for each.",
        "diffusion.style_masks",
        metavar="MASK",
    ),
    Flag("diffusion", "--lora", list[str], "A LoRA; may repeat.", "diffusion.loras", metavar="PATH[:WEIGHT]"),
    Flag("diffusion", "--embedding", list[str], "A textual inversion; may repeat.", "diffusion.embeddings"),
    Flag("diffusion", "--scheduler", str, "unipc, dpm++, euler-a, ddim and others.", "diffusion.scheduler"),
    Flag("diffusion", "--fast", str, "Few steps by a LoRA: hyper or lcm.", "diffusion.fast"),
    Flag("diffusion", "--clip-skip", int, "Last layers of the text encoder left out.", "diffusion.clip_skip"),
    Flag("diffusion", "--seed-per-key", bool, "Other noise for each key.", "diffusion.seed_per_key"),
    Flag(
        "diffusion",
        "--megapixels",
        float,
        "Size to paint at; 0 the model's own.",
        "diffusion.megapixels edit.megapixels",
    ),
    Flag("diffusion", "--device", str, "auto, cuda, mps or cpu.", "diffusion.device edit.device making.device"),
    Flag("diffusion", "--dtype", str, "auto, float16, bfloat16 or float32.", "diffusion.dtype making.dtype"),
    Flag(
        "diffusion",
        "--safety-checker",
        bool,
        "Refuse what the model's checker flags.",
        "diffusion.safety_checker",
    ),
    Flag("download", "--download", bool, "Fetch models that are not here.", "models.download"),
    Flag("agree", "--agreement", str, "Keys follow each other: off, weak, strong.", "agreement.level"),
    Flag("agree", "--anchors", int, "At most so many finished keys are followed.", "agreement.anchors"),
    Flag("seed", "--seed", int, "Another seed, other strokes.", "synthesis.seed propagate.seed"),
    Flag("seed", "--threads", int, "All processors by default.", "synthesis.threads propagate.threads"),
    Flag("synth", "--backend -backend", str, "auto, cpu or cuda.", "synthesis.backend"),
    Flag("synth", "--patch-size -patchsize", int, "Larger keeps more texture.", "synthesis.patch_size"),
    Flag("synth", "--uniformity -uniformity", float, "Higher uses the style evenly.", "synthesis.uniformity"),
    Flag("synth", "--pyramid-levels -pyramidlevels", int, "From coarse to fine.", "synthesis.pyramid_levels"),
    Flag(
        "synth",
        "--search-vote-iters -searchvoteiters",
        int,
        "Rounds of search and vote on each level.",
        "synthesis.search_vote_iters",
    ),
    Flag(
        "synth",
        "--patchmatch-iters -patchmatchiters",
        int,
        "Sweeps in each search.",
        "synthesis.patchmatch_iters",
    ),
    Flag(
        "synth",
        "--stop-threshold -stopthreshold",
        float,
        "Leave pixels alone that change by less.",
        "synthesis.stop_threshold",
    ),
    Flag(
        "synth",
        "--extra-pass-3x3 -extrapass3x3",
        bool,
        "End with a pass of small patches.",
        "synthesis.extra_pass_3x3",
    ),
    Flag(
        "models",
        "--allow-pickle",
        bool,
        "Also take weights that run code when loaded.",
        "models.allow_pickle",
    ),
    Flag("matte", "--matte-invert", bool, "Style the background.", "matte.invert"),
    Flag("matte", "--matte-choke", float, "Pixels inwards; negative spreads.", "matte.choke"),
    Flag("matte", "--matte-feather", float, "Pixels over which the edge softens.", "matte.feather"),
    Flag("matte", "--matte-levels", str, "What becomes 0 and 1: 0.1,0.9.", "matte.levels", "BLACK,WHITE"),
    Flag("matte", "--matte-stabilize", float, "0 as it is, to 1 calm edges.", "matte.stabilize"),
    Flag("matte", "--matte-fit", str, "Another size: error, scale or crop.", "matte.fit"),
    Flag("matte", "--matte-missing", str, "No matte: error, hold or black.", "matte.missing"),
    Flag("matte", "--matte-match", str, "Frame for frame: auto, number or time.", "matte.match"),
    Flag("write", "--quality", str, "Of a video: draft, high or best.", "output.quality"),
    Flag("write", "--image-format", str, "Of a folder of images: png, tif or exr.", "output.image_format"),
    Flag("write", "--metadata/--no-metadata", bool, "Embed the recipe in the output.", "output.metadata"),
)
FLAGS = (*JOB, *EBSYNTH, *SETTINGS)
