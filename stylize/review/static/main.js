// Puts the page together: builds its parts, draws them when something changes, listens to the server, plays.

import { listen } from "/api.js";
import { $, say } from "/dom.js";
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
subscribe(begin);

// A project that has been run is opened on its result; from then on the view is the person's.
let begun = false;
function begin(state) {
  if (begun || !state.details.cost) return;
  begun = true;
  const place = JSON.parse(sessionStorage.getItem("place") || "null");
  sessionStorage.removeItem("place");
  if (place) return change({ ...place, frame: Math.min(Math.max(place.frame, state.clip.first), state.clip.stop - 1) });
  if (Object.keys(state.details.results).length && state.view === "source") change({ view: "result" });
}

let began = null;

// Frames follow the clock; one that has not come yet is waited for, so that nothing is passed over unseen.
function play(state) {
  if (!state.playing) began = null;
  else if (began === null) {
    began = { time: performance.now(), frame: state.frame };
    requestAnimationFrame(tick);
  }
}

function tick(now) {
  if (!store.playing || began === null) return;
  const { first, stop, rate } = store.clip;
  const due = began.frame + Math.floor(((now - began.time) / 1000) * rate);
  const next = due >= stop ? first : due;
  const place = address(store.view, next);
  const entry = place ? picture(place.url) : null;
  if (!entry || entry.bitmap || entry.failed) {
    if (due >= stop) began = { time: now, frame: first };
    if (next !== store.frame) change({ frame: next });
  } else began = { time: now, frame: store.frame };
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
    plan: async (facts) => {
      await settled(); // a write of ours is told before it is answered
      if (facts.revision === store.revision && facts.busy === store.busy && facts.generation === store.generation) return;
      const outside = last && facts.revision !== store.revision && performance.now() - runbar.lastNews() > 3000;
      last = facts.revision;
      await load().catch(fault);
      if (outside && !store.problem) say("keyframes.toml was changed outside of the page; this is how it is now.");
    },
    run: (run) => {
      if (runbar.heard(run)) load().catch(fault);
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
addEventListener("unhandledrejection", (event) => say(String(event.reason?.message || event.reason), true));
