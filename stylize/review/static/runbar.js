// Run bar: cost of a run, its progress and result, and problems.

import { $, duration, h, many, notify, timecode } from "/dom.js";
import { cancel, change, go, keyAfter, keyBefore, loadDetails, loadMattes, locked, redo, start, store, undo } from "/store.js";

const STAGES = {
  starting: "Starting", shots: "Detecting cuts", analysis: "Analyzing the clip", keys: "Choosing keys", matte: "Measuring the matte",
  "carry matte": "Propagating the matte", paint: "Painting", propagate: "Propagating the paint", write: "Writing", report: "Writing the report",
};

export function build() {
  $("run").addEventListener("click", () => start("run"));
  $("run-all").addEventListener("click", () => start("all"));
  $("layer").addEventListener("change", (event) => openLayer(event.target.value));
  $("choose").addEventListener("click", () => start("keys"));
  $("cancel").addEventListener("click", cancel);
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  $("step-back").addEventListener("click", () => go(store.frame - 1));
  $("step-forward").addEventListener("click", () => go(store.frame + 1));
  $("prev-key").addEventListener("click", () => go(keyBefore(store.frame)?.frame ?? store.clip.first));
  $("next-key").addEventListener("click", () => go(keyAfter(store.frame)?.frame ?? store.clip.stop - 1));
  $("play").addEventListener("click", () => change({ playing: !store.playing }));
}

// Opens the page of another layer at the same frame and view.
export function openLayer(name) {
  sessionStorage.setItem("place", JSON.stringify({ frame: store.frame, view: store.view, zoom: store.zoom, center: store.center }));
  location.search = `?layer=${encodeURIComponent(name)}`;
}

function layers(state) {
  $("layer-label").hidden = !state.layers.length;
  const names = [...state.layers].reverse(); // topmost first, as in compositing programs
  if ([...$("layer").options].map((option) => option.value).join("\n") !== names.join("\n"))
    $("layer").replaceChildren(...names.map((name) => h("option", { value: name }, name)));
  $("layer").value = state.layer;
  $("run").firstChild.textContent = state.layers.length ? "Run layer" : "Run";
}

export function draw(state) {
  if (!state.clip) return;
  const { clip, run } = state;
  layers(state);
  $("clip-name").textContent = clip.name;
  $("clip-name").title = clip.name;
  document.title = `${state.layer ? `${state.layer} – ` : ""}${clip.name} – review`;
  const count = clip.stop - clip.first;
  $("clip-facts").textContent = [
    many(count, "frame"), `${Number(clip.rate.toFixed(3))} fps`, `${clip.width} × ${clip.height}`,
    state.shots.length ? many(state.shots.length, "shot") : null, state.planned ? many(state.keys.length, "key") : null,
    state.styles.length ? `style ${state.styles.join(", ")}` : null,
    state.proxies[0] < state.proxies[1] ? `small images ${Math.round((100 * state.proxies[0]) / state.proxies[1])} %` : null,
  ].filter(Boolean).join("  ·  ");
  $("counter").replaceChildren(`${state.frame} `, h("small", {}, `of ${clip.first} – ${clip.stop - 1}`), h("small", { class: "time" }, timecode(state.frame, clip.rate)));
  $("play").setAttribute("aria-pressed", String(state.playing));
  $("play").setAttribute("aria-label", state.playing ? "Pause" : "Play");
  const can = state.brush.on ? state.mattes?.can || {} : state.can;
  for (const what of ["undo", "redo"]) {
    $(what).disabled = !can[what] || locked();
    $(what).title = can[what] ? `${what === "undo" ? "Undo" : "Redo"}: ${can[what]}` : `Nothing to ${what}`;
  }
  const live = run && ["running", "cancelling"].includes(run.state);
  $("progress").hidden = !live;
  $("cancel").hidden = !live;
  $("cancel").disabled = run?.state === "cancelling";
  $("run").hidden = Boolean(live);
  $("run-all").hidden = Boolean(live) || !state.layers.length;
  $("run-all").disabled = locked();
  $("choose").hidden = Boolean(live) || state.given;
  $("run").disabled = $("choose").disabled = locked();
  $("cost").hidden = Boolean(live);
  if (live) {
    const words = run.state === "cancelling" ? "Cancelling" : STAGES[run.stage] || run.stage;
    const of = state.layers.length ? (run.what === "all" ? "All layers: " : `${run.layer}: `) : "";
    $("progress-words").textContent = `${of}${words} ${Math.round(100 * run.share)} %`;
    $("progress-bar").value = run.share;
  } else $("cost").replaceChildren(...cost(state));
  banner(state);
}

function cost(state) {
  const { cost: left, problem } = state.details;
  if (problem) return ["A run is not possible now."];
  if (needsStyle(state)) return ["No style yet."];
  if (!state.planned) return ["No keys are chosen yet."];
  if (!left) return [""];
  const paint = left.paint.length;
  if (!paint && !left.carry) return ["Up to date: nothing to paint or propagate."];
  const parts = [paint ? `paint ${many(paint, "key")}` : null, left.carry ? `propagate ${many(left.carry, "frame")}` : null].filter(Boolean);
  const { paint: a, carry: b } = left.seconds;
  const time = a === null || b === null ? "time unknown until the first run" : duration(a + b);
  return ["A run will ", h("b", {}, parts.join(" and ")), `: ${time}.`];
}

const needsStyle = (state) => !state.styles.length && !state.given && ["patch", "auto", null].includes(state.renderer);

let dismissed = ""; // the failure that the user dismissed
function banner(state) {
  const failed = state.run?.state === "failed" ? `The last run failed: ${ended(state.run.error)}` : "";
  const failure = failed + state.run?.began;
  const trouble = state.lost
    ? "The server does not answer; the page tries again. Check that stylize review is running."
    : state.problem
      ? `${ended(state.problem)} Correct the file; the page loads it by itself.`
      : state.busy
        ? `${state.busy}: the page is read-only until it ends.`
        : "";
  const bad = !trouble && failed && dismissed !== failure;
  const words = trouble || (bad ? failed : state.details.problem ? `A run is not possible: ${ended(state.details.problem)}` : needsStyle(state) ? NO_STYLE : "");
  $("banner").hidden = !words;
  $("banner").classList.toggle("bad", Boolean(bad));
  if ($("banner").dataset.words === words) return;
  $("banner").dataset.words = words;
  const dismiss = () => {
    dismissed = failure;
    change({});
  };
  $("banner").replaceChildren(h("span", {}, words), ...(bad ? [h("button", { onclick: dismiss }, "Dismiss")] : []));
}

const NO_STYLE = "No style image. Stop the server with Ctrl-C and start it again with: stylize review CLIP --style IMAGE. Keys and mattes can be edited without it.";
const ended = (words) => `${words}${/[.!?]$/.test(words) ? "" : "."}`;

let lastEvent = -1e9;
export const lastRunEvent = () => lastEvent; // a run changes the plan too: that is not an edit from outside
const ENDS = {
  keys: () => "Keys are chosen.", paint: (run) => `Key ${run.key} is painted.`, matte: () => "The matte is propagated and in use.",
};
let stage = "";
let refreshed = 0;

// Updates the page after an event of a run; returns whether the run has ended.
export function onRun(run) {
  const over = !["running", "cancelling"].includes(run.state);
  const { generation, ...state } = run;
  lastEvent = performance.now();
  change({ run: state });
  if (over) {
    if (run.state === "failed") notify("The run failed; see the message at the top.", true);
    else if (run.state === "cancelled") notify("Cancelled. Finished work is kept.");
    else notify(ENDS[run.what]?.(run) || `Finished: ${run.output}`);
    stage = "";
    return true;
  }
  if (generation !== store.generation && (run.stage === "propagate" || run.stage !== stage) && performance.now() - refreshed > 700) {
    refreshed = performance.now();
    change({ generation });
    loadDetails().catch(() => {});
  }
  if (run.what === "matte" && store.brush.on && performance.now() - refreshed > 500) {
    refreshed = performance.now();
    loadMattes().catch(() => {});
  }
  stage = run.stage;
  return false;
}
