"""What can be asked of this package.  Light to import: settings are made without OpenCV or Numba."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class ShotOptions:
    """What counts as the end of a shot.

    Parameters
    ----------
    cut
        Share of the picture that must be new, 0 to 1.  Less finds cuts between alike pictures, and takes a
        whip pan for one.
    dissolve
        How clearly frames must be a blend of two unlike pictures, 0 to 1.
    black
        A fade goes through frames whose contrast is below this share of the usual one.
    least
        Shortest shot in frames; of cuts that are closer, the clearest stays.  Frames of another shot that
        were left at the clip's start or end are a shot however few they are.
    """

    cut: float = 0.4
    dissolve: float = 0.7
    black: float = 0.12
    least: int = 4

    def __post_init__(self) -> None:
        for name in ("cut", "dissolve", "black"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; choose a share above 0, up to 1")
        if self.least < 1:
            raise ValueError(f"least is {self.least}; choose 1 frame or more")


@dataclass(frozen=True)
class AnalysisOptions:
    """How closely a shot is looked at.

    Parameters
    ----------
    side
        Long side in pixels at which flow is computed; larger frames are shrunk.  More sees smaller things
        and takes proportionally longer.
    points
        Most points followed per frame; long shots get by with fewer.  More makes shares finer: 8192 rank
        choices that leave half a per cent of the picture unexplained, 2048 those that leave 2 %.
    nodes
        Most frames of a shot that can become keys.  Memory is about 0.4 MiB for each at 16:9, time grows with
        the square.  A longer shot keeps those frames that bring the most.
    color
        A point found again must agree within this in every channel, in steps of 8 bit.  Less asks for new
        keys when the light changes.
    gap
        Largest disagreement of forward and backward flow, in pixels at `side`.
    """

    side: int = 320
    points: int = 8192
    nodes: int = 240
    color: float = 30.0
    gap: float = 1.0

    def __post_init__(self) -> None:
        bounds = {
            "side": (64, 2048),
            "points": (64, 65536),
            "nodes": (8, 4096),
            "color": (1, 255),
            "gap": (0.1, 16),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; choose a value from {low} to {high}")


@dataclass(frozen=True)
class SelectOptions:
    """What to aim for.

    Parameters
    ----------
    coverage
        Stop once this share of the shot is explained, above 0 to 1.
    max_keys
        Never more than this many; forced ones count, and are kept even where they alone are more.  None: no
        limit.
    min_gap, max_gap
        Least and greatest distance of neighboring keys in frames; `max_gap` also holds from the shot's ends.
    liveliness
        0 (calm): one key where one will do, each further one must earn its place; such a shot is steady.
        1 (lively): a key wherever anything is new and every 12 frames; such a shot shimmers.
    min_gain
        Frames' worth of picture that each further key must newly explain; below that the shot stays short of
        `coverage`, as noise and blur can be explained by nothing but themselves.  None: 3 when calm, 1.1 when
        lively.  0: reach `coverage` at any price.
    roi
        Region of interest: only what is inside has to be explained.  ``X,Y,W,H`` in pixels of the clip, or in
        per cent (``25%,0%,50%,100%``).  None: the whole frame.
    """

    coverage: float = 0.97
    max_keys: int | None = None
    min_gap: int = 1
    max_gap: int | None = None
    liveliness: float = 0.0
    min_gain: float | None = None
    roi: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.coverage <= 1:
            raise ValueError(f"coverage is {self.coverage}; choose a share above 0, up to 1")
        if self.max_keys is not None and self.max_keys < 1:
            raise ValueError(f"max_keys is {self.max_keys}; choose 1 or more, or leave it out")
        if self.min_gap < 1:
            raise ValueError(f"min_gap is {self.min_gap}; choose 1 or more")
        if self.max_gap is not None and self.max_gap < self.min_gap:
            raise ValueError(f"max_gap is {self.max_gap}, below min_gap {self.min_gap}; choose {self.min_gap} or more")
        if not 0 <= self.liveliness <= 1:
            raise ValueError(f"liveliness is {self.liveliness}; choose a value from 0 (calm) to 1 (lively)")
        if self.min_gain is not None and self.min_gain < 0:
            raise ValueError(f"min_gain is {self.min_gain}; choose 0 or more frames, or leave it out")
        if self.roi is not None:
            parse_region(self.roi)

    @property
    def worth(self) -> float:
        """Frames' worth of picture that a key must newly explain."""
        return 3.0 * (1.1 / 3.0) ** self.liveliness if self.min_gain is None else self.min_gain

    @property
    def widest(self) -> float:
        """Greatest distance of keys that `max_gap` and `liveliness` allow."""
        lively = max(12 / self.liveliness, self.min_gap) if self.liveliness > 0 else math.inf
        return min(lively, self.max_gap or math.inf)


def parse_region(roi: str) -> list[tuple[float, bool]]:
    """Return left, top, width and height of a region, each with whether it is in per cent of the frame.

    Raises
    ------
    ValueError
        If it is spelled in another way, begins outside the frame or is empty.
    """
    parts = [part.strip() for part in roi.split(",")]
    try:
        found = [(float(part.removesuffix("%")), part.endswith("%")) for part in parts]
    except ValueError:
        found = []
    if len(found) != 4 or not all(math.isfinite(value) for value, _ in found):
        raise ValueError(f"roi is {roi!r}; expected X,Y,W,H such as 100,50,320,240 or 25%,0%,50%,100%")
    if min(value for value, _ in found) < 0 or min(value for value, _ in found[2:]) <= 0:
        raise ValueError(f"roi is {roi!r}; X and Y must be 0 or more, W and H above 0")
    return found
