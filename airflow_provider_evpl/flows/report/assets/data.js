// Reads the data blocks of the page. Each is base64 of a zlib stream.
async function inflate(id) {
  const text = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Four planes of bytes hold a code for each cell, the lowest byte first. Code 0 is a gap. Any other code is
// one more than the zigzag form of the difference from the last value. Returns percent of full scale.
function unpack(bytes, step) {
  const count = bytes.length / 4;
  const values = new Float32Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) {
    const high = bytes[i + 2 * count] * 65536 + bytes[i + 3 * count] * 16777216;
    const code = bytes[i] + bytes[i + count] * 256 + high;
    if (code > 0) last += code % 2 ? (code - 1) / 2 : -code / 2;
    values[i] = code > 0 ? last * step : NaN;
  }
  return values;
}

async function load() {
  const [text, maxima, means] = await Promise.all(["data-model", "data-maxima", "data-means"].map(inflate));
  const model = JSON.parse(new TextDecoder().decode(text));
  model.maxima = unpack(maxima, model.hours.maxima_step);
  model.means = unpack(means, model.hours.means_step);
  model.days = daysOf(model.hours);
  model.midnights = new Set(model.days.map((day) => day.first));
  model.series.forEach((line) => { line.status = statusOf(model, line.figures.percentile); });
  model.ends.forEach((end, index) => prepare(model, end, index));
  return model;
}

// The local days of the buckets, in order: date of the first bucket, and the indexes of its buckets.
function daysOf(hours) {
  const days = [];
  for (let i = 0; i < hours.count; i++) {
    const date = localDate(hours, i);
    const text = date.toISOString().slice(0, 10);
    if (!days.length || days.at(-1).text !== text) days.push({ text, date, first: i });
    days.at(-1).end = i + 1;
  }
  return days;
}

// The wall clock of the report's time zone at a bucket. Read it with the UTC getters.
function localDate(hours, bucket) {
  const [, offset] = hours.offsets.findLast(([first]) => first <= bucket);
  return new Date((hours.start + bucket * hours.step_seconds + offset) * 1000);
}

function statusOf(model, value) {
  const { warning, critical, full_scale: full } = model.thresholds;
  if (value === null) return "unjudged";
  if (value > (critical * full) / 100) return "critical";
  return value > (warning * full) / 100 ? "warning" : "normal";
}

// Adds to an end what the table sorts, searches and draws. `best` is the highest percentile of its series.
function prepare(model, end, index) {
  const lines = end.series.map((one) => model.series[one]);
  const judged = lines.map((line) => line.figures.percentile).filter((value) => value !== null);
  end.index = index;
  end.best = judged.length ? Math.max(...judged) : null;
  end.status = statusOf(model, end.best);
  end.place = [end.pop_name, end.pop_section_name].filter(Boolean).join(" · ");
  const metrics = lines.map((line) => line.metric_name);
  const names = [end.code_ope, end.circuit, end.object_type, end.pop_country, end.place, end.group, end.label];
  end.words = [...names, ...metrics].filter(Boolean).join("\n").toLowerCase();
  for (const one of end.series) model.series[one].end = end;
}

function maximaOf(model, series) {
  const { count } = model.hours;
  return model.maxima.subarray(series * count, (series + 1) * count);
}

function meansOf(model, series) {
  return model.means.subarray(series * 168, (series + 1) * 168);
}

// The highest value of each local day over the busier direction of an end, or over all its series.
function dailyMaxima(model, end) {
  const busier = end.series.filter((one) => end.direction && model.series[one].direction === end.direction);
  const rows = (busier.length ? busier : end.series).map((one) => maximaOf(model, one));
  return model.days.map(({ first, end: last }) => {
    let highest = NaN;
    for (const row of rows) {
      for (let i = first; i < last; i++) if (!(row[i] <= highest) && !Number.isNaN(row[i])) highest = row[i];
    }
    return highest;
  });
}
