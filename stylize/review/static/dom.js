// Making elements, and the few words that are shown in several places.

export const $ = (id) => document.getElementById(id);

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const key = (text) => h("kbd", {}, text);

export const KINDS = { auto: "chosen by the machine", user: "yours", locked: "locked", override: "painted by you" };

export function duration(seconds) {
  if (seconds < 1.5) return "about a second";
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

// A timecode of the clip's own rate, minutes:seconds:frames.
export function timecode(frame, rate) {
  const whole = Math.max(Math.round(rate), 1);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(Math.floor(frame / whole / 60))}:${two(Math.floor(frame / whole) % 60)}:${two(frame % whole)}`;
}

let fading;
export function say(words, fault = false) {
  const status = $("status");
  status.textContent = words;
  status.classList.toggle("fault", fault);
  status.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => status.classList.remove("shown"), fault ? 7000 : 3500);
}
