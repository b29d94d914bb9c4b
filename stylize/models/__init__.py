"""Models: known ones by name, where and what they are, whether they are whole. Nothing is loaded here."""

from __future__ import annotations

from stylize.models.families import family_of, kind_of, read_config
from stylize.models.identity import model_hash
from stylize.models.options import ModelOptions
from stylize.models.presets import KINDS, Preset, presets
from stylize.models.resolve import find_model
from stylize.models.weights import check_weights, is_pickle, read_header

__all__ = [
    "KINDS",
    "ModelOptions",
    "Preset",
    "check_weights",
    "family_of",
    "find_model",
    "is_pickle",
    "kind_of",
    "model_hash",
    "presets",
    "read_config",
    "read_header",
]
