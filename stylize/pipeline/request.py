"""Run request: the inputs, output and range of a run, as asked for and completed from the project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.compositing.spec import read_layers
from stylize.errors import UsageError
from stylize.mattes import absolute_spec
from stylize.project.project import SETTINGS_FILE, STACK_FOLDER, Project
from stylize.settings.schema import SECTIONS

if TYPE_CHECKING:
    from stylize.compositing.spec import LayerSpec


@dataclass(frozen=True)
class RunRequest:
    """A run as asked for; None means the value of the project's last run, or the default.

    Attributes
    ----------
    clip
        A video, a folder of numbered images, or a project.
    styles
        Style images.
    output
        A video file, or a folder for images.
    project
        The project folder.
    renderer
        The renderer's name.
    keys
        A folder of keys painted by the artist, named by frame; then nothing is rendered.
    matte
        The matte of the styled area, see `stylize.mattes.open_matte`.
    start, end
        The half-open range to work on.
    scenes
        A scene list (.csv) of PySceneDetect that gives the shots.
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


def resolve_request(
    request: RunRequest, project: Project, layer: LayerSpec | None = None, layers: tuple[LayerSpec, ...] = ()
) -> RunRequest:
    """Return the request completed from the project: from its layers, or from its last run.

    Parameters
    ----------
    project
        The project of the run.
    layer
        The layer of a stack that the project belongs to, see `stack_layer`.
    layers
        The layers that the project lists.

    Notes
    -----
    A request with neither a style nor keys repeats the last run. A matte painted in the review page stays in
    use until another matte is named.

    Raises
    ------
    UsageError
        If styles, keys or a matte are given for a project with layers.
    """
    if layer is not None:
        stack = Project.open(project.root.absolute().parent.parent)
        renderer = request.renderer or _last_inputs(stack).get("renderer")
        return layer_request(replace(request, renderer=renderer), layer, project)
    last = _last_inputs(project)
    if layers:
        if request.styles or request.keys is not None or request.matte is not None:
            raise UsageError(
                f"{project.settings_path}: lists layers, which have styles, keys and mattes of their own; "
                "leave out --style, --keys and --matte"
            )
        return replace(request, renderer=request.renderer or last.get("renderer"))
    if request.styles or request.keys is not None:
        painted = last.get("matte") if last.get("matte") == str(project.painted_matte.absolute()) else None
        return replace(request, matte=request.matte or painted, renderer=request.renderer or "auto")

    def path(name: str) -> Path | None:
        return Path(last[name]) if last.get(name) else None

    keys = path("keys")
    return replace(
        request,
        styles=tuple(Path(style) for style in last.get("styles", ())),
        keys=keys,
        matte=request.matte or last.get("matte"),
        renderer=request.renderer or last.get("renderer") or "auto",
        scenes=request.scenes or (path("scenes") if keys else None),  # without keys the plan has the shots
    )


def layer_request(request: RunRequest, layer: LayerSpec, project: Project) -> RunRequest:
    """Return the request of a stack for one of its layers, which has a project of its own."""
    return replace(
        request,
        styles=layer.styles,
        keys=layer.keys,
        matte=layer.matte,
        renderer=layer.renderer or request.renderer or "auto",
        project=project.root,
    )


def stack_layer(root: Path) -> tuple[Path, LayerSpec] | None:
    """Return the project whose layer has its own project at `root`, and that layer; None for any other folder."""
    place = root.absolute()
    if place.parent.name != STACK_FOLDER:
        return None
    stack = place.parent.parent
    found = next((layer for layer in read_layers(stack / SETTINGS_FILE, SECTIONS) if layer.name == place.name), None)
    return None if found is None else (stack, found)


def inputs_to_remember(request: RunRequest) -> dict[str, Any]:
    """Return the inputs that the next run takes from this one, JSON-ready."""
    paths = {"keys": request.keys, "scenes": request.scenes}
    return {
        "styles": [str(path.absolute()) for path in request.styles],
        **{name: str(path.absolute()) if path else None for name, path in paths.items()},
        "matte": absolute_spec(request.matte) if request.matte else None,
        "renderer": request.renderer,
    }


def _last_inputs(project: Project) -> dict[str, Any]:
    inputs: dict[str, Any] = project.about().get("inputs", {})
    return inputs
