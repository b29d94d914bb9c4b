"""Make strip.jpg from a run of the sample.

    stylize run samples/clip.mp4 --style samples/style.png -o styled.mp4
    python docs/images/make_strip.py styled.mp4

From left to right: the style, a painted key, a frame far from any key, the same frame carried.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from stylize.media import open_clip, read_image

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "samples"
KEY, BETWEEN, HEIGHT, GAP = 6, 20, 225, 6


def main() -> None:
    """Lay the pictures side by side."""
    with open_clip(SAMPLES / "clip.mp4") as clip, open_clip(Path(sys.argv[1])) as out:
        pictures = [read_image(SAMPLES / "style.png"), out[KEY], clip[BETWEEN], out[BETWEEN]]
    row: list[np.ndarray] = []
    for picture in pictures:
        width = round(picture.shape[1] * HEIGHT / picture.shape[0])
        row += [cv2.resize(picture[..., :3], (width, HEIGHT), interpolation=cv2.INTER_AREA)]
        row += [np.full((HEIGHT, GAP, 3), 255, np.uint8)]
    strip = cv2.cvtColor(np.hstack(row[:-1]), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(HERE / "strip.jpg"), strip, [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
