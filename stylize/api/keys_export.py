"""Export of keys: as images named by frame, or with all frames as a project of the EbSynth application."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize.api._arguments import PathLike, make_request
from stylize.api.keys import needed_plan
from stylize.errors import OutputExistsError, UsageError
from stylize.export.ebsynth import ROWS, EbsRow, ebs_project, rows_between
from stylize.media import write_image
from stylize.media.bit_depth import to_8_bits
from stylize.media.frame_images import read_key
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.keyframing import known_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.storage.atomic import write_bytes

if TYPE_CHECKING:
    from keyframes import Key
    from propagate.arrays import Image
    from stylize.pipeline.context import RunContext


@dataclass(frozen=True)
class KeysExportResult:
    """The files that were written: the keys, then the project files of EbSynth, one for every 20 keys."""

    files: tuple[Path, ...]


def export_keys(
    clip: PathLike,
    output: PathLike,
    *,
    project: PathLike | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> KeysExportResult:
    """Write each key as a PNG named by frame: its painting or, if there is none, the clip's frame to paint over.

    Parameters
    ----------
    clip
        The clip or the project folder.
    output
        A folder; or a name ending in ``.ebs``: then a project of the EbSynth application is written there and,
        beside it, ``keys``, ``video`` with every frame and, if the clip has a matte, ``mask``, all with 8 bits.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.
    overwrite
        True replaces existing files; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If there is no plan, a file exists, or EbSynth cannot count the frames because their names do not end
        in numbers.
    """
    place = Path(output)
    with open_run(make_request(clip, project=project)) as context:
        plan = needed_plan(context)
        if place.suffix.lower() == ".ebs":
            files = _export_ebs(context, list(plan.keys), place, overwrite, StageTimer(on_progress))
            return KeysExportResult(tuple(files))
        targets = {key.frame: place / f"{context.whole.info.names[key.frame]}.png" for key in plan.keys}
        _ask(list(targets.values()), overwrite)
        for frame, target in targets.items():
            write_image(target, _painted(context, frame))
    return KeysExportResult(tuple(targets.values()))


def _painted(context: RunContext, frame: int) -> Image:
    name, picture = context.whole.info.names[frame], context.whole[frame]
    painted = context.project.keys.read(name)
    return read_key(painted, picture) if painted.exists() else picture


def _ask(targets: list[Path], overwrite: Overwrite) -> None:
    for target in targets:
        if target.exists() and not allowed(overwrite, target):
            raise OutputExistsError(f"{target}: exists; pass -y to replace it")


def _export_ebs(
    context: RunContext, keys: list[Key], place: Path, overwrite: Overwrite, watch: StageTimer
) -> list[Path]:
    """Write frames, keys, mattes and then the project files that name them."""
    info = context.whole.info
    names, numbers, pattern = _numbered(info.names, str(info.path))
    shots = [(shot.start, shot.stop) for shot in known_shots(context, watch)]
    rows = [
        EbsRow(numbers[key], numbers[first], numbers[last], f"out_{names[key]}/{pattern}.png")
        for key, first, last in rows_between([key.frame for key in keys], shots)
    ]
    parts = [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]
    files = [place if i == 0 else place.with_stem(f"{place.stem}_{i + 1}") for i in range(len(parts))]
    targets = [place.with_name("keys") / f"{names[key.frame]}.png" for key in keys]
    _ask([*files, *targets], overwrite)
    for key, target in zip(keys, targets, strict=True):
        write_image(target, to_8_bits(_painted(context, key.frame)))
    seen = measure_matte(context, watch, keep=False).visibility
    with watch.stage("video") as share:
        for index, name in enumerate(names):
            frame = to_8_bits(context.whole[index])
            write_image(place.with_name("video") / f"{name}.png", frame, compression=1, durable=False)
            if seen is not None:
                inside = 0 <= index - seen.first < len(seen.mattes)
                matte = seen.mattes[index - seen.first] if inside else np.zeros(frame.shape[:2], np.float32)
                gray = np.rint(matte * 255).astype(np.uint8)[..., None]
                write_image(place.with_name("mask") / f"{name}.png", gray, compression=1, durable=False)
            share((index + 1) / len(names))
    paths = {part: f"{part}/{pattern}.png" for part in ("video", "keys", "mask")}
    mask = paths["mask"] if seen is not None else None
    for file, part in zip(files, parts, strict=True):
        rate = float(info.rate or 25)
        write_bytes(file, ebs_project(paths["video"], paths["keys"], part, mask=mask, rate=rate))
    return [*targets, *files]


def _numbered(names: tuple[str, ...], clip: str) -> tuple[list[str], list[int], str]:
    """Return the zero-padded numbers of the frames, the numbers, and their pattern in EbSynth's spelling."""
    digits = [re.search(r"\d+$", name) for name in names]
    if any(found is None for found in digits):
        raise UsageError(f"{clip}: its frames' names do not end in numbers, which EbSynth needs")
    found = [match[0] for match in digits if match is not None]
    width = max(map(len, found))
    return [number.zfill(width) for number in found], [int(n) for n in found], f"[{'#' * width}]"
