"""Paint one frame of each sample shot and lay them beside the originals: writes expected.jpg."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from stylize.render import make_renderer

HERE = Path(__file__).resolve().parent
SHOWN = (6, 42, 60)


def main() -> None:
    """Make the picture."""
    style = cv2.cvtColor(cv2.imread(str(HERE / "style.png")), cv2.COLOR_BGR2RGB)
    renderer = make_renderer("patch", [style])
    rows = []
    with av.open(str(HERE / "clip.mp4")) as clip:
        for index, frame in enumerate(clip.decode(video=0)):
            if index in SHOWN:
                picture = frame.to_ndarray(format="rgb24")
                rows.append(np.hstack([picture, renderer.paint(picture).image]))
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(HERE / "expected.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 86])


if __name__ == "__main__":
    main()
