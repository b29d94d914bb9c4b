"""Models: which are known, where they are, whether they are whole; fetching them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.models import ModelOptions

NAME = Flag("", "NAME", str, "A preset, org/name of the hub, or a path.")
NAMES = Flag("", "NAMES", list[str], "Presets, org/name of the hub, or paths.", metavar="NAME...")
SOME = Flag("", "NAMES", list[str], "Which; all that are here by default.", metavar="[NAME...]")
KIND = Flag("", "--kind", str, "Only models of this kind.", metavar="KIND")
QUICK = Flag("", "--quick", bool, "Leave out the hashes, which read every byte.")
REVISION = Flag("", "--revision", str, "Branch, tag or commit.", metavar="REV")


def options_of(ask: Ask) -> ModelOptions:
    """Return the settings of models, with what was said on the command line."""
    from stylize.settings.schema import load_settings

    return load_settings(flags=ask.settings).models


@command("models list", KIND, "json", "models")
def models_list(ask: Ask) -> Answer:
    """Show the models that are known by name, and which are here."""
    from stylize.errors import UsageError
    from stylize.models import KINDS, presets
    from stylize.models.locations import locate

    if ask.kind and ask.kind not in KINDS:
        raise UsageError(f"--kind {ask.kind}: there are {', '.join(KINDS)}")
    options, rows, lines = options_of(ask), [], []
    for preset in presets().values():
        if ask.kind in (None, preset.kind):
            place = locate(preset.name, options)
            rows.append(_row(preset, place))
            size = f"{preset.megabytes / 1000:.1f} GB" if preset.megabytes >= 1000 else f"{preset.megabytes} MB"
            state = "here" if place else size
            lines.append(
                f"{preset.name:<18} {preset.kind:<10} {preset.family or '-':<10} {state:>8}  {preset.about} "
                f"({preset.license})"
            )
    here = sum(row["path"] is not None for row in rows)
    return Answer({"models": rows}, [*lines, f"{here} of {len(rows)} are here; fetch: stylize models fetch NAME"])


def _row(preset: Any, place: Path | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(preset), "path": place}


@command("models check", SOME, QUICK, "json", "models")
def models_check(ask: Ask) -> Answer:
    """Look whether models are whole; exit code 5 if one is not."""
    from stylize.models import presets
    from stylize.models.locations import locate, missing_message, preset_of
    from stylize.models.verify import check_model, describe_model, known_hashes

    options = options_of(ask)
    named = ask.names or [name for name in presets() if locate(name, options) is not None]
    rows, lines = [], []
    for name in named:
        place = locate(name, options)
        if place is None:
            preset = preset_of(name)
            text = missing_message(name, preset.kind if preset else "base")
            rows.append({"name": name, "path": None, "state": "missing", "verified": False, "findings": []})
            lines.append(f"-    {text}")
            continue
        found = check_model(place, functools.partial(ask.on_progress, f"check {name}"), quick=ask.quick)
        told = [{"file": str(one.file), "what": one.what} for one in found]
        hashes = bool(known_hashes(place)[1])
        sure = hashes and not ask.quick and not found
        state = "bad" if found else "ok"
        rows.append({"name": name, "path": place, "state": state, "verified": sure, "findings": told})
        lines.append(f"{'BAD' if found else 'ok':<4} {name}  {describe_model(place)}  {place}".replace("    ", "  "))
        if not found and not sure:
            unknown = "no hash of it is known here, as it was not fetched with `models fetch`"
            why = "--quick" if hashes else unknown
            lines.append(f"     whole, but not verified: {why}")
        lines += [f"     {one.file}: {one.what}" for one in found]
    bad = any(row["state"] != "ok" for row in rows)
    return Answer({"models": rows}, lines or ["no known model is here; see: stylize models list"], 5 * bad)


@command("models path", NAME, "json", "models")
def models_path(ask: Ask) -> Answer:
    """Print where a model is."""
    from stylize.errors import ModelError
    from stylize.models.locations import locate, missing_message, preset_of

    place = locate(ask.name, options_of(ask))
    if place is None:
        preset = preset_of(ask.name)
        raise ModelError(missing_message(ask.name, preset.kind if preset else "base"))
    return Answer({"path": place}, [str(place)])


@command("models fetch", NAMES, REVISION, "json", "models", needs="names")
def models_fetch(ask: Ask) -> Answer:
    """Download models; a broken download goes on where it stopped."""
    from stylize.models.fetch import fetch_models

    places = fetch_models(ask.names, options_of(ask), ask.on_progress, revision=ask.revision)
    return Answer({"models": places}, [f"{name}  {place}" for name, place in places.items()])
