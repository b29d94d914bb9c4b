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
from stylize.export.comp_description import Handoff, HandoffLayer, is_uneven, key_frames, plate_footage
from stylize.export.frame_writer import FORMATS, FrameFiles, rgba
from stylize.export.multilayer_exr import ExrFrames
from stylize.export.nuke import nuke_script
from stylize.export.otio import load_timelines, write_timeline
from stylize.media.bit_depth import unit_to_16_bits
from stylize.pipeline.finished_run import open_finished
from stylize.progress import OnProgress, Overwrite, Watch, allowed, ignore
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.partial import partial_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from propagate.arrays import Image
    from stylize.compositing.blend import Sheet
    from stylize.compositing.stack import Painted
    from stylize.pipeline.context import Job, Work
    from stylize.settings.schema import Settings

__all__ = ["PARTS", "ExportOptions", "ExportResult", "export_project"]

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
        What colours of images are stored as: ``srgb``, ``rec709``, ``linear``, ``acescg``; None is linear in
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
            raise UsageError(f"--colour {self.space}: is unknown; choose from {', '.join(SPACES)}")
        video = self.form in ("prores", "vp9") and self.wants("flat", "layers")
        if video and "exr" not in self.what and self.space not in (None, "srgb"):
            raise UsageError(
                f"--colour {self.space}: {self.form} has the clip's colours; use --format png or tif"
            )

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
    job: Job,
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
    watch = Watch(on_progress)
    with open_finished(job, settings) as (work, layers):
        place = Path(job.output or work.project.root / "export")
        _check_folder(place, overwrite)
        if "otio" in options.what:
            load_timelines()
        if any(script in options.what for script in _SCRIPTS) and is_uneven(work.clip.info):
            log.warning(
                "%s: some of its frames stay longer than others, but timelines and scripts count evenly; "
                "make a clip of constant rate (ffmpeg -i IN -fps_mode cfr OUT) and style that",
                work.whole.info.path.name,
            )
        if options.space is not None:
            encode(np.zeros((1, 1, 3), np.float32), options.space)  # says what it lacks
        with watch.stage("export") as share, _delivery(place) as root:
            files = _write(work, layers, options, root, share)
            facts = {"clip": str(work.whole.info.path), "first": options.first, "files": files}
            write_text(root / MANIFEST, json.dumps(facts, indent=2) + "\n")
    seconds = watch.finished()["total"]
    return ExportResult(place, len(work.clip), files, tuple(layer.name for layer in layers), seconds)


def _write(
    work: Work,
    layers: tuple[Painted, ...],
    options: ExportOptions,
    root: Path,
    share: Callable[[float], None],
) -> dict[str, str]:
    """Write all frames, then the scripts that read them; returns where each part is."""
    with ExitStack() as stack:
        flat = stack.enter_context(Stack(work.clip, layers, linear=work.settings.compose.light == "linear"))
        streams = _streams(work, layers, options, root)
        for stream in streams.values():
            stack.callback(stream.abort)
        exr = ExrFrames(root, flat, options) if options.wants("exr") else None
        for index in range(len(work.clip)):
            sheets = flat.sheets(index)
            for name, stream in streams.items():
                stream.write(_picture(flat, index, sheets, name))
            if exr is not None:
                exr.write(index, sheets)
            share((index + 1) / len(work.clip))
        for stream in streams.values():
            stream.close()
    files = {name: stream.footage.printf for name, stream in streams.items()}
    if exr is not None:
        files["exr"] = exr.footage.printf
    return files | _scripts(work, layers, options, streams, root)


def _streams(
    work: Work, layers: tuple[Painted, ...], options: ExportOptions, root: Path
) -> dict[str, FrameFiles]:
    """Open what frames are written to: ``flat``, ``layers/NAME`` and ``mattes/NAME``."""
    info, first, space = work.clip.info, options.first, options.space or "srgb"
    streams: dict[str, FrameFiles] = {}
    if options.wants("flat"):
        streams["flat"] = FrameFiles(root, "flat", info, options.form, first=first, space=space, alpha=False)
    for layer in layers:
        if options.wants("layers"):
            name = f"layers/{layer.name}"
            streams[name] = FrameFiles(root, name, info, options.form, first=first, space=space, alpha=True)
        if options.wants("mattes"):
            name = f"mattes/{layer.name}"
            streams[name] = FrameFiles(root, name, info, "png", first=first, space="srgb", alpha=False)
    return streams


def _picture(flat: Stack, index: int, sheets: Sequence[Sheet | None], name: str) -> Image:
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
    return rgba(sheet.colour, sheet.alpha)


def _scripts(
    work: Work,
    layers: tuple[Painted, ...],
    options: ExportOptions,
    streams: dict[str, FrameFiles],
    root: Path,
) -> dict[str, str]:
    if not any(script in options.what for script in _SCRIPTS):
        return {}
    info = work.clip.info
    name = Path(info.path).stem if not info.is_sequence else Path(info.path).name
    source = Path(info.path).absolute().as_posix()
    comp = Handoff(
        name=name,
        size=(info.width, info.height),
        aspect=info.sample_aspect,
        rate=info.rate,
        count=info.count,
        first=options.first,
        linear=work.settings.compose.light == "linear",
        plate=plate_footage(info),
        layers=tuple(
            HandoffLayer(
                layer.name,
                layer.work.layer.blend,
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
