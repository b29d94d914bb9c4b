// What is left to do and what it takes, the run and its progress, and what stands in the way.

import { $, duration, h, many, say, timecode } from "/dom.js";
import { cancel, change, go, keyAfter, keyBefore, loadDetails, locked, redo, start, store, undo } from "/store.js";

const STAGES = {
  starting: "Starting", shots: "Looking for cuts", analysis: "Looking for what is new", keys: "Choosing keys", matte: "Looking at the matte",
  paint: "Painting", propagate: "Carrying the paint", write: "Writing", report: "Writing the report",
};

export function build() {
  $("run").addEventListener("click", () => start("run"));
  $("choose").addEventListener("click", () => start("keys"));
  $("cancel").addEventListener("click", cancel);
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("step-back").addEventListener("click", () => go(store.frame - 1));
  $("step-on").addEventListener("click", () => go(store.frame + 1));
  $("prev-key").addEventListener("click", () => go(keyBefore(store.frame)?.frame ?? store.clip.first));
  $("next-key").addEventListener("click", () => go(keyAfter(store.frame)?.frame ?? store.clip.stop - 1));
  $("play").addEventListener("click", () => change({ playing: !store.playing }));
}

export function draw(state) {
  if (!state.clip) return;
  const { clip, run } = state;
  $("clip-name").textContent = clip.name;
  document.title = `${clip.name} – review`;
  const count = clip.stop - clip.first;
  $("clip-facts").textContent = [
    many(count, "frame"), `${Number(clip.rate.toFixed(3))} fps`, `${clip.width} × ${clip.height}`,
    state.shots.length ? many(state.shots.length, "shot") : null, state.planned ? many(state.keys.length, "key") : null,
    state.styles.length ? `style ${state.styles.join(", ")}` : null,
    state.proxies[0] < state.proxies[1] ? `small pictures ${Math.round((100 * state.proxies[0]) / state.proxies[1])} %` : null,
  ].filter(Boolean).join("  ·  ");
  $("counter").replaceChildren(`${state.frame} `, h("small", {}, `of ${clip.first} – ${clip.stop - 1}`), h("small", { class: "time" }, timecode(state.frame, clip.rate)));
  $("play").setAttribute("aria-pressed", String(state.playing));
  $("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  for (const what of ["undo", "redo"]) {
    $(what).disabled = !state.can[what] || locked();
    $(what).title = state.can[what] ? `${what === "undo" ? "Undo" : "Redo"}: ${state.can[what]}` : `Nothing to ${what}`;
  }
  const live = run && ["running", "cancelling"].includes(run.state);
  $("progress").hidden = !live;
  $("cancel").hidden = !live;
  $("cancel").disabled = run?.state === "cancelling";
  $("run").hidden = Boolean(live);
  $("choose").hidden = Boolean(live) || state.given;
  $("run").disabled = $("choose").disabled = locked();
  $("cost").hidden = Boolean(live);
  if (live) {
    const words = run.state === "cancelling" ? "Cancelling" : STAGES[run.stage] || run.stage;
    $("progress-words").textContent = `${words} ${Math.round(100 * run.share)} %`;
    $("progress-bar").value = run.share;
  } else $("cost").replaceChildren(...cost(state));
  banner(state);
}

function cost(state) {
  const { cost: left, problem } = state.details;
  if (problem) return [problem];
  if (!state.planned) return ["No keys are chosen yet."];
  if (!left) return [""];
  const paint = left.paint.length;
  if (!paint && !left.carry) return ["Everything is painted and carried."];
  const parts = [paint ? `paint ${many(paint, "key")}` : null, left.carry ? `carry ${many(left.carry, "frame")}` : null].filter(Boolean);
  const { paint: a, carry: b } = left.seconds;
  const time = a === null || b === null ? "how long is known after the first run" : duration(a + b);
  return ["A run will ", h("b", {}, parts.join(" and ")), `: ${time}.`];
}

function banner(state) {
  const words = state.lost
    ? "The server does not answer; the page tries again. Is stylize review still running?"
    : state.problem
      ? `${state.problem}. Mend the file; the page reads it again by itself.`
      : state.busy
        ? `${state.busy}: you can look, and change things when it has finished.`
        : "";
  $("banner").hidden = !words;
  $("banner").textContent = words;
}

let news = -1e9;
export const lastNews = () => news; // a run changes the plan too; that is not somebody else's doing
let stage = "";
let looked = 0;

// A run's news: the bar moves, spans fill as they are carried, the end is said.
export function heard(run) {
  const over = !["running", "cancelling"].includes(run.state);
  const { generation, ...facts } = run;
  news = performance.now();
  change({ run: facts });
  if (over) {
    if (run.state === "failed") say(run.error, true);
    else if (run.state === "cancelled") say("Cancelled. What was finished is kept.");
    else say(run.what === "keys" ? "Keys are chosen." : run.what === "paint" ? `Key ${run.key} is painted.` : `Finished: ${run.output}`);
    stage = "";
    return true;
  }
  if (generation !== store.generation && (run.stage === "propagate" || run.stage !== stage) && performance.now() - looked > 700) {
    looked = performance.now();
    change({ generation });
    loadDetails().catch(() => {});
  }
  stage = run.stage;
  return false;
}
