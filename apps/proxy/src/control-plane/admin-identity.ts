import type { AdminRole } from "@keybrake/core";
import type { Request } from "express";

/** Who sends a request to the admin API. */
export interface AdminIdentity {
  /** Null for the bootstrap token, which stands in no table. */
  readonly tokenId: string | null;
  readonly name: string;
  readonly role: AdminRole;
}

/** The bearer of the installation's own token, which the operator set or the first start made. */
export const BOOTSTRAP_IDENTITY: AdminIdentity = { tokenId: null, name: "bootstrap", role: "admin" };

/** The session behind a request, of a browser that somebody logged in with. */
export interface RequestSession {
  readonly idHash: Buffer;
  readonly csrf: string;
  readonly endsAt: Date;
}

/** What was proven about a request. */
export interface Authentication {
  readonly identity: AdminIdentity;
  /** Null for a bearer token. */
  readonly session: RequestSession | null;
  /** Whether the same proof would still be taken: what lasts asks again from time to time. */
  readonly isStillGood: () => Promise<boolean>;
}

const authentications = new WeakMap<Request, Authentication>();

/** Notes what a request has proven. */
export function setAuthentication(request: Request, authentication: Authentication): void {
  authentications.set(request, authentication);
}

/** What a request has proven. Throws when it has proven nothing: a route without authentication is a bug. */
export function authenticationOf(request: Request): Authentication {
  const authentication = authentications.get(request);
  if (authentication === undefined) throw new TypeError("the request was not authenticated");
  return authentication;
}

/** The remote address as this process sees it; IPv4 in its own form. */
export function addressOf(request: Request): string {
  return (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}
