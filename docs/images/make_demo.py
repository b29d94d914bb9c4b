"""Make demo.webp, the moving picture at the top of the README, from a run of the sample.

    stylize run samples/clip.mp4 --style samples/style.png -o styled.mp4
    python docs/images/make_demo.py styled.mp4

The clip is on the left, the result on the right.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from stylize.media import open_clip

HERE = Path(__file__).resolve().parent
CLIP = HERE.parents[1] / "samples" / "clip.mp4"
SIZE = (426, 240)
"""Width and height of each half, in pixels."""
GAP = 4
"""White pixels between the halves."""
MILLISECONDS = 42
"""Time that each frame is shown: 24 frames per second."""


def main() -> None:
    """Lay every frame of the clip beside its result."""
    frames = []
    with open_clip(CLIP) as clip, open_clip(Path(sys.argv[1])) as result:
        for index in range(len(clip)):
            left, right = (cv2.resize(one[index], SIZE, interpolation=cv2.INTER_AREA) for one in (clip, result))
            frames.append(Image.fromarray(np.hstack([left, np.full((SIZE[1], GAP, 3), 255, np.uint8), right])))
    frames[0].save(
        HERE / "demo.webp",
        save_all=True,
        append_images=frames[1:],
        duration=MILLISECONDS,
        loop=0,
        quality=62,
        method=6,
    )


if __name__ == "__main__":
    main()
