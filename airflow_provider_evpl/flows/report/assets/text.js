// Elements and texts. A name from the data becomes a text node, never markup.
const DASH = "–";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const STATUS = {
  critical: { path: "M8 2 14.5 14H1.5Z", name: "above critical" },
  warning: { path: "M8 1.5 14.5 8 8 14.5 1.5 8Z", name: "above warning" },
  normal: { path: "M8 5a3 3 0 1 1 0 6a3 3 0 1 1 0-6Z", name: "below the thresholds" },
  unjudged: { path: "M8 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9Z", name: "not judged" },
};

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// `tag` may have classes: "td.number". Empty children (null, undefined, false) are left out.
function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  return build(node, attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

// Replaces what an element holds; `children` as for `el`.
function fill(id, ...children) {
  const node = document.getElementById(id);
  node.replaceChildren();
  return build(node, {}, children);
}

function statusIcon(status) {
  const { path, name } = STATUS[status];
  const label = { role: "img", "aria-label": name };
  return svg("svg", { class: `status ${status}`, viewBox: "0 0 16 16", ...label }, svg("path", { d: path }));
}

function decimals(value, digits = 1) {
  if (Math.abs(value) >= 1e9) return value.toExponential(1);
  const kept = Math.abs(value) >= 1000 ? 0 : digits;
  const options = { minimumFractionDigits: kept, maximumFractionDigits: kept };
  return value.toLocaleString("en-US", options).replace(/^-/, "−");
}

const missing = (value) => value === null || value === undefined || Number.isNaN(value);
const whole = (value) => (missing(value) ? DASH : value.toLocaleString("en-US"));
const plural = (count, noun) => `${whole(count)} ${noun}${count === 1 || noun.endsWith("s") ? "" : "s"}`;
const compact = (count, noun) => (count < 1e6 ? plural(count, noun) : `${decimals(count / 1e6)} M ${noun}s`);
const toPercent = (value) => (missing(value) ? value : (value * 100) / report.thresholds.full_scale);
const percent = (value) => (missing(value) ? DASH : decimals(toPercent(value)));
const mbits = (value) => (missing(value) ? DASH : decimals(value));
const level = (name) => `${report.thresholds[name].toLocaleString("en-US")} %`;
const hourText = (hour) => (missing(hour) ? DASH : `${hour}–${hour + 1} h`);
const two = (number) => String(number).padStart(2, "0");

// A share is rounded down, so that only a complete one is 100 %.
const share = (value) => (missing(value) ? DASH : `${decimals(Math.floor(value * 1000 + 1e-6) / 10)} %`);

function signed(value) {
  if (missing(value)) return DASH;
  return `${value > 0 ? "+" : ""}${decimals(value, 2)}`;
}

// "2026-11-03T10:55:00" becomes "3 Nov 10:55", with the year if the report is of another one. Times are local.
function when(text, { year = false } = {}) {
  if (!text) return DASH;
  const [day, time = ""] = text.split("T");
  const [y, m, d] = day.split("-").map(Number);
  const hasYear = year || !report.month.startsWith(day.slice(0, 4));
  return `${d} ${MONTHS[m - 1]}${hasYear ? ` ${y}` : ""}${time ? ` ${time.slice(0, 5)}` : ""}`;
}

function monthText(month) {
  const [year, number] = month.split("-").map(Number);
  const date = new Date(Date.UTC(year, number - 1, 1));
  return date.toLocaleDateString("en-US", { month: "long", year: "numeric", timeZone: "UTC" });
}

function bucketText(bucket) {
  const date = localDate(report.hours, bucket);
  const weekday = WEEKDAYS[(date.getUTCDay() + 6) % 7];
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return `${weekday} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${clock}`;
}

// In or Out, only if the data say so; else the metric's name.
function directionText(line) {
  return { in: "In", out: "Out" }[line.direction] ?? line.metric_name;
}

function endText(end) {
  return end.place || end.pop_country || "End without a name";
}

function seriesText(line) {
  return `${line.end.circuit} · ${endText(line.end)} · ${directionText(line)}`;
}

// "above 90 % since 7 Sep": in each week from then to the newest full one; empty if the newest one is not above.
function sinceText(figures) {
  return figures.above_since ? `above ${level(statusOf(report, figures.percentile))} ${sinceWhen(figures)}` : "";
}

function sinceWhen({ above_since: { monday, or_earlier: isOpen } }) {
  return `since ${when(monday)}${isOpen ? " or earlier" : ""}`;
}

function trendText(trend, unit = " points/week", scale = toPercent) {
  if (trend.critical_on) return `${level("critical")} on ${when(trend.critical_on)}`;
  return missing(trend.per_week) ? DASH : `${signed(scale(trend.per_week))}${unit}`;
}
