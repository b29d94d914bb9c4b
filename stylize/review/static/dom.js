// Elements, notifications and texts shared by several parts of the page.

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

export const KINDS = { auto: "chosen automatically", user: "chosen by you", locked: "locked", override: "painted by hand" };

export function duration(seconds) {
  if (seconds < 1.5) return "about a second";
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

// Timecode at the frame rate of the clip, minutes:seconds:frames.
export function timecode(frame, rate) {
  const whole = Math.max(Math.round(rate), 1);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(Math.floor(frame / whole / 60))}:${two(Math.floor(frame / whole) % 60)}:${two(frame % whole)}`;
}

let hideTimer;
export function notify(message, fault = false) {
  const status = $("status");
  status.textContent = message;
  status.classList.toggle("fault", fault);
  status.classList.add("shown");
  clearTimeout(hideTimer);
  hideTimer = setTimeout(() => status.classList.remove("shown"), fault ? 7000 : 3500);
}
