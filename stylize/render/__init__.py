"""Keyframe renderers: a frame in, a painted key out. Nothing is loaded until a renderer is asked for."""

from __future__ import annotations

from stylize.render.protocol import (
    Anchor,
    PaintedKey,
    Progress,
    Renderer,
    Spot,
    Task,
    make_renderer,
    register_renderer,
    renderer_names,
)

__all__ = [
    "Anchor",
    "PaintedKey",
    "Progress",
    "Renderer",
    "Spot",
    "Task",
    "make_renderer",
    "register_renderer",
    "renderer_names",
]
