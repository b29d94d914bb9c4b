"""Project folder: the inputs, intermediate results and outputs of a clip's stylization.

    clip.stylize/
        project.json      schema, the clip it belongs to, the settings of the last run
        stylize.toml      settings for this clip             the artist may edit
        keyframes.toml    the plan: which frames are keys     the artist may edit
        keys/ overrides/ takes/   the painted keys            see `stylize.project.key_store`
        matte/            a matte painted in the review page  the artist may paint over matte/painted
        layers/HASH/      finished frames of one shot, with frames.jsonl: their quality
        cache/            results of steps, by fingerprint; may be deleted at any time
        out/ report/ logs/

NAME is the frame's name in the clip: the file's stem in a sequence, six digits in a video.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stylize.errors import MediaError, UsageError
from stylize.project.key_store import KeyStore
from stylize.project.relocation import relocate_paths
from stylize.storage import serialization as store
from stylize.storage.atomic import disk_errors, write_bytes, write_text
from stylize.storage.fingerprint import fingerprint
from stylize.storage.lock import locked
from stylize.storage.partial import partial_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stylize.media import ClipInfo

SCHEMA = "stylize-project.1"
SETTINGS_FILE = "stylize.toml"
STACK_FOLDER = "stack"
"""Folder of a project in which each of its layers has a project of its own."""
T = TypeVar("T")


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
    """A project folder, checked; get one from `Project.open`, change it under its `lock`."""

    root: Path
    info: ClipInfo | None = None

    @classmethod
    def open(cls, root: Path, info: ClipInfo | None = None) -> Project:
        """Check the project at `root`; with `info`, the clip that it must belong to or is started for.

        Writes nothing: the folder is made when the lock is taken.

        Raises
        ------
        UsageError
            If the folder is no project, belongs to another clip, or was made by a newer version.
        """
        project = cls(Path(root), info)
        about = project.about()
        if not about:
            if info is None:
                raise UsageError(f"{root}: no project here; make one with: stylize run CLIP --project DIR")
            if project.root.exists() and not project.startable():
                raise UsageError(f"{root}: exists and is not a project folder; choose another with --project")
        elif info is not None and about["clip"]["fingerprint"] != info.fingerprint:
            raise UsageError(_other_clip(project, Path(about["clip"]["path"]), Path(info.path)))
        return project

    def startable(self) -> bool:
        """Whether the folder holds nothing yet but what a person puts there before the first run.

        Nor what a run leaves that was killed before it said whose folder this is: its lock, half a file.
        """
        named = {SETTINGS_FILE, "overrides", partial_path(self.root / "project.json").name}
        return self.root.is_dir() and all(
            path.name in named or path.name == ".lock" or path.name.startswith(".lock.") for path in self.root.iterdir()
        )

    def about(self) -> dict[str, Any]:
        """Return the content of project.json, paths as they are now; empty when there is none yet."""
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
        """The clip that the project was made from."""
        return Path(self.about()["clip"]["path"])

    @property
    def keys(self) -> KeyStore:
        """The painted keys."""
        return KeyStore(self.root)

    @property
    def plan_path(self) -> Path:
        """The plan, keyframes.toml."""
        return self.root / "keyframes.toml"

    @property
    def settings_path(self) -> Path:
        """The project's settings, stylize.toml."""
        return self.root / SETTINGS_FILE

    def layer_root(self, name: str) -> Path:
        """Return the folder of the project of the layer called `name`."""
        return self.root / STACK_FOLDER / name

    @property
    def painted_matte(self) -> Path:
        """Where the matte is that was painted in the review page, carried over the clip."""
        return self.root / "matte" / "carried"

    @property
    def report_path(self) -> Path:
        """The report page."""
        return self.root / "report" / "index.html"

    @contextmanager
    def lock(self) -> Iterator[Project]:
        """Keep other runs out for the block; the folder is made, or brought up to date, on entry.

        Raises
        ------
        UsageError
            If another run holds the project, or the folder cannot be written.
        """
        with disk_errors(self.root, "keep the work elsewhere with --project DIR"):
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

    def recall(self, name: str, function: Callable[..., T], *inputs: Any, **unread: Any) -> T:
        """Return ``function(*inputs)``, from the cache when the same step saw the same inputs before.

        Parameters
        ----------
        name
            The step's name, the first half of the file's.
        function
            A plain function of its inputs; `stylize.storage.fingerprint.step` gives it a version.
        *inputs
            Everything the step reads; must have a fingerprint (see `stylize.storage.fingerprint`).
        **unread
            Handed to the function and not part of the fingerprint, such as ``on_progress``.
        """
        path = self.cached(name, function, *inputs)
        if path.exists():
            try:
                found: T = store.loads(path.read_bytes())
            except ValueError:  # damaged: made again
                path.unlink()
            else:
                return found
        made = function(*inputs, **unread)
        write_bytes(path, store.dumps(made))
        return made

    def cached(self, name: str, function: Callable[..., Any], *inputs: Any) -> Path:
        """Where `recall` keeps the result of this step with these inputs."""
        version = getattr(function, "version", 1)
        return self.root / "cache" / f"{name}-{fingerprint(name, version, inputs)[:20]}.npz"

    def note_settings(self, settings: Mapping[str, Any]) -> list[str]:
        """Remember the settings of this run; return how they differ from the last one's, in words."""
        before, now = self.about().get("settings"), json.loads(json.dumps(settings))
        self.remember(settings=now)
        return _differences(before, now) if isinstance(before, dict) else []

    def remember(self, **facts: Any) -> None:
        """Keep JSON-ready facts in project.json, for the next run."""
        about = self.about()
        if any(about.get(name) != value for name, value in facts.items()):
            self._write_about({**about, **facts})

    def log(self, event: str, **facts: Any) -> None:
        """Add a line to logs/run.jsonl."""
        path = self.root / "logs" / "run.jsonl"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps({"time": stamp, "event": event, **facts}, default=str) + "\n")

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
        f"--project DIR (--keys {keys} brings the painted keys along)"
    )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Options that one of both does not know came or went with the program's version and say nothing."""
    found = []
    for key in sorted(set(before) & set(now)):
        old, new = before[key], now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} {old} → {new}")
    return found
