"""Dependencies of a span on keys other than those at its ends, recorded after its propagation.

The clip's frames alone decide whether a span needs another key of its shot, and which; the painted images do not.
So the frames of a span that needed none stay valid whatever other keys there are, and those of a span that used
some stay valid as long as these are unchanged. Both are recorded in ``cache/needs`` under a fingerprint of exactly
these inputs. Without a record (the cache may be deleted) a span depends on every key of its shot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.media.image_reader import image_has_alpha
from stylize.storage.atomic import write_text
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stylize.compositing.shot_view import ShotView

NEEDS_VERSION = 1
"""Raise when the rules change by which a span asks for other keys or uses them."""


@dataclass(frozen=True)
class SpanDependencies:
    """The records of one span of a shot.

    Attributes
    ----------
    root
        The folder of the records.
    span
        Frames [start, stop) of the shot that share a frame store.
    ends
        The keys at the span's ends.
    keys
        The files of all keys of the shot, by frame.
    basis
        Fingerprint of all other inputs: shot, options, version and `alpha_signature`.
    """

    root: Path
    view: ShotView
    span: tuple[int, int]
    ends: tuple[int, ...]
    keys: Mapping[int, Path]
    basis: str

    def folder(self) -> str | None:
        """Return the name of the folder of the span's frames, if a record of the current inputs names one."""
        found = _read(self._key_none())
        if found is None and (used := _read(self._key_candidates())) is not None:
            names = self.view.info.names
            wanted = set(used.split("\n")) - {""}
            found = _read(self._key_used(i for i in self.keys if names[i] in wanted))
        return found

    def record(self, folder: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Record the other keys that the finished frames of the span used, from ``others`` of their records.

        Nothing is written if a record lacks it, as in frames of an earlier version.
        """
        others = [record.get("others", ()) for record in records]
        if any(used == () for used in others):
            return
        if all(used is None for used in others):
            write_text(self._key_none(), folder)
            return
        names = self.view.info.names
        all_used = {name for used in others for name in used or ()}
        # the record that leads to the folder is written last
        write_text(self._key_candidates(), "\n".join(sorted(all_used)))
        write_text(self._key_used(i for i in self.keys if names[i] in all_used), folder)

    def _key_none(self) -> Path:
        return self._path("none")

    def _key_candidates(self) -> Path:
        names = self.view.info.names
        return self._path("candidates", sorted(names[i] for i in self.keys))

    def _key_used(self, used: Iterable[int]) -> Path:
        order, names = sorted(used), self.view.info.names
        painted = {names[i]: self.keys[i] for i in order}
        return self._path("used", sorted(names[i] for i in self.keys), painted, self.view.mark(order))

    def _path(self, kind: str, *more: Any) -> Path:
        ends = [(i, self.keys[i]) for i in self.ends]
        matte = self.view.mark([*range(*self.span), *self.ends])
        name = fingerprint(NEEDS_VERSION, self.basis, self.span, ends, matte, kind, more)
        return self.root / f"{name[:32]}.txt"


def alpha_signature(paths: Iterable[Path]) -> list[str]:
    """Return the part of the keys that all spans depend on: alpha in one key gives alpha to all frames."""
    files = [path for path in paths if isinstance(path, Path)]  # any other value is a key still to be painted
    layered = [path for path in files if path.suffix.lower() in (".psd", ".psb")]
    if any(image_has_alpha(path) for path in files if path not in layered):
        return ["alpha"]
    return sorted(file_hash(path) for path in layered)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
