"use strict";
// The elements of all views. Text from runs becomes text nodes, never markup.

/** An element; attributes that are false or null are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** Sets a text. An element that already shows it is not changed, so a selection in it remains. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Brings the children of an element in line with items. Each item has an element as long as it is
 * there, so that focus, selection and what is open survive; `make` gives it an `update`.
 */
function sync(parent, items, key, make) {
  const there = new Map([...parent.children].map((child) => [child.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    let element = there.get(key(item));
    if (element) there.delete(element.key);
    else (element = make(item)).key = key(item);
    element.update(item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of there.values()) element.remove();
}

const MARKS = {
  "succeeded": "succeeded", "failed": "failed", "running": "running", "paused": "paused",
  "stopped": "stopped", "partial-succeeded": "partial", "exception": "partial", "lost": "lost",
};

/** The mark of a status: shape and colour have the same meaning as the word beside it. */
function mark(status) {
  const name = MARKS[status] ?? "lost";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.setAttribute("class", `mark is-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A status as mark and word. A run that is not active but has an open status is `lost`. */
function statusOf(run) {
  const isOpen = run.status === "running" || run.status === "paused";
  const shown = isOpen && !run.is_active ? "lost" : run.status;
  const element = h("span", { class: "status" }, mark(shown), run.status);
  if (shown === "lost") element.title = "Not active: it was stopped, or its worker died.";
  return element;
}

/** A button that copies a text. */
function copying(text, name, label = "Copy") {
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy ${name}` }, label);
  button.addEventListener("click", async () => {
    const copied = await copy(text);
    button.textContent = copied ? "Copied" : "Press Ctrl-C";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // a clipboard exists only on loopback and https
    const area = document.body.appendChild(h("textarea", { class: "aside" }, text));
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

const MOST_SHOWN = 20_000;

/** Values by name: inputs or outputs of a run or node. */
function valueList(values) {
  if (!values.length) return h("p", { class: "none" }, "none");
  const rows = values.map(({ name, is_text, text }) => [h("dt", {}, name), valueOf(text, is_text)]);
  return h("dl", { class: "values" }, ...rows.flat());
}

function valueOf(text, isText) {
  const shown = h("pre", { class: isText ? "is-text" : null }, text.slice(0, MOST_SHOWN));
  if (isText && !text) shown.append(h("i", {}, "empty text"));
  const element = h("dd", {}, shown);
  if (text.length > MOST_SHOWN) {
    const all = h("button", { type: "button", class: "more" }, `Show all ${number(text.length)} characters`);
    all.addEventListener("click", () => { shown.textContent = text; all.remove(); });
    element.append(all);
  }
  return element;
}

// ------------------------------------------------------------------------------- numbers and times

function number(value) {
  return value.toLocaleString("en");
}

function sumOf(counts) {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

/** "1 run", "1,200 runs". */
function count(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A duration, to three digits. */
function duration(seconds) {
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 0.9995) return `${Number((seconds * 1000).toPrecision(seconds < 0.01 ? 2 : 3))} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part) => String(part).padStart(2, "0");
  return hours ? `${number(hours)} h ${two(minutes)} min` : `${minutes} min ${two(rest)} s`;
}

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** A moment; only the time if it is today. */
function moment(seconds) {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = isToday ? TIME.format(date) : `${DAY.format(date)}, ${TIME.format(date)}`;
  return h("time", { datetime: date.toISOString(), title: date.toISOString() }, text);
}

/** The duration of a run so far; unknown if it never ended. */
function lengthOf(run, now) {
  if (run.finished != null) return duration(run.finished - run.created);
  return run.is_active ? duration(Math.max(0, now - run.created)) : "–";
}
