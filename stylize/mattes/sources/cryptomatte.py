"""Cryptomatte: mattes by object name from ID and coverage pairs (Friedman and Jones 2015).

Each pixel ranks the objects that cover it. Channels hold, two ranks to a layer, the 32-bit hash of an object's
name as a float, and its coverage. The manifest, in the header or in a sidecar file, maps names to hashes.
"""

from __future__ import annotations

import difflib
import fnmatch
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.mattes.sources.exr import ExrFile


@dataclass(frozen=True)
class _Kind:
    """One cryptomatte of a file, for example of objects or of materials."""

    name: str
    manifest: dict[str, int]
    where: str


def crypto_matte(file: ExrFile, select: str) -> F32:
    """Return the summed coverage of objects, float32 (H, W), 0 to 1.

    Parameters
    ----------
    file
        An EXR opened with its pixels.
    select
        ``crypto=hero,chair``: names, with ``*`` as wildcard, or hashes such as ``#248bfa47``, which need
        no manifest. ``crypto.CryptoMaterial=skin`` searches only that cryptomatte.

    Raises
    ------
    MediaError
        If the file has no cryptomatte, no manifest for a name, or the name is unknown.
    """
    head, _, wanted = select.partition("=")
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if not names:
        raise MediaError(f"{file.path}:{select}: missing object name; write crypto=hero,chair")
    kinds = _kinds(file, head.partition(".")[2])
    total = np.zeros(file.size[::-1], np.float32)
    found: dict[str, set[int]] = {}
    for name in names:
        homes = {kind.name: ids for kind in kinds if (ids := _ids_of(name, kind))}
        if not homes:
            raise MediaError(_unknown(file.path, name, kinds))
        for home, ids in homes.items():
            found.setdefault(home, set()).update(ids)
    for home, ids in found.items():
        total += _coverage(file, home, ids)
    return np.asarray(np.clip(total, 0, 1), np.float32)


def _kinds(file: ExrFile, only: str) -> list[_Kind]:
    kinds: list[_Kind] = []
    named: list[str] = []
    for part in file.parts:
        header = part.header
        for key, value in header.items():
            if not (key.startswith("cryptomatte/") and key.endswith("/name")):
                continue
            base = key.removesuffix("/name")
            name = _text(value)
            if name in named:
                continue
            named.append(name)
            # Blender puts the view layer before the name: "View Layer.CryptoObject"
            if only in ("", name, name.rpartition(".")[2]):
                kinds.append(_Kind(name, *_manifest(file.path, header, base)))
    if not kinds and named:
        raise MediaError(f"{file.path}: unknown cryptomatte {only}; it has {', '.join(named)}")
    if not kinds:
        raise MediaError(
            f"{file.path} has no cryptomatte in its header; render it with one, or name a channel: FILE.exr:LAYER.A"
        )
    return kinds


def _manifest(path: Path, header: dict[str, Any], base: str) -> tuple[dict[str, int], str]:
    """Return the hash of each name, and the place of the manifest; both empty without a manifest."""
    text, where = _text(header.get(f"{base}/manifest", "")), "its header"
    if not text and (sidecar := _text(header.get(f"{base}/manif_file", ""))):
        place = path.parent / sidecar
        where = str(place)
        if not place.is_file():
            raise MediaError(f"{path}: its manifest {sidecar} is missing; put it beside the file")
        text = place.read_text(encoding="utf-8")
    if not text:
        return {}, ""
    try:
        return {str(name): int(code, 16) for name, code in json.loads(text).items()}, where
    except (ValueError, AttributeError, TypeError) as error:
        raise MediaError(f"{path}: its manifest in {where} cannot be read ({error}); render it again") from error


def _ids_of(name: str, kind: _Kind) -> set[int]:
    if name.startswith("#"):
        try:
            return {int(name[1:], 16)}
        except ValueError:
            return set()
    if name in kind.manifest:
        return {kind.manifest[name]}
    return {code for known, code in kind.manifest.items() if fnmatch.fnmatchcase(known, name)}


def _unknown(path: Path, name: str, kinds: list[_Kind]) -> str:
    known = sorted({one for kind in kinds for one in kind.manifest})
    if name.startswith("#"):
        return f"{path}: invalid hash {name}; write eight hexadecimal digits such as #248bfa47"
    if not known:
        return (
            f"{path}: its cryptomatte has no manifest to look names up; "
            f"render it with one, or use the hash of the name: crypto=#{murmurhash3(name):08x}"
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"{path}: unknown object {name}; {hint}it has {', '.join(known[:12])}{more}"


def _coverage(file: ExrFile, kind: str, ids: set[int]) -> F32:
    wanted = np.array([hash_to_float(code) for code in sorted(ids)], np.float32).view(np.uint32)
    names, total, rank = set(file.names()), np.zeros(file.size[::-1], np.float32), 0
    while pairs := _rank(names, f"{kind}{rank:02d}"):
        for identity, coverage in pairs:
            bits = np.ascontiguousarray(file.plane(identity)).view(np.uint32)
            total += np.where(np.isin(bits, wanted), file.plane(coverage), 0)
        rank += 1
    if not rank:
        raise MediaError(f"{file.path}: channels {kind}00 of cryptomatte {kind} are missing; render it again")
    return total


def _rank(names: set[str], layer: str) -> list[tuple[str, str]]:
    """Return the (identity, coverage) channels of a layer; renderers use several names for them."""
    for spelled in ("RGBA", "rgba", ("red", "green", "blue", "alpha")):
        four = [f"{layer}.{channel}" for channel in spelled]
        if {*four[:2]} <= names:
            return [pair for pair in ((four[0], four[1]), (four[2], four[3])) if {*pair} <= names]
    return []


def hash_to_float(code: int) -> float:
    """Return the float that stores a hash in a pixel: its bits, with exponents of NaN and denormals changed."""
    exponent = code >> 23 & 255
    if exponent in (0, 255):
        code ^= 1 << 23
    return float(np.uint32(code).view(np.float32))


def murmurhash3(name: str) -> int:
    """Return MurmurHash3 (x86, 32 bits, seed 0) of a name in UTF-8, its hash in a cryptomatte."""
    data, mask, state = name.encode(), 0xFFFFFFFF, 0
    for at in range(0, len(data), 4):
        block = data[at : at + 4]
        value = int.from_bytes(block, "little") * 0xCC9E2D51 & mask
        value = (value << 15 | value >> 17) & mask
        state ^= value * 0x1B873593 & mask
        if len(block) == 4:
            state = (state << 13 | state >> 19) & mask
            state = (state * 5 + 0xE6546B64) & mask
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        state = (state ^ state >> shift) * factor & mask
    return state


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
