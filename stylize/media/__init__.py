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
    from stylize.media.clip_probe import probe
    from stylize.media.deliverables import Deliverable, check_output
    from stylize.media.image_reader import image_size, read_image
    from stylize.media.image_writer import write_image
    from stylize.media.info import AudioStream, ClipInfo, ColorTags
    from stylize.media.timecode import parse_time
    from stylize.media.writer import Writer
    from stylize.media.writer_factory import open_writer

__all__ = [
    "AudioStream",
    "Clip",
    "ClipInfo",
    "ColorTags",
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
    "ColorTags": "info",
    "Deliverable": "deliverables",
    "Writer": "writer",
    "check_output": "deliverables",
    "image_size": "image_reader",
    "open_clip": "clip",
    "open_writer": "writer_factory",
    "parse_time": "timecode",
    "probe": "clip_probe",
    "read_image": "image_reader",
    "write_image": "image_writer",
}


def __getattr__(name: str) -> Any:
    if name in _ROOM:
        return getattr(importlib.import_module(f"stylize.media.{_ROOM[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
