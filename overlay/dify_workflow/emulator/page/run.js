// One run: its details, its open forms, its timeline, its inputs and outputs.

/** The view of a run. */
function runView({ run: id }) {
  const title = h("h1"), trouble = h("div");
  const facts = h("dl", { class: "facts" }), ids = h("dl", { class: "facts" });
  const forms = h("div", { class: "forms" });
  const lines = timeline(id);
  const inputs = valuesPanel("Inputs"), outputs = valuesPanel("Outputs");
  const back = h("a", { href: "#", class: "back" }, "All runs");
  const whole = h("div", {}, back, h("section", { class: "panel summary" }, title, facts, ids, trouble),
    forms, lines.element, h("div", { class: "both" }, inputs.element, outputs.element));
  const missing = h("p", { class: "empty", hidden: true },
    "There is no such run: the emulator was reset or started again. ", h("a", { href: "#" }, "All runs"));
  const element = h("div", { class: "run" }, whole, missing);

  const show = (run) => {
    whole.hidden = !run;
    missing.hidden = Boolean(run);
    if (!run) return false;
    back.href = hashOf({ app: run.app });
    write(back, `Runs of ${run.name}`);
    listApps(run.app);
    document.title = `${run.name}: ${run.status} · Dify emulator`;
    title.replaceChildren(run.name, statusOf(run));
    sync(facts, factsOf(run), (fact) => fact.name, factPair);
    sync(ids, idsOf(run), (fact) => fact.name, factPair);
    showOnce(trouble, [run.error, run.status, run.is_active], () => troubleOf(run));
    showOnce(forms, run.forms, () => run.forms.map((form) => formCard(form, run)));
    lines.show(run.timeline);
    inputs.show(run.inputs);
    outputs.show(run.outputs);
    return run.is_active;
  };
  return { element, url: `page/runs/${encodeURIComponent(id)}.json`, show };
}

/** Fills an element again if its data has changed. */
function showOnce(element, data, make) {
  const text = JSON.stringify(data);
  if (element.shown === text) return;
  element.shown = text;
  element.replaceChildren(...make());
}

function factsOf(run) {
  return [
    { name: "Started", text: moment(run.created).textContent },
    { name: "Duration", text: lengthOf(run, run.now) },
    { name: "Steps", text: number(run.steps) },
    { name: "Tokens", text: number(run.tokens) },
    ...(run.exceptions ? [{ name: "Failures", text: number(run.exceptions) }] : []),
    { name: "User", text: run.user },
  ];
}

function idsOf(run) {
  return [{ name: "Run", text: run.id, copied: true }, { name: "Task", text: run.task_id, copied: true }];
}

function factPair({ name, text, copied }) {
  const value = h("span", { class: copied ? "id" : null });
  const pair = h("div", {}, h("dt", {}, name), h("dd", {}, value, copied && copying(text, name.toLowerCase())));
  pair.update = (fact) => write(value, fact.text);
  return pair;
}

function troubleOf(run) {
  const found = [];
  if (run.error) found.push(h("pre", { class: "error" }, run.error));
  if (!run.is_active && (run.status === "running" || run.status === "paused")) {
    found.push(h("p", { class: "note" },
      `It says ${run.status}, as this Dify does, but it is not active: it was stopped, or its worker died.`));
  }
  return found;
}

function valuesPanel(name) {
  const body = h("div");
  const element = h("section", { class: "panel" }, h("h2", {}, name), body);
  return { element, show: (values) => showOnce(body, values, () => [valueList(values)]) };
}

/** A form that waits for a person, and the request that answers it. */
function formCard(form, run) {
  const fields = form.inputs.map((field) => h("li", {}, h("code", {}, field.output_variable_name),
    ` ${field.type}`, field.option_source && `: ${field.option_source.value.join(" · ")}`));
  const actions = form.actions.map((action) => h("li", {}, h("code", {}, action.id), ` ${action.title}`));
  return h("section", { class: "panel form" },
    h("h2", {}, mark("paused"), `Waits for a person: ${form.node_title}`),
    h("p", { class: "content" }, form.form_content),
    h("dl", { class: "facts" },
      h("div", {}, h("dt", {}, "Token"), h("dd", {}, h("span", { class: "id" }, form.form_token), copying(form.form_token, "token"))),
      h("div", {}, h("dt", {}, "Expires"), h("dd", {}, moment(form.expiration_time))),
      h("div", {}, h("dt", {}, "Fields"), h("dd", {}, fields.length ? h("ul", {}, ...fields) : "none")),
      h("div", {}, h("dt", {}, "Actions"), h("dd", {}, h("ul", {}, ...actions)))));
}
