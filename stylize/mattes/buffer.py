"""Buffers of computed mattes, compressed on disk: a temporary file, or a checkpoint that the next run resumes."""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.media.lazy_sequence import LazySequence
from stylize.storage.atomic import disk_errors
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from propagate.arrays import F32


class MatteBuffer(Sequence["F32"]):
    """Mattes by number in a temporary file, 16 bits each; memory does not grow with their number."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        # closed with the buffer, or with the process
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
            raise TypeError("a matte buffer has no slices; read its mattes one by one")
        if index not in self._places:
            raise IndexError(f"matte {index} not found in the buffer; write it first")
        place, length, shape = self._places[index]
        self._file.seek(place)
        return _unpacked(self._file.read(length), shape)

    def write(self, index: int, matte: F32) -> None:
        """Store `matte`, float32 (H, W), 0 to 1, as number `index`."""
        packed = _packed(matte)
        with disk_errors(Path(tempfile.gettempdir())):
            place = self._file.seek(0, 2)
            self._file.write(packed)
        self._places[index] = place, len(packed), matte.shape

    def child(self, name: str) -> MatteBuffer:  # noqa: ARG002  a temporary file has no name
        """Return a buffer for intermediate mattes."""
        return MatteBuffer()

    def set_metadata(self, name: str, state: Mapping[str, NDArray[Any]]) -> None:
        """Store the arrays that work resumes from after an interruption; a temporary file stores none."""

    def metadata(self, name: str) -> dict[str, NDArray[Any]] | None:  # noqa: ARG002
        """Return the arrays that were stored last under a name, or None."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class MatteCheckpoint(MatteBuffer):
    """Mattes by number in a folder, from which the next run resumes after an interruption.

    Parameters
    ----------
    folder
        Place of the files; cleared if they were made from other inputs.
    inputs
        Fingerprint of everything that the mattes are made from.
    """

    def __init__(self, folder: Path, inputs: str) -> None:
        self._folder = folder
        name = folder / "made-from"
        with disk_errors(folder):
            if not name.is_file() or name.read_text(encoding="utf-8") != inputs:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                name.write_text(inputs, encoding="utf-8")
            self._files = {int(path.stem): path for path in folder.glob("*.matte")}
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, index: object) -> bool:
        return index in self._files

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise TypeError("a matte buffer has no slices; read its mattes one by one")
        if index not in self._files:
            raise IndexError(f"matte {index} not found in the buffer; write it first")
        with disk_errors(self._folder):
            data = self._files[index].read_bytes()
        height, width = np.frombuffer(data[:8], np.uint32)
        return _unpacked(data[8:], (int(height), int(width)))

    def write(self, index: int, matte: F32) -> None:
        """Store `matte`, float32 (H, W), 0 to 1, as number `index`."""
        path = self._folder / f"{index:06d}.matte"
        with placed(path, durable=False) as partial:
            partial.write_bytes(np.array(matte.shape, np.uint32).tobytes() + _packed(matte))
        self._files[index] = path

    def child(self, name: str) -> MatteBuffer:
        """Return a checkpoint for intermediate mattes, in a folder inside this one."""
        return MatteCheckpoint(self._folder / name, self._inputs)

    def set_metadata(self, name: str, state: Mapping[str, NDArray[Any]]) -> None:
        """Store the arrays that work resumes from after an interruption."""
        with placed(self._folder / f"{name}.npz", durable=False) as partial, partial.open("wb") as file:
            np.savez(file, **state)  # type: ignore[arg-type]

    def metadata(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays that were stored last under a name, or None."""
        path = self._folder / f"{name}.npz"
        if not path.is_file():
            return None
        with disk_errors(path), np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def clear(self) -> None:
        """Remove the folder, once its mattes are in their final place."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._files = {}

    def __exit__(self, *error: object) -> None:
        if isinstance(error[1] if error else None, (MediaError, UsageError)):
            self.clear()  # invalid inputs: the next run cannot resume


def _packed(matte: F32) -> bytes:
    return zlib.compress(np.rint(matte * 65535).astype(np.uint16).tobytes(), 1)


def _unpacked(data: bytes, shape: tuple[int, ...]) -> F32:
    codes = np.frombuffer(zlib.decompress(data), np.uint16).reshape(shape)
    return codes.astype(np.float32) / np.float32(65535)


class MatteSequence(LazySequence["F32", "Sequence[F32]"]):
    """Mattes computed from other mattes by `_item`, one by one on request; it has no slices."""

    def __init__(self, mattes: Sequence[F32]) -> None:
        self._mattes = mattes

    def __len__(self) -> int:
        return len(self._mattes)


class CachedMattes(MatteSequence):
    """Mattes of another sequence, each computed once, on first request."""

    def __init__(self, mattes: Sequence[F32]) -> None:
        super().__init__(mattes)
        self._shelf = MatteBuffer()

    def _item(self, index: int) -> F32:
        if index not in self._shelf:
            self._shelf.write(index, self._mattes[index])
        return self._shelf[index]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shelf.__exit__()
