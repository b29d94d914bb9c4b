"""What a project hands on: flattened clip, layers, mattes, EXR frames, and scripts that rebuild the comp."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stylize.compositing.stack import Stack
from stylize.errors import UsageError
from stylize.export.after_effects import after_effects_script
from stylize.export.color_space import SPACES, encode
from stylize.export.comp_description import (
    CompDescription,
    HandoffLayer,
    is_uneven,
    key_frames,
    plate_footage,
)
from stylize.export.frame_writer import FORMATS, FrameSequenceWriter, rgba
from stylize.export.multilayer_exr import MultilayerExrWriter
from stylize.export.nuke import nuke_script
from stylize.export.otio import load_timelines, write_timeline
from stylize.media.bit_depth import unit_to_16_bits
from stylize.pipeline.finished_run import open_finished
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.partial import partial_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from propagate.arrays import Image
    from stylize.compositing.blend import LayerSample
    from stylize.compositing.stack import LayerResult
    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest
    from stylize.settings.schema import Settings

log = logging.getLogger(__name__)

PARTS: Final = ("flat", "layers", "mattes", "exr", "otio", "nuke", "ae")
"""What can be asked for: the flattened clip, layers, mattes, EXR frames with all of it, and scripts."""
_SCRIPTS = ("otio", "nuke", "ae")
MANIFEST = "export.json"


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how.

    Attributes
    ----------
    what
        Some of `PARTS`. A script brings what it lays over each other with it: flattened clip, layers, mattes.
    form
        Of flattened clip and layers: ``png`` and ``tif`` with 16 bits, ``prores`` 4444, ``vp9`` with alpha.
    first
        Number of the first image.
    space
        What colors of images are stored as: ``srgb``, ``rec709``, ``linear``, ``acescg``; None is linear in
        EXR and sRGB in other images. Videos are as the clip.
    motion
        Put motion vectors into EXR frames; they are computed for it.
    """

    what: tuple[str, ...] = ("flat", "layers", "mattes")
    form: str = "png"
    first: int = 1001
    space: str | None = None
    motion: bool = True

    def __post_init__(self) -> None:
        for part in self.what:
            if part not in PARTS:
                raise UsageError(f"--what {part}: is not exported; choose from {', '.join(PARTS)}")
        if self.form not in FORMATS:
            raise UsageError(f"--format {self.form}: is not written; choose from {', '.join(FORMATS)}")
        if self.first < 0:
            raise UsageError(f"--first {self.first}: image numbers begin at 0 or above")
        if self.space is not None and self.space not in SPACES:
            raise UsageError(f"--color {self.space}: is unknown; choose from {', '.join(SPACES)}")
        video = self.form in ("prores", "vp9") and self.wants("flat", "layers")
        if video and "exr" not in self.what and self.space not in (None, "srgb"):
            raise UsageError(f"--color {self.space}: {self.form} has the clip's colors; use --format png or tif")

    def wants(self, *parts: str) -> bool:
        """Whether any of these is written."""
        scripts = any(script in self.what for script in _SCRIPTS)
        return any(p in self.what or (scripts and p in ("flat", "layers", "mattes")) for p in parts)


@dataclass(frozen=True)
class ExportResult:
    """What was exported: the folder, how many frames, the files by part, the layers, seconds in all."""

    output: Path
    frames: int
    files: dict[str, str]
    layers: tuple[str, ...]
    seconds: float


def export_project(
    request: RunRequest,
    options: ExportOptions,
    settings: Settings | Mapping[str, Any] | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> ExportResult:
    """Write what a project's last run finished for editors and compositors.

    Parameters
    ----------
    job
        The project or its clip, the folder to write (``output``), and a range.

    Raises
    ------
    UsageError
        If nothing is finished yet, or the folder holds something else.
    StylizeError
        If what a part needs is not installed; found before any work.
    DeviceError
        If it cannot be written; then nothing is left of it, and what stood there before still stands.
    """
    watch = StageTimer(on_progress)
    with open_finished(request, settings) as (context, layers):
        place = Path(request.output or context.project.root / "export")
        _check_folder(place, overwrite)
        if "otio" in options.what:
            load_timelines()
        if any(script in options.what for script in _SCRIPTS) and is_uneven(context.clip.info):
            log.warning(
                "%s: some of its frames stay longer than others, but timelines and scripts count evenly; "
                "make a clip of constant rate (ffmpeg -i IN -fps_mode cfr OUT) and style that",
                context.whole.info.path.name,
            )
        if options.space is not None:
            encode(np.zeros((1, 1, 3), np.float32), options.space)  # says what it lacks
        with watch.stage("export") as share, _delivery(place) as root:
            files = _write(context, layers, options, root, share)
            facts = {"clip": str(context.whole.info.path), "first": options.first, "files": files}
            write_text(root / MANIFEST, json.dumps(facts, indent=2) + "\n")
    seconds = watch.finished()["total"]
    return ExportResult(place, len(context.clip), files, tuple(layer.name for layer in layers), seconds)


def _write(
    context: RunContext,
    layers: tuple[LayerResult, ...],
    options: ExportOptions,
    root: Path,
    share: Callable[[float], None],
) -> dict[str, str]:
    """Write all frames, then the scripts that read them; returns where each part is."""
    with ExitStack() as stack:
        flat = stack.enter_context(Stack(context.clip, layers, linear=context.settings.compose.light == "linear"))
        streams = _streams(context, layers, options, root)
        for stream in streams.values():
            stack.callback(stream.abort)
        exr = MultilayerExrWriter(root, flat, options) if options.wants("exr") else None
        for index in range(len(context.clip)):
            sheets = flat.sheets(index)
            for name, stream in streams.items():
                stream.write(_picture(flat, index, sheets, name))
            if exr is not None:
                exr.write(index, sheets)
            share((index + 1) / len(context.clip))
        for stream in streams.values():
            stream.close()
    files = {name: stream.footage.printf for name, stream in streams.items()}
    if exr is not None:
        files["exr"] = exr.footage.printf
    return files | _scripts(context, layers, options, streams, root)


def _streams(
    context: RunContext, layers: tuple[LayerResult, ...], options: ExportOptions, root: Path
) -> dict[str, FrameSequenceWriter]:
    """Open what frames are written to: ``flat``, ``layers/NAME`` and ``mattes/NAME``."""
    info, first, space = context.clip.info, options.first, options.space or "srgb"
    streams: dict[str, FrameSequenceWriter] = {}
    if options.wants("flat"):
        streams["flat"] = FrameSequenceWriter(root, "flat", info, options.form, first=first, space=space, alpha=False)
    for layer in layers:
        if options.wants("layers"):
            name = f"layers/{layer.name}"
            streams[name] = FrameSequenceWriter(root, name, info, options.form, first=first, space=space, alpha=True)
        if options.wants("mattes"):
            name = f"mattes/{layer.name}"
            streams[name] = FrameSequenceWriter(root, name, info, "png", first=first, space="srgb", alpha=False)
    return streams


def _picture(flat: Stack, index: int, sheets: Sequence[LayerSample | None], name: str) -> Image:
    """Return what the stream called `name` shows in frame `index`."""
    part, _, layer = name.partition("/")
    if part == "flat":
        return flat.frame(index, sheets)
    number = [one.name for one in flat.layers].index(layer)
    if part == "mattes":
        return unit_to_16_bits(flat.matte(number, index))[..., None]
    sheet, info = sheets[number], flat.clip.info
    if sheet is None:
        return np.zeros((info.height, info.width, 4), np.uint16)
    return rgba(sheet.color, sheet.alpha)


def _scripts(
    context: RunContext,
    layers: tuple[LayerResult, ...],
    options: ExportOptions,
    streams: dict[str, FrameSequenceWriter],
    root: Path,
) -> dict[str, str]:
    if not any(script in options.what for script in _SCRIPTS):
        return {}
    info = context.clip.info
    name = Path(info.path).stem if not info.is_sequence else Path(info.path).name
    source = Path(info.path).absolute().as_posix()
    comp = CompDescription(
        name=name,
        size=(info.width, info.height),
        aspect=info.sample_aspect,
        rate=info.rate,
        count=info.count,
        first=options.first,
        linear=context.settings.compose.light == "linear",
        plate=plate_footage(info),
        layers=tuple(
            HandoffLayer(
                layer.name,
                layer.context.layer.blend,
                streams[f"layers/{layer.name}"].footage,
                streams[f"mattes/{layer.name}"].footage,
                key_frames(layer),
            )
            for layer in layers
        ),
        flat=streams["flat"].footage,
        sound=source if info.audio else None,
    )
    files = {}
    if "otio" in options.what:
        files["otio"] = f"{name}.otio"
        write_timeline(str(root / files["otio"]), comp)
    for part, suffix, script in (("nuke", "nk", nuke_script), ("ae", "jsx", after_effects_script)):
        if part in options.what:
            files[part] = f"{name}.{suffix}"
            write_text(root / files[part], script(comp))
    return files


def _check_folder(place: Path, overwrite: Overwrite) -> None:
    """Refuse a folder that holds anything but an export, which may be replaced if allowed."""
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(f"{place} is a file; name a folder to export to")
    if any(place.iterdir()):
        if not (place / MANIFEST).is_file():
            raise UsageError(f"{place} holds something that is no export; choose an empty folder")
        if not allowed(overwrite, place):
            raise UsageError(f"{place} holds an export already; pass -y to replace it")


@contextmanager
def _delivery(place: Path) -> Iterator[Path]:
    """Hand out a folder beside `place`, which takes its place if the block ends well."""
    partial = partial_path(place.absolute())
    with disk_errors(place):
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
        partial.mkdir(parents=True)
        try:
            yield partial
            if place.exists():
                shutil.rmtree(place)
            partial.rename(place.absolute())
        finally:
            shutil.rmtree(partial, ignore_errors=True)
