// Painting of the matte: brush, strokes by pointer or keyboard, and sending them to the server.

import { $, notify } from "/dom.js";
import { address, picture } from "/pictures.js";
import { change, fault, go, loadMattes, locked, start, store, writeMatte } from "/store.js";
import { drawnBox } from "/viewer.js";

export const TOOLS = [["add", "Add", "A"], ["remove", "Remove", "E"], ["box", "Box", "B"]];
const canvas = $("picture");
let before = null; // view and mode before painting began
let over = null; // position of the pointer in pixels of the canvas

export function build() {
  $("paint-matte").addEventListener("click", toggle);
  $("look").addEventListener("change", (event) => change({ look: event.target.value }));
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", moved);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", () => store.drawing && change({ drawing: null }));
  canvas.addEventListener("pointerleave", () => {
    over = null;
    ring();
  });
  // Arrows step through frames unless the image has the focus by Tab and they move the brush.
  canvas.addEventListener("mousedown", (event) => event.preventDefault());
  canvas.addEventListener("blur", () => store.cursor && change({ cursor: null, drawing: store.drawing?.keys ? null : store.drawing }));
  canvas.addEventListener("keydown", pressed);
}

export function toggle() {
  if (store.brush.on) {
    change({ brush: { ...store.brush, on: false }, drawing: null, cursor: null, ...before });
    return;
  }
  before = { view: store.view, mode: store.mode };
  change({ brush: { ...store.brush, on: true }, view: "matte", mode: "plain", take: null, playing: false });
  loadMattes().catch(fault);
}

export const setBrush = (values) => change({ brush: { ...store.brush, ...values } });

export function resize(by) {
  const most = Math.max(store.clip.width, store.clip.height) / 6;
  setBrush({ size: Math.round(10 * Math.min(Math.max(store.brush.size * by, 0.5), most)) / 10 });
}

export const addStroke = (tool, done) => !locked() && writeMatte("stroke", { frame: store.frame, stroke: { tool } }, done);
export const propagate = () => !locked() && start("matte", store.frame);

// Goes to the painted frame before or after this one.
export function goPainted(towards) {
  const frames = Object.keys(store.mattes?.painted || {}).map(Number);
  const next = towards > 0 ? frames.find((frame) => frame > store.frame) : frames.reverse().find((frame) => frame < store.frame);
  if (next !== undefined) go(next);
}

export function draw(state) {
  $("paint-matte").setAttribute("aria-pressed", String(state.brush.on));
  $("paint-matte").hidden = state.given && !state.brush.on;
  $("stage").classList.toggle("painting", state.brush.on && !locked());
  canvas.tabIndex = state.brush.on ? 0 : -1;
  ring();
}

function ring() {
  const box = drawnBox();
  const shown = store.brush.on && over && box && !locked();
  $("ring").hidden = !shown;
  if (!shown) return;
  const wide = (2 * store.brush.size * box.w) / store.clip.width / devicePixelRatio;
  $("ring").className = store.brush.tool;
  Object.assign($("ring").style, { left: `${over[0]}px`, top: `${over[1]}px`, width: `${wide}px`, height: `${wide}px` });
}

function placeOf(event) {
  const box = drawnBox();
  const { width, height } = store.clip;
  return [
    clamped(((event.offsetX * devicePixelRatio - box.x) / box.w) * width, width),
    clamped(((event.offsetY * devicePixelRatio - box.y) / box.h) * height, height),
  ];
}

// Strokes may leave the frame by half of its size.
const clamped = (value, side) => Math.round(100 * Math.min(Math.max(value, -side / 2), 1.5 * side)) / 100;

function startStroke(point, keys) {
  const { tool, size, exact } = store.brush;
  const stroke = tool === "box" ? { tool, points: [point, point] } : { tool, size, exact, points: [point] };
  change({ drawing: { frame: store.frame, stroke, keys } });
}

function extend(point) {
  const { stroke } = store.drawing;
  if (stroke.tool === "box") stroke.points[1] = point;
  else {
    const [x, y] = stroke.points.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) < Math.max(0.4, 0.12 * stroke.size) || stroke.points.length >= 3900) return;
    stroke.points.push(point);
  }
  change({});
}

function down(event) {
  if (!store.brush.on || event.button !== 0 || event.altKey || !drawnBox()) return;
  if (locked()) return void notify("A run is in progress; cancel it or wait before painting.", true);
  change({ playing: false, cursor: null });
  startStroke(placeOf(event), false);
}

function moved(event) {
  if (!store.brush.on) return;
  over = [event.offsetX, event.offsetY];
  ring();
  if (!store.drawing || store.drawing.keys || !event.buttons) return;
  for (const one of event.getCoalescedEvents?.() || [event]) extend(placeOf(one));
}

function up() {
  if (store.drawing && !store.drawing.keys) send();
}

// The stroke stays visible until its matte is loaded.
async function send() {
  const { drawing: drawn } = store;
  const [[a, b], [c, d]] = [drawn.stroke.points[0], drawn.stroke.points.at(-1)];
  change({ drawing: null });
  if (drawn.stroke.tool === "box" && (Math.abs(a - c) < 4 || Math.abs(b - d) < 4)) return;
  change({ strokes: [...store.strokes, drawn] });
  await writeMatte("stroke", { frame: drawn.frame, stroke: drawn.stroke });
  const place = address("matte", drawn.frame);
  if (place) await picture(place.url).ready;
  change({ strokes: store.strokes.filter((one) => one !== drawn) });
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// With the focus on the image: arrows move a cross, Enter starts and ends a stroke.
function pressed(event) {
  if (!store.brush.on || event.ctrlKey || event.metaKey || event.altKey) return;
  const { width, height } = store.clip;
  const cursor = store.cursor || [width / 2, height / 2];
  const step = STEPS[event.key];
  if (step) {
    const by = Math.max(1, store.brush.size / 2) * (event.shiftKey ? 5 : 1);
    const to = [Math.min(Math.max(cursor[0] + step[0] * by, 0), width), Math.min(Math.max(cursor[1] + step[1] * by, 0), height)];
    change({ cursor: to });
    if (store.drawing?.keys) extend(to);
    spoken(to);
  } else if (event.key === "Enter") {
    if (locked()) return;
    change({ cursor });
    if (store.drawing?.keys) send();
    else startStroke(cursor, true);
    notify(store.drawing ? "Stroke started: arrows draw, Enter ends it, Esc cancels it." : "Stroke ended.");
  } else if (event.key === "Escape" && store.drawing) change({ drawing: null });
  else return;
  event.preventDefault();
  event.stopPropagation();
}

let speaking;
function spoken([x, y]) {
  clearTimeout(speaking);
  speaking = setTimeout(() => canvas.setAttribute("aria-description", `brush at ${Math.round(x)}, ${Math.round(y)}`), 150);
}
