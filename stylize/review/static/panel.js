// Panel of the current frame or key, its settings and takes, and the list of keys.

import { withLayer } from "/api.js";
import { $, KINDS, h, key as kbd, many, notify } from "/dom.js";
import { matteCard } from "/mattepanel.js";
import { change, detailOf, edit, go, keyAfter, keyAt, keyBefore, kindOf, locked, start, store } from "/store.js";

const STATES = {
  painted: "painted", hand: "your painting", take: "an earlier take", "to paint": "to be painted", failed: "failed",
};
let shown = "";
let draft = null; // settings changed in the form since the key was painted

export function draw(state) {
  if (!state.clip) return;
  if (state.brush.on) {
    shown = "";
    return matteCard(state);
  }
  const key = keyAt(state.frame);
  const detail = detailOf(state.frame);
  if (draft && (draft.frame !== state.frame || draft.revision !== state.revision)) draft = null;
  const signature = JSON.stringify([state.frame, key, detail, state.take, locked(), state.keys.length, state.given, draft?.at,
    state.keys.map((one) => [one.frame, kindOf(one), one.reason]), state.details.novelty[state.frame - state.clip.first], state.banned]);
  if (signature === shown) return;
  if (shown && document.activeElement?.closest?.(".options") && draft) return; // keep the form while it is edited
  shown = signature;
  $("panel").replaceChildren(...(key ? keyCard(state, key, detail) : frameCard(state)), keyList(state));
}

// Draws the panel again.
export function refresh() {
  shown = "";
  change({});
}

function frameCard(state) {
  const at = state.frame - state.clip.first;
  const [before, after] = [keyBefore(state.frame), keyAfter(state.frame)];
  const novelty = state.details.novelty[at];
  const confidence = state.details.confidence[at];
  const coverage = state.details.coverage[at];
  const between = before && after ? `between keys ${before.frame} and ${after.frame}` : before ? `after key ${before.frame}` : after ? `before key ${after.frame}` : "";
  const facts = [
    between && `Lies ${between}.`,
    coverage !== null && coverage !== undefined && `The keys explain ${percent(coverage)} of it.`,
    novelty ? `${percent(novelty)} is new since the frame before.` : null,
    confidence !== null && confidence !== undefined && `Propagated with a confidence of ${percent(confidence)}.`,
  ].filter(Boolean);
  const banned = state.banned.includes(state.frame);
  return [
    h("h2", {}, `Frame ${state.frame}`, h("span", { class: "chip plain" }, banned ? "banned as a key" : propagation(state))),
    h("p", { class: "why" }, facts.join(" ") || "No details of this frame yet."),
    h("div", { class: "row" },
      banned
        ? act("Allow as a key", "", () => edit("unban", { frame: state.frame }))
        : act("Make it a key", "K", () => edit("add", { frame: state.frame }), "primary"),
      !banned && act("Upload", "U", () => $("file").click(), "", false, "Upload a painted frame")),
  ];
}

function propagation({ details, frame }) {
  return details.results[frame] ? "propagated" : details.stale[frame] ? "propagated (out of date)" : "not propagated yet";
}

function keyCard(state, key, detail) {
  const kind = kindOf(key);
  const fixed = key.kind === "locked";
  return [
    h("h2", {}, `Key ${key.frame}`, h("span", { class: `chip ${kind}` }, kind === "failed" ? "failed" : KINDS[kind])),
    h("div", {},
      h("p", { class: "why" }, `${sentence(key.reason || "Chosen by hand")} ${key.coverage && !/explains/.test(key.reason) ? `Alone it explains ${percent(key.coverage)} of its shot.` : ""}`),
      key.note && h("p", { class: "soft" }, key.note),
      h("p", { class: "soft" }, `${["hand", "take"].includes(detail?.state) ? "In use" : "State"}: ${STATES[detail?.state] || "not known yet"}`),
      detail?.words && h("p", { class: "bad" }, detail.words)),
    h("div", { class: "row" },
      act("Remove", "K", () => edit("remove", { frame: key.frame }), "", fixed),
      act(fixed ? "Unlock" : "Lock", "L", () => edit(fixed ? "unlock" : "lock", { frame: key.frame })),
      act("‹", ",", () => shift(-1), "", fixed, "Move one frame back"),
      act("›", ".", () => shift(1), "", fixed, "Move one frame forward")),
    state.given ? null : painting(state, key, detail, fixed),
    state.given ? null : takes(state, key, detail, fixed),
  ].filter(Boolean);
}

export function shift(by) {
  const key = keyAt(store.frame);
  if (!key || locked()) return;
  const to = key.frame + by;
  if (to < store.clip.first || to >= store.clip.stop || keyAt(to)) return;
  edit("move", { frame: key.frame, to }).then((done) => done && go(to));
}

function painting(state, key, detail, fixed) {
  const own = draft ? draft.settings : key.settings;
  const rows = state.options.flatMap((option) => optionRow(state, key, option, own, fixed));
  const pressed = () => paint(state, key);
  return h("section", { "aria-label": "Painting" },
    h("h3", {}, `Paint this key (${state.renderer === "auto" || !state.renderer ? "patch" : state.renderer})`),
    h("div", { class: "options" }, rows),
    h("div", { class: "row", id: "paint-row" },
      act(detail?.state === "to paint" && !draft ? "Paint" : "Paint again", "R", pressed, "primary", fixed),
      act("Upload", "U", () => $("file").click(), "", fixed, "Upload a painted frame"),
      (key.take > 0 || detail?.state === "hand") && act("Revert", "", () => edit("revert", { frame: key.frame }), "", fixed, "Return to the image painted from its settings")));
}

function optionRow(state, key, option, own, fixed) {
  const id = `option-${option.name.replaceAll(".", "-")}`;
  const mine = option.name in own;
  const value = mine ? own[option.name] : option.value;
  const set = (to) => {
    const settings = { ...own };
    if (to === null || to === option.value) delete settings[option.name];
    else settings[option.name] = to;
    draft = { frame: key.frame, revision: state.revision, settings, at: Date.now() };
  };
  const out = h("output", { htmlFor: id }, option.range ? Number(value).toFixed(2) : "");
  let input;
  if (option.range) {
    input = h("input", { id, type: "range", min: option.range[0], max: option.range[1], step: 0.05, title: option.about, disabled: fixed,
      oninput: (event) => { set(Number(event.target.value)); out.value = Number(event.target.value).toFixed(2); } });
    input.value = String(value);
  } else if (["int", "float"].includes(option.kind)) {
    input = h("input", { id, type: "number", step: option.kind === "int" ? 1 : "any", title: option.about, disabled: fixed,
      oninput: (event) => event.target.value !== "" && set(Number(event.target.value)) });
    input.value = String(value);
  } else if (option.kind === "bool") {
    input = h("input", { id, type: "checkbox", checked: value, title: option.about, disabled: fixed, onchange: (event) => set(event.target.checked) });
  } else {
    input = h("input", { id, type: "text", title: option.about, disabled: fixed, oninput: (event) => set(event.target.value || null) });
    input.value = value === null ? "" : String(value);
  }
  const dice = option.name === "synthesis.seed"
    ? h("button", { title: "Use a new random seed", disabled: fixed, onclick: () => { const seed = 1 + Math.floor(Math.random() * 99999); set(seed); refresh(); } }, "New seed")
    : out;
  return [h("label", { htmlFor: id, class: mine ? "own" : "", title: option.about }, option.label), input, dice];
}

// Saves changed settings and paints this key only.
export async function paint(state, key) {
  if (locked()) return;
  const changed = draft && JSON.stringify(draft.settings) !== JSON.stringify(key.settings);
  if (changed && !(await edit("settings", { frame: key.frame, settings: draft.settings }))) return;
  draft = null;
  if (!changed && store.details.keys[key.frame]?.state !== "to paint") {
    notify("These settings give the same image. Change a setting or press New seed.");
    return;
  }
  change({ view: "painted", take: null });
  await start("paint", key.frame);
}

function takes(state, key, detail, fixed) {
  const list = detail?.takes || [];
  if (!list.length) return null;
  const active = activeTake(key, detail);
  const chosen = state.take?.frame === key.frame ? state.take.number : null;
  return h("section", { "aria-label": "Takes" },
    h("h3", {}, many(list.length, "take"), " (all are kept)"),
    h("div", { class: "takes" },
      list.map((take) => h("button", {
        class: `take${take.number === active ? " active" : ""}`, "aria-pressed": String(take.number === chosen),
        title: `${take.made.replace("T", " ")} ${take.from}`, onclick: () => change({ view: "painted", take: { frame: key.frame, ...take } }),
      },
      h("img", { src: withLayer(`/api/take/${key.frame}/${take.number}?v=${take.stamp}`), alt: `Take ${take.number}`, loading: "lazy" }),
      h("span", {}, h("b", {}, String(take.number)), " ", about(take))))),
    chosen !== null && chosen !== active
      ? h("div", { class: "row", id: "take-row" }, act(`Use take ${chosen}`, "", () => edit("take", { frame: key.frame, take: chosen }), "primary", fixed))
      : null);
}

function activeTake(key, detail) {
  if (key.take) return key.take;
  const list = detail.takes;
  return detail.state === "hand" ? list.filter((take) => take.hand).at(-1)?.number : detail.stands;
}

function about(take) {
  if (take.hand) return "by hand";
  const own = Object.entries(take.settings).filter(([name]) => name !== "synthesis.seed");
  return [`seed ${take.seed ?? "–"}`, ...own.map(([name, value]) => `${name.split(".").at(-1).replaceAll("_", " ")} ${value}`)].join(", ");
}

function keyList(state) {
  if (!state.keys.length) return h("p", { class: "soft" }, state.planned ? "The plan has no keys." : "No keys yet. “Choose keys” finds the frames where something new appears.");
  return h("section", { "aria-label": "All keys" },
    h("h3", {}, many(state.keys.length, "key")),
    h("ul", { class: "keys" },
      state.keys.map((key) => h("li", {}, h("button", {
        "aria-current": key.frame === state.frame ? "true" : null, onclick: () => go(key.frame), title: key.reason,
      }, h("i", { class: `key-icon ${kindOf(key)}` }), String(key.frame), h("span", {}, key.reason))))));
}

function act(words, letter, run, kind = "", off = false, title = "") {
  return h("button", { class: kind, disabled: off || locked() || (store.given && letter !== ""), onclick: run, title: title || words, "aria-label": title || null },
    words, letter ? kbd(letter) : null);
}

const percent = (share) => `${(100 * share).toFixed(share > 0.995 || share < 0.1 ? 1 : 0)} %`;
const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
