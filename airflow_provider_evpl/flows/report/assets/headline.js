// The direct answer, the counts behind it, and what changed.
function renderTop() {
  const { time_zone: zone, granularity, root, headline } = report;
  const codes = report.calendar.map((one) => one.code_ope);
  const code = codes.length === 1 ? `code ${codes[0]}` : plural(codes.length, "operator code");
  const { newest_sample: newest, pulled_at: pulled } = headline;
  const age = `${newest ? `samples up to ${when(newest)}` : "no samples"}${pulled ? `, pulled ${when(pulled)}` : ""}`;
  const facts = ["Indicative, not an invoice", `times in ${zone}`, age, codes.length && code, `granularity ${granularity}`];
  document.getElementById("title").textContent = `EVPL utilization, ${monthText(report.month)}`;
  const line = document.getElementById("facts");
  line.replaceChildren(...facts.filter(Boolean).map((fact) => el("span", {}, fact)));
  line.title = [...facts.filter(Boolean), codes.join(", "), root].join("\n");
}

// A circuit is above a threshold if one of its ends is.
function answer({ circuits, series, not_judged: unjudged }) {
  if (!series) return `No samples in ${monthText(report.month)}`;
  if (series === unjudged) return `None of ${plural(circuits, "circuit")} is judged`;
  const above = (status) => new Set(report.ends.filter((end) => end.status === status).map((end) => `${end.code_ope} ${end.circuit}`));
  const critical = above("critical").size;
  const count = critical || above("warning").size;
  const threshold = level(critical ? "critical" : "warning");
  return `${count ? whole(count) : "None"} of ${plural(circuits, "circuit")} ${count > 1 ? "are" : "is"} above ${threshold}`;
}

function renderHeadline() {
  const { headline, ends } = report;
  const count = (status) => ends.filter((end) => end.status === status).length;
  const counts = {
    critical: [count("critical"), `above ${level("critical")}`],
    warning: [count("warning"), `${whole(report.thresholds.warning)}–${level("critical")}`],
    normal: [count("normal"), `up to ${level("warning")}`],
    unjudged: [count("unjudged"), "not judged"],
  };
  fill(
    "headline",
    el("div", {}, el("p.answer", {}, answer(headline)), fullest(), distribution(counts), statusButtons(counts)),
    facts(headline),
    changesSummary(),
    el("p.note", {}, firstNote()),
  );
}

// The series with the highest percentile, as a link to its circuit.
function fullest() {
  const value = (series) => report.series[series].figures.percentile ?? -Infinity;
  const best = report.series.reduce((top, _, i) => (value(i) > value(top) ? i : top), 0);
  if (!report.series.length || value(best) === -Infinity) return null;
  const since = sinceText(report.series[best].figures);
  return el("p.fullest", {}, "Fullest: ", link(best), ` ${percent(value(best))} %${since && `, ${since}`}`);
}

function distribution(counts) {
  const parts = Object.entries(counts).filter(([, [count]]) => count > 0);
  const bar = el("div.distribution", { "aria-hidden": "true" }, parts.map(([status]) => el(`i.${status}`)));
  parts.forEach(([, [count]], i) => { bar.children[i].style.flexGrow = count / report.ends.length; });
  return bar;
}

function statusButtons(counts) {
  const button = ([status, [count, text]]) => el(
    "button.chip",
    {
      type: "button", "data-status": status, "aria-pressed": "false", title: "Show only the ends with this status",
      onclick: () => show({ view: "circuits", status: state.status === status ? null : status }),
    },
    statusIcon(status), el("b", {}, whole(count)), ` ${text}`,
  );
  return el("div.chips", {}, "Ends:", Object.entries(counts).map(button));
}

function facts(headline) {
  const { circuits, ends, series, samples, coverage, expected, above_critical: critical, above_warning: warning, not_judged: unjudged } = headline;
  const { missing: gaps } = calendarTotals();
  const detail = gaps ? `${plural(gaps, "day")} missing` : "no day missing";
  const items = [
    ["Circuits", whole(circuits), plural(ends, "end")],
    ["Series", whole(series), `${whole(critical)} above ${level("critical")}`, `${whole(warning)} above ${level("warning")}`, `${whole(unjudged)} not judged`],
    ["Coverage", share(coverage), expected === null ? "expected unknown" : detail, compact(samples, "sample")],
  ];
  const fact = ([name, value, ...more]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("b", {}, value), more.map((text) => el("span", {}, text))));
  return el("dl.facts", {}, items.map(fact));
}

function changesSummary() {
  const { changes } = report;
  const title = el("h2", {}, `Series since ${monthText(changes.month)}`);
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
