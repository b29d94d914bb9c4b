"""Workspace of the review server: a session for each layer, the one run, and the composite."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.pipeline.composite import open_stack
from stylize.pipeline.results import KeyframeResult, LayerResult
from stylize.project.frame_store import FrameStore
from stylize.review.image_cache import Pictures, encode_frame
from stylize.review.jobs import Run, Runner
from stylize.review.serializers import last_run
from stylize.review.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from propagate.arrays import Image
    from stylize.pipeline.context import RunContext


class Workspace:
    """Sessions of a project: one, or one for each of its layers.

    Attributes
    ----------
    sessions
        By layer name, bottom first; the one of a project without layers is ``""``.
    """

    def __init__(self, context: RunContext, settings: Mapping[str, Any] | None = None) -> None:
        """Open the review of `context`; `settings`, some by full name, count for runs from the page too."""
        self.context, self._settings = context, dict(settings or {})
        self.runner = Runner(self._run_changed)
        self.pictures = Pictures(context, self._proxies_made)
        self.sessions = {
            part.layer.name if context.parts else "": Session(part, self.runner, self.pictures)
            for part in context.layers
        }

    @property
    def first(self) -> Session:
        """The session of the topmost layer, usually the subject."""
        return list(self.sessions.values())[-1]

    def start(self) -> None:
        """Start making small images."""
        self.pictures.start()

    def close(self) -> None:
        """Stop the run and the threads."""
        self.runner.close()
        self.pictures.close()
        for session in self.sessions.values():
            session.close()

    def layer_fields(self, session: Session) -> dict[str, Any]:
        """Return the layers of the project and the one of `session`, for JSON."""
        name = next(name for name, one in self.sessions.items() if one is session)
        names = [one for one in self.sessions if one]
        return {"layer": name, "layers": names, "comp": self._comp_version()}

    def run(self, session: Session, what: str, frame: int | None) -> None:
        """Start a run of a layer, or of all layers together."""
        if what != "all":
            self.runner.start({**session.job_spec(what, frame), "settings": self._settings})
            return
        if not self.context.parts:
            raise UsageError("this project has no layers; run it without layers, or add [[layers]] to stylize.toml")
        for one in self.sessions.values():
            if busy := one.busy():
                raise UsageError(busy)
        self.runner.start({**session.job_spec("all", None, self.context), "settings": self._settings})

    def comp(self, frame: int, *, full: bool) -> bytes:
        """Return a frame with all layers composited over the clip.

        Raises
        ------
        FileNotFoundError
            If a visible layer has no frame yet.
        """
        key = ("comp", frame, self._comp_version(), full)
        return self.pictures.cached(key, lambda: encode_frame(self.composed(frame), full=full))

    def composed(self, frame: int) -> Image:
        """Return a frame with all layers as pixels; see `comp`."""
        at = frame - self.context.span[0]
        clip, layers = self.context.clip[at : at + 1], []
        for session in self.sessions.values():
            context = session.measured
            mattes = None if context.mattes is None else context.mattes[at : at + 1]
            found: FrameStore | None = None
            if context.visibility is None or context.visibility.outline.shown(at):
                place = session.status().places.get(frame) or last_run(session).get(frame)
                if place is None:
                    raise FileNotFoundError
                found = FrameStore(place[0].parent)
            one = replace(context, clip=clip, mattes=mattes)
            layers.append(LayerResult(one, KeyframeResult((), (), (), (None,), ""), (found,)))
        with open_stack(replace(self.context, clip=clip), layers) as stack:
            return stack.frame(0)

    def _comp_version(self) -> str:
        return "-".join(
            f"{session.generation}.{session.plan_editor.revision[:6]}" for session in self.sessions.values()
        )

    def _proxies_made(self, done: int, total: int) -> None:
        for session in self.sessions.values():
            session.proxies_made(done, total)

    def _run_changed(self, run: Run) -> None:
        for session in self.sessions.values():
            session.run_changed(run)
