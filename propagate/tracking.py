"""Follow one key through neighboring frames, and keep what was found."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np

from propagate.flow import FlowSearch, chain, eight_bit
from propagate.flow_buffer import FlowBuffer
from propagate.flow_smoothing import damp_towards, halved, noise_radius, smooth_flows
from propagate.malloc import trim_heap
from propagate.prefetch import ahead
from propagate.registration import Tracker, key_search

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from propagate.arrays import Flow, Image
    from propagate.threads import ThreadTeam

    Flows = Generator[tuple[int, dict[int, Flow], Flow | None], None, None]


def walk(
    frames: Sequence[Image],
    key: int,
    order: Sequence[int],
    crew: ThreadTeam,
    *,
    quality: str,
    threads: int = 1,
    searches: tuple[FlowSearch, FlowSearch] | None = None,
) -> Iterator[tuple[int, Flow, Flow]]:
    """Yield (frame number, flow to `key`, flow to the frame before in `order`), away from `key`.

    The flow is chained from frame to frame and refined straight against the key at every step, so that
    errors do not add up.  On two `threads` the next frame's flow is found meanwhile. `searches` of
    `searches_of(quality)` may be shared.
    """
    there = eight_bit(frames[key])
    beside, straight = searches or searches_of(quality)
    flow, tracker = np.zeros((*there.shape[:2], 2), np.float32), Tracker(there, crew, straight)
    for t, here, step in ahead(_neighbors(frames, there, order, beside), threads=threads):
        expected = chain(step, flow)
        found, _ = tracker.find(here, expected)
        flow = damp_towards(found, expected, crew=crew)
        yield t, flow, step


def searches_of(quality: str) -> tuple[FlowSearch, FlowSearch]:
    """Return what searches a frame's flow to the one beside it, and to the key."""
    return FlowSearch("medium", quick=True), key_search(quality)


def _neighbors(
    frames: Sequence[Image], before: Image, order: Sequence[int], search: FlowSearch
) -> Generator[tuple[int, Image, Flow], None, None]:
    """Yield (frame number, frame, flow to the frame before it in `order`, which begins with `before`)."""
    for t in order:
        here = eight_bit(frames[t])
        yield t, here, search.find(here, before)
        before = here


def walk_one(frames: Sequence[Image], key: int, inner: Sequence[int], crew: ThreadTeam, quality: str) -> Flows:
    """Yield (frame number, {key: flow to it}, flow to the frame before), the key being behind them all."""
    for t, flow, back in walk(frames, key, inner, crew, quality=quality, threads=crew.threads):
        yield t, {key: flow}, back


def walk_both(
    frames: Sequence[Image],
    keys: tuple[int | None, int | None],
    inner: Sequence[int],
    crew: ThreadTeam,
    quality: str,
    on_progress: Callable[[float], None],
) -> Flows:
    """Yield (frame number, {key: flow to it}, flow to the frame before) in order.

    The two keys are followed at the same time, and what was found is then settled from both sides. With a key
    behind the frames only, there is no flow to the frame before.
    """
    h, w = frames[inner[0]].shape[:2]
    room = inner[-1] - inner[0] + 1  # frames left out in between take none
    known = {key: FlowBuffer(inner[0], room, (h, w)) for key in keys if key is not None}
    beside = {key: FlowBuffer(inner[0], room, (-(-h // 2), -(-w // 2))) for key in known}
    searches, halt = searches_of(quality), threading.Event()
    with ThreadPoolExecutor(min(2, crew.threads)) as pool:
        runs = []
        for key, order in zip(keys, (inner, inner[::-1]), strict=True):
            if key is not None:
                half = crew.threads // 2
                steps = walk(frames, key, order, crew, quality=quality, threads=half, searches=searches)
                runs.append(pool.submit(known[key].fill, _noted(steps, beside[key], crew), halt))
        try:
            # a short wait, so that an interrupt is heard on every platform
            while wait(runs, timeout=0.2, return_when=FIRST_EXCEPTION).not_done:
                on_progress(sum(f.filled for f in known.values()) / (len(inner) * len(known)))
                if any(run.done() and run.exception() for run in runs):
                    break
        finally:
            halt.set()
        for run in runs:
            run.result()
    # what the searches were set up with is the largest part of all memory, and joining needs it too
    del searches, runs
    trim_heap()
    if len(known) == len(keys):
        reach = noise_radius(*(eight_bit(frames[key]) for key in known))
        yield from smooth_flows(inner, known, beside, crew, reach)
        return
    for t in inner:
        yield t, {key: fields[t] for key, fields in known.items()}, None


def _noted(
    walked: Iterator[tuple[int, Flow, Flow]], beside: FlowBuffer, crew: ThreadTeam
) -> Iterator[tuple[int, Flow]]:
    """Yield (frame number, flow to the key) of a walk; keep the flows to the frames beside."""
    with crew.taken():
        for t, flow, step in walked:
            beside[t] = halved(step)
            yield t, flow
