// The apps: a list at the side, and the inputs of one of them.

/** The list of apps; `counts` is the number of runs by key, if known. */
function appList(apps, chosen, counts) {
  const total = counts && sumOf(counts);
  const entry = (key, name, runs, ...more) =>
    h("li", {}, h("a", { href: key ? hashOf({ app: key }) : "#", "aria-current": key === chosen ? "page" : null },
      h("span", { class: "name" }, name),
      runs != null && h("span", { class: "count", title: count(runs, "run") }, number(runs)),
      ...more));
  const all = entry(null, "All apps", total);
  const each = apps.map((app) => entry(app.key, app.name, counts && (counts[app.key] ?? 0),
    h("code", {}, app.key),
    app.inputs.length > 0 && h("span", { class: "takes" }, ...app.inputs.map(inputLine)),
    !app.can_run && h("span", { class: "cannot" }, "cannot be run")));
  return h("ul", {}, all, ...each);
}

/** An input in the style of a function's type: a question mark if it is optional. */
function inputLine(input) {
  const title = `${input.name}: ${input.type}, ${input.required ? "required" : "optional"}`;
  return h("span", { title }, h("code", {}, input.name, !input.required && h("i", {}, "?")), " ", h("small", {}, input.type));
}

/** The description of an app, its inputs, and how to run it. */
function appPanel(app) {
  return h("section", { class: "panel app" },
    h("div", { class: "about" },
      h("h1", {}, app.name),
      app.description && h("p", {}, app.description),
      h("p", { class: "key" }, h("code", {}, app.key), copying(app.key, "key")),
      inputTable(app.inputs)),
    snippets(app));
}

function inputTable(inputs) {
  if (!inputs.length) return h("p", { class: "none" }, "It takes no inputs.");
  const rows = inputs.map((input) => h("tr", {},
    h("th", { scope: "row" }, h("code", {}, input.name), input.label !== input.name && h("small", {}, input.label)),
    h("td", {}, input.type),
    h("td", {}, input.required ? "required" : h("span", { class: "dim" }, "optional")),
    h("td", {}, input.options.length ? input.options.join(" · ") : null,
      input.default != null && h("span", { class: "dim" }, ` default ${input.default}`))));
  const heads = ["Input", "Kind", "Needed", "Choices"].map((text) => h("th", { scope: "col" }, text));
  return h("table", { class: "inputs" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
}

let language = "curl"; // the last choice

/** The lines that run an app, in the chosen language. */
function snippets(app) {
  const languages = { curl: app.curl, Python: app.python };
  const code = h("pre", { tabindex: "0" });
  const tools = h("div", { class: "tools" });
  const show = (chosen) => {
    language = chosen;
    code.textContent = languages[chosen];
    const tabs = Object.keys(languages).map((name) => {
      const tab = h("button", { type: "button", "aria-pressed": String(name === chosen) }, name);
      tab.addEventListener("click", () => { show(name); tools.querySelector("[aria-pressed=true]").focus(); });
      return tab;
    });
    tools.replaceChildren(...tabs, copying(languages[chosen], `${chosen} line`));
  };
  show(language);
  return h("div", { class: "snippet" }, tools, code);
}
