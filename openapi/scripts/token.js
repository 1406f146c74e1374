// Keeps the token for the other requests.
pm.test("200: the credentials are accepted", () => {
    pm.response.to.have.status(200);
    const { access_token, expires_in } = pm.response.json();
    pm.expect(typeof access_token).to.equal("string");
    pm.collectionVariables.set("access_token", access_token);
    console.log(`The token is valid for ${expires_in} seconds.`);
});
