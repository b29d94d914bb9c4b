"""Repainting of a part of one key; the result counts as the artist's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylize.compositing.shot_view import FullFrameView
from stylize.errors import MediaError, UsageError
from stylize.media import read_image
from stylize.media.frame_images import read_key
from stylize.pipeline.key_renderers import OverriddenRenderer, renderer_for_keys
from stylize.pipeline.painting import renderer_at
from stylize.project.plan_file import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.pipeline.context import RunContext
    from stylize.progress import StageTimer
    from stylize.render import Renderer


def repaint_region(
    context: RunContext, renderer: Renderer, frame: int, region: Path, watch: StageTimer
) -> tuple[dict[str, Any], ...]:
    """Repaint the area of a painted key that is white in the image `region`.

    Outside of it every pixel of the key is kept. The key then counts as the artist's: it is not repainted, keys
    that follow it are. Deleting its file turns it into an ordinary key again.

    Returns
    -------
    One record like those of `stylize.pipeline.stages.paint_stage`.

    Raises
    ------
    UsageError
        If the renderer cannot repaint a region, the key is not painted yet or is an override, or the region does
        not fit.
    MediaError
        If the region cannot be read.
    """
    project, whole = context.project, context.whole
    plan = read_plan(project, whole.info)
    key = plan.key_at(frame) if plan is not None else None
    if plan is None or key is None:
        raise UsageError(f"frame {frame} is not a key; make it one with: stylize keys add {context.named} {frame}")
    if key.take:
        raise UsageError(f"key {frame} uses take {key.take}; set take = 0 in keyframes.toml first")
    name = whole.info.names[frame]
    path = project.keys.path(name)
    manual = project.keys.manual_key(name)
    if manual is not None and manual != path:
        raise UsageError(f"{manual}: overrides are read only; paint into the file, or remove it")
    if not path.exists():
        raise UsageError(f"key {name} is not painted yet; paint it first: stylize paint {context.named} --key {frame}")
    try:
        mask = read_image(region)
    except MediaError as error:
        raise MediaError(f"--region {error}") from error
    settings = context.settings
    per_key = renderer_for_keys(renderer, plan.keys, str(context.request.renderer), context.request.styles, settings)
    found = renderer_at(project, per_key, FullFrameView(whole), frame)
    seed, base = settings.synthesis.seed, found
    if isinstance(found, OverriddenRenderer):
        seed, base = found.seed, found.renderer
    paint = getattr(base, "paint_region", None)
    if paint is None:
        raise UsageError(f"renderer {base.name} does not support --region; use --renderer sd")
    image = whole[frame]
    before = read_key(path, image)[..., :3]
    if manual is not None:
        project.keys.takes.add(name, path, {"by": "hand", "from": path.name})
    with watch.stage("paint") as share:
        made = paint(image, before, mask, seed=seed, on_progress=share)
    record = {"frame": name, "parents": {}, "base": project.keys.recipe(name) or "painted by hand"}
    saved = project.keys.save(name, made.image, {**made.recipe, **record})
    reason = f"region of {region.name} repainted"
    return ({"frame": frame, "reason": reason, "kind": "override", "file": str(saved)},)
