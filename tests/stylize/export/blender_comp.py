"""Run inside Blender: lays exported layers over the plate with its own compositor, and renders that.

blender -b --factory-startup -P blender_comp.py -- CONFIG.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy


def load(path, space):
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = space
    return image


def node(tree, kind, **values):
    made = tree.nodes.new(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def footage(tree, path, space, frames):
    """An image node of a sequence or a video, whose first frame is the scene's frame 1."""
    image = load(path, space)
    if image.source != "MOVIE":
        image.source = "SEQUENCE"
    made = node(tree, "CompositorNodeImage", image=image)
    made.frame_duration, made.frame_start, made.frame_offset = frames, 1, 0
    if image.source == "SEQUENCE":
        made.frame_offset = int(Path(path).stem.rpartition(".")[2]) - 1
    return made


def lay(tree, below, above, *, straight=False):
    """Above over below; straight alpha is multiplied in on the way."""
    over = node(tree, "CompositorNodeAlphaOver", use_premultiply=straight)
    tree.links.new(below, over.inputs[1])
    tree.links.new(above, over.inputs[2])
    return over.outputs[0]


def render(scene, name, config):
    scene.render.filepath = str(Path(config["out"]) / f"{name}.####")
    bpy.ops.render.render(animation=True, scene=scene.name)


def main():
    config = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text())
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = config["size"]
    scene.render.resolution_percentage = 100
    scene.frame_start, scene.frame_end = 1, config["frames"]
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGB", "16"
    scene.render.dither_intensity = 0
    scene.use_nodes = True
    found: list[str] = []
    for name in ("exr", "prores", "matte"):
        tree = scene.node_tree
        tree.nodes.clear()
        out = node(tree, "CompositorNodeComposite")
        picture = footage(tree, config["plate"], "sRGB", config["frames"]).outputs["Image"]
        if name == "exr":
            image = footage(tree, config["exr"], "Linear", config["frames"])
            found = [socket.name for socket in image.outputs]
            for layer in config["layers"]:
                picture = lay(tree, picture, image.outputs[layer])
        elif name == "prores":
            for path in config["movies"]:
                movie = footage(tree, path, "sRGB", config["frames"])
                picture = lay(tree, picture, movie.outputs["Image"], straight=True)
        else:
            image = footage(tree, config["exr"], "Linear", config["frames"])
            seen = footage(tree, config["mattes"], "Non-Color", config["frames"])
            apart = node(tree, "CompositorNodeMath", operation="SUBTRACT")
            apart.use_clamp = False
            size = node(tree, "CompositorNodeMath", operation="ABSOLUTE")
            tree.links.new(image.outputs[config["matte_pass"]], apart.inputs[0])
            tree.links.new(seen.outputs["Image"], apart.inputs[1])
            tree.links.new(apart.outputs[0], size.inputs[0])
            picture = size.outputs[0]
        tree.links.new(picture, out.inputs[0])
        render(scene, name, config)
    (Path(config["out"]) / "passes.json").write_text(json.dumps(found))


main()
