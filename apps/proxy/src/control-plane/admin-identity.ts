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

const identities = new WeakMap<Request, AdminIdentity>();

/** Notes who sends a request, once that is proven. */
export function setIdentity(request: Request, identity: AdminIdentity): void {
  identities.set(request, identity);
}

/** Says who sends a request. Throws when nobody has proven it: a route without authentication is a bug. */
export function identityOf(request: Request): AdminIdentity {
  const identity = identities.get(request);
  if (identity === undefined) throw new TypeError("the request was not authenticated");
  return identity;
}

/** The remote address as this process sees it; IPv4 in its own form. */
export function addressOf(request: Request): string {
  return (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}
