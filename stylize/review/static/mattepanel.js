// Panel of the matte: tools, state of the frame and the clip, active matte.

import { $, h, key as kbd, many } from "/dom.js";
import { TOOLS, addStroke, propagate, setBrush, toggle } from "/matte.js";
import { go, loadMattes, locked, store, writeMatte } from "/store.js";

let shown = "";

export function matteCard(state) {
  const { brush, mattes, frame } = state;
  const now = JSON.stringify([brush, mattes, state.matteProblem, frame, locked(), state.matte, state.clip.width]);
  if (now === shown && $("panel").querySelector("#matte-tools")) return;
  shown = now;
  const focused = document.activeElement?.closest?.("#panel") && document.activeElement.id;
  $("panel").replaceChildren(...(mattes && !state.matteProblem ? card(state) : waiting(state)));
  if (focused) $(focused)?.focus();
}

function waiting(state) {
  return [
    h("h2", {}, "Paint the matte"),
    h("p", { class: state.matteProblem ? "bad" : "soft", id: "matte-tools" }, state.matteProblem || "Loading …"),
    h("div", { class: "row" }, act("again", "Retry", () => loadMattes(), !state.matteProblem), act("done", "Done", toggle, false, "Back to keys and paint", "M")),
  ];
}

function card(state) {
  const { mattes, frame } = state;
  return [
    h("h2", {}, "Paint the matte", h("span", { class: "chip plain" }, `frame ${frame}`)),
    h("p", { class: "why", "aria-live": "polite" }, advice(mattes)),
    tools(state),
    h("section", { "aria-label": "This frame" },
      h("h3", {}, `Frame ${frame}: ${frameState(mattes, frame)}`),
      h("div", { class: "row" },
        act("keep", "Keep this matte", () => addStroke("keep", `The matte of frame ${frame} is kept.`), !mattes.painted[frame] && !state.matte && !mattes.carried[frame] && !mattes.old[frame],
          "Use this matte as if it were painted: it is propagated to the frames beside it"),
        act("empty", "Subject not visible", () => addStroke("empty", `Frame ${frame} is marked as empty.`), false, "Make the matte of this frame empty"),
        act("clear", "Clear", () => addStroke("clear", `The strokes of frame ${frame} are removed.`), !mattes.painted[frame], "Remove all strokes of this frame"))),
    h("section", { "aria-label": "The clip" },
      h("h3", {}, "Clip"),
      h("div", { class: "row" },
        act("propagate", mattes.left ? `Propagate to ${many(mattes.left, "frame")}` : "Propagate", propagate, !Object.keys(mattes.painted).length || (!mattes.left && mattes.use === "painted"), "Propagate the painted mattes to all other frames, the nearest first", "C", "primary"),
        act("done", "Done", toggle, false, "Back to keys and paint", "M")),
      h("p", { class: "soft" }, activeMatte(mattes)),
      mattes.use === "painted"
        ? h("div", { class: "row" }, act("former", mattes.former ? `Back to ${mattes.former}` : "Use no matte", () => writeMatte("use", { wanted: false }, mattes.former ? `${mattes.former} is in use again.` : "No matte is in use."), false, "The painted matte is kept"))
        : mattes.use !== "painted" && !mattes.left && Object.keys(mattes.carried).length
          ? h("div", { class: "row" }, act("use", "Use the painted matte", () => writeMatte("use", { wanted: true }, "The painted matte is in use."), false)) : null),
    frames(mattes, frame),
  ].filter(Boolean);
}

function advice(mattes) {
  if (!Object.keys(mattes.painted).length)
    return "Draw a box around the subject, or paint on it with Add: the edge is found by color. Correct it with Add and Remove, then propagate it.";
  if (mattes.left) return "When this matte is right, propagate it. Frames between two painted frames follow both.";
  return "Every frame has a matte. Correct a wrong one on its frame and propagate again: only the frames up to the next painted ones change.";
}

function frameState(mattes, frame) {
  if (mattes.painted[frame]) {
    const count = mattes.strokes[frame];
    return count ? `painted, ${many(count, "stroke")}` : "painted by hand";
  }
  if (mattes.carried[frame]) return "propagated";
  if (mattes.old[frame]) return "propagated (out of date)";
  return mattes.use === "none" ? "no matte yet" : "the active matte";
}

function activeMatte(mattes) {
  const empty = mattes.empty ? ` ${many(mattes.empty, "frame")} of shots without a painted frame ${mattes.empty === 1 ? "is" : "are"} empty.` : "";
  if (mattes.use === "painted") return `The painted matte is in use.${empty}`;
  if (mattes.use === "other") return `${mattes.source} is in use; the painted matte replaces it after propagation.${empty}`;
  return `No matte is in use yet; propagation puts the painted matte in use.${empty}`;
}

function tools(state) {
  const { brush, clip } = state;
  const largest = Math.max(clip.width, clip.height) / 6;
  const size = h("input", { id: "brush-size", type: "range", min: 0, max: 1000, step: 1, "aria-valuetext": `${brush.size} pixels`, disabled: brush.tool === "box",
    oninput: (event) => setBrush({ size: Math.round(10 * 0.5 * (largest / 0.5) ** (event.target.value / 1000)) / 10 }) });
  size.value = String(Math.round((1000 * Math.log(brush.size / 0.5)) / Math.log(largest / 0.5)));
  return h("section", { "aria-label": "Brush", id: "matte-tools" },
    h("div", { class: "tools", role: "radiogroup", "aria-label": "Tool" },
      TOOLS.map(([tool, label, letter]) => h("button", {
        id: `tool-${tool}`, role: "radio", "aria-checked": String(tool === brush.tool), tabIndex: tool === brush.tool ? 0 : -1, onclick: () => setBrush({ tool }), onkeydown: turn,
      }, label, kbd(letter)))),
    h("div", { class: "brush" },
      h("label", { htmlFor: "brush-size" }, "Size ", kbd("-"), kbd("=")), size, h("output", { htmlFor: "brush-size" }, `${brush.size} px`)),
    h("label", { class: "check" },
      h("input", { id: "brush-edge", type: "checkbox", checked: !brush.exact, disabled: brush.tool === "box", onchange: (event) => setBrush({ exact: !event.target.checked }) }),
      h("span", {}, "Find the edge in the image", kbd("F"))));
}

// Arrow keys cycle through the tools as in a group of radio buttons.
function turn(event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const at = TOOLS.findIndex(([tool]) => tool === store.brush.tool);
  const [tool] = TOOLS[(at + by + TOOLS.length) % TOOLS.length];
  setBrush({ tool });
  requestAnimationFrame(() => requestAnimationFrame(() => $(`tool-${tool}`)?.focus()));
}

function frames(mattes, frame) {
  const painted = Object.keys(mattes.painted).map(Number);
  if (!painted.length) return null;
  return h("section", { "aria-label": "Painted frames" },
    h("h3", {}, many(painted.length, "painted frame"), " · ", kbd("["), kbd("]")),
    h("div", { class: "frames" },
      painted.map((one) => h("button", { id: `painted-${one}`, "aria-current": one === frame ? "true" : null, onclick: () => go(one) }, String(one)))));
}

function act(id, words, run, off, title = "", letter = "", kind = "") {
  return h("button", { id: `matte-${id}`, class: kind, disabled: off || locked(), onclick: run, title: title || words }, words, letter ? kbd(letter) : null);
}
