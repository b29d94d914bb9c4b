"""Synthesis of one image from a style and guides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.errors import DeviceError, UsageError
from stylize.media import read_image, write_image
from stylize.media.image_writer import WRITABLE_SUFFIXES
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Image


@dataclass(frozen=True)
class SynthesisResult:
    """The synthesized image.

    Attributes
    ----------
    output
        The image file.
    energy
        Mean patch error over the image, which the search minimizes; it compares runs on the same style, guides
        and weights.
    seconds
        By stage: read, synthesis, write, total.
    """

    output: Path
    energy: float
    seconds: dict[str, float]


def synthesize_image(
    style: PathLike,
    guides: Sequence[tuple[PathLike, PathLike]],
    output: PathLike,
    *,
    weights: Sequence[float] = (),
    style_weight: float = 1.0,
    error: PathLike | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> SynthesisResult:
    """Synthesize the target of the guides from patches of `style`, as the EbSynth command does.

    Parameters
    ----------
    style
        The painting, 1 to 4 channels, 8 or 16 bits.
    guides
        Pairs of images: one of the style's size that belongs to it, and the same kind of image of the target.
    output
        The image to write; its suffix selects the format.
    weights
        Weight of each guide, at least 0, in their order; together 1 by default. A heavier guide is followed
        more closely.
    style_weight
        Weight of the style, at least 0: higher keeps its own neighborhoods together, lower follows the guides.
    error
        The image for the error map, if any; see `error_image`.
    settings
        The section ``synthesis`` is read.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If counts, sizes, channels or weights do not fit, or an output is also an input.
    MediaError
        If an image is missing or damaged.
    DeviceError
        If the backend is not available, or an output cannot be written.

    Notes
    -----
    Patch-based synthesis after Fiser et al., "StyLit" (2016) and Jamriska et al., "LazyFluids" (2015).
    """
    from propagate import Guide, synthesize

    place, pairs = Path(output), [(Path(a), Path(b)) for a, b in guides]
    options = make_settings(settings).synthesis
    watch = StageTimer(on_progress)
    shares = _shares(pairs, weights)
    if error is not None and Path(error).absolute() == place.absolute():
        raise UsageError(f"{place}: the image and its error map would be one file; name another for --error")
    for target in [place] if error is None else [place, Path(error)]:
        _check_place(target, [Path(style), *(p for pair in pairs for p in pair)], overwrite)
    _check_device(options.backend)
    with watch.stage("read"):
        painting = read_image(style)
        images = [(read_image(a), read_image(b)) for a, b in pairs]
    with watch.stage("synthesis") as share:
        try:
            carried = []
            for (a, b), weight in zip(images, shares, strict=True):
                shown, wanted = alike(a, b)
                carried.append(Guide(shown, wanted, weight))
            [short] = alike(painting)
            made = synthesize(short, carried, options, style_weight=style_weight, on_progress=share)
        except ValueError as problem:
            raise UsageError(_by_file(str(problem), Path(style), pairs)) from problem
    with watch.stage("write"):
        write_image(place, with_channels(made.image, painting.shape[2]))
        if error is not None:
            write_image(Path(error), error_image(made.error))
    return SynthesisResult(place, round(float(made.error.mean()), 3), watch.finished())


def error_image(error: F32) -> Image:
    """Spell an error map as a gray picture, 16 bits: its square root times 256, so that maps compare.

    Black is a perfect match; the root keeps small errors visible beside large ones.
    """
    return np.minimum(np.sqrt(np.maximum(error, 0.0)) * 256.0, 65535.0).astype(np.uint16)[..., None]


def alike(*images: Image) -> list[Image]:
    """Return images with the channels that tell something in any of them, so that they compare.

    Color is left out where all are gray, alpha where all are opaque, as EbSynth does: a guide's weight is
    spread over its channels, and those that say nothing would take their share of it.
    """
    color = any(i.shape[2] > 2 and bool((i[..., 1:3] != i[..., :1]).any()) for i in images)
    alpha = any(i.shape[2] in (2, 4) and bool((i[..., -1] != np.iinfo(i.dtype).max).any()) for i in images)
    return [with_channels(image, (3 if color else 1) + alpha) for image in images]


def with_channels(image: Image, count: int) -> Image:
    """Return the image as gray, gray and alpha, RGB or RGBA (1 to 4 channels); alpha that it lacks is opaque.

    Of colors that become gray the first channel is taken: they are equal, or should not become gray.
    """
    if image.shape[2] == count:
        return image
    shades = image[..., :3] if image.shape[2] > 2 and count > 2 else image[..., :1]
    made = np.full((*image.shape[:2], count), np.iinfo(image.dtype).max, image.dtype)
    made[..., : count - 1 + count % 2] = shades
    if image.shape[2] % 2 == 0 and count % 2 == 0:
        made[..., -1] = image[..., -1]
    return made


def _by_file(problem: str, style: Path, pairs: Sequence[tuple[Path, Path]]) -> str:
    """Say a problem of the arrays with the files' names."""
    said = problem
    for index, (source, target) in enumerate(pairs):
        name = f"guides[{index}]"
        for part, place in (("source", source), ("target", target)):
            said = said.replace(f"{name}.{part} ", f"{place} ")
        said = said.replace(f"{name}.weight", f"the weight of guide {source}").replace(name, f"guide {source}")
    return f"{style}: {problem}" if said == problem else said


def _shares(pairs: Sequence[tuple[Path, Path]], weights: Sequence[float]) -> list[float]:
    if not pairs:
        raise UsageError("no guide given; name at least one pair: --guide SOURCE TARGET")
    if not weights:
        return [1.0 / len(pairs)] * len(pairs)
    if len(weights) != len(pairs):
        raise UsageError(f"{len(weights)} weights for {len(pairs)} guides; give each guide its --weight, or none")
    return list(weights)


def _check_device(backend: str) -> None:
    from propagate.backend import choose_field

    try:
        choose_field(backend)
    except ValueError as problem:
        raise DeviceError(str(problem)) from problem


def _check_place(place: Path, inputs: Sequence[Path], overwrite: Overwrite) -> None:
    """Refuse, before any work, an output that cannot or must not be written."""
    if place.suffix.lower() not in WRITABLE_SUFFIXES:
        raise UsageError(f"{place}: no image format known by {place.suffix!r}; end it in .png")
    if place.is_dir():
        raise UsageError(f"{place}: is a folder; name a file in it")
    for one in inputs:
        if place.exists() and one.exists() and place.samefile(one):
            raise UsageError(f"{place}: is also an input; name another output")
    if not place.absolute().parent.is_dir():
        raise UsageError(f"{place}: the folder {place.absolute().parent} does not exist; make it first")
    if place.exists() and not allowed(overwrite, place):
        raise UsageError(f"{place}: exists; overwrite it with -y, or name another output")
