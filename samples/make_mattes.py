"""Mattes of the sample clip: ``python samples/make_mattes.py DIR`` writes DIR/sitter and DIR/balloon.

The scene knows where its objects are, so these are exact but for the codec of the clip.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import scene


def main(folder: Path) -> None:
    """Write 16-bit gray PNGs, named as the clip's frames."""
    for index, frame in enumerate(scene.mattes()):
        for name, matte in frame.items():
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{index:06d}.png"), np.rint(matte * 65535).astype(np.uint16))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
