// Cache of decoded images, and prefetch of the next frames.

import { withLayer } from "/api.js";
import { detailOf, nearestPainted, store } from "/store.js";

const MAX_IMAGES = 180;
const cache = new Map();

// Returns the address of a view of a frame; null without an image.
export function address(view, frame) {
  const { clip, details, take } = store;
  if (view === "source") return { url: `/api/frame/source/${frame}?v=${clip.version}` };
  if (view === "matte") return matteOf(frame);
  if (view === "comp") return { url: `/api/frame/comp/${frame}?v=${store.comp}` };
  if (view === "painted" && take) return { url: `/api/take/${take.frame}/${take.number}?v=${take.stamp}`, note: `take ${take.number}` };
  if (view === "painted") {
    const key = nearestPainted(frame);
    if (!key) return null;
    const note = key.frame === frame ? "" : `key ${key.frame}`;
    return { url: `/api/frame/painted/${key.frame}?v=${detailOf(key.frame).file}`, note };
  }
  const now = details.results[frame];
  const stamp = now || details.stale[frame];
  return stamp ? { url: `/api/frame/${view}/${frame}?v=${stamp}`, old: !now } : null;
}

// While a matte is painted: the painted or propagated matte; otherwise the active matte, refined and stabilized.
function matteOf(frame) {
  const made = store.brush.on ? store.mattes : null;
  const now = made?.painted[frame] || made?.carried[frame];
  const old = made?.old[frame];
  if (now || old) return { url: `/api/matte/${frame}?v=${now || old}`, old: !now, note: made.painted[frame] ? "painted" : now ? "propagated" : "" };
  return store.matte ? { url: `/api/frame/matte/${frame}?v=${store.matte}`, note: made ? "in use" : "" } : null;
}

// Returns {bitmap, failed, ready}: bitmap is null until `ready` has resolved.
export function picture(url) {
  let entry = cache.get(url);
  if (entry) {
    cache.delete(url);
    cache.set(url, entry);
    return entry;
  }
  entry = { bitmap: null, failed: false, ready: null };
  entry.ready = fetch(withLayer(url), { credentials: "same-origin" })
    .then((response) => (response.ok ? response.blob() : Promise.reject(new Error(String(response.status)))))
    .then((blob) => createImageBitmap(blob))
    .then((bitmap) => (entry.bitmap = bitmap))
    .catch(() => {
      entry.failed = true;
      setTimeout(() => cache.delete(url), 3000); // a later request tries again
      return null;
    });
  cache.set(url, entry);
  while (cache.size > MAX_IMAGES) {
    const [oldest, gone] = cache.entries().next().value;
    cache.delete(oldest);
    gone.ready.then(() => gone.bitmap?.close());
  }
  return entry;
}

// Fetches `count` frames in the direction of travel and a third of them in the other.
export function prefetch(views, frame, towards, count) {
  const { first, stop } = store.clip;
  for (let ahead = 1; ahead <= count; ahead++) {
    for (const at of [frame + ahead * towards, ahead <= count / 3 ? frame - ahead * towards : -1]) {
      if (at < first || at >= stop) continue;
      for (const view of views) {
        const place = address(view, at);
        if (!place) continue;
        picture(place.url);
        if (view === "matte" && store.look !== "alone") picture(address("source", at).url);
      }
    }
  }
}
