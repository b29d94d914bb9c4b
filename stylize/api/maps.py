"""A map of every frame, as a clip of its own: for compositors, who use depth for transitions and fog."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.maps.registry import check_map_name, check_options, fit, make_map, option_names
from stylize.media import open_clip
from stylize.media.info import ColorTags
from stylize.pipeline.output import check_output_path, make_writer
from stylize.pipeline.shots import find_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore
from stylize.settings.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from propagate.arrays import Image
    from stylize.media import Clip

GREY = ColorTags()
"""How a map is tagged, whatever the clip is: its values are no light, and stay what they are."""


@dataclass(frozen=True)
class MapClip:
    """What `write_map` wrote.

    Attributes
    ----------
    output
        The video or folder.
    map
        The map's name.
    frames
        How many.
    bits
        Per channel, as far as the container holds them.
    seconds
        By stage.
    """

    output: Path
    map: str
    frames: int
    bits: int
    seconds: dict[str, float]


def write_map(  # noqa: PLR0913  the front door takes all its choices by name
    clip: str | Path,
    name: str,
    output: str | Path,
    *,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: str | Path | None = None,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
    **options: Any,
) -> MapClip:
    """Write the map called `name` of every frame of a clip.

    The output has the clip's frames, size, times and rate, and no sound. Depth has one range for every shot,
    so that it does not flicker, and 16 bits in images and .mkv, 10 in .mov and .mp4.

    Parameters
    ----------
    clip
        A video, or a folder of images.
    name
        See `stylize.maps.map_names`.
    output
        A video's name, or a folder's for images under the clip's frame names.
    start, end
        Work on a range only.
    scenes
        A scene list (.csv) of PySceneDetect for the whole clip, in place of looking for cuts.
    settings
        Those of reading, of shots, of models and of writing are read.
    overwrite
        Whether an existing output may be replaced.
    on_progress
        Told about the stages.
    **options
        Of the map.

    Raises
    ------
    UsageError
        If the map or an option is unknown, or the output cannot be written.
    MediaError
        If the clip is missing or bad.
    ModelError
        If the map needs weights that are not here.
    """
    check_map_name(name)
    check_options(name, options)
    settings, place, watch = settings or Settings(), Path(output), StageTimer(on_progress)
    with ExitStack() as stack:
        source = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_output_path(place, source, overwrite)
        deep = name == "depth"
        info = replace(source.info, bit_depth=16 if deep else 8, color=GREY, audio=())
        draw = _depths(scenes) if deep else _plain(name)
        drawn = draw(source, settings, options, watch)
        first = next(drawn)  # what is missing is said before the output is begun
        writer = stack.enter_context(make_writer(place, info, settings.output, f"stylize maps --map {name}"))
        with watch.stage(name) as share:
            writer.write(first)
            for count, picture in enumerate(drawn, start=2):
                writer.write(picture)
                share(count / len(source))
            writer.close()
    return MapClip(place, name, source.info.count, info.bit_depth, watch.finished())


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
