"""Maps by name: one door to all of them, and exactly the size that is asked for."""

from __future__ import annotations

import difflib
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from propagate.arrays import Image

NAMES: Final = {
    "canny": "stylize.maps.lines:draw_canny",
    "lineart": "stylize.maps.lines:draw_lineart",
    "scribble": "stylize.maps.lines:draw_scribble",
    "softedge": "stylize.maps.lines:draw_softedge",
    "tile": "stylize.maps.color:draw_tile",
    "color": "stylize.maps.color:draw_color",
    "depth": "stylize.maps.depth:draw_depth",
}
"""Maps of this project → their function, imported when it is asked for. All but ``depth`` need no weights."""
DETECTOR = "aux:"
"""In front of the name of a detector of controlnet-aux."""


def map_names() -> tuple[str, ...]:
    """Return the names of all maps, those of controlnet-aux (``aux:…``) last."""
    from stylize.maps.detectors import DETECTORS

    return (*NAMES, *(DETECTOR + name for name in DETECTORS))


def check_map_name(name: str) -> None:
    """Raise UsageError, with the nearest name, unless there is a map called `name`."""
    if name not in map_names():
        close = difflib.get_close_matches(name, map_names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(map_names())}"
        raise UsageError(f"map {name!r} is unknown; {hint}")


def make_map(name: str, frame: Image, size: tuple[int, int], **options: Any) -> Image:
    """Draw the map called `name` of a frame.

    Parameters
    ----------
    name
        One of `map_names`.
    frame
        uint8 or uint16 (H, W, 3) RGB.
    size
        (height, width) of the map. The frame is brought to it first and nothing is cropped, so give the
        frame's own shape of picture.
    **options
        Of the map: see `stylize.maps.lines`, `stylize.maps.color`, `stylize.maps.depth` and
        `stylize.maps.detectors`.

    Returns
    -------
    uint8 (height, width, 3) RGB.

    Raises
    ------
    UsageError
        If the map or an option is unknown.
    ModelError
        If the map needs weights, or controlnet-aux, that are not here.
    """
    check_map_name(name)
    check_options(name, options)
    drawn = draw_function(name)(fit(frame, size), **options)
    return drawn if drawn.ndim == 3 else drawn[..., None].repeat(3, axis=2)


def draw_function(name: str) -> Callable[..., Image]:
    """Return the function behind a map: uint8 (H, W, 3) in, uint8 (H, W) or (H, W, 3) of that size out."""
    if name.startswith(DETECTOR):
        from stylize.maps.detectors import detector_function

        return detector_function(name.removeprefix(DETECTOR))
    module, _, function = NAMES[name].partition(":")
    found: Callable[..., Image] = getattr(import_module(module), function)
    return found


def fit(frame: Image, size: tuple[int, int]) -> Image:
    """Bring a frame to (height, width), as uint8 (H, W, 3)."""
    import cv2
    import numpy as np

    image = np.asarray(frame >> 8 if frame.dtype == np.uint16 else frame, np.uint8)
    height, width = size
    if image.shape[:2] != (height, width):
        shrinks = height * width < image.shape[0] * image.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        image = np.asarray(cv2.resize(image, (width, height), interpolation=how), np.uint8)
    return np.ascontiguousarray(image[..., :3], np.uint8)


def option_names(name: str) -> tuple[str, ...]:
    """Return the names of a map's options."""
    return tuple(inspect.signature(draw_function(name)).parameters)[1:]


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise UsageError, with the nearest name, unless the map called `name` has all these options."""
    known = option_names(name)
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known) or 'none'}"
            raise UsageError(f"map {name} has no option {option!r}; {hint}")
