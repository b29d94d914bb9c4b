"""Files of weights: what is in them, read from their headers alone, and whether they are whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PICKLED = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
"""Endings of files in Python's pickle format, which run code when they are loaded."""
LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Tensors:
    """What a safetensors file says of itself.

    Attributes
    ----------
    shapes
        Shape of every tensor by name.
    metadata
        Free texts of the file's maker.
    """

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Tensors:
    """Read the header of a safetensors file and check it against the file's length.

    Raises
    ------
    ModelError
        If the file is missing, no safetensors file, or not whole.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, LONGEST_HEADER):
                raise ModelError(_what_else(path, size))
            header: dict[str, Any] = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        ends = [int(one["data_offsets"][1]) for one in header.values()]
        shapes = {name: tuple(int(n) for n in one["shape"]) for name, one in header.items()}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ModelError(f"{path}: damaged, its header cannot be read; fetch it again") from error
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        state = "cut off" if size < whole else "followed by something else"
        raise ModelError(f"{path}: {state}, {size} bytes instead of {whole}; fetch it again")
    return Tensors(shapes, metadata)


def is_pickle(path: Path) -> bool:
    """Whether a file is in Python's pickle format, by its ending or its first bytes."""
    if path.suffix.lower() in PICKLED:
        return True
    try:
        with path.open("rb") as file:
            first = file.read(4)
    except OSError:
        return False
    # a zip archive (torch.save today), or the opcode PROTO that opens a pickle of protocol 2 and later
    return first == b"PK\x03\x04" or (first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05")


def weight_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the safetensors files of a folder and those in pickle format, each sorted."""
    inside = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    safe = [path for path in inside if path.suffix == ".safetensors"]
    return safe, [path for path in inside if path.suffix.lower() in PICKLED and path.name != "training_args.bin"]


def check_weights(path: Path, *, allow_pickle: bool = False) -> None:
    """Refuse a model, file or folder, whose weights are missing, not whole, or pickled.

    Only headers are read. A folder may hold pickled weights beside safe ones; those are not loaded.

    Raises
    ------
    ModelError
        See above; the message names the file and the way out.
    """
    if path.is_file() and path.suffix != ".safetensors" and is_pickle(path):
        if allow_pickle:
            return
        raise ModelError(f"{path}: {PICKLE_REFUSED}")
    safe, pickled = ([path], []) if path.is_file() else weight_files(path)
    for file in safe:
        read_header(file)
    if not safe and not (pickled and allow_pickle):
        if pickled:
            raise ModelError(f"{pickled[0]}: {PICKLE_REFUSED}")
        raise ModelError(f"{path}: holds no weights (no .safetensors file); fetch it again")


PICKLE_REFUSED = (
    "pickled weights, which run code when they are loaded; use a .safetensors file, or set "
    "models.allow_pickle = true if you trust its maker"
)


def _what_else(path: Path, size: int) -> str:
    """Say what a file is that is no safetensors file."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        return f"{path}: a pointer of Git LFS, not the weights; run `git lfs pull` there"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return f"{path}: a web page, not the weights; fetch it again"
    if is_pickle(path):
        return f"{path}: {PICKLE_REFUSED}"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= LONGEST_HEADER:
        return f"{path}: cut off within its header, {size} bytes are here; fetch it again"
    return f"{path}: not a safetensors file ({size} bytes); fetch it again"
