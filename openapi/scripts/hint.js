// Writes to the Postman console what to check after an error, with the id that Orange's support asks for.
const hints = {
    401: "Send TOKEN_Monitoring again. If it fails too, check client_id and client_secret.",
    403: "Code 53: wait. Else check the app's subscription at Orange, then ApplicationID and codeOpe.",
    404: "Check base_url, job and report, then codeOpe and the window.",
    422: "Check granularity, then try a shorter window.",
};
if (pm.response.code !== 200) {
    const isTemporary = pm.response.code >= 500 || [408, 429].includes(pm.response.code);
    const hint = isTemporary ? "Wait, then send the request again." : "Read the message and the description.";
    const requestId = pm.response.headers.get("X-OAPI-Request-Id");
    console.log(`${pm.response.code}: ${hints[pm.response.code] ?? hint} X-OAPI-Request-Id: ${requestId}`);
}
