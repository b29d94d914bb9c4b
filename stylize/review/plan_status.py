"""What the plan means as it stands: which keys are painted, what is carried and how sure, what is left.

Nothing is written. The same functions decide that decide in a run (`key_states`, `frame_stores`), so what the
page says will be done is what will be done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from stylize.errors import StylizeError
from stylize.media.frame_images import check_keys
from stylize.pipeline.key_renderers import renderer_for_keys
from stylize.pipeline.painting import key_states
from stylize.pipeline.propagation import frame_stores
from stylize.pipeline.shots import cut_to
from stylize.project.frame_store import FrameStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Key, Plan, Shot
    from stylize.pipeline.context import RunContext
    from stylize.render import Renderer

UNPAINTED = "unpainted"
"""Stands for the file of a key that is still to be painted: a layer made from it cannot be there yet."""


@dataclass(frozen=True)
class KeyState:
    """A key as it stands.

    Attributes
    ----------
    frame
        Of the whole clip.
    state
        ``painted`` from what it would be painted from now, ``hand``: by a person, ``take``: an earlier
        painting that was chosen, ``to paint``, or ``failed``: its file cannot be used.
    file
        The painting that stands, also one that will be replaced; None if there is none.
    words
        Why it failed.
    """

    frame: int
    state: str
    file: Path | None
    words: str = ""


@dataclass(frozen=True)
class SpanState:
    """Frames [start, stop) between neighboring keys.

    Attributes
    ----------
    done
        How many of them are finished as the plan is now.
    confidence
        Mean of the finished ones, 0 to 1; None if there is none.
    """

    start: int
    stop: int
    done: int
    confidence: float | None


@dataclass(frozen=True)
class RunStatus:
    """The state of a project under its plan.

    Attributes
    ----------
    keys, spans
        In order.
    confidence
        Of finished frames, by frame.
    places
        Where the picture and the confidence of each finished frame are.
    paint
        Keys that a run will paint.
    carry
        Frames that a run will carry.
    seconds
        Estimated from what paintings and frames of this project took before; None if nothing is known.
    problem
        Why nothing can be said, in one line.
    """

    keys: tuple[KeyState, ...] = ()
    spans: tuple[SpanState, ...] = ()
    confidence: dict[int, float] = field(default_factory=dict)
    places: dict[int, tuple[Path, Path]] = field(default_factory=dict)
    paint: tuple[int, ...] = ()
    carry: int = 0
    seconds: dict[str, float | None] = field(default_factory=dict)
    problem: str = ""


def run_status(context: RunContext, plan: Plan, renderer: Renderer) -> RunStatus:
    """Find out what a run would find, under `plan`.

    Parameters
    ----------
    work
        Its matte looked at, if it has one.
    renderer
        Made from the run's settings.
    """
    job = context.request
    try:
        painter = renderer_for_keys(renderer, plan.keys, str(job.renderer), job.styles, context.settings)
    except StylizeError as error:
        return RunStatus(problem=str(error))
    keys: list[KeyState] = []
    spans: list[SpanState] = []
    confidence: dict[int, float] = {}
    places: dict[int, tuple[Path, Path]] = {}
    took: list[float] = []
    for piece in context.pieces(cut_to(plan.shots, context.span)):
        mine = [key for key in plan.keys if piece.start <= key.frame < piece.stop]
        states = _key_states(context, piece, mine, painter)
        keys += states
        for start, frames in _carried(context, piece, states):
            facts = frames.records()
            known = {f: facts[name] for f, name in start.items() if name in facts}
            confidence |= {f: float(fact.get("confidence", 0)) for f, fact in known.items()}
            places |= {f: (frames.path(start[f]), frames.confidence_path(start[f])) for f in known}
            took += [float(fact["seconds"]) for fact in known.values() if "seconds" in fact]
            sure = [confidence[f] for f in known]
            spans.append(SpanState(min(start), max(start) + 1, len(known), _mean(sure)))
    paint = tuple(key.frame for key in keys if key.state == "to paint")
    carry = sum(span.stop - span.start - span.done for span in spans)
    each = {"paint": _painting_takes(context, keys), "carry": _mean(took) or _before(context)}
    seconds = {
        "paint": 0.0 if not paint else None if each["paint"] is None else len(paint) * each["paint"],
        "carry": 0.0 if not carry else None if each["carry"] is None else carry * each["carry"],
    }
    return RunStatus(tuple(keys), tuple(spans), confidence, places, paint, carry, seconds)


def _key_states(context: RunContext, piece: Shot, keys: Sequence[Key], painter: Renderer) -> list[KeyState]:
    """Return the keys of a piece; one whose file cannot be used does not hide the others."""
    project, names = context.project, context.whole.info.names
    failed: dict[int, KeyState] = {}
    for key in keys:
        try:
            hand = project.keys.manual_key(names[key.frame])
            if hand is not None:
                check_keys({key.frame: hand}, context.whole.info)
            elif key.take:
                project.keys.takes.get(names[key.frame], key.take)
        except StylizeError as error:
            failed[key.frame] = KeyState(key.frame, "failed", None, str(error))
    good = [key for key in keys if key.frame not in failed]
    states = key_states(
        project,
        context.view(piece),
        [key.frame - piece.start for key in good],
        painter,
        context.settings.synthesis.seed,
        context.settings.agreement,
        [key.frame - piece.start for key in good if key.kind == "locked"],
        {key.frame - piece.start: key.take for key in good},
    )
    found = dict(failed)
    for key in good:
        state, path = states[key.frame - piece.start]
        machine = project.keys.manual_key(names[key.frame]) is None
        words = {"cached": "painted", "to do": "to paint"}.get(state, "take" if machine and key.take else "hand")
        found[key.frame] = KeyState(key.frame, words, path if path.exists() else None)
    return [found[key.frame] for key in keys]


def _carried(context: RunContext, piece: Shot, keys: Sequence[KeyState]) -> list[tuple[dict[int, str], FrameStore]]:
    """Return the spans of a piece: names of their frames, by frame of the clip, and where these are kept."""
    view = context.view(piece)
    files: Mapping[int, Any] = {
        key.frame - piece.start: UNPAINTED if key.file is None or key.state == "to paint" else key.file for key in keys
    }
    if not files:
        return []
    layers = frame_stores(context.project, view, cast("Mapping[int, Path]", files), context.settings.propagate)
    names = view.info.names
    cuts = sorted({0, *files, len(names)})
    return [({piece.start + i: names[i] for i in range(first, stop)}, layers[first]) for first, stop in pairwise(cuts)]


def _painting_takes(context: RunContext, keys: Sequence[KeyState]) -> float | None:
    """Return the mean seconds of paintings by machine so far."""
    names = context.whole.info.names
    took = [take.recipe.get("seconds") for key in keys for take in context.project.keys.takes.of(names[key.frame])]
    return _mean([float(seconds) for seconds in took if isinstance(seconds, int | float)])


def _before(context: RunContext) -> float | None:
    """Return the mean seconds of frames that were carried under earlier plans."""
    folder = context.project.root / "layers"
    if not folder.is_dir():
        return None
    latest = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)[-4:]
    took = [fact.get("seconds") for place in latest for fact in FrameStore(place).records().values()]
    return _mean([float(seconds) for seconds in took if isinstance(seconds, int | float)])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
