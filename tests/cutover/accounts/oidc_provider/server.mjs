// An OpenID Connect provider for tests: node server.mjs PORT REDIRECT_URI. Any password is right.
// Its own pages ask for the name and for consent, as in the documentation of oidc-provider.
import { Provider } from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);
const PEOPLE = {
  "sub-efua": { email: "efua@example.org", email_verified: true, groups: ["migration"] },
  "sub-stranger": { email: "stranger@example.org", email_verified: true, groups: ["migration"] },
  "sub-unverified": { email: "ama@example.org", email_verified: false, groups: ["migration"] },
  "sub-outside": { email: "kofi@example.org", email_verified: true, groups: ["choir"] },
};

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: "panel",
      client_secret: "secret-of-the-panel",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  findAccount: (context, sub) => ({ accountId: sub, claims: async () => ({ sub, ...PEOPLE[sub] }) }),
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
  pkce: { required: () => true },
  cookies: { keys: ["a key for tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
