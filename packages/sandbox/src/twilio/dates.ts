const SECOND_MS = 1_000;

/** RFC 2822, as the 2010 API writes dates; null stays null. */
export function rfc2822(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toUTCString().replace("GMT", "+0000");
}

/** ISO 8601 without fractions, as the other APIs write dates. */
export function iso8601(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The day in UTC, `2026-11-23`. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Whole seconds between two times. */
export function secondsBetween(fromMs: number, toMs: number): number {
  return Math.floor((toMs - fromMs) / SECOND_MS);
}
