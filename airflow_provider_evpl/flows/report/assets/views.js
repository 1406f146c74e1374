// The other views: groups, changes, coverage, notes.
const DAY_STATES = { landed: "landed", partial: "in part", missing: "missing", open: "not over yet" };
const MOST_LISTED = 200;

function figureTable(name, heads, rows) {
  const row = (cells) => el("tr", {}, cells.map((cell, i) => (i ? el("td", {}, cell) : el("th", { scope: "row" }, cell))));
  const head = el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text))));
  return el("div.wide", {}, el(`table.${name}`, {}, head, el("tbody", {}, rows.map(row))));
}

function renderGroups() {
  const heads = ["Group", "Direction", "Circuits", "Committed Mbit/s", "p95 Mbit/s", "p95 of committed", "Max Mbit/s",
    "Busy hour", "Trend, Mbit/s a week", "Steps: full / partial / dropped", "Coverage"];
  const body = report.groups.length
    ? figureTable("plain", heads, report.groups.map(groupCells))
    : el("p.empty", {}, "No groups. An inventory with the columns group and end adds them.");
  const text = "The Mbit/s of all circuits are summed at each time step. Then the percentile of these sums is taken.";
  fill("groups", el("h2", {}, "Groups"), report.groups.length > 0 && el("p", {}, text), body);
}

function groupCells({ name, direction, circuits, full, partial, dropped, figures, code_ope: code }) {
  const { committed_mbits: committed, percentile_mbits: p95, reason } = figures;
  const used = p95 === null || !committed ? null : (p95 * 100) / committed;
  const { warning, critical } = report.thresholds;
  const status = used === null ? "unjudged" : used > critical ? "critical" : used > warning ? "warning" : "normal";
  const label = report.calendar.length > 1 ? `${name} (${code})` : name;
  const members = hashOf({ ...DEFAULTS, theme: state.theme, group: name });
  const steps = full === null ? DASH : [full, partial, dropped].map(whole).join(" / ");
  return [
    el("div.named", {}, statusIcon(status), el("a", { href: members, title: "Show the circuits of this group" }, label), p95 === null && el("small", {}, reason ?? figures.mbits_reason)),
    { in: "In", out: "Out" }[direction] ?? direction,
    whole(circuits), mbits(committed), mbits(p95),
    used === null ? DASH : `${decimals(used)} %`, mbits(figures.maximum_mbits), hourText(figures.busy_hour),
    el("span", { title: figures.trend.reason }, trendText(figures.trend, "", (value) => value)), steps, share(figures.coverage),
  ];
}

function changeLists() {
  const { changes } = report;
  const [warning, critical] = [level("warning"), level("critical")];
  return [
    { title: `Now above ${critical}`, short: `now above ${critical}`, items: changes.above_critical, show: move },
    { title: `Now above ${warning}`, short: `now above ${warning}`, items: changes.above_warning, show: move },
    { title: `No longer above ${critical}`, short: `no longer above ${critical}`, items: changes.below_critical, show: move },
    { title: `No longer above ${warning}`, short: `no longer above ${warning}`, items: changes.below_warning, show: move },
    { title: "Other large moves", short: "other large moves", items: changes.moves, show: move },
    { title: "New series", short: "new", items: changes.new, show: (one) => link(one) },
    { title: "Series without samples this month", short: "gone", items: changes.gone, show: gone },
  ];
}

function renderChanges() {
  const { changes } = report;
  const lists = changes.reason ? [] : changeLists().filter((list) => list.items.length);
  const blocks = lists.map((list) => el("section.change", {}, el("h3", {}, list.title, el("small", {}, whole(list.items.length))),
    el("ul", {}, list.items.map((item) => el("li", {}, list.show(item))))));
  const none = changes.reason ?? "No series crossed a threshold, is new or is gone.";
  fill(
    "changes",
    el("h2", {}, `Changes since ${monthText(changes.month)}`),
    el("p", {}, "p95 of each series: previous month → this month, % of full scale."),
    lists.length ? el("div.columns", {}, blocks) : el("p.empty", {}, none),
  );
}

function link(series) {
  const line = report.series[series];
  const target = { ...DEFAULTS, theme: state.theme, ...addressOf(line.end) };
  return el("a", { href: hashOf(target), title: seriesText(line) }, statusIcon(line.status), el("span", {}, seriesText(line)));
}

const move = ({ series, before, after }) => [link(series), el("span.move", {}, `${percent(before)} → ${percent(after)}`)];
const gone = ([circuit, metric, country, pop, section]) => el("span", {}, [circuit, pop ?? country, section, metric].filter(Boolean).join(" · "));

function dayState({ covered, seconds, is_due: isDue, values, expected }) {
  if (!isDue) return covered ? "landed" : "open";
  if (!covered) return "missing";
  const isLow = values < expected * report.thresholds.min_coverage;
  return covered < seconds || isLow ? "partial" : "landed";
}

function calendarTotals() {
  const days = report.calendar.flatMap((one) => one.days);
  const count = (wanted) => days.filter((day) => dayState(day) === wanted).length;
  return { missing: count("missing"), partial: count("partial"), rejected: days.reduce((sum, day) => sum + day.rejected, 0) };
}

function dayLabel(day) {
  const parts = [`${when(day.day)}: ${DAY_STATES[dayState(day)]}`];
  if (day.covered && dayState(day) !== "landed") parts.push(day.expected ? `${whole(day.values)} of ${whole(day.expected)} values` : plural(day.values, "value"));
  if (day.rejected) parts.push(`${whole(day.rejected)} rejected`);
  if (day.foreign) parts.push(`${plural(day.foreign, "foreign object")} left out`);
  return parts.join(", ");
}

function dayCell(day) {
  const name = dayState(day);
  const value = day.expected ? Math.floor((100 * day.values) / day.expected) : Math.floor((100 * day.covered) / day.seconds);
  const text = { landed: "", open: "", missing: "✕", partial: `${Math.min(99, value)}` }[name];
  const mark = (day.rejected > 0 || day.foreign > 0) && el("i", { "aria-hidden": "true" });
  const label = el("span.hidden", {}, dayLabel(day));
  return el(`td.${name}`, { title: dayLabel(day) }, el("span", { "aria-hidden": "true" }, text), mark, label);
}

// The days that are not complete or have odd content, in words; null if there is none.
function incompleteDays() {
  const isOdd = (day) => ["missing", "partial"].includes(dayState(day)) || day.rejected || day.foreign;
  const found = report.calendar.flatMap((one) => one.days.filter(isOdd).map((day) => [one.code_ope, day]));
  if (!found.length) return null;
  const rest = found.length > MOST_LISTED && el("p", {}, `And ${whole(found.length - MOST_LISTED)} more.`);
  const item = ([code, day]) => el("li", {}, report.calendar.length > 1 && el("b", {}, `${code} `), dayLabel(day));
  return el("section.days", {}, el("h3", {}, "Days to check"), el("ul", {}, found.slice(0, MOST_LISTED).map(item)), rest);
}

function renderCoverage() {
  const { missing: gaps, partial, rejected } = calendarTotals();
  const dates = report.calendar[0]?.days.map((day) => day.day) ?? [];
  const heads = dates.map((date) => el("th", { scope: "col" }, date.startsWith(report.month) ? String(Number(date.slice(8))) : when(date)));
  const row = (one) => el("tr", {}, el("th", { scope: "row" }, one.code_ope), one.days.map(dayCell));
  const key = (name, text) => el("span", {}, el(`i.${name}`, {}, name === "missing" ? "✕" : ""), text);
  const table = el("table.calendar", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Code"), heads)), el("tbody", {}, report.calendar.map(row)));
  fill(
    "coverage",
    el("h2", {}, "Coverage by UTC day"),
    el("p", {}, gaps || partial || rejected
      ? `${plural(gaps, "day")} missing, ${whole(partial)} in part, ${plural(rejected, "sample")} rejected.`
      : "All days that are over have landed."),
    el("p.legend", {}, key("landed", "landed"), key("partial", "in part, with % of the expected values"), key("missing", "missing"), key("open", "not over yet"), key("mark", "with rejected samples, or objects of another source that are left out")),
    report.calendar.length ? el("div.wide", {}, table) : el("p.empty", {}, "Nothing has landed."),
    incompleteDays(),
  );
}

function renderNotes() {
  const { notes, thresholds, time_zone: zone, hours } = report;
  const floor = decimals(thresholds.min_coverage * 100, 0);
  const means = hours.means_step ? `, means in the heat maps to ${hours.means_step} %` : "";
  const about = [
    ["Indicative", "The figures are indicative, not an invoice."],
    ["Series", "One metric at one end of a circuit, for example one direction. The table has a row for each end."],
    ["% of full scale", `The value ${whole(thresholds.full_scale)} of the data is shown as 100 %. The data have no unit.`],
    ["p95", "The 95th percentile of all values of the month, nearest rank. A series is above a threshold if its p95 is. An end or a circuit is above a threshold if one of its series is."],
    ["p95 max", "The larger of p95 in and p95 out. “≥”: only a part of the end is judged, so the value may be higher."],
    ["Not judged", `A series without a value, or with a coverage below ${floor} %: the missing values may be the highest. Its maximum and coverage are shown.`],
    ["Coverage", "The share of the expected time steps that have a value. Steps are expected up to the end of the newest landed slice."],
    ["Busy hour", `The clock hour in ${zone} with the highest mean.`],
    report.has_inventory && [`Rate for ${level("warning")}`, `The lowest committed rate at which the p95 of the month is not above ${level("warning")}, rounded up. A circuit needs the highest rate of its series. A full line holds traffic back, so its circuit may need a higher rate.`],
    ["Since", "The Monday since which the p95 of each full week is above the threshold, at most 26 weeks back."],
    ["Trend", "The slope of the weekly p95 of the last 26 full weeks (Theil-Sen), in percentage points a week. Gray: its 99 % interval holds 0, so there may be no trend. A date is shown only if the whole interval rises and the date lies within 26 weeks."],
    ["Rounding", `Values in the charts are rounded to ${hours.maxima_step} %${means}. All other figures are computed from all values.`],
    ["Source", `${report.root}, granularity ${report.granularity}, newest sample ${when(report.headline.newest_sample, { year: true })}, newest pull ${when(report.headline.pulled_at, { year: true })}.`],
    ["Made", `${when(report.created_at, { year: true })} by airflow-provider-evpl ${report.provider_version}.`],
  ];
  const entry = ([name, text]) => [el("dt", {}, name), el("dd", {}, text)];
  fill(
    "notes",
    el("h2", {}, "Notes"),
    notes.length ? el("ul", {}, notes.map((note) => el("li", {}, note))) : el("p", {}, "Nothing unusual was found in the data."),
    el("h2", {}, "About these figures"), el("dl.about", {}, about.filter(Boolean).flatMap(entry)),
  );
}
