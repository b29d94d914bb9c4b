"""Fixtures of the application: clips of a few frames, a renderer and a propagation that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import propagate
from propagate import span
from stylize.media import open_clip, open_writer, write_image
from stylize.render import consistency, protocol
from tests.stylize import fakes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Smooth colored noise: something that flow can hold on to and a cut can change."""
    import cv2

    small = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def make_frames(
    folder: Path,
    count: int = 8,
    cut: int | None = None,
    size: tuple[int, int] = (48, 64),
    depth: int = 8,
    first: int = 0,
) -> Path:
    """Write a sequence in which a texture slides by two pixels a frame; a new texture begins at `cut`."""
    rng = np.random.default_rng(7)
    height, width = size
    pictures = [texture(rng, height, width + 2 * count) for _ in range(2)]
    for index in range(count):
        picture = pictures[int(cut is not None and index >= cut)]
        frame = np.ascontiguousarray(picture[:, 2 * index : 2 * index + width])
        if depth == 16:
            frame = frame.astype(np.uint16) * 257 + 3
        write_image(folder / f"{first + index:04d}.png", frame, durable=False)
    return folder


@dataclass
class World:
    """A folder of frames, a style, and where to work."""

    root: Path
    frames: Path
    style: Path

    def video(self, name: str = "clip.mp4", frames: Path | None = None) -> Path:
        """The frames as a video file."""
        path = self.root / name
        with open_clip(frames or self.frames) as clip, open_writer(path, clip.info) as writer:
            for frame in clip:
                writer.write(frame)
        return path

    def keys(self, *names: str, folder: str = "keys", size: tuple[int, int] = (48, 64)) -> Path:
        """A folder of plain keys, each of another color."""
        place = self.root / folder
        for index, name in enumerate(names):
            image = np.full((*size, 3), 40 + 30 * index, np.uint8)
            image[::3, ::2, index % 3] = 200
            write_image(place / name, image, durable=False)
        return place


def _real_propagation(*_args, **_kwargs):
    raise AssertionError("a module bound the real propagate_keyframes when it was imported; import it in the function")


def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> World:
    """A clip of ten frames with a cut before frame 6; paint is faked and counted."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "models"))  # whatever the machine has
    monkeypatch.setitem(vars(propagate), "propagate_keyframes", fakes.fake_propagate)
    monkeypatch.setattr(span, "Span", _real_propagation)
    monkeypatch.setitem(protocol._FACTORIES, "fake", fakes.FakeRenderer)
    monkeypatch.setattr(consistency, "anchors_for", lambda *_: [])
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    frames = make_frames(tmp_path / "frames", 10, cut=6)
    style = tmp_path / "style.png"
    write_image(style, texture(rng, 32, 40))
    return World(tmp_path, frames, style)
