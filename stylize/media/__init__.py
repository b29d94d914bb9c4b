"""Clips and images: read them frame-exactly, write them whole or not at all.

>>> from stylize.media import open_clip, open_writer
>>> with open_clip("in.mp4") as clip, open_writer("out.mp4", clip.info) as writer:  # doctest: +SKIP
...     for frame in clip:
...         writer.write(frame)

Importing this package imports nothing; a name brings its module with it when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize.media.clip import Clip, open_clip
    from stylize.media.header import probe
    from stylize.media.images import image_size, read_image
    from stylize.media.info import AudioStream, ClipInfo, ColourTags
    from stylize.media.outputs import Deliverable, check_output
    from stylize.media.save import write_image
    from stylize.media.times import parse_time
    from stylize.media.writer import Writer, open_writer

__all__ = [
    "AudioStream",
    "Clip",
    "ClipInfo",
    "ColourTags",
    "Deliverable",
    "Writer",
    "check_output",
    "image_size",
    "open_clip",
    "open_writer",
    "parse_time",
    "probe",
    "read_image",
    "write_image",
]

_ROOM = {
    "AudioStream": "info",
    "Clip": "clip",
    "ClipInfo": "info",
    "ColourTags": "info",
    "Deliverable": "outputs",
    "Writer": "writer",
    "check_output": "outputs",
    "image_size": "images",
    "open_clip": "clip",
    "open_writer": "writer",
    "parse_time": "times",
    "probe": "header",
    "read_image": "images",
    "write_image": "save",
}


def __getattr__(name: str) -> Any:
    if name in _ROOM:
        return getattr(importlib.import_module(f"stylize.media.{_ROOM[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
