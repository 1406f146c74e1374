// Skips the request unless it goes to this machine: Orange may block an app that sends many wrong requests.
const url = pm.variables.replaceIn(pm.request.url.toString());
if (!/^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?\//.test(url)) {
    console.log(`Skipped: ${pm.info.requestName} is for the sandbox only.`);
    pm.execution.skipRequest();
}
