// Matte over the image as red overlay, cutout or matte only, and the strokes being drawn.

import { address, picture } from "/pictures.js";
import { change } from "/store.js";

const sheet = document.createElement("canvas");
const ink = sheet.getContext("2d");
const OUTSIDE = "#ff2d2d";
const STROKES = { add: "#58e09a", remove: "#ff8a5c" };

// Draws a frame with the matte `bitmap` into `box`.
export function drawMatte(pen, bitmap, source, box, look) {
  if (look === "alone" && bitmap) {
    pen.fillStyle = "#000";
    pen.fillRect(box.x, box.y, box.w, box.h);
    pen.drawImage(bitmap, box.x, box.y, box.w, box.h);
    return;
  }
  if (!source) return;
  if (look !== "cut" || !bitmap) pen.drawImage(source, box.x, box.y, box.w, box.h);
  if (!bitmap) return;
  const [w, h] = [Math.max(bitmap.width, source.width), Math.max(bitmap.height, source.height)];
  Object.assign(sheet, { width: w, height: h }); // clears it too
  ink.globalCompositeOperation = "source-over";
  if (look === "cut") ink.drawImage(source, 0, 0, w, h);
  else {
    ink.fillStyle = OUTSIDE;
    ink.fillRect(0, 0, w, h);
  }
  ink.globalCompositeOperation = look === "cut" ? "destination-in" : "destination-out";
  ink.drawImage(bitmap, 0, 0, w, h);
  if (look === "cut") checks(pen, box);
  pen.globalAlpha = look === "cut" ? 1 : 0.55;
  pen.drawImage(sheet, box.x, box.y, box.w, box.h);
  pen.globalAlpha = 1;
}

function checks(pen, box) {
  const size = 12 * devicePixelRatio;
  pen.save();
  pen.beginPath();
  pen.rect(box.x, box.y, box.w, box.h);
  pen.clip();
  pen.fillStyle = "#7d7d7d";
  pen.fillRect(box.x, box.y, box.w, box.h);
  pen.fillStyle = "#959595";
  const [right, low] = [Math.min(box.x + box.w, pen.canvas.width), Math.min(box.y + box.h, pen.canvas.height)];
  for (let row = 0, y = box.y; y < low; row++, y += size)
    for (let x = box.x + (row % 2) * size; x < right; x += 2 * size) if (x + size > 0 && y + size > 0) pen.fillRect(x, y, size, size);
  pen.restore();
}

// Returns the best loaded image of the frame under a matte.
export function under(frame, sharp) {
  const { url } = address("source", frame);
  const full = sharp.get(url);
  const entry = full?.bitmap ? full : picture(url);
  if (!entry.bitmap && !entry.failed) entry.ready.then(() => change({}));
  return entry.bitmap;
}

// Draws the strokes that the server has not answered yet.
export function drawStrokes(pen, state, box) {
  if (!state.brush.on) return;
  const scale = box.w / state.clip.width;
  const place = ([x, y]) => [box.x + x * scale, box.y + y * scale];
  for (const { frame, stroke } of [...state.strokes, ...(state.drawing ? [state.drawing] : [])]) {
    if (frame !== state.frame) continue;
    const points = stroke.points.map(place);
    if (stroke.tool === "box") frameBox(pen, points);
    else line(pen, points, stroke.size * scale, STROKES[stroke.tool]);
  }
  if (state.cursor) cross(pen, place(state.cursor));
}

function line(pen, points, radius, color) {
  pen.save();
  pen.globalAlpha = 0.6;
  pen.strokeStyle = color;
  pen.lineCap = pen.lineJoin = "round";
  pen.lineWidth = Math.max(2 * radius, 1);
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points) pen.lineTo(...point);
  if (points.length === 1) pen.lineTo(points[0][0] + 0.01, points[0][1]);
  pen.stroke();
  pen.restore();
}

function frameBox(pen, [[a, b], [c, d]]) {
  pen.lineWidth = 3 * devicePixelRatio;
  pen.strokeStyle = "rgb(0 0 0 / 70%)";
  pen.strokeRect(a, b, c - a, d - b);
  pen.lineWidth = 1.5 * devicePixelRatio;
  pen.strokeStyle = "#fff";
  pen.strokeRect(a, b, c - a, d - b);
}

function cross(pen, [x, y]) {
  const arm = 12 * devicePixelRatio;
  for (const [color, wide] of [["rgb(0 0 0 / 80%)", 4], ["#fff", 2]]) {
    pen.strokeStyle = color;
    pen.lineWidth = wide * devicePixelRatio;
    pen.beginPath();
    pen.moveTo(x - arm, y);
    pen.lineTo(x + arm, y);
    pen.moveTo(x, y - arm);
    pen.lineTo(x, y + arm);
    pen.stroke();
  }
}
