"""Where mattes come from: a video's brightness or alpha, images by number, channels of EXR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stylize.errors import MediaError
from stylize.media.image_reader import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.mattes.sources.spec import Term


class MatteSource(Protocol):
    """Mattes by their own place in a file, as they are there.

    Attributes
    ----------
    path
        The file or folder.
    numbers
        Frame numbers of an image sequence; None for a video and for a single image.
    times
        Seconds of a video from its first frame to each, and to its end; None for images.
    still
        Whether one image holds for all frames.
    fingerprint
        The content's short name.
    """

    path: Path
    numbers: tuple[int, ...] | None
    times: tuple[Fraction, ...] | None
    still: bool
    fingerprint: str

    def __len__(self) -> int: ...

    def read(self, place: int) -> F32 | None:
        """Return float32 (H, W), 0 to 1; None for one that is missing or damaged, where that is allowed."""

    def close(self) -> None:
        """Close the file."""


def open_source(term: Term, *, gaps: bool = False) -> MatteSource:
    """Open what a term names.

    Parameters
    ----------
    gaps
        Whether frames may be missing or damaged.

    Raises
    ------
    MediaError
        If it is missing, bad, or has no such channel.
    """
    path = term.path
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path of the matte")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from stylize.mattes.sources.images import ImageMattes

        return ImageMattes(path, term.select, gaps=gaps)
    from stylize.mattes.sources.video import VideoMattes

    return VideoMattes(path, term.select, gaps=gaps)
