// Talking with the server: JSON both ways, pictures by address, events as they come.

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function answered(response) {
  if (response.ok) return response.json();
  let words = `the server answered ${response.status}`;
  try {
    words = (await response.clone().json()).error || words;
  } catch {
    words = (await response.text()).trim() || words;
  }
  throw new Refused(response.status, words);
}

// Of a project with layers the page shows one; its name stands in the page's own address.
const layer = new URLSearchParams(location.search).get("layer");
export const placed = (path) =>
  layer === null ? path : `${path}${path.includes("?") ? "&" : "?"}layer=${encodeURIComponent(layer)}`;

async function asked(path, init) {
  let response;
  try {
    response = await fetch(placed(path), { credentials: "same-origin", ...init });
  } catch {
    throw new Refused(0, "the server does not answer; is `stylize review` still running?");
  }
  return answered(response);
}

export const get = (path) => asked(path);

export const post = (path, body = {}) =>
  asked(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// Calls handlers[kind](facts) for every event; the browser connects again by itself when the line breaks.
export function listen(handlers, onLost) {
  const source = new EventSource(placed("/api/events"));
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", () => onLost(true));
  source.addEventListener("open", () => onLost(false));
  return source;
}
