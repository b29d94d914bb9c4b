"""Saying what a file is that is not what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = (
    (b"\x89PNG", "it is a PNG image; a clip is a video file or a folder of numbered images"),
    (b"\xff\xd8\xff", "it is a JPEG image; a clip is a video file or a folder of numbered images"),
    (b"II*\0", "it is a TIFF image; a clip is a video file or a folder of numbered images"),
    (b"MM\0*", "it is a TIFF image; a clip is a video file or a folder of numbered images"),
    (b"\x76\x2f\x31\x01", "it is an EXR image; a clip is a video file or a folder of numbered images"),
    (b"BM", "it is a BMP image; a clip is a video file or a folder of numbered images"),
    (b"8BPS", "it is a Photoshop file; export images from it"),
    (b"%PDF", "it is a PDF document; give a video file"),
    (b"PK\x03\x04", "it is a zip archive; unpack it first"),
    (b"\x1f\x8b", "it is a gzip archive; unpack it first"),
    (b"7z\xbc\xaf", "it is a 7-zip archive; unpack it first"),
    (b"\x1a\x45\xdf\xa3", "it is a Matroska file that holds no frame or is cut off; get a whole copy"),
    (b"#!", "it is a script; give a video file"),
    (b"\x7fELF", "it is a program; give a video file"),
    (b"MZ", "it is a program; give a video file"),
)


def what_is(path: Path) -> str | None:
    """Return a phrase on what a file is and what to do, or None where it cannot be looked at."""
    if path.is_dir():
        return "it is a folder; give a file"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if head[4:8] == b"ftyp" and not _has_moov(path):
            return "it is truncated, its index (moov) is missing; get a whole copy"
    except OSError:
        return None
    known = next((phrase for magic, phrase in _MAGIC if head.startswith(magic)), None)
    return known or _by_look(head)


def _by_look(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "it is a WebP image; a clip is a video file or a folder of numbered images"
    if not head.strip(b"\0"):
        return "it holds zeros only, as after a failed copy; get a whole copy"
    if all(byte >= 32 or byte in b"\t\r\n\f\b\x1b" for byte in head):
        return "it is a text file; give a video file"
    return "it is no video that FFmpeg knows, or its beginning is damaged; convert it to mp4 or get a whole copy"


def _has_moov(path: Path) -> bool:
    """Whether an mp4 or mov has its index among the top-level boxes (ISO/IEC 14496-12, 4.2)."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if kind == b"moov":
                return at + length <= size
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                return False
            at += length
    return False
