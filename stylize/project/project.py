"""Project folder: the inputs, intermediate results and outputs of a clip's stylization.

    clip.stylize/
        project.json              schema, the clip, the inputs and settings of the last run
        stylize.toml              settings for this clip; the artist may edit them
        keyframes.toml            the plan: the keys and shots; the artist may edit it, see `plan_file`
        keys/ overrides/ takes/   the painted keys, see `key_store`
        layers/HASH/              finished frames, see `frame_store`
        matte/                    a matte painted in the review page; the artist may paint over matte/painted
        stack/NAME/               the project of the layer NAME, where stylize.toml lists layers
        cache/                    results of steps, by fingerprint; may be deleted at any time
        out/ report/ logs/

NAME is the frame's name in the clip: the file's stem in a sequence, six digits in a video.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import MediaError, UsageError
from stylize.project.key_store import KeyStore
from stylize.project.relocation import relocate_paths
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.lock import locked
from stylize.storage.partial import partial_path
from stylize.storage.step_cache import StepCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stylize.media import ClipInfo

SCHEMA = "stylize-project.1"
"""Format of project.json; a newer number is refused."""
SETTINGS_FILE = "stylize.toml"
STACK_FOLDER = "stack"
"""Folder of a project in which each of its layers has a project of its own."""


def default_project_folder(clip: Path) -> Path:
    """Return the project folder of a clip for which none is named: ``NAME.stylize`` beside it."""
    path = clip.absolute()
    return path.with_name((path.stem if path.is_file() else path.name) + ".stylize")


def locate_project(path: Path, project: Path | None = None) -> tuple[Path, Path]:
    """Return the clip and the project folder for `path`, which names a clip or a project.

    Raises
    ------
    UsageError
        If `path` is a project and `project` is another one.
    MediaError
        If the clip of a project is missing.
    """
    if (path / "project.json").is_file():
        if project is not None and project.absolute() != path.absolute():
            raise UsageError(f"{path}: is a project itself; leave out --project {project}")
        clip = Project.open(path).clip
        if not clip.exists():
            raise MediaError(f"{path}: its clip {clip} is missing; name the moved clip: CLIP --project {path}")
        return clip, path
    return path, project or default_project_folder(path)


@dataclass(frozen=True)
class Project:
    """A checked project folder; get one from `Project.open`, write to it only under its `lock`."""

    root: Path
    info: ClipInfo | None = None

    @classmethod
    def open(cls, root: Path, info: ClipInfo | None = None) -> Project:
        """Return the project at `root`, checked; nothing is written.

        Parameters
        ----------
        root
            The folder; it is made when the lock is taken.
        info
            The clip that the project belongs to, or is started for.

        Raises
        ------
        UsageError
            If the folder is not a project, belongs to another clip, or was made by a newer version.
        """
        project = cls(Path(root), info)
        about = project.about()
        if not about:
            if info is None:
                raise UsageError(f"{root}: not a project; make one with: stylize run CLIP --project DIR")
            if project.root.exists() and not project.startable():
                raise UsageError(f"{root}: exists and is not a project folder; choose another with --project")
        elif info is not None and about["clip"]["fingerprint"] != info.fingerprint:
            raise UsageError(_other_clip(project, Path(about["clip"]["path"]), Path(info.path)))
        return project

    def startable(self) -> bool:
        """Return whether a project may be started in the folder.

        It may hold settings, overrides, and the lock and partial files of a run that was killed early.
        """
        allowed = {SETTINGS_FILE, "overrides", partial_path(self.root / "project.json").name}
        return self.root.is_dir() and all(
            path.name in allowed or path.name == ".lock" or path.name.startswith(".lock.")
            for path in self.root.iterdir()
        )

    def about(self) -> dict[str, Any]:
        """Return the content of project.json with relocated paths; empty if it does not exist yet."""
        path = self.root / "project.json"
        if not path.is_file():
            return {}
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            schema, number = str(about["schema"]), int(str(about["schema"]).rpartition(".")[2])
            about["clip"]["fingerprint"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path}: damaged ({error!r}); choose another folder with --project") from error
        if not schema.startswith("stylize-project.") or number > int(SCHEMA.rpartition(".")[2]):
            raise UsageError(f"{path}: made by a newer version ({schema}); update with: pip install -U keystylize")
        return relocate_paths(about, self.root)

    @property
    def clip(self) -> Path:
        """The clip of the project."""
        return Path(self.about()["clip"]["path"])

    @property
    def keys(self) -> KeyStore:
        """The painted keys."""
        return KeyStore(self.root)

    @property
    def cache(self) -> StepCache:
        """The results of analysis steps."""
        return StepCache(self.root / "cache")

    @property
    def plan_path(self) -> Path:
        """The plan's file, keyframes.toml."""
        return self.root / "keyframes.toml"

    @property
    def settings_path(self) -> Path:
        """The settings' file, stylize.toml."""
        return self.root / SETTINGS_FILE

    def layer_root(self, name: str) -> Path:
        """Return the folder of the project of the layer called `name`."""
        return self.root / STACK_FOLDER / name

    @property
    def painted_matte(self) -> Path:
        """The folder of the matte that was painted in the review page and propagated over the clip."""
        return self.root / "matte" / "carried"

    @property
    def report_path(self) -> Path:
        """The file of the report."""
        return self.root / "report" / "index.html"

    @contextmanager
    def lock(self) -> Iterator[Project]:
        """Hold the lock of the project for the block; the folder is made, or brought up to date, on entry.

        Raises
        ------
        UsageError
            If another run holds the project, or the folder cannot be written.
        """
        with disk_errors(self.root, "choose another folder with --project DIR"):
            self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root / ".lock"):
            about, info = self.about(), self.info
            if info is not None:
                clip = {
                    "path": str(Path(info.path).absolute()),
                    "fingerprint": info.fingerprint,
                    "frames": info.count,
                    "size": [info.width, info.height],
                }
                root = str(self.root.absolute())
                if about.get("clip") != clip or about.get("root") != root:
                    self._write_about({**about, "clip": clip, "root": root})
            yield self

    def record_settings(self, settings: Mapping[str, Any]) -> list[str]:
        """Record the settings of this run; return their differences from those of the last run, in words."""
        before, now = self.about().get("settings"), json.loads(json.dumps(settings))
        self.remember(settings=now)
        return _differences(before, now) if isinstance(before, dict) else []

    def remember(self, **values: Any) -> None:
        """Record JSON-ready values in project.json for the next run."""
        about = self.about()
        if any(about.get(name) != value for name, value in values.items()):
            self._write_about({**about, **values})

    def log(self, event: str, **values: Any) -> None:
        """Append a line to logs/run.jsonl."""
        path = self.root / "logs" / "run.jsonl"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps({"time": stamp, "event": event, **values}, default=str) + "\n")

    def _write_about(self, about: Mapping[str, Any]) -> None:
        text = json.dumps({**about, "schema": SCHEMA}, indent=2, ensure_ascii=False, sort_keys=True)
        write_text(self.root / "project.json", text + "\n")


def _other_clip(project: Project, before: Path, now: Path) -> str:
    if before != now.absolute():
        return (
            f"{project.root}: made from another clip ({before}), not from {now}; choose another folder with --project"
        )
    keys = project.root / "keys"
    return (
        f"{now}: its content changed since {project.root} was made; put it back, or start another with "
        f"--project DIR (--keys {keys} reuses the painted keys)"
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the changed options; one that only one side has came or went with the program's version."""
    found = []
    for key in sorted(set(before) & set(now)):
        old, new = before[key], now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} {old} → {new}")
    return found
