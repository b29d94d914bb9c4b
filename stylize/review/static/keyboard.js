// Keyboard shortcuts. Space plays, so that K can set a key and L lock it.

import { $, h } from "/dom.js";
import { TOOLS, goPainted, propagate, resize, setBrush, toggle as paintMatte } from "/matte.js";
import { paint, shift } from "/panel.js";
import { cancel, change, edit, go, keyAfter, keyAt, keyBefore, locked, redo, start, store, undo } from "/store.js";
import { VIEWS, available, pan, toggle, cycleZoom } from "/viewer.js";

const LIST = [
  ["← →", "one frame back, forward"], ["Shift ← →", "ten frames"], ["Home End", "first, last frame"], ["[ ]", "previous, next key"],
  ["Space", "play, pause"], ["1 – 6", "source, painted, result, matte, confidence, comp"], ["Z", "zoom, also by the wheel; Alt and arrows move the image"],
  ["W S D O", "wipe, side by side, difference, onion skin"], ["K", "make the frame a key, or remove the key"],
  ["L", "lock or unlock the key"], [", .", "move the key one frame back, forward"], ["R", "paint this key again"], ["U", "upload a painted frame"],
  ["Ctrl Enter", "run; Esc cancels"], ["Ctrl Z", "undo; with Shift, redo"], ["V", "show the matte as red overlay, cutout, matte only"], ["M", "start or end painting the matte"],
  ["A E B", "matte tools: add, remove, box"], ["- =", "smaller, larger brush"], ["F", "find the edge, or use exact strokes"], ["C", "propagate the matte over the clip"],
  ["Tab Enter", "on the image: arrows move the brush, Enter starts and ends a stroke"], ["?", "this help"],
];

export function build() {
  $("shortcuts").append(...LIST.flatMap(([keys, words]) => [h("dt", {}, keys.split(" ").map((one) => (one === "–" ? "– " : h("kbd", {}, one)))), h("dd", {}, words)]));
  $("help-open").addEventListener("click", () => $("help").showModal());
  addEventListener("keydown", pressed);
}

function toggleKey() {
  const key = keyAt(store.frame);
  if (!key) edit(store.banned.includes(store.frame) ? "unban" : "add", { frame: store.frame });
  else edit("remove", { frame: key.frame });
}

function toggleLock() {
  const key = keyAt(store.frame);
  edit(key?.kind === "locked" ? "unlock" : "lock", { frame: store.frame });
}

const ANY = {
  ArrowLeft: (event) => go(store.frame - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => go(store.frame + (event.shiftKey ? 10 : 1)),
  Home: () => go(store.clip.first),
  End: () => go(store.clip.stop - 1),
  "[": () => go(keyBefore(store.frame)?.frame ?? store.clip.first),
  "]": () => go(keyAfter(store.frame)?.frame ?? store.clip.stop - 1),
  " ": () => change({ playing: !store.playing }),
  PageUp: () => go(store.frame - 1), PageDown: () => go(store.frame + 1),
  z: cycleZoom, v: cycleMatteDisplay, m: () => !store.given && paintMatte(),
  w: () => toggle("wipe"), s: () => toggle("side"), d: () => toggle("difference"), o: () => toggle("onion"),
  "?": () => $("help").showModal(),
  Escape: () => cancelRun(),
};
const EDITING = {
  k: toggleKey, l: toggleLock, ",": () => shift(-1), ".": () => shift(1),
  r: () => keyAt(store.frame) && paint(store, keyAt(store.frame)),
  u: () => $("file").click(),
};

// While a matte is painted, these replace the shortcuts of the plan.
const PAINTING = {
  ...Object.fromEntries(TOOLS.map(([tool, , letter]) => [letter.toLowerCase(), () => setBrush({ tool })])),
  "-": () => resize(1 / 1.2), "=": () => resize(1.2), "+": () => resize(1.2), f: () => setBrush({ exact: !store.brush.exact }),
  c: propagate, "[": () => goPainted(-1), "]": () => goPainted(1), w: () => {}, s: () => {}, d: () => {}, o: () => {},
};

const LOOKS = ["over", "cut", "alone"];
function cycleMatteDisplay() {
  change({ look: LOOKS[(LOOKS.indexOf(store.look) + 1) % LOOKS.length] });
}

function cancelRun() {
  if (store.run && store.run.state === "running") cancel();
}

function pressed(event) {
  if (!store.clip || $("help").open) return;
  const on = event.target;
  const typing = on.matches?.("input[type=number], input[type=text], select");
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = event.ctrlKey || event.metaKey;
  if (command && name === "z" && !typing) return act(event, event.shiftKey ? redo : undo);
  if (command && name === "y" && !typing) return act(event, redo);
  if (command && name === "Enter") return locked() ? undefined : act(event, () => start("run"));
  const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[name];
  if (event.altKey && way && store.zoom) return act(event, () => pan(80 * way[0] * devicePixelRatio, 80 * way[1] * devicePixelRatio));
  if (command || event.altKey || typing) return undefined;
  if (on.matches?.("input[type=range]") && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(name)) return undefined;
  if (name === " " && on.matches?.("button, input[type=checkbox]")) return undefined;
  if (on.closest?.("#views") && name.startsWith("Arrow")) return act(event, () => cycleView(name === "ArrowRight" ? 1 : -1));
  const view = VIEWS[Number(name) - 1];
  if (view) return available(view[0]) ? act(event, () => change({ view: view[0], take: null })) : undefined;
  if (store.brush.on && PAINTING[name]) return act(event, PAINTING[name]);
  if (ANY[name]) return act(event, () => ANY[name](event));
  if (EDITING[name] && !store.brush.on && !locked() && !store.given) return act(event, EDITING[name]);
  return undefined;
}

// Arrow keys cycle through the views as in a group of radio buttons.
function cycleView(by) {
  const there = VIEWS.filter(([view]) => available(view)).map(([view]) => view);
  const view = there[(there.indexOf(store.view) + by + there.length) % there.length];
  change({ view, take: null });
  document.querySelector(`[data-view=${view}]`).focus();
}

function act(event, run) {
  event.preventDefault();
  run();
}
