"""Where each style is painted: masks of the clip's size, cut to the window that is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import Image
    from stylize.render.protocol import FrameContext


def check_masks(masks: Sequence[Image], size: tuple[int, int] | None, what: str = "clip") -> None:
    """Raise UsageError for a mask of another (height, width) than `size`; None for one that is not known."""
    for index, mask in enumerate(masks):
        if size is not None and mask.shape[:2] != size:
            raise UsageError(
                f"style mask {index + 1} is {mask.shape[1]}x{mask.shape[0]} and the {what} "
                f"{size[1]}x{size[0]}; make it so"
            )


def cut_masks(masks: Sequence[Image], spot: FrameContext, frame: Image) -> list[Image]:
    """Return the part of each mask that lies in the window of a key.

    Parameters
    ----------
    masks
        uint8 or uint16 (H, W, C) of the clip's size.
    spot
        Where the key stands, with its window.
    frame
        (h, w, 3), what is painted.

    Raises
    ------
    UsageError
        If they do not fit it.
    """
    found = list(masks)
    if spot.window is not None:
        top, left, height, width = spot.window
        found = [mask[top : top + height, left : left + width] for mask in found]
    check_masks(found, (frame.shape[0], frame.shape[1]), "frame")
    return found
