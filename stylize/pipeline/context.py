"""What is asked for, and everything that it names, opened and checked."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.compositing.bounds import measure_bounds
from stylize.compositing.shot_view import FullFrameView
from stylize.compositing.spec import LayerSpec, read_layers
from stylize.compositing.visibility import MatteVisibility
from stylize.errors import MediaError, UsageError
from stylize.mattes import absolute_spec, open_matte
from stylize.media import open_clip
from stylize.pipeline.output import default_place
from stylize.pipeline.shots import read_scenes
from stylize.project.project import SETTINGS_FILE, Project, project_place
from stylize.settings.schema import Settings, changed, load_settings
from stylize.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from keyframes import Shot
    from stylize.compositing.shot_view import ShotView
    from stylize.mattes import MatteClip
    from stylize.media import Clip, ClipInfo
    from stylize.progress import StageTimer

STACK = "stack"
"""Folder of a project in which each of its layers has a project of its own."""
SMALLEST = 16
"""Least side of a clip in pixels: below it there are no patches and no flow to speak of."""


@dataclass(frozen=True)
class RunRequest:
    """A run as it was asked for; what is None is taken from the project's last run, or left to the defaults.

    Attributes
    ----------
    clip
        A video, a folder of numbered images, or a project.
    styles
        Pictures to paint like.
    output
        A video's name, or a folder's for images.
    project
        Where the work is kept.
    renderer
        Who paints the keys.
    keys
        A folder of keys painted by hand, named by frame; then nothing is rendered.
    matte
        Where the paint goes, see `stylize.mattes.open_matte`.
    start, end
        The range to work on.
    scenes
        A scene list (.csv) of PySceneDetect: its shots are taken, cuts are not looked for.
    """

    clip: Path
    styles: tuple[Path, ...] = ()
    output: Path | None = None
    project: Path | None = None
    renderer: str | None = None
    keys: Path | None = None
    matte: str | Path | None = None
    start: str | int | None = None
    end: str | int | None = None
    scenes: Path | None = None


@dataclass(frozen=True)
class RunContext:
    """An opened job: clip, range to work on, project, matte, the output's place, and the settings.

    Attributes
    ----------
    layer
        What it is in a stack of layers.
    parts
        The layers of a project that lists some, bottom first, each a work of its own; else empty.
    seen
        What the matte shows, once `measure_matte` has looked.
    scenes
        The shots, where a scene list was given.
    """

    request: RunRequest
    whole: Clip
    clip: Clip
    project: Project
    mattes: MatteClip | None
    place: Path
    settings: Settings
    layer: LayerSpec = field(default_factory=lambda: LayerSpec("paint"))
    parts: tuple[RunContext, ...] = ()
    seen: MatteVisibility | None = None
    scenes: tuple[Shot, ...] | None = None

    @property
    def span(self) -> tuple[int, int]:
        """Frames [start, stop) of the whole clip that are worked on."""
        return self.clip.info.start, self.clip.info.start + self.clip.info.count

    @property
    def layers(self) -> tuple[RunContext, ...]:
        """What is styled, bottom first: the parts, or just this work."""
        return self.parts or (self,)

    @property
    def named(self) -> str:
        """The clip as it is named in a command, with the project if one was."""
        project = f" --project {quoted(self.request.project)}" if self.request.project else ""
        return quoted(self.request.clip) + project

    def pieces(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots as far as there is something to style."""
        return tuple(shots) if self.seen is None else self.seen.pieces(shots)

    def view(self, shot: Shot) -> ShotView:
        """Return a shot as the layer sees it: whole, or the subject that the matte cuts out."""
        if self.seen is None:
            return FullFrameView(self.whole[shot.start : shot.stop])
        return self.seen.view(self.whole, shot, self.project)


def measure_matte(context: RunContext, watch: StageTimer, *, keep: bool = True) -> RunContext:
    """Look at every matte once, so that work can be cut to what it shows; `keep` remembers what was seen."""
    if context.mattes is None:
        return context
    with watch.stage("matte") as share:
        if keep:
            outline = context.project.recall("matte", measure_bounds, context.mattes, on_progress=share)
        else:
            outline = measure_bounds(context.mattes, share)
    return replace(context, seen=MatteVisibility(context.mattes, outline, context.span[0]))


def open_project(path: Path, place: Path | None = None) -> tuple[Path, Path]:
    """Return (clip, project folder) for what a person named: a clip, or a project's folder itself."""
    if (path / "project.json").is_file():
        if place is not None and place.absolute() != path.absolute():
            raise UsageError(f"{path}: is a project itself; leave out --project {place}")
        clip = Project.open(path).clip
        if not clip.exists():
            raise MediaError(f"{path}: its clip {clip} is gone; say where it is now: CLIP --project {path}")
        return clip, path
    return path, place or project_place(path)


@contextmanager
def open_run(request: RunRequest, settings: Settings | Mapping[str, Any] | None = None) -> Iterator[RunContext]:
    """Open what `request` names; writes nothing.

    Parameters
    ----------
    settings
        All of them, or some by full name over those of the project and the user.

    Raises
    ------
    MediaError
        If the clip or the matte is missing, bad or truncated.
    UsageError
        If the project is another clip's, a newer version's, or no project.
    """
    path, root = open_project(request.clip, request.project)
    owner = _owner(root)
    options = _options(root if owner is None else owner[0], settings, None if owner is None else owner[1])
    reading = asdict(options.clip)
    with ExitStack() as stack:
        whole = stack.enter_context(open_clip(path, **reading))
        check_size(whole.info)
        project = Project.open(root, whole.info)
        clip = whole
        if request.start is not None or request.end is not None:
            clip = stack.enter_context(open_clip(path, start=request.start, end=request.end, **reading))
        place = request.output or default_place(project, clip.info)
        base = _with_scenes(RunContext(request, whole, clip, project, None, place, options))
        specs = read_layers(project.settings_path) if owner is None else ()
        if specs:
            base = replace(base, request=replace(request, renderer=_painter(request, project)))
            yield replace(base, parts=tuple(_part(base, spec, settings, stack) for spec in specs))
            return
        asked = _with_memory(request, project.about().get("inputs", {}), project.painted_matte)
        if owner is not None:
            asked = _layer_job(replace(request, renderer=_painter(request, Project.open(owner[0]))), owner[1], root)
        base = _with_scenes(replace(base, request=asked, layer=base.layer if owner is None else owner[1]))
        yield _with_matte(base, stack)


def _owner(root: Path) -> tuple[Path, LayerSpec] | None:
    """Return the project that a layer's own folder belongs to, and the layer; None for any other folder."""
    place = root.absolute()
    if place.parent.name != STACK:
        return None
    specs = read_layers(place.parent.parent / SETTINGS_FILE)
    return next(((place.parent.parent, spec) for spec in specs if spec.name == place.name), None)


def _options(root: Path, settings: Settings | Mapping[str, Any] | None, layer: LayerSpec | None = None) -> Settings:
    if isinstance(settings, Settings):
        return settings if layer is None else changed(settings, layer.settings)
    return load_settings(root / SETTINGS_FILE, settings, layer=None if layer is None else layer.settings)


def _part(
    base: RunContext, spec: LayerSpec, settings: Settings | Mapping[str, Any] | None, stack: ExitStack
) -> RunContext:
    """Open a layer of a project that lists some."""
    if base.request.styles or base.request.keys is not None or base.request.matte is not None:
        raise UsageError(
            f"{base.project.settings_path}: lists layers, which have styles, keys and mattes of their own; "
            "leave out --style, --keys and --matte"
        )
    root = base.project.root / STACK / spec.name
    project = Project.open(root, base.whole.info)
    options = _options(base.project.root, settings, spec)
    request = _layer_job(base.request, spec, root)
    return _with_matte(replace(base, request=request, project=project, settings=options, layer=spec), stack)


def _layer_job(request: RunRequest, spec: LayerSpec, root: Path) -> RunRequest:
    return replace(
        request,
        styles=spec.styles,
        keys=spec.keys,
        matte=spec.matte,
        renderer=spec.renderer or request.renderer or "auto",
        project=root,
    )


def _painter(request: RunRequest, project: Project) -> str | None:
    """Return who was asked to paint a stack, now or last time."""
    before: str | None = project.about().get("inputs", {}).get("renderer")
    return request.renderer or before


def _with_scenes(context: RunContext) -> RunContext:
    path = context.request.scenes
    return context if path is None else replace(context, scenes=read_scenes(path, context.whole.info))


def _with_matte(context: RunContext, stack: ExitStack) -> RunContext:
    if not context.request.matte:
        return context
    mattes = stack.enter_context(
        open_matte(context.request.matte, context.clip.info, context.settings.matte, context.clip)
    )
    return replace(context, mattes=mattes)


def check_size(info: ClipInfo) -> None:
    """Raise MediaError for a clip too small to hold patches."""
    if min(info.width, info.height) < SMALLEST:
        raise MediaError(
            f"{info.path}: {info.width}x{info.height} is too small; use a clip of at least {SMALLEST}x{SMALLEST} pixels"
        )


def _with_memory(request: RunRequest, before: dict[str, Any], painted: Path) -> RunRequest:
    """Without a style or keys of its own, a job is the project's last one again.

    A matte that was `painted` for the project and is in use stays so in any case, unless another is named.
    """
    if request.styles or request.keys is not None:
        own = before.get("matte") if before.get("matte") == str(painted.absolute()) else None
        return replace(request, matte=request.matte or own, renderer=request.renderer or "auto")

    def known(name: str) -> Path | None:
        return Path(before[name]) if before.get(name) else None

    keys = known("keys")
    return replace(
        request,
        styles=tuple(Path(path) for path in before.get("styles", ())),
        keys=keys,
        matte=request.matte or before.get("matte"),
        renderer=request.renderer or before.get("renderer") or "auto",
        scenes=request.scenes or (known("scenes") if keys else None),  # else the plan has the shots
    )


def memory_of(request: RunRequest) -> dict[str, Any]:
    """Return what the next run takes from this one, JSON-ready."""
    places = {"keys": request.keys, "scenes": request.scenes}
    return {
        "styles": [str(path.absolute()) for path in request.styles],
        **{name: str(path.absolute()) if path else None for name, path in places.items()},
        "matte": absolute_spec(request.matte) if request.matte else None,
        "renderer": request.renderer,
    }
