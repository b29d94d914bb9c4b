"""Models: which are known, where they are, whether they are whole; fetching them."""

from __future__ import annotations

from dataclasses import asdict

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

NAME = Flag("", "NAME", str, "A preset, org/name of the hub, or a path.")
NAMES = Flag("", "NAMES", list[str], "Presets, org/name of the hub, or paths.", metavar="NAME...")
SOME = Flag("", "NAMES", list[str], "Which; all that are here by default.", metavar="[NAME...]")
KIND = Flag("", "--kind", str, "Only models of this kind.", metavar="KIND")
QUICK = Flag("", "--quick", bool, "Leave out the hashes, which read every byte.")
REVISION = Flag("", "--revision", str, "Branch, tag or commit.", metavar="REV")


@command("models list", KIND, "json", "models")
def models_list(ask: Ask) -> Answer:
    """Show the models that are known by name, and which are here."""
    from stylize.api.models import list_models

    found, lines = list_models(ask.kind, settings=ask.settings), []
    for preset, path in ((one.preset, one.path) for one in found):
        size = f"{preset.megabytes / 1000:.1f} GB" if preset.megabytes >= 1000 else f"{preset.megabytes} MB"
        lines.append(
            f"{preset.name:<18} {preset.kind:<10} {preset.family or '-':<10} {'here' if path else size:>8}  "
            f"{preset.about} ({preset.license})"
        )
    here = sum(one.path is not None for one in found)
    rows = [{**asdict(one.preset), "path": one.path} for one in found]
    return Answer({"models": rows}, [*lines, f"{here} of {len(rows)} are here; fetch: stylize models fetch NAME"])


@command("models check", SOME, QUICK, "json", "models")
def models_check(ask: Ask) -> Answer:
    """Look whether models are whole; exit code 5 if one is not."""
    from stylize.api.models import check_models

    found = check_models(ask.names or (), quick=ask.quick, settings=ask.settings, on_progress=ask.on_progress)
    rows, lines = [], []
    for one in found:
        findings = [{"file": file, "what": fault} for file, fault in one.findings]
        state = {"state": one.state, "verified": one.verified, "findings": findings}
        rows.append({"name": one.name, "path": one.path, **state})
        if one.path is None:
            lines.append(f"-    {one.about}")
            continue
        head = f"{'BAD' if findings else 'ok':<4} {one.name}  {one.about}  {one.path}"
        lines.append(head.replace("    ", "  "))
        if one.note:
            lines.append(f"     complete, but not verified: {one.note}")
        lines += [f"     {file}: {fault}" for file, fault in one.findings]
    bad = any(one.state != "ok" for one in found)
    return Answer({"models": rows}, lines or ["no known model is here; see: stylize models list"], 5 * bad)


@command("models path", NAME, "json", "models")
def models_path(ask: Ask) -> Answer:
    """Print where a model is."""
    from stylize.api.models import model_path

    place = model_path(ask.name, settings=ask.settings)
    return Answer({"path": place}, [str(place)])


@command("models fetch", NAMES, REVISION, "json", "models", needs="names")
def models_fetch(ask: Ask) -> Answer:
    """Download models; a broken download goes on where it stopped."""
    from stylize.api.models import fetch_models

    places = fetch_models(ask.names, revision=ask.revision, settings=ask.settings, on_progress=ask.on_progress)
    return Answer({"models": places}, [f"{name}  {place}" for name, place in places.items()])
