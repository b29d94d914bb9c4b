"""Putting files in their place: written beside it, flushed to the disk, renamed when whole."""

from __future__ import annotations

import contextlib
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stylize.errors import DeviceError, StylizeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}


def partial_path(path: Path) -> Path:
    """Return where a file is written before it takes `path`: hidden, beside it, with the same suffix."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


@contextmanager
def placed(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Hand out the partial path; put it in place if the block ends well, remove it if not.

    Raises
    ------
    DeviceError
        If the disk is full or the folder cannot be written.
    """
    partial = partial_path(path)
    try:
        yield partial
        put(partial, path, durable=durable)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        discard(partial)


def put(partial: Path, path: Path, *, durable: bool = True) -> None:
    """Rename a finished file into its place; with `durable`, once it has reached the disk."""
    if durable:
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
    partial.replace(path)
    if durable and hasattr(os, "O_DIRECTORY"):
        # POSIX only: the rename itself is in the folder's entry. Windows has no such call and needs none.
        with contextlib.suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def discard(path: Path) -> None:
    """Remove a file that we wrote, if it is there and can be removed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def write_error(path: Path, error: OSError, way_out: str = "choose another place") -> StylizeError:
    """Return the error to raise for a failed write; `way_out` where the disk is not full."""
    if error.errno in _FULL:
        return DeviceError(f"{path} cannot be written: the disk is full; free some space and run again")
    return DeviceError(f"{path} cannot be written: {error.strerror or error}; {way_out}")
