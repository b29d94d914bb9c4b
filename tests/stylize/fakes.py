"""Stand-ins that make the application testable in milliseconds: a painter and a way to carry paint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stylize.render import PaintedKey


@dataclass
class FakeRenderer:
    """Turns colors round and adds the style's mean; counts what it painted."""

    styles: Any
    options: Any
    painted: list[int] = field(default_factory=list)
    name: str = "fake"
    version: str = "1"

    def fingerprint(self) -> dict[str, Any]:
        return {"renderer": self.name, "styles": [float(style.mean()) for style in self.styles]}

    def paint(self, frame, anchors=(), *, seed=0, on_progress=None):  # noqa: ARG002
        self.painted.append(int(frame.mean()))
        PAINTED.append(int(frame.mean()))
        top = np.iinfo(frame.dtype).max
        image = top - frame + np.asarray(self.styles[0].mean() + seed).astype(frame.dtype)
        return PaintedKey(image.astype(frame.dtype), {"renderer": self.name, "seed": seed})


PAINTED: list[int] = []
"""Mean of every frame that a `FakeRenderer` painted since a test cleared this."""

CARRIED: list[int] = []
"""Index of every frame that `fake_propagate` yielded since a test cleared this."""


@dataclass(frozen=True)
class Carried:
    index: int
    image: Any
    confidence: Any
    error: Any
    quality: float
    source: Any
    others: Any = None  # the nearest key is always a neighbor


def fake_propagate(frames, painted, options, *, mattes=None, done=(), on_progress=None, on_stage=None):
    """The nearest key plus how the frame differs from that key's frame; a key comes out as it is."""
    if not painted:
        raise ValueError("no key")
    for index in range(len(frames)):
        if index in done:
            continue
        near = min(painted, key=lambda key: (abs(key - index), key))
        if near == index:
            image = painted[near]
        else:
            step = frames[index].astype(np.int64) - frames[near].astype(np.int64)
            top = np.iinfo(painted[near].dtype).max
            image = painted[near].copy()
            image[..., :3] = np.clip(painted[near][..., :3].astype(np.int64) + step, 0, top).astype(image.dtype)
        CARRIED.append(index)
        flat = np.full(image.shape[:2], 1 / (1 + abs(near - index)), np.float32)
        yield Carried(index, image, flat, 1 - flat, float(flat[0, 0]), np.full(flat.shape, near, np.int32))
