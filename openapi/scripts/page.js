pm.test("200: a page", () => {
    pm.response.to.have.status(200);
    pm.expect(pm.response.json().entries).to.be.an("array");
});
