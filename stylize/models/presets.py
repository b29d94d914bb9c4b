"""Models that are known by name: which repository, which of its files, under which license."""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "base": "a diffusion pipeline",
    "controlnet": "a ControlNet",
    "ip-adapter": "an IP-Adapter",
    "lora": "a LoRA",
    "embedding": "a textual inversion",
    "vae": "an autoencoder",
    "depth": "a depth model",
    "segmenter": "a SAM 2",
    "matter": "a ViTMatte",
    "edit": "an image editor",
    "annotator": "weights of a detector",
}
"""What a model can be for, and how that is said."""


@dataclass(frozen=True)
class Preset:
    """A model that is known by name.

    Attributes
    ----------
    name
        What a person writes.
    kind
        One of `KINDS`.
    repo
        ``org/name`` on the hub.
    license
        The license of the weights, as their makers call it.
    about
        What it is good for.
    megabytes
        What a fetch takes, roughly.
    files
        Patterns of the files that are needed; ``*`` stands for anything, slashes too.
    skip
        Patterns of files that are left out.
    family
        ``sd15``, ``sdxl``, … or empty for a model that goes with all.
    path
        The file or folder in the repository that is the model; empty for the whole.
    revision
        Branch, tag or commit.
    pickled
        Whether the weights are Python pickles.
    """

    name: str
    kind: str
    repo: str
    license: str
    about: str
    megabytes: int
    files: tuple[str, ...]
    skip: tuple[str, ...] = ()
    family: str = ""
    path: str = ""
    revision: str = "main"
    pickled: bool = False


@functools.cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name."""
    text = files("stylize.models").joinpath("presets.toml").read_text(encoding="utf-8")
    made = {}
    for name, facts in tomllib.loads(text).items():
        lists = {key: tuple(value) for key, value in facts.items() if isinstance(value, list)}
        made[name] = Preset(name=name, **{**facts, **lists})
    return made


def nearest(name: str) -> str:
    """Return a hint at the preset that was meant."""
    close = difflib.get_close_matches(name, presets(), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else "`stylize models list` shows the known ones"
