// Chooses the view, and updates it. The part of the address after # names the view:
// #app=…, #app=…&before=…, #run=….

const EVERY = 1000, WHEN_OFFLINE = 2000; // milliseconds

const main = document.getElementById("main"), offline = document.getElementById("offline");
let server = { apps: [] }, view = null, timer = 0, turn = 0, counts = null;

function known(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value != null));
}

function hashOf(values) {
  return `#${new URLSearchParams(known(values))}`;
}

async function get(url) {
  const answer = await fetch(url);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

function place() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Shows the view in the address. */
function navigate() {
  const where = place();
  view = where.run ? runView(where) : runsView(where, server.apps);
  main.replaceChildren(view.element);
  main.className = "is-loading";
  listApps(where.app);
  scrollTo(0, 0);
  refresh();
}

/** Shows the apps, with the chosen one marked; `next` is the present number of runs of each. */
function listApps(chosen, next = counts) {
  counts = next;
  showOnce(document.getElementById("apps"), [server.apps, chosen, place().run, counts], () =>
    [appList(server.apps, chosen ?? (place().run ? undefined : null), counts)]);
}

/** Requests the data of the view repeatedly, while it can change and the page is visible. */
async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  const mine = ++turn;
  const wasOffline = !offline.hidden;
  let data;
  try {
    if (wasOffline) await load(); // it may be another emulator now
    data = await get(view.url);
  } catch {
    if (mine === turn) lose();
    return;
  }
  if (mine !== turn) return;
  offline.hidden = true;
  if (wasOffline) return navigate();
  main.className = "";
  if (view.show(data)) timer = setTimeout(refresh, EVERY);
}

/** The server does not answer; the view stays. */
function lose() {
  offline.hidden = false;
  write(offline, "The emulator does not answer. Trying again…");
  timer = setTimeout(refresh, WHEN_OFFLINE);
}

/** Requests the list of apps. */
async function load() {
  server = await get("page/apps.json");
  write(document.getElementById("version"), `behaves as Dify ${server.version}`);
  document.getElementById("address").replaceChildren(
    h("code", {}, server.base_url), copying(server.base_url, "base URL"));
}

/** Arrow keys move from row to row; Escape closes a run. */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    const rows = [...main.querySelectorAll(".row")].filter((row) => row.offsetParent);
    const at = rows.indexOf(document.activeElement);
    if (at < 0 || !rows[at + step]) return;
    rows[at + step].focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    main.querySelector(".back")?.click();
  }
}

addEventListener("hashchange", navigate);
addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
load().catch(lose).then(navigate);
