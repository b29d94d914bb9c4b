// Timeline: curves, spans and cuts on a canvas, keys as draggable buttons, current frame as a slider.

import { $, KINDS, h, timecode } from "/dom.js";
import { change, detailOf, edit, go, keyAt, kindOf, locked, store } from "/store.js";

const track = $("track");
const canvas = $("curves");
const pen = canvas.getContext("2d");
let dragged = null;

export function build() {
  const seek = (event) => {
    if (event.buttons & 1) go(frameAt(event.clientX));
  };
  track.addEventListener("pointerdown", (event) => {
    track.setPointerCapture(event.pointerId);
    change({ playing: false });
    seek(event);
  });
  track.addEventListener("pointermove", seek);
  new ResizeObserver(() => draw(store)).observe(track);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => draw(store));
}

export function frameAt(x) {
  const box = track.getBoundingClientRect();
  const { first, stop } = store.clip;
  return Math.min(Math.max(Math.floor(first + ((x - box.left) / box.width) * (stop - first)), first), stop - 1);
}

// Center of a frame as a share of the track's width.
const place = (frame) => (frame - store.clip.first + 0.5) / (store.clip.stop - store.clip.first);

export function draw(state) {
  if (!state.clip) return;
  const { first, stop, rate } = state.clip;
  track.setAttribute("aria-valuemin", String(first));
  track.setAttribute("aria-valuemax", String(stop - 1));
  track.setAttribute("aria-valuenow", String(state.frame));
  track.setAttribute("aria-valuetext", `frame ${state.frame}, ${timecode(state.frame, rate)}${keyText(state)}`);
  const share = place(state.frame);
  $("playhead").style.left = `${share * 100}%`;
  $("playhead").classList.toggle("flip", share > 0.9);
  $("playhead-label").textContent = String(state.frame);
  if (state.details !== shown.details || state.shots !== shown.shots || state.mattes !== shown.mattes || state.brush.on !== shown.painting || sized()) curves(state);
  if (state.keys !== shown.keys || state.details !== shown.details || state.frame !== shown.frame || locked() !== shown.locked) markers(state);
  shown = { details: state.details, shots: state.shots, keys: state.keys, frame: state.frame, locked: locked(), mattes: state.mattes, painting: state.brush.on };
}

let shown = {};
let theme = "";

function keyText(state) {
  const key = state.keys.find((one) => one.frame === state.frame);
  return key ? `, key, ${KINDS[key.kind]}` : "";
}

function sized() {
  const wide = Math.round(track.clientWidth * devicePixelRatio);
  const tall = Math.round(track.clientHeight * devicePixelRatio);
  const now = getComputedStyle(document.documentElement).getPropertyValue("--back");
  if (canvas.width === wide && canvas.height === tall && now === theme) return false;
  Object.assign(canvas, { width: wide, height: tall });
  theme = now;
  return true;
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Color of a confidence: red up to 0.45, amber at 0.75, green at 1.
export function confidenceColor(value) {
  const stops = [[0.45, [229, 84, 75]], [0.75, [232, 176, 74]], [1, [67, 181, 129]]];
  if (value <= stops[0][0]) return `rgb(${stops[0][1]})`;
  const at = stops.findIndex(([bound]) => value <= bound);
  const [[low, from], [high, to]] = [stops[Math.max(at, 1) - 1], stops[Math.max(at, 1)]];
  const share = Math.min((value - low) / (high - low), 1);
  return `rgb(${from.map((channel, i) => Math.round(channel + share * (to[i] - channel)))})`;
}

function curves(state) {
  sized();
  const { first, stop } = state.clip;
  const count = stop - first;
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) * devicePixelRatio;
  const { width, height } = canvas;
  const x = (frame) => ((frame - first) / count) * width;
  const [ruler, lane, bar] = [1.2 * unit, 1.85 * unit, 0.75 * unit];
  const [top, bottom] = [ruler + lane, height - bar - 0.45 * unit];
  pen.clearRect(0, 0, width, height);
  ticks(count, first, x, unit, ruler);
  const { coverage, novelty, confidence, spans } = state.details;
  const up = (value) => bottom - value * (bottom - top);
  if (coverage.some((value) => value !== null)) {
    pen.beginPath();
    pen.moveTo(0, bottom);
    coverage.forEach((value, i) => {
      pen.lineTo(x(first + i), up(value ?? 0));
      pen.lineTo(x(first + i + 1), up(value ?? 0));
    });
    pen.lineTo(width, bottom);
    pen.fillStyle = color("coverage-fill");
    pen.fill();
    pen.strokeStyle = color("coverage");
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.stroke();
  }
  const largest = Math.max(0.25, ...novelty.map((value) => value ?? 0)); // scaled to the largest value, so that small changes are visible
  pen.fillStyle = color("novelty");
  novelty.forEach((value, i) => {
    if (value) pen.fillRect(x(first + i) + 0.1 * (width / count), up(value / largest), Math.max((0.8 * width) / count, 1), bottom - up(value / largest));
  });
  const barTop = height - bar - 0.2 * unit;
  if (state.brush.on) mattes(state, x, barTop, bar, unit);
  else {
    for (const span of spans) stripes(x(span.start), barTop, x(span.stop) - x(span.start), bar, unit);
    confidence.forEach((value, i) => {
      if (value === null) return;
      pen.fillStyle = confidenceColor(value);
      pen.fillRect(Math.floor(x(first + i)), barTop, Math.ceil(width / count), bar);
    });
  }
  pen.fillStyle = color("panel");
  for (const span of state.brush.on ? [] : spans) if (span.start > first) pen.fillRect(Math.round(x(span.start)) - devicePixelRatio, barTop, 2 * devicePixelRatio, bar);
  for (const [start] of state.shots) {
    if (start <= first) continue;
    pen.fillStyle = color("ink");
    pen.fillRect(Math.round(x(start)) - devicePixelRatio, ruler * 0.25, 2 * devicePixelRatio, height - ruler * 0.25);
  }
}

// State of the mattes: painted frames are taller, propagated frames are filled, others are hatched.
function mattes(state, x, top, tall, unit) {
  const { first, stop } = state.clip;
  stripes(x(first), top, x(stop) - x(first), tall, unit);
  if (!state.mattes) return;
  for (let frame = first; frame < stop; frame++) {
    const { painted, carried, old } = state.mattes;
    const name = painted[frame] ? "user" : carried[frame] ? "coverage" : old[frame] ? "locked" : null;
    if (!name) continue;
    const high = painted[frame] ? 0.35 * unit : 0;
    pen.fillStyle = color(name);
    const wide = painted[frame] ? Math.max(x(frame + 1) - x(frame), 0.3 * unit) : Math.ceil(x(frame + 1) - x(frame));
    pen.fillRect(Math.floor(x(frame)), top - high, wide, tall + high);
  }
}

function ticks(count, first, x, unit, ruler) {
  const least = (4.5 * unit) / (canvas.width / count);
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000].find((size) => size >= least) || 20000;
  pen.fillStyle = color("faint");
  pen.font = `${0.74 * unit}px system-ui, sans-serif`;
  pen.textBaseline = "top";
  for (let frame = Math.ceil(first / step) * step; frame < first + count; frame += step) {
    const at = x(frame + 0.5);
    pen.fillRect(Math.round(at), ruler * 0.86, devicePixelRatio, ruler * 0.2);
    const wide = pen.measureText(String(frame)).width;
    pen.fillText(String(frame), Math.min(Math.max(at - wide / 2, 0), canvas.width - wide), ruler * 0.1);
  }
}

function stripes(left, top, wide, tall, unit) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, wide, tall);
  pen.clip();
  pen.fillStyle = color("line");
  pen.fillRect(left, top, wide, tall);
  pen.strokeStyle = color("faint");
  pen.lineWidth = 0.12 * unit;
  for (let at = left - tall; at < left + wide; at += 0.5 * unit) {
    pen.beginPath();
    pen.moveTo(at, top + tall);
    pen.lineTo(at + tall, top);
    pen.stroke();
  }
  pen.restore();
}

const buttons = new Map(); // by frame; kept between drawings, so that focus and drag stay on a button

function markers(state) {
  if (dragged) return;
  for (const [frame, button] of buttons) {
    if (state.keys.some((key) => key.frame === frame)) continue;
    button.remove();
    buttons.delete(frame);
  }
  for (const key of state.keys) {
    const kind = kindOf(key);
    const todo = ["to paint", undefined].includes(detailOf(key.frame)?.state);
    const words = `Key ${key.frame}, ${kind === "failed" ? "failed" : KINDS[kind] || kind}${todo ? ", to be painted" : ""}`;
    if (!buttons.has(key.frame)) buttons.set(key.frame, marker(key.frame));
    const button = buttons.get(key.frame);
    button.className = `marker ${kind}${todo ? " todo" : ""}`;
    button.firstChild.className = `key-icon ${kind}`;
    button.title = `${words}. ${key.reason}`;
    button.setAttribute("aria-label", words);
    if (key.frame === state.frame) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    button.style.left = `${place(key.frame) * 100}%`;
  }
}

function marker(frame) {
  const button = h("button", { "data-frame": String(frame), onclick: () => go(frame) }, h("i"));
  button.addEventListener("pointerdown", (event) => grab(event, keyAt(frame)));
  const next = [...$("markers").children].find((other) => Number(other.dataset.frame) > frame);
  $("markers").insertBefore(button, next || null);
  return button;
}

function grab(event, key) {
  if (event.button !== 0 || !key) return;
  const button = event.currentTarget;
  go(key.frame);
  if (key.kind === "locked" || locked()) return;
  event.preventDefault();
  button.setPointerCapture(event.pointerId);
  dragged = { key, to: key.frame };
  const move = (moved) => {
    dragged.to = frameAt(moved.clientX);
    button.classList.toggle("dragged", dragged.to !== key.frame);
    button.dataset.to = String(dragged.to);
    button.style.left = `${place(dragged.to) * 100}%`;
    change({ frame: dragged.to });
  };
  const end = (keep) => {
    const { to } = dragged;
    dragged = null;
    shown = {};
    for (const [kind, listener] of listeners) removeEventListener(kind, listener, true);
    if (keep && to !== key.frame) edit("move", { frame: key.frame, to });
    else go(key.frame);
    change({});
  };
  const stop = (pressed) => {
    if (pressed.key !== "Escape") return;
    pressed.stopPropagation();
    end(false);
  };
  const listeners = [["pointermove", move], ["pointerup", () => end(true)], ["pointercancel", () => end(false)], ["keydown", stop]];
  for (const [kind, listener] of listeners) addEventListener(kind, listener, true);
}
