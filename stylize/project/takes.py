"""Takes: every painting of a key that ever stood, kept by number, so that any of them can stand again.

    takes/NAME/001.png    a painting of the frame called NAME, with 001.json: how it was made
    takes/NAME/002/       the files that take 2 was laid together from, if a person gave several

A take is never changed and never deleted. The plan names the take that stands (`keyframes.Key.take`); where
it names none, the one stands that the key's settings ask for.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.media.frame_images import files_for
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.fingerprint import file_hash
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Plan
    from stylize.project.project import Project


@dataclass(frozen=True)
class Take:
    """A painting that is kept.

    Attributes
    ----------
    number
        Counts from 1.
    path
        The picture.
    recipe
        How it was made; ``{"by": "hand", ...}`` for what a person painted.
    """

    number: int
    path: Path
    recipe: dict[str, Any]

    @property
    def by_hand(self) -> bool:
        """Whether a person painted it."""
        return self.recipe.get("by") == "hand"


def takes_of(project: Project, name: str) -> list[Take]:
    """Return the takes of the frame called `name`, the oldest first."""
    folder = _folder(project, name)
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix not in ("", ".json"))
    files = {path for path in found if path.stem.isdecimal()}
    return [Take(int(path.stem), path, _recipe(path)) for path in sorted(files, key=lambda p: int(p.stem))]


def chosen_take(project: Project, name: str, number: int) -> Take:
    """Return take `number` of a frame.

    Raises
    ------
    UsageError
        If there is none.
    """
    takes = takes_of(project, name)
    found = next((take for take in takes if take.number == number), None)
    if found is None:
        there = ", ".join(str(take.number) for take in takes) or "none"
        raise UsageError(
            f"{project.plan_path}: key {name}: take {number} is not kept; there are {there}; "
            "with take = 0 it is painted anew"
        )
    return found


def find_by_fingerprint(project: Project, name: str, mark: str) -> Take | None:
    """Return the latest take that was made from the inputs of fingerprint `mark`, if any."""
    return next((t for t in reversed(takes_of(project, name)) if t.recipe.get("fingerprint") == mark), None)


def keep_take(project: Project, name: str, picture: Path, recipe: Mapping[str, Any]) -> Take:
    """Keep a copy of `picture` as the next take of a frame; the same one of the same recipe is kept once."""
    mark, takes = file_hash(picture), takes_of(project, name)
    for take in takes:
        same = take.recipe.get("fingerprint") == recipe.get("fingerprint") and take.recipe.get("file") == mark
        if same and take.recipe.get("parents") == recipe.get("parents"):
            return take
    number = 1 + max((take.number for take in takes), default=0)
    path = _folder(project, name) / f"{number:03d}{picture.suffix.lower()}"
    note = {"made": time.strftime("%Y-%m-%dT%H:%M:%S"), **recipe, "file": mark}
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".json"), json.dumps(note, indent=2, ensure_ascii=False) + "\n")
    with placed(path) as partial:
        shutil.copyfile(picture, partial)
    return Take(number, path, note)


def stand(project: Project, name: str, take: Take) -> Path:
    """Put a take in the place from which keys are carried, and return that place.

    What a person painted goes to overrides/, what the machine painted to keys/; a painting by hand that
    stands there is kept as a take first.
    """
    archive_manual(project, name)
    if take.by_hand:
        target = project.root / "overrides" / f"{name}{take.path.suffix}"
        layers = take.path.with_suffix("")
        if layers.is_dir():
            for layer in sorted(layers.iterdir()):
                _copy(layer, target.with_name(layer.name))
            return project.manual_key(name) or target
        _copy(take.path, target)
        return target
    target = project.key_path(name)
    current = file_hash(target) if target.exists() else None
    if current == take.recipe.get("file") and project.key_recipe(name) is not None:
        return target
    note = {**take.recipe, "take": take.number, "file": file_hash(take.path), "before": current}
    write_text(target.with_suffix(".json"), json.dumps(note, indent=2, ensure_ascii=False) + "\n")
    _copy(take.path, target)
    return target


def archive_current(project: Project, name: str) -> Take | None:
    """Keep the painting by hand that stands for a frame as a take, if there is one; it goes on standing."""
    path = project.manual_key(name)
    if path is None:
        return None
    layers = files_for(project.root / "overrides", name)
    recipe = {"by": "hand", "from": ", ".join(file.name for file in layers) or path.name}
    take = keep_take(project, name, path, recipe)
    if len(layers) > 1:
        for layer in layers:
            _copy(layer, take.path.with_suffix("") / layer.name)
    return take


def archive_manual(project: Project, name: str) -> Take | None:
    """Keep a frame's painting by hand as a take and clear its place, so that another painting can stand."""
    take = archive_current(project, name)
    if take is None:
        return None
    path = project.key_path(name)
    for file in files_for(project.root / "overrides", name) or [path]:
        with disk_errors(file):
            file.unlink()
    return take


def sync_to_plan(project: Project, names: Sequence[str], before: Plan, now: Plan) -> None:
    """Bring the project's paintings in line with a plan that changed which takes stand.

    Parameters
    ----------
    project
        Locked.
    names
        What the frames of the clip are called.
    before, now
        The plan as it was and as it is.
    """
    for frame in sorted({key.frame for key in (*before.keys, *now.keys)}):
        old, new = before.key_at(frame), now.key_at(frame)
        was, wanted = (old.take if old else 0), (new.take if new else 0)
        if was == wanted:
            continue
        if wanted:
            stand(project, names[frame], chosen_take(project, names[frame], wanted))
        elif old is not None and chosen_take(project, names[frame], was).by_hand:
            archive_manual(project, names[frame])


def _folder(project: Project, name: str) -> Path:
    return project.root / "takes" / name


def _recipe(picture: Path) -> dict[str, Any]:
    try:
        recipe = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return recipe if isinstance(recipe, dict) else {}


def _copy(source: Path, target: Path) -> None:
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with placed(target) as partial:
        shutil.copyfile(source, partial)
