"""Status of a run: what it will do and what already exists, for the dry run and the review page.

Nothing is written. `KeyStore.status` (through `key_states`) and `frame_stores` decide here as they decide in the
stages of a run, so that a run does exactly what its status says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from stylize.errors import StylizeError
from stylize.media.frame_images import check_keys
from stylize.pipeline.analysis import Analyses
from stylize.pipeline.composite import composite_fingerprint
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.key_renderers import renderer_for_keys
from stylize.pipeline.keyframing import ready_shots
from stylize.pipeline.output import check_output_path, written_by_project
from stylize.pipeline.painting import key_states
from stylize.pipeline.propagation import frame_stores
from stylize.pipeline.shots import by_shot, cut_to
from stylize.pipeline.stages import given_keys, make_renderer_for
from stylize.progress import StageTimer
from stylize.project.frame_store import FrameStore
from stylize.project.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Key, Plan, Shot
    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest
    from stylize.render import Renderer
    from stylize.settings.schema import Settings

UNPAINTED = "unpainted"
"""In place of the file of a key that is still to be painted: no frame made from it can exist yet."""
_RECENT_FOLDERS = 4
"""Folders of frames, the latest ones, from which the seconds per frame are estimated."""


@dataclass(frozen=True)
class KeyState:
    """The state of one key.

    Attributes
    ----------
    frame
        Frame of the complete clip.
    state
        ``painted`` from the current inputs, ``hand`` for the artist's, ``take`` for an earlier painting that the
        plan names, ``to paint``, or ``failed``: its file cannot be used.
    file
        The painting that exists, also one that will be replaced; None without any.
    error
        Why it failed.
    """

    frame: int
    state: str
    file: Path | None
    error: StylizeError | None = None

    @property
    def words(self) -> str:
        """The error in words; empty without one."""
        return "" if self.error is None else str(self.error)


@dataclass(frozen=True)
class SpanState:
    """Frames [start, stop) between neighboring keys.

    Attributes
    ----------
    done
        The number of finished frames under the current plan.
    confidence
        The mean of the finished frames, 0 to 1; None without any.
    """

    start: int
    stop: int
    done: int
    confidence: float | None


@dataclass(frozen=True)
class RunStatus:
    """The state of one layer and what a run will do to it.

    Attributes
    ----------
    shots
        The shots of the complete clip; None while the cuts are not found.
    analyzed
        The number of shots in the range whose analysis is cached, and of all; None without a plan.
    keys, spans
        In order; no keys are known without a plan.
    stores
        For each frame of the range, the store that has or will have it; None where nothing is styled.
    confidence
        Of finished frames, by frame of the complete clip.
    places
        The files of image and confidence of each finished frame.
    paint
        The keys that a run will paint.
    carry
        The number of frames that a run will propagate.
    seconds
        Estimates from earlier paintings and frames of this project, for ``paint`` and ``carry``; None if unknown.
    problem
        Why the state cannot be found out, in one line.
    """

    shots: tuple[Shot, ...] | None = None
    analyzed: tuple[int, int] | None = None
    keys: tuple[KeyState, ...] = ()
    spans: tuple[SpanState, ...] = ()
    stores: tuple[FrameStore | None, ...] = ()
    confidence: dict[int, float] = field(default_factory=dict)
    places: dict[int, tuple[Path, Path]] = field(default_factory=dict)
    paint: tuple[int, ...] = ()
    carry: int = 0
    seconds: dict[str, float | None] = field(default_factory=dict)
    problem: str = ""

    @property
    def finished(self) -> bool:
        """Return whether every frame of the range that shows something is finished."""
        return bool(self.spans) and not self.paint and not self.carry


@dataclass(frozen=True)
class Step:
    """A step of a run before it runs: its name, ``cached``, ``to do`` or ``given``, and its inputs in words."""

    name: str
    state: str
    detail: str


def run_status(context: RunContext, plan: Plan | None = None, renderer: Renderer | None = None) -> RunStatus:
    """Return what a run of one layer finds and what it will do.

    Parameters
    ----------
    context
        With its matte measured, see `stylize.pipeline.context.measure_matte`.
    plan
        The current plan, if it was read already.
    renderer
        The renderer of the run's settings, if it was made already.

    Raises
    ------
    StylizeError
        If a run would fail before its work starts; an unusable file of a single key is a ``failed`` key instead.
    """
    renderer = renderer or make_renderer_for(context)
    plan = plan or read_plan(context.project, context.whole.info)
    shots = ready_shots(context, plan)
    if renderer is None:
        if shots is None:
            return RunStatus(keys=given_key_states(context))
        pieces = context.pieces(cut_to(shots, context.span))
        given = {key.frame: key for key in given_key_states(context)}
        groups = [list(group.values()) for group in by_shot(pieces, given, context.whole)]
        return _measured(context, RunStatus(shots), pieces, groups)
    if plan is None:
        return RunStatus(shots)
    whole = cut_to(plan.shots if shots is None else shots, context.span)
    if context.visibility is not None:
        whole = context.visibility.with_subject(whole)
    analyses, pieces = Analyses(context), context.pieces(whole)
    found = RunStatus(shots, (sum(analyses.place(shot).exists() for shot in whole), len(whole)))
    request, settings = context.request, context.settings
    renderer = renderer_for_keys(renderer, plan.keys, str(request.renderer), request.styles, settings)
    groups = [
        _key_states(context, piece, [key for key in plan.keys if piece.start <= key.frame < piece.stop], renderer)
        for piece in pieces
    ]
    return _measured(context, found, pieces, groups)


def dry_run(request: RunRequest, settings: Settings | Mapping[str, Any] | None = None) -> list[Step]:
    """Return the steps of a run without running it; everything is checked that can be checked before work.

    An existing output counts as one that may be overwritten.

    Raises
    ------
    StylizeError
        As the run would raise before its work starts.
    """
    with open_run(request, settings) as context:
        check_output_path(context.output, context.clip, overwrite=True)
        info = context.clip.info
        steps = [
            Step("clip", "given", f"{info.path}: {info.count} frames, {info.width}x{info.height}"),
            Step("project", _state(bool(context.project.about())), str(context.project.root)),
        ]
        measured = [measure_matte(layer, StageTimer(), keep=False) for layer in context.layers]
        found = [(layer, run_status(layer)) for layer in measured]
        for layer, status in found:
            prefix = f"{layer.layer.name}: " if context.parts else ""
            steps += [replace(step, detail=prefix + step.detail) for step in _layer_steps(layer, status)]
        current = all(status.finished for _, status in found) and written_by_project(
            context.project,
            context.output,
            composite_fingerprint([(layer, status.stores) for layer, status in found], context.settings),
        )
        return [*steps, Step("write", _state(current), str(context.output))]


def given_key_states(context: RunContext, flattened: Path | None = None) -> tuple[KeyState, ...]:
    """Return the keys of the folder that the request names; see `stylize.pipeline.stages.given_keys`."""
    return tuple(KeyState(frame, "hand", path) for frame, path in given_keys(context, flattened).items())


def _measured(
    context: RunContext, status: RunStatus, pieces: Sequence[Shot], groups: Sequence[Sequence[KeyState]]
) -> RunStatus:
    """Return the status with its keys, the frames between them, and the cost of the missing ones."""
    keys = tuple(key for group in groups for key in group)
    spans: list[SpanState] = []
    stores: list[FrameStore | None] = [None] * len(context.clip)
    confidence: dict[int, float] = {}
    places: dict[int, tuple[Path, Path]] = {}
    seconds: list[float] = []
    for piece, group in zip(pieces, groups, strict=True):
        for names, store in _span_stores(context, piece, group):
            records = store.records()
            known = {frame: records[name] for frame, name in names.items() if name in records}
            confidence |= {frame: float(record.get("confidence", 0)) for frame, record in known.items()}
            places |= {f: (store.path(names[f]), store.confidence_path(names[f])) for f in known}
            seconds += [float(record["seconds"]) for record in known.values() if "seconds" in record]
            span = SpanState(min(names), max(names) + 1, len(known), _mean([confidence[frame] for frame in known]))
            spans.append(span)
            first = context.span[0]
            stores[span.start - first : span.stop - first] = [store] * (span.stop - span.start)
    paint = tuple(key.frame for key in keys if key.state == "to paint")
    carry = sum(span.stop - span.start - span.done for span in spans)
    each = {"paint": _seconds_per_key(context, keys), "carry": _mean(seconds) or _seconds_per_frame(context)}
    return replace(
        status,
        keys=keys,
        spans=tuple(spans),
        stores=tuple(stores),
        confidence=confidence,
        places=places,
        paint=paint,
        carry=carry,
        seconds={
            "paint": 0.0 if not paint else None if each["paint"] is None else len(paint) * each["paint"],
            "carry": 0.0 if not carry else None if each["carry"] is None else carry * each["carry"],
        },
    )


def _key_states(context: RunContext, piece: Shot, keys: Sequence[Key], renderer: Renderer) -> list[KeyState]:
    """Return the keys of a piece; one whose file cannot be used does not hide the others."""
    store, names = context.project.keys, context.whole.info.names
    failed: dict[int, KeyState] = {}
    for key in keys:
        try:
            manual = store.manual_key(names[key.frame])
            if manual is not None:
                check_keys({key.frame: manual}, context.whole.info)
            elif key.take:
                store.takes.get(names[key.frame], key.take)
        except StylizeError as error:
            failed[key.frame] = KeyState(key.frame, "failed", None, error)
    usable = [key for key in keys if key.frame not in failed]
    states = key_states(
        context.project,
        context.view(piece),
        [key.frame - piece.start for key in usable],
        renderer,
        context.settings.synthesis.seed,
        context.settings.agreement,
        [key.frame - piece.start for key in usable if key.kind == "locked"],
        {key.frame - piece.start: key.take for key in usable},
    )
    found = dict(failed)
    for key in usable:
        state, path = states[key.frame - piece.start]
        fixed = key.take and store.manual_key(names[key.frame]) is None
        word = {"cached": "painted", "to do": "to paint"}.get(state, "take" if fixed else "hand")
        found[key.frame] = KeyState(key.frame, word, path if path.exists() else None)
    return [found[key.frame] for key in keys]


def _span_stores(context: RunContext, piece: Shot, keys: Sequence[KeyState]) -> list[tuple[dict[int, str], FrameStore]]:
    """Return the spans of a piece: the names of their frames, by frame of the clip, and their store."""
    view = context.view(piece)
    files: Mapping[int, Any] = {
        key.frame - piece.start: UNPAINTED if key.file is None or key.state == "to paint" else key.file for key in keys
    }
    if not files:
        return []
    stores = frame_stores(context.project, view, cast("Mapping[int, Path]", files), context.settings.propagate)
    names = view.info.names
    ends = sorted({0, *files, len(names)})
    return [({piece.start + i: names[i] for i in range(first, stop)}, stores[first]) for first, stop in pairwise(ends)]


def _seconds_per_key(context: RunContext, keys: Sequence[KeyState]) -> float | None:
    """Return the mean seconds of all paintings by a renderer so far."""
    names, takes = context.whole.info.names, context.project.keys.takes
    return _mean_of_numbers(take.recipe.get("seconds") for key in keys for take in takes.of(names[key.frame]))


def _seconds_per_frame(context: RunContext) -> float | None:
    """Return the mean seconds of frames that were propagated under earlier plans."""
    folder = context.project.root / "layers"
    if not folder.is_dir():
        return None
    latest = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)[-_RECENT_FOLDERS:]
    return _mean_of_numbers(r.get("seconds") for place in latest for r in FrameStore(place).records().values())


def _mean_of_numbers(values: Any) -> float | None:
    return _mean([float(value) for value in values if isinstance(value, int | float)])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _layer_steps(context: RunContext, status: RunStatus) -> list[Step]:
    """Return the steps from shots to frames of one layer."""
    request, info = context.request, context.clip.info
    if context.scenes is not None:
        steps = [Step("shots", "given", f"{len(context.scenes)} from {request.scenes}")]
    else:
        steps = [Step("shots", _state(status.shots is not None), "cuts, searched in all frames")]
    if request.keys is not None:
        names = ", ".join(key.file.name for key in status.keys if key.file is not None)
        steps.append(Step("keys", "given", f"{len(status.keys)} from {request.keys}: {names}"))
    elif status.analyzed is None:
        names = ", ".join(path.name for path in request.styles)
        renderer = make_renderer_for(context)
        steps += [
            Step("analysis", "to do", f"new content in each of {info.count} frames"),
            Step("keys", "to do", "chosen after the analysis"),
            Step("paint", "to do", f"by renderer {'' if renderer is None else renderer.name}, in the style of {names}"),
        ]
    else:
        steps += _key_steps(context, status, *status.analyzed)
    total = sum(span.stop - span.start for span in status.spans) or info.count
    done = sum(span.done for span in status.spans)
    return [*steps, Step("propagate", _state(status.finished), f"{done} of {total} frames finished")]


def _key_steps(context: RunContext, status: RunStatus, analyzed: int, shots: int) -> list[Step]:
    steps = [
        Step("analysis", _state(analyzed == shots), f"{analyzed} of {shots} shots"),
        Step("keys", _state(analyzed == shots), f"{len(status.keys)} in {context.project.plan_path}"),
    ]
    for key in status.keys:
        if key.error is not None:
            raise key.error
        state = {"painted": "cached", "to paint": "to do"}.get(key.state, "given")
        detail = context.whole.info.names[key.frame] if state == "to do" else str(key.file)
        steps.append(Step("paint", state, f"key {key.frame}: {detail}"))
    return steps


def _state(exists: bool) -> str:
    return "cached" if exists else "to do"
