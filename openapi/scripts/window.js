// Without a window of your own: the last whole UTC day.
if (!pm.variables.get("startTime") && !pm.variables.get("endTime")) {
    const midnight = new Date().setUTCHours(0, 0, 0, 0);
    pm.variables.set("startTime", new Date(midnight - 86400000).toISOString());
    pm.variables.set("endTime", new Date(midnight).toISOString());
}
