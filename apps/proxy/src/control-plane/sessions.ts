import { generateBrowserToken, hashAdminToken, isBrowserToken } from "@keybrake/core";
import { type AdminIdentity, addressOf, authenticationOf } from "./admin-identity.ts";
import { bootstrapHashOf, identifyToken, refuseGuess, type TokenAuthority } from "./authenticate-admin.ts";
import {
  clearSessionCookies,
  describeSession,
  isSameOrigin,
  readSessionCookie,
  setSessionCookie,
} from "./browser-session.ts";
import type { Guesses } from "./guesses.ts";
import { type AdminApi, mount, mountStream, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";
import {
  deleteSession,
  forgetSessions,
  insertLoginCode,
  insertSession,
  type SessionOwner,
  takeLoginCode,
} from "./session-store.ts";

/** The one operation that needs no token: opening a session with one, or with the code of a login link. */
export function mountLogin(api: AdminApi, authority: TokenAuthority, guesses: Guesses): void {
  const { database, pepper } = authority;
  mountStream(api, "createSession", async ({ body, audited }, { request, response }) => {
    // Another site's page must not log anybody in: what is done then would be done in its name.
    if (request.headers.origin !== undefined && !isSameOrigin(request))
      throw new ProblemError("csrf_refused", { detail: "the request does not come from this origin" });
    const identity = await identifyProof(authority, body);
    if (identity === null) {
      const detail = "the admin token or the login code is wrong";
      throw await refuseGuess(guesses, api.trail, addressOf(request), detail);
    }
    await forgetSessions(database);
    // Whatever the browser held before is over, and nothing of it goes into what it gets.
    const before = readSessionCookie(request, pepper);
    if (before !== null) await deleteSession(database, before.idHash);
    const value = generateBrowserToken("session");
    const { idHash, csrf } = describeSession(value, pepper);
    const { endsAt } = await insertSession(audited.by(identity), idHash, ownerOf(authority, identity));
    setSessionCookie(request, response, value);
    const { name, role } = identity;
    response.status(201).json({ name, role, csrf, ends_at: endsAt.toISOString() });
  });
}

/** The operations of whoever is known already. */
export function mountSessions(api: AdminApi, authority: TokenAuthority): void {
  const { database, pepper } = authority;

  mountStream(api, "getSession", async (_asked, { request, response }) => {
    const { identity, session } = authenticationOf(request);
    const endsAt = session?.endsAt.toISOString() ?? null;
    response.json({ name: identity.name, role: identity.role, csrf: session?.csrf ?? null, ends_at: endsAt });
  });

  mountStream(api, "deleteSession", async ({ audited }, { request, response }) => {
    const { session } = authenticationOf(request);
    if (session === null || !(await deleteSession(audited, session.idHash)))
      throw new ProblemError("not_found", {
        detail: "this request has no session: a token ends by its revocation",
      });
    clearSessionCookies(request, response);
    response.status(204).end();
  });

  mount(api, "createLoginCode", async ({ audited, identity }) => {
    await forgetSessions(database);
    const code = generateBrowserToken("login");
    const owner = ownerOf(authority, identity);
    const { expiresAt } = await insertLoginCode(audited, hashAdminToken(pepper, code), owner);
    return reply(201, { code, expires_at: expiresAt.toISOString() });
  });
}

async function identifyProof(
  authority: TokenAuthority,
  body: { readonly token: string } | { readonly code: string },
): Promise<AdminIdentity | null> {
  if ("token" in body) return identifyToken(authority, body.token);
  if (!isBrowserToken("login", body.code)) return null;
  const { database, pepper } = authority;
  return takeLoginCode(database, hashAdminToken(pepper, body.code), bootstrapHashOf(authority));
}

function ownerOf(authority: TokenAuthority, { tokenId }: AdminIdentity): SessionOwner {
  return tokenId === null
    ? { tokenId, bootstrapHash: bootstrapHashOf(authority) }
    : { tokenId, bootstrapHash: null };
}
