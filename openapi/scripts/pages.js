// This request gets the first page. The script gets the others by pm.sendRequest, because setNextRequest
// does nothing on Send. It stops at the first response that does not add up.
const MOST_PAGES = 10000;
const total = { pages: 0, entries: 0, samples: 0 };
let page;

// Adds a page to the totals. Throws an error that says what is wrong with the page.
function add(response) {
    if (response.code !== 200) throw new Error(`status ${response.code}`);
    const before = page;
    page = response.json();
    if (!Array.isArray(page.entries)) throw new Error("no list of entries");
    if (typeof page.hasNext !== "boolean") throw new Error("no hasNext");
    if (page.hasNext && !page.entries.length) throw new Error("hasNext, but no entries");
    if (before && JSON.stringify(page.entries) === JSON.stringify(before.entries))
        throw new Error("the entries of the page before again");
    if (before && page.totalPages && page.currentPage !== before.currentPage + 1)
        throw new Error(`currentPage is ${page.currentPage} after ${before.currentPage}`);
    total.entries += page.entries.length;
    page.entries.forEach((entry) => (total.samples += [].concat(entry.performanceValues ?? []).length));
    if (!page.hasNext && page.totalPages && page.totalPages !== total.pages)
        throw new Error(`totalPages is ${page.totalPages}`);
    if (page.hasNext && total.pages === MOST_PAGES) throw new Error(`more than ${MOST_PAGES} pages`);
}

function request() {
    const value = (name) => pm.variables.replaceIn(`{{${name}}}`);
    return {
        url: pm.variables.replaceIn(pm.request.url.toString()),
        header: {
            Accept: "application/json",
            ApplicationID: value("ApplicationID"),
            Authorization: `Bearer ${value("access_token")}`,
            pagination: String(1 + total.entries),
        },
    };
}

function take(error, response) {
    let problem = error;
    total.pages += 1;
    try {
        if (!problem) add(response);
    } catch (found) {
        problem = found;
    }
    if (!problem && page.hasNext) {
        pm.sendRequest(request(), take);
        return;
    }
    const received = `${total.samples} samples in ${total.entries} entries on ${total.pages} pages`;
    pm.test(problem ? "All pages" : received, () => {
        if (problem) throw new Error(`page ${total.pages}: ${problem.message ?? problem}`);
    });
}

take(null, pm.response);
