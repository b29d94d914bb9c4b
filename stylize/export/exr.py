"""A frame of a project as one multi-layer EXR: what compositors take apart again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import DeviceError
from stylize.export.color_space import CHROMATICITIES, encode
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow, Image


def color_channels(name: str, image: Image, alpha: F32 | None, space: str) -> dict[str, NDArray[np.float16]]:
    """Return a picture as half floats, multiplied by its alpha: ``NAME.R`` …, or ``R`` … without a name."""
    values = encode(image.astype(np.float32) / np.iinfo(image.dtype).max, space)
    cover = np.ones(image.shape[:2], np.float32) if alpha is None else alpha
    head = f"{name}." if name else ""
    planes = {head + c: (values[..., at] * cover).astype(np.float16) for at, c in enumerate("RGB")}
    return {**planes, f"{head}A": cover.astype(np.float16)}


def motion_channels(name: str, flow: Flow | None, size: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
    """Return motion as float: ``NAME.u`` to the right and ``NAME.v`` up, in pixels; 0 where it is unknown."""
    if flow is None:
        flow = np.zeros((*size, 2), np.float32)
    return {
        f"{name}.u": np.ascontiguousarray(flow[..., 0], np.float32),
        f"{name}.v": np.ascontiguousarray(-flow[..., 1], np.float32),
    }


def write_channels(path: Path, channels: Mapping[str, NDArray[Any]], space: str, about: Mapping[str, Any]) -> None:
    """Write channels as one EXR, ZIPS-compressed, all of it or nothing.

    Raises
    ------
    DeviceError
        If it cannot be written.
    """
    import OpenEXR

    header = {
        "compression": OpenEXR.ZIPS_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": CHROMATICITIES[space],
        **about,
    }
    whole = {name: np.ascontiguousarray(plane) for name, plane in channels.items()}
    with placed(path, durable=False) as partial:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            OpenEXR.File(header, whole).write(str(partial))
        except RuntimeError as error:
            raise DeviceError(f"{path} cannot be written ({error}); is the disk full?") from error
