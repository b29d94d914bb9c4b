"""Small files that are either whole or not there, and what the disk says about them in one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stylize.storage.partial import placed, write_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def disk_errors(path: Path, way_out: str = "choose another place") -> Iterator[None]:
    """Turn what the operating system says about writing `path` into one clear line that ends in `way_out`.

    Raises
    ------
    DeviceError
        If the disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise write_error(path, error, way_out) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` at `path`, all or nothing; the folder is made if need be."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with placed(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` at `path` as UTF-8 with plain newlines, all or nothing."""
    write_bytes(path, text.encode("utf-8"))
