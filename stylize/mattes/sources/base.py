"""Matte sources: the protocol that all implement, and the choice between them by file type."""

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
    """Mattes of a file or folder, by their position in it.

    Attributes
    ----------
    path
        The file or folder.
    numbers
        Frame numbers of an image sequence; None for a video and for a single image.
    times
        Seconds from the first frame of a video to each frame, and to its end; None for images.
    still
        True for a single image, which applies to all frames.
    fingerprint
        Fingerprint of the content.
    """

    path: Path
    numbers: tuple[int, ...] | None
    times: tuple[Fraction, ...] | None
    still: bool
    fingerprint: str

    def __len__(self) -> int: ...

    def read(self, place: int) -> F32 | None:
        """Return float32 (H, W), 0 to 1; None for a missing or damaged frame, if gaps are allowed."""

    def close(self) -> None:
        """Close the file."""


def open_source(term: Term, *, gaps: bool = False) -> MatteSource:
    """Open the source of one term of a specification.

    Parameters
    ----------
    gaps
        Allow missing and damaged frames.

    Raises
    ------
    MediaError
        If it is missing, damaged, or lacks the channel.
    """
    path = term.path
    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path of the matte")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from stylize.mattes.sources.images import ImageMattes

        return ImageMattes(path, term.select, gaps=gaps)
    from stylize.mattes.sources.video import VideoMattes

    return VideoMattes(path, term.select, gaps=gaps)
