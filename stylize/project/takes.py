"""Takes: every painting of a key, kept by number.

    takes/NAME/001.png    a painting of the frame called NAME, with 001.json: its recipe
    takes/NAME/002/       the layer files of take 2, where an artist gave several

A take is never changed and never deleted.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.fingerprint import file_hash
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Take:
    """One kept painting of a key.

    Attributes
    ----------
    number
        Counts from 1.
    path
        The image file.
    recipe
        How it was made; ``{"by": "hand", ...}`` for a painting by an artist.
    """

    number: int
    path: Path
    recipe: dict[str, Any]

    @property
    def by_hand(self) -> bool:
        """Return whether an artist painted it."""
        return self.recipe.get("by") == "hand"

    @property
    def layers(self) -> Path:
        """The folder of its layer files; exists only where an artist gave several files."""
        return self.path.with_suffix("")


@dataclass(frozen=True)
class TakeStore:
    """The folder ``takes/`` of a project."""

    folder: Path

    def of(self, name: str) -> list[Take]:
        """Return the takes of the frame called `name`, the oldest first."""
        folder = self.folder / name
        if not folder.is_dir():
            return []
        found = (path for path in folder.iterdir() if path.suffix not in ("", ".json"))
        files = {path for path in found if path.stem.isdecimal()}
        return [
            Take(int(path.stem), path, read_recipe(path) or {}) for path in sorted(files, key=lambda p: int(p.stem))
        ]

    def get(self, name: str, number: int) -> Take:
        """Return take `number` of a frame.

        Raises
        ------
        UsageError
            If it does not exist.
        """
        takes = self.of(name)
        found = next((take for take in takes if take.number == number), None)
        if found is None:
            known = ", ".join(str(take.number) for take in takes) or "none"
            raise UsageError(
                f"{self.folder / name}: take {number} not found, existing takes: {known}; "
                "choose one of these, or set take = 0 in keyframes.toml to paint the key again"
            )
        return found

    def find_by_fingerprint(self, name: str, fingerprint: str) -> Take | None:
        """Return the latest take of a frame that was painted from inputs of this fingerprint, if any."""
        return next((t for t in reversed(self.of(name)) if t.recipe.get("fingerprint") == fingerprint), None)

    def add(self, name: str, image: Path, recipe: Mapping[str, Any]) -> Take:
        """Copy the file `image` as the next take of a frame; an equal file with an equal recipe is kept once."""
        content, takes = file_hash(image), self.of(name)
        for take in takes:
            before = take.recipe
            same = before.get("fingerprint") == recipe.get("fingerprint") and before.get("file") == content
            if same and before.get("parents") == recipe.get("parents"):
                return take
        number = 1 + max((take.number for take in takes), default=0)
        path = self.folder / name / f"{number:03d}{image.suffix.lower()}"
        record = {"made": time.strftime("%Y-%m-%dT%H:%M:%S"), **recipe, "file": content}
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_recipe(path, record)
        copy_file(image, path)
        return Take(number, path, record)


def read_recipe(image: Path) -> dict[str, Any] | None:
    """Return the recipe beside an image file; None if it is missing or damaged."""
    try:
        recipe = json.loads(image.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return recipe if isinstance(recipe, dict) else None


def write_recipe(image: Path, recipe: Mapping[str, Any]) -> None:
    """Write the recipe of an image file beside it."""
    write_text(image.with_suffix(".json"), json.dumps(recipe, indent=2, ensure_ascii=False) + "\n")


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to `target`, which appears complete or not at all."""
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with placed(target) as partial:
        shutil.copyfile(source, partial)
