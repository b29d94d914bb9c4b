// Filmstrip over the timeline: small images of the current view.

import { withLayer } from "/api.js";
import { $, h } from "/dom.js";
import { address } from "/pictures.js";
import { store } from "/store.js";

const strip = $("filmstrip");
let shown = "";

export function build() {
  strip.addEventListener("pointerdown", (event) => {
    const track = $("track");
    track.dispatchEvent(new PointerEvent("pointerdown", { clientX: event.clientX, pointerId: event.pointerId, buttons: 1, bubbles: true }));
  });
  new ResizeObserver(() => draw(store)).observe(strip);
}

export function draw(state) {
  if (!state.clip || !strip.clientWidth) return;
  const { first, stop, width, height } = state.clip;
  const each = (strip.clientHeight * width) / height;
  const count = Math.min(Math.max(Math.round(strip.clientWidth / each), 1), stop - first);
  const frames = Array.from({ length: count }, (_, i) => first + Math.floor(((i + 0.5) * (stop - first)) / count));
  const urls = frames.map((frame) => {
    const place = ["painted", "comp"].includes(state.view) ? null : address(state.view, frame);
    const { url } = place || address("source", frame);
    return withLayer(url.includes("/frame/matte/") ? `${url}&stabilized=0` : url); // stabilization takes a while and is not visible at this size
  });
  strip.classList.toggle("matte", state.view === "matte");
  if (urls.join() === shown) return;
  shown = urls.join();
  urls.forEach((url, i) => {
    const old = strip.children[i];
    if (old?.tagName === "IMG") {
      if (old.getAttribute("src") === url) return;
      old.classList.add("loading"); // the image of another view stays until it is loaded
      old.src = url;
    } else strip.append(h("img", { src: url, alt: "", draggable: false, decoding: "async", onload: ({ target }) => target.classList.remove("loading") }));
  });
  while (strip.children.length > urls.length) strip.lastChild.remove();
}
