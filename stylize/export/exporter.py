"""Writer of an export: flattened clip, layers, mattes, EXR frames, and scripts that rebuild the comp."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import OutputExistsError, UsageError
from stylize.export.after_effects import after_effects_script
from stylize.export.color_space import encode
from stylize.export.comp_description import CompDescription, CompLayer, is_uneven, plate_footage, plate_name
from stylize.export.frame_writer import FrameSequenceWriter, rgba
from stylize.export.multilayer_exr import MultilayerExrWriter
from stylize.export.nuke import nuke_script
from stylize.export.otio import load_timelines, write_timeline
from stylize.media.bit_depth import unit_to_16_bits
from stylize.progress import Overwrite, allowed
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.partial import partial_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from propagate.arrays import Image
    from stylize.compositing.blend import LayerSample
    from stylize.compositing.stack import Stack
    from stylize.export.options import ExportOptions

log = logging.getLogger(__name__)

MANIFEST = "export.json"
"""File by which a folder is known as an export, which may be replaced."""


def check_export(stack: Stack, options: ExportOptions, folder: Path, overwrite: Overwrite) -> None:
    """Raise an error, before any work, if an export cannot be written.

    Raises
    ------
    UsageError
        If the folder holds anything but an export that may be replaced.
    StylizeError
        If a part needs a package that is not installed.
    """
    _check_folder(folder, overwrite)
    if "otio" in options.what:
        load_timelines()
    if options.has_scripts and is_uneven(stack.clip.info):
        log.warning(
            "%s: some of its frames stay longer than others, but timelines and scripts count evenly; "
            "make a clip of constant rate (ffmpeg -i IN -fps_mode cfr OUT) and style that",
            stack.clip.info.path.name,
        )
    if options.space is not None:
        encode(np.zeros((1, 1, 3), np.float32), options.space)  # raises if its package is missing


def write_export(
    stack: Stack,
    keys: Mapping[str, tuple[int, ...]],
    options: ExportOptions,
    folder: Path,
    on_progress: Callable[[float], None],
) -> dict[str, str]:
    """Write an export, all of it or nothing, and return the files by part.

    Parameters
    ----------
    stack
        The clip and its layers.
    keys
        By layer, the frames of its keys, counted from the first frame of the range.
    folder
        Replaced as soon as the export is complete; see `check_export`.
    on_progress
        Called with the finished share, 0 to 1.

    Raises
    ------
    DeviceError
        If it cannot be written; then `folder` is as it was before.
    """
    with _replaced_folder(folder) as root:
        files = _write(stack, keys, options, root, on_progress)
        facts = {"clip": str(stack.clip.info.path), "first": options.first, "files": files}
        write_text(root / MANIFEST, json.dumps(facts, indent=2) + "\n")
    return files


def _write(
    stack: Stack,
    keys: Mapping[str, tuple[int, ...]],
    options: ExportOptions,
    root: Path,
    on_progress: Callable[[float], None],
) -> dict[str, str]:
    """Write all frames, then the scripts that read them; return the files by part."""
    streams = _streams(stack, options, root)
    with ExitStack() as opened:
        for stream in streams.values():
            opened.callback(stream.abort)
        exr = MultilayerExrWriter(root, stack, options) if options.wants("exr") else None
        for index in range(len(stack.clip)):
            samples = stack.samples(index)
            for name, stream in streams.items():
                stream.write(_image(stack, index, samples, name))
            if exr is not None:
                exr.write(index, samples)
            on_progress((index + 1) / len(stack.clip))
        for stream in streams.values():
            stream.close()
    files = {name: stream.footage.printf for name, stream in streams.items()}
    if exr is not None:
        files["exr"] = exr.footage.printf
    return files | _scripts(stack, keys, options, streams, root)


def _streams(stack: Stack, options: ExportOptions, root: Path) -> dict[str, FrameSequenceWriter]:
    """Open the writers of the frames: ``flat``, ``layers/NAME`` and ``mattes/NAME``."""
    info, first, space = stack.clip.info, options.first, options.space or "srgb"
    streams: dict[str, FrameSequenceWriter] = {}
    if options.wants("flat"):
        streams["flat"] = FrameSequenceWriter(root, "flat", info, options.form, first=first, space=space, alpha=False)
    for layer in stack.layers:
        if options.wants("layers"):
            name = f"layers/{layer.name}"
            streams[name] = FrameSequenceWriter(root, name, info, options.form, first=first, space=space, alpha=True)
        if options.wants("mattes"):
            name = f"mattes/{layer.name}"
            streams[name] = FrameSequenceWriter(root, name, info, "png", first=first, space="srgb", alpha=False)
    return streams


def _image(stack: Stack, index: int, samples: Sequence[LayerSample | None], name: str) -> Image:
    """Return the image of frame `index` for the stream called `name`."""
    part, _, layer = name.partition("/")
    if part == "flat":
        return stack.frame(index, samples)
    number = [one.name for one in stack.layers].index(layer)
    if part == "mattes":
        return unit_to_16_bits(stack.matte(number, index))[..., None]
    sample, info = samples[number], stack.clip.info
    if sample is None:
        return np.zeros((info.height, info.width, 4), np.uint16)
    return rgba(sample.color, sample.alpha)


def _scripts(
    stack: Stack,
    keys: Mapping[str, tuple[int, ...]],
    options: ExportOptions,
    streams: dict[str, FrameSequenceWriter],
    root: Path,
) -> dict[str, str]:
    if not options.has_scripts:
        return {}
    info = stack.clip.info
    name = plate_name(info)
    comp = CompDescription(
        name=name,
        size=(info.width, info.height),
        aspect=info.sample_aspect,
        rate=info.rate,
        count=info.count,
        first=options.first,
        linear=stack.linear,
        plate=plate_footage(info),
        layers=tuple(
            CompLayer(
                layer.name,
                layer.spec.blend,
                streams[f"layers/{layer.name}"].footage,
                streams[f"mattes/{layer.name}"].footage,
                keys[layer.name],
            )
            for layer in stack.layers
        ),
        flat=streams["flat"].footage,
        sound=info.path.absolute().as_posix() if info.audio else None,
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
    """Raise UsageError for a folder that holds anything but an export that may be replaced."""
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(f"{place}: is a file; name a folder to export to")
    if any(place.iterdir()):
        if not (place / MANIFEST).is_file():
            raise UsageError(f"{place}: is not empty and not an export; choose an empty folder")
        if not allowed(overwrite, place):
            raise OutputExistsError(f"{place}: holds an export already; pass -y to replace it")


@contextmanager
def _replaced_folder(place: Path) -> Iterator[Path]:
    """Yield a new folder beside `place`, which replaces it if the block ends without an error."""
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
