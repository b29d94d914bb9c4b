"""Layers of a painted key, laid over each other: one file made of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError
from stylize.media import read_image, write_image
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from propagate.arrays import Image


def flatten(files: Sequence[Path], folder: Path, name: str) -> Path:
    """Lay images over each other and keep the result in `folder`; what is there already is not made again.

    Parameters
    ----------
    files
        From the lowest to the topmost; alpha is straight.
    name
        What the result is called, with a hash of the files' content behind it.

    Raises
    ------
    MediaError
        If a file is no image or has another size than the first.
    """
    place = folder / f"{name}-{fingerprint(*files)[:12]}.png"
    if not place.exists():
        images = [read_image(file, channels=4) for file in files]
        for file, image in zip(files, images, strict=True):
            if image.shape != images[0].shape:
                sizes = (f"{i.shape[1]}x{i.shape[0]}" for i in (image, images[0]))
                raise MediaError(
                    f"{file}: {next(sizes)}, but {files[0].name} is {next(sizes)}; layers of one size only"
                )
        folder.mkdir(parents=True, exist_ok=True)
        write_image(place, lay(images), compression=1)
    return place


def lay(images: Sequence[Image]) -> Image:
    """Lay RGBA images with straight alpha over each other (Porter and Duff 1984, "over").

    Parameters
    ----------
    images
        (H, W, 4), from the lowest to the topmost.

    Returns
    -------
    Image
        (H, W, 4) straight, uint16 if one of them is, else uint8.
    """
    deep = any(image.dtype == np.uint16 for image in images)
    color = np.zeros((*images[0].shape[:2], 3), np.float32)
    alpha = np.zeros((*images[0].shape[:2], 1), np.float32)
    for image in images:
        unit = image.astype(np.float32) / np.iinfo(image.dtype).max
        share = unit[..., 3:]
        color = unit[..., :3] * share + color * (1 - share)
        alpha = share + alpha * (1 - share)
    straight = np.concatenate([color / np.maximum(alpha, 1e-6), alpha], axis=2)
    dtype = np.uint16 if deep else np.uint8
    flat: Image = np.rint(np.clip(straight, 0, 1) * np.iinfo(dtype).max).astype(dtype)
    return flat
