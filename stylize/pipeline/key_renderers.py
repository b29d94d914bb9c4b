"""What single keys are painted with in place of the run's settings: checked by name, and made painters of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stylize.settings.key_settings import SEED
from stylize.settings.schema import changed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Key
    from propagate.arrays import Image
    from stylize.render import Anchor, FrameContext, PaintedKey, Progress, Renderer
    from stylize.settings.schema import Settings


@dataclass(frozen=True)
class PerKeyRenderer:
    """A renderer in which some keys are painted by renderers of their own; frames count in the whole clip."""

    usual: Renderer
    own: Mapping[int, Renderer] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The usual renderer's."""
        return self.usual.name

    @property
    def version(self) -> str:
        """The usual renderer's."""
        return self.usual.version

    def fingerprint(self) -> dict[str, Any]:
        """Return the usual renderer's: a key's own counts for that key only."""
        return self.usual.fingerprint()

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame` as the usual renderer does."""
        return self.usual.paint(frame, anchors, seed=seed, on_progress=on_progress)

    def at(self, spot: FrameContext) -> Renderer:
        """Return who paints the frame of the clip: its own renderer, as its schedules have it there."""
        painter = self.own.get(spot.frame, self.usual)
        at = getattr(painter, "at", None)
        found: Renderer = painter if at is None else at(spot)
        return found


@dataclass(frozen=True)
class OverriddenRenderer:
    """The renderer of a key that has settings of its own.

    Attributes
    ----------
    painter
        Made with these settings.
    seed
        In place of the run's.
    settings
        As the plan has them, for the recipe.
    """

    painter: Renderer
    seed: int
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The renderer's."""
        return self.painter.name

    @property
    def version(self) -> str:
        """The renderer's."""
        return self.painter.version

    def fingerprint(self) -> dict[str, Any]:
        """Return everything that the picture depends on, the key's own seed included."""
        return {**self.painter.fingerprint(), "seed": self.seed}

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
        made = self.painter.paint(frame, anchors, seed=self.seed, on_progress=on_progress)
        made.recipe["settings"] = dict(self.settings)
        return made

    def at(self, spot: FrameContext) -> OverriddenRenderer:
        """Return the renderer as its schedules have it at that frame."""
        at = getattr(self.painter, "at", None)
        return self if at is None else OverriddenRenderer(at(spot), self.seed, self.settings)


def renderer_for_keys(
    renderer: Renderer, keys: Sequence[Key], name: str, styles: Sequence[Path], settings: Settings
) -> Renderer:
    """Return who paints the keys of a clip: `renderer`, and keys with settings of their own, one with these.

    Parameters
    ----------
    renderer
        Made from the run's settings.
    name, styles, settings
        What it was made from, as `stylize.pipeline.renderers.select_renderer` takes them.
    """
    from stylize.pipeline.renderers import select_renderer

    own: dict[int, Renderer] = {}
    chosen = renderer.name if name == "auto" else name
    for key in keys:
        if key.settings:
            mine = changed(settings, key.settings, f"key {key.frame}")
            alike = mine.synthesis.seed != settings.synthesis.seed and set(key.settings) == {SEED}
            painter = renderer if alike else select_renderer(chosen, styles, mine)
            own[key.frame] = OverriddenRenderer(painter, mine.synthesis.seed, key.settings)
    return PerKeyRenderer(renderer, own) if own else renderer
