import { createHmac, timingSafeEqual } from "node:crypto";
import { CSRF_HEADER } from "@keybrake/client/contract";
import { hashAdminToken, isBrowserToken } from "@keybrake/core";
import type { Request, Response } from "express";

/** A browser sends the second only over TLS, and no other host can have set it. */
const COOKIES = ["keybrake_session", "__Host-keybrake_session"] as const;

/** The session that a request's cookie names, before anybody has looked whether there is one. */
export interface BrowserSession {
  readonly idHash: Buffer;
  /** What `X-Keybrake-CSRF` must be. */
  readonly csrf: string;
}

/** Reads the cookie; null when there is none that could be ours. Two of them are none: nobody knows whose each is. */
export function readSessionCookie(request: Request, pepper: Uint8Array): BrowserSession | null {
  const found = (request.headers.cookie ?? "").split(";").flatMap((pair) => {
    const [name = "", value = ""] = pair.trim().split("=", 2);
    return COOKIES.some((known) => known === name) ? [value] : [];
  });
  const [value] = found;
  if (value === undefined || found.length > 1 || !isBrowserToken("session", value)) return null;
  return describeSession(value, pepper);
}

/** What the server knows of a cookie's value. Who has only the database can make neither half. */
export function describeSession(value: string, pepper: Uint8Array): BrowserSession {
  const csrf = createHmac("sha256", pepper).update(`csrf ${value}`).digest("base64url");
  return { idHash: hashAdminToken(pepper, value), csrf };
}

/** Gives the browser its cookie: no script reads it, and no other site's page makes it sent. */
export function setSessionCookie(request: Request, response: Response, value: string): void {
  response.cookie(COOKIES[isHttps(request) ? 1 : 0], value, cookieOptions(request));
}

/** Takes it back. */
export function clearSessionCookies(request: Request, response: Response): void {
  for (const name of COOKIES) response.clearCookie(name, cookieOptions(request));
}

/** Why a request is not a wish of the session's own page, or null. */
export function findForgery(request: Request, csrf: string): string | null {
  if (!isSameOrigin(request)) return "the request does not come from this origin";
  const given = Buffer.from(request.headers[CSRF_HEADER]?.toString() ?? "");
  const wanted = Buffer.from(csrf);
  const isRight = given.length === wanted.length && timingSafeEqual(given, wanted);
  return isRight ? null : "send the session's `csrf` as `X-Keybrake-CSRF`";
}

/** What only a browser can say, and a page cannot change: where a request comes from. */
export function isSameOrigin(request: Request): boolean {
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin, host } = request.headers;
  return origin !== undefined && URL.canParse(origin) && host !== undefined && new URL(origin).host === host;
}

function cookieOptions(request: Request) {
  return { httpOnly: true, sameSite: "strict", secure: isHttps(request), path: "/" } as const;
}

/** The control plane itself speaks HTTP: TLS ends before it, and the browser or the proxy there says so. */
function isHttps(request: Request): boolean {
  const forwarded = request.headers["x-forwarded-proto"];
  return request.headers.origin?.startsWith("https:") === true || forwarded === "https";
}
