"""A script for After Effects that lays the exported layers over the plate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize.export.comp_description import CompDescription, Footage

_MODES = {"over": "NORMAL", "plus": "ADD", "multiply": "MULTIPLY", "screen": "SCREEN", "mix": "NORMAL"}
_HALF = 50
"""Opacity in per cent of a layer that is mixed half and half."""

_SCRIPT = """// stylize: the comp of the exported layers. File > Scripts > Run Script File.
(function () {
  var comp = %s;
  var here = File($.fileName).parent;

  function place(footage) {
    return new File(footage.absolute ? footage.path : here.fsName + "/" + footage.path);
  }

  function bring(footage, name) {
    var file = place(footage);
    if (!file.exists) { throw new Error(file.fsName + " is missing; export again"); }
    var options = new ImportOptions(file);
    options.sequence = footage.sequence;
    options.forceAlphabetical = false;
    var item = app.project.importFile(options);
    item.name = name;
    if (footage.sequence) { item.mainSource.conformFrameRate = comp.rate; }
    if (item.mainSource.hasAlpha) { item.mainSource.alphaMode = AlphaMode.STRAIGHT; }
    return item;
  }

  function lay(into, footage, name) {
    var layer = into.layers.add(bring(footage, name));
    layer.startTime = footage.sequence ? 0 : -footage.skip / comp.rate;
    layer.name = name;
    return layer;
  }

  app.beginUndoGroup("stylize");
  if (!app.project) { app.newProject(); }
  app.project.bitsPerChannel = 16;
  app.project.linearBlending = comp.linear;
  var target = app.project.items.addComp(
    comp.name, comp.width, comp.height, comp.aspect, comp.count / comp.rate, comp.rate
  );
  target.displayStartTime = comp.first / comp.rate;
  lay(target, comp.plate, "plate");
  for (var i = 0; i < comp.layers.length; i += 1) {
    var one = comp.layers[i];
    var layer = lay(target, one.footage, one.name);
    layer.blendingMode = BlendingMode[one.mode];
    layer.property("Opacity").setValue(one.opacity);
    for (var k = 0; k < one.keys.length; k += 1) {
      layer.property("Marker").setValueAtTime(one.keys[k] / comp.rate, new MarkerValue("key"));
    }
  }
  target.openInViewer();
  app.endUndoGroup();
}());
"""


def after_effects_script(comp: CompDescription) -> str:
    """Return a .jsx script: footage is imported with straight alpha and laid over each other as here.

    Keys become markers of their layer. Light is mixed where it is here (Blend Colors Using 1.0 Gamma).
    """
    facts = {
        "name": comp.name,
        "width": comp.size[0],
        "height": comp.size[1],
        "aspect": float(comp.aspect),
        "rate": float(comp.rate),
        "count": comp.count,
        "first": comp.first,
        "linear": comp.linear,
        "plate": _footage(comp.plate),
        "layers": [
            {
                "name": layer.name,
                "footage": _footage(layer.footage),
                "mode": _MODES[layer.blend],
                "opacity": _HALF if layer.blend == "mix" else 100,
                "keys": list(layer.keys),
            }
            for layer in comp.layers
        ],
    }
    return _SCRIPT % json.dumps(facts, indent=2, ensure_ascii=True)


def _footage(footage: Footage) -> dict[str, Any]:
    return {
        "path": footage.file(0),
        "absolute": bool(footage.folder) and (footage.folder.startswith("/") or ":" in footage.folder),
        "sequence": footage.is_sequence,
        "skip": 0 if footage.is_sequence else footage.first,
    }
