"""Choice of the writer of a finished clip: a video with the clip's times, tags and sound, or a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import DeviceError, UsageError
from stylize.media.bit_depth import to_16_bits
from stylize.media.deliverables import check_output, deliverable_of
from stylize.media.image_writer import write_image
from stylize.media.writer import Writer
from stylize.storage.partial import discard, partial_path

if TYPE_CHECKING:
    from propagate.arrays import Image
    from stylize.media.info import ClipInfo

QUALITIES = ("draft", "high", "best")
FOLDER_SUFFIXES = (".png", ".tif", ".tiff", ".exr")


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
