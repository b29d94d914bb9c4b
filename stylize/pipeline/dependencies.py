"""What a span needs of keys that do not stand at its ends, once it has been carried: most need none.

Whether another key of the shot is asked for, and which one is followed, is decided by the clip's frames,
never by how keys are painted. So a span that asked for none is the same whatever other keys there are, and
one that followed some is the same as long as these are. Both are written down under a name made of just that,
in ``cache/needs``; without these notes (they may be deleted) a span counts as needing every key of its shot.
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
"""Raise when other keys are asked for or followed by other rules."""


@dataclass(frozen=True)
class SpanDependencies:
    """The notes on one span of a shot.

    Attributes
    ----------
    place
        The folder of the notes.
    span
        Frames [start, stop) of the shot that are kept together.
    ends
        The keys at the span's ends.
    keys
        Files of all keys of the shot, by frame.
    basis
        What else frames depend on: shot, options, version, and `alpha_signature` the keys.
    """

    place: Path
    view: ShotView
    span: tuple[int, int]
    ends: tuple[int, ...]
    keys: Mapping[int, Path]
    basis: str

    def folder(self) -> str | None:
        """Return the name of the folder that holds the span's frames, if a note says so."""
        found = _read(self._alone())
        if found is None and (followed := _read(self._among())) is not None:
            names = self.view.info.names
            wanted = set(followed.split("\n")) - {""}
            found = _read(self._following(i for i in self.keys if names[i] in wanted))
        return found

    def note(self, folder: str, facts: Iterable[Mapping[str, Any]]) -> None:
        """Write down what the finished frames of the span needed, by the ``others`` of their facts.

        Nothing is written where a fact does not say, as in frames carried by an earlier version.
        """
        said = [fact.get("others", ()) for fact in facts]
        if any(others == () for others in said):
            return
        if all(others is None for others in said):
            write_text(self._alone(), folder)
            return
        names = self.view.info.names
        followed = {name for others in said for name in others or ()}
        # the last one leads to the folder: it comes last
        write_text(self._among(), "\n".join(sorted(followed)))
        write_text(self._following(i for i in self.keys if names[i] in followed), folder)

    def _alone(self) -> Path:
        return self._name("alone")

    def _among(self) -> Path:
        names = self.view.info.names
        return self._name("among", sorted(names[i] for i in self.keys))

    def _following(self, followed: Iterable[int]) -> Path:
        order, names = sorted(followed), self.view.info.names
        painted = {names[i]: self.keys[i] for i in order}
        return self._name("following", sorted(names[i] for i in self.keys), painted, self.view.mark(order))

    def _name(self, kind: str, *more: Any) -> Path:
        ends = [(i, self.keys[i]) for i in self.ends]
        seen = self.view.mark([*range(*self.span), *self.ends])
        name = fingerprint(NEEDS_VERSION, self.basis, self.span, ends, seen, kind, more)
        return self.place / f"{name[:32]}.txt"


def alpha_signature(paths: Iterable[Path]) -> list[str]:
    """Return what the whole shot takes from the form of one key: alpha in one is alpha in all."""
    files = [path for path in paths if isinstance(path, Path)]  # others are still to be painted
    layered = [path for path in files if path.suffix.lower() in (".psd", ".psb")]
    if any(image_has_alpha(path) for path in files if path not in layered):
        return ["alpha"]
    return sorted(file_hash(path) for path in layered)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
