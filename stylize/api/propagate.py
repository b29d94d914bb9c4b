"""Propagation of painted keys over a clip, without a project."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.compositing.blend import composite_over
from stylize.mattes import open_matte
from stylize.media import open_clip, write_image
from stylize.media.bit_depth import to_16_bits
from stylize.media.deliverables import deliverable_of
from stylize.media.frame_images import check_keys, find_keys, read_keys, with_alpha
from stylize.media.image_reader import image_depth, image_has_alpha
from stylize.pipeline.context import check_size
from stylize.pipeline.output import check_distinct_paths, check_map_folder, check_output_path, make_writer
from stylize.pipeline.propagation import propagate_shot
from stylize.pipeline.shots import by_shot, find_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore

if TYPE_CHECKING:
    from propagate import CarriedFrame


@dataclass(frozen=True)
class PropagateResult:
    """The propagated clip.

    Attributes
    ----------
    output
        The video or folder.
    frames
        Number of frames.
    quality
        Mean confidence of each frame, 0 to 1.
    seconds
        By stage: flow, synthesis, join, io, total.
    """

    output: Path
    frames: int
    quality: tuple[float, ...]
    seconds: dict[str, float]


def propagate_clip(
    frames: PathLike,
    keys: PathLike,
    output: PathLike,
    *,
    matte: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    confidence: PathLike | None = None,
    error: PathLike | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> PropagateResult:
    """Propagate painted keys over all frames of a clip, without a project; nothing crosses a cut.

    Parameters
    ----------
    frames
        A video or a folder of numbered images.
    keys
        A folder of painted keys, named by frame; in a folder of images each comes out bit for bit.
    output
        A video, or a folder for images under the clip's frame names. They have 16 bits if the clip or a key
        has, and the keys' straight alpha if a key has any and no matte is given; in a video and with a matte,
        the clip shows where the paint is transparent.
    matte
        Area to stylize, white; elsewhere the clip shows. See `stylize.mattes.open_matte`.
    start, end
        Half-open range to work on: frames counted from 0, seconds (``"2.5s"``) or timecode.
    confidence, error
        Folders for gray images per frame: the confidence of each pixel, white for sure (8 bits), and its
        residual, the difference of color from the key that explains it in 8-bit steps, times 256 (16 bits).
    scenes
        A scene list (.csv) of PySceneDetect for the complete clip, in place of cut detection.
    settings
        The sections ``clip``, ``matte``, ``shots``, ``propagate`` and ``output`` are read.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    MediaError
        If the clip, a key or the matte is missing or damaged, or a shot has no key.
    UsageError
        If the output or a folder of maps cannot be written, or two paths are the same.
    """
    settings, place, watch = make_settings(settings), Path(output), StageTimer(on_progress)
    maps = {"folder of confidence": confidence, "folder of error": error}
    with ExitStack() as stack:
        clip = stack.enter_context(open_clip(frames, start=start, end=end, **asdict(settings.clip)))
        check_size(clip.info)
        inputs = {"clip": frames, "folder of keys": keys, "matte": matte}
        check_distinct_paths({"output": place, **maps}, inputs)
        check_output_path(place, clip, overwrite)
        for folder in maps.values():
            if folder is not None:
                check_map_folder(Path(folder))
        files = find_keys(Path(keys), clip.info)
        check_keys(files, clip.info)
        mattes = stack.enter_context(open_matte(matte, clip.info, settings.matte, clip)) if matte else None
        with watch.stage("shots") as share:
            shots = find_shots(clip, settings.shots, share, scenes)
        groups = by_shot(shots, files, clip)
        quality: list[float] = []
        as_images = deliverable_of(place) is None
        deep = as_images and any(image_depth(file) == 16 for file in files.values())
        clear = as_images and mattes is None and any(image_has_alpha(file) for file in files.values())
        writer = stack.enter_context(make_writer(place, clip.info, settings.output, channels=4 if clear else 3))
        with watch.stage("propagate") as share:
            for shot, group in zip(shots, groups, strict=True):
                source = clip[shot.start : shot.stop]
                part = mattes[shot.start : shot.stop] if mattes else None
                painted = read_keys(group, source[0], deep=deep)
                for made in propagate_shot(source, painted, settings.propagate, part, on_stage=watch.add):
                    if clear:
                        writer.write(with_alpha(made.image))
                    else:
                        plate = source[made.index]
                        plate = to_16_bits(plate) if made.image.dtype == np.uint16 else plate
                        writer.write(composite_over(made.image, plate, part[made.index] if part else None))
                    _write_maps(made, source.info.names[made.index], confidence, error)
                    quality.append(made.quality)
                    share(len(quality) / len(clip))
            writer.close()
    seconds = {name: watch.seconds.get(name, 0.0) for name in ("flow", "synthesis", "join")}
    seconds["io"] = watch.seconds["propagate"] - sum(seconds.values())  # the rest: reading keys, writing frames
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    return PropagateResult(place, len(quality), tuple(quality), {**rounded, "total": watch.finished()["total"]})


def _write_maps(made: CarriedFrame, name: str, confidence: PathLike | None, error: PathLike | None) -> None:
    if confidence is not None:
        sure = np.rint(np.clip(made.confidence, 0, 1) * 255).astype(np.uint8)[..., None]
        write_image(Path(confidence) / f"{name}.png", sure, durable=False)
    if error is not None:
        steps = np.rint(np.clip(made.error * 256, 0, 65535)).astype(np.uint16)[..., None]
        write_image(Path(error) / f"{name}.png", steps, durable=False)
