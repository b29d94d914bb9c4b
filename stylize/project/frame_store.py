"""Frame store: the finished frames of one span, kept one by one in the project, so that an interrupted run resumes.

    layers/HASH/NAME.png              a finished frame
    layers/HASH/confidence/NAME.png   the confidence of each pixel: gray, white is 1
    layers/HASH/keys/NAME.png         the key frame that each pixel shows, see `key_numbers`
    layers/HASH/frames.jsonl          one record per finished frame

HASH is the fingerprint of everything that the frames depend on.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.storage.atomic import disk_errors

if TYPE_CHECKING:
    from pathlib import Path

    from propagate.arrays import I32, Image


@dataclass(frozen=True)
class FrameStore:
    """The finished frames of one span under one fingerprint, each with a record for the report."""

    folder: Path
    suffix: str = ".png"

    def path(self, name: str) -> Path:
        """Return the file of the frame called `name`; it may not exist yet."""
        return self.folder / f"{name}{self.suffix}"

    def confidence_path(self, name: str) -> Path:
        """Return the file of the frame's confidence: one channel, 8 bits, 255 is 1."""
        return self.folder / "confidence" / f"{name}.png"

    def source_path(self, name: str) -> Path:
        """Return the file of the key numbers of the frame's pixels, see `key_numbers`."""
        return self.folder / "keys" / f"{name}.png"

    @property
    def _records(self) -> Path:
        return self.folder / "frames.jsonl"

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the record of each finished frame, by name."""
        if not self._records.exists():
            return {}
        known = {}
        for line in self._records.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the run was killed while it wrote this line
                continue
            if self.path(entry["name"]).exists():
                known[entry["name"]] = entry
        return known

    def append(self, name: str, **record: Any) -> None:
        """Declare the frame `name` finished; call after its file is written."""
        with disk_errors(self._records):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._records.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    torn = file.read(1) != b"\n"  # an earlier run was killed while it wrote
                else:
                    torn = False
                file.write((("\n" if torn else "") + json.dumps({"name": name, **record}) + "\n").encode())


def key_numbers(image: Image) -> I32:
    """Return the number of the key frame that each pixel shows, int32 (H, W); -1 is none.

    Parameters
    ----------
    image
        Numbers as colors, uint8 (H, W, 3), as written by `numbers_as_colors`.
    """
    parts = image.astype(np.int32)
    return parts[..., 0] * 65536 + parts[..., 1] * 256 + parts[..., 2] - 1


def numbers_as_colors(numbers: I32) -> Image:
    """Return numbers from -1 on as 24-bit colors, uint8 (H, W, 3); -1 is black, as is the area outside a window."""
    return np.stack([(numbers + 1) >> shift & 255 for shift in (16, 8, 0)], axis=2).astype(np.uint8)
