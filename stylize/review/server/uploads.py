"""Uploaded keys: validated, decoded and encoded again."""

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

MAX_UPLOAD_BYTES = 64 << 20
"""Size limit of an uploaded file."""
_MAX_SCALE = 4
"""Largest width and height of an upload in sizes of the clip; guards against decompression bombs."""


@contextmanager
def decoded_upload(context: RunContext, frame: int, data_base64: str, filename: str) -> Iterator[Path]:
    """Give the path of an upload as PNG of the clip's size and depth; it is removed after the block.

    Parameters
    ----------
    data_base64
        The file in base64.
    filename
        Name of the file in messages; no path is made of it.

    Raises
    ------
    UsageError
        If the data is invalid base64 or too large.
    MediaError
        If it is not an image, damaged, of another aspect ratio, or far larger than the clip.
    """
    try:
        data = base64.b64decode(data_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{filename}: invalid base64 ({error}); upload it again") from error
    if len(data) > MAX_UPLOAD_BYTES:
        raise UsageError(f"{filename}: larger than {MAX_UPLOAD_BYTES >> 20} MiB; save a smaller file")
    info, cache = context.whole.info, context.project.root / "cache"
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="upload-", dir=cache) as folder:
        upload, image = Path(folder) / "sent", Path(folder) / "painting.png"
        upload.write_bytes(data)
        try:
            _check_header(upload, frame, info)
            write_image(image, read_key(upload, context.whole[frame]))
        except MediaError as error:
            raise MediaError(str(error).replace(str(upload), filename)) from error
        yield image


def _check_header(upload: Path, frame: int, info: ClipInfo) -> None:
    """Check size and format from the header, before anything is decoded."""
    image_size(upload, _MAX_SCALE * info.width * _MAX_SCALE * info.height)
    check_keys({frame: upload}, info)
