"""From code values to RGB: the names of the tags, the assumption for untagged clips, tone mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.media.info import ColorTags

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ISO/IEC 23091-2 code points, with FFmpeg's names for them.
_MATRIX = {0: "gbr", 1: "bt709", 2: "unknown", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
           8: "ycgco", 9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc",
           13: "chroma-derived-c", 14: "ictcp"}  # fmt: skip
_PRIMARIES = {1: "bt709", 2: "unknown", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
              8: "film", 9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432",
              22: "jedec-p22"}  # fmt: skip
_TRANSFER = {1: "bt709", 2: "unknown", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
             8: "linear", 9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1",
             14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428",
             18: "arib-std-b67"}  # fmt: skip
HDR = ("smpte2084", "arib-std-b67")
"""Transfers that need tone mapping: PQ and HLG."""
# What swscale can convert, by its own numbers (SWS_CS_*).
_SWSCALE = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 5, "smpte240m": 7, "bt2020nc": 9}
MATRICES = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
"""What `assume_matrix` may be, and the tag that it stands for."""


def color_tags(
    path: object,
    codes: tuple[int, int, int],
    *,
    full_range: bool,
    is_rgb: bool,
    height: int,
    assume_matrix: str | None,
) -> ColorTags:
    """Name a file's color tags, and settle the matrix where they do not.

    Players and decoders disagree on untagged clips: most decoders take BT.601, which puts HD colors off by
    up to 22 of 255 codes. The rule here is that of broadcast: 720 lines and more are BT.709, fewer are
    BT.601.

    Parameters
    ----------
    path
        For messages.
    codes
        Matrix, primaries and transfer, as ISO/IEC 23091-2 code points.
    full_range
        Whether black is 0.
    is_rgb
        Whether pixels are stored as RGB, so that there is no matrix.
    height
        Lines of the stored picture.
    assume_matrix
        "bt601", "bt709" or "bt2020", for an untagged clip only; None for the rule above.

    Raises
    ------
    UsageError
        If `assume_matrix` is none of these.
    MediaError
        If the clip uses a matrix that cannot be converted.
    """
    if assume_matrix is not None and assume_matrix not in MATRICES:
        raise UsageError(f"assume_matrix is {assume_matrix!r}; expected one of {', '.join(MATRICES)}")
    matrix = "gbr" if is_rgb else _MATRIX.get(codes[0], "unknown")
    primaries, transfer = _PRIMARIES.get(codes[1], "unknown"), _TRANSFER.get(codes[2], "unknown")
    full = full_range or is_rgb
    assumed = not is_rgb and matrix in ("unknown", "gbr")
    if assumed:
        matrix = MATRICES[assume_matrix] if assume_matrix else ("bt709" if height >= 720 else "smpte170m")
    if matrix != "gbr" and matrix not in _SWSCALE:
        raise MediaError(f"{path} is coded with the {matrix} color matrix, which cannot be read; convert it to bt709")
    return ColorTags(matrix, primaries, transfer, full, assumed)


def swscale_matrix(tags: ColorTags) -> int | None:
    """Return swscale's number for a matrix, or None for RGB."""
    return _SWSCALE.get(tags.matrix)


def scale_matrix(tags: ColorTags) -> str:
    """Return the matrix by the name that FFmpeg's ``scale`` filter has for it."""
    return {"bt470bg": "bt470", "bt2020nc": "bt2020", "gbr": "bt709"}.get(tags.matrix, tags.matrix)


def output_tags(tags: ColorTags) -> ColorTags:
    """Return the tags of the output for a clip of these: the same, but RGB and HDR become BT.709 video."""
    if tags.transfer in HDR:
        return ColorTags()
    if tags.matrix != "gbr":
        return tags
    primaries = "bt709" if tags.primaries == "unknown" else tags.primaries
    return ColorTags("bt709", primaries, "bt709" if tags.transfer == "unknown" else tags.transfer)


def srgb_to_linear(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    v = np.asarray(values, np.float32)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_to_srgb(light: NDArray[Any]) -> NDArray[np.float32]:
    """Return the sRGB values of light, both in [0, 1]; light outside is clipped."""
    v = np.clip(np.asarray(light, np.float32), 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055).astype(np.float32)
