import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestHandler } from "express";
import { ProblemError } from "./problem.ts";
import { WrongTokens } from "./wrong-tokens.ts";

/**
 * Lets only the bearer of the admin token pass. Past ten wrong tokens a minute an address gets 429.
 *
 * The right token passes even then: agents often share the operator's address, and one that sends wrong tokens must not
 * be able to keep the operator from the brake. Guessing is hopeless anyway against a generated token of 256 bits.
 */
export function authenticateAdmin(tokenHash: Uint8Array, monotonicMs: () => number): RequestHandler {
  const wrongTokens = new WrongTokens(monotonicMs);
  return function authenticate(request, _response, next) {
    const [, token] = /^bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? "") ?? [];
    if (token !== undefined && timingSafeEqual(createHash("sha256").update(token).digest(), tokenHash)) {
      next();
      return;
    }
    // A request without a token is no guess: it is told what is missing, and counts for nothing.
    if (request.headers.authorization === undefined)
      throw new ProblemError("unauthorized", { detail: "send the admin token as `Authorization: Bearer …`" });
    const retryAfterSeconds = wrongTokens.add(request.socket.remoteAddress ?? "");
    if (retryAfterSeconds !== null) throw new ProblemError("too_many_attempts", { retryAfterSeconds });
    throw new ProblemError("unauthorized", { detail: "the admin token is wrong" });
  };
}
