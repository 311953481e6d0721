// The timeline of a run: a bar for each node, on one axis of time.

const MANY = 40; // an iteration or loop with more nodes inside is closed at first

/** The timeline of a run; `show` brings it up to date. */
function timeline(runId) {
  const axis = h("div"), rows = h("ol", { class: "rows" });
  const none = h("p", { class: "none" }, "No node has started.");
  const element = h("section", { class: "panel timeline" }, h("h2", {}, "Timeline"),
    h("div", { class: "axis", "aria-hidden": "true" }, axis), rows, none);
  const opened = new Map(); // what somebody opened or closed, by id of the iteration or loop
  let shown = null;

  const toggle = (node, open) => { opened.set(node.id, open); show(shown); };
  const show = (run) => {
    shown = run;
    const scale = scaleOf(run);
    none.hidden = Boolean(run.nodes.length);
    element.classList.toggle("is-live", run.goes_on);
    element.style.setProperty("--step", `${(scale.step / scale.span) * 100}%`);
    axis.replaceChildren(...ticks(scale));
    sync(rows, visible(run.nodes, opened), ({ node }) => node.index, () => nodeRow(runId, toggle));
    for (const row of rows.children) row.draw(run, scale);
  };
  return { element, show };
}

/** The nodes in the order of a tree, as far as it is open: node, depth, number of nodes inside. */
function visible(nodes, opened) {
  const inside = new Map([[null, []]]);
  for (const node of nodes) {
    if (!inside.has(node.parent)) inside.set(node.parent, []);
    inside.get(node.parent).push(node);
  }
  const sizes = new Map();
  for (const node of [...nodes].reverse()) { // what is inside starts later
    const children = inside.get(node.id) ?? [];
    sizes.set(node.id, children.reduce((sum, child) => sum + 1 + sizes.get(child.id), 0));
  }
  const found = [];
  const add = (node, depth) => {
    const size = sizes.get(node.id), isOpen = size > 0 && (opened.get(node.id) ?? size <= MANY);
    found.push({ node, depth, size, isOpen });
    if (isOpen) for (const child of inside.get(node.id)) add(child, depth + 1);
  };
  for (const node of inside.get(null)) add(node, 0);
  return found;
}

// ------------------------------------------------------------------------------------- the axis

/** Where the timeline begins (Unix seconds), how long it is, and how far ticks are apart. */
function scaleOf(run) {
  let end = run.finished ?? (run.goes_on ? run.now : run.created);
  for (const node of run.nodes) end = Math.max(end, node.began, node.ended ?? 0);
  const span = Math.max((end - run.created) * 1.001, 0.001);
  return { start: run.created, end, span, step: stepOf(span / 6) };
}

/** The next round number of seconds. */
function stepOf(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least);
  if (step < 60) return step;
  const rounds = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200];
  return rounds.find((each) => each >= least) ?? Math.ceil(least / 86400) * 86400;
}

function ticks({ span, step }) {
  const found = [];
  for (let at = 0; at <= span; at += step) {
    const tick = h("span", {}, tickText(at, step));
    tick.style.left = `${(at / span) * 100}%`;
    if (at / span < 0.97) found.push(tick);
  }
  return found;
}

function tickText(at, step) {
  const rounded = (value) => String(Number(value.toPrecision(4)));
  if (step >= 3600) return `${rounded(at / 3600)} h`;
  if (step >= 60) return `${rounded(at / 60)} min`;
  return step >= 0.5 || at === 0 ? `${rounded(at)} s` : `${rounded(at * 1000)} ms`;
}

// ------------------------------------------------------------------------------------- the rows

function nodeRow(runId, toggle) {
  const fold = h("button", { type: "button", class: "fold" });
  const state = h("span", { class: "state" }), title = h("span", { class: "title" });
  const more = h("span", { class: "more-inside" }), kind = h("span", { class: "kind" });
  const bar = h("span", { class: "bar" }), length = h("span", { class: "length" });
  const button = h("button", { type: "button", class: "row", "aria-expanded": "false" },
    h("span", { class: "label" }, state, title, kind, more), h("span", { class: "track" }, bar, length));
  const detail = h("div", { class: "detail", hidden: true });
  const row = h("li", {}, h("div", { class: "line" }, fold, button), detail);
  let entry, status;

  row.update = (next) => {
    entry = next;
    const { node, depth, size, isOpen } = entry;
    row.style.setProperty("--depth", depth);
    write(title, node.title);
    write(kind, [node.node_type, node.round == null ? null : `round ${node.round + 1}`].filter(Boolean).join(" · "));
    write(more, size && !isOpen ? `+ ${count(size, "node")}` : "");
    fold.hidden = !size;
    fold.setAttribute("aria-expanded", String(isOpen));
    fold.setAttribute("aria-label", `${isOpen ? "Hide" : "Show"} what is inside ${node.title}`);
  };
  row.draw = (run, scale) => {
    const { node } = entry, next = statusOfNode(node, run);
    drawBar(bar, length, node, next, run, scale);
    if (next === status) return;
    status = next;
    state.replaceChildren(mark(status), h("span", { class: "aside" }, status));
    bar.className = `bar is-${MARKS[status] ?? "lost"}${entry.size ? " has-inside" : ""}`;
    if (!detail.hidden) fill(detail, runId, node, status);
  };
  fold.addEventListener("click", () => toggle(entry.node, !entry.isOpen));
  button.addEventListener("click", () => {
    detail.hidden = !detail.hidden;
    button.setAttribute("aria-expanded", String(!detail.hidden));
    if (!detail.hidden) fill(detail, runId, entry.node, status);
  });
  return row;
}

/** How a node is; one that never ended in a run that is over is lost. */
function statusOfNode(node, run) {
  const isOpen = node.status === "running" || node.status === "paused";
  return isOpen && !run.goes_on ? "lost" : node.status;
}

function drawBar(bar, length, node, status, run, { start, end, span }) {
  const isOpen = node.status === "running" || node.status === "paused";
  const until = isOpen ? (run.goes_on ? run.now : end) : node.ended;
  const taken = Math.max(until - node.began, 0);
  const left = ((node.began - start) / span) * 100, width = (taken / span) * 100;
  bar.style.left = `${left}%`;
  bar.style.width = `${width}%`;
  bar.replaceChildren(...failedAttempts(node, taken));
  length.style.left = `${left + width}%`;
  const words = [status === "lost" ? "never ended" : duration(taken)];
  if (node.retries.length) words.push(node.retries.length === 1 ? "1 retry" : `${node.retries.length} retries`);
  if (!["succeeded", "running", "lost"].includes(status)) words.push(status);
  write(length, words.join(" · "));
}

/** The parts of a bar in which an attempt went on that failed. */
function failedAttempts(node, taken) {
  const share = (time) => (taken ? (time / taken) * 100 : 0);
  return node.retries.map((at, index) => {
    const began = index ? node.retries[index - 1] : node.began;
    const part = h("span");
    part.style.left = `${share(began - node.began)}%`;
    part.style.width = `${share(at - began)}%`;
    return part;
  });
}

/** Asks for what a node took and gave, and shows it. */
async function fill(detail, runId, node, status) {
  try {
    const found = await get(`page/runs/${encodeURIComponent(runId)}/nodes/${node.index}.json`);
    if (!found) throw new Error("the emulator has forgotten it");
    const part = (name, content) => h("section", {}, h("h3", {}, name), content);
    const retries = found.retries.map(([at, error]) => h("li", {}, `after ${duration(at - node.began)}: `, h("code", {}, error)));
    detail.replaceChildren(
      h("p", { class: "ids" }, "Node ", h("code", {}, node.node_id), ` ${status}, execution `, h("code", {}, node.id)),
      ...(found.error ? [part("Error", h("pre", { class: "error" }, found.error))] : []),
      ...(retries.length ? [part("Failed attempts", h("ol", { class: "retries" }, ...retries))] : []),
      h("div", { class: "both" }, part("Inputs", valueList(found.inputs)), part("Outputs", valueList(found.outputs))));
  } catch (error) {
    detail.replaceChildren(h("p", { class: "none" }, `Its values cannot be shown: ${error.message}.`));
  }
}
