"""What a model is, as a short text that goes into recipes and caches."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from stylize.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 1 << 16
BLOCKS = 64
"""A large file is known by so many blocks, spread evenly: reading gigabytes for a name would take minutes."""
PARTS = (".safetensors", ".json", ".txt", ".model", ".ckpt", ".bin", ".pt", ".pth")


def model_hash(path: Path) -> str:
    """Return 32 hexadecimal digits that change when the weights or configs of a model do.

    `path` is a file or a folder. The name and place do not count. A file in the hub's cache is known by the
    hash in its blob's name; another up to 4 MB by all of its bytes, a larger one by its length, its start,
    its end and 62 blocks between them.

    Raises
    ------
    ModelError
        If the model cannot be read.
    """
    try:
        if path.is_file():
            return _file(path)[:32]
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.suffix in PARTS and p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()} {_file(file)}\n".encode())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()[:32]


def _file(path: Path) -> str:
    blob = path.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", blob):
        return blob
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= BLOCK * BLOCKS:
            digest.update(file.read())
        else:
            for index in range(BLOCKS):
                file.seek(index * (size - BLOCK) // (BLOCKS - 1))
                digest.update(file.read(BLOCK))
    return digest.hexdigest()
