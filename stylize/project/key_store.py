"""Key store: the files of painted keys in a project, and the choice of the file in use for a key.

    keys/NAME.png      painted by a renderer, with NAME.json: its recipe   the artist may paint over it
    overrides/NAME.*   painted by the artist: input, read only
    takes/NAME/        every painting of the key, see `stylize.project.takes`

The file in use for a key is, in this order: the artist's (in overrides/, or changed in keys/), the take
that the plan names (`keyframes.Key.take`), the painting in keys/ or the latest take with the fingerprint of the
current inputs. Without any of these the key is painted.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.media import write_image
from stylize.media.frame_images import files_for, one_file
from stylize.project.takes import TakeStore, copy_file, read_recipe, write_recipe
from stylize.storage.atomic import disk_errors
from stylize.storage.fingerprint import file_hash
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Plan
    from propagate.arrays import Image
    from stylize.project.takes import Take


@dataclass(frozen=True)
class KeyStore:
    """The painted keys of the project folder `root`; every frame is addressed by its name in the clip."""

    root: Path

    @property
    def takes(self) -> TakeStore:
        """Every painting of every key."""
        return TakeStore(self.root / "takes")

    @property
    def overrides(self) -> Path:
        """The folder of the artist's own keys."""
        return self.root / "overrides"

    @property
    def layer_cache(self) -> Path:
        """The folder in which keys of several layer files are flattened."""
        return self.root / "cache" / "layers"

    def path(self, name: str) -> Path:
        """Return the file of the renderer's painting; it may not exist yet."""
        return self.root / "keys" / f"{name}.png"

    def read(self, name: str) -> Path:
        """Return the file to read for a key outside a run: the artist's, else the renderer's."""
        return self.manual_key(name) or self.path(name)

    def status(self, name: str, fingerprint: str, take: int = 0) -> tuple[str, Path]:
        """Return the state of a key and the file in use for it.

        Parameters
        ----------
        name
            The frame's name.
        fingerprint
            Of the inputs that the key would be painted from now.
        take
            The take that the plan names; 0 for none.

        Returns
        -------
        ``given`` (by the artist or the plan), ``cached`` (painted from these inputs) or ``to do``, and the file.

        Raises
        ------
        UsageError
            If the take does not exist, or several files in overrides/ contradict each other.
        """
        manual = self.manual_key(name)
        if manual is not None:
            return "given", manual
        if take:
            return "given", self.takes.get(name, take).path
        recipe = self.recipe(name)
        if (recipe or {}).get("region"):  # the artist had a part of it repainted
            return "given", self.path(name)
        _, path = self.find_painting(name, fingerprint)
        return ("cached", path) if path is not None else ("to do", self.path(name))

    def manual_key(self, name: str) -> Path | None:
        """Return the artist's own file for a frame, if any: in overrides/, or put or changed in keys/."""
        files = files_for(self.overrides, name)
        if files:
            return one_file(name, files, self.layer_cache)
        path = self.path(name)
        if not path.exists():
            return None
        recipe = read_recipe(path) or {}
        return None if file_hash(path) in (recipe.get("file"), recipe.get("before")) else path

    def recipe(self, name: str) -> dict[str, Any] | None:
        """Return the recipe of the painting in keys/; None without one, or if an artist changed it since."""
        path = self.path(name)
        recipe = read_recipe(path)
        return recipe if path.exists() and recipe and recipe.get("file") == file_hash(path) else None

    def rendered(self, name: str, path: Path) -> bool:
        """Return whether `path` is the renderer's painting of the frame, unchanged."""
        return path == self.path(name) and self.recipe(name) is not None

    def find_painting(self, name: str, fingerprint: str) -> tuple[dict[str, Any], Path | None]:
        """Return recipe and file of a painting from inputs of this fingerprint: in keys/, else the latest take."""
        recipe = self.recipe(name)
        if recipe is not None and recipe.get("fingerprint") == fingerprint:
            return recipe, self.path(name)
        take = self.takes.find_by_fingerprint(name, fingerprint)
        return ({}, None) if take is None else (take.recipe, take.path)

    def save(self, name: str, image: Image, recipe: Mapping[str, Any]) -> Path:
        """Write a renderer's painting of a frame to keys/, its recipe beside it, and a copy as a take.

        The recipe is written first and names both the old and the new file, so that a run killed in between is
        not mistaken for an artist who painted over the key.
        """
        path = self.path(name)
        before = file_hash(path) if path.exists() else None
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with placed(path) as partial:
            write_image(partial, image)
            take = self.takes.add(name, partial, recipe)
            write_recipe(path, {**recipe, "take": take.number, "file": file_hash(partial), "before": before})
        return path

    def override_path(self, name: str, source: Path) -> Path:
        """Return the file in overrides/ that `import_override` writes for a frame."""
        return self.overrides / f"{name}{source.suffix.lower()}"

    def import_override(self, name: str, source: Path) -> Path:
        """Copy the artist's file to overrides/ in place of all earlier ones of the frame."""
        target = self.override_path(name, source)
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            for old in files_for(self.overrides, name):
                old.unlink()
            shutil.copyfile(source, target)
        return target

    def restore(self, name: str, take: Take) -> Path:
        """Make a take the file in use for its key, and return that file.

        An artist's painting goes to overrides/, a renderer's to keys/. A manual key in its place is first kept
        as a take.
        """
        self.archive_manual(name)
        if take.by_hand:
            target = self.overrides / f"{name}{take.path.suffix}"
            if take.layers.is_dir():
                for layer in sorted(take.layers.iterdir()):
                    copy_file(layer, target.with_name(layer.name))
                return self.manual_key(name) or target
            copy_file(take.path, target)
            return target
        target = self.path(name)
        current = file_hash(target) if target.exists() else None
        if current == take.recipe.get("file") and self.recipe(name) is not None:
            return target
        write_recipe(target, {**take.recipe, "take": take.number, "file": file_hash(take.path), "before": current})
        copy_file(take.path, target)
        return target

    def archive_current(self, name: str) -> Take | None:
        """Copy the manual key of a frame, if there is one, as a take; it stays in place."""
        path = self.manual_key(name)
        if path is None:
            return None
        layers = files_for(self.overrides, name)
        recipe = {"by": "hand", "from": ", ".join(file.name for file in layers) or path.name}
        take = self.takes.add(name, path, recipe)
        if len(layers) > 1:
            for layer in layers:
                copy_file(layer, take.layers / layer.name)
        return take

    def archive_manual(self, name: str) -> Take | None:
        """Move the manual key of a frame, if there is one, to the takes; its place is free then."""
        take = self.archive_current(name)
        if take is None:
            return None
        for file in files_for(self.overrides, name) or [self.path(name)]:
            with disk_errors(file):
                file.unlink()
        return take

    def sync_to_plan(self, names: Sequence[str], before: Plan, now: Plan) -> None:
        """Restore and archive keys after the plan changed its takes; the project must be locked.

        Parameters
        ----------
        names
            The names of the clip's frames.
        before, now
            The plan before and after the change.
        """
        for frame in sorted({key.frame for key in (*before.keys, *now.keys)}):
            old, new = before.key_at(frame), now.key_at(frame)
            was, wanted = (old.take if old else 0), (new.take if new else 0)
            if was == wanted:
                continue
            if wanted:
                self.restore(names[frame], self.takes.get(names[frame], wanted))
            elif old is not None and self.takes.get(names[frame], was).by_hand:
                self.archive_manual(names[frame])
