// Client of the review server: JSON requests and server-sent events.

export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function readAnswer(response) {
  if (response.ok) return response.json();
  let message = `the server answered ${response.status}`;
  try {
    message = (await response.clone().json()).error || message;
  } catch {
    message = (await response.text()).trim() || message;
  }
  throw new RequestError(response.status, message);
}

// The page shows one layer of a project; its name is in the address of the page.
const layer = new URLSearchParams(location.search).get("layer");
export const withLayer = (path) =>
  layer === null ? path : `${path}${path.includes("?") ? "&" : "?"}layer=${encodeURIComponent(layer)}`;

async function request(path, init) {
  let response;
  try {
    response = await fetch(withLayer(path), { credentials: "same-origin", ...init });
  } catch {
    throw new RequestError(0, "the server does not answer; check that `stylize review` is running");
  }
  return readAnswer(response);
}

export const get = (path) => request(path);

export const post = (path, body = {}) =>
  request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// Calls handlers[kind](data) for every event; the browser reconnects by itself.
export function listen(handlers, onLost) {
  const source = new EventSource(withLayer("/api/events"));
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", () => onLost(true));
  source.addEventListener("open", () => onLost(false));
  return source;
}
