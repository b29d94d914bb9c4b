"""Keys that are painted together: next to each other in the order of painting, none following another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylize.render.overlap import next_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from propagate.arrays import Image
    from stylize.render.options import AgreementOptions
    from stylize.render.overlap import Overlap
    from stylize.render.protocol import PaintedKey, PaintTask, Progress, Renderer


def painting_order(
    overlap: Overlap,
    wanted: Collection[int],
    there: Mapping[int, Image],
    locked: Collection[int],
    settled: Mapping[int, Sequence[int]],
    agreement: AgreementOptions,
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the keys in the order of painting, and whom each follows; neither depends on how they come out.

    Parameters
    ----------
    overlap
        What the keys share.
    wanted, there
        Keys to paint, and finished ones.
    locked
        Keys that are painted before the others.
    settled
        Keys that a key to be repainted followed the last time.
    agreement
        How far keys follow each other.
    """
    left, done = set(wanted), set(there)
    while left:
        key = _next(overlap, left, done, locked, settled, agreement)
        yield key, _parents(overlap, key, done, settled, agreement)
        left.remove(key)
        done.add(key)


def take_group(
    order: Iterator[tuple[int, tuple[int, ...]]],
    renderer: Renderer | Callable[[int], Renderer],
    there: Mapping[int, Image],
    last: int | None = None,
) -> list[tuple[int, tuple[int, ...], Renderer]]:
    """Take keys from the front of `order` that follow none of each other, as many as are painted at once.

    Returns key, parents and painter of each; with one that paints a key at a time it is the next alone.
    With `last`, none behind that key is taken.
    """
    group: list[tuple[int, tuple[int, ...], Renderer]] = []
    most = 1
    for key, parents in order:
        painter = renderer(key) if callable(renderer) else renderer
        if group and not (set(parents) <= there.keys() and group[0][2].batchable_with(painter)):  # type: ignore[attr-defined]
            break
        group.append((key, parents, painter))
        most = most if len(group) > 1 else int(getattr(painter, "together", 1))
        if len(group) >= most or key == last:
            break
    return group


def paint_group(tasks: Sequence[PaintTask], seed: int, report: Progress) -> Sequence[PaintedKey]:
    """Paint the keys of a group, in their order."""
    painter: Any = tasks[0].painter
    if len(tasks) > 1:
        found: Sequence[PaintedKey] = painter.paint_batch(tasks, seed=seed, on_progress=report)
        return found
    return [painter.paint(tasks[0].frame, tasks[0].anchors, seed=seed, on_progress=report)]


def _next(
    overlap: Overlap,
    wanted: Collection[int],
    there: Collection[int],
    locked: Collection[int],
    settled: Mapping[int, Sequence[int]],
    agreement: AgreementOptions,
) -> int:
    if agreement.level == "off" or len(overlap.keys) < 2:
        return min(wanted)
    return next_key(overlap, wanted, there, locked=locked, recorded=settled)


def _parents(
    overlap: Overlap,
    key: int,
    there: Collection[int],
    settled: Mapping[int, Sequence[int]],
    agreement: AgreementOptions,
) -> tuple[int, ...]:
    """Whom `key` follows: those of the last time as far as they are there, else those that share most."""
    if agreement.level == "off":
        return ()
    again = tuple(parent for parent in settled.get(key, ()) if parent in there)
    return again or overlap.best(key, there, agreement.anchors, agreement.min_overlap)
