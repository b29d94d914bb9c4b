"""Mattes that were made once, packed: into a nameless temporary file, or a folder that the next run finds."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.storage.atomic import disk_errors
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from propagate.arrays import F32


class MatteBuffer(Sequence["F32"]):
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
        return _unpacked(self._file.read(length), shape)

    def write(self, index: int, matte: F32) -> None:
        """Keep `matte`, float32 (H, W), 0 to 1, as number `index`."""
        packed = _packed(matte)
        with disk_errors(Path(tempfile.gettempdir())):
            place = self._file.seek(0, 2)
            self._file.write(packed)
        self._places[index] = place, len(packed), matte.shape

    def child(self, name: str) -> MatteBuffer:  # noqa: ARG002  nameless here
        """Return a shelf for what is on the way to this one's mattes."""
        return MatteBuffer()

    def set_metadata(self, name: str, state: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays from which work goes on after an interruption; here nothing survives one."""

    def metadata(self, name: str) -> dict[str, NDArray[Any]] | None:  # noqa: ARG002
        """Return what was noted last under a name, or None."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class MatteCheckpoint(MatteBuffer):
    """Mattes by number in a folder, which the next run finds if this one is interrupted.

    Parameters
    ----------
    folder
        Where they are; of what was made from something else it is emptied.
    mark
        Name of all that the mattes are made from.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder = folder
        name = folder / "made-from"
        with disk_errors(folder):
            if not name.is_file() or name.read_text(encoding="utf-8") != mark:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                name.write_text(mark, encoding="utf-8")
            self._here = {int(path.stem): path for path in folder.glob("*.matte")}
        self._mark = mark

    def __len__(self) -> int:
        return len(self._here)

    def __contains__(self, index: object) -> bool:
        return index in self._here

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise TypeError("mattes on a shelf are read one by one")
        if index not in self._here:
            raise IndexError(f"no matte {index} was put here")
        with disk_errors(self._folder):
            data = self._here[index].read_bytes()
        height, width = np.frombuffer(data[:8], np.uint32)
        return _unpacked(data[8:], (int(height), int(width)))

    def write(self, index: int, matte: F32) -> None:
        """Keep `matte`, float32 (H, W), 0 to 1, as number `index`."""
        path = self._folder / f"{index:06d}.matte"
        with placed(path, durable=False) as partial:
            partial.write_bytes(np.array(matte.shape, np.uint32).tobytes() + _packed(matte))
        self._here[index] = path

    def child(self, name: str) -> MatteBuffer:
        """Return a shelf in a folder of this one's."""
        return MatteCheckpoint(self._folder / name, self._mark)

    def set_metadata(self, name: str, state: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays from which work goes on after an interruption."""
        with placed(self._folder / f"{name}.npz", durable=False) as partial, partial.open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]

    def metadata(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was noted last under a name, or None."""
        path = self._folder / f"{name}.npz"
        if not path.is_file():
            return None
        with disk_errors(path), np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def clear(self) -> None:
        """Remove the folder: its mattes are in their place."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._here = {}

    def __exit__(self, *error: object) -> None:
        if isinstance(error[1] if error else None, (MediaError, UsageError)):
            self.clear()  # what was asked for cannot be made: nothing is to be gone on with


def _packed(matte: F32) -> bytes:
    return zlib.compress(np.rint(matte * 65535).astype(np.uint16).tobytes(), 1)


def _unpacked(data: bytes, shape: tuple[int, ...]) -> F32:
    codes = np.frombuffer(zlib.decompress(data), np.uint16).reshape(shape)
    return codes.astype(np.float32) / np.float32(65535)


class MatteSequence(Sequence["F32"], ABC):
    """Mattes over other mattes, each made when it is asked for by `_at`; in no slices."""

    def __init__(self, mattes: Sequence[F32]) -> None:
        self._mattes = mattes

    def __len__(self) -> int:
        return len(self._mattes)

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[F32]: ...
    def __getitem__(self, index: int | slice) -> F32 | Sequence[F32]:
        if isinstance(index, slice):
            raise TypeError("these mattes are read one by one")
        return self._at(range(len(self))[index])

    @abstractmethod
    def _at(self, at: int) -> F32: ...


class CachedMattes(MatteSequence):
    """Another sequence of mattes, each made once, when first asked for."""

    def __init__(self, mattes: Sequence[F32]) -> None:
        super().__init__(mattes)
        self._shelf = MatteBuffer()

    def _at(self, at: int) -> F32:
        if at not in self._shelf:
            self._shelf.write(at, self._mattes[at])
        return self._shelf[at]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shelf.__exit__()
