"""Plan editor of the review page; every edit is a new revision of keyframes.toml.

The file is the only source. An edit names the revision that it was made on; if the file has changed since,
nothing is written. Undo restores an earlier text with its comments, see `stylize.review.history`.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from keyframes import edits, new_plan
from stylize.errors import ProjectBusyError, StylizeError, UsageError
from stylize.project.plan_file import clip_facts, read_plan, save_plan
from stylize.review.history import History, Step
from stylize.settings.key_settings import check_key_options
from stylize.settings.loading import changed
from stylize.storage.atomic import disk_errors, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from keyframes import Plan
    from stylize.pipeline.context import RunContext

_LOCK_WAIT = 1.0
"""Seconds to wait for another edit that holds the project."""
_REVISION = re.compile(r"(?m)^revision\s*=\s*\d+")


class ConflictError(StylizeError):
    """The plan has changed since the revision that an edit was made on."""


class PlanEditor:
    """Reads and changes the plan of an opened project; safe to use from several threads."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._history = History(context.project.root / "undo.json", without_revision)

    @property
    def revision(self) -> str:
        """Hash of the plan's text."""
        return _fingerprint(self._text())

    @property
    def can(self) -> dict[str, str | None]:
        """Descriptions of the steps that undo and redo would apply; None without one."""
        done, undone = self._history.steps_around(self._text())
        return {"undo": done[-1].words if done else None, "redo": undone[-1].words if undone else None}

    def plan(self) -> Plan | None:
        """Read the plan; UsageError if the file is damaged."""
        return read_plan(self.context.project, self.context.whole.info)

    def edit(self, revision: str, action: str, request: Mapping[str, Any]) -> None:
        """Apply an edit.

        Parameters
        ----------
        revision
            Revision that the edit was made on.
        action
            One of `ACTIONS`.
        request
            ``frame``, and by action ``to``, ``settings`` or ``take``.

        Raises
        ------
        ConflictError
            If the plan has changed since.
        UsageError
            If the edit is not possible, or another process holds the project.
        """
        if action not in ACTIONS:
            raise UsageError(f"unknown action {action[:40]!r}; choose {', '.join(ACTIONS)}")
        frame, description = request["frame"], f"{action} {request['frame']}"
        with self._lock, self.locked():
            text = self._text_at(revision)
            plan = self.plan() or new_plan(clip_facts(self.context.whole.info), ())
            try:
                before = self._with_manual_take(plan, frame) if action in _REPLACES_IMAGE else plan
                now = ACTIONS[action](self, before, request)
            except ValueError as error:
                raise UsageError(str(error)) from error
            if before is not plan:
                save_plan(self.context.project, before)
                text = self._text()
            self._write(text, before, now, description)

    def paint_over(self, revision: str, frame: int, image: Path, filename: str) -> None:
        """Make an image painted by hand the key of a frame; the frame becomes a key if it is not one.

        Parameters
        ----------
        image
            A checked file of the clip's size; a copy is kept as a take.
        filename
            Name of the uploaded file, for the list of takes.
        """
        project, names = self.context.project, self.context.whole.info.names
        with self._lock, self.locked():
            text = self._text_at(revision)
            plan = self.plan() or new_plan(clip_facts(self.context.whole.info), ())
            try:
                now = plan if plan.key_at(frame) else edits.add(plan, frame)
                before = self._with_manual_take(plan, frame)
                take = project.keys.takes.add(names[frame], image, {"by": "hand", "from": filename})
                now = edits.choose_take(now, frame, take.number, kind="override")
            except ValueError as error:
                raise UsageError(str(error)) from error
            if before is not plan:
                save_plan(project, before)
                text = self._text()
            self._write(text, before, now, f"upload {frame}")

    def undo(self, revision: str) -> str:
        """Undo the last edit and return its description."""
        return self._step(revision, back=True)

    def redo(self, revision: str) -> str:
        """Redo the edit that was undone last and return its description."""
        return self._step(revision, back=False)

    def _step(self, revision: str, *, back: bool) -> str:
        with self._lock, self.locked():
            text = self._text_at(revision)
            if self._history.changed_outside(text):
                self._history.clear()
                raise ConflictError("the plan was changed outside of the page; earlier edits cannot be undone")
            done, undone = self._history.steps_around(text)
            if not (done if back else undone):
                raise UsageError(f"nothing to {'undo; make' if back else 'redo; undo'} an edit first")
            step = (done if back else undone).pop()
            plan = self.plan()
            number = plan.revision + 1 if plan is not None else 1
            self._restore_text(_REVISION.sub(f"revision = {number}", step.before if back else step.after, count=1))
            now = self.plan()
            empty = new_plan(clip_facts(self.context.whole.info), ())
            self.context.project.keys.sync_to_plan(self.context.whole.info.names, plan or empty, now or empty)
            (undone if back else done).append(step)
            self._history.save(done, undone)
        return step.words

    def _write(self, text: str, before: Plan, now: Plan, description: str) -> None:
        """Save a plan and the images of its keys: both or, on an error, neither."""
        project = self.context.project
        save_plan(project, now)
        try:
            project.keys.sync_to_plan(self.context.whole.info.names, before, now)
        except BaseException:
            self._restore_text(text)
            raise
        done, _ = self._history.steps_around(text)
        self._history.save([*done, Step(description, text, self._text())], [])

    def _with_manual_take(self, plan: Plan, frame: int) -> Plan:
        """Return the plan with the image painted by hand at `frame` named as a take."""
        project, names = self.context.project, self.context.whole.info.names
        key = plan.key_at(frame)
        if key is None or not 0 <= frame < len(names):
            return plan
        take = project.keys.archive_current(names[frame])
        return (
            plan
            if take is None or key.take == take.number
            else edits.choose_take(plan, frame, take.number, kind="override")
        )

    def _text_at(self, revision: str) -> str:
        text = self._text()
        if _fingerprint(text) != revision:
            raise ConflictError("the plan has changed since; it was read again and nothing was overwritten")
        return text

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the project; wait `_LOCK_WAIT` s for another edit, not for a run."""
        deadline = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                with self.context.project.lock():
                    yield
                    return
            except ProjectBusyError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _text(self) -> str:
        try:
            return self.context.project.plan_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{self.context.project.plan_path}: cannot be read ({error}); check its permissions and encoding"
            ) from error

    def _restore_text(self, text: str) -> None:
        path = self.context.project.plan_path
        if text:
            write_text(path, text)
            return
        with disk_errors(path):
            path.unlink(missing_ok=True)


def _take(editor: PlanEditor, plan: Plan, request: Mapping[str, Any]) -> Plan:
    name = editor.context.whole.info.names[request["frame"]]
    take = editor.context.project.keys.takes.get(name, request["take"])
    if plan.key_at(request["frame"]) is None:
        plan = edits.add(plan, request["frame"])
    kind = "override" if take.by_hand else "user"
    return edits.choose_take(plan, request["frame"], take.number, kind=kind)


def _settings(editor: PlanEditor, plan: Plan, request: Mapping[str, Any]) -> Plan:
    where = f"key {request['frame']}"
    check_key_options(request["settings"], where)
    changed(editor.context.settings, request["settings"], where)
    now = edits.set_options(plan, request["frame"], request["settings"])
    return edits.choose_take(now, request["frame"], 0)


ACTIONS: dict[str, Callable[[PlanEditor, Plan, Mapping[str, Any]], Plan]] = {
    "add": lambda _, plan, request: edits.add(plan, request["frame"]),
    "remove": lambda _, plan, request: edits.remove(plan, request["frame"]),
    "move": lambda _, plan, request: edits.move(plan, request["frame"], request["to"]),
    "lock": lambda _, plan, request: edits.lock(plan, request["frame"]),
    "unlock": lambda _, plan, request: edits.unlock(plan, request["frame"]),
    "unban": lambda _, plan, request: edits.unban(plan, request["frame"]),
    "settings": _settings,
    "take": _take,
    "revert": lambda _, plan, request: edits.choose_take(plan, request["frame"], 0),
}
"""Edits of the page by name."""

_REPLACES_IMAGE = ("remove", "move", "settings", "take", "revert")
"""Edits that may replace an image painted by hand: it is named as a take first, so that undo finds it."""


def _fingerprint(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def without_revision(text: str) -> str:
    """Return the text of a plan without its revision number."""
    return _REVISION.sub("", text, count=1)
