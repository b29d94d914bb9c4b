"""EXR files as renderers write them, made by hand: windows, parts, sub-sampled channels, Cryptomatte."""

from __future__ import annotations

import json
import struct

import numpy as np

from stylize.mattes.sources.cryptomatte import hash_to_float, murmurhash3


def write_layers(path, channels, *, data_at=(0, 0), display=None, header=None):
    """One part; `channels` name → float array; the data window begins at `data_at` in the display window."""
    import OpenEXR

    height, width = next(iter(channels.values())).shape
    display = display or (width, height)
    left, top = data_at
    tags = {
        "compression": OpenEXR.ZIPS_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": (
            np.array([left, top], np.int32),
            np.array([left + width - 1, top + height - 1], np.int32),
        ),
        "displayWindow": (np.array([0, 0], np.int32), np.array([display[0] - 1, display[1] - 1], np.int32)),
        **(header or {}),
    }
    OpenEXR.File(tags, dict(channels)).write(str(path))
    return path


def write_parts(path, parts):
    """Several parts; `parts` name → channels."""
    import OpenEXR

    made = [
        OpenEXR.Part({"name": name, "type": OpenEXR.scanlineimage}, dict(channels)) for name, channels in parts.items()
    ]
    OpenEXR.File(made).write(str(path))
    return path


def write_subsampled(path, channels, size):
    """Uncompressed, byte by byte, since the library does not write it; `channels` name → (array, step)."""
    width, height = size

    def tag(name, kind, data):
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(data)) + data

    names = sorted(channels)
    listed = b"".join(
        n.encode() + b"\0" + struct.pack("<iBBBBii", 2, 0, 0, 0, 0, channels[n][1], channels[n][1]) for n in names
    )
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<ii", 20000630, 2) + b"".join(
        [
            tag("channels", "chlist", listed + b"\0"),
            tag("compression", "compression", b"\0"),
            tag("dataWindow", "box2i", box),
            tag("displayWindow", "box2i", box),
            tag("lineOrder", "lineOrder", b"\0"),
            tag("pixelAspectRatio", "float", struct.pack("<f", 1)),
            tag("screenWindowCenter", "v2f", struct.pack("<ff", 0, 0)),
            tag("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        ]
    )
    lines = []
    for y in range(height):
        data = b"".join(
            values[y // step].astype("<f4").tobytes() for values, step in (channels[n] for n in names) if y % step == 0
        )
        lines.append(struct.pack("<ii", y, len(data)) + data)
    at, table = len(head) + 8 * height, b""
    for line in lines:
        table += struct.pack("<Q", at)
        at += len(line)
    path.write_bytes(head + table + b"".join(lines))
    return path


def write_crypto(path, coverage, *, manifest="inline", kind="CryptoObject"):
    """A Cryptomatte of `coverage` name → float32 (H, W); in every pixel the ranks go by coverage."""
    names = list(coverage)
    stacked = np.stack([coverage[name] for name in names])
    order = np.argsort(-stacked, axis=0, kind="stable")
    codes = np.array([hash_to_float(murmurhash3(name)) for name in names], np.float32)
    channels = {"R": np.zeros(stacked.shape[1:], np.float16)}
    for rank in range(-(-len(names) // 2) * 2):
        layer, pair = f"{kind}{rank // 2:02d}", ("RG", "BA")[rank % 2]
        here = order[rank] if rank < len(names) else None
        share = np.zeros(stacked.shape[1:], np.float32)
        identity = share.copy()
        if here is not None:
            share = np.take_along_axis(stacked, here[None], 0)[0]
            identity = np.where(share > 0, codes[here], np.float32(0))
        channels[f"{layer}.{pair[0]}"] = np.ascontiguousarray(identity, np.float32)
        channels[f"{layer}.{pair[1]}"] = np.ascontiguousarray(share, np.float32)
    text = json.dumps({name: f"{murmurhash3(name):08x}" for name in names})
    base = "cryptomatte/1a2b3c4"
    header = {
        f"{base}/name": kind,
        f"{base}/hash": "MurmurHash3_32",
        f"{base}/conversion": "uint32_to_float32",
    }
    if manifest == "inline":
        header[f"{base}/manifest"] = text
    elif manifest == "sidecar":
        header[f"{base}/manif_file"] = "names.json"
        path.with_name("names.json").write_text(text)
    return write_layers(path, channels, header=header)
