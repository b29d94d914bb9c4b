// Start of the page: builds its parts, draws them after changes, receives events, plays.

import { listen } from "/api.js";
import { $, notify } from "/dom.js";
import * as filmstrip from "/filmstrip.js";
import * as keyboard from "/keyboard.js";
import * as matte from "/matte.js";
import * as panel from "/panel.js";
import { address, picture } from "/pictures.js";
import * as runbar from "/runbar.js";
import { change, fault, load, settled, store, subscribe, upload } from "/store.js";
import * as timeline from "/timeline.js";
import * as viewer from "/viewer.js";

for (const part of [viewer, matte, timeline, filmstrip, runbar, keyboard]) part.build();
for (const part of [viewer, matte, timeline, filmstrip, panel, runbar]) subscribe(part.draw);
subscribe(play);
subscribe(open);

// A finished project opens on its result; later the user chooses the view.
let opened = false;
function open(state) {
  if (opened || !state.details.cost) return;
  opened = true;
  const place = JSON.parse(sessionStorage.getItem("place") || "null");
  sessionStorage.removeItem("place");
  if (place) return change({ ...place, frame: Math.min(Math.max(place.frame, state.clip.first), state.clip.stop - 1) });
  if (Object.keys(state.details.results).length && state.view === "source") change({ view: "result" });
}

let origin = null;

// Playback follows the clock and waits for frames that are not loaded, so that none is skipped.
function play(state) {
  if (!state.playing) origin = null;
  else if (origin === null) {
    origin = { time: performance.now(), frame: state.frame };
    requestAnimationFrame(tick);
  }
}

function tick(now) {
  if (!store.playing || origin === null) return;
  const { first, stop, rate } = store.clip;
  const due = origin.frame + Math.floor(((now - origin.time) / 1000) * rate);
  const next = due >= stop ? first : due;
  const place = address(store.view, next);
  const entry = place ? picture(place.url) : null;
  if (!entry || entry.bitmap || entry.failed) {
    if (due >= stop) origin = { time: now, frame: first };
    if (next !== store.frame) change({ frame: next });
  } else origin = { time: now, frame: store.frame };
  requestAnimationFrame(tick);
}

$("file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) await upload(store.frame, file);
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer?.files || [];
  if (file) upload(store.frame, file);
});

let last = "";
listen(
  {
    plan: async (event) => {
      await settled(); // the event of our own edit arrives before its answer
      if (event.revision === store.revision && event.busy === store.busy && event.generation === store.generation) return;
      const outside = last && event.revision !== store.revision && performance.now() - runbar.lastRunEvent() > 3000;
      last = event.revision;
      await load().catch(fault);
      if (outside && !store.problem) notify("keyframes.toml was changed outside of the page and is loaded again.");
    },
    run: (run) => {
      if (runbar.onRun(run)) load().catch(fault);
    },
    proxies: ({ done, total }) => change({ proxies: [done, total] }),
  },
  (lost) => {
    if (lost !== store.lost) change({ lost });
  },
);

load()
  .then(() => (last = store.revision))
  .catch(fault);
addEventListener("unhandledrejection", (event) => notify(String(event.reason?.message || event.reason), true));
