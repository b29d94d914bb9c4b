"""A script for Nuke that lays the exported layers over the plate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylize.export.comp_description import CompDescription, Footage

_MERGE = {"over": "copy", "plus": "plus", "multiply": "multiply", "screen": "screen", "mix": "average"}
"""Each blend as Nuke's Merge has it on straight colors, masked by the layer's alpha."""


def nuke_script(comp: CompDescription) -> str:
    """Return a .nk script: plate and layers are read, laid over each other as here, and written.

    Every layer's straight colors are merged with what is below under the layer's own alpha as mask: so all
    blends mean in Nuke what they mean here. Values that are mixed as they stand are read and written raw.
    """
    last = comp.first + comp.count - 1
    color, size = "sRGB" if comp.linear else "raw", f"{comp.size[0]} {comp.size[1]}"
    lines = [
        "#! stylize: the comp of the exported layers",
        "Root {",
        " inputs 0",
        f" name {_text(comp.name + '.nk')}",
        ' project_directory "\\[python {nuke.script_directory()}]"',
        f' format "{size} 0 0 {size} {float(comp.aspect):g} plate"',
        f" first_frame {comp.first}",
        f" last_frame {last}",
        f" fps {float(comp.rate):.6g}",
        "}",
        *_read(comp, "plate", comp.plate, color),
        "set below [stack 0]",
    ]
    for layer in comp.layers:
        lines += [
            *_read(comp, layer.name, layer.footage, color),
            "set above [stack 0]",
            "push $above",
            "push $below",
            "Merge2 {",
            " inputs 2+1",
            f" operation {_MERGE[layer.blend]}",
            " maskChannelMask rgba.alpha",
            " output rgb",
            f" name {_text('over_' + layer.name)}",
            "}",
            "set below [stack 0]",
        ]
    out = comp.flat.path("%04d") if comp.flat.is_sequence else f"{comp.name}.%04d.png"
    lines += [
        "Write {",
        f" file {_text('nuke/' + out.rpartition('/')[2])}",
        f" colorspace {color if comp.linear else 'linear'}",
        f" raw {'false' if comp.linear else 'true'}",
        " create_directories true",
        " name flattened",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _read(comp: CompDescription, name: str, footage: Footage, color: str) -> list[str]:
    """Read footage so that its first frame is the comp's first."""
    first = footage.first + (0 if footage.is_sequence else 1)  # Nuke counts a video's frames from 1
    return [
        "Read {",
        " inputs 0",
        f" file {_text(footage.printf)}",
        f" first {first}",
        f" last {first + comp.count - 1}",
        f" origfirst {first}",
        f" origlast {first + comp.count - 1}",
        ' frame_mode "start at"',
        f" frame {comp.first}",
        *([" colorspace sRGB"] if color == "sRGB" else [" raw true"]),
        " premultiplied false",
        f" name {_text('read_' + name)}",
        "}",
    ]


def _text(text: str) -> str:
    plain = text.replace("\\", "/").replace('"', "'")
    return f'"{plain}"'
