import type { Session } from "@keybrake/client";
import { rememberCsrf } from "./api.ts";

/** Where the session stands among what was read; null there = nobody is signed in. */
export const SESSION_KEY = ["session"] as const;

/** Keeps what the session's changes must carry. */
export function remember(session: Session | null): Session | null {
  rememberCsrf(session?.csrf ?? null);
  return session;
}
