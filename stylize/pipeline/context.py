"""Run context: everything that a run request names, opened and checked."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stylize.compositing.bounds import measure_bounds
from stylize.compositing.shot_view import FullFrameView
from stylize.compositing.spec import LayerSpec, read_layers
from stylize.compositing.visibility import MatteVisibility
from stylize.errors import MediaError
from stylize.mattes import open_matte
from stylize.media import open_clip
from stylize.pipeline.output import default_output
from stylize.pipeline.request import RunRequest, layer_request, resolve_request, stack_layer
from stylize.pipeline.shots import read_scenes
from stylize.project.project import SETTINGS_FILE, Project, locate_project
from stylize.settings.loading import changed, load_settings
from stylize.settings.schema import SECTIONS, Settings
from stylize.text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from keyframes import Shot
    from stylize.compositing.shot_view import ShotView
    from stylize.mattes import MatteClip
    from stylize.media import Clip, ClipInfo
    from stylize.progress import StageTimer

SMALLEST_SIDE = 16
"""Least side of a clip in pixels; a smaller one has no room for patches and flow."""


@dataclass(frozen=True)
class RunContext:
    """An opened run.

    Attributes
    ----------
    request
        Completed by `stylize.pipeline.request.resolve_request`.
    whole
        The complete clip.
    clip
        The range of it that the run works on.
    project
        The project folder.
    mattes
        The matte of every frame of `clip`; None without a matte.
    output
        The video file, or folder of images, that the run writes.
    settings
        All settings.
    layer
        The layer of a stack that the run paints.
    parts
        The layers of a project that lists some, bottom first, each a run of its own; else empty.
    visibility
        The bounds of the matte, once `measure_matte` has measured them.
    scenes
        The shots, where a scene list was given.
    """

    request: RunRequest
    whole: Clip
    clip: Clip
    project: Project
    mattes: MatteClip | None
    output: Path
    settings: Settings
    layer: LayerSpec = field(default_factory=lambda: LayerSpec("paint"))
    parts: tuple[RunContext, ...] = ()
    visibility: MatteVisibility | None = None
    scenes: tuple[Shot, ...] | None = None

    @property
    def span(self) -> tuple[int, int]:
        """The range that the run works on: frames [start, stop) of the complete clip."""
        return self.clip.info.start, self.clip.info.start + self.clip.info.count

    @property
    def layers(self) -> tuple[RunContext, ...]:
        """The layers to paint, bottom first: the parts, or this run alone."""
        return self.parts or (self,)

    @property
    def named(self) -> str:
        """The clip as a command names it, with the project if one was named."""
        project = f" --project {quoted(self.request.project)}" if self.request.project else ""
        return quoted(self.request.clip) + project

    def pieces(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots, cut to the frames between the first and the last visible one."""
        return tuple(shots) if self.visibility is None else self.visibility.pieces(shots)

    def view(self, shot: Shot) -> ShotView:
        """Return a shot as the layer sees it: the full frames, or the subject that the matte cuts out."""
        if self.visibility is None:
            return FullFrameView(self.whole[shot.start : shot.stop])
        return self.visibility.view(self.whole, shot, self.project.keys.rendered)


@contextmanager
def open_run(request: RunRequest, settings: Settings | Mapping[str, Any] | None = None) -> Iterator[RunContext]:
    """Open everything that `request` names; writes nothing.

    Parameters
    ----------
    request
        As asked for.
    settings
        All settings, or some by full name over those of the project and the user.

    Raises
    ------
    MediaError
        If the clip or the matte is missing, damaged or truncated.
    UsageError
        If the folder is not a project, or a project of another clip or a newer version.
    """
    path, root = locate_project(request.clip, request.project)
    owner = stack_layer(root)
    stack_root, layer = (root, None) if owner is None else owner
    options = _settings(stack_root, settings, layer)
    reading = asdict(options.clip)
    with ExitStack() as opened:
        whole = opened.enter_context(open_clip(path, **reading))
        check_size(whole.info)
        project = Project.open(root, whole.info)
        clip = whole
        if request.start is not None or request.end is not None:
            clip = opened.enter_context(open_clip(path, start=request.start, end=request.end, **reading))
        layers = read_layers(project.settings_path, SECTIONS) if layer is None else ()
        request = resolve_request(request, project, layer, layers)
        context = RunContext(
            request,
            whole,
            clip,
            project,
            None if layers else _open_matte(request, clip, options, opened),
            request.output or default_output(project, clip.info),
            options,
            layer or LayerSpec("paint"),
            scenes=None if request.scenes is None else read_scenes(request.scenes, whole.info),
        )
        yield replace(context, parts=tuple(_open_layer(context, one, settings, opened) for one in layers))


def _open_layer(
    stack: RunContext, layer: LayerSpec, settings: Settings | Mapping[str, Any] | None, opened: ExitStack
) -> RunContext:
    """Open one layer of a stack as a run of its own."""
    project = Project.open(stack.project.layer_root(layer.name), stack.whole.info)
    request = layer_request(stack.request, layer, project)
    options = _settings(stack.project.root, settings, layer)
    mattes = _open_matte(request, stack.clip, options, opened)
    return replace(stack, request=request, project=project, mattes=mattes, settings=options, layer=layer)


def _settings(root: Path, settings: Settings | Mapping[str, Any] | None, layer: LayerSpec | None) -> Settings:
    own = None if layer is None else layer.settings
    if isinstance(settings, Settings):
        return settings if own is None else changed(settings, own)
    return load_settings(root / SETTINGS_FILE, settings, layer=own)


def _open_matte(request: RunRequest, clip: Clip, settings: Settings, opened: ExitStack) -> MatteClip | None:
    if not request.matte:
        return None
    return opened.enter_context(open_matte(request.matte, clip.info, settings.matte, clip))


def measure_matte(context: RunContext, watch: StageTimer, *, keep: bool = True) -> RunContext:
    """Return the context with the bounds of its matte measured in every frame; `keep` caches them."""
    if context.mattes is None:
        return context
    with watch.stage("matte") as share:
        if keep:
            bounds = context.project.cache.recall("matte", measure_bounds, context.mattes, on_progress=share)
        else:
            bounds = measure_bounds(context.mattes, share)
    return replace(context, visibility=MatteVisibility(context.mattes, bounds, context.span[0]))


def check_size(info: ClipInfo) -> None:
    """Raise MediaError if a clip is too small for patches and flow."""
    if min(info.width, info.height) < SMALLEST_SIDE:
        raise MediaError(
            f"{info.path}: {info.width}x{info.height} is too small; "
            f"use a clip of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels"
        )
