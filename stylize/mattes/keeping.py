"""Mattes that were made once, packed into a nameless temporary file."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from stylize.atomic import disk_errors

if TYPE_CHECKING:
    from propagate.arrays import F32

__all__ = ["Kept", "Shelf"]


class Shelf(Sequence["F32"]):
    """Mattes by number, in 16 bits; memory does not grow with them."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        # closed with the shelf, or with the process
        self._file = tempfile.TemporaryFile(prefix="stylize-mattes-")  # noqa: SIM115

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, index: object) -> bool:
        return index in self._places

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[F32]: ...
    def __getitem__(self, index: int | slice) -> F32 | Sequence[F32]:
        if isinstance(index, slice):
            raise TypeError("mattes on a shelf are read one by one")
        if index not in self._places:
            raise IndexError(f"no matte {index} was put here")
        place, length, shape = self._places[index]
        self._file.seek(place)
        codes = np.frombuffer(zlib.decompress(self._file.read(length)), np.uint16).reshape(shape)
        return codes.astype(np.float32) / np.float32(65535)

    def put(self, index: int, matte: F32) -> None:
        """Keep `matte`, float32 (H, W), 0 to 1, as number `index`."""
        packed = zlib.compress(np.rint(matte * 65535).astype(np.uint16).tobytes(), 1)
        with disk_errors(Path(tempfile.gettempdir())):
            place = self._file.seek(0, 2)
            self._file.write(packed)
        self._places[index] = place, len(packed), matte.shape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Kept(Sequence["F32"]):
    """Another sequence of mattes, each made once, when first asked for."""

    def __init__(self, mattes: Sequence[F32]) -> None:
        self._mattes, self._shelf = mattes, Shelf()

    def __len__(self) -> int:
        return len(self._mattes)

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[F32]: ...
    def __getitem__(self, index: int | slice) -> F32 | Sequence[F32]:
        if isinstance(index, slice):
            raise TypeError("kept mattes are read one by one")
        at = range(len(self))[index]
        if at not in self._shelf:
            self._shelf.put(at, self._mattes[at])
        return self._shelf[at]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shelf.__exit__()
