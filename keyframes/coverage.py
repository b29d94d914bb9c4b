"""What a frame shows that another frame of its shot shows too.

A point of frame *t* is explained by frame *s* if following the optical flow from *t* to *s*, frame by
frame, stays forward/backward consistent all the way (the check of Sundaram, Brox and Keutzer, "Dense point
trajectories by GPU-accelerated large displacement optical flow", 2010, sec. 4, with a fixed threshold) and
ends on a similar color.  `analyze` answers this for all pairs of frames of a shot at once, on a grid of
points.

Frames are read once and forgotten; kept are at most ``AnalysisOptions.nodes`` of them, small.  When a shot is
longer than that, frames between which the least changes are merged into one link: stillness takes few nodes,
a burst keeps all of its frames, and memory does not grow with the length of the shot.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np

from keyframes._node_chain import NodeChain
from keyframes._revisits import choose_anchors, find_again
from keyframes._trajectories import Nodes, add_ages, trace
from keyframes.options import AnalysisOptions
from propagate.arrays import check_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from propagate.arrays import Image

_VERSION = 2
_STORED = {
    "version",
    "length",
    "nodes",
    "size",
    "points",
    "heft",
    "anchors",
    "again",
    "novelty",
    "filled",
    "rows",
}
_EFFORT = 400_000  # point steps spent per frame of the shot, about 8 ms of one core
_ROOM = 1 << 28  # bits of `reach`: 32 MiB
_FEWEST = 1024  # points of a frame at least
_STOP_SHARE = 0.004  # a chain is dropped once fewer of its points than this are left


@dataclass(frozen=True)
class ShotAnalysis:
    """Who explains whom within one shot.

    Attributes
    ----------
    length
        Frames of the shot.
    nodes
        int32 (M,), ascending: the frames (counted from the start of the shot) that were kept.
    size
        (height, width) in pixels at which the points count.
    points
        uint16 (M, P, 2): (x, y) of the points of each node; P is a multiple of 64.
    heft
        float32 (M, P / 64): share of the picture that each point of a group of 64 stands for; a node's shares
        sum to 1 over its points.
    reach
        uint64 (M, M, P / 64): bit p of ``reach[t, s]`` tells that point p of node t is explained by node s.
    anchors
        int32 (A,), ascending: the nodes that were also compared directly with each other.
    again
        uint64 (A, A, P / 64): bit p of ``again[i, j]`` tells that point p of anchor i is found in anchor j,
        followed there or not: a return.
    novelty
        float32 (length,): share of the frame that the frame before does not explain; 0 for the first.
    """

    type_id: ClassVar[str] = "shot-analysis"
    length: int
    nodes: NDArray[np.int32]
    size: tuple[int, int]
    points: NDArray[np.uint16]
    heft: NDArray[np.float32]
    reach: NDArray[np.uint64]
    anchors: NDArray[np.int32]
    again: NDArray[np.uint64]
    novelty: NDArray[np.float32]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays for ``numpy.savez_compressed``; rows of no reach take no place."""
        filled = np.asarray(self.reach.any(axis=2))
        return {
            "version": np.array(_VERSION),
            "length": np.array(self.length),
            "nodes": self.nodes,
            "size": np.array(self.size),
            "points": self.points,
            "heft": self.heft,
            "anchors": self.anchors,
            "again": self.again,
            "novelty": self.novelty,
            "filled": filled,
            "rows": self.reach[filled],
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ShotAnalysis:
        """Rebuild what `to_arrays` gave.

        Raises
        ------
        ValueError
            If an array is missing or another version wrote them.
        """
        missing = _STORED - set(arrays)
        if missing:
            raise ValueError(f"the stored analysis lacks {', '.join(sorted(missing))}; analyze the shot again")
        if int(arrays["version"]) != _VERSION:
            raise ValueError(f"the stored analysis is version {arrays['version']}, not {_VERSION}; analyze again")
        filled, rows = arrays["filled"].astype(bool), arrays["rows"]
        reach = np.zeros((*filled.shape, rows.shape[1]), np.uint64)
        reach[filled] = rows
        height, width = (int(v) for v in arrays["size"])
        return cls(
            int(arrays["length"]),
            arrays["nodes"],
            (height, width),
            arrays["points"],
            arrays["heft"],
            reach,
            arrays["anchors"],
            arrays["again"],
            arrays["novelty"],
        )


def analyze(frames: Iterable[Image], options: AnalysisOptions | None = None) -> ShotAnalysis:
    """Find out which frames of a shot explain which.

    Parameters
    ----------
    frames
        All frames of one shot in order, uint8 or uint16 (H, W, 3) RGB; read once.  Anything larger than
        ``options.side`` is shrunk first; handing in small frames saves time.
    options
        See `AnalysisOptions`.

    Raises
    ------
    ValueError
        If there is no frame, or a frame is no image or has another size than the first.
    """
    options = options or AnalysisOptions()
    with ThreadPoolExecutor(max_workers=2) as helper:
        return _analyze(frames, options, helper)


def _analyze(frames: Iterable[Image], options: AnalysisOptions, helper: Executor) -> ShotAnalysis:
    chain: NodeChain | None = None
    for index, frame in enumerate(frames):
        check_image(f"frame {index}", frame, (3,))
        small = _shrink(frame, options.side)
        if chain is None:
            shape = frame.shape
            chain = NodeChain(options.nodes, options.gap, options.color, helper)
        elif frame.shape != shape:
            raise ValueError(f"frame {index} is {frame.shape[:2]}, the first is {shape[:2]}; all must be of one size")
        chain.append(small)
    if chain is None:
        raise ValueError("there is no frame to analyze; hand in at least one")
    chain.finish()
    nodes = chain.arrays()
    pairs = len(nodes[0]) ** 2
    affordable = min(max(_EFFORT * chain.length // pairs, _FEWEST), max(_ROOM // pairs, 64))
    points, heft = _sample(nodes, min(options.points, affordable), helper)
    reach = np.zeros((len(points), len(points), heft.shape[1]), np.uint64)
    trace(nodes, points, options.color, int(_STOP_SHARE * points.shape[1]), reach)
    news, kept = chain.novelty(), chain.frames()
    anchors = choose_anchors(np.add.reduceat(news, kept))
    return ShotAnalysis(
        length=chain.length,
        nodes=kept,
        size=(nodes[0].shape[1], nodes[0].shape[2]),
        points=points,
        heft=heft,
        reach=reach,
        anchors=anchors.astype(np.int32),
        again=find_again(nodes[0], points, anchors, (options.color, options.gap), helper),
        novelty=news,
    )


def _shrink(frame: Image, side: int) -> NDArray[np.uint8]:
    small = (frame >> 8 if frame.dtype == np.uint16 else frame).astype(np.uint8)
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(small)


def _sample(nodes: Nodes, count: int, helper: Executor) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Choose the points of every node, groups of 64 that stand for equally much.

    Pixels that can be followed for long are explained by nearly every key; what a choice of keys leaves
    over is found among the short-lived ones.  So these are sampled more densely, in proportion to one over
    their life span (importance sampling), and each point stands for as many pixels as its group was drawn
    from.
    """
    images, back, back_sure, forth, forth_sure = nodes
    age = np.zeros(images.shape[:3], np.int16)
    add_ages(back, back_sure, -1, age)
    add_ages(forth, forth_sure, 1, age)
    width, pixels = images.shape[2], images.shape[1] * images.shape[2]
    groups = max(min(count, pixels) // 64, 1)
    points = np.empty((len(images), groups * 64, 2), np.uint16)
    heft = np.empty((len(images), groups), np.float32)

    def place(t: int) -> None:
        ages = age[t].ravel()
        order = np.argsort(ages, kind="stable")
        bounds = _equal_parts(1.0 / (1.0 + ages[order]), groups)
        sizes = np.diff(bounds)
        # one point in each 64th of a group, at a place that differs from group to group and frame to frame
        shift = (np.arange(groups) * 0.6180339887 + t * 0.7548776662) % 1.0
        picks = bounds[:-1, None] + ((np.arange(64) + shift[:, None]) * sizes[:, None] / 64).astype(np.int64)
        chosen = order[np.minimum(picks, pixels - 1)].ravel()
        points[t, :, 0], points[t, :, 1] = chosen % width, chosen // width
        heft[t] = sizes / (64 * pixels)

    list(helper.map(place, range(len(images))))
    return points, heft


def _equal_parts(importance: NDArray[Any], parts: int) -> NDArray[np.int64]:
    """Cut a list into parts of about equal importance, none shorter than 64 where the list is long enough."""
    running = np.cumsum(importance)
    bounds = np.searchsorted(running, np.arange(1, parts) * running[-1] / parts)
    bounds = np.concatenate([[0], bounds, [len(importance)]])
    least = min(64, len(importance) // parts)
    for i in range(1, parts):
        bounds[i] = max(bounds[i], bounds[i - 1] + least)
    for i in range(parts - 1, 0, -1):
        bounds[i] = min(bounds[i], bounds[i + 1] - least)
    return bounds
