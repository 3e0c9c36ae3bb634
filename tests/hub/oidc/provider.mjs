// A provider of OpenID Connect for the tests: node provider.mjs PORT REDIRECT_URI [WHERE]
// Anyone signs in with any password. PUT /groups/kim?teachers,staff sets a person's groups. It prints
// "ready" when it listens.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const here = path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(here, "../../npm/package.json"));
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const groups = new Map();

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "hub",
      client_secret: "a secret of the tests",
      redirect_uris: [redirect],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  pkce: { required: () => true },
  claims: {
    openid: ["sub"],
    profile: ["name", "preferred_username", "groups"],
    email: ["email"],
  },
  // then the groups are in the ID token, too, and not only at the address of user information
  conformIdTokenClaims: process.argv[4] !== "groups in the token",
  cookies: { keys: ["of the tests"] },
  features: { devInteractions: { enabled: true } },
  async findAccount(_context, login) {
    return {
      accountId: login,
      async claims() {
        return {
          sub: login,
          name: `${login} of the provider`,
          preferred_username: login,
          email: `${login}@example.edu`,
          groups: groups.get(login) ?? [],
        };
      },
    };
  },
});

provider.use(async (context, next) => {
  const [, place, login] = context.path.split("/");
  if (context.method !== "PUT" || place !== "groups") return next();
  groups.set(login, context.querystring.split(",").filter(Boolean));
  context.status = 204;
});

provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
