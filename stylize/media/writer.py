"""Writing a finished clip: a video with the input's times, tags and sound, or a folder of images."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from stylize.errors import DeviceError, UsageError
from stylize.media.bit_depth import to_16_bits
from stylize.media.deliverables import check_output, deliverable_of
from stylize.media.image_writer import write_image
from stylize.storage.partial import discard, partial_path

if TYPE_CHECKING:
    from types import TracebackType

    from propagate.arrays import Image
    from stylize.media.info import ClipInfo

QUALITIES = ("draft", "high", "best")
FOLDER_SUFFIXES = (".png", ".tif", ".tiff", ".exr")


class Writer(abc.ABC):
    """Takes the frames of a clip in order; the output is there only after a good `close`.

    Attributes
    ----------
    notices
        What differs from the clip, one line each.
    channels
        Of a frame: 3, or 4 where a writer takes alpha.
    """

    channels = 3

    def __init__(self, out: Path, info: ClipInfo, notices: tuple[str, ...]) -> None:
        self.out, self.info, self.notices = out, info, notices
        self.written = 0
        self._open = True

    def write(self, frame: Image) -> None:
        """Take the next frame, (H, W, `channels`), uint8 or uint16, of the clip's size.

        Raises
        ------
        ValueError
            If it is no such frame, or one more than the clip has.
        DeviceError
            If it cannot be written; the output is then given up.
        """
        info = self.info
        if not self._open:
            raise ValueError(f"{self.out} is closed already; open a new writer")
        shape = (info.height, info.width, self.channels)
        if frame.shape != shape or frame.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"frame {self.written} is {frame.dtype} {frame.shape}; expected uint8 or uint16 {shape}")
        if self.written >= info.count:
            raise ValueError(f"{self.out} has its {info.count} frames already; write no more")
        try:
            self._write(frame)
        except BaseException:
            self.abort()
            raise
        self.written += 1

    def close(self) -> None:
        """Finish, check and put the output in place.

        Raises
        ------
        ValueError
            If frames are missing; the output is then given up.
        DeviceError
            If it cannot be written, or reading it back does not show what was written.
        """
        if not self._open:
            return
        if self.written != self.info.count:
            self.abort()
            raise ValueError(f"{self.out} was given {self.written} of {self.info.count} frames; write them all")
        self._open = False
        try:
            self._finish()
        except BaseException:
            self._discard()
            raise

    def abort(self) -> None:
        """Give up: nothing is left in the output's place, and what stood there before still stands."""
        if self._open:
            self._open = False
            self._discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @abc.abstractmethod
    def _write(self, frame: Image) -> None: ...

    @abc.abstractmethod
    def _finish(self) -> None: ...

    @abc.abstractmethod
    def _discard(self) -> None: ...


def open_writer(
    out: str | Path,
    info: ClipInfo,
    *,
    overwrite: bool = False,
    recipe: str | None = None,
    quality: str = "high",
    image_format: str = ".png",
    channels: int = 3,
) -> Writer:
    """Open an output for the frames of a clip.

    The suffix of `out` says what it becomes: .mp4 (H.264, 10 bits for a clip of more than 8), .mov (ProRes
    422 HQ), .webm (VP9), .mkv (FFV1, lossless RGB); any other name is a folder of images under the clip's
    frame names. Frame count, times, rate, pixel aspect and color tags are the clip's, of a range moved to
    begin at 0; .mkv and .webm keep times in whole milliseconds. Sound is copied bit for bit where the
    container takes it, of a range in whole packets. H.264 takes even sizes only: an odd one is padded by
    repeating the last row or column.

    Parameters
    ----------
    out
        Where to write. It is written beside, as ``.NAME.partial.EXT``, and takes its place when whole and
        checked.
    info
        Of the clip, or of the range of it, that the frames belong to.
    overwrite
        Whether an existing output is replaced.
    recipe
        Text for the "comment" tag, or the PNG's: how the output came to be.
    quality
        "draft" is small and fast, "high" shows no loss at normal viewing, "best" none at close inspection, at
        twice the size.
    image_format
        Of a folder: ".png", ".tif" or ".exr".
    channels
        Of a folder: 4 for frames with straight alpha.

    Raises
    ------
    UsageError
        If an option is none of the above, or `out` cannot be written (see `check_output`).
    DeviceError
        If the disk is full.
    """
    if quality not in QUALITIES:
        raise UsageError(f"quality is {quality!r}; expected one of {', '.join(QUALITIES)}")
    if image_format not in FOLDER_SUFFIXES:
        raise UsageError(f"image_format is {image_format!r}; expected one of {', '.join(FOLDER_SUFFIXES)}")
    place = Path(out)
    notices = check_output(place, info, overwrite=overwrite)
    kind = deliverable_of(place)
    try:
        place.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror or error}; choose another output") from error
    if kind is None:
        return FolderWriter(place, info, notices, image_format, recipe, channels)
    from stylize.media.video_writer import VideoWriter

    return VideoWriter(place, info, notices, kind, recipe, quality)


class FolderWriter(Writer):
    """A folder of images, one per frame, filled beside its place."""

    def __init__(
        self,
        out: Path,
        info: ClipInfo,
        notices: tuple[str, ...],
        image_format: str,
        recipe: str | None,
        channels: int = 3,
    ) -> None:
        super().__init__(out, info, notices)
        self.channels = channels
        self._suffix, self._recipe = image_format, recipe
        self._partial = partial_path(out.absolute())
        self._discard()  # of a run that was killed
        try:
            self._partial.mkdir()
        except OSError as error:
            raise DeviceError(f"{out} cannot be written: {error.strerror or error}; choose another output") from error

    def _write(self, frame: Image) -> None:
        path = self._partial / f"{self.info.names[self.written]}{self._suffix}"
        write_image(path, to_16_bits(frame) if self.info.bit_depth > 8 else frame, compression=3, text=self._recipe)

    def _finish(self) -> None:
        files = sorted(self._partial.iterdir())
        if len(files) != self.info.count:
            raise DeviceError(f"{self.out} has {len(files)} of {self.info.count} frames on the disk; write it again")
        if not self.out.exists():
            self._partial.rename(self.out)
            return
        for file in files:
            file.replace(self.out / file.name)
        keep = {file.name for file in files}
        for old in self.out.iterdir():
            # Frames of an earlier output of this clip in another format.
            if old.name not in keep and old.stem in self.info.names:
                discard(old)
        self._partial.rmdir()

    def _discard(self) -> None:
        if not self._partial.is_dir():
            return
        for file in self._partial.iterdir():
            discard(file)
        self._partial.rmdir()
