// Viewer: one view of the frame, or two compared.

import { $, h } from "/dom.js";
import { drawMatte, drawStrokes, under } from "/overlay.js";
import { address, picture, prefetch } from "/pictures.js";
import { change, keyAfter, keyBefore, store } from "/store.js";

export const VIEWS = [
  ["source", "Source"], ["painted", "Painted"], ["result", "Result"], ["matte", "Matte"], ["confidence", "Confidence"], ["comp", "Comp"],
];
export const MODES = [["wipe", "Wipe", "W"], ["side", "Side by side", "S"], ["difference", "Difference", "D"], ["onion", "Onion skin", "O"]];
const MISSING = {
  painted: "No key is painted yet. Run, or paint one key.",
  result: "This frame is not propagated yet. Run to see it.",
  confidence: "This frame is not propagated yet. Run to see its confidence.",
  matte: "This project has no matte yet. “Paint matte” makes one.",
  comp: "Not all layers are propagated here yet. Run them to see the composite.",
};
const ZOOMS = [0, 1, 2, 4, 8];

const canvas = $("picture");
const pen = canvas.getContext("2d");
const drawn = { a: null, b: null, box: null };
let before = { frame: -1 };
let sharpening = 0;

export function build() {
  VIEWS.forEach(([view, label], index) => {
    $("views").append(
      h("button", { role: "radio", "data-view": view, title: `${label} (${index + 1})`, onclick: () => change({ view }) },
        h("kbd", {}, String(index + 1)), label),
    );
    $("against").append(h("option", { value: view }, label));
  });
  for (const [mode, label, letter] of MODES) {
    $("modes").append(
      h("button", { "data-mode": mode, "aria-pressed": "false", title: `${label} (${letter})`, onclick: () => toggle(mode) },
        h("kbd", {}, letter), label),
    );
  }
  $("against").addEventListener("change", (event) => change({ against: event.target.value }));
  $("wipe").addEventListener("input", (event) => change({ wipe: event.target.value / 100 }));
  $("zoom").addEventListener("change", (event) => zoomTo(Number(event.target.value)));
  $("stage").addEventListener("wheel", wheeled, { passive: false });
  const drag = (event) => {
    if (panning(event)) return pan(event.movementX * devicePixelRatio, event.movementY * devicePixelRatio);
    if (store.mode !== "wipe" || store.brush.on || !event.buttons || !drawn.box) return;
    const x = (event.offsetX * devicePixelRatio - drawn.box.x) / drawn.box.w;
    change({ wipe: Math.min(Math.max(x, 0), 1) });
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener("pointermove", drag);
  canvas.addEventListener("auxclick", (event) => event.preventDefault());
  new ResizeObserver(() => draw(store)).observe($("stage"));
}

// Returns whether the project has a view.
export const available = (view, state = store) => (view === "matte" ? Boolean(state.matte) || state.brush.on : view === "comp" ? Boolean(state.matte || state.layers.length) : true);

// Box of the image, or of the left one of two, in pixels of the screen.
export const drawnBox = () => drawn.box;

const panning = (event) => store.zoom && (event.buttons & 4 || (event.buttons & 1 && (event.altKey || (!store.brush.on && store.mode !== "wipe"))));

export function zoomTo(zoom, around = null) {
  const { width, height } = store.clip;
  const [x, y] = store.center || [width / 2, height / 2];
  if (!around || !drawn.box) return change({ zoom, center: [x, y] });
  // the point under the pointer stays in place
  const { box } = drawn;
  const at = [((around[0] - box.x) / box.w) * width, ((around[1] - box.y) / box.h) * height];
  const room = [canvas.width / 2, canvas.height / 2];
  change({ zoom, center: clampedCenter([at[0] - (around[0] - room[0]) / (zoom || 1), at[1] - (around[1] - room[1]) / (zoom || 1)]) });
}

export const cycleZoom = () => zoomTo(ZOOMS[(ZOOMS.indexOf(store.zoom) + 1) % 4]);

// Moves the image by pixels of the screen.
export function pan(x, y) {
  const [cx, cy] = store.center || [store.clip.width / 2, store.clip.height / 2];
  change({ center: clampedCenter([cx - x / (store.zoom || 1), cy - y / (store.zoom || 1)]) });
}

const clampedCenter = ([x, y]) => [Math.min(Math.max(x, 0), store.clip.width), Math.min(Math.max(y, 0), store.clip.height)];

let turned = 0;
function wheeled(event) {
  event.preventDefault();
  turned += event.deltaY;
  if (Math.abs(turned) < 50 || !store.clip || store.mode === "side") return;
  const at = ZOOMS.indexOf(store.zoom) + (turned < 0 ? 1 : -1);
  turned = 0;
  const zoom = ZOOMS[Math.min(Math.max(at, 0), ZOOMS.length - 1)];
  if (zoom !== store.zoom) zoomTo(zoom, [event.offsetX * devicePixelRatio, event.offsetY * devicePixelRatio]);
}

export function toggle(mode) {
  const on = store.mode !== mode;
  const against = on && store.against === store.view ? (store.view === "source" ? "result" : "source") : store.against;
  change({ mode: on ? mode : "plain", against });
}

// Draws the loaded images now, and again when others are loaded.
export function draw(state) {
  if (!state.clip) return;
  showControls(state);
  const compared = ["wipe", "side", "difference"].includes(state.mode);
  const wide = Math.round($("stage").clientWidth * devicePixelRatio);
  const tall = Math.round($("stage").clientHeight * devicePixelRatio);
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
  const a = loaded(state.view, state.frame, state);
  const b = compared ? loaded(state.against, state.frame, state) : null;
  drawn.a = a.bitmap || (a.place && before.view === state.view ? drawn.a : a.bitmap);
  drawn.b = b && (b.bitmap || (b.place ? drawn.b : null));
  $("tag-a").textContent = label(state.view, state, a.place);
  $("tag-a").classList.toggle("outdated", Boolean(a.place?.old));
  $("tag-b").hidden = !compared;
  $("tag-b").textContent = compared ? label(state.against, state, b.place) : "";
  $("tag-b").classList.toggle("outdated", Boolean(b?.place?.old));
  const lacking = !a.place || a.failed ? state.view : compared && (!b.place || b.failed) ? state.against : null;
  $("missing").hidden = !lacking || state.brush.on;
  $("missing").textContent = lacking ? MISSING[lacking] || "This image is not available." : "";
  paint(state);
  canvas.dataset.ready = String(Boolean(drawn.a) || (state.brush.on && Boolean(state.mattes)));
  const views = compared ? [state.view, state.against] : [state.view];
  prefetch(views, state.frame, Math.sign(state.frame - before.frame) || 1, state.playing ? 24 : 9);
  before = { frame: state.frame, view: state.view };
  clearTimeout(sharpening);
  if (state.view === "matte" || (compared && state.against === "matte")) views.push("source");
  if (!state.playing && (drawn.box?.w || 0) > 660) sharpening = setTimeout(() => sharpen(state, views), 200);
}

function loaded(view, frame, state) {
  const place = address(view, frame);
  if (!place) return { place: null, bitmap: null };
  const full = sharp.get(place.url);
  const entry = full?.bitmap ? full : picture(place.url);
  if (!entry.bitmap && !entry.failed) entry.ready.then(() => state.frame === store.frame && change({}));
  return { place, bitmap: entry.bitmap, failed: entry.failed };
}

// Fetches a frame at full size after a moment without steps.
const sharp = new Map();
function sharpen(state, views) {
  const wanted = views.map((view) => address(view, state.frame)).filter(Boolean);
  for (const [url] of sharp) if (!wanted.some((place) => place.url === url)) sharp.delete(url);
  for (const { url } of wanted) {
    if (sharp.has(url)) continue;
    const entry = picture(`${url}&full=1`);
    sharp.set(url, entry);
    if (!entry.bitmap) entry.ready.then(() => change({}));
  }
}

function label(view, state, place) {
  const name = VIEWS.find(([id]) => id === view)[1];
  return place?.note ? `${name} · ${place.note}` : name;
}

function paint(state) {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const { clip } = state;
  const pair = state.mode === "side";
  const gap = pair ? Math.round(10 * devicePixelRatio) : 0;
  pen.imageSmoothingEnabled = state.zoom < 2; // from 200 % on, show single pixels
  const box = fit(pair ? { x: 0, y: 0, w: (canvas.width - gap) / 2, h: canvas.height } : { x: 0, y: 0, w: canvas.width, h: canvas.height }, clip);
  drawn.box = box;
  pen.imageSmoothingQuality = "high";
  if (pair) clipped(0, (canvas.width - gap) / 2);
  if (state.brush.on && state.view === "matte" && !drawn.a) drawMatte(pen, null, under(state.frame, sharp), box, state.look);
  else if (!drawn.a) {
    const source = picture(address("source", state.frame).url);
    if (source.bitmap) {
      pen.globalAlpha = 0.35;
      pen.drawImage(source.bitmap, box.x, box.y, box.w, box.h);
      pen.globalAlpha = 1;
    } else source.ready.then(() => change({}));
  } else show(drawn.a, state.view, box, state);
  if (pair) pen.restore();
  drawStrokes(pen, state, box);
  if (state.mode === "onion") onion(state, box);
  if (!drawn.b) return;
  if (pair) {
    const right = fit({ x: (canvas.width + gap) / 2, y: 0, w: (canvas.width - gap) / 2, h: canvas.height }, clip);
    clipped((canvas.width + gap) / 2, canvas.width);
    show(drawn.b, state.against, right, state);
    pen.restore();
  } else if (state.mode === "difference") difference(box);
  else if (state.mode === "wipe") wipe(state, box);
}

function clipped(from, to) {
  pen.save();
  pen.beginPath();
  pen.rect(from, 0, to - from, canvas.height);
  pen.clip();
}

function show(bitmap, view, box, state) {
  if (view === "matte") drawMatte(pen, bitmap, under(state.frame, sharp), box, state.mode === "difference" ? "alone" : state.look);
  else pen.drawImage(bitmap, box.x, box.y, box.w, box.h);
}

function fit(room, clip) {
  if (store.zoom) {
    const [w, h] = [clip.width * store.zoom, clip.height * store.zoom];
    const [x, y] = store.center || [clip.width / 2, clip.height / 2];
    return { x: Math.round(room.x + room.w / 2 - x * store.zoom), y: Math.round(room.y + room.h / 2 - y * store.zoom), w, h };
  }
  const scale = Math.min(room.w / clip.width, room.h / clip.height);
  const [w, h] = [Math.round(clip.width * scale), Math.round(clip.height * scale)];
  return { x: Math.round(room.x + (room.w - w) / 2), y: Math.round(room.y + (room.h - h) / 2), w, h };
}

function wipe(state, box) {
  const at = Math.round(box.x + box.w * state.wipe);
  pen.save();
  pen.beginPath();
  pen.rect(at, box.y, box.x + box.w - at, box.h);
  pen.clip();
  show(drawn.b, state.against, box, state);
  pen.restore();
  pen.fillStyle = "rgb(0 0 0 / 55%)";
  pen.fillRect(at - 2 * devicePixelRatio, box.y, 4 * devicePixelRatio, box.h);
  pen.fillStyle = "#fff";
  pen.fillRect(at - devicePixelRatio, box.y, 2 * devicePixelRatio, box.h);
}

// Difference times 3, so that small differences are visible.
function difference(box) {
  pen.save();
  pen.globalCompositeOperation = "difference";
  pen.drawImage(drawn.b, box.x, box.y, box.w, box.h);
  pen.globalCompositeOperation = "lighter";
  pen.drawImage(canvas, box.x, box.y, box.w, box.h, box.x, box.y, box.w, box.h);
  pen.globalAlpha = 0.5;
  pen.drawImage(canvas, box.x, box.y, box.w, box.h, box.x, box.y, box.w, box.h);
  pen.restore();
}

// Overlays the keys on both sides with an opacity of one third each.
function onion(state, box) {
  for (const key of [keyBefore(state.frame), keyAfter(state.frame)]) {
    const painted = key && state.details.keys[key.frame]?.file;
    if (!painted) continue;
    const entry = picture(`/api/frame/painted/${key.frame}?v=${painted}`);
    if (entry.bitmap) {
      pen.globalAlpha = 0.33;
      pen.drawImage(entry.bitmap, box.x, box.y, box.w, box.h);
      pen.globalAlpha = 1;
    } else if (!entry.failed) entry.ready.then(() => change({}));
  }
}

function showControls(state) {
  for (const button of $("views").children) {
    button.setAttribute("aria-checked", String(button.dataset.view === state.view));
    button.tabIndex = button.dataset.view === state.view ? 0 : -1;
    button.disabled = button.dataset.view === "matte" && !available("matte", state);
    button.hidden = button.dataset.view === "comp" && !available("comp", state);
  }
  for (const button of $("modes").children) button.setAttribute("aria-pressed", String(button.dataset.mode === state.mode));
  $("modes").hidden = state.brush.on;
  for (const option of $("against").options) option.hidden = option.disabled = !available(option.value, state);
  $("zoom").value = String(state.zoom);
  $("look-label").hidden = state.view !== "matte" && state.against !== "matte";
  $("look").value = state.look;
  $("stage").classList.toggle("panning", Boolean(state.zoom) && !state.brush.on && state.mode !== "wipe");
  const compared = ["wipe", "side", "difference"].includes(state.mode);
  $("against-label").hidden = !compared;
  $("against").value = state.against;
  $("wipe").hidden = state.mode !== "wipe";
  $("wipe").value = String(state.wipe * 100);
  const view = VIEWS.find(([id]) => id === state.view)[1];
  canvas.setAttribute("aria-label", `${view} of frame ${state.frame}`);
}
