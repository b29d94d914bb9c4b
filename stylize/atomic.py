"""Files that are either whole or not there: written beside their place, flushed, renamed."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stylize.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["disk_errors", "replacing", "write_bytes", "write_text"]

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing `path` into one clear line.

    Raises
    ------
    DeviceError
        If the disk is full or broken.
    UsageError
        If the place may not be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL:
            raise DeviceError(
                f"{path}: {reason}; free some space and run again, finished work is kept"
            ) from error
        if error.errno in DENIED or isinstance(
            error, (NotADirectoryError, FileExistsError, IsADirectoryError)
        ):
            raise UsageError(f"{path}: {reason}; choose a place that can be written") from error
        raise DeviceError(f"{path}: cannot be written ({reason})") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary place beside `path`; on success it becomes `path`, on any failure it is removed.

    The temporary name keeps the suffix, so that writers which choose a format by it do the same.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` at `path`, all or nothing."""
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` at `path` as UTF-8 with plain newlines, all or nothing."""
    write_bytes(path, text.encode("utf-8"))
