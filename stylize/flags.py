"""The command line's flags for settings: spelling, setting, help. Said once, imports nothing."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLAGS", "Flag"]


@dataclass(frozen=True)
class Flag:
    """A flag of the command line that sets options.

    Attributes
    ----------
    group
        Flags of a group come together on every command that reads it.
    spelling
        As written: the long one first, then others that do the same.
    settings
        Full names of the settings that take the value.
    kind
        ``int``, ``float``, ``str`` or ``bool``.
    help
        One line.
    """

    group: str
    spelling: tuple[str, ...]
    settings: tuple[str, ...]
    kind: type
    help: str

    @property
    def name(self) -> str:
        """The flag as an identifier."""
        return self.spelling[0].partition("/")[0].lstrip("-").replace("-", "_")


def _flag(group: str, spelling: str, setting: str, kind: type, text: str) -> Flag:
    return Flag(group, tuple(spelling.split()), tuple(setting.split()), kind, text)


FLAGS = (
    _flag(
        "keys",
        "--coverage",
        "select.coverage",
        float,
        "Share of every shot that the keys must explain, 0 to 1.",
    ),
    _flag("keys", "--max-keys", "select.max_keys", int, "At most so many keys."),
    _flag("keys", "--min-gap", "select.min_gap", int, "Least distance between keys, in frames."),
    _flag("keys", "--max-gap", "select.max_gap", int, "Greatest distance between keys, in frames."),
    _flag(
        "keys", "--liveliness", "select.liveliness", float, "0 calm, as few keys as possible, to 1 lively."
    ),
    _flag(
        "paint", "--style-strength", "patch.style_strength", float, "More gives bolder strokes, less detail."
    ),
    _flag(
        "paint",
        "--keep-colors",
        "patch.keep_colors",
        float,
        "0 takes the style's colours, 1 keeps the clip's.",
    ),
    _flag(
        "paint",
        "--stroke-scale",
        "patch.stroke_scale",
        float,
        "2 paints strokes twice as large, 0.5 finer ones.",
    ),
    _flag(
        "paint",
        "--palette-reach",
        "patch.palette_reach",
        float,
        "More uses more of the style's colours, 0 to 1.",
    ),
    _flag("seed", "--seed", "synthesis.seed", int, "Same seed, same picture, on any number of threads."),
    _flag("threads", "--threads", "synthesis.threads", int, "Processor threads; all of them by default."),
    _flag("threads", "--backend", "synthesis.backend", str, "auto, cpu or cuda."),
    _flag("output", "--quality", "output.quality", str, "Of a video: draft, high or best."),
    _flag("output", "--image-format", "output.image_format", str, "Of a folder of images: png, tif or exr."),
    _flag("output", "--metadata/--no-metadata", "output.metadata", bool, "Embed the recipe in the output."),
    _flag(
        "synth",
        "--patch-size -patchsize",
        "synthesis.patch_size",
        int,
        "Width of a patch: larger keeps more texture.",
    ),
    _flag(
        "synth",
        "--uniformity -uniformity",
        "synthesis.uniformity",
        float,
        "Higher uses the style more evenly.",
    ),
    _flag(
        "synth", "--pyramid-levels -pyramidlevels", "synthesis.pyramid_levels", int, "Sizes, coarse to fine."
    ),
    _flag(
        "synth",
        "--search-vote-iters -searchvoteiters",
        "synthesis.search_vote_iters",
        int,
        "Rounds on each size.",
    ),
    _flag(
        "synth",
        "--patchmatch-iters -patchmatchiters",
        "synthesis.patchmatch_iters",
        int,
        "Searches in each round.",
    ),
    _flag(
        "synth",
        "--stop-threshold -stopthreshold",
        "synthesis.stop_threshold",
        int,
        "Stop when pixels change less.",
    ),
    _flag(
        "synth",
        "--extra-pass-3x3 -extrapass3x3",
        "synthesis.extra_pass_3x3",
        bool,
        "A last pass for fine detail.",
    ),
)
