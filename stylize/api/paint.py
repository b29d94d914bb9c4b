"""Painting of keys, all of them, one, or a region of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.pipeline.run import paint_request
from stylize.progress import OnProgress, ignore

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class PaintResult:
    """The painted keys.

    Attributes
    ----------
    keys
        Of each key at least ``frame`` (counted from the clip's first), ``reason``, ``kind`` and ``file``; keys
        that followed others also have ``parents`` and ``agreement``.
    """

    keys: tuple[dict[str, Any], ...]


def paint_keys(
    clip: PathLike,
    style: PathLike | Sequence[PathLike] = (),
    *,
    key: int | None = None,
    region: PathLike | None = None,
    project: PathLike | None = None,
    renderer: str | None = None,
    matte: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
    on_progress: OnProgress = ignore,
) -> PaintResult:
    """Choose and paint the keys of a clip, and stop before propagation.

    Parameters
    ----------
    clip, style, project, renderer, matte, start, end, scenes, settings, on_progress
        As for `stylize.api.run.stylize_clip`.
    key
        Frame of the one key to paint, counted from 0; keys that it must agree with are painted with it.
    region
        An image of the frame's size: only its white part of `key` is painted again (inpainting), every other
        pixel stays. The key then counts as changed by hand: later runs keep it.

    Raises
    ------
    UsageError
        If `key` is not a key, `region` is given without `key`, the renderer cannot inpaint, the keys are given
        as files, or the project has several layers.
    ModelError
        If the renderer needs weights that are missing.
    """
    request = make_request(
        clip, style, project=project, renderer=renderer, matte=matte, start=start, end=end, scenes=scenes
    )
    return PaintResult(paint_request(request, settings, key, on_progress, None if region is None else Path(region)))
