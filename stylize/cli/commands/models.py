"""Commands that list, locate, verify and download models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command

Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Presets, org/name of the hub, or paths.", show_default=False)
]


@command("models list", "allow_pickle")
def models_list(
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only models of this kind.")] = None,
    *,
    settings: dict[str, Any],
) -> Answer:
    """List the models that are known by name, and which are present."""
    from stylize.api.models import list_models

    found, lines = list_models(kind, settings=settings), []
    for preset, path in ((one.preset, one.path) for one in found):
        size = f"{preset.megabytes / 1000:.1f} GB" if preset.megabytes >= 1000 else f"{preset.megabytes} MB"
        lines.append(
            f"{preset.name:<18} {preset.kind:<10} {preset.family or '-':<10} {'here' if path else size:>8}  "
            f"{preset.about} ({preset.license})"
        )
    here = sum(one.path is not None for one in found)
    rows = [{**asdict(one.preset), "path": one.path} for one in found]
    return Answer({"models": rows}, [*lines, f"{here} of {len(rows)} are here; fetch: stylize models fetch NAME"])


@command("models check", "allow_pickle")
def models_check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]", help="Models to verify; all that are present by default.", show_default=False
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", metavar="", help="Skip the hashes, which read every byte.")] = False,
    *,
    settings: dict[str, Any],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Verify that models are complete; exit code 5 if one is not."""
    from stylize.api.models import check_models

    found = check_models(names or (), quick=quick, settings=settings, on_progress=on_progress)
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


@command("models path", "allow_pickle")
def models_path(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A preset, org/name of the hub, or a path.", show_default=False)
    ],
    *,
    settings: dict[str, Any],
) -> Answer:
    """Print the place of a model."""
    from stylize.api.models import model_path

    place = model_path(name, settings=settings)
    return Answer({"path": place}, [str(place)])


@command("models fetch", "allow_pickle")
def models_fetch(
    names: Names,
    revision: Annotated[str | None, typer.Option("--revision", metavar="REV", help="Branch, tag or commit.")] = None,
    *,
    settings: dict[str, Any],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Download models; an interrupted download resumes where it stopped."""
    from stylize.api.models import fetch_models

    places = fetch_models(names, revision=revision, settings=settings, on_progress=on_progress)
    return Answer({"models": places}, [f"{name}  {place}" for name, place in places.items()])
