// Starts the page, and shows what the address says.
let report = null;
let isPrinting = false;
const rendered = new Set();
const RENDER = { groups: renderGroups, changes: renderChanges, coverage: renderCoverage, notes: renderNotes };

function renderTabs() {
  const { ends, groups, changes, notes } = report;
  const changed = changes.reason ? 0 : changeLists().reduce((sum, list) => sum + list.items.length, 0);
  const { missing: gaps } = calendarTotals();
  const titles = {
    circuits: ["Circuits", ends.length, plural(ends.length, "end")], groups: ["Groups", groups.length], changes: ["Changes", changed],
    coverage: ["Coverage", gaps, `${plural(gaps, "day")} missing`], notes: ["Notes", notes.length],
  };
  const tab = ([view, [title, count, text]]) =>
    el("a", { "data-view": view }, title, count > 0 && el("small", {}, text ?? whole(count)));
  document.getElementById("tabs").replaceChildren(...Object.entries(titles).map(tab));
}

// Large views are made when they are first needed.
function renderView(view) {
  if (!RENDER[view] || rendered.has(view)) return;
  RENDER[view]();
  rendered.add(view);
}

function update() {
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== state.view;
  for (const anchor of document.querySelectorAll("a[data-view]")) {
    anchor.setAttribute("href", hashOf({ ...state, view: anchor.dataset.view }));
    if (anchor.dataset.view === state.view) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  renderView(state.view);
  renderTheme();
  renderTable();
  renderFilters();
  renderCircuit();
  resizeCharts();
}

function isDark() {
  return state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function renderTheme() {
  const { dataset } = document.documentElement;
  const wanted = isPrinting ? "light" : (state.theme ?? "");
  document.getElementById("theme").textContent = isDark() ? "Light theme" : "Dark theme";
  if ((dataset.theme ?? "") === wanted) return;
  dataset.theme = wanted;
  redraw();
}

// A print has all views in light colors, and the rows of the table without scrolling.
function setPrinting(wanted) {
  if (isPrinting === wanted) return;
  isPrinting = wanted;
  if (wanted) VIEWS.forEach(renderView);
  renderTheme();
  buildHead();
  renderTable();
  redraw();
}

function openFirst() {
  if (state.circuit === null && shown.length && innerWidth > 1150) state = { ...state, ...addressOf(shown[0]) };
}

function listen() {
  document.getElementById("theme").addEventListener("click", () => show({ theme: isDark() ? "light" : "dark" }));
  document.getElementById("print").addEventListener("click", () => print());
  document.getElementById("circuit").addEventListener("keydown", (event) => event.key === "Escape" && close());
  addEventListener("hashchange", () => { clearTimeout(pendingAddress); readHash(); update(); });
  addEventListener("beforeprint", () => setPrinting(true));
  addEventListener("afterprint", () => setPrinting(false));
  matchMedia("print").addEventListener("change", (event) => setPrinting(event.matches));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { redraw(); renderTheme(); });
  const observer = new ResizeObserver(() => requestAnimationFrame(() => { renderRows(); resizeCharts(); }));
  observer.observe(document.getElementById("circuit"));
  observer.observe(document.getElementById("scroller"));
}

async function start() {
  report = await load();
  readHash();
  const { style } = document.documentElement;
  style.setProperty("--at-warning", `${report.thresholds.warning}%`);
  style.setProperty("--at-critical", `${report.thresholds.critical}%`);
  document.getElementById("main").hidden = false;
  renderTop();
  renderTabs();
  renderHeadline();
  buildTable();
  buildFilters();
  update();
  openFirst();
  update();
  listen();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => {
  document.body.prepend(el("p.failure", { role: "alert" }, "This browser can't show the report. Use a version from 2024 or later."));
  throw error;
});
