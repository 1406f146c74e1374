// The table of ends. Only the rows near the visible part are in the document, because there may be thousands.
const MARGIN = 12;
const MOST_PRINTED = 200;
const collator = new Intl.Collator("en", { numeric: true });
let columns = [];
let shown = []; // the ends that the filters leave, in order

const byText = (read) => ({ sort: read, text: true });
const byNumber = (read) => ({ sort: read, text: false });

function allColumns() {
  const several = report.calendar.length > 1;
  const hasGroups = report.ends.some((end) => end.group);
  const figure = (key, title, read, cell, more) => ({ key, title, ...byNumber(read), cell, ...more });
  return [
    { key: "circuit", title: "Circuit", ...byText((end) => end.circuit), cell: circuitCell },
    { key: "place", title: "End", ...byText(endText), cell: endText },
    { key: "country", title: "Country", ...byText((end) => end.pop_country), cell: (end) => end.pop_country ?? DASH },
    several && { key: "code", title: "Code", ...byText((end) => end.code_ope), cell: (end) => end.code_ope },
    hasGroups && { key: "group", title: "Group", ...byText((end) => end.group), cell: (end) => end.group ?? DASH },
    { key: "spark", title: "Daily max", cell: sparkline },
    figure("in", "p95 in", (end) => end.percentile_in, (end) => percent(end.percentile_in)),
    figure("out", "p95 out", (end) => end.percentile_out, (end) => percent(end.percentile_out)),
    figure("max", "p95 max", (end) => end.best, maxCell),
    report.has_inventory && figure("mbits", "p95 Mbit/s", (end) => end.figures.percentile_mbits, mbitsCell),
    figure("busy", "Busy hour", (end) => end.figures.busy_hour, (end) => hourText(end.figures.busy_hour)),
    figure("trend", "Since or trend", (end) => end.figures.trend.per_week, trendCell),
    figure("cover", "Coverage", (end) => end.figures.coverage, (end) => share(end.figures.coverage)),
  ].filter(Boolean);
}

const HINTS = {
  spark: "Highest value of each day in the busier direction. The dashed lines are the thresholds",
  in: "95th percentile in direction In, % of full scale",
  out: "95th percentile in direction Out, % of full scale",
  max: "The larger of p95 in and p95 out, % of full scale. ≥: only a part of the end is judged, so the value may be higher",
  mbits: "p95 max in Mbit/s, from the committed rate",
  busy: "Clock hour with the highest mean",
  trend: "If the end is above a threshold: since when. Else the date at which the trend reaches the critical threshold, or percentage points a week; gray if there may be no trend",
  cover: "Share of the expected time steps that have a value",
};

function circuitCell(end) {
  return [statusIcon(end.status), end.circuit, end.label && el("span.label", { title: end.label }, end.label)];
}

const mbitsCell = (end) => el("span", { title: end.figures.mbits_reason }, mbits(end.figures.percentile_mbits));
const trendCell = (end) => {
  const { trend, above_since: since } = end.figures;
  if (since) return el("span", { title: sinceText(end.figures) }, sinceWhen(end.figures));
  const isClear = !missing(trend.low) && trend.low * trend.high > 0;
  return el(trend.critical_on ? "b" : isClear ? "span" : "span.none", { title: trend.reason }, trendText(trend, " a week"));
};

// The end's own percentile; else "≥" and that of the series that is judged, because the other is unknown.
function maxCell(end) {
  const { percentile, reason } = end.figures;
  const bar = el(`span.bar.${end.status}`, { "aria-hidden": "true" }, el("i"));
  bar.firstChild.style.width = `${Math.min(100, Math.max(0, toPercent(end.best ?? 0)))}%`;
  if (end.best === null) return [el("span.none", { title: reason }, "not judged"), bar];
  return [el("span", { title: reason }, `${percentile === null ? "≥ " : ""}${percent(end.best)}`), bar];
}

// One path; a gap starts a new part. The scale is 0 to 100 percent of full scale for all rows.
function sparkline(end) {
  const values = dailyMaxima(report, end);
  const width = 120;
  const x = (i) => (values.length > 1 ? (i * width) / (values.length - 1) : width / 2);
  const y = (value) => 21 - (20 * Math.min(110, Math.max(0, value))) / 110;
  let pen = "M";
  const path = values.map((value, i) => {
    if (Number.isNaN(value)) { pen = "M"; return ""; }
    const part = `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}${pen === "M" ? "h.01" : ""}`;
    pen = "L";
    return part;
  });
  const limit = (name) => svg("path", { class: `limit ${name}`, d: `M0 ${y(report.thresholds[name]).toFixed(1)}H${width}` });
  const view = { class: "spark", viewBox: `-1 0 ${width + 2} 22`, preserveAspectRatio: "none", "aria-hidden": "true" };
  return svg("svg", view, limit("warning"), limit("critical"), svg("path", { d: path.join("") }));
}

function buildTable() {
  columns = allColumns();
  const table = document.getElementById("table");
  table.replaceChildren(el("thead"), el("tbody"));
  buildHead();
  table.setAttribute("aria-colcount", columns.length);
  table.addEventListener("keydown", moveByKey);
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-index]");
    if (row) { table.focus({ preventScroll: true }); open(report.ends[row.dataset.index]); }
  });
  document.getElementById("scroller").addEventListener("scroll", () => requestAnimationFrame(renderRows));
}

function buildHead() {
  document.getElementById("table").tHead.replaceChildren(el("tr", { "aria-rowindex": 1 }, columns.map(headCell)));
}

// Chromium does not repeat buttons on the next page of a print.
function headCell(column, i) {
  const button = column.sort && !isPrinting && el("button", { type: "button", onclick: () => sortBy(column) }, column.title);
  return el(`th.${column.key}`, { scope: "col", "aria-colindex": i + 1, title: HINTS[column.key] }, button || column.title);
}

function sortBy(column) {
  const first = column.text ? "asc" : "desc";
  const other = first === "asc" ? "desc" : "asc";
  const isSame = state.sort === column.key;
  show({ sort: column.key, order: isSame && state.order === first ? other : first });
}

// Ends without a value are last in both orders.
function compare(column, sign) {
  return (a, b) => {
    const [x, y] = [column.sort(a), column.sort(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y) || a.index - b.index;
    return sign * (column.text ? collator.compare(x, y) : x - y) || a.index - b.index;
  };
}

function renderTable() {
  const column = columns.find((one) => one.sort && one.key === state.sort) ?? columns[0];
  shown = report.ends.filter(isWanted).sort(compare(column, state.order === "asc" ? 1 : -1));
  columns.forEach((one, i) => {
    const cell = document.querySelectorAll("#table th")[i];
    if (one === column) cell.setAttribute("aria-sort", state.order === "asc" ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  });
  document.getElementById("table").setAttribute("aria-rowcount", shown.length + 1);
  renderNote();
  renderRows();
}

function renderNote() {
  const note = document.getElementById("table-note");
  const rest = isPrinting && shown.length > MOST_PRINTED;
  note.hidden = shown.length > 0 && !rest;
  const none = report.ends.length ? "No end fits the filters." : "The month has no samples.";
  note.textContent = rest ? `The first ${MOST_PRINTED} of ${plural(shown.length, "end")} in this order.` : none;
}

const rem = () => (isPrinting ? 10 : parseFloat(getComputedStyle(document.documentElement).fontSize));
const rowHeight = () => rem() * 2.25;

function visibleRange() {
  if (isPrinting) return [0, Math.min(shown.length, MOST_PRINTED)];
  const { scrollTop, clientHeight } = document.getElementById("scroller");
  const first = Math.floor(scrollTop / rowHeight()) - MARGIN;
  const count = Math.ceil(clientHeight / rowHeight()) + 2 * MARGIN;
  return [Math.max(0, first), Math.min(shown.length, Math.max(0, first) + count)];
}

function renderRows() {
  const [first, last] = visibleRange();
  const chosen = chosenEnd();
  const rows = shown.slice(first, last).map((end, i) => rowOf(end, first + i, end.index === chosen));
  const total = isPrinting ? last : shown.length;
  const table = document.getElementById("table");
  table.tBodies[0].replaceChildren(spacer(first), ...rows, spacer(total - last));
  if (rows.some((row) => row.id === `row-${chosen}`)) table.setAttribute("aria-activedescendant", `row-${chosen}`);
  else table.removeAttribute("aria-activedescendant");
}

function spacer(count) {
  const row = el("tr.spacer", { "aria-hidden": "true" });
  row.style.height = `${count * rowHeight()}px`;
  return row;
}

function rowOf(end, position, isChosen) {
  const attributes = { id: `row-${end.index}`, "data-index": end.index, "aria-rowindex": position + 2 };
  const cells = columns.map((column, i) => {
    const title = column.text ? column.sort(end) : null;
    return el(`td.${column.key}`, { "aria-colindex": i + 1, title }, column.cell(end));
  });
  return el("tr", { ...attributes, "aria-selected": String(isChosen) }, cells);
}

// Arrow keys move through the rows and open each; Escape closes the circuit.
function moveByKey(event) {
  if (event.target !== event.currentTarget) return;
  const now = shown.findIndex((end) => end.index === chosenEnd());
  const page = Math.floor(document.getElementById("scroller").clientHeight / rowHeight()) - 2;
  const steps = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: Infinity };
  if (event.key === "Escape") return close();
  if (event.key === "Enter") return document.getElementById("circuit").focus();
  if (!(event.key in steps) || !shown.length) return;
  event.preventDefault();
  const position = Math.min(shown.length - 1, Math.max(0, steps[event.key]));
  open(shown[position]);
  reveal(position);
}

function reveal(position) {
  const scroller = document.getElementById("scroller");
  const head = document.querySelector("#table thead").offsetHeight;
  const top = position * rowHeight();
  const lowest = top + rowHeight() + head - scroller.clientHeight;
  if (scroller.scrollTop > top) scroller.scrollTop = top;
  else if (scroller.scrollTop < lowest) scroller.scrollTop = lowest;
  renderRows();
}
