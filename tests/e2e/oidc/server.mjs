// An authorization server on loopback for the clients in CLIENTS, a JSON list. Each has its client_id,
// client_secret, token_endpoint_auth_method, and how its tokens are: ttl in seconds; format, opaque or jwt;
// padding, characters that a jwt carries along.

import { createServer } from "node:http";
import Provider from "oidc-provider";

const clients = JSON.parse(process.env.CLIENTS);
const tokensOf = (client) => clients.find((one) => one.client_id === client.clientId);
const audience = "urn:evpl";

const configuration = {
  clients: clients.map(({ ttl, format, padding, ...client }) => ({
    ...client,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  })),
  extraTokenClaims: (_, token) => ({ padding: "x".repeat(tokensOf(token.client).padding) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: (_, __, client) => ({
        audience,
        scope: "",
        accessTokenFormat: tokensOf(client).format,
        accessTokenTTL: tokensOf(client).ttl,
      }),
    },
    revocation: { enabled: true },
  },
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  server.on("request", new Provider(url, configuration).callback());
  console.log(`listens on ${url}`);
});
