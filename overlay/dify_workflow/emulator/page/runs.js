// The list of runs, newest first.

/** The view of the latest runs, of one app or all; `before` is the start of a page. */
function runsView({ app, before }, apps) {
  const chosen = apps.find((each) => each.key === app);
  const body = h("tbody");
  const heads = ["Status", "App", "Run", "User", "Started", "Duration", "Tokens", "Steps"];
  const classes = { App: "app", Duration: "number", Tokens: "number", Steps: "number" };
  const table = h("table", { class: chosen ? "runs of-app" : "runs" },
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col", class: classes[text] }, text)))),
    body);
  const range = h("span", { class: "range" });
  const newest = h("a", { href: hashOf({ app }) }, "Newest");
  const older = h("a", {}, "Older");
  const empty = emptyRuns(chosen ?? apps.find((each) => each.can_run), Boolean(chosen));
  const element = h("div", {}, chosen && appPanel(chosen),
    h("section", { class: "panel list" },
      h("div", { class: "head" }, h("h2", {}, chosen ? "Its runs" : "Latest runs"), range, newest, older),
      table, empty));

  const show = (data) => {
    const total = app ? data.counts[app] ?? 0 : sumOf(data.counts);
    sync(body, data.runs, (run) => run.id, runRow);
    for (const row of body.children) row.tick(data.now);
    table.hidden = range.hidden = !data.runs.length;
    empty.hidden = Boolean(data.runs.length);
    const first = data.newer + 1, last = data.newer + data.runs.length;
    write(range, before || data.before ? `${number(first)}–${number(last)} of ${number(total)}` : count(total, "run"));
    newest.hidden = !before;
    older.hidden = !data.before;
    if (data.before) older.href = hashOf({ app, before: data.before });
    const active = data.runs.filter((run) => run.is_active).length;
    document.title = `${active ? `(${active}) ` : ""}${chosen ? `${chosen.name} · ` : ""}Dify emulator`;
    listApps(app, data.counts);
    return true;
  };
  const url = `page/runs.json?${new URLSearchParams(known({ app, before }))}`;
  return { element, url, show };
}

function runRow(run) {
  const status = h("td"), length = h("td", { class: "number" });
  const tokens = h("td", { class: "number" }), steps = h("td", { class: "number" });
  const link = h("a", { href: hashOf({ run: run.id }), class: "row", title: run.id }, run.id.slice(0, 8));
  const row = h("tr", {}, status, h("td", { class: "app" }, run.name), h("td", {}, link),
    h("td", { class: "user", title: run.user }, run.user), h("td", {}, moment(run.created)), length, tokens, steps);
  let shown = "";
  row.update = (next) => {
    run = next;
    if (shown !== `${run.status} ${run.is_active}`) status.replaceChildren(statusOf(run));
    shown = `${run.status} ${run.is_active}`;
    write(tokens, run.tokens ? number(run.tokens) : "–");
    write(steps, number(run.steps));
  };
  row.tick = (now) => write(length, lengthOf(run, now));
  return row;
}

function emptyRuns(app, isChosen) {
  if (!app) return h("p", { class: "empty" }, "No runs yet.");
  return h("div", { class: "empty" }, h("p", {}, "No runs yet. They appear here as they start",
    isChosen ? "." : "; this starts one:"), !isChosen && snippets(app));
}
