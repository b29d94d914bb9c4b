"""What a keyframe renderer is, and how one is found by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from stylize.errors import UsageError

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

Progress: TypeAlias = Callable[[float], None]
"""Called with the finished share, 0 to 1."""

GROUP = "stylize.renderers"
"""Entry points under which other packages bring renderers: a name, and the place of a factory."""
Factory: TypeAlias = "Callable[[Sequence[Image], Mapping[str, Any]], Renderer]"


@dataclass(frozen=True)
class Anchor:
    """An earlier finished key of the shot, warped to the frame that is painted now.

    Attributes
    ----------
    image
        uint8 or uint16 (H, W, 3) RGB, at the frame's size.
    confidence
        float32 (H, W), 0 to 1: how sure it is that both keys show the same piece of surface here.
    key
        The frame of the shot that it comes from.
    frame, painted
        That frame, and its painting as it is, (H, W, 3) RGB; None when only the warped one is known.
    """

    image: Image
    confidence: F32
    key: int = -1
    frame: Image | None = None
    painted: Image | None = None


@dataclass(frozen=True)
class PaintedKey:
    """A painted frame and how it came about.

    Attributes
    ----------
    image
        (H, W, 3) RGB of the frame's size and dtype.
    recipe
        JSON-ready facts about the painting: renderer, version, options, seed, notices.
    """

    image: Image
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameContext:
    """Where in its clip a key stands: what a renderer may depend on that changes along the clip.

    Attributes
    ----------
    frame
        Counted from the clip's first.
    seconds
        Its time, from the clip's first frame on.
    last
        Number of the clip's last frame; None when it is not known.
    size
        (height, width) of the clip; None when it is not known.
    window
        (top, left, height, width) of the part of the whole frame that is painted; None for all of it.
    """

    frame: int = 0
    seconds: float = 0.0
    last: int | None = None
    size: tuple[int, int] | None = None
    window: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class PaintTask:
    """A key to paint: who paints it, as that renderer is there, its frame, and what it follows."""

    painter: Renderer
    frame: Image
    anchors: Sequence[Anchor] = ()


class Renderer(Protocol):
    """Paints one frame in the manner of the style.

    A renderer that changes along the clip also has ``at(spot: FrameContext) -> Renderer``, which returns it as it is
    at that key. One that paints several keys faster together has ``together``, how many at most,
    ``goes_with(other) -> bool`` and ``paint_together(tasks, seed=…, on_progress=…) -> list[PaintedKey]``.
    """

    @property
    def name(self) -> str:
        """The renderer's name, as given to ``--renderer``."""

    @property
    def version(self) -> str:
        """Changes whenever the same inputs would give another picture."""

    def fingerprint(self) -> dict[str, Any]:
        """Everything besides frame, anchors and seed on which the picture depends; JSON-ready."""

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame`, uint8 or uint16 (H, W, 3) RGB; agree with `anchors` where they are sure."""


_FACTORIES: dict[str, str | Factory] = {
    "patch": "stylize.render.patch.renderer:make_patch_renderer",
    "sd": "stylize.render.diffusion:make_diffusion_renderer",
    "edit": "stylize.render.edit:make_edit_renderer",
}


def renderer_names() -> tuple[str, ...]:
    """Names that `make_renderer` knows, sorted."""
    return tuple(sorted({*_FACTORIES, *_plugins()}))


def register_renderer(name: str, factory: str | Factory) -> None:
    """Make a renderer known under `name`.

    Parameters
    ----------
    name
        What a person writes after ``--renderer``.
    factory
        ``factory(styles, options) -> Renderer``, or its place as ``"package.module:function"``, which is
        imported only when the renderer is asked for.
    """
    _FACTORIES[name] = factory


def make_renderer(name: str, styles: Sequence[Image], options: Mapping[str, Any] | None = None) -> Renderer:
    """Build the renderer called `name`.

    Parameters
    ----------
    name
        One of `renderer_names()`.
    styles
        Style images, uint8 or uint16 (H, W, 1 to 4).
    options
        The renderer's own options by name, see for example `stylize.render.options.PatchOptions`.

    Raises
    ------
    UsageError
        If the name or an option is unknown, or an option is out of its bounds.
    MediaError
        If a style cannot be painted from.
    """
    found = {} if name in _FACTORIES else _plugins()
    if name not in _FACTORIES and name not in found:
        close = difflib.get_close_matches(name, renderer_names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(renderer_names())}"
        raise UsageError(f"renderer {name!r} is unknown; {hint}")
    if name in found:
        return _load_plugin(found[name])(styles, dict(options or {}))
    factory = _FACTORIES[name]
    if isinstance(factory, str):
        module, _, function = factory.partition(":")
        factory = cast("Factory", getattr(import_module(module), function))
    return factory(styles, dict(options or {}))


def _plugins() -> dict[str, EntryPoint]:
    """Return the renderers that installed packages bring, by name; ours are not among them."""
    return {one.name: one for one in entry_points(group=GROUP) if one.name not in _FACTORIES}


def _load_plugin(entry: EntryPoint) -> Factory:
    package = f" (of package {entry.dist.name} {entry.dist.version})" if entry.dist else ""
    try:
        factory: Factory = entry.load()
    except Exception as error:
        raise UsageError(
            f"renderer {entry.name}{package} does not load: {type(error).__name__}: {error}; update or remove it"
        ) from error
    return factory
