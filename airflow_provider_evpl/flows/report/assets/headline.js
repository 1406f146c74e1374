// The direct answer, the counts behind it, and what changed.
function renderTop() {
  const { time_zone: zone, granularity, root, headline } = report;
  const codes = report.calendar.map((one) => one.code_ope);
  const code = codes.length === 1 ? `operator code ${codes[0]}` : plural(codes.length, "operator code");
  const { newest_sample: newest, pulled_at: pulled } = headline;
  const age = `${newest ? `samples until ${when(newest)}` : "no samples"}${pulled ? `, pulled ${when(pulled)}` : ""}`;
  const facts = ["Indicative, not an invoice", `times in ${zone}`, age, codes.length && code, `granularity ${granularity}`];
  document.getElementById("title").textContent = `EVPL utilization, ${monthText(report.month)}`;
  const line = document.getElementById("facts");
  line.replaceChildren(...facts.filter(Boolean).map((fact) => el("span", {}, fact)));
  line.title = [...facts.filter(Boolean), codes.join(", "), root].join("\n");
}

function answer({ series, above_warning: warning, above_critical: critical, not_judged: unjudged }) {
  const judged = series - unjudged;
  if (!judged) return series ? `None of ${plural(series, "series")} is judged` : `No series in ${monthText(report.month)}`;
  const count = (number) => (number ? whole(number) : "None");
  const verb = (number) => (number > 1 ? "are" : "is");
  const all = whole(series);
  if (critical) return `${count(critical)} of ${all} series ${verb(critical)} above ${level("critical")}`;
  return `${count(warning)} of ${all} series ${verb(warning)} above ${level("warning")}`;
}

function renderHeadline() {
  const { headline } = report;
  const { above_critical: critical, above_warning: warning, not_judged: unjudged, series } = headline;
  const counts = {
    critical: [critical, `above ${level("critical")}`],
    warning: [warning - critical, `${whole(report.thresholds.warning)}–${level("critical")}`],
    normal: [series - warning - unjudged, "below"],
    unjudged: [unjudged, "not judged"],
  };
  document.getElementById("headline").replaceChildren(
    el("div", {}, el("p.answer", {}, answer(headline)), fullest(), distribution(counts, series), statusButtons(counts)),
    facts(headline),
    changesSummary(),
    el("p.note", {}, ...firstNote()),
  );
}

// The line with the highest percentile, as a link to its circuit.
function fullest() {
  const value = (series) => report.series[series].figures.percentile ?? -Infinity;
  const best = report.series.reduce((top, _, i) => (value(i) > value(top) ? i : top), 0);
  if (!report.series.length || value(best) === -Infinity) return null;
  const since = sinceText(report.series[best].figures);
  return el("p.fullest", {}, "Fullest: ", link(best), ` ${percent(value(best))} %${since && `, ${since}`}`);
}

function distribution(counts, series) {
  const parts = Object.entries(counts).filter(([, [count]]) => count > 0);
  const bar = el("div.distribution", { "aria-hidden": "true" }, parts.map(([status]) => el(`i.${status}`)));
  parts.forEach(([, [count]], i) => { bar.children[i].style.flexGrow = count / series; });
  return bar;
}

function statusButtons(counts) {
  const button = ([status, [count, text]]) => el(
    "button.chip",
    {
      type: "button", "data-status": status, "aria-pressed": "false", title: "Show only the ends with this status",
      onclick: () => show({ view: "lines", status: state.status === status ? null : status }),
    },
    statusIcon(status), el("b", {}, whole(count)), ` ${text}`,
  );
  return el("div.chips", {}, Object.entries(counts).map(button));
}

function facts(headline) {
  const { circuits, ends, series, samples, coverage, expected } = headline;
  const { missing: gaps } = calendarTotals();
  const detail = gaps ? `${plural(gaps, "day")} missing` : "no day missing";
  const items = [
    ["Circuits", whole(circuits), plural(ends, "end")],
    ["Series", whole(series), compact(samples, "sample")],
    ["Coverage", share(coverage), expected === null ? "expected unknown" : detail],
  ];
  return el("dl.facts", {}, items.map(([name, value, more]) =>
    el("div", {}, el("dt", {}, name), el("dd", { title: name === "Series" && plural(samples, "sample") }, el("b", {}, value), el("span", {}, more)))));
}

function changesSummary() {
  const { changes } = report;
  const title = el("h2", {}, `Since ${monthText(changes.month)}`);
  if (changes.reason) return el("div.since", {}, title, el("p", {}, changes.reason));
  const head = el("div.head", {}, title, el("a", { "data-view": "changes" }, "Show all"));
  const counts = changeLists().filter((list) => list.items.length);
  const items = counts.map((list) => el("li", {}, el("b", {}, whole(list.items.length)), ` ${list.short}`));
  const body = items.length ? el("ul", {}, items) : el("p", {}, "No series crossed a threshold.");
  return el("div.since", {}, head, body);
}

function firstNote() {
  const { notes } = report;
  if (!notes.length) return [];
  const more = notes.length > 1 ? `All ${notes.length} notes` : "Notes";
  return [el("span", { title: notes[0] }, notes[0]), el("a", { "data-view": "notes" }, more)];
}
