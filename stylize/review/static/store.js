// State of the page and the functions that change it; views subscribe to changes.

import { get, post, RequestError } from "/api.js";
import { notify } from "/dom.js";

export const store = {
  clip: null, keys: [], shots: [], banned: [], options: [], revision: "", generation: 0,
  can: { undo: null, redo: null }, planned: false, problem: "", busy: "", given: false, matte: "", comp: "", layer: "", layers: [], run: null,
  details: { novelty: [], coverage: [], keys: {}, spans: [], confidence: [], results: {}, stale: {}, cost: null, problem: "" },
  frame: 0, view: "source", mode: "plain", against: "source", wipe: 0.5, take: null, playing: false, lost: false,
  zoom: 0, center: null, look: "over",
  brush: { on: false, tool: "add", size: 0, exact: false }, mattes: null, matteProblem: "", strokes: [], drawing: null, cursor: null,
};

const listeners = new Set();
let queued = false;

export function subscribe(listener) {
  listeners.add(listener);
}

export function change(values) {
  Object.assign(store, values);
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    for (const listener of listeners) listener(store);
  });
}

export const keyAt = (frame) => store.keys.find((key) => key.frame === frame);
export const detailOf = (frame) => store.details.keys[frame];
export const keyBefore = (frame) => store.keys.filter((key) => key.frame < frame).at(-1);
export const keyAfter = (frame) => store.keys.find((key) => key.frame > frame);
export const locked = () => Boolean(store.busy || (store.run && ["running", "cancelling"].includes(store.run.state)));

// Kind of a key for its marker; a failure comes first.
export function kindOf(key) {
  const detail = detailOf(key.frame);
  if (detail?.state === "failed") return "failed";
  if (key.kind === "locked") return "locked";
  return detail?.state === "hand" ? "override" : key.kind;
}

export function nearestPainted(frame) {
  const painted = store.keys.filter((key) => detailOf(key.frame)?.file);
  return painted.reduce((best, key) => (!best || Math.abs(key.frame - frame) < Math.abs(best.frame - frame) ? key : best), null);
}

export function go(frame) {
  const { first, stop } = store.clip;
  const to = Math.min(Math.max(Math.round(frame), first), stop - 1);
  if (to !== store.frame || store.take) change({ frame: to, take: null });
}

let wanted = 0;
export async function load() {
  take(await get("/api/state"));
  if (store.brush.on) loadMattes().catch(fault);
  await loadDetails();
}

export async function loadMattes() {
  try {
    change({ mattes: await get("/api/matte"), matteProblem: "" });
  } catch (error) {
    change({ matteProblem: error.message }); // such as a file in the folder that matches no frame
  }
}

export async function loadDetails() {
  const mine = ++wanted;
  const details = await get("/api/details");
  if (mine === wanted) change({ details });
}

function take(state) {
  const first = store.clip === null;
  change(state);
  if (!first) return;
  const size = Math.max(4, Math.round(Math.max(state.clip.width, state.clip.height) / 50));
  change({ frame: state.clip.first, brush: { ...store.brush, size } });
}

const WORDS = {
  add: (body) => `Frame ${body.frame} is a key`,
  remove: (body) => `Key ${body.frame} is removed`,
  move: (body) => `Key ${body.frame} is moved to ${body.to}`,
  lock: (body) => `Key ${body.frame} is locked`,
  unlock: (body) => `Key ${body.frame} is unlocked`,
  settings: (body) => `Settings of key ${body.frame} are saved`,
  take: (body) => `Take ${body.take} of key ${body.frame} is in use`,
  revert: (body) => `Key ${body.frame} uses its settings again`,
};

// Sends an edit with the revision that it was made on, and shows the result.
let writing = Promise.resolve();
export const settled = () => writing;

function write(path, body, done) {
  writing = writeNow(path, body, done);
  return writing;
}

async function writeNow(path, body, done) {
  try {
    take(await post(path, { revision: store.revision, ...body }));
    if (done) notify(`${done}. Undo with Ctrl+Z.`);
    loadDetails().catch(fault);
    return true;
  } catch (error) {
    await fault(error);
    return false;
  }
}

export async function fault(error) {
  if (!(error instanceof RequestError)) throw error;
  notify(error.message, true);
  if (error.status === 409) await load();
}

// Sends an edit of the painted matte, which has its own undo history.
export async function writeMatte(path, body, done) {
  try {
    const { frame, ...mattes } = await post(`/api/matte/${path}`, body);
    change({ mattes });
    if (frame !== undefined) go(frame);
    if (done) notify(done);
    return true;
  } catch (error) {
    await fault(error);
    return false;
  }
}

export const edit = (action, body) => write("/api/edit", { action, ...body }, WORDS[action](body));

export async function undo() {
  if (store.brush.on) return writeMatte("undo", {});
  const words = store.can.undo;
  if (words && (await write("/api/undo", {}))) notify(`Undone: ${words}`);
}

export async function redo() {
  if (store.brush.on) return writeMatte("redo", {});
  const words = store.can.redo;
  if (words && (await write("/api/redo", {}))) notify(`Redone: ${words}`);
}

export async function upload(frame, file) {
  if (file.size > 64 * 2 ** 20) return notify(`${file.name} is larger than 64 MiB; save a smaller file`, true);
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return write("/api/upload", { frame, name: file.name, data: btoa(text) }, `Your painting is used for frame ${frame}`);
}

export async function start(what, frame) {
  try {
    take(await post("/api/run", frame === undefined ? { what } : { what, frame }));
  } catch (error) {
    await fault(error);
  }
}

export async function cancel() {
  try {
    take(await post("/api/cancel"));
    notify("Cancelling: finished work is kept.");
  } catch (error) {
    await fault(error);
  }
}
