"""Keyframe renderers: a frame in, a painted key out. Nothing is loaded until a renderer is asked for."""

from __future__ import annotations

from stylize.render.protocol import (
    Anchor,
    FrameContext,
    PaintedKey,
    PaintTask,
    Progress,
    Renderer,
    make_renderer,
    register_renderer,
    renderer_names,
)

__all__ = [
    "Anchor",
    "FrameContext",
    "PaintTask",
    "PaintedKey",
    "Progress",
    "Renderer",
    "make_renderer",
    "register_renderer",
    "renderer_names",
]
