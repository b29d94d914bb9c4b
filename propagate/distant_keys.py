"""Keys beyond the two neighbors that show what a frame shows: a view or an expression that comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.flow import chain, estimate_flow
from propagate.inputs import thumbnail
from propagate.registration import Tracker, key_search, residual
from propagate.warp import warp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Flow, Image
    from propagate.inputs import Frames
    from propagate.threads import ThreadTeam

_NEAREST = 3
_GAIN, _HOLD, _NOISE = 0.4, 0.2, 2


class DistantKeys:
    """Finds, frame by frame, the other keys worth following; remembers which it followed on the frame before.

    The decision is made on pictures of at most 128 pixels; it costs the same for three keys or a hundred.

    Attributes
    ----------
    asked : bool
        The neighbors left enough unexplained on the last frame that any other key was thought of.
    """

    def __init__(self, frames: Frames, keys: Sequence[int], most: int, crew: ThreadTeam, quality: str) -> None:
        self._frames, self._most, self._crew = frames, most, crew
        self._search, self._trackers = key_search(quality), dict[int, Tracker]()
        self._keys = tuple(keys) if most else ()
        self._flows: dict[int, Flow] = {}
        self.asked = False

    def find(self, frame: Image, left: F32, back: Flow | None) -> dict[int, Flow]:
        """Return {key: flow from the frame to it} of keys that explain the frame where its neighbors do not.

        Parameters
        ----------
        frame : uint8 (H, W, 3)
        left : float32 (H, W)
            What the neighbors leave unexplained, see `propagate.registration.residual`.
        back : float32 (H, W, 2) or None
            The flow to the frame before.
        """
        if not self._most:
            return {}
        small = thumbnail(frame)
        h, w = small.shape[:2]
        open_ = cv2.resize(left, (w, h), interpolation=cv2.INTER_AREA)
        # else not even a perfect match would gain enough
        self.asked = float(np.maximum(open_ - _NOISE, 0).mean()) > _HOLD
        if not self.asked or not self._keys:
            self._flows = {}
            return {}
        look = {key: self._frames.thumbnail(key) for key in self._keys}
        likely = sorted(look, key=lambda k: (k not in self._flows, _apart(small, look[k]), k))
        gains = []
        for key in likely[:_NEAREST]:
            flow = estimate_flow(small, look[key], quality="medium")
            rest = residual(small, warp(look[key], flow), sigma=1.0)
            gain = float(np.maximum(open_ - rest - _NOISE, 0).mean())
            if gain > (_HOLD if key in self._flows else _GAIN):
                gains.append((gain, key, flow))
        found = {}
        for _, key, flow in sorted(gains, key=lambda g: (-g[0], g[1]))[: self._most]:
            if key in self._flows and back is not None:
                guess = chain(back, self._flows[key])
            else:
                larger = np.asarray(cv2.resize(flow, (frame.shape[1], frame.shape[0])), np.float32)
                guess = larger * np.array([frame.shape[1] / w, frame.shape[0] / h], np.float32)
            if key not in self._trackers:
                self._trackers = {key: Tracker(self._frames[key], self._crew, self._search)}
            found[key] = self._trackers[key].find(frame, guess)[0]
        self._flows = found
        return found


def _apart(a: Image, b: Image) -> float:
    return float(cv2.absdiff(cv2.resize(a, (16, 16)), cv2.resize(b, (16, 16))).mean())
