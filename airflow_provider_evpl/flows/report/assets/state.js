// What the page shows is in the address after `#`, so that each view has a link.
// A filter is null if it is off; the empty text selects the ends without a name.
const DEFAULTS = {
  view: "circuits", q: "", country: null, pop: null, group: null, code: null, status: null,
  sort: "max", order: "desc", circuit: null, end: null, theme: null,
};
const VIEWS = ["circuits", "groups", "changes", "coverage", "notes"];
let state = { ...DEFAULTS };
let pendingAddress = 0;

function readHash() {
  const found = new URLSearchParams(location.hash.slice(1));
  const read = ([key, value]) => [key, found.get(key) ?? value];
  state = Object.fromEntries(Object.entries(DEFAULTS).map(read));
  if (!VIEWS.includes(state.view)) state.view = "circuits";
}

function hashOf(wanted) {
  const kept = Object.entries(wanted).filter(([key, value]) => value !== DEFAULTS[key]);
  return `#${new URLSearchParams(kept)}`;
}

// Changes the state and what is shown. The address follows later, because browsers limit how often it may change.
function show(changes) {
  state = { ...state, ...changes };
  clearTimeout(pendingAddress);
  pendingAddress = setTimeout(() => history.replaceState(null, "", hashOf(state)), 150);
  update();
}

// Index of the end that the address names; null if none is open.
function chosenEnd() {
  if (!state.circuit) return null;
  const found = report.ends.filter((end) => end.circuit === state.circuit);
  return (found[Number(state.end ?? 0)] ?? found[0])?.index ?? null;
}

function addressOf(end) {
  const position = report.ends.filter((one) => one.circuit === end.circuit).indexOf(end);
  return { circuit: end.circuit, end: position > 0 ? String(position) : null };
}
