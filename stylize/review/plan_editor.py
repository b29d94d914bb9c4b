"""The plan under the hands of somebody at the page: every edit is a revision of keyframes.toml.

The file is the truth. An edit names the revision that it was made on; if the file is another by now, nothing
is written. Undo writes an earlier text again, comments and all; `stylize.review.history` remembers them.
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

_PATIENCE = 1.0
"""Seconds that an edit waits for another to let go of the project."""
_REVISION = re.compile(r"(?m)^revision\s*=\s*\d+")


class ConflictError(StylizeError):
    """The plan is another by now than the one that an edit was made on."""


class PlanEditor:
    """Reads and changes the plan of an opened project; safe to use from several threads."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._turn = threading.Lock()
        self._history = History(context.project.root / "undo.json", bare)

    @property
    def revision(self) -> str:
        """A short name of the plan's text; another as soon as anybody changes it."""
        return _fingerprint(self._text())

    @property
    def can(self) -> dict[str, str | None]:
        """What undo and redo would do, in words; None where there is nothing."""
        done, undone = self._history.reaching(self._text())
        return {"undo": done[-1].words if done else None, "redo": undone[-1].words if undone else None}

    def plan(self) -> Plan | None:
        """Return the plan as the file has it; UsageError if it is damaged."""
        return read_plan(self.context.project, self.context.whole.info)

    def edit(self, revision: str, action: str, asked: Mapping[str, Any]) -> None:
        """Do one edit.

        Parameters
        ----------
        revision
            Of the plan that the edit was made on.
        action
            One of `ACTIONS`.
        asked
            ``frame``, and what else the action takes: ``to``, ``settings``, ``take``.

        Raises
        ------
        ConflictError
            If the plan is another by now.
        UsageError
            If the edit is not possible, or another process works on the project.
        """
        if action not in ACTIONS:
            raise UsageError(f"action {action[:40]!r} is unknown; choose {', '.join(ACTIONS)}")
        frame, words = asked["frame"], f"{action} {asked['frame']}"
        with self._turn, self.held():
            text = self._checked(revision)
            plan = self.plan() or new_plan(clip_facts(self.context.whole.info), ())
            try:
                before = self._with_hand_take(plan, frame) if action in _TAKES_OFF else plan
                now = ACTIONS[action](self, before, asked)
            except ValueError as error:
                raise UsageError(str(error)) from error
            if before is not plan:
                save_plan(self.context.project, before)
                text = self._text()
            self._write(text, before, now, words)

    def paint_over(self, revision: str, frame: int, picture: Path, called: str) -> None:
        """Let a picture that somebody painted stand for a frame; it becomes a key if it is none.

        Parameters
        ----------
        picture
            A file of the clip's size, checked; a copy of it is kept.
        called
            What its file was called, for the history.
        """
        project, names = self.context.project, self.context.whole.info.names
        with self._turn, self.held():
            text = self._checked(revision)
            plan = self.plan() or new_plan(clip_facts(self.context.whole.info), ())
            try:
                now = plan if plan.key_at(frame) else edits.add(plan, frame)
                before = self._with_hand_take(plan, frame)
                take = project.keys.takes.add(names[frame], picture, {"by": "hand", "from": called})
                now = edits.choose_take(now, frame, take.number, kind="override")
            except ValueError as error:
                raise UsageError(str(error)) from error
            if before is not plan:
                save_plan(project, before)
                text = self._text()
            self._write(text, before, now, f"upload {frame}")

    def undo(self, revision: str) -> str:
        """Take the last edit back and return it in words."""
        return self._turn_back(revision, back=True)

    def redo(self, revision: str) -> str:
        """Do again the edit that was taken back last."""
        return self._turn_back(revision, back=False)

    def _turn_back(self, revision: str, *, back: bool) -> str:
        with self._turn, self.held():
            text = self._checked(revision)
            if self._history.left_behind(text):
                self._history.forget()
                raise ConflictError("the plan was changed outside of the page; undo does not reach beyond that")
            done, undone = self._history.reaching(text)
            if not (done if back else undone):
                raise UsageError("there is nothing to take back" if back else "there is nothing to do again")
            step = (done if back else undone).pop()
            plan = self.plan()
            number = plan.revision + 1 if plan is not None else 1
            self._put(_REVISION.sub(f"revision = {number}", step.before if back else step.after, count=1))
            now = self.plan()
            empty = new_plan(clip_facts(self.context.whole.info), ())
            self.context.project.keys.sync_to_plan(self.context.whole.info.names, plan or empty, now or empty)
            (undone if back else done).append(step)
            self._history.keep(done, undone)
        return step.words

    def _write(self, text: str, before: Plan, now: Plan, words: str) -> None:
        """Save a plan and bring the paintings in line; all or nothing."""
        project = self.context.project
        save_plan(project, now)
        try:
            project.keys.sync_to_plan(self.context.whole.info.names, before, now)
        except BaseException:
            self._put(text)
            raise
        done, _ = self._history.reaching(text)
        self._history.keep([*done, Step(words, text, self._text())], [])

    def _with_hand_take(self, plan: Plan, frame: int) -> Plan:
        """Return the plan in which the painting by hand that stands at `frame` is named as a take."""
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

    def _checked(self, revision: str) -> str:
        text = self._text()
        if _fingerprint(text) != revision:
            raise ConflictError("the plan was changed meanwhile; it is read again, nothing was overwritten")
        return text

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the project; wait a moment for somebody who edits, not for somebody who runs."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.context.project.lock():
                    yield
                    return
            except ProjectBusyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _text(self) -> str:
        try:
            return self.context.project.plan_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.context.project.plan_path}: cannot be read ({error})") from error

    def _put(self, text: str) -> None:
        path = self.context.project.plan_path
        if text:
            write_text(path, text)
            return
        with disk_errors(path):
            path.unlink(missing_ok=True)


def _take(editor: PlanEditor, plan: Plan, asked: Mapping[str, Any]) -> Plan:
    name = editor.context.whole.info.names[asked["frame"]]
    take = editor.context.project.keys.takes.get(name, asked["take"])
    if plan.key_at(asked["frame"]) is None:
        plan = edits.add(plan, asked["frame"])
    kind = "override" if take.by_hand else "user"
    return edits.choose_take(plan, asked["frame"], take.number, kind=kind)


def _settings(editor: PlanEditor, plan: Plan, asked: Mapping[str, Any]) -> Plan:
    where = f"key {asked['frame']}"
    check_key_options(asked["settings"], where)
    changed(editor.context.settings, asked["settings"], where)
    now = edits.set_options(plan, asked["frame"], asked["settings"])
    return edits.choose_take(now, asked["frame"], 0)


ACTIONS: dict[str, Callable[[PlanEditor, Plan, Mapping[str, Any]], Plan]] = {
    "add": lambda _, plan, asked: edits.add(plan, asked["frame"]),
    "remove": lambda _, plan, asked: edits.remove(plan, asked["frame"]),
    "move": lambda _, plan, asked: edits.move(plan, asked["frame"], asked["to"]),
    "lock": lambda _, plan, asked: edits.lock(plan, asked["frame"]),
    "unlock": lambda _, plan, asked: edits.unlock(plan, asked["frame"]),
    "unban": lambda _, plan, asked: edits.unban(plan, asked["frame"]),
    "settings": _settings,
    "take": _take,
    "revert": lambda _, plan, asked: edits.choose_take(plan, asked["frame"], 0),
}
"""What can be done at the page, by name."""

_TAKES_OFF = ("remove", "move", "settings", "take", "revert")
"""After these a painting by hand may no longer stand: it is named as a take first, so that undo finds it."""


def _fingerprint(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def bare(text: str) -> str:
    """Return a plan's text without the number that rises with every edit."""
    return _REVISION.sub("", text, count=1)
