"""Videos with straight alpha, for editors and compositors: ProRes 4444 and VP9."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stylize.errors import UsageError
from stylize.media.deliverables import Deliverable, check_output, check_size
from stylize.media.video_writer import VideoWriter

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.media.info import ClipInfo

_PRORES = {"profile:v": "4444", "alpha_bits": 16, "vendor": "apl0", "movflags": "+faststart"}
_VP9 = {"b:v": 0, "row-mt": 1, "deadline": "good", "auto-alt-ref": 0}  # alt-refs and alpha exclude each other
ALPHA: Final = {
    d.suffix: d
    for d in (
        Deliverable(
            ".mov", "prores_ks", ("yuva444p10le", "yuva444p10le"), frozenset(), ("", ""),
            {"draft": _PRORES, "high": _PRORES, "best": {**_PRORES, "profile:v": "4444xq"}},
            longest=65535,
        ),
        Deliverable(
            ".webm", "libvpx-vp9", ("yuva420p", "yuva420p"), frozenset(), ("", ""),
            {
                "draft": {**_VP9, "crf": 32, "cpu-used": 6},
                "high": {**_VP9, "crf": 16, "cpu-used": 4},
                "best": {**_VP9, "crf": 8, "cpu-used": 2},
            },
            longest=65535,
        ),
    )
}  # fmt: skip
"""By suffix."""


class AlphaWriter(VideoWriter):
    """A video of RGBA frames, uint8 or uint16, alpha straight."""

    channels = 4


def open_alpha_writer(
    out: Path, info: ClipInfo, *, recipe: str | None = None, quality: str = "high", overwrite: bool = False
) -> AlphaWriter:
    """Open a video for RGBA frames: .mov is ProRes 4444, .webm VP9; it has no sound.

    Raises
    ------
    UsageError
        If the suffix is another, or the place cannot be written.
    """
    kind = ALPHA.get(out.suffix.lower())
    if kind is None:
        raise UsageError(f"{out}: a video with alpha ends with {' or '.join(ALPHA)}")
    silent = replace(info, audio=(), bit_depth=16)
    check_size(out, kind, info)
    notices = check_output(out, silent, overwrite=overwrite)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    return AlphaWriter(out, silent, notices, kind, recipe, quality)
