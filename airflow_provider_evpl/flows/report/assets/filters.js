// Search and filters above the table.
const FILTERS = [
  { key: "code", title: "Code", read: (end) => end.code_ope },
  { key: "country", title: "Country", read: (end) => end.pop_country },
  { key: "pop", title: "PoP", read: (end) => end.pop_name },
  { key: "group", title: "Group", read: (end) => end.group },
];

function isWanted(end) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ key, read }) => state[key] === null || (read(end) ?? "") === state[key];
  return (state.status === null || end.status === state.status) && FILTERS.every(fits)
    && words.every((word) => end.words.includes(word));
}

function buildFilters() {
  const search = el("input", {
    type: "search", id: "search", placeholder: "Search", "aria-label": "Search",
    autocomplete: "off", oninput: (event) => show({ q: event.target.value }),
  });
  const clear = el("button", { type: "button", id: "clear", onclick: clearFilters }, "Clear");
  const count = el("output", { id: "count" });
  const form = document.getElementById("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.replaceChildren(search, ...FILTERS.filter(isUseful).map(select), clear, count);
}

function namesOf({ read }, ends = report.ends) {
  return [...new Set(ends.map((end) => read(end) ?? ""))].sort(collator.compare);
}

// A filter with a single choice would do nothing.
function isUseful(filter) {
  return namesOf(filter).length > 1;
}

function select(filter) {
  const node = el("select", { id: `filter-${filter.key}`, "aria-label": filter.title });
  node.addEventListener("change", () => {
    const chosen = node.selectedIndex ? node.options[node.selectedIndex].name : null;
    show({ [filter.key]: chosen, ...(filter.key === "country" ? { pop: null } : {}) });
  });
  return node;
}

function renderFilters() {
  const search = document.getElementById("search");
  if (search.value !== state.q) search.value = state.q;
  for (const filter of FILTERS.filter(isUseful)) fillSelect(filter);
  const isFiltered = state.status !== null || state.q !== "" || FILTERS.some(({ key }) => state[key] !== null);
  document.getElementById("clear").hidden = !isFiltered;
  const all = plural(report.ends.length, "end");
  document.getElementById("count").textContent = isFiltered ? `${whole(shown.length)} of ${all}` : "";
  for (const chip of document.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", String(chip.dataset.status === state.status));
  }
}

// The points of presence are those of the chosen country.
function fillSelect(filter) {
  const { key, title } = filter;
  const isInCountry = (end) => key !== "pop" || state.country === null || (end.pop_country ?? "") === state.country;
  const names = namesOf(filter, report.ends.filter(isInCountry));
  if (state[key] !== null && !names.includes(state[key])) names.push(state[key]);
  const options = names.map((name) => {
    const option = el("option", {}, name || "without a name");
    option.name = name;
    option.selected = name === state[key];
    return option;
  });
  document.getElementById(`filter-${key}`).replaceChildren(el("option", {}, `${title}: all`), ...options);
}

function clearFilters() {
  show({ q: "", status: null, ...Object.fromEntries(FILTERS.map(({ key }) => [key, null])) });
  document.getElementById("search").focus();
}
