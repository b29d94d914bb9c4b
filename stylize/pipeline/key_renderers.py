"""Renderers of keys that override settings of the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stylize.settings.key_settings import SEED
from stylize.settings.loading import changed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Key
    from propagate.arrays import Image
    from stylize.render import Anchor, FrameContext, PaintedKey, Progress, Renderer
    from stylize.settings.schema import Settings


@dataclass(frozen=True)
class PerKeyRenderer:
    """A renderer that hands some keys to renderers of their own; frames count in the complete clip."""

    default: Renderer
    overrides: Mapping[int, Renderer] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return that of the default renderer."""
        return self.default.name

    @property
    def version(self) -> str:
        """Return that of the default renderer."""
        return self.default.version

    def fingerprint(self) -> dict[str, Any]:
        """Return that of the default renderer; an override counts for its own key only."""
        return self.default.fingerprint()

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame` with the default renderer."""
        return self.default.paint(frame, anchors, seed=seed, on_progress=on_progress)

    def at(self, spot: FrameContext) -> Renderer:
        """Return the renderer of a frame, with the values that its schedules have there."""
        renderer = self.overrides.get(spot.frame, self.default)
        at = getattr(renderer, "at", None)
        found: Renderer = renderer if at is None else at(spot)
        return found


@dataclass(frozen=True)
class OverriddenRenderer:
    """The renderer of a key that overrides settings.

    Attributes
    ----------
    renderer
        Made with the key's settings.
    seed
        The key's seed.
    settings
        The overrides of the plan, for the recipe.
    """

    renderer: Renderer
    seed: int
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return that of the renderer."""
        return self.renderer.name

    @property
    def version(self) -> str:
        """Return that of the renderer."""
        return self.renderer.version

    def fingerprint(self) -> dict[str, Any]:
        """Return everything that the painting depends on, with the key's own seed."""
        return {**self.renderer.fingerprint(), "seed": self.seed}

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame` with the key's own seed; the run's `seed` is not used."""
        del seed
        made = self.renderer.paint(frame, anchors, seed=self.seed, on_progress=on_progress)
        made.recipe["settings"] = dict(self.settings)
        return made

    def at(self, spot: FrameContext) -> OverriddenRenderer:
        """Return the renderer with the values that its schedules have at a frame."""
        at = getattr(self.renderer, "at", None)
        return self if at is None else OverriddenRenderer(at(spot), self.seed, self.settings)


def renderer_for_keys(
    renderer: Renderer, keys: Sequence[Key], name: str, styles: Sequence[Path], settings: Settings
) -> Renderer:
    """Return `renderer`, or one that hands keys with settings of their own to renderers with these.

    Parameters
    ----------
    renderer
        Made from the run's settings.
    keys
        Keys of the plan.
    name, styles, settings
        Arguments of `stylize.pipeline.renderers.select_renderer` for the run.
    """
    from stylize.pipeline.renderers import select_renderer

    overrides: dict[int, Renderer] = {}
    chosen = renderer.name if name == "auto" else name
    for key in keys:
        if key.settings:
            own = changed(settings, key.settings, f"key {key.frame}")
            only_seed = own.synthesis.seed != settings.synthesis.seed and set(key.settings) == {SEED}
            made = renderer if only_seed else select_renderer(chosen, styles, own)
            overrides[key.frame] = OverriddenRenderer(made, own.synthesis.seed, key.settings)
    return PerKeyRenderer(renderer, overrides) if overrides else renderer
