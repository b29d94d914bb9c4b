"""Control maps of a clip as a clip: depth for fog and transitions, lines to paint over."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.maps.registry import check_map_name, check_options, fit, make_map, option_names
from stylize.media import open_clip
from stylize.media.info import ColorTags
from stylize.pipeline.output import check_output_path, make_writer
from stylize.pipeline.shots import find_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from propagate.arrays import Image
    from stylize.media import Clip
    from stylize.settings.schema import Settings

MAP_TAGS = ColorTags()
"""Color tags of every map, whatever the clip has: its values are data and not light."""


@dataclass(frozen=True)
class MapsResult:
    """The control maps of a clip.

    Attributes
    ----------
    output
        The video or folder.
    map
        The map's name.
    frames
        Number of frames.
    bits
        Bits per channel, as far as the container holds them.
    seconds
        By stage.
    """

    output: Path
    map: str
    frames: int
    bits: int
    seconds: dict[str, float]


def render_maps(
    clip: PathLike,
    name: str,
    output: PathLike,
    *,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
    **options: Any,
) -> MapsResult:
    """Write a control map of every frame of a clip: depth, lines, edges, colors.

    The output has the clip's frames, size, times and rate, and no sound. Depth has one range for every shot,
    so that it does not flicker, and 16 bits in images and .mkv, 10 in .mov and .mp4.

    Parameters
    ----------
    clip
        A video, or a folder of images.
    name
        One of `stylize.maps.map_names`.
    output
        A video, or a folder for images under the clip's frame names.
    start, end
        Half-open range to work on: frames counted from 0, seconds (``"2.5s"``) or timecode.
    scenes
        A scene list (.csv) of PySceneDetect for the complete clip, in place of cut detection.
    settings
        The sections ``clip``, ``shots``, ``models`` and ``output`` are read.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.
    **options
        Of the map: ``model`` (depth: a preset, org/name or a path), ``detail`` (lines: 0 few, 1 all).

    Raises
    ------
    UsageError
        If the map or an option is unknown, or the output cannot be written.
    MediaError
        If the clip is missing or damaged.
    ModelError
        If the map needs weights that are missing.
    """
    check_map_name(name)
    check_options(name, options)
    settings, place, watch = make_settings(settings), Path(output), StageTimer(on_progress)
    with ExitStack() as stack:
        source = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_output_path(place, source, overwrite)
        deep = name == "depth"
        info = replace(source.info, bit_depth=16 if deep else 8, color=MAP_TAGS, audio=())
        draw = _depths(scenes) if deep else _plain(name)
        drawn = draw(source, settings, options, watch)
        first = next(drawn)  # a missing model raises before the output is created
        writer = stack.enter_context(make_writer(place, info, settings.output, f"stylize maps --map {name}"))
        with watch.stage(name) as share:
            writer.write(first)
            for count, picture in enumerate(drawn, start=2):
                writer.write(picture)
                share(count / len(source))
            writer.close()
    return MapsResult(place, name, source.info.count, info.bit_depth, watch.finished())


def _plain(name: str) -> Callable[[Clip, Settings, dict[str, Any], StageTimer], Iterator[Image]]:
    def draw(clip: Clip, settings: Settings, options: dict[str, Any], _watch: StageTimer) -> Iterator[Image]:
        if "models" in option_names(name):
            options = {"models": settings.models, **options}
        size = clip.info.height, clip.info.width
        return (make_map(name, frame, size, **options) for frame in clip)

    return draw


def _depths(
    scenes: str | Path | None,
) -> Callable[[Clip, Settings, dict[str, Any], StageTimer], Iterator[Image]]:
    def draw(clip: Clip, settings: Settings, options: dict[str, Any], watch: StageTimer) -> Iterator[Image]:
        """Draw depth in 16 bits, with one range for every shot."""
        from stylize.maps.depth import find_limits, open_depth, shade

        fixed = options.pop("limits", None)
        model = open_depth(**{"models": settings.models, **options})
        size = clip.info.height, clip.info.width
        with watch.stage("shots") as share:
            shots = find_shots(clip, settings.shots, share, scenes)
        for shot in shots:
            frames = clip[shot.start : shot.stop]
            limits = fixed or find_limits(_fitted(frames, size), len(frames), model)
            for frame in frames:
                near = shade(model.nearness(fit(frame, size)), limits)
                gray = np.rint(near * 65535).astype(np.uint16)
                yield gray[..., None].repeat(3, axis=2)

    return draw


def _fitted(frames: Clip, size: tuple[int, int]) -> Callable[[int], Image]:
    return lambda index: fit(frames[index], size)
