"""Make layers.jpg from three runs of the sample, in a folder of their own; see the README on layers.

    python samples/make_mattes.py work/mattes
    python docs/images/make_layers.py work prepare
    stylize run samples/clip.mp4 --end 46 --style samples/style.png --matte work/mattes/sitter \
        --project work/subject -o work/subject.mkv
    stylize run samples/clip.mp4 --end 46 --project work/two -o work/two.mkv
    stylize run samples/clip.mp4 --end 46 --style samples/style.png --project work/room -o work/room.mkv \
        --matte "work/mattes/sitter + work/mattes/balloon" --matte-invert
    python docs/images/make_layers.py work

From left to right, frame 24: the subject on the plate, two subjects in two styles, all but the subjects.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from stylize.media import open_clip, read_image, write_image

HERE = Path(__file__).resolve().parent
STYLE = HERE.parents[1] / "samples" / "style.png"
FRAME, HEIGHT, GAP = 24, 210, 6
LAYERS = """\
[[layers]]
name = "sitter"
style = "../dawn.png"
matte = "../mattes/sitter"

[[layers]]
name = "balloon"
style = "../style.png"
matte = "../mattes/balloon"
"""


def prepare(work: Path) -> None:
    """Write the second run's layers and styles: the sample's, and that with red and blue swapped."""
    style = read_image(STYLE)
    write_image(work / "style.png", style)
    write_image(work / "dawn.png", np.ascontiguousarray(style[..., ::-1]))
    (work / "two").mkdir()
    (work / "two" / "stylize.toml").write_text(LAYERS)


def main(work: Path) -> None:
    """Lay a frame of each run side by side."""
    row: list[np.ndarray] = []
    for name in ("subject", "two", "room"):
        with open_clip(work / f"{name}.mkv") as clip:
            frame = clip[FRAME]
        width = round(frame.shape[1] * HEIGHT / frame.shape[0])
        row += [cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_AREA)]
        row += [np.full((HEIGHT, GAP, 3), 255, np.uint8)]
    strip = cv2.cvtColor(np.hstack(row[:-1]), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(HERE / "layers.jpg"), strip, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    prepare(Path(sys.argv[1])) if "prepare" in sys.argv[2:] else main(Path(sys.argv[1]))
