// The pane of a circuit: for each series of both ends its figures, hourly maxima and heat map.
let drawn = null; // the end whose circuit the pane shows

const open = (end) => show(addressOf(end));

function close() {
  show({ circuit: "", end: null });
  document.getElementById("table").focus({ preventScroll: true });
}

function renderCircuit() {
  const chosen = chosenEnd();
  const pane = document.getElementById("circuit");
  document.body.classList.toggle("split", chosen !== null);
  pane.hidden = chosen === null;
  if (chosen === drawn) return;
  drawn = chosen;
  clearCharts();
  if (chosen === null) return pane.replaceChildren();
  const { circuit, code_ope: code } = report.ends[chosen];
  const ends = report.ends.filter((end) => end.circuit === circuit && end.code_ope === code);
  ends.sort((a, b) => (b.index === chosen) - (a.index === chosen));
  const top = highestMean(ends);
  const cards = ends.map((end) => endBlock(end, end.index === chosen && ends.length > 1, top));
  pane.replaceChildren(circuitHead(report.ends[chosen]), legend(top), ...cards);
  pane.scrollTop = 0;
  drawCharts(ends.flatMap((end) => end.series));
}

function redraw() {
  drawn = null;
  renderCircuit();
}

function circuitHead(end) {
  const { committed_mbits: committed, mbits_reason: reason } = end.figures;
  const rate = report.has_inventory && (committed === null ? reason : `committed ${mbits(committed)} Mbit/s`);
  const facts = [end.label, end.object_type, end.group && `group ${end.group}`, `code ${end.code_ope}`, rate];
  return el(
    "header", {},
    el("h2", { title: end.circuit }, end.circuit),
    el("button", { type: "button", id: "reset", hidden: "", onclick: () => zoom(null) }, "Whole month"),
    el("button", { type: "button", id: "close", "aria-label": "Close the circuit", onclick: close }, "✕"),
    el("p", {}, facts.filter(Boolean).map((fact) => el("span", {}, fact))),
  );
}

// The highest mean of all series of a circuit: it has the strongest color in the heat maps.
function highestMean(ends) {
  const all = ends.flatMap((end) => end.series);
  return all.reduce((top, one) => meansOf(report, one).reduce((a, b) => (b > a ? b : a), top), 0);
}

function legend(top) {
  const bucket = report.hours.step_seconds === 3600 ? "hourly maximum" : "maximum of each step";
  const key = (name, text) => el("span", {}, el(`i.${name}`), text);
  return el(
    "p.legend", {},
    key("maximum", `${bucket}, % of full scale`), key("percentile", "p95"),
    key("threshold", `thresholds ${level("warning")}, ${level("critical")}`), key("gap", "no data"),
    report.hours.means_step && key("cell", `mean by weekday and hour, strongest color: ${decimals(top)} %`),
  );
}

function endBlock(end, isChosen, top) {
  const title = el("h3", { title: endText(end) }, endText(end), end.pop_country && end.place && el("small", {}, end.pop_country));
  if (isChosen) title.append(el("small.chosen", {}, "chosen end"));
  const { reason } = end.figures;
  const isNews = reason && end.series.every((one) => report.series[one].figures.reason !== reason);
  return el("section.end", {}, title, isNews && el("p.reason", {}, `No p95 max: ${reason}`), end.series.map((one) => card(one, top)));
}

function card(series, top) {
  const line = report.series[series];
  const direction = directionText(line);
  const metric = direction !== line.metric_name && el("small", { title: line.metric_name }, line.metric_name);
  return el(
    "article.line", { id: `line-${series}` },
    el("h4", {}, statusIcon(line.status), el("span", { title: direction }, direction), metric, el("span.readout", { "aria-live": "off" })),
    figuresOf(line.figures),
    el("div.chart", { tabindex: 0, role: "img", "aria-label": chartLabel(line) }),
    report.hours.means_step ? heatMap(series, top) : null,
  );
}

function chartLabel(line) {
  const { maximum, maximum_at: at } = line.figures;
  const highest = maximum === null ? "no value" : `highest value ${percent(maximum)} % on ${when(at)}`;
  return `${seriesText(line)}: maxima over the month, ${highest}. Arrow keys read the values, plus and minus zoom.`;
}

function figuresOf(figures) {
  const { percentile, maximum, mean, busy_hour: busy, trend, coverage, reason } = figures;
  const rate = (name) => (missing(figures[name]) ? "" : ` (${mbits(figures[name])} Mbit/s)`);
  const since = sinceText(figures) && `, ${sinceText(figures)}`;
  const p95 = percentile === null ? "not judged" : `${percent(percentile)} %${rate("percentile_mbits")}${since}`;
  const needed = missing(figures.percentile_mbits) ? null : rateFor(figures.percentile_mbits);
  const interval = missing(trend.low) ? null : `${signed(toPercent(trend.low))} to ${signed(toPercent(trend.high))} a week, ${trend.weeks} weeks`;
  const above = [figures.above_warning, figures.above_critical].map(share).join(", ");
  const items = [
    ["p95", p95, reason],
    needed && [`rate for ${level("warning")}`, `${mbits(needed)} Mbit/s`, `The lowest committed rate at which this traffic is not above ${level("warning")}`],
    ["max", maximum === null ? DASH : `${percent(maximum)} % on ${when(figures.maximum_at)}`, rate("maximum_mbits").trim()],
    ["mean", mean === null ? DASH : `${percent(mean)} %`, rate("mean_mbits").trim()],
    ["busy hour", hourText(busy), "Clock hour with the highest mean"],
    [`time above ${level("warning")}, ${level("critical")}`, reason ? DASH : above, "Share of the values above each threshold"],
    ["trend", missing(trend.per_week) ? (trend.reason ?? DASH) : trendText(trend), [interval, trend.reason].filter(Boolean).join("; ")],
    ["coverage", share(coverage), `${whole(figures.samples)} samples, ${whole(figures.null_values)} without a value, ${whole(figures.expected)} expected`],
  ];
  const entry = ([name, value, title]) => el("div", { title }, el("dt", {}, name), el("dd", {}, value));
  return [el("dl.figures", {}, items.filter(Boolean).map(entry)), reason && el("p.reason", {}, `Not judged: ${reason}`)];
}

// The committed rate at which a p95 is at the warning threshold, rounded up to what `mbits` shows.
function rateFor(p95) {
  const rate = (p95 / report.thresholds.warning) * 100;
  const shown = rate < 1000 ? 10 : 1;
  return Math.ceil(rate * shown - 1e-6) / shown;
}

function readout(series, text) {
  document.querySelector(`#line-${series} .readout`).textContent = text;
}

// A readout is announced only while its own drawing has the focus.
function announce(node, series) {
  const set = (value) => () => document.querySelector(`#line-${series} .readout`).setAttribute("aria-live", value);
  node.addEventListener("focus", set("polite"));
  node.addEventListener("blur", set("off"));
}

// 168 cells: a row for each weekday, a column for each hour. A mean of `top` has the strongest color.
function heatMap(series, top) {
  const { direction } = report.series[series];
  const means = meansOf(report, series);
  const cell = (value, i) => svg("rect", {
    x: 30 + (i % 24) * 10, y: Math.floor(i / 24) * 10, width: 9.2, height: 9.2, rx: 1,
    ...(Number.isNaN(value) ? { class: "none" } : { "fill-opacity": (0.06 + 0.94 * Math.max(0, value / (top || 1))).toFixed(2) }),
  });
  const cells = Array.from(means, cell);
  const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor }, text);
  const rows = WEEKDAYS.map((day, i) => label(26, i * 10 + 8, day, "end"));
  const hours = [0, 6, 12, 18].map((hour) => label(30 + hour * 10, 79, String(hour), "start"));
  const attributes = { class: "heat", viewBox: "0 0 271 82", tabindex: 0, role: "img", "aria-label": heatLabel(means, direction) };
  const map = svg("svg", attributes, ...cells, ...rows, ...hours);
  readByPointer(map, cells, (i) => readout(series, heatText(means, i)));
  announce(map, series);
  return map;
}

function heatText(means, i) {
  const value = Number.isNaN(means[i]) ? "no data" : `mean ${decimals(means[i])} %`;
  return `${WEEKDAYS[Math.floor(i / 24)]} ${hourText(i % 24)}: ${value}`;
}

function heatLabel(means, direction) {
  const busiest = means.reduce((best, value, i) => (value > (means[best] ?? -Infinity) || Number.isNaN(means[best]) ? i : best), 0);
  return `Means by weekday and hour${direction ? `, ${direction}` : ""}. Highest: ${heatText(means, busiest)}`;
}

// Pointer and arrow keys choose a cell. `read` shows its value.
function readByPointer(map, cells, read) {
  let now = 0;
  const choose = (i) => {
    cells[now].classList.remove("now");
    now = (i + cells.length) % cells.length;
    cells[now].classList.add("now");
    read(now);
  };
  map.addEventListener("pointermove", (event) => {
    const found = cells.indexOf(event.target);
    if (found >= 0) choose(found);
  });
  map.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 24, ArrowUp: -24 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    choose(now + steps[event.key]);
  });
}
