// The timeline of a run: rows that the server draws, and inputs and outputs of a row's node.

/** The timeline of a run; `show` updates it. */
function timeline(runId) {
  const axis = h("div", { class: "axis" }), rows = h("ol", { class: "rows" });
  const none = h("p", { class: "none" }, "No node has started.");
  const element = h("section", { class: "panel timeline" }, h("h2", {}, "Timeline"), axis, rows, none);
  const opened = new Map(); // rows that the user opened or closed, by key
  let shown = null;

  const isOpen = (row) => row.size > 0 && (opened.get(row.key) ?? row.is_open);
  const toggle = (row) => { opened.set(row.key, !isOpen(row)); show(shown); };
  const show = (timeline) => {
    shown = timeline;
    none.hidden = Boolean(timeline.rows.length);
    draw(axis, none.hidden ? timeline.axis : "");
    const visible = [];
    let closed = Infinity; // the depth of a closed row
    for (const row of timeline.rows) {
      if (row.depth > closed) continue;
      closed = row.size && !isOpen(row) ? row.depth : Infinity;
      visible.push({ ...row, isOpen: isOpen(row) });
    }
    sync(rows, visible, (row) => row.key, () => timelineRow(runId, toggle));
  };
  return { element, show };
}

/** Fills an element with the server's drawing, in which texts are escaped. */
function draw(element, svg) {
  if (element.drawn !== svg) element.innerHTML = element.drawn = svg;
}

function timelineRow(runId, toggle) {
  const fold = h("button", { type: "button", class: "fold" });
  const title = h("span", { class: "title" }), said = h("span"), strip = h("span");
  const button = h("button", { type: "button", class: "row", "aria-expanded": "false" },
    h("span", { class: "aside" }, title, said), strip);
  const detail = h("div", { class: "detail", hidden: true });
  const row = h("li", {}, h("div", { class: "line" }, fold, button), detail);
  let entry, filled;

  row.update = (next) => {
    entry = next;
    write(title, next.title);
    write(said, `: ${next.said}`);
    draw(strip, next.svg);
    fold.hidden = !next.size;
    fold.setAttribute("aria-expanded", String(next.isOpen));
    fold.setAttribute("aria-label", `${next.isOpen ? "Hide" : "Show"} what is inside ${next.title}`);
    if (next.node == null) button.setAttribute("aria-expanded", String(next.isOpen));
    else if (!detail.hidden && filled !== next.said) open();
  };
  const open = () => {
    filled = entry.said;
    fill(detail, runId, entry.node);
  };
  fold.addEventListener("click", () => toggle(entry));
  button.addEventListener("click", () => {
    if (entry.node == null) return toggle(entry);
    detail.hidden = !detail.hidden;
    button.setAttribute("aria-expanded", String(!detail.hidden));
    if (!detail.hidden) open();
  });
  return row;
}

/** Requests and shows inputs and outputs of a node. */
async function fill(detail, runId, index) {
  try {
    const node = await get(`page/runs/${encodeURIComponent(runId)}/nodes/${index}.json`);
    if (!node) throw new Error("the emulator has forgotten it");
    const part = (name, content) => h("section", {}, h("h3", {}, name), content);
    const retries = node.retries.map(([at, error]) => h("li", {}, `after ${duration(at - node.began)}: `, h("code", {}, error)));
    detail.replaceChildren(
      h("p", { class: "ids" }, "Node ", h("code", {}, node.node_id), ` ${node.status}, execution `, h("code", {}, node.id)),
      ...(node.error ? [part("Error", h("pre", { class: "error" }, node.error))] : []),
      ...(retries.length ? [part("Failed attempts", h("ol", { class: "retries" }, ...retries))] : []),
      h("div", { class: "both" }, part("Inputs", valueList(node.inputs)), part("Outputs", valueList(node.outputs))));
  } catch (error) {
    detail.replaceChildren(h("p", { class: "none" }, `Its values cannot be shown: ${error.message}.`));
  }
}
