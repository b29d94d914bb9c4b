"""Paint a part of one key anew, as an artist's edit: later runs keep it."""

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
    """Paint the white part of the picture `region` anew on the painted key of `frame`.

    Outside of it every bit of the key stays. The key counts as the artist's from then on: it is not painted
    again, and keys that followed it are. Deleting its file has it painted as any other.

    Returns
    -------
    A note like those of `stylize.pipeline.stages.paint_stage`, for this one key.

    Raises
    ------
    UsageError
        If the renderer cannot, the key is not painted yet or is an override, or the region does not fit.
    MediaError
        If the region cannot be read.
    """
    project, whole = context.project, context.whole
    plan = read_plan(project, whole.info)
    key = plan.key_at(frame) if plan is not None else None
    if plan is None or key is None:
        raise UsageError(f"frame {frame} is no key; make it one with: stylize keys add {context.named} {frame}")
    if key.take:
        raise UsageError(f"key {frame} is fixed to take {key.take}; release it first: set take = 0 in keyframes.toml")
    name = whole.info.names[frame]
    path = project.keys.path(name)
    hand = project.keys.manual_key(name)
    if hand is not None and hand != path:
        raise UsageError(f"{hand}: an override is only read; paint the region into it, or take it out of overrides/")
    if not path.exists():
        raise UsageError(f"key {name} is not painted yet; paint it first: stylize paint {context.named} --key {frame}")
    try:
        mask = read_image(region)
    except MediaError as error:
        raise MediaError(f"--region {error}") from error
    settings = context.settings
    everyone = renderer_for_keys(renderer, plan.keys, str(context.request.renderer), context.request.styles, settings)
    found = renderer_at(project, everyone, FullFrameView(whole), frame)
    seed, painter = settings.synthesis.seed, found
    if isinstance(found, OverriddenRenderer):
        seed, painter = found.seed, found.painter
    paint = getattr(painter, "paint_region", None)
    if paint is None:
        raise UsageError(f"renderer {painter.name} paints whole keys only; --renderer sd paints regions")
    picture = whole[frame]
    before = read_key(path, picture)[..., :3]
    if hand is not None:
        project.keys.takes.add(name, path, {"by": "hand", "from": path.name})
    with watch.stage("paint") as share:
        made = paint(picture, before, mask, seed=seed, on_progress=share)
    facts = {"frame": name, "parents": {}, "base": project.keys.recipe(name) or "painted by hand"}
    kept = project.keys.save(name, made.image, {**made.recipe, **facts})
    reason = f"region of {region.name} painted anew"
    return ({"frame": frame, "reason": reason, "kind": "override", "file": str(kept)},)
