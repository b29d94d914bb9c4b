"""Painted keys as files: which file is for which frame, and is it usable there."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError
from stylize.media import image_size, read_image
from stylize.media.image_reader import IMAGE_SUFFIXES
from stylize.media.layered_image import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.media import ClipInfo

KEY_SUFFIXES = (*IMAGE_SUFFIXES, ".psd", ".psb")
"""What a painted key may be."""
LOOSE = 0.01
"""Relative difference of aspect that counts as the same picture at another size (rounding of odd sizes)."""

log = logging.getLogger(__name__)


def find_keys(folder: Path, info: ClipInfo, flat: Path | None = None) -> dict[int, Path]:
    """Match the images in `folder` to frames of the clip by name.

    A file belongs to the frame whose name equals its stem, else to the frame with the same number: the last
    digits of both, so that ``10.png`` and ``key_0010.png`` are for frame ``010``. Several files for one frame
    may be its layers, see `layer_of`; they are laid over each other.

    Parameters
    ----------
    flat
        Where layers that were laid over each other are kept as one file; None: the system's temporary folder.

    Returns
    -------
    dict
        Frame index in the clip (or range) described by `info` → file, in the clip's order. Keys of frames
        that the clip has but the range leaves out are passed over.

    Raises
    ------
    MediaError
        If there is no usable image, one names no frame of the clip, or two are for the same frame.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder of painted keys; name one that holds images such as 000010.png")
    files = key_files(folder)
    if not files:
        raise MediaError(
            f"{folder}: holds no image; put painted keys there, named by frame, such as {info.names[0]}.png"
        )
    frames = _Names(info)
    found: dict[int, list[Path]] = {}
    for file in files:
        index, number = frames.index_of(file.stem)
        if index is None:
            if number is not None and info.is_range and _in_clip(number, info):
                continue
            span = f"{info.names[0]} to {info.names[-1]}"
            raise MediaError(f"{file}: names no frame of {info.path} ({span}); rename it after the frame it paints")
        found.setdefault(index, []).append(file)
    if not found:
        raise MediaError(f"{folder}: no key is for frames {info.names[0]} to {info.names[-1]}; paint one of these")
    return {index: one_file(info.names[index], paths, flat) for index, paths in sorted(found.items())}


def key_files(folder: Path) -> list[Path]:
    """Return the images in a folder that can be keys, by name."""
    visible = (p for p in folder.iterdir() if not p.name.startswith("."))
    return sorted(p for p in visible if p.suffix.lower() in KEY_SUFFIXES)


def files_for(folder: Path, name: str) -> list[Path]:
    """Return the images in `folder` that are for the frame called `name`: one, or its layers."""
    files = key_files(folder) if folder.is_dir() else []
    exact = [file for file in files if file.stem == name or (layer_of(file.stem) or ("", ""))[0] == name]
    if exact or (number := _number(name)) is None:
        return exact
    return [file for file in files if _number((layer_of(file.stem) or (file.stem, ""))[0]) == number]


def one_file(name: str, files: Sequence[Path], flat: Path | None = None) -> Path:
    """Return the file for a frame: the only one, or its layers made one.

    Raises
    ------
    MediaError
        If there are several and one of them is no layer, or layers differ in size.
    """
    if len(files) == 1:
        return files[0]
    parts = [layer_of(file.stem) for file in files]
    if None in parts:
        raise MediaError(
            f"{files[1]}: a second file for frame {name}, beside {files[0].name}; keep one, or name layers "
            f"{name}.1 color.png, {name}.2 ink.png"
        )
    order = sorted(range(len(files)), key=lambda i: parts[i][1])  # type: ignore[index]
    place = flat or Path(tempfile.gettempdir()) / "stylize-keys"
    return flatten([files[i] for i in order], place, name)


def layer_of(stem: str) -> tuple[str, str] | None:
    """Return (frame's name, what layers are ordered by, the lowest first) of a layer's file, or None.

    ``000010.1 ink`` is a layer by its second name; layers lie over each other in the order of these names.
    ``000010_0002_ink`` is one as Photoshop exports them, which counts from the top: 0000 lies over all.
    """
    if found := re.fullmatch(r"(.*\d)_(\d{4})_(.+)", stem):
        return found[1], f"{9999 - int(found[2]):04d}"
    name, dot, layer = stem.rpartition(".")
    return (name, layer) if dot and re.search(r"\d$", name) and re.search(r"\D", layer) else None


class _Names:
    """Frames of a clip by what a file may call them."""

    def __init__(self, info: ClipInfo) -> None:
        self._names = {name: index for index, name in enumerate(info.names)}
        numbers = ((_number(name), index) for index, name in enumerate(info.names))
        self._numbers = {number: index for number, index in numbers if number is not None}

    def index_of(self, stem: str) -> tuple[int | None, int | None]:
        """Return the frame's index, if it is one of the clip, and the number that the name ends in."""
        if stem in self._names:
            return self._names[stem], None
        name = (layer_of(stem) or (stem, ""))[0]
        number = _number(name)
        return self._names.get(name, self._numbers.get(number) if number is not None else None), number


def check_keys(files: Mapping[int, Path], info: ClipInfo) -> None:
    """Refuse keys that `read_key` would refuse, from their headers, before any work starts."""
    for path in files.values():
        _check_size(path, image_size(path), (info.width, info.height))


def read_key(path: Path, frame: Image) -> Image:
    """Read the painted key at `path` for `frame`, at its size and depth.

    Returns
    -------
    Image
        RGB or RGBA of `frame`'s size and dtype. A key of another size is resized, with a notice, when its
        aspect agrees within 1 %; gray becomes RGB.

    Raises
    ------
    MediaError
        If the file is no image, or of another aspect.
    """
    image: NDArray[Any] = read_image(path)
    if image.shape[2] < 3:
        image = np.concatenate([image[..., :1]] * 3 + [image[..., 1:]], axis=2)
    height, width = frame.shape[:2]
    if image.shape[:2] != (height, width):
        tall, wide = image.shape[:2]
        _check_size(path, (wide, tall), (width, height))
        log.warning("%s: resized from %dx%d to the clip's %dx%d", path, wide, tall, width, height)
        image = _resize(image, width, height)
    return _to_depth(image, frame.dtype)


def read_keys(files: Mapping[int, Path], frame: Image, *, deep: bool = False) -> dict[int, Image]:
    """Read the keys of one shot; if one of them has alpha, all get it (opaque).

    They have the frame's depth, or 16 bits if `deep`.
    """
    if deep:
        frame = frame.astype(np.uint16)  # of which size and depth are looked at
    painted = {index: read_key(path, frame) for index, path in files.items()}
    if len({image.shape[2] for image in painted.values()}) > 1:
        return {index: with_alpha(image) for index, image in painted.items()}
    return painted


def _check_size(path: Path, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    if abs(size[0] * wanted[1] / (size[1] * wanted[0]) - 1) > LOOSE:
        raise MediaError(f"{path}: {size[0]}x{size[1]}, but the clip is {wanted[0]}x{wanted[1]}; paint it at that size")


def with_alpha(image: Image) -> Image:
    """Return RGB as opaque RGBA; RGBA as it is."""
    if image.shape[2] == 4:
        return image
    alpha = np.full((*image.shape[:2], 1), np.iinfo(image.dtype).max, image.dtype)
    return np.concatenate([image, alpha], axis=2)


def _resize(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    import cv2

    smaller = width < image.shape[1]
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def _to_depth(image: NDArray[Any], dtype: np.dtype[Any]) -> Image:
    if image.dtype == dtype:
        return image
    if dtype == np.uint16:
        return image.astype(np.uint16) * np.uint16(257)
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _number(stem: str) -> int | None:
    digits = re.findall(r"\d+", stem)
    return int(digits[-1]) if digits else None


def _in_clip(number: int, info: ClipInfo) -> bool:
    """Whether the clip has a frame of this number outside the range (names count on by one)."""
    first = _number(info.names[0])
    return first is not None and first - info.start <= number < first - info.start + info.total
