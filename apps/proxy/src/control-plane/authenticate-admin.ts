import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { hashAdminToken, isAdminToken } from "@keybrake/core";
import type { Request, RequestHandler, Response } from "express";
import type { Database } from "../ledger/database.ts";
import {
  type AdminIdentity,
  type Authentication,
  addressOf,
  BOOTSTRAP_IDENTITY,
  setAuthentication,
} from "./admin-identity.ts";
import { findIdentity } from "./admin-token-store.ts";
import type { AdminTrail } from "./admin-trail.ts";
import { clearSessionCookies, findForgery, readSessionCookie } from "./browser-session.ts";
import type { Guesses } from "./guesses.ts";
import { ProblemError } from "./problem.ts";
import { findSession, touchSession } from "./session-store.ts";

const PATH_SHOWN_MAX = 200;

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

/** The bootstrap token's mark in the database: keyed, because an operator's own token may be easy to guess. */
export function bootstrapHashOf({ pepper, bootstrapHash }: TokenAuthority): Buffer {
  return createHmac("sha256", pepper).update("bootstrap ").update(bootstrapHash).digest();
}

/**
 * Lets only the bearer of an admin token pass, or a browser with a session, and notes who it is. Past ten wrong tokens a minute an address gets 429.
 *
 * The right token passes even then: agents often share the operator's address, and one that sends wrong tokens must not
 * be able to keep the operator from the brake. Guessing is hopeless anyway against a generated token of 190 bits.
 */
export function authenticateAdmin(
  authority: TokenAuthority,
  guesses: Guesses,
  trail: AdminTrail,
): RequestHandler {
  return async function authenticate(request, response, next) {
    const isBearer = request.headers.authorization !== undefined;
    const authentication = isBearer
      ? await authenticateBearer(authority, request)
      : await authenticateSession(authority, request, response);
    if (authentication === null)
      throw await refuseGuess(guesses, trail, addressOf(request), "the admin token is wrong");
    setAuthentication(request, authentication);
    const forgery =
      isBearer || isRead(request) ? null : findForgery(request, authentication.session?.csrf ?? "");
    if (forgery === null) return next();
    const details = { method: request.method, path: request.path.slice(0, PATH_SHOWN_MAX) };
    const entry = { identity: authentication.identity, address: addressOf(request), action: "authenticate" };
    await trail.note({ ...entry, target: null, details }, "refused", "csrf_refused");
    throw new ProblemError("csrf_refused", { detail: forgery });
  };
}

/** Null for a wrong token: that is a guess, and counts as one. */
async function authenticateBearer(
  authority: TokenAuthority,
  request: Request,
): Promise<Authentication | null> {
  const [, token] = /^bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? "") ?? [];
  const identity = token === undefined ? null : await identifyToken(authority, token);
  if (identity === null || token === undefined) return null;
  const isStillGood = async () => (await identifyToken(authority, token)) !== null;
  return { identity, session: null, isStillGood };
}

/** Throws when there is no session: nobody has guessed, and a person has to log in. */
async function authenticateSession(
  authority: TokenAuthority,
  request: Request,
  response: Response,
): Promise<Authentication> {
  const { database, pepper } = authority;
  const cookie = readSessionCookie(request, pepper);
  if (cookie === null) {
    const detail = "send the admin token as `Authorization: Bearer …`, or log in";
    throw new ProblemError("unauthorized", { detail });
  }
  const find = () => findSession(database, cookie.idHash, bootstrapHashOf(authority));
  const found = await find();
  if (found === null) {
    clearSessionCookies(request, response);
    throw new ProblemError("unauthorized", { detail: "the session has ended: log in again" });
  }
  if (found.isTouchDue) await touchSession(database, cookie.idHash);
  const { identity, endsAt } = found;
  return { identity, session: { ...cookie, endsAt }, isStillGood: async () => (await find()) !== null };
}

function isRead(request: Request): boolean {
  return request.method === "GET" || request.method === "HEAD";
}

/** Counts a wrong token, leaves an entry where it is worth one, and makes the refusal. */
export async function refuseGuess(
  guesses: Guesses,
  trail: AdminTrail,
  address: string,
  detail: string,
): Promise<ProblemError> {
  const { retryAfterSeconds, isNotable } = await guesses.add(address);
  const problem =
    retryAfterSeconds === null
      ? new ProblemError("unauthorized", { detail })
      : new ProblemError("too_many_attempts", { retryAfterSeconds });
  const entry = { identity: null, address, action: "authenticate", target: null, details: {} };
  // Nobody has proven anything: a database that is away is no reason to tell them so.
  if (isNotable) await trail.note(entry, "refused", problem.code).catch(() => undefined);
  return problem;
}
