// Hourly maxima with uPlot. The charts of a circuit share the cursor and the zoom; x is the number of the bucket.
const PAPER = { width: 700, height: 86 };
let charts = [];

function clearCharts() {
  charts.forEach(({ plot }) => plot.destroy());
  charts = [];
}

// A color of the style sheet, as the canvas needs it.
function color(name) {
  const probe = document.getElementById("title");
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.style.color = "";
  return found;
}

function drawCharts(all) {
  const rows = all.map((series) => Array.from(maximaOf(report, series), (value) => (Number.isNaN(value) ? null : value)));
  const extreme = (pick, start) => rows.reduce((found, row) => row.reduce((a, b) => pick(a, b ?? a), found), start);
  const range = [extreme(Math.min, 0), extreme(Math.max, 100) * 1.04];
  const colors = Object.fromEntries(["ink", "muted", "rule", "gap", "accent", "shade", "warning", "critical"].map((name) => [name, color(name)]));
  all.forEach((series, i) => drawChart(series, rows[i], range, colors));
}

function drawChart(series, row, range, colors) {
  const target = document.querySelector(`#line-${series} .chart`);
  const font = `${Math.round(rem() * 0.75)}px system-ui, sans-serif`;
  const axis = { font, stroke: colors.muted, grid: { show: false }, ticks: { stroke: colors.rule, size: 4 } };
  const options = {
    ...sizeOf(target), legend: { show: false },
    padding: [4, 10, 0, 0],
    cursor: { y: false, sync: { key: "hours" }, drag: { x: true, y: false }, points: { size: 6 } },
    scales: { x: { time: false }, y: { range } },
    axes: [
      { ...axis, size: rem() * 1.4, gap: 2, splits: timeSplits, values: timeValues },
      { ...axis, size: (_, texts) => rem() * (0.9 + 0.5 * Math.max(3, ...(texts ?? []).map((text) => text.length))), gap: 3, splits: () => valueSplits(range), values: (_, all) => all.map((one) => decimals(one, 0)) },
    ],
    series: [{}, {
      stroke: colors.accent, fill: colors.shade, width: 1, fillTo: Math.min(0, range[0]),
      points: { show: true, size: 4, fill: colors.accent, filter: (_, __, isShown) => (isShown ? alone(row) : null) },
    }],
    hooks: {
      drawClear: [(plot) => shadeGaps(plot, row, colors)],
      draw: [(plot) => drawLevels(plot, report.series[series], colors)],
      setCursor: [(plot) => readBucket(series, row, plot.cursor.idx)],
      setScale: [(plot, key) => key === "x" && zoom([plot.scales.x.min, plot.scales.x.max])],
    },
  };
  const plot = new uPlot(options, [row.map((_, i) => i), row], target);
  charts.push({ plot, target });
  target.addEventListener("keydown", (event) => moveCursor(event, plot));
  announce(target, series);
}

// Before a print, the paper's size is not known yet.
function sizeOf({ clientWidth: width, clientHeight: height }) {
  return isPrinting ? PAPER : { width, height };
}

const valueSplits = ([low, high]) => {
  const step = Math.max(50, 10 ** Math.floor(Math.log10(high - low)));
  return Array.from({ length: Math.floor(high / step) - Math.ceil(low / step) + 1 }, (_, i) => (Math.ceil(low / step) + i) * step);
};

// A value between two gaps has no line, so it gets a point.
function alone(row) {
  return row.flatMap((value, i) => (value !== null && (row[i - 1] ?? null) === null && (row[i + 1] ?? null) === null ? [i] : []));
}

// Local midnights, as many as fit; hours if only a few days are shown.
function timeSplits(plot, _, low, high) {
  const room = plot.bbox.width / uPlot.pxRatio / 44;
  const days = report.days.filter(({ first }) => first >= low && first <= high);
  if (days.length > 3 || report.hours.step_seconds > 3600) {
    const every = [1, 2, 5, 7, 10, 31].find((step) => days.length / step <= room) ?? 31;
    return days.filter((_, i) => i % every === 0).map(({ first }) => first);
  }
  const every = [1, 2, 3, 6, 12, 24].find((step) => (high - low) / step <= room) ?? 24;
  const start = Math.ceil(low);
  return Array.from({ length: Math.floor(high) - start + 1 }, (_, i) => start + i)
    .filter((bucket) => localDate(report.hours, bucket).getUTCHours() % every === 0);
}

function timeValues(_, splits) {
  return splits.map((bucket, i) => {
    const date = localDate(report.hours, bucket);
    if (!report.midnights.has(bucket)) return `${date.getUTCHours()} h`;
    return i === 0 || date.getUTCDate() === 1 ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}` : String(date.getUTCDate());
  });
}

function shadeGaps(plot, row, colors) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = colors.gap;
  for (let i = 0; i < row.length; i++) {
    if (row[i] !== null) continue;
    const first = i;
    while (i + 1 < row.length && row[i + 1] === null) i++;
    const [left, right] = [plot.valToPos(first - 0.5, "x", true), plot.valToPos(i + 0.5, "x", true)];
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

function drawLevels(plot, line, colors) {
  const { ctx, bbox } = plot;
  const draw = (value, stroke, dash) => {
    const y = Math.round(plot.valToPos(value, "y", true)) + 0.5;
    ctx.strokeStyle = stroke;
    ctx.lineWidth = uPlot.pxRatio;
    ctx.setLineDash(dash.map((one) => one * uPlot.pxRatio));
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  };
  ctx.save();
  draw(report.thresholds.warning, colors.warning, [4, 3]);
  draw(report.thresholds.critical, colors.critical, [4, 3]);
  if (line.figures.percentile !== null) draw(toPercent(line.figures.percentile), colors.ink, []);
  ctx.restore();
}

function readBucket(series, row, bucket) {
  if (missing(bucket)) return readout(series, "");
  readout(series, `${bucketText(bucket)}: ${row[bucket] === null ? "no data" : `${decimals(row[bucket])} %`}`);
}

// Shows the same part of the month in all charts; null shows the whole month.
function zoom(range) {
  const last = report.hours.count - 1;
  const [min, max] = range ?? [0, last];
  document.getElementById("reset").hidden = min <= 0 && max >= last;
  for (const { plot } of charts) {
    const { x } = plot.scales;
    if (x.min !== min || x.max !== max) plot.setScale("x", { min, max });
  }
}

// Left and right move the cursor by a bucket, with Shift by a day; plus and minus zoom at the cursor; 0 resets.
function moveCursor(event, plot) {
  const step = event.shiftKey ? Math.max(1, Math.round(86400 / report.hours.step_seconds)) : 1;
  const last = report.hours.count - 1;
  const { min, max } = plot.scales.x;
  const now = plot.cursor.idx ?? Math.round(min);
  const around = (half) => [Math.max(0, now - half), Math.min(last, now + half)];
  const actions = {
    ArrowRight: () => place(plot, now + step), ArrowLeft: () => place(plot, now - step),
    "+": () => zoom(around(Math.max(6, (max - min) / 4))), "-": () => zoom(around(max - min)), 0: () => zoom(null),
  };
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
}

function place(plot, bucket) {
  const { min, max } = plot.scales.x;
  const kept = Math.min(Math.floor(max), Math.max(Math.ceil(min), bucket));
  plot.setCursor({ left: plot.valToPos(kept, "x"), top: 0 });
}

function resizeCharts() {
  for (const { plot, target } of charts) {
    const { width, height } = sizeOf(target);
    if (width && (plot.width !== width || plot.height !== height)) plot.setSize({ width, height });
  }
}
