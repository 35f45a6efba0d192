import { createHash, timingSafeEqual } from "node:crypto";
import { hashAdminToken, isAdminToken } from "@keybrake/core";
import type { RequestHandler } from "express";
import type { Database } from "../ledger/database.ts";
import { type AdminIdentity, addressOf, BOOTSTRAP_IDENTITY, setIdentity } from "./admin-identity.ts";
import { findIdentity } from "./admin-token-store.ts";
import type { AdminTrail } from "./admin-trail.ts";
import type { Guesses } from "./guesses.ts";
import { ProblemError } from "./problem.ts";

/** What tokens are held against. */
export interface TokenAuthority {
  readonly database: Database;
  readonly pepper: Uint8Array;
  /** SHA-256 of the bootstrap token. */
  readonly bootstrapHash: Uint8Array;
}

/** Who a token stands for, or null. Only a text with a right checksum costs a query. */
export async function identifyToken(authority: TokenAuthority, token: string): Promise<AdminIdentity | null> {
  const isBootstrap = timingSafeEqual(createHash("sha256").update(token).digest(), authority.bootstrapHash);
  if (isBootstrap) return BOOTSTRAP_IDENTITY;
  if (!isAdminToken(token)) return null;
  return findIdentity(authority.database, hashAdminToken(authority.pepper, token));
}

/**
 * Lets only the bearer of an admin token pass, and notes who it is. Past ten wrong tokens a minute an address gets 429.
 *
 * The right token passes even then: agents often share the operator's address, and one that sends wrong tokens must not
 * be able to keep the operator from the brake. Guessing is hopeless anyway against a generated token of 190 bits.
 */
export function authenticateAdmin(
  authority: TokenAuthority,
  guesses: Guesses,
  trail: AdminTrail,
): RequestHandler {
  return async function authenticate(request, _response, next) {
    const [, token] = /^bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? "") ?? [];
    const identity = token === undefined ? null : await identifyToken(authority, token);
    if (identity !== null) {
      setIdentity(request, identity);
      next();
      return;
    }
    // A request without a token is no guess: it is told what is missing, and counts for nothing.
    if (request.headers.authorization === undefined)
      throw new ProblemError("unauthorized", { detail: "send the admin token as `Authorization: Bearer …`" });
    throw await refuseGuess(guesses, trail, addressOf(request));
  };
}

/** Counts a wrong token, leaves an entry where it is worth one, and makes the refusal. */
export async function refuseGuess(
  guesses: Guesses,
  trail: AdminTrail,
  address: string,
): Promise<ProblemError> {
  const { retryAfterSeconds, isNotable } = await guesses.add(address);
  const problem =
    retryAfterSeconds === null
      ? new ProblemError("unauthorized", { detail: "the admin token is wrong" })
      : new ProblemError("too_many_attempts", { retryAfterSeconds });
  const entry = { identity: null, address, action: "authenticate", target: null, details: {} };
  // Nobody has proven anything: a database that is away is no reason to tell them so.
  if (isNotable) await trail.note(entry, "refused", problem.code).catch(() => undefined);
  return problem;
}
