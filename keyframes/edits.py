"""Changing a plan: every change returns a new one with the next revision.

Hand edits win: `merge` replaces only what the machine chose earlier.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keyframes.model import KINDS, Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from keyframes.model import Shot
    from keyframes.options import SelectOptions
    from keyframes.plan import ClipFacts, Plan


def new_plan(
    clip: ClipFacts, shots: Sequence[Shot], keys: Iterable[Key] = (), options: SelectOptions | None = None
) -> Plan:
    """Return the first plan of a clip."""
    from keyframes.plan import Plan

    empty = Plan(clip, tuple(shots), revision=0)
    return merge(empty, keys, options)


def merge(plan: Plan, keys: Iterable[Key], options: SelectOptions | None = None) -> Plan:
    """Take a new automatic choice into a plan.

    Keys of kind "user", "locked" and "override" stay, with reason and coverage brought up to date if `keys`
    names their frames too; "auto" keys are replaced; notes, settings and takes stay with their frames; banned
    frames stay out.

    Parameters
    ----------
    keys
        Chosen keys of all shots, in frames of the clip (``Selection.keys`` with the `offset` of each shot).
    options
        What was asked for; None: as before.
    """
    found = {key.frame: key for key in keys if key.frame not in plan.banned}
    _inside(plan, found)
    kept: dict[int, Key] = {}
    for key in plan.keys:
        now = found.get(key.frame)
        if now is not None:
            new = now.kind if now.kind in KINDS else "auto"
            kind = key.kind if key.kind != "auto" else new
            kept[key.frame] = replace(now, kind=kind, note=key.note, settings=key.settings, take=key.take)
        elif key.kind != "auto":
            kept[key.frame] = key
    for frame, key in found.items():
        kept.setdefault(frame, replace(key, kind="auto") if key.kind not in KINDS else key)
    merged = _with_keys(plan, kept.values())
    chosen = tuple(key.frame for key in merged.keys if key.kind == "auto")
    return replace(merged, chosen=chosen, options=options or plan.options)


def add(plan: Plan, frame: int, *, kind: str = "user", note: str = "") -> Plan:
    """Make a frame a key of kind "user", "locked" or "override"; an "auto" key becomes one by hand.

    Raises
    ------
    ValueError
        If the frame is outside the clip, banned, or a key by hand already.
    """
    _inside(plan, [frame])
    if kind not in KINDS[1:]:
        raise ValueError(f"kind is {kind!r}; choose {', '.join(KINDS[1:])}")
    if frame in plan.banned:
        raise ValueError(f"frame {frame} is banned; unban it first")
    old = plan.key_at(frame)
    if old is not None and old.kind == kind and not note:
        raise ValueError(f"frame {frame} is a key already ({old.kind})")
    if old is not None and old.kind == "locked" and kind != "locked":
        raise ValueError(f"frame {frame} is locked; unlock it first")
    key = replace(old, kind=kind, note=note or old.note) if old else Key(frame, "chosen by hand", 0.0, kind, note)
    return _with_keys(plan, [*(k for k in plan.keys if k.frame != frame), key])


def remove(plan: Plan, frame: int) -> Plan:
    """Take a key out; what the machine or a painted file would bring back is banned too.

    Raises
    ------
    ValueError
        If the frame is no key, or a locked one.
    """
    key = _unlocked(plan, frame)
    left = _with_keys(plan, [k for k in plan.keys if k.frame != frame])
    if key.kind not in ("auto", "override"):
        return left
    return replace(left, banned=tuple(sorted({*plan.banned, frame})))


def move(plan: Plan, frame: int, to: int) -> Plan:
    """Move a key to another frame; it is a key by hand from then on.

    Raises
    ------
    ValueError
        If `frame` is no key or locked, or `to` is outside the clip, banned or a key.
    """
    key = _unlocked(plan, frame)
    _inside(plan, [to])
    if to in plan.banned:
        raise ValueError(f"frame {to} is banned; unban it first")
    if plan.key_at(to) is not None:
        raise ValueError(f"frame {to} is a key already; choose another place for {frame}")
    reason = f"moved by hand from {frame}"
    moved = replace(key, frame=to, kind="user", reason=reason, coverage=0.0, take=0)
    return _with_keys(plan, [*(k for k in plan.keys if k.frame != frame), moved])


def set_options(plan: Plan, frame: int, settings: Mapping[str, Any]) -> Plan:
    """Give a key the settings that it is painted with, in place of those it had; it is by hand from then on.

    Parameters
    ----------
    settings
        By full name, such as ``{"synthesis.seed": 3}``; empty: those of the run. Names are checked where the
        key is painted.

    Raises
    ------
    ValueError
        If the frame is no key, or a locked one.
    """
    key = _unlocked(plan, frame)
    kind = "user" if key.kind == "auto" else key.kind
    changed = replace(key, settings=dict(sorted(settings.items())), kind=kind, take=0)
    return _with_keys(plan, [changed if k.frame == frame else k for k in plan.keys])


def choose_take(plan: Plan, frame: int, take: int, *, kind: str = "user") -> Plan:
    """Let one of a key's earlier paintings stand; with 0, the one that its settings ask for.

    Parameters
    ----------
    take
        Its number.
    kind
        What the key is from then on: "user", or "override" for a painting by hand.

    Raises
    ------
    ValueError
        If the frame is no key, or a locked one, or `take` is negative.
    """
    if take < 0:
        raise ValueError(f"take is {take}; it is the number of a take, or 0 for none")
    changed = replace(_unlocked(plan, frame), take=take, kind=kind)
    return _with_keys(plan, [changed if k.frame == frame else k for k in plan.keys])


def lock(plan: Plan, frame: int) -> Plan:
    """Lock a key, or make the frame a locked key."""
    if plan.key_at(frame) is None:
        return add(plan, frame, kind="locked")
    return _with_keys(plan, [replace(k, kind="locked") if k.frame == frame else k for k in plan.keys])


def unlock(plan: Plan, frame: int) -> Plan:
    """Make a locked key one that can be changed; it stays a key by hand."""
    key = plan.key_at(frame)
    if key is None or key.kind != "locked":
        raise ValueError(f"frame {frame} is not locked")
    return _with_keys(plan, [replace(k, kind="user") if k.frame == frame else k for k in plan.keys])


def ban(plan: Plan, frame: int) -> Plan:
    """Keep a frame from becoming a key; if it is one, it goes.

    Raises
    ------
    ValueError
        If the frame is outside the clip, banned already or a locked key.
    """
    _inside(plan, [frame])
    if frame in plan.banned:
        raise ValueError(f"frame {frame} is banned already")
    if plan.key_at(frame) is not None:
        _unlocked(plan, frame)
    left = _with_keys(plan, [k for k in plan.keys if k.frame != frame])
    return replace(left, banned=tuple(sorted({*plan.banned, frame})))


def unban(plan: Plan, frame: int) -> Plan:
    """Allow a frame to become a key again."""
    if frame not in plan.banned:
        raise ValueError(f"frame {frame} is not banned")
    left = replace(plan, banned=tuple(f for f in plan.banned if f != frame))
    return _with_keys(left, left.keys)


def _with_keys(plan: Plan, keys: Iterable[Key]) -> Plan:
    """Return the plan with these keys; what was taken out is no longer remembered as chosen."""
    ordered = tuple(sorted(keys, key=lambda key: key.frame))
    auto = {key.frame for key in ordered if key.kind == "auto"}
    chosen = tuple(frame for frame in plan.chosen if frame in auto)
    return replace(plan, keys=ordered, chosen=chosen, revision=plan.revision + 1)


def _inside(plan: Plan, frames: Iterable[int]) -> None:
    for frame in frames:
        if not 0 <= frame < plan.clip.frames:
            raise ValueError(f"frame {frame} is outside the clip; choose 0 to {plan.clip.frames - 1}")


def _unlocked(plan: Plan, frame: int) -> Key:
    key = plan.key_at(frame)
    if key is None:
        near = min(plan.keys, key=lambda k: abs(k.frame - frame), default=None)
        raise ValueError(f"frame {frame} is no key" + (f"; the nearest is {near.frame}" if near else ""))
    if key.kind == "locked":
        raise ValueError(f"frame {frame} is locked; unlock it first")
    return key
