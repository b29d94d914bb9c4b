// Everything by keyboard. Space plays, so that K and L can be what they say: key and lock.

import { $, h } from "/dom.js";
import { TOOLS, goPainted, propagate, resize, setBrush, toggle as paintMatte } from "/matte.js";
import { paint, shift } from "/panel.js";
import { cancel, change, edit, go, keyAfter, keyAt, keyBefore, locked, redo, start, store, undo } from "/store.js";
import { VIEWS, available, pan, toggle, turnZoom } from "/viewer.js";

const LIST = [
  ["← →", "one frame back, on"], ["Shift ← →", "ten frames"], ["Home End", "first, last frame"], ["[ ]", "previous, next key"],
  ["Space", "play, pause"], ["1 – 6", "source, painted, result, matte, confidence, comp"], ["Z", "zoom; the wheel too, Alt and arrows move the picture"],
  ["W S D O", "wipe, side by side, difference, onion skin"], ["K", "make the frame a key, or take the key out"],
  ["L", "lock or unlock the key"], [", .", "move the key one frame back, on"], ["R", "paint this key again"], ["U", "upload a painted frame"],
  ["Ctrl Enter", "run; Esc cancels"], ["Ctrl Z", "undo; with Shift, redo"], ["V", "matte in red, cut out, alone"], ["M", "paint the matte, and back"],
  ["A E B", "while painting it: add, remove, box"], ["- =", "smaller, larger brush"], ["F", "find the edge, or paint as it is"], ["C", "carry the matte over the clip"],
  ["Tab Enter", "on the picture: arrows move the brush, Enter sets it down and lifts it"], ["?", "this help"],
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
  z: turnZoom, v: turnLook, m: () => !store.given && paintMatte(),
  w: () => toggle("wipe"), s: () => toggle("side"), d: () => toggle("difference"), o: () => toggle("onion"),
  "?": () => $("help").showModal(),
  Escape: () => cancelRun(),
};
const WRITING = {
  k: toggleKey, l: toggleLock, ",": () => shift(-1), ".": () => shift(1),
  r: () => keyAt(store.frame) && paint(store, keyAt(store.frame)),
  u: () => $("file").click(),
};

// While the matte is painted the keys of the plan rest, and these are there instead.
const PAINTING = {
  ...Object.fromEntries(TOOLS.map(([tool, , letter]) => [letter.toLowerCase(), () => setBrush({ tool })])),
  "-": () => resize(1 / 1.2), "=": () => resize(1.2), "+": () => resize(1.2), f: () => setBrush({ exact: !store.brush.exact }),
  c: propagate, "[": () => goPainted(-1), "]": () => goPainted(1), w: () => {}, s: () => {}, d: () => {}, o: () => {},
};

const LOOKS = ["over", "cut", "alone"];
function turnLook() {
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
  if (on.closest?.("#views") && name.startsWith("Arrow")) return act(event, () => turnView(name === "ArrowRight" ? 1 : -1));
  const view = VIEWS[Number(name) - 1];
  if (view) return available(view[0]) ? act(event, () => change({ view: view[0], take: null })) : undefined;
  if (store.brush.on && PAINTING[name]) return act(event, PAINTING[name]);
  if (ANY[name]) return act(event, () => ANY[name](event));
  if (WRITING[name] && !store.brush.on && !locked() && !store.given) return act(event, WRITING[name]);
  return undefined;
}

// Within the group of views, arrows go round as in every group of radio buttons.
function turnView(by) {
  const there = VIEWS.filter(([view]) => available(view)).map(([view]) => view);
  const view = there[(there.indexOf(store.view) + by + there.length) % there.length];
  change({ view, take: null });
  document.querySelector(`[data-view=${view}]`).focus();
}

function act(event, run) {
  event.preventDefault();
  run();
}
