"""A painted frame from the browser: looked at with distrust, decoded, and written again by ourselves."""

from __future__ import annotations

import base64
import binascii
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import MediaError, UsageError
from stylize.media import image_size, write_image
from stylize.media.frame_images import check_keys, read_key
from stylize.storage.atomic import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stylize.media import ClipInfo
    from stylize.pipeline.context import RunContext

MOST_BYTES = 64 << 20
"""Of an uploaded file."""
_LARGER = 4
"""So many times the clip's width a painting may have: more is no painting of this clip but a bomb."""


@contextmanager
def decoded(context: RunContext, frame: int, text: str, called: str) -> Iterator[Path]:
    """Give the path of an uploaded painting as PNG of the clip's size and depth; it is gone after the block.

    Parameters
    ----------
    text
        The file, in base64.
    called
        What it was called, for messages only; it names no file here.

    Raises
    ------
    UsageError
        If it is no base64, or too large.
    MediaError
        If it is no image, damaged, of another aspect, or far larger than the clip.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{called}: arrived damaged ({error}); send it again") from error
    if len(data) > MOST_BYTES:
        raise UsageError(f"{called}: larger than {MOST_BYTES >> 20} MiB; save it smaller")
    info, place = context.whole.info, context.project.root / "cache"
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="upload-", dir=place) as folder:
        sent, painting = Path(folder) / "sent", Path(folder) / "painting.png"
        sent.write_bytes(data)
        try:
            _check(sent, frame, info)
            write_image(painting, read_key(sent, context.whole[frame]))
        except MediaError as error:
            raise MediaError(str(error).replace(str(sent), called)) from error
        yield painting


def _check(sent: Path, frame: int, info: ClipInfo) -> None:
    """Refuse what is no painting of the clip, from its header alone: nothing is unpacked before that."""
    image_size(sent, _LARGER * info.width * _LARGER * info.height)
    check_keys({frame: sent}, info)
